"""Where Claude's key comes from, if the administrator has set that: nothing else is used.

The names are those of https://docs.claude.com/en/docs/claude-code/settings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

#: The environment that the kernel was started with, or a cloud's own sign-in.
KINDS = ("environment", "bedrock", "vertex")

_KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")
_SWITCHES = {
    "bedrock": "CLAUDE_CODE_USE_BEDROCK",
    "vertex": "CLAUDE_CODE_USE_VERTEX",
    "foundry": "CLAUDE_CODE_USE_FOUNDRY",
}
_PLACES = (
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_VERTEX_BASE_URL",
    "ANTHROPIC_VERTEX_PROJECT_ID",
    "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
    "CLAUDE_CODE_SKIP_VERTEX_AUTH",
    "AWS_BEARER_TOKEN_BEDROCK",
)
#: Variables that say with which key Claude is asked, and where.
NAMES = (*_KEYS, *_SWITCHES.values(), *_PLACES)
#: What a cloud's own tools read; programs of the user's may use others of these.
_CLOUDS = {"bedrock": ("AWS_",), "vertex": ("GOOGLE_", "CLOUD_ML_", "GCLOUD_")}
#: Settings of the CLI that run a program for a key.
_HELPERS = ("apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh")


def locked_env(kind: str, given: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the CLI gets instead of the user's; an empty text hides one.

    Parameters
    ----------
    kind
        One of `KINDS`.
    given
        The environment that the kernel was started with.
    now
        The environment as it is.
    """
    if kind == "environment":
        return {name: given.get(name, "") for name in NAMES}
    clouds = _CLOUDS[kind]
    theirs = {name: given.get(name, "") for name in {*given, *now} if name.startswith(clouds)}
    places = {name: given.get(name, "") for name in _PLACES if name != "ANTHROPIC_BASE_URL"}
    return {**dict.fromkeys(NAMES, ""), **places, **theirs, _SWITCHES[kind]: "1"}


def has_key(given: Mapping[str, str]) -> bool:
    """Say whether an environment says with which key Claude is asked."""
    return any(given.get(name) for name in (*_KEYS, *_SWITCHES.values()))


def changed(now: Mapping[str, str], given: Mapping[str, str]) -> str:
    """Return the variable that was changed since the kernel was started, or an empty text."""
    return next((name for name in NAMES if now.get(name, "") != given.get(name, "")), "")


def named(env: Mapping[str, str]) -> str:
    """Return the variable that the user gives in their settings, or an empty text."""
    return next((name for name in NAMES if name in env), "")


def in_files(config: Path, cwd: Path) -> str:
    """Return which key the CLI's own settings of the user or the project name, and where."""
    for path in (
        config / "settings.json",
        cwd / ".claude" / "settings.json",
        cwd / ".claude" / "settings.local.json",
    ):
        for name in _said(path):
            return f"{name} in {path}"
    return ""


def _said(path: Path) -> Iterator[str]:
    try:
        read: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # the CLI can't read it either
        return
    if not isinstance(read, dict):
        return
    settings = cast("dict[str, Any]", read)
    yield from (name for name in _HELPERS if settings.get(name))
    if isinstance(env := settings.get("env"), dict):
        yield from (name for name in NAMES if name in env)
