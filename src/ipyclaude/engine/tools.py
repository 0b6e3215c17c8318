"""Tools of ours as an MCP server in this process: the SDK's own, always in the prompt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from claude_agent_sdk import SdkMcpTool, ToolAnnotations, create_sdk_mcp_server

from . import Tool


def make_server(name: str, tools: Sequence[Tool]) -> Any:
    """Return the server's configuration, for `ClaudeAgentOptions.mcp_servers`.

    `alwaysLoad` (CLI 2.1.330) keeps its tools in the prompt, where others are deferred behind
    tool search.
    """
    server = create_sdk_mcp_server(name, tools=[_sdk_tool(tool) for tool in tools])
    return {**server, "alwaysLoad": True}


def _sdk_tool(tool: Tool) -> SdkMcpTool[Any]:
    hints = ToolAnnotations.model_validate({"readOnlyHint": tool.read_only})
    return SdkMcpTool(tool.name, tool.description, tool.schema, _handler(tool), hints)


def _handler(tool: Tool) -> Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]:
    async def handle(arguments: dict[str, Any]) -> dict[str, Any]:
        output = await tool.run(arguments)
        return {"content": list(output.content), "is_error": output.is_error}

    return handle
