"""From the CLI's question about a tool call to a `ToolRequest`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import ToolRequest

if TYPE_CHECKING:
    from claude_agent_sdk import ToolPermissionContext


def request_of(
    name: str, tool_input: dict[str, Any], context: ToolPermissionContext
) -> ToolRequest:
    """Return what there is to decide on."""
    return ToolRequest(
        tool_use_id=context.tool_use_id or "",
        name=name,
        input=tool_input,
        title=context.title or "",
        description=context.description or "",
        suggestions=_suggestions(context),
        agent_id=context.agent_id,
    )


def _suggestions(context: ToolPermissionContext) -> tuple[str, ...]:
    rules = [rule for update in context.suggestions for rule in update.rules or ()]
    return tuple(
        f"{rule.tool_name}({rule.rule_content})" if rule.rule_content else rule.tool_name
        for rule in rules
    )
