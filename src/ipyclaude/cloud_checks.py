"""`ipyclaude doctor`, its Convex part: address, functions, sign-in, live connection, clocks."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from .api_version import API_VERSION
from .doctor import Finding
from .exceptions import (
    CloudError,
    CloudFault,
    CloudRefused,
    CloudUnreachable,
    IpyClaudeError,
    SignedOut,
    VersionMismatch,
)
from .identity import TokenSource
from .identity.choose import Choice, choose
from .identity.sign_in import SignIns
from .messages import now_ms
from .replica._timing import Timing
from .replica._within import within
from .replica._words import host_of
from .replica.convex import ConvexClient
from .settings import IPyClaude
from .times import clock

#: By how much Convex lets a token's times be off, in seconds.
MOST_SKEW = 5.0
#: Each answer is waited for so long, in seconds.
PATIENCE = 15.0
_DEPLOY = "Run: ipyclaude deploy"
_SIGN_IN = "Sign in with %claude_session login, or set CONVEX_AUTH_TOKEN."


def check_convex(settings: IPyClaude, env: Mapping[str, str] = os.environ) -> list[Finding]:
    """Ask the deployment all that replication needs; asks nobody where none is set."""
    if not settings.convex_url:
        words = "not set (CONVEX_URL): sessions stay on this machine"
        return [Finding("Convex", words)]
    return asyncio.run(_check(settings, env))


async def _check(settings: IPyClaude, env: Mapping[str, str]) -> list[Finding]:
    found = [await check_address(settings.convex_url)]
    if not found[0].ok:
        return found
    signs = SignIns(settings.store_path.parent, settings.convex_url)
    try:
        choice = choose(settings, env, signs.choice)
    except IpyClaudeError as error:
        return [*found, _problem("Sign-in", error, _SIGN_IN)]
    if choice.source is None:
        return [*found, Finding("Sign-in", "nobody is signed in", _SIGN_IN)]
    sign_in, api = await check_sign_in(settings.convex_url, choice)
    found.append(sign_in)
    if api is None:
        return found
    functions = compare(api)
    found.append(functions)
    if functions.ok:
        found.extend(await check_live(settings.convex_url, choice.source))
    return found


async def check_address(url: str) -> Finding:
    """The deployment: reachable, and holding our functions. Asks as nobody."""
    try:
        async with _client(url, None) as client:
            with contextlib.suppress(SignedOut):  # so it should be: nobody is told anything
                await client.query("users:me", {})
    except CloudUnreachable as error:
        fix = "Check the network, the proxy's settings and CONVEX_URL."
        return _problem("Convex", error, fix)
    except CloudFault as error:
        return _problem("Convex", error, f"Our functions may not be there. {_DEPLOY}", at=url)
    except CloudRefused as error:
        return _problem("Convex", error, "Check CONVEX_URL.")
    except IpyClaudeError as error:
        return _problem("Convex", error, error.fix or "Check CONVEX_URL.")
    return Finding("Convex", f"{host_of(url)} answers")


async def check_sign_in(url: str, choice: Choice) -> tuple[Finding, int | None]:
    """The sign-in: Convex takes the token. Returns the functions' version too, if told."""
    try:
        async with _client(url, choice.source) as client:
            me: Any = await client.query("users:me", {})
    except SignedOut as error:
        fix = f"{_SIGN_IN} A clock that is wrong also makes tokens invalid."
        return _problem("Sign-in", error, fix), None
    except IpyClaudeError as error:
        return _problem("Sign-in", error, error.fix or _SIGN_IN), None
    user = me["user"]
    name = (user.get("email") or user["name"]) if user else "somebody who has nothing there yet"
    return Finding("Sign-in", f"{name}; {choice.words}"), int(me["api"])


def compare(api: int) -> Finding:
    """The functions' version against ours."""
    if api == API_VERSION:
        return Finding("Functions", f"version {api}")
    words = f"version {api}; this ipyclaude speaks {API_VERSION}, so nothing is sent"
    fix = _DEPLOY if api < API_VERSION else "Run: pip install --upgrade ipyclaude"
    return Finding("Functions", words, fix)


async def check_live(url: str, source: TokenSource) -> list[Finding]:
    """The connection over which all goes, and the server's clock against ours."""
    try:
        async with _client(url, source) as client:
            await client.start()
            await within(PATIENCE, client.mutation("users:ensure", {}))  # connects
            before = now_ms()
            user: Any = await within(PATIENCE, client.mutation("users:ensure", {}))
            ahead = (before + now_ms()) / 2 - user["now"]
    except asyncio.TimeoutError:
        words = f"no connection within {PATIENCE:.0f} s, though HTTP works"
        fix = "A proxy may stop WebSockets: let wss:// to this host through."
        return [Finding("Live", words, fix)]
    except VersionMismatch as error:
        return [_problem("Functions", error, error.fix)]
    except CloudError as error:
        return [_problem("Live", error, error.fix or "Try again later.")]
    return [Finding("Live", "connected"), compare_clocks(ahead / 1000)]


def compare_clocks(ahead: float) -> Finding:
    """Our clock against the server's, in seconds that ours is ahead."""
    words = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} Convex's"
    if abs(ahead) <= MOST_SKEW:
        return Finding("Clock", words)
    now = clock(now_ms())
    fix = f"Set this machine's clock (it shows {now}) by NTP: tokens are refused otherwise."
    return Finding("Clock", words, fix)


@contextlib.asynccontextmanager
async def _client(url: str, source: TokenSource | None) -> AsyncGenerator[ConvexClient, None]:
    client = ConvexClient(url, source, timing=Timing(http=PATIENCE, connect=PATIENCE))
    try:
        yield client
    finally:
        await client.close()


def _problem(subject: str, error: IpyClaudeError, fix: str, *, at: str = "") -> Finding:
    words = " ".join(filter(None, (f"{host_of(at)}:" if at else "", error.what, error.why)))
    return Finding(subject, words, fix or "Try again later.")
