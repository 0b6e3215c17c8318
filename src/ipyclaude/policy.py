"""What the administrator of a machine has set, and nobody who works on it can widen.

Read from `ipyclaude_policy.py` (or `.json`) in /etc/ipython, which holds `c.IPyClaudePolicy.…`
lines, and from `IPYCLAUDE_LOCK_…` variables; what /etc says stands. Who owns the process can
always run other code than this: what must hold against that is enforced by Convex and by the
gateway (docs/jupyterhub-admins.md).
"""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from traitlets import Enum, Float, List, TraitError, Unicode
from traitlets.config import Config, Configurable
from traitlets.config.loader import ConfigFileNotFound, JSONFileConfigLoader, PyFileConfigLoader

from . import key_source
from .engine import EngineOptions
from .exceptions import PolicyError, SettingsError
from .settings import IPyClaude

#: Where administrators write; a person's own folders are never looked at.
FOLDERS = (Path("/etc/ipython"), Path("/usr/local/etc/ipython"))
_FILES = (
    ("ipyclaude_policy.py", PyFileConfigLoader),
    ("ipyclaude_policy.json", JSONFileConfigLoader),
)
_PREFIX = "IPYCLAUDE_LOCK_"


def _names(what: str) -> Any:
    return List(Unicode(), allow_none=True, default_value=None, help=what).tag(config=True)


def _switch(what: str) -> Any:
    return Enum(("on", "off"), allow_none=True, default_value=None, help=what).tag(config=True)


class IPyClaudePolicy(Configurable):
    """All locks; each is open while it is None."""

    models = _names("Models that may be used; * stands for anything. The first is the default.")
    permission_modes = _names("Permission modes that may be used; the first is the default.")
    tools = _names("Tools that Claude may have, e.g. ['Read', 'Bash', 'mcp__notebook__*'].")
    mcp_servers = _names("MCP servers that may be used, by name.")
    max_budget_usd: Any = Float(
        allow_none=True, default_value=None, help="Most that one turn may cost, in USD."
    ).tag(config=True)
    daily_budget_usd: Any = Float(
        allow_none=True, default_value=None, help="Most that a user's turns may cost a day, in USD."
    ).tag(config=True)
    replication = _switch("Whether sessions are replicated to Convex.")
    transcripts = _switch("Whether Claude's own transcripts are replicated too.")
    key_source: Any = Enum(
        key_source.KINDS,
        allow_none=True,
        default_value=None,
        help="Where Claude's key comes from; the user can use no other.",
    ).tag(config=True)
    sharing = _switch("Whether sessions may be shared with other people, and theirs joined.")
    editor_approvals = _switch(
        "Whether a session's editors may be let answer what is asked before a tool runs here."
    )
    convex_url: Any = Unicode(
        allow_none=True, default_value=None, help="The only Convex deployment."
    ).tag(config=True)


