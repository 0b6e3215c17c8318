"""Every way a turn can fail, as one clear error with what to do."""

from __future__ import annotations

import re
import time
from typing import Any

from ..exceptions import (
    BadKey,
    BudgetReached,
    CliDied,
    CliNotFound,
    ContextTooLong,
    EngineError,
    MalformedEvent,
    NotLoggedIn,
    Overloaded,
    RateLimited,
    RequestRefused,
    ServerError,
    StreamCut,
)
from ..messages import now_ms
from ..times import clock, day

_TOO_LONG = re.compile(r"prompt is too long|context (?:window|length|limit)|too many tokens", re.I)
_NO_LOGIN = re.compile(r"not logged in|please run /login|no api key|run /login", re.I)
_CUT = re.compile(
    r"connection (?:error|closed|reset)|socket|stream ended|terminated|incomplete|ECONN"
    r"|fetch failed|unexpected end|stream.*(?:idle|stall|without)",
    re.I,
)
_MALFORMED = re.compile(r"JSON|parse|unexpected token|malformed|invalid.*event", re.I)
#: What the SDK says where it knows nothing.
_NOTHING_SAID = ("Check stderr output for details",)
_USABLE = "The session is still usable"


def turn_ended(cost_usd: float = 0.0) -> EngineError:
    """The session was closed while its turn ran."""
    error = EngineError("The turn was ended.", fix="Ask again.")
    error.cost_usd = cost_usd
    return error


def cli_not_found(path: str | None, why: str) -> CliNotFound:
    """Return the error for a Claude CLI that cannot be started."""
    return CliNotFound(
        f"The Claude CLI cannot be started{f' from {path}' if path else ''}.",
        why=why,
        fix="Correct or unset c.IPyClaude.cli_path, or reinstall claude-agent-sdk.",
    )


def cli_died(exit_code: int | None, stderr: str) -> EngineError:
    """Return the error for a CLI that ended in the middle of a turn."""
    said = [line for line in stderr.strip().splitlines() if line not in _NOTHING_SAID]
    if any("No conversation found" in line for line in said):
        return RequestRefused(
            "Claude's own memory of this session is not here.",
            why=said[-1][:300],
            fix="Open it where it was made, or start anew with %claude_session new.",
        )
    return CliDied(
        "The Claude CLI ended in the middle of the turn.",
        why=said[-1][:300] if said else f"It exited with code {exit_code}.",
        fix="What was received is kept. Ask again: it starts anew and remembers the session.",
        exit_code=exit_code,
    )


def from_result(
    raw: dict[str, Any],
    api_error: str | None,
    budget: float | None,
    resets_at: float | None = None,
) -> EngineError:
    """Return the error that a failed `result` line stands for."""
    text = _words(raw)
    subtype = str(raw.get("subtype", ""))
    if "budget" in subtype:
        return BudgetReached(
            f"The turn reached its budget{f' of ${budget:g}' if budget else ''}.",
            why=f"It has cost ${float(raw.get('total_cost_usd') or 0):.4f}.",
            fix="Give more with --max-budget, or ask for less.",
            budget_usd=budget,
        )
    if subtype == "error_max_turns":
        return RequestRefused(
            "The turn took more steps than it may.", why=text, fix="Ask Claude to go on."
        )
    status = raw.get("api_error_status")
    status = status if isinstance(status, int) else _status_in(text)
    if status == 429 or api_error == "rate_limit":
        return rate_limited(text, resets_at or _resets_in(text))
    return _from_api(status, text, api_error)


def _words(raw: dict[str, Any]) -> str:
    result = raw.get("result")
    if isinstance(result, str) and result:
        return result
    errors = raw.get("errors")
    return " ".join(str(e) for e in errors) if isinstance(errors, list) else ""  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _status_in(text: str) -> int | None:
    match = re.search(r"(?:API Error:?|status)\D{0,3}([45]\d\d)\b", text)
    return int(match[1]) if match else None


def _from_api(status: int | None, text: str, kind: str | None) -> EngineError:
    if _NO_LOGIN.search(text):
        return NotLoggedIn(
            "Claude is not logged in here.",
            why=text,
            fix="Run `claude` in a terminal and log in, or set ANTHROPIC_API_KEY, then ask again;"
            " ipyclaude doctor says where that program is.",
        )
    if status in (401, 403) or kind == "authentication_failed":
        return BadKey(
            "The API refused the key.",
            why=text,
            fix="Check ANTHROPIC_API_KEY (or log in again with `claude`), then restart the kernel.",
        )
    if status == 529 or kind == "overloaded":
        return Overloaded(
            "The API is overloaded.", why=text, fix=f"{_USABLE}: ask again in a minute."
        )
    if _TOO_LONG.search(text):
        return ContextTooLong(
            "The conversation no longer fits the model's context window.",
            why=text,
            fix="Send /compact to go on from a summary, or start with %claude_session new.",
        )
    return _other(status, text, kind)


def _other(status: int | None, text: str, kind: str | None) -> EngineError:
    if status is not None and status >= 500:
        return ServerError(
            f"The API failed (status {status}).",
            why=text,
            fix=f"{_USABLE}: ask again; if it stays, see the API's status page.",
            status=status,
        )
    if status is not None:
        return RequestRefused(
            f"The API refused the request (status {status}).",
            why=text,
            fix="Check the model's name and the account, then ask again.",
        )
    if "malformed" in text:
        return malformed(text)
    if _CUT.search(text):
        return StreamCut(
            "The answer broke off.", why=text, fix="What was received is kept. Ask Claude to go on."
        )
    if _MALFORMED.search(text):
        return malformed(text)
    if kind == "billing_error":
        return RequestRefused("The account cannot pay.", why=text, fix="Check its billing page.")
    return ServerError("The turn failed.", why=text, fix=f"{_USABLE}: ask again.", status=status)


def _resets_in(text: str) -> float | None:
    seconds = re.search(r"(?:retry[- ]after|in)\D{0,12}(\d+)\s*s", text, re.I)
    stamp = re.search(r"\|(\d{10})\b", text)
    return float(stamp[1]) if stamp else time.time() + float(seconds[1]) if seconds else None


def rate_limited(why: str, resets_at: float | None) -> RateLimited:
    """Return the error for a reached rate limit; `resets_at` in epoch seconds."""
    when = _clock(resets_at) if resets_at else ""
    return RateLimited(
        "The API's rate limit is reached.",
        why=why,
        fix=f"Ask again after {when}." if when else f"{_USABLE}: ask again in a minute.",
        resets_at=resets_at,
    )


def _clock(then: float) -> str:
    """Return a local time, with its day where that is not today."""
    at = then * 1000
    return clock(at) if day(at) == day(now_ms()) else f"{day(at)} {clock(at)}"


def malformed(why: str) -> MalformedEvent:
    """Return the error for something that cannot be read."""
    return MalformedEvent(
        "The answer could not be read.",
        why=why[:300],
        fix="What was received is kept. Ask again; if it stays, update claude-agent-sdk.",
    )
