"""The replica of one kernel: sends what is here, folds in what others wrote, says how it stands."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from ..exceptions import CloudUnreachable, IpyClaudeError, StoreError
from ..messages import SessionInfo, Value
from ..store.replication import Kind, OutboxRow, Replication, Waiting
from ..store.sqlite import SqliteStore
from . import Cloud, CloudState
from ._within import in_time
from .account import AGAIN_SECONDS, Account, Claim
from .company import Company
from .crossing import Crossings
from .drain import Drain
from .opened import PATIENCE, OpenSessions
from .sessions import SessionList
from .standing import Patience, Standing, Sync, fault
from .tail import SessionTail
from .telling import Teller
from .transcripts import ReplicatedTranscripts
from .usage import Meter
from .versions import Versions

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5


class Replica:
    """Runs on the one loop thread, between `start` and `close`.

    Parameters
    ----------
    cloud
        The deployment; the replica starts and closes it.
    store
        The open store.
    transcripts
        The transcripts that read through; closed with the replica.
    url
        The deployment's address: a store file is replicated to one account only.
    server
        What other servers call this one.
    holder
        Names this kernel among those that share the store file.
    dead
        Says whether such a name is known to be a dead kernel's.
    dead_here
        Says the same of one that may be on any machine.
    replicate_transcripts
        False keeps Claude's own transcripts on this machine: others can read, not resume.
    claim
        Binds the store to an account, as `Replication.claim` does.
    """

    def __init__(
        self,
        cloud: Cloud,
        store: SqliteStore,
        transcripts: ReplicatedTranscripts,
        *,
        url: str,
        server: str,
        holder: str,
        dead: Callable[[str], bool] = lambda _: False,
        dead_here: Callable[[str], bool] = lambda _: False,
        replicate_transcripts: bool = True,
        claim: Claim = Replication.claim,
    ) -> None:
        self._cloud, self._store, self._transcripts = cloud, store, transcripts
        self.replication = Replication(store)
        self._account = Account(
            cloud, store, self.replication, url=url, claim=claim, report=self._report
        )
        self._without: tuple[Kind, ...] = () if replicate_transcripts else ("transcript",)
        self.company = Company(
            cloud, self, holder=holder, label=server, dead=dead_here, met=self._met
        )
        self._meter = Meter(cloud, self.replication)
        self.crossings = Crossings(cloud, self.replication)
        self._versions = Versions(cloud, self._version_changed, self._is_user)
        self._drain = self._make_drain(server, holder, dead)
        self._list = SessionList(cloud, self.replication, ahead=lambda: self.ahead)
        self._listing: asyncio.Task[None] | None = None
        #: Another kernel sends and keeps the list for this one.
        self._kept_by_another = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._patience = Patience()
        self._teller = Teller(self.standing)
        #: Calls a listener on the loop when it stands another way; returns the unsubscriber.
        self.on_change = self._teller.on_change
        #: Tells whoever listens that it stands another way.
        self.tell = self._teller.tell
        self._stops: list[Callable[[], None]] = []
        self._anew: asyncio.Task[None] | None = None
        #: Who begins anew waits for whoever does so just then: nobody's tasks are left behind.
        self._changing = asyncio.Lock()
        self._closed = False
        self._error: IpyClaudeError | None = None
        self._progress = asyncio.Event()
        #: There is no use in waiting for the server.
        self._down = asyncio.Event()
        self._opened = self._make_opened()

    def _make_drain(self, server: str, holder: str, dead: Callable[[str], bool]) -> Drain:
        return Drain(
            self._cloud,
            self.replication,
            server=server,
            holder=holder,
            dead=dead,
            without=self._without,
            watched=self.company.presence.watched,
            allowed=lambda: self._versions.refusal is None,
            report=self._report,
            on_turn=self._took_turn,
            crossings=self.crossings,
        )

    def _make_opened(self) -> OpenSessions:
        return OpenSessions(
            self._cloud,
            self.replication,
            self._transcripts,
            self.company,
            me=lambda: self._account.me,
            signed_in=self._account.signed_in,
            down=self._down,
            supervised=self._supervised,
        )

    # -- life ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin; returns at once."""
        loop = asyncio.get_running_loop()

        def heard(values: Sequence[Value]) -> None:
            # From any thread; after the loop has ended nobody needs to hear.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._heard, values)

        self._stops = [self._store.subscribe(heard), self._cloud.on_state(self._became)]
        await self._cloud.start()
        self._became(self._cloud.state)
        self._begin()

    def _begin(self) -> None:
        runs = (
            self._run(),
            self._supervised("version", self._versions.run),
            self._supervised("meter", self._meter.run),
        )
        self._tasks = [asyncio.ensure_future(run) for run in runs]

    async def close(self) -> None:
        """End everything; what waits stays in the outbox."""
        self._closed = True
        for stop in self._stops:
            stop()
        await self.company.part()
        await self._opened.close()
        async with self._changing:
            tasks = [*self._tasks, *(t for t in (self._anew, self._listing) if t is not None)]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._transcripts.close()
        await self._cloud.close()
        await self._meter.note()
        self._teller.close()

    async def sign_in_anew(self) -> None:
        """Go on as who is signed in now, if this file belongs to that account; else stand still."""
        async with self._changing:
            if self._closed:
                return
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._took_turn(False)
            self._account.forget()
            self._cloud.reconnect()
            self._begin()

    def _is_user(self, user: str | None) -> None:
        """Begin anew where our identity has become another user's: it was linked, or unlinked."""
        if self._account.becomes_another(user) and (self._anew is None or self._anew.done()):
            self._anew = asyncio.ensure_future(self.sign_in_anew())

    async def _run(self) -> None:
        await self._account.sign_in()
        self.tell()
        await asyncio.gather(
            self._supervised("drain", self._drain.run),
            self._supervised("presence", self.company.presence.run),
            self._supervised("streams", self.company.streams.run),
        )

    def _took_turn(self, mine: bool) -> None:
        """Keep the list while this kernel is the one that sends: once for all that share it."""
        if mine and self._listing is None:
            self._kept_by_another.clear()
            self._listing = asyncio.ensure_future(self._supervised("list", self._list.run))
        elif not mine:
            self._kept_by_another.set()
            if self._listing is not None:
                self._listing.cancel()
                self._listing = None

    @property
    def name(self) -> str:
        """What the server calls this machine's person; empty until it was asked."""
        return self._account.name

    @property
    def is_of_another(self) -> bool:
        """Whether the store belongs to another account than the one that is signed in."""
        return self._account.is_another

    async def _supervised(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a part of it until cancelled; one that fails by a fault of ours begins again."""
        while True:
            try:
                await run()
            except (CloudUnreachable, StoreError) as error:  # the connection was closed
                self._report(error)
            except Exception as error:  # noqa: BLE001 - it is shown, and the rest goes on
                _log.exception("the replica's %s failed", name)
                self._report(fault(name, error))
            await asyncio.sleep(AGAIN_SECONDS)

    # -- open sessions ------------------------------------------------------------------

    def open(self, info: SessionInfo) -> SessionTail | None:
        """Follow a session that was opened here; None if it stays on this machine."""
        return self._opened.open(info)

    def leave(self, session_id: str) -> None:
        """Follow a session no more."""
        self._opened.leave(session_id)

    async def settled(self, timeout: float = PATIENCE) -> bool:
        """Wait until the list of sessions is as on the server; False if it can't be had now."""
        await in_time(timeout, self._list.settled, self._kept_by_another, self._down)
        return self._list.settled.is_set() or self._kept_by_another.is_set()

    async def ready(self, session_id: str, timeout: float = PATIENCE) -> bool:
        """Wait until an open session's newest messages are here; False if they can't be had."""
        return await self._opened.ready(session_id, timeout)

    async def whole(self, session_id: str, timeout: float = PATIENCE) -> bool:
        """Wait until all messages of an open session are here; False if they can't be had."""
        return await self._opened.whole(session_id, timeout)

    async def older(self, session_id: str, before: str, count: int) -> None:
        """See to it that the messages before a message are here, if they can be had."""
        await self._opened.older(session_id, before, count)

    # -- one writer at a time -----------------------------------------------------------

    async def note_lease(self, session_id: str, lease: tuple[str, float] | None) -> None:
        """Note who holds a session on the server."""
        await asyncio.to_thread(self.replication.note_lease, session_id, lease)

    async def note_hold(self, session_id: str, turn_id: str, until: float | None) -> None:
        """Note until when no other server could write beside a turn; None forgets it."""
        await asyncio.to_thread(self.replication.note_hold, session_id, turn_id, until)

    async def reach(self, session_id: str, seq: int) -> None:
        """Wait until an open session's messages up to this place are here."""
        await self._opened.reach(session_id, seq)

    def _met(self) -> None:
        """Somebody came or went: the next messages may be wanted soon."""
        self._drain.wake()
        self.tell()

    # -- how it stands ------------------------------------------------------------------

    def waiting(self, session_id: str) -> Waiting:
        """Return what one session has to send."""
        return self.replication.waiting(session_id, without=self._without)

    def standing(self) -> Standing:
        """Return how it stands."""
        waiting = self.replication.waiting(without=self._without)
        state = self._cloud.state
        error = str(self._error) if self._error is not None else ""
        refusal = self._versions.refusal or self._account.refusal
        if refusal is not None:
            return Standing("refused", waiting, str(refusal), error)
        if state.kind in ("signed_out", "refused"):
            return Standing(state.kind, waiting, state.detail, error)
        if state.kind != "online":
            return Standing("offline", waiting, state.detail, error)
        if waiting.parked:
            rows = self.replication.parked(1, without=self._without)
            why = rows[0].parked or "" if rows else ""
            return Standing("refused", waiting, why, error)
        return Standing(self._going(waiting), waiting, state.detail, error)

    def _going(self, waiting: Waiting) -> Sync:
        """Say how sending goes; the same all through a turn, unless something holds it up."""
        running = self.company.running
        unsent = waiting.rows > 0 or not self._account.signed_in.is_set()
        flows = self._account.signed_in.is_set() and self._drain.flows(running=running)
        if self._patience.is_over(waits=unsent and not flows):
            return "waiting"
        return "sending" if unsent or running else "synced"

    @property
    def ahead(self) -> float:
        """By how much the server's clock is ahead of ours, in ms."""
        return self._account.ahead

    def parked(self) -> list[OutboxRow]:
        """Return what the server refused, each with its reason."""
        return self.replication.parked(without=self._without)

    async def note_use(self) -> None:
        """Let the store know what was used up to now."""
        await self._meter.note()

    async def flush(self, session_id: str | None = None) -> None:
        """Wait until all is sent that is not parked, of one session or of all."""
        count = functools.partial(self.replication.waiting, session_id, without=self._without)
        self._drain.resume()  # once: what fails from here on waits as ever
        while True:
            self._progress.clear()
            waiting = await asyncio.to_thread(count)
            if not waiting.rows:
                return
            # Not for ever: another kernel may be the one that sends.
            await in_time(_LOOK_SECONDS, self._progress)

    def retry(self, session_id: str | None = None) -> int:
        """Try again what was refused; return how many rows."""
        count = self.replication.retry(session_id)
        self._drain.resume()
        self.tell()
        return count

    def drop(self, session_id: str | None = None) -> int:
        """Give up sending what was refused; return how many rows."""
        count = self.replication.drop(session_id)
        self.tell()
        return count

    def wrote(self) -> None:
        """Look for something new to send."""
        self._drain.wake()
        self._teller.wrote()

    def _heard(self, values: Sequence[Value]) -> None:
        self._drain.heard(values)
        self.company.streams.heard(values)
        for value in values:
            if isinstance(value, SessionInfo) and (value.deleted_at or value.role == "none"):
                self.leave(value.client_id)
        self._teller.wrote()

    def _became(self, state: CloudState) -> None:
        if state.kind in ("online", "connecting"):
            self._down.clear()
        else:
            self._down.set()
        if state.kind == "online":
            self._drain.resume()
        self.tell()

    def _version_changed(self) -> None:
        self._drain.resume()
        self.tell()

    def _report(self, error: IpyClaudeError | None) -> None:
        self._error = error
        self._progress.set()
        self.tell()
