"""An agent of one's own: asks a model, calls the office's tools over HTTP. Standard library only, so it runs anywhere."""

import json
import os
from itertools import count
from urllib.request import Request, urlopen

numbers, messages = count(1), [{"role": "user", "content": os.environ["TASK"]}]


def post(url, body):
    told = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    return json.load(urlopen(Request(url, json.dumps(body).encode(), told), timeout=300))


def mcp(method, **params):
    return post(os.environ["MCP_URL"], {"jsonrpc": "2.0", "id": next(numbers), "method": method, "params": params})["result"]


found = [
    {"name": t["name"], "description": t["description"], "parameters": t["inputSchema"]} for t in mcp("tools/list")["tools"]
]
offered = [{"type": "function", "function": tool} for tool in found]
while True:
    asked = {"model": os.environ["MODEL"], "messages": messages, "tools": offered}
    message = post(os.environ["MODEL_URL"] + "/chat/completions", asked)["choices"][0]["message"]
    messages.append(message)
    for call in message.get("tool_calls") or ():
        name, arguments = call["function"]["name"], json.loads(call["function"]["arguments"])
        told = mcp("tools/call", name=name, arguments=arguments)["content"][0]["text"]
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": told})
    if not message.get("tool_calls"):
        print(message["content"])
        break
