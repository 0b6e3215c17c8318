"""What others write, folded into the store while it happens.

A session that is open here is followed by three live queries: its messages behind the last one
that is here, its to-dos, its approvals. The first screen of one that isn't here comes first;
the rest follows from the newest to the oldest, in the background.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from ..exceptions import CloudError, CloudFault, CloudRefused, CloudUnreachable, StoreError
from ..messages import Approval, Value
from ..store.replication import Kind, Replication, Span
from . import Cloud
from .files import files_of
from .rows import approval_from, message_from, todos_from

_log = logging.getLogger(__name__)

PAGE = 100
#: Messages after which a live query is asked anew from there: it reads all that it covers.
RENEW = 20
_AGAIN_SECONDS = 1.0
_LOOK_SECONDS = 0.25

Row = Mapping[str, Any]


async def follow(
    cloud: Cloud, path: str, args: Mapping[str, Any], fold: Callable[[Any], Awaitable[bool]]
) -> None:
    """Hand each result of a live query to `fold` until it returns True, or the query ends.

    Also returns, a moment later, where a result could not be folded in: watch it anew then.
    """
    subscription = cloud.subscribe(path, args)
    try:
        while True:
            try:
                result = await anext(subscription)
            except StopAsyncIteration:
                return
            except CloudError as error:
                _log.info("%s: %s", path, error)
                if isinstance(error, CloudRefused):  # not there yet: the live query will tell
                    continue
                await asyncio.sleep(_AGAIN_SECONDS)  # a fault would stay until something changes
                return
            try:
                if await fold(result):
                    return
            except (CloudError, StoreError) as error:
                _log.warning("What came from Convex could not be kept yet: %s", error)
                await asyncio.sleep(_AGAIN_SECONDS)
                return
    finally:
        await subscription.aclose()


class SessionTail:
    """Follows one session that is open here.

    Parameters
    ----------
    cloud, replication
        Where from and where to.
    session_id
        The session's id.
    me
        Returns the user's own id on the server, whose messages need no author.
    """

    def __init__(
        self,
        cloud: Cloud,
        replication: Replication,
        session_id: str,
        *,
        me: Callable[[], str | None],
    ) -> None:
        self._cloud, self._replication = cloud, replication
        self._session_id = session_id
        self._me = me
        #: The newest messages are here.
        self.ready = asyncio.Event()
        #: All messages are here.
        self.whole = asyncio.Event()
        #: Up to which place the messages are here, and that this has moved on.
        self._top = 0
        self._moved = asyncio.Event()
        self._filling: asyncio.Task[None] | None = None
        #: What is asked again, by kind.
        self._asking: dict[Kind, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Follow until cancelled."""
        session = {"session": self._session_id}
        tasks = [
            asyncio.ensure_future(self._messages()),
            asyncio.ensure_future(_for_ever(self._cloud, "todos:list", session, self._todos)),
            asyncio.ensure_future(
                _for_ever(self._cloud, "approvals:open", session, self._approvals)
            ),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            tasks += self._asking.values()
            tasks += [self._filling] if self._filling is not None else []
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._asking.clear()

    # -- messages -----------------------------------------------------------------------

    async def _messages(self) -> None:
        spans = await asyncio.to_thread(self._replication.spans, self._session_id)
        if not spans:
            await self._first_screen()
        while True:
            spans = await asyncio.to_thread(self._replication.spans, self._session_id)
            top = spans[-1].high if spans else 0
            self._reached(top)
            args = {"session": self._session_id, "after": top}
            await follow(self._cloud, "messages:after", args, self._newer(top))

    async def _first_screen(self) -> None:
        try:
            await self._page(None)
        except CloudError as error:  # not there yet, or no connection: the live query will tell
            _log.info("messages:before: %s", error)
        else:
            self.ready.set()

    def _newer(self, start: int) -> Callable[[Any], Awaitable[bool]]:
        """Return what folds the messages behind `start`; True once it should be asked anew."""
        top = start

        async def fold(page: Any) -> bool:
            nonlocal top
            if page["more"]:  # much that is new: the newest first
                await self._page(None)
                self.ready.set()
                return True
            rows = [row for row in page["messages"] if row["seq"] > top]
            if rows:
                last = int(rows[-1]["seq"])
                await self._merge(rows, Span(top + 1, last))
                top = last
            self.ready.set()
            if not self.whole.is_set():
                self._fill()
            return top - start >= RENEW

        return fold

    async def _page(self, before: int | None, *, tell: bool = True) -> int:
        """Fetch the page that ends before a place, or at the end; return where it begins."""
        args: dict[str, Any] = {"session": self._session_id, "limit": PAGE}
        if before is not None:
            args["before"] = before
        page = await self._cloud.query("messages:before", args)
        rows = page["messages"]
        low = int(rows[0]["seq"]) if page["more"] and rows else 1
        high = before - 1 if before is not None else int(rows[-1]["seq"]) if rows else 0
        if low <= high:
            await self._merge(rows, Span(low, high), tell=tell)
        return low

    async def older(self, before: int, count: int) -> None:
        """See to it that the `count` messages before a place are here.

        Raises
        ------
        CloudError
            They can't be had now.
        """
        while count > 0 and before > 1:
            spans = await asyncio.to_thread(self._replication.spans, self._session_id)
            low = next((s.low for s in spans if s.low < before <= s.high + 1), None)
            if low is None:
                low = await self._page(before, tell=False)
            count -= before - low
            before = low

    def _fill(self) -> None:
        if self._filling is None or self._filling.done():
            self._filling = asyncio.ensure_future(self._fill_gaps())

    async def _fill_gaps(self) -> None:
        """Fetch what is missing, the newest first, until all is here."""
        while True:
            spans = await asyncio.to_thread(self._replication.spans, self._session_id)
            gap = next((span.low for span in reversed(spans) if span.low > 1), None)
            if gap is None:
                self.whole.set()
                return
            try:
                await self._page(gap, tell=False)
            except (CloudError, StoreError) as error:
                _log.info("Older messages could not be fetched yet: %s", error)
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _merge(self, rows: Sequence[Row], span: Span, *, tell: bool = True) -> None:
        files = await files_of(self._cloud, self._session_id, rows)
        session_id, me = self._session_id, self._me()

        def merge() -> None:
            values = [
                message_from(row, session_id, me=me, file=files.get(row.get("file", "")))
                for row in rows
            ]
            self._replication.merge(values, span=(session_id, span), tell=tell)

        await asyncio.to_thread(merge)
        self._reached(span.high)

    def _reached(self, seq: int) -> None:
        self._top = max(self._top, seq)
        self._moved.set()

    async def reach(self, seq: int) -> None:
        """Wait until the messages up to a place are here."""
        while self._top < seq:
            self._moved.clear()
            await self._moved.wait()

    # -- to-dos, approvals ---------------------------------------------------------------

    async def _todos(self, rows: Any) -> bool:
        todos = todos_from(rows, self._session_id)
        if await asyncio.to_thread(self._replication.merge, [todos]):
            self._ask_again("todos", "todos:list", self._todos)
        return False

    async def _approvals(self, rows: Any) -> bool:
        files = await files_of(self._cloud, self._session_id, rows)
        read = [
            approval_from(row, self._session_id, file=files.get(row.get("file", "")))
            for row in rows
        ]
        values: list[Value] = [value for value in read if isinstance(value, Approval)]
        if await asyncio.to_thread(self._replication.merge, values):
            self._ask_again("approval", "approvals:open", self._approvals)
        return False

    def _ask_again(self, kind: Kind, path: str, fold: Callable[[Any], Awaitable[bool]]) -> None:
        """Look again once our own change was sent: the result that we left out may be newer."""

        async def ask() -> None:
            unsent = self._replication.has_unsent
            # No event tells of it: another kernel may be the one that sends.
            while await asyncio.to_thread(unsent, self._session_id, kind):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_SECONDS)
            del self._asking[kind]
            try:
                await fold(await self._cloud.query(path, {"session": self._session_id}))
            except (CloudUnreachable, CloudFault) as error:
                _log.info("%s: %s", path, error)
                await asyncio.sleep(_AGAIN_SECONDS)
                self._ask_again(kind, path, fold)

        async def ask_or_say() -> None:
            try:
                await ask()
            except (CloudError, StoreError) as error:
                _log.warning("%s: %s", path, error)

        if kind not in self._asking:
            self._asking[kind] = asyncio.ensure_future(ask_or_say())


async def _for_ever(
    cloud: Cloud, path: str, args: Mapping[str, Any], fold: Callable[[Any], Awaitable[bool]]
) -> None:
    while True:
        await follow(cloud, path, args, fold)
