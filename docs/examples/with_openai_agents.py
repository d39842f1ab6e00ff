"""An agent of the OpenAI Agents SDK: inspect eval offswitch/agent -T run=with_openai_agents.py:act --model PROVIDER/NAME"""

import json
import os

from agents import Agent, FunctionTool, Runner, set_tracing_disabled

os.environ.setdefault("OPENAI_API_KEY", "none")  # the model "inspect" is whatever the eval was given
set_tracing_disabled(True)


def tool(guest, function):
    async def call(context, arguments):
        return guest.call(function["name"], json.loads(arguments or "{}"))[0]

    return FunctionTool(function["name"], function["description"], function["parameters"], call, strict_json_schema=False)


async def act(guest):
    tools = [tool(guest, schema["function"]) for schema in guest.tools]
    worker = Agent(name="worker", instructions=guest.system, model="inspect", tools=tools)
    return (await Runner.run(worker, guest.user, max_turns=50)).final_output
