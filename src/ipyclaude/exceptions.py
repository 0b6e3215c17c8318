"""Every error that a person can meet, in one tree.

    IpyClaudeError                  what happened, why, what to do next
    ├── UsageMistake                a wrong option, an empty prompt, an unknown subcommand
    ├── NobodyToAsk                 code of a chat calls input(); an EOFError, too
    ├── SettingsError               a setting has a value that cannot work
    ├── PolicyError                 the administrator has set it; `lock` names what
    ├── SessionError
    │   ├── SessionNotFound
    │   ├── SessionNameTaken
    │   ├── SessionBusy
    │   ├── MemoryMissing           Claude's own memory of it is not to be had here
    │   └── NotAllowed              somebody else's session or machine: one's role does not allow it
    ├── HistoryError                Claude Code's own JSONL could not be read
    ├── StoreError
    │   ├── StoreUnavailable        folder missing, not a folder, not permitted
    │   ├── StoreReadOnly
    │   ├── StoreFull
    │   ├── StoreLocked
    │   ├── StoreCorrupt            `kept_aside` names the copy
    │   └── StoreTooNew             written by a newer ipyclaude
    ├── CloudError                  Convex; what is here goes on without it
    │   ├── CloudUnreachable        no network, no server: passes by itself
    │   ├── CloudFault              the server failed: passes by itself
    │   ├── CloudRefused            for good; `code` and `data` say why
    │   │   └── VersionMismatch     `api` is what the deployed functions speak
    │   ├── TokenUnavailable        a token can't be had now: the next try may work
    │   └── SignedOut               no token, or Convex accepts none that we have
    └── EngineError                 the turn failed; the session is still usable
        ├── CliNotFound
        ├── NotLoggedIn
        ├── BadKey                  401
        ├── RateLimited             429; `resets_at` in epoch seconds
        ├── Overloaded              529
        ├── ServerError             5xx
        ├── StreamCut               the answer broke off
        ├── MalformedEvent
        ├── ContextTooLong
        ├── BudgetReached
        ├── RequestRefused          400 and other refusals of the API
        └── CliDied                 the CLI process ended in the middle of a turn

    TurnStopped                     a KeyboardInterrupt: the user stopped the turn

Exceptions carry fields; nobody matches on their text.
"""

from __future__ import annotations

from .seen import visible


class IpyClaudeError(Exception):
    """An error for a person.

    Parameters
    ----------
    what
        One sentence: what happened.
    why
        One sentence: why, where known.
    fix
        One sentence: what to do next.

    Attributes
    ----------
    what, why, fix
        As above; `why` and `fix` are empty where there is nothing to say. A notebook shows the
        three without a traceback, and `str` joins them.
    """

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        self.what, self.why, self.fix = what, why, fix
        super().__init__(" ".join(part for part in (what, why, fix) if part))

    def _render_traceback_(self) -> list[str]:
        # IPython calls this instead of formatting a traceback.
        lines = [f"{self.what}"]
        if self.why:
            lines.append(f"  Why: {self.why}")
        if self.fix:
            lines.append(f"  Do:  {self.fix}")
        # Others' names are in it, and a terminal would obey them.
        return [visible(line) for line in lines]


class UsageMistake(IpyClaudeError):
    """A magic was given something it cannot use."""


class NobodyToAsk(IpyClaudeError, EOFError):
    """Code of a chat calls `input()`: what handles the end of a file goes on by its default."""


class SettingsError(IpyClaudeError):
    """A setting has a value that cannot work."""


class PolicyError(IpyClaudeError):
    """The administrator has set it. `lock` is the name in `IPyClaudePolicy`."""

    def __init__(self, what: str, why: str = "", fix: str = "", *, lock: str = "") -> None:
        super().__init__(what, why, fix)
        self.lock = lock


class SessionError(IpyClaudeError):
    """Something about a session."""


class SessionNotFound(SessionError):
    """No session has this name or id."""


class SessionNameTaken(SessionError):
    """Another session already has this name."""


class SessionBusy(SessionError):
    """A turn is running in this session."""


class MemoryMissing(SessionError):
    """Claude's own memory of a session is not on this machine, and can't be had now."""


class NotAllowed(SessionError):
    """It is somebody else's session or machine, and this person's role does not allow it."""


