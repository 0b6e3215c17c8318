"""Tells Claude of tool calls that a person edited before they ran.

Claude's own transcript holds the input that it asked for; without a word it would take the
result for that input's.
"""

from __future__ import annotations

import json
from typing import Any

from claude_agent_sdk import HookMatcher
from claude_agent_sdk.types import HookContext, HookInput, HookJSONOutput


class Edited:
    """The edited calls of one process, until Claude has been told."""

    def __init__(self) -> None:
        self._inputs: dict[str, dict[str, Any]] = {}

    def note(self, tool_use_id: str | None, asked: dict[str, Any], runs: dict[str, Any]) -> None:
        """Take note of what a call runs with."""
        if tool_use_id and runs != asked:
            self._inputs[tool_use_id] = runs

    @property
    def hooks(self) -> dict[Any, list[HookMatcher]]:
        """What the CLI is to call when a tool has run."""
        return {"PostToolUse": [HookMatcher(hooks=[self._ran])]}

    async def _ran(
        self, given: HookInput, tool_use_id: str | None, context: HookContext
    ) -> HookJSONOutput:
        del given, context
        runs = self._inputs.pop(tool_use_id or "", None)
        if runs is None:
            return {}
        words = f"The user edited this call before it ran; it ran with: {json.dumps(runs)}"
        return {"hookSpecificOutput": {"hookEventName": "PostToolUse", "additionalContext": words}}
