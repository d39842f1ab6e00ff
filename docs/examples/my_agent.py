"""An agent of one's own, with the standard library alone: asks a model, calls the office's tools, until it is done."""

import json
import os
from urllib.request import Request, urlopen

TOLD = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def post(url, body):
    return json.load(urlopen(Request(url, json.dumps(body).encode(), TOLD), timeout=600))


def office(method, **params):
    return post(os.environ["MCP_URL"], {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})["result"]


messages, done = [{"role": "user", "content": os.environ["TASK"]}], False
found = [
    {"name": t["name"], "description": t["description"], "parameters": t["inputSchema"]}
    for t in office("tools/list")["tools"]
]
body = {"model": os.environ["MODEL"], "messages": messages, "tools": [{"type": "function", "function": f} for f in found]}
while not done:
    messages.append(post(os.environ["MODEL_URL"] + "/chat/completions", body)["choices"][0]["message"])
    for call in messages[-1].get("tool_calls") or ():
        name, arguments = call["function"]["name"], json.loads(call["function"]["arguments"])
        result = office("tools/call", name=name, arguments=arguments)["content"][0]["text"]
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
    done = messages[-1]["role"] == "assistant"
print(messages[-1]["content"])