class HistoryError(IpyClaudeError):
    """Claude Code's own history could not be read."""


class StoreError(IpyClaudeError):
    """The local store could not do what was asked; nothing was overwritten."""


class StoreUnavailable(StoreError):
    """The store's folder is missing, not a folder, or not permitted."""


class StoreReadOnly(StoreError):
    """The store's file or folder cannot be written."""


class StoreFull(StoreError):
    """The disk is full."""


class StoreLocked(StoreError):
    """Another process held the store's lock for too long."""


class StoreCorrupt(StoreError):
    """The store's file is damaged; `kept_aside` names the copy that was kept."""

    def __init__(self, what: str, why: str = "", fix: str = "", *, kept_aside: str = "") -> None:
        super().__init__(what, why, fix)
        self.kept_aside = kept_aside


class StoreTooNew(StoreError):
    """The store was written by a newer ipyclaude."""


class CloudError(IpyClaudeError):
    """Convex could not do what was asked; what is kept on this machine is untouched."""


class CloudUnreachable(CloudError):
    """Convex could not be reached, or not in time; it may be tried again."""


class CloudFault(CloudError):
    """Convex failed in a way that is not the caller's fault; it may be tried again."""


class CloudRefused(CloudError):
    """Convex refused for good. `code` is the function's own word, `data` all that it said."""

    def __init__(
        self, what: str, why: str = "", fix: str = "", *, code: str = "", data: object = None
    ) -> None:
        super().__init__(what, why, fix)
        self.code = code
        self.data = data


class VersionMismatch(CloudRefused):
    """The deployed functions speak another version. `api` is theirs, if known."""

    def __init__(
        self,
        what: str,
        why: str = "",
        fix: str = "",
        *,
        api: int | None = None,
        data: object = None,
    ) -> None:
        super().__init__(what, why, fix, code="VersionMismatch", data=data)
        self.api = api


class TokenUnavailable(CloudError):
    """A token can't be had now; the next try may work."""


class SignedOut(CloudError):
    """There is no token, or Convex accepts none that we have."""


class EngineError(IpyClaudeError):
    """A turn failed; the session is still usable. `cost_usd` is what it cost all the same."""

    cost_usd: float = 0.0


class CliNotFound(EngineError):
    """The Claude CLI is missing or cannot be executed."""


class NotLoggedIn(EngineError):
    """There is no login and no API key."""


class BadKey(EngineError):
    """The API refused the key (401)."""


class RateLimited(EngineError):
    """The API's rate limit was reached (429). `resets_at` is in epoch seconds, if known."""

    def __init__(
        self, what: str, why: str = "", fix: str = "", *, resets_at: float | None = None
    ) -> None:
        super().__init__(what, why, fix)
        self.resets_at = resets_at


class Overloaded(EngineError):
    """The API is overloaded (529)."""


class ServerError(EngineError):
    """The API failed (5xx). `status` is the HTTP status, if known."""

    def __init__(
        self, what: str, why: str = "", fix: str = "", *, status: int | None = None
    ) -> None:
        super().__init__(what, why, fix)
        self.status = status


class StreamCut(EngineError):
    """The answer broke off before its end; what had arrived is kept."""


class MalformedEvent(EngineError):
    """The API or the CLI sent something that cannot be read."""


class ContextTooLong(EngineError):
    """The conversation no longer fits the model's context window."""


class BudgetReached(EngineError):
    """The turn reached its budget. `budget_usd` is the limit in USD, if known."""

    def __init__(
        self,
        what: str,
        why: str = "",
        fix: str = "",
        *,
        budget_usd: float | None = None,
    ) -> None:
        super().__init__(what, why, fix)
        self.budget_usd = budget_usd


class RequestRefused(EngineError):
    """The API refused the request (400, unknown model, billing and the like)."""


class CliDied(EngineError):
    """The CLI process ended in the middle of a turn."""

    def __init__(
        self, what: str, why: str = "", fix: str = "", *, exit_code: int | None = None
    ) -> None:
        super().__init__(what, why, fix)
        self.exit_code = exit_code


class TurnStopped(KeyboardInterrupt):
    """The user stopped the turn.

    A KeyboardInterrupt, so that the cells queued behind the stopped one don't run.
    """

    def _render_traceback_(self) -> list[str]:
        return ["Stopped by user."]
