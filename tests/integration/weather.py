"""An MCP server of a person's own, as a program: one tool, `forecast`."""

from __future__ import annotations

#: As small as one can be: the protocol's lines are JSON-RPC.
SERVER = """
import json, sys

_TOOL = {"name": "forecast", "inputSchema": {"type": "object"}}
for line in sys.stdin:
    asked = json.loads(line)
    wanted = asked.get("params") or {}
    answer = {
        "initialize": lambda: {
            "protocolVersion": wanted["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "weather", "version": "1"},
        },
        "tools/list": lambda: {"tools": [_TOOL]},
        "tools/call": lambda: {
            "content": [{"type": "text", "text": f"Sunny in {wanted['arguments']['place']}."}]
        },
    }.get(asked["method"], dict)()
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": answer}), flush=True)
"""
