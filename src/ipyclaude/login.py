"""Whether Claude can be asked from here: which login or key there is, never what it holds (S6)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

#: Environment variables that the CLI takes a login from, and what each is called.
_VARIABLES = {
    "CLAUDE_CODE_OAUTH_TOKEN": "a Claude login token",
    "ANTHROPIC_AUTH_TOKEN": "a gateway token",
    "ANTHROPIC_API_KEY": "an API key",
    "CLAUDE_CODE_USE_BEDROCK": "Amazon Bedrock",
    "CLAUDE_CODE_USE_VERTEX": "Google Vertex AI",
    "CLAUDE_CODE_USE_FOUNDRY": "Microsoft Foundry",
}

NO_LOGIN_FIX = (
    "Run `{program}` once in a terminal and sign in, or set ANTHROPIC_API_KEY "
    "or CLAUDE_CODE_OAUTH_TOKEN."
)


def find_login(env: Mapping[str, str] | None = None) -> str | None:
    """Return in words what the Claude CLI would sign in with, None if there is nothing.

    Looks where the CLI looks: its environment variables, then `.credentials.json` in its
    configuration folder, then on macOS the keychain. Reads no secret.
    """
    env = os.environ if env is None else env
    for name, words in _VARIABLES.items():
        if env.get(name):
            return f"{words} ({name})"
    folder = Path(env.get("CLAUDE_CONFIG_DIR") or Path(env.get("HOME") or Path.home()) / ".claude")
    if (folder / ".credentials.json").is_file():
        return f"a Claude login ({folder / '.credentials.json'})"
    if sys.platform == "darwin" and _in_keychain():
        return "a Claude login (the keychain)"
    return None


def _in_keychain() -> bool:
    # Without -w the secret itself is not asked for.
    command = ["/usr/bin/security", "find-generic-password", "-s", "Claude Code-credentials"]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - fixed words
    return done.returncode == 0
