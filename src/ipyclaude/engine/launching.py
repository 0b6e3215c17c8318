"""How the CLI is started: our options in the SDK's words."""

from __future__ import annotations

import os
from typing import Any

from claude_agent_sdk import ClaudeAgentOptions

from ..identity import SECRET_VARIABLES
from . import EngineOptions

#: Asks multiple-choice questions by a dialogue of the terminal; here it could only hang.
_NEEDS_TERMINAL = ("AskUserQuestion",)


def launch_options(wanted: EngineOptions, *, resume: str | None) -> ClaudeAgentOptions:
    """Return the SDK's options for a process that goes on from the transcript `resume`."""
    resuming = resume is not None
    forking = resuming and wanted.fork and resume == wanted.resume
    return ClaudeAgentOptions(
        cwd=wanted.cwd,
        resume=resume,
        session_id=wanted.session_id if forking or not resuming else None,
        fork_session=forking,
        resume_session_at=wanted.fork_at if forking else None,
        model=wanted.model,
        permission_mode=wanted.permission_mode,
        effort=wanted.effort,
        max_budget_usd=wanted.max_budget_usd,
        system_prompt=_system_prompt(wanted.append_system_prompt),
        add_dirs=list(wanted.add_dirs),
        setting_sources=[] if wanted.isolated else None,
        env=_env(wanted),
        cli_path=wanted.cli_path,
        tools=None if wanted.tools is None else list(wanted.tools),
        strict_mcp_config=wanted.own_mcp_servers_only,
        allowed_tools=list(wanted.allowed_tools),
        disallowed_tools=[*wanted.disallowed_tools, *_NEEDS_TERMINAL],
        output_format=_output_format(wanted.output_schema),
        include_partial_messages=True,
        forward_subagent_text=True,
    )


def _env(wanted: EngineOptions) -> dict[str, str]:
    ours = {
        # Off by default on the newest models (CLI 2.1.330).
        "CLAUDE_CODE_ENABLE_TODO_TOOLS": "1",
        # The CLI's own 10 retries last for minutes; these take about 15 s, each with a notice.
        "CLAUDE_CODE_MAX_RETRIES": "5",
    }
    # The SDK hands the whole environment on, and can only change it: an empty text hides a secret.
    hidden = {name: "" for name in SECRET_VARIABLES if name in os.environ}
    return {**{k: v for k, v in ours.items() if k not in os.environ}, **hidden, **wanted.env}


def _system_prompt(append: str | None) -> Any:
    preset = {"type": "preset", "preset": "claude_code"}
    return {**preset, "append": append} if append else preset


def _output_format(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    return {"type": "json_schema", "schema": schema} if schema is not None else None
