"""Settings: `c.IPyClaude.…` in IPython's configuration, or `IPYCLAUDE_…` in the environment.

Precedence: an option of the magic, then the configuration, then the environment, then
the default. Importing this module costs no more than traitlets, which IPython has loaded.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from traitlets import Bool, Dict, Enum, Float, Int, List, TraitError, Unicode, default
from traitlets.config import Config, Configurable

from .exceptions import SettingsError

PERMISSION_MODES = ("default", "acceptEdits", "plan", "dontAsk", "bypassPermissions")
EFFORTS = ("low", "medium", "high", "xhigh", "max")
IDENTITIES = ("auto", "static", "command", "jupyterhub", "oidc", "convex_auth", "none")
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}


def _flag(name: str, text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise SettingsError(
        f"{name}={text!r} is neither yes nor no.", fix=f"Set {name} to 1 or 0, or unset it."
    )


def _amount(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise SettingsError(
            f"{name}={text!r} is not a number.", fix=f"Set {name} to an amount in USD, or unset it."
        ) from error


def _words(name: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise SettingsError(
            f"{name} cannot be read.", why=f"{error}.", fix="Close the quote."
        ) from error


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise SettingsError(
            f"{name} is not JSON.", why=f"{error}.", fix=f"Correct {name}, or unset it."
        ) from error


def _count(name: str, text: str) -> int:
    if text.isdecimal():
        return int(text)
    raise SettingsError(f"{name}={text!r} is not a number.", fix=f"Set {name} to one, or unset it.")


def _from_env(
    name: str, fallback: Any, read: Callable[[str, str], Any] = lambda _, text: text
) -> Any:
    key = f"IPYCLAUDE_{name}"
    text = os.environ.get(key)
    return fallback if text is None else read(key, text)


class IPyClaude(Configurable):
    """All settings: traits of `c.IPyClaude`, most of them with an environment variable too.

    Each trait's help says what it is for, in which unit, and names its variable, which counts
    where the configuration says nothing.

    Raises
    ------
    TraitError
        A value has the wrong type, or is none of the choices.
    SettingsError
        A variable of the environment cannot be read, once its trait is asked for.
    """

    data_dir = Unicode(help="Folder of the local store (IPYCLAUDE_DATA_DIR).").tag(config=True)
    model = Unicode(
        allow_none=True,
        help="Model for new turns (IPYCLAUDE_MODEL); the CLI's own default if unset.",
    ).tag(config=True)
    permission_mode = Enum(
        PERMISSION_MODES, help="What Claude may do without asking (IPYCLAUDE_PERMISSION_MODE)."
    ).tag(config=True)
    effort = Enum(
        EFFORTS, allow_none=True, help="How much thought goes into an answer (IPYCLAUDE_EFFORT)."
    ).tag(config=True)
    max_budget_usd = Float(
        allow_none=True, help="Most that one turn may cost, in USD (IPYCLAUDE_MAX_BUDGET_USD)."
    ).tag(config=True)
    isolated = Bool(
        help="Load none of the user's and project's Claude settings (IPYCLAUDE_ISOLATED)."
    ).tag(config=True)
    cli_path = Unicode(
        allow_none=True,
        help="The claude program to run instead of the bundled one (IPYCLAUDE_CLI_PATH).",
    ).tag(config=True)
    append_system_prompt = Unicode(
        allow_none=True, help="Text added to Claude's system prompt."
    ).tag(config=True)
    lend_notebook = Bool(
        help="Offer Claude tools that run and read this notebook (IPYCLAUDE_LEND_NOTEBOOK)."
    ).tag(config=True)
    context_budget = Int(
        help="Tokens of the notebook's news that may go along with a prompt; 0 sends none "
        "(IPYCLAUDE_CONTEXT_BUDGET)."
    ).tag(config=True)
    context_plots = Bool(
        help="Plots go along with a prompt too, as pictures (IPYCLAUDE_CONTEXT_PLOTS)."
    ).tag(config=True)
    add_dirs = List(Unicode(), help="Folders besides the working one that Claude may see.").tag(
        config=True
    )
    mcp_servers = Dict(help="MCP servers, as in claude-agent-sdk's `mcp_servers`.").tag(config=True)
    env = Dict(help="Environment variables for the Claude CLI.").tag(config=True)
    allow = List(
        Unicode(), help="Tools that need no question, e.g. ['Read', 'Bash(git status:*)']."
    ).tag(config=True)
    deny = List(Unicode(), help="Tools that are always refused, in the same form.").tag(config=True)
    demo = Bool(help="Say on screen that a script answers, not Claude (IPYCLAUDE_DEMO).").tag(
        config=True
    )
    convex_url = Unicode(
        help="The Convex deployment that sessions are replicated to (CONVEX_URL); unset keeps all "
        "on this machine, with no network."
    ).tag(config=True)
    replicate_transcripts = Bool(
        help="Replicate Claude's own memory of a session too, tool output included "
        "(IPYCLAUDE_REPLICATE_TRANSCRIPTS); without it others can read a session, not go on in it."
    ).tag(config=True)
    identity = Enum(
        IDENTITIES,
        help="How you are signed in to Convex (IPYCLAUDE_IDENTITY); auto takes what is set, then "
        "the JupyterHub's user, then a stored sign-in.",
    ).tag(config=True)
    token_command = List(
        Unicode(),
        help="A program that prints a token for Convex, and its arguments "
        "(IPYCLAUDE_TOKEN_COMMAND, as in a shell).",
    ).tag(config=True)
    providers = Dict(
        help="OpenID providers to sign in with: {name: {'issuer': …, 'client_id': …}} "
        "(IPYCLAUDE_PROVIDERS, as JSON)."
    ).tag(config=True)
    server_label = Unicode(
        help="What other servers call this one (IPYCLAUDE_SERVER_LABEL); the host's name if unset."
    ).tag(config=True)

    @classmethod
    def load(cls, config: Config | None = None) -> IPyClaude:
        """Read all settings at once, so that a bad value is told here and not in mid-turn.

        Raises
        ------
        SettingsError
            A setting has a value that cannot work; it says which and what would.
        """
        name = ""  # while the configuration is read: the environment is read by each default
        try:
            settings = cls(config=config or Config())
            for name in settings.trait_names(config=True):
                getattr(settings, name)
        except TraitError as error:
            where = f"Correct IPYCLAUDE_{name.upper()}, or unset it."
            raise SettingsError(
                "A setting has a value that cannot work.",
                why=str(error),
                fix=where if name else "Correct it in the IPython configuration.",
            ) from error
        return settings

    @property
    def store_path(self) -> Path:
        """The store's file."""
        return Path(self.data_dir).expanduser() / "ipyclaude.sqlite3"

    @default("data_dir")
    def _default_data_dir(self) -> str:
        given = os.environ.get("IPYCLAUDE_DATA_DIR")
        if given:
            return given
        from platformdirs import user_data_dir

        return user_data_dir("ipyclaude", appauthor=False)

    @default("model")
    def _default_model(self) -> str | None:
        return _from_env("MODEL", None)

    @default("permission_mode")
    def _default_permission_mode(self) -> str:
        return _from_env("PERMISSION_MODE", "default")

    @default("effort")
    def _default_effort(self) -> str | None:
        return _from_env("EFFORT", None)

    @default("max_budget_usd")
    def _default_max_budget(self) -> float | None:
        return _from_env("MAX_BUDGET_USD", None, _amount)

    @default("isolated")
    def _default_isolated(self) -> bool:
        return _from_env("ISOLATED", False, _flag)

    @default("cli_path")
    def _default_cli_path(self) -> str | None:
        return _from_env("CLI_PATH", None)

    @default("append_system_prompt")
    def _default_append(self) -> None:
        return None

    @default("lend_notebook")
    def _default_lend(self) -> bool:
        return _from_env("LEND_NOTEBOOK", True, _flag)

    @default("context_budget")
    def _default_context_budget(self) -> int:
        return _from_env("CONTEXT_BUDGET", 4_000, _count)

    @default("context_plots")
    def _default_context_plots(self) -> bool:
        return _from_env("CONTEXT_PLOTS", False, _flag)

    @default("demo")
    def _default_demo(self) -> bool:
        return _from_env("DEMO", False, _flag)

    @default("convex_url")
    def _default_convex_url(self) -> str:
        return os.environ.get("CONVEX_URL", "")

    @default("replicate_transcripts")
    def _default_replicate_transcripts(self) -> bool:
        return _from_env("REPLICATE_TRANSCRIPTS", True, _flag)

    @default("identity")
    def _default_identity(self) -> str:
        return _from_env("IDENTITY", "auto")

    @default("token_command")
    def _default_token_command(self) -> list[str]:
        return _from_env("TOKEN_COMMAND", [], _words)

    @default("providers")
    def _default_providers(self) -> dict[str, Any]:
        return _from_env("PROVIDERS", {}, _json)

    @default("server_label")
    def _default_label(self) -> str:
        return _from_env("SERVER_LABEL", "") or socket.gethostname()