class Policy:
    """The locks, and where each was set."""

    def __init__(
        self, locks: IPyClaudePolicy, sources: Mapping[str, str], given: Mapping[str, str]
    ) -> None:
        self.locks = locks
        self._sources = dict(sources)
        self._given = given

    @classmethod
    def load(
        cls,
        folders: Sequence[Path] = FOLDERS,
        env: Mapping[str, str] | None = None,
    ) -> Policy:
        """Read all locks.

        Raises
        ------
        SettingsError
            One cannot be read: nothing is allowed until it can.
        """
        config, sources = _from_files(folders)
        given = _started_with() if env is None else env
        names = IPyClaudePolicy.class_trait_names(config=True)
        for name in names:
            variable = f"{_PREFIX}{name.upper()}"
            if name not in sources and variable in given:
                config.IPyClaudePolicy[name] = _value(name, given[variable])
                sources[name] = variable
        try:
            locks = IPyClaudePolicy(config=config)
            for name in names:
                getattr(locks, name)
        except TraitError as error:
            raise _unreadable(", ".join(sorted(set(sources.values()))), str(error)) from error
        return cls(locks, sources, given)

    @property
    def words(self) -> str:
        """What is locked, and where that was set, in a line."""
        if not self._sources:
            return "no locks"
        return ", ".join(f"{name} ({where})" for name, where in sorted(self._sources.items()))

    # -- settings -------------------------------------------------------------------------

    def apply(self, settings: IPyClaude) -> None:
        """Hold the settings to the locks, and set what is locked.

        Raises
        ------
        PolicyError
            A setting says something else; it names who has set what.
        """
        locks = self.locks
        if settings.model is not None:
            self._check_model(settings.model)
        self._check_servers(settings.mcp_servers)
        self._check_budget(settings.max_budget_usd)
        if settings.permission_mode != "default":
            self._check_mode(settings.permission_mode)
        if locks.key_source is not None:
            self._check_key("c.IPyClaude.env", key_source.named(settings.env))
        self._apply_places(settings)

    def _apply_places(self, settings: IPyClaude) -> None:
        """Hold to the locks where sessions go."""
        locks = self.locks
        if locks.convex_url is not None:
            if settings.convex_url not in ("", locks.convex_url):
                raise self._refused(
                    "convex_url", "Another Convex deployment is not allowed here.", locks.convex_url
                )
            settings.convex_url = locks.convex_url
        config: Any = settings.config
        wished: Any = config.get("IPyClaude", {})
        if locks.replication == "off":
            if wished.get("convex_url"):
                self.check_replication()
            settings.convex_url = ""
        if locks.replication == "on" and not settings.convex_url:
            raise self._refused("replication", "Sessions must be replicated here.", "a CONVEX_URL")
        if locks.transcripts is not None:
            on = locks.transcripts == "on"
            if wished.get("replicate_transcripts", on) != on:
                what = "must" if on else "may not"
                raise self._refused(
                    "transcripts",
                    f"Claude's transcripts {what} be replicated here.",
                    f"c.IPyClaude.replicate_transcripts = {on}",
                )
            settings.replicate_transcripts = on

    def check_replication(self) -> None:
        """Refuse where sessions stay on this machine.

        Raises
        ------
        PolicyError
            It is locked.
        """
        if self.locks.replication == "off":
            raise self._refused("replication", "Sessions may not be replicated here.", "none")

    # -- turns ----------------------------------------------------------------------------

    def guard(self, options: EngineOptions, spent_today: Callable[[], float]) -> EngineOptions:
        """Return the options of a turn, with what is locked filled in.

        Parameters
        ----------
        spent_today
            Returns what the user's turns have cost today, in USD; asked only if that is limited.

        Raises
        ------
        PolicyError
            The turn would go beyond a lock.
        """
        locks = self.locks
        changes: dict[str, Any] = {}
        if locks.models is not None:
            changes["model"] = options.model or self._default_model()
            self._check_model(changes["model"])
        if locks.permission_modes:
            mode = options.permission_mode
            if mode == "default" and mode not in locks.permission_modes:
                mode = locks.permission_modes[0]
            self._check_mode(mode)
            changes["permission_mode"] = mode
        if locks.tools is not None:
            changes["tools"] = tuple(t for t in locks.tools if not t.startswith("mcp__"))
        if locks.mcp_servers is not None:
            self._check_servers(options.mcp_servers)
            changes["own_mcp_servers_only"] = True
        if locks.key_source is not None:
            changes["env"] = {**options.env, **self._key_env(options)}
        limit = self._limit(options.max_budget_usd, spent_today)
        return replace(options, max_budget_usd=limit, **changes)

    # -- sharing --------------------------------------------------------------------------

    def check_sharing(self) -> None:
        """Refuse where sessions are not to be shared.

        Raises
        ------
        PolicyError
            It is locked.
        """
        if self.locks.sharing == "off":
            raise PolicyError(
                "Sessions can't be shared here.",
                self._why("sharing"),
                "Sessions stay your own.",
                lock="sharing",
            )

    @property
    def lets_editors_answer(self) -> bool:
        """Whether editors elsewhere may be let answer what is asked on this machine."""
        return self.locks.editor_approvals != "off" and self.locks.sharing != "off"

    def check_editor_approvals(self) -> None:
        """Refuse where nobody else may answer what is asked on this machine.

        Raises
        ------
        PolicyError
            It is locked.
        """
        self.check_sharing()
        if not self.lets_editors_answer:
            raise PolicyError(
                "Other people can't be let answer for this machine.",
                self._why("editor_approvals"),
                "You answer what is asked here yourself.",
                lock="editor_approvals",
            )

    # -- tools ----------------------------------------------------------------------------

    def refusal(self, tool: str) -> str:
        """Say why a tool may not be used, or return an empty text."""
        allowed = self.locks.tools
        if allowed is None or _matches(tool, allowed):
            return ""
        return f"{tool} is not allowed here: {self._why('tools')}"

    def _limit(self, wanted: float | None, spent_today: Callable[[], float]) -> float | None:
        self._check_budget(wanted)
        limits = [x for x in (wanted, self.locks.max_budget_usd) if x is not None]
        daily = self.locks.daily_budget_usd
        if daily is not None:
            left = daily - spent_today()
            if left <= 0:
                raise self._refused(
                    "daily_budget_usd", "Today's budget is used up.", f"${daily:.2f} a day"
                )
            limits.append(left)
        return min(limits, default=None)

    def _key_env(self, options: EngineOptions) -> dict[str, str]:
        """Return the variables that give Claude the administrator's key, and no other."""
        kind = self.locks.key_source
        self._check_key("c.IPyClaude.env", key_source.named(options.env))
        self._check_key("os.environ", key_source.changed(os.environ, self._given))
        if not options.isolated:
            folder = os.environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude"
            self._check_key("", key_source.in_files(Path(folder), Path(options.cwd)))
        if kind == "environment" and not key_source.has_key(self._given):
            raise PolicyError(
                "There is no key for Claude here.",
                self._why("key_source"),
                "Ask them: the environment of your server has none.",
                lock="key_source",
            )
        return key_source.locked_env(kind, self._given, os.environ)

    def _check_key(self, where: str, name: str) -> None:
        if name:
            raise PolicyError(
                "Claude's key can't be chosen here.",
                self._why("key_source"),
                f"Take away {name}{f' from {where}' if where else ''}.",
                lock="key_source",
            )

    def _default_model(self) -> str:
        named = next((m for m in self.locks.models or () if "*" not in m), None)
        if named is None:
            raise self._refused("models", "A model must be named here.", self.locks.models)
        return named

    def _check_model(self, model: str) -> None:
        allowed = self.locks.models
        if allowed is not None and not _matches(model, allowed):
            raise self._refused("models", f"The model {model!r} is not allowed here.", allowed)

    def _check_mode(self, mode: str) -> None:
        allowed = self.locks.permission_modes
        if allowed is not None and mode not in allowed:
            raise self._refused(
                "permission_modes", f"The permission mode {mode!r} is not allowed here.", allowed
            )

    def _check_servers(self, servers: Mapping[str, Any]) -> None:
        allowed = self.locks.mcp_servers
        wrong = [n for n in servers if allowed is not None and not _matches(n, allowed)]
        if wrong:
            raise self._refused(
                "mcp_servers", f"The MCP server {wrong[0]!r} is not allowed here.", allowed
            )

    def _check_budget(self, wanted: float | None) -> None:
        most = self.locks.max_budget_usd
        if most is not None and wanted is not None and wanted > most:
            raise self._refused(
                "max_budget_usd", f"A turn may not cost ${wanted:g} here.", f"at most ${most:g}"
            )

    def _why(self, name: str) -> str:
        return f"The administrator has set this ({self._sources[name]})."

    def _refused(self, name: str, what: str, allowed: object) -> PolicyError:
        words = ", ".join(map(str, allowed)) if isinstance(allowed, list) else str(allowed)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return PolicyError(what, self._why(name), f"Allowed: {words or 'none'}.", lock=name)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _started_with() -> Mapping[str, str]:
    """Return the environment as the process got it: a cell can change `os.environ` only."""
    try:
        raw = Path("/proc/self/environ").read_bytes()
    except OSError:
        return os.environ
    pairs = (line.partition(b"=") for line in raw.split(b"\0") if line)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def _from_files(folders: Sequence[Path]) -> tuple[Config, dict[str, str]]:
    merged, sources = Config(), dict[str, str]()
    # The first folder is the weightiest, so it is merged last.
    for folder in reversed(folders):
        for name, loader in _FILES:
            path = folder / name
            try:
                found = loader(name, str(folder)).load_config()
            except ConfigFileNotFound:
                continue
            except Exception as error:  # a configuration file is code, and may raise anything
                raise _unreadable(str(path), f"{type(error).__name__}: {error}") from error
            merged.merge(found)
            sources.update(dict.fromkeys(found.IPyClaudePolicy, str(path)))
    return merged, sources


def _value(name: str, text: str) -> Any:
    trait = IPyClaudePolicy.class_traits()[name]
    try:
        if isinstance(trait, List):
            return json.loads(text) if text.startswith("[") else _split(text)
        return float(text) if isinstance(trait, Float) else text
    except ValueError as error:
        raise _unreadable(f"{_PREFIX}{name.upper()}", str(error)) from error


def _split(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _unreadable(where: str, why: str) -> SettingsError:
    return SettingsError(
        "The administrator's policy cannot be read.",
        why=f"{where}: {why}",
        fix="Tell the administrator; nothing is allowed until it is corrected.",
    )
