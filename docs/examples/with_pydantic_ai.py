"""An agent of Pydantic AI: inspect eval offswitch/agent -T run=with_pydantic_ai.py:act --model PROVIDER/NAME"""

from pydantic_ai import Agent, Tool
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def tool(guest, function):
    async def call(**arguments):
        return guest.call(function["name"], arguments)[0]

    return Tool.from_schema(call, function["name"], function["description"], function["parameters"])


async def act(guest):
    model = OpenAIChatModel("inspect", provider=OpenAIProvider(api_key="none"))  # "inspect": whatever the eval was given
    tools = [tool(guest, schema["function"]) for schema in guest.tools]
    return (await Agent(model, instructions=guest.system, tools=tools).run(guest.user)).output
