"""Sending what the outbox holds: in order, batched, for ever, and nothing twice (S2).

One call carries all that a session has to send. What fails for a while is tried again for
ever, with longer and longer waits; what the server refuses for good is narrowed down to the
row that it is about, and that is parked with the reason until somebody retries or drops it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from ..exceptions import (
    CloudError,
    CloudFault,
    CloudRefused,
    CloudUnreachable,
    SignedOut,
    StoreError,
    VersionMismatch,
)
from ..messages import Message, SessionInfo, Value, now_ms
from ..store.replication import Kind, Parcel, Replication
from . import Cloud
from ._within import within
from .batches import Batch, build, cut, deletion, is_deletion
from .crossing import Crossings
from .pace import Pace
from .rows import session_from, session_input

_log = logging.getLogger(__name__)

#: Rows, and bytes as they are in the store, that one call carries.
BATCH_ROWS = 250
BATCH_BYTES = 3 << 20
#: How long the right to send lasts without a heartbeat, and how often that comes.
TURN_MS = 15_000.0
HEARTBEAT_SECONDS = 5.0
_DELETED = (
    "The session is not on the server any more: somebody deleted it there. What is here is kept;"
    " go on in a copy (%claude_session fork), or give it up."
)
_ENDED = (
    "The session is not shared with you any more. What is here is kept; go on in a copy"
    " (%claude_session fork), or give it up."
)
_ONLY_READS = (
    "You may only read this session. What is here is kept; ask its owner to make you an editor"
    " and send it again, go on in a copy (%claude_session fork), or give it up."
)
_MEDIA_TYPE = "application/octet-stream"

#: Told with what went wrong last, None once something went well.
Reporter = Callable[[CloudError | StoreError | None], None]


class Drain:
    """The one that sends for all kernels that share a store file; used on one loop.

    Parameters
    ----------
    cloud, replication
        Where to and where from.
    server
        What other servers call this one.
    holder
        Names this kernel among those that share the file.
    dead
        Says whether such a name is known to be a dead kernel's.
    without
        Kinds of rows that stay on this machine.
    watched
        Says whether somebody on another server looks at a session now.
    allowed
        Says whether anything may be sent now.
    report
        Hears of each failure and success.
    on_turn
        Hears whether this kernel is the one that sends, first and whenever that changes.
    crossings
        Finds turns that others crossed.
    """

    def __init__(
        self,
        cloud: Cloud,
        replication: Replication,
        *,
        server: str,
        holder: str,
        dead: Callable[[str], bool] = lambda _: False,
        without: Collection[Kind] = (),
        watched: Callable[[str], bool] = lambda _: False,
        allowed: Callable[[], bool] = lambda: True,
        report: Reporter = lambda _: None,
        on_turn: Callable[[bool], None] = lambda _: None,
        crossings: Crossings | None = None,
    ) -> None:
        self._cloud = cloud
        self._replication = replication
        self._server, self._holder, self._dead = server, holder, dead
        self._without = without
        self._report, self._on_turn = report, on_turn
        self._crossings = crossings or Crossings(cloud, replication)
        self._pace, self._allowed = Pace(watched), allowed
        self._woken = asyncio.Event()
        self._renewed = float("-inf")
        #: Whether this kernel is the one; None until that was asked.
        self._mine: bool | None = None
        #: Why the last batch, or a part of it, was refused.
        self._parked: CloudRefused | None = None

    def wake(self) -> None:
        """Look at the outbox again."""
        self._woken.set()

    def flows(self, *, running: bool) -> bool:
        """Say whether what waits does so by intent: a turn runs, here or in another kernel."""
        return not self._pace.failing and (running or self._pace.holds_back())

    def resume(self) -> None:
        """Try at once what failed: the network is back, or somebody acted."""
        self._pace.resume()
        self._renewed = float("-inf")
        self._woken.set()

    def heard(self, values: Sequence[Value]) -> None:
        """Take notice of what was written to the store, here or in another kernel."""
        for value in values:
            if isinstance(value, SessionInfo):
                self._pace.phase(value.client_id, busy=value.busy)
            elif isinstance(value, Message) and value.type == "result":
                self._pace.phase(value.session_id, busy=False)
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            while True:
                self._woken.clear()
                if not await self._step():
                    await self._rest()
        finally:
            if self._mine:
                self._mine = None
                await asyncio.to_thread(self._replication.drain, self._holder, None)

    async def _step(self) -> bool:
        """Send one batch; False if there is none to send now."""
        try:
            if not await self._may_send():
                return False
            parcels, batch = await asyncio.to_thread(self._collect, self._pace.waiting())
            if parcels:
                await self._send(parcels, batch)
            return bool(parcels)
        except StoreError as error:  # a locked or full disk passes
            _log.warning("The outbox could not be read or written: %s", error)
            self._report(error)
            return False

    def _collect(self, skip: Collection[str]) -> tuple[Sequence[Parcel], Batch | None]:
        """Read what one session has to send, and make a call of it; both at once, as it is fast."""
        parcels = self._replication.parcels(
            limit=BATCH_ROWS, size=BATCH_BYTES, skip=skip, without=self._without
        )
        parcels = cut(parcels) if parcels else parcels
        if not parcels or is_deletion(parcels[0]):
            return parcels, None
        return parcels, self._build(parcels)

    def _build(self, parcels: Sequence[Parcel]) -> Batch:
        batch = build(parcels, self._server)
        self._crossings.ask(batch)
        return batch

    async def _may_send(self) -> bool:
        if self._cloud.state.kind != "online" or self._pace.stopped() or not self._allowed():
            return False
        if time.monotonic() - self._renewed >= HEARTBEAT_SECONDS:
            until = now_ms() + TURN_MS
            mine = await asyncio.to_thread(
                self._replication.drain, self._holder, until, dead=self._dead
            )
            self._renewed = time.monotonic()
            if mine != self._mine:
                self._mine = mine
                self._on_turn(mine)
        return bool(self._mine)

    async def _rest(self) -> None:
        """Wait until something was written, a session's wait is over, or a heartbeat is due."""
        seconds = min(HEARTBEAT_SECONDS, self._pace.next_in())
        try:
            await within(max(seconds, 0.01), self._woken.wait())
        except asyncio.TimeoutError:
            return

    # -- one session's batch ------------------------------------------------------------

    async def _send(self, parcels: Sequence[Parcel], batch: Batch | None) -> None:
        session_id = parcels[0].row.session_id
        self._parked = None
        try:
            await self._try(parcels, batch)
        except (CloudUnreachable, SignedOut) as error:
            self._pace.failed(session_id)
            self._report(error)
        except VersionMismatch as error:
            self._pace.stop()
            self._report(error)
        except (CloudFault, CloudRefused) as error:
            seconds = self._pace.failed(session_id)
            _log.info("Session %s is sent again in %.1f s: %s", session_id, seconds, error)
            self._report(error)
            rows = [parcel.row for parcel in parcels[:1]]
            await asyncio.to_thread(self._replication.postpone, rows, str(error))
        else:
            self._pace.sent(session_id)
            self._report(self._parked)

    async def _try(self, parcels: Sequence[Parcel], batch: Batch | None = None) -> None:
        """Send parcels; where they are refused, find the ones that it is about and park them."""
        try:
            if is_deletion(parcels[0]):
                await self._delete(parcels[0])
            else:
                batch = batch or await asyncio.to_thread(self._build, parcels)
                await self._append(batch)
        except (VersionMismatch, SignedOut):
            raise
        except CloudRefused as error:
            if error.code == "Unauthenticated":
                raise
            if error.code == "Crossed" and batch is not None:
                if not await self._crossings.settle(batch):
                    raise
                return  # all of it is there yet, and goes now
            if len(parcels) > 1 and not _is_of_all(error):
                middle = len(parcels) // 2
                await self._try(parcels[:middle])
                await self._try(parcels[middle:])
            else:
                await self._park(parcels, error)

    async def _park(self, parcels: Sequence[Parcel], error: CloudRefused) -> None:
        why = await asyncio.to_thread(self._why, parcels[0].row.session_id, error)
        kinds = ", ".join(sorted({parcel.row.kind for parcel in parcels}))
        _log.warning("Convex refuses %d rows (%s) for good: %s", len(parcels), kinds, error)
        self._parked = error
        rows = [parcel.row for parcel in parcels]
        await asyncio.to_thread(self._replication.postpone, rows, why, park=True)

    def _why(self, session_id: str, error: CloudRefused) -> str:
        if _is_of_role(error):
            return _ONLY_READS
        if error.code != "NotFound":
            return str(error)
        info = self._replication.as_it_is(session_id)
        return _DELETED if info is None or info.role == "owner" else _ENDED

    async def _delete(self, parcel: Parcel) -> None:
        path, args = deletion(parcel)
        try:
            await self._cloud.mutation(path, args)
        except CloudRefused as error:
            if error.code != "NotFound":
                raise
            # It never got there, or is gone already.
        await asyncio.to_thread(self._replication.acknowledge, [parcel.row])

    async def _append(self, batch: Batch) -> None:
        if batch.archived is not None:
            wish = {"session": batch.session_id, "archived": batch.archived}
            await self._cloud.mutation("sessions:archive", wish)
        if not batch.args:
            await asyncio.to_thread(self._replication.acknowledge, batch.rows)
            return
        try:
            result = await self._call(batch)
        except CloudRefused as error:
            if error.code != "NotFound" or "info" in batch.args:
                raise
            # Its row went up, and isn't there: deleted elsewhere, or another deployment.
            info = await asyncio.to_thread(self._replication.session, batch.session_id)
            if info is None or info.role != "owner":
                raise  # a member's own session of this id would be another one
            batch.args.pop("patch", None)
            batch.args["info"] = session_input(info, self._server)
            result = await self._call(batch)
        await asyncio.to_thread(
            self._replication.acknowledge,
            batch.rows,
            seqs={row["clientId"]: int(row["seq"]) for row in result["seqs"]},
            chunks={row["chunkId"]: int(row["seq"]) for row in result["chunks"]},
            session=session_from(result["session"]),
        )

    async def _call(self, batch: Batch) -> Any:
        if batch.files:
            await self._upload(batch)
        return await self._cloud.mutation("messages:append", batch.call)

    async def _upload(self, batch: Batch) -> None:
        session = {"session": batch.session_id}
        if "info" in batch.args:  # a file belongs to a session that is there
            await self._cloud.mutation("sessions:create", {"session": batch.args["info"]})
        for name, data in batch.files.items():
            known: Any = await self._cloud.query("files:get", {**session, "sha256": name})
            if known is not None:
                continue
            storage_id = await self._cloud.upload(data, _MEDIA_TYPE)
            size = len(data)
            file = {"sha256": name, "storageId": storage_id, "size": size}
            await self._cloud.mutation("files:save", {**session, **file, "mediaType": _MEDIA_TYPE})


def _is_of_all(error: CloudRefused) -> bool:
    """Say whether a refusal is about the session, and not about one row."""
    return error.code == "NotFound" or _is_of_role(error)


def _is_of_role(error: CloudRefused) -> bool:
    said: Any = error.data
    return error.code == "Forbidden" and isinstance(said, dict) and "role" in said
