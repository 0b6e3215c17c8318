"""The Convex client: the sync protocol over one WebSocket, and HTTP for the rest.

Everything runs on one event loop. A connection that ends is made again, with longer and
longer waits; calls and live queries outlast it (`_sync` says how).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect

from ..api_version import API_VERSION
from ..exceptions import CloudError, CloudUnreachable, IpyClaudeError, SignedOut, VersionMismatch
from ..identity import Token, TokenSource
from ..messages import now_ms
from . import Args, CloudKind, CloudState, Stats
from ._errors import brief, signed_out
from ._http import Http
from ._live import LiveQuery
from ._sync import AuthRefused, ProtocolBroken, ServerFatal, SyncState
from ._timing import Timing
from ._tokens import Tokens, renewal_delay
from ._within import within
from ._words import checked, host_of, reason

_log = logging.getLogger(__name__)
# Its own log of frames would hold tokens (S6).
_wire_log = logging.getLogger(f"{__name__}.wire")
_wire_log.setLevel(logging.INFO)

#: Real Convex refuses a WebSocket to the client types that it knows without one, `python` too.
CLIENT_NAME = f"ipyclaude-{version('ipyclaude')}"

_CLIENT_ERRORS = range(400, 500)


class ConvexClient:
    """A `Cloud` on a Convex deployment.

    Parameters
    ----------
    url
        The deployment's address, e.g. `https://happy-animal-123.convex.cloud`.
    token
        Where tokens come from; None calls as nobody.
    timing
        How long it waits for what.
    api
        The functions' version, added to every mutation's arguments; None adds none.
    max_message_bytes
        Longest message that is taken in.

    Raises
    ------
    SettingsError
        The address is not one.
    """

    def __init__(
        self,
        url: str,
        token: TokenSource | None,
        *,
        timing: Timing | None = None,
        api: int | None = API_VERSION,
        max_message_bytes: int = 128 << 20,
    ) -> None:
        self._url = checked(url)
        self._timing = timing or Timing()
        self._api: Args = {} if api is None else {"api": api}
        self._max_message_bytes = max_message_bytes
        self._stats = Stats()
        self._tokens = Tokens(token)
        self._http = Http(
            self._url,
            self._tokens,
            self._stats,
            client_name=CLIENT_NAME,
            seconds=self._timing.http,
        )
        self._sync = SyncState()
        self._live: set[LiveQuery] = set()
        self._frames: asyncio.Queue[bytes] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._state = CloudState("connecting", f"Connecting to {host_of(self._url)}.", now_ms())
        self._listeners: list[Callable[[CloudState], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._token: Token | None = None
        self._woken = asyncio.Event()
        self._failures = 0
        self._refusals = 0
        self._last_close = "InitialConnect"

    # -- the seam -----------------------------------------------------------------------

    async def query(self, path: str, args: Args) -> Any:
        """Run a query once; fails at once where Convex can't be reached."""
        self._check_open()
        return await self._http.query(path, args)

    async def mutation(self, path: str, args: Args) -> Any:
        """Run a mutation exactly once, over any number of reconnects; waits while offline.

        Where nobody is signed in, it fails with `SignedOut`, those under way too.
        """
        self._check_open()
        if self._state.kind == "signed_out":
            raise signed_out(self._state.detail)
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        settle = _settler(done)
        call, frame = self._sync.call(path, {**args, **self._api}, settle)
        self._stats.calls += 1
        self._send(frame)
        try:
            return await done
        finally:
            self._sync.forget(call)

    def subscribe(self, path: str, args: Args) -> LiveQuery:
        """Watch a query until `aclose`; it survives reconnects and signing in again."""
        self._check_open()
        self._stats.calls += 1

        def stop() -> None:
            self._live.discard(live)
            self._send(self._sync.unwatch(watch))

        live = LiveQuery(stop)
        watch, frame = self._sync.watch(path, args, live.deliver)
        self._live.add(live)
        self._send(frame)
        return live

    async def upload(self, data: bytes, media_type: str) -> str:
        """Put a file into storage; return its storage id."""
        url = await self.mutation("files:uploadUrl", {})
        return await self._http.upload(url, data, media_type)

    async def download(self, url: str) -> bytes:
        """Read a file by the URL that `files:get` returned."""
        self._check_open()
        return await self._http.download(url)

    @property
    def state(self) -> CloudState:
        """How it stands now."""
        return self._state

    def on_state(self, listener: Callable[[CloudState], None]) -> Callable[[], None]:
        """Call `listener` with each new state, on the loop; return the unsubscriber."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    @property
    def stats(self) -> Stats:
        """What was used so far."""
        return self._stats

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        self._check_open()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="convex")

    def wake(self) -> None:
        """Try again now: somebody signed in, or the network is back."""
        self._failures = self._refusals = 0
        self._woken.set()

    def reconnect(self) -> None:
        """Connect anew: somebody signed in or out. Calls of who was before fail."""
        self._sync.fail(
            CloudUnreachable("Somebody signed in or out.", fix="It is tried again by itself.")
        )
        self.wake()
        self._frames = None  # nothing more goes out as who was before
        if self._reading is not None:
            self._reading.cancel()

    async def close(self) -> None:
        """End everything: waiting calls fail with `CloudUnreachable`, live queries end."""
        if self._state.kind == "closed":
            return
        self._become("closed", "The connection to Convex was closed.")
        self._sync.fail(_closed())
        for live in list(self._live):
            await live.aclose()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._http.close()

    # -- connections --------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            wait = await self._connect_once()
            with contextlib.suppress(asyncio.TimeoutError):
                await within(wait, self._woken.wait())

    async def _connect_once(self) -> float:
        """Stay connected as long as it lasts; return how long to wait then."""
        try:
            self._token = await self._tokens.get()
            if self._token is None and not self._tokens.anonymous:
                raise signed_out()
            await self._converse()
        except SignedOut as error:
            return self._sign_out(error)
        except AuthRefused as error:
            return self._token_refused(error)
        except (VersionMismatch, ServerFatal) as error:
            return self._turned_away(str(error))
        except websockets.WebSocketException as error:
            return self._broken(error)
        except (OSError, asyncio.TimeoutError, IpyClaudeError, ProtocolBroken) as error:
            return self._lost(error)
        except Exception as error:  # noqa: BLE001 - it must be told, and tried again
            _log.exception("the connection to Convex failed in a way that was not foreseen")
            return self._turned_away(f"{type(error).__name__}: {error}")
        return 0.0

    async def _converse(self) -> None:
        async with connect(
            f"ws{self._url.removeprefix('http')}/api/sync",
            additional_headers={"Convex-Client": CLIENT_NAME},
            compression=None,
            open_timeout=self._timing.connect,
            # The server's own pings show that it lives; ours would wait behind a large upload.
            ping_interval=None,
            close_timeout=1,
            max_size=self._max_message_bytes,
            logger=_wire_log,
        ) as socket:
            self._frames = asyncio.Queue()
            for frame in self._sync.restart(self._token, self._last_close, now_ms()):
                self._frames.put_nowait(frame)
            tasks = [
                asyncio.create_task(self._write(socket, self._frames)),
                asyncio.create_task(self._keep_signed_in()),
            ]
            reading = self._reading = asyncio.create_task(self._read(socket))
            try:
                await asyncio.wait({reading})
                if not reading.cancelled():  # by `reconnect`
                    reading.result()
            finally:
                self._frames = self._reading = None
                for task in (reading, *tasks):
                    task.cancel()
                await asyncio.gather(reading, *tasks, return_exceptions=True)

    async def _read(self, socket: ClientConnection) -> None:
        begun = False
        while True:
            raw = await within(self._timing.inactivity, socket.recv(decode=False))
            self._stats.bytes_down += len(raw)
            try:
                message = json.loads(raw)
            except ValueError as error:
                raise ProtocolBroken("a message is not JSON") from error
            self._sync.receive(message)
            if not begun and self._sync.confirmed:
                begun = True
                self._failures = self._refusals = 0
                self._become("online", f"Connected to {host_of(self._url)}.")

    async def _write(self, socket: ClientConnection, frames: asyncio.Queue[bytes]) -> None:
        # Where it ends by a broken connection, reading ends too and says why.
        while True:
            frame = await frames.get()
            await socket.send(frame, text=True)
            self._stats.bytes_up += len(frame)

    async def _keep_signed_in(self) -> None:
        timing = self._timing
        while self._token is not None:
            delay = renewal_delay(
                self._token,
                now=now_ms() / 1000,
                leeway=timing.leeway,
                least=timing.least_renewal,
            )
            if delay is None:
                return
            await asyncio.sleep(delay)
            try:
                newer = await self._tokens.renewed(self._token)
            except IpyClaudeError as error:
                _log.warning("A newer token could not be had: %s", error)
                continue
            if newer is None or newer == self._token:
                return  # the server says when it is over
            self._token = newer
            self._send(self._sync.authenticate(newer))

    def _send(self, frame: bytes | None) -> None:
        # Without a connection it is dropped: the next one begins with all that matters.
        if frame is not None and self._frames is not None:
            self._frames.put_nowait(frame)

    # -- what ended a connection, and how long to wait ----------------------------------

    def _lost(self, error: BaseException) -> float:
        self._last_close = type(error).__name__
        self._become("offline", f"{host_of(self._url)} can't be reached. {reason(error)}")
        self._failures += 1
        return self._timing.wait(self._failures - 1)

    def _broken(self, error: websockets.WebSocketException) -> float:
        if isinstance(error, websockets.InvalidStatus):
            status = error.response.status_code
            if status in _CLIENT_ERRORS:
                return self._turned_away(f"it answered {status}; is CONVEX_URL right?")
            return self._lost(CloudUnreachable(f"It answered {status}."))
        if not isinstance(error, websockets.ConnectionClosed):
            return self._lost(error)
        if error.sent is not None and error.sent.code == websockets.CloseCode.MESSAGE_TOO_BIG:
            most = self._max_message_bytes >> 20
            return self._turned_away(f"it sent more than {most} MiB at once")
        if error.rcvd is None:
            return self._lost(ConnectionResetError())
        said = brief(error.rcvd.reason) or f"code {error.rcvd.code}"
        wait = self._lost(CloudUnreachable(f"It ended the connection ({said})."))
        self._last_close = said
        return wait

    def _turned_away(self, why: str) -> float:
        self._last_close = brief(why)
        self._become("refused", f"{host_of(self._url)} refuses this client: {brief(why)}")
        return self._timing.refused

    def _token_refused(self, error: AuthRefused) -> float:
        self._last_close = "AuthError"
        if not error.fresh:
            return 0.0
        self._tokens.reject(self._token)
        self._refusals += 1
        if self._refusals == 1:
            return 0.0
        said = error.why.replace(self._token.reveal(), "…") if self._token else error.why
        return self._sign_out(signed_out(f"Convex refused your token: {brief(said)}"))

    def _sign_out(self, error: SignedOut) -> float:
        self._refusals = 0
        self._become("signed_out", error.why or "Nobody is signed in here.")
        self._sync.fail(error)
        return self._timing.refused

    # -- state --------------------------------------------------------------------------

    def _become(self, kind: CloudKind, detail: str) -> None:
        if (kind, detail) == (self._state.kind, self._state.detail):
            return
        since = self._state.since if kind == self._state.kind else now_ms()
        self._state = CloudState(kind, detail, since)
        for listener in list(self._listeners):
            try:
                listener(self._state)
            except Exception:  # noqa: BLE001 - one broken listener must not end the connection
                _log.exception("a listener of the connection to Convex failed")

    def _check_open(self) -> None:
        if self._state.kind == "closed":
            raise _closed()


def _settler(done: asyncio.Future[Any]) -> Callable[[Any], None]:
    def settle(result: Any) -> None:
        if done.done():
            return
        if isinstance(result, CloudError):
            done.set_exception(result)
        else:
            done.set_result(result)

    return settle


def _closed() -> CloudUnreachable:
    return CloudUnreachable(
        "The connection to Convex was closed.", fix="Load ipyclaude again: %reload_ext ipyclaude."
    )
