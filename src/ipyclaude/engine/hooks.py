"""What the CLI calls around a tool: a file that it changes can be taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from claude_agent_sdk import HookMatcher

from . import OnFile

#: The CLI's tools that change files, and the argument that names the file.
_FILE_TOOLS = {
    "Edit": "file_path",
    "MultiEdit": "file_path",
    "NotebookEdit": "notebook_path",
    "Write": "file_path",
}


def file_hooks(on_file: OnFile | None) -> dict[Any, list[HookMatcher]]:
    """Return hooks, as `ClaudeAgentOptions` takes them, that tell of each file that changes."""
    if on_file is None:
        return {}

    def hook(*, changed: bool) -> HookMatcher:
        async def tell(call: Any, _: str | None, __: Any) -> Any:
            path = file_of(call)
            if path is not None:
                await on_file(path, changed)
            return {}

        return HookMatcher(matcher="|".join(_FILE_TOOLS), hooks=[tell])

    return {"PreToolUse": [hook(changed=False)], "PostToolUse": [hook(changed=True)]}


def joined(*all_of_them: dict[Any, list[HookMatcher]]) -> dict[Any, list[HookMatcher]]:
    """Return hooks of several makers as one."""
    events = {event for hooks in all_of_them for event in hooks}
    return {
        event: [each for hooks in all_of_them for each in hooks.get(event, ())] for event in events
    }


def file_of(call: dict[str, Any]) -> Path | None:
    """Return the file that a call of a tool changes, if it is of a tool that changes one."""
    name = _FILE_TOOLS.get(str(call.get("tool_name")))
    arguments: dict[str, Any] = call.get("tool_input") or {}
    given = arguments.get(name) if name is not None else None
    if not isinstance(given, str) or not given:
        return None
    return Path(str(call.get("cwd") or "."), Path(given).expanduser())
