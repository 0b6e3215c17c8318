"""The replica as a kernel uses it: built on the loop, asked from any thread.

Loaded only where `convex_url` is set; without it there is no network and no import of it (S8).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from .engine.forking import fold_summary
from .exceptions import CloudError, MemoryMissing
from .holders import dead, dead_here
from .identity.choose import Identity
from .messages import SessionInfo, now_ms
from .replica.account import Claim
from .replica.convex import ConvexClient
from .replica.linking import Linking
from .replica.people import People, writer
from .replica.replica import Replica
from .replica.sharing import Sharing
from .replica.transcripts import ReplicatedTranscripts
from .roles import check_may_write, check_owns
from .runtime import Runtime
from .settings import IPyClaude
from .store.sqlite import SqliteStore

#: How long a cell waits for a long session's old messages, in seconds.
PATIENCE = 30.0
#: How long the end of a turn that was taken over is waited for, and how often it is looked for.
_ENDING_SECONDS = 5.0
_LOOK_SECONDS = 0.1


class Syncing:
    """One kernel's replica, from its start to its end.

    Parameters
    ----------
    settings, store, runtime, identity
        The kernel's.
    holder
        Names this kernel among those that share the store file.
    claim
        Binds the store to an account.

    Raises
    ------
    SettingsError
        The address is none, or the way to sign in is not there.
    """

    def __init__(
        self,
        settings: IPyClaude,
        store: SqliteStore,
        runtime: Runtime,
        identity: Identity,
        *,
        holder: str,
        claim: Claim,
    ) -> None:
        self._runtime, self._store, self._holder = runtime, store, holder
        self._cloud = ConvexClient(settings.convex_url, identity)
        self.linking = Linking(self._cloud)
        self._unheard = identity.on_change(self._signed)
        self.transcripts = ReplicatedTranscripts(
            store, fold=fold_summary, cloud=self._cloud, wrote=lambda: self.replica.wrote()
        )
        self.replica = Replica(
            self._cloud,
            store,
            self.transcripts,
            url=settings.convex_url,
            server=settings.server_label,
            holder=holder,
            dead=dead,
            dead_here=dead_here,
            replicate_transcripts=settings.replicate_transcripts,
            claim=claim,
        )
        self.sharing = Sharing(self._cloud, self.replica.replication)

    def start(self, on_change: Callable[[], None]) -> None:
        """Begin; `on_change` is called on the loop when it stands another way."""
        self.replica.on_change(on_change)
        self._runtime.run(self.replica.start())

    def _signed(self) -> None:
        self._runtime.submit(self.replica.sign_in_anew())

    def close(self) -> None:
        """End it; what waits stays in the outbox."""
        self._unheard()
        self._runtime.run(self.replica.close(), timeout=10)

    def opened(self, info: SessionInfo) -> None:
        """Follow a session that was opened here (any thread)."""
        self._runtime.loop.call_soon_threadsafe(self.replica.open, info)

    def left(self, session_id: str) -> None:
        """Follow a session no more (any thread)."""
        self._runtime.loop.call_soon_threadsafe(self.replica.leave, session_id)

    def release(self, info: SessionInfo, *, is_open: bool) -> None:
        """Let a session that is only here go, and all that it holds (any thread).

        Raises
        ------
        NotAllowed
            It is somebody else's, and is not shared with this person any more.
        """
        check_may_write(info)
        if info.local:
            info = info.model_copy(update={"local": False, "keep_local": False})
            self._store.put(info)
        if is_open:
            self.opened(info)

    def settle(self) -> None:
        """Wait until the sessions of other servers are listed here, if they can be had."""
        self._runtime.run(self.replica.settled())

    def complete(self, session_id: str) -> None:
        """Wait until all of an open session is here, if it can be had."""
        self._runtime.run(self.replica.whole(session_id, PATIENCE))

    async def bring(self, info: SessionInfo) -> None:
        """Bring all of a session here, Claude's memory too, as far as it can be had."""
        await self.replica.whole(info.client_id, PATIENCE)
        if info.claude_session_id and not info.local:
            with contextlib.suppress(CloudError):
                await self.transcripts.fetch(info.claude_session_id)

    def fetch_memory(self, info: SessionInfo, *, needed: bool) -> None:
        """Bring Claude's memory of a session here.

        Raises
        ------
        MemoryMissing
            It is nowhere, and `needed`.
        """
        claude_id = info.claude_session_id
        if info.local or claude_id is None:
            return
        why = "The server where it was made doesn't replicate it, or has not sent it yet."
        try:
            self._runtime.run(self.transcripts.fetch(claude_id))
        except CloudError as error:
            why = f"It is not on this machine, and {error.what[:1].lower()}{error.what[1:]}"
        if needed and not self.transcripts.has(claude_id):
            raise MemoryMissing(
                f"Claude's memory of session {info.name!r} can't be had here.",
                why=why,
                fix="Ask again later, or go on in a copy without it: %claude_session fork.",
            )

    def people(self, session_id: str) -> People:
        """Say who else has a session open, and who writes in it."""
        now = now_ms() + self.replica.ahead
        asked = writer(self._cloud, session_id, holder=self._holder, now=now)
        return People(self.replica.company.presence.others(session_id), self._runtime.run(asked))

    async def take_over(self, info: SessionInfo) -> None:
        """End the turn that a member runs in one's own session; what it brought is kept.

        Raises
        ------
        NotAllowed
            The session is somebody else's.
        CloudError
            The server can't be asked, or refuses.
        """
        check_owns(info, "take it over")
        await self.replica.company.lease(info.client_id).take_over()
        until = time.monotonic() + _ENDING_SECONDS
        while time.monotonic() < until:  # a server that is gone tells of no end
            stands = await asyncio.to_thread(self._store.session, info.client_id)
            if stands is None or not stands.busy:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    def note_use(self) -> None:
        """Let the store know what was used up to now."""
        self._runtime.run(self.replica.note_use())

    def retry(self, session_id: str | None) -> int:
        """Try again what was refused; return how many changes."""
        return self._on_loop(lambda: self.replica.retry(session_id))

    def drop(self, session_id: str | None) -> int:
        """Give up sending what was refused; return how many changes."""
        return self._on_loop(lambda: self.replica.drop(session_id))

    def _on_loop(self, call: Callable[[], int]) -> int:
        async def run() -> int:
            return call()

        return self._runtime.run(run())
