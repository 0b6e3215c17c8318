"""Who signs in to the deployment, and that the store's file belongs to that account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from ..exceptions import CloudError, CloudRefused, IpyClaudeError, StoreError
from ..messages import now_ms
from ..store.replication import Replication
from ..store.sqlite import SqliteStore
from . import Cloud
from .standing import another_account

Claim = Callable[[Replication, str, Collection[str]], str]

AGAIN_SECONDS = 5.0


class Account:
    """This machine's person, as the server knows them."""

    def __init__(
        self,
        cloud: Cloud,
        store: SqliteStore,
        replication: Replication,
        *,
        url: str,
        claim: Claim,
        report: Callable[[IpyClaudeError], None],
    ) -> None:
        self._cloud, self._store, self._replication = cloud, store, replication
        self._url, self._claim, self._report = url, claim, report
        #: The user's id; None until the server was asked.
        self.me: str | None = None
        #: What the server calls this machine's person; empty until it was asked.
        self.name = ""
        #: By how much the server's clock is ahead of ours, in ms.
        self.ahead = 0.0
        #: Why nothing is replicated until somebody acts.
        self.refusal: IpyClaudeError | None = None
        self.signed_in = asyncio.Event()
        #: The user that our identity was last said to be.
        self._told: str | None = None

    @property
    def is_another(self) -> bool:
        """Whether the store belongs to another account than the one that is signed in."""
        refusal = self.refusal
        return isinstance(refusal, CloudRefused) and refusal.code == "AnotherAccount"

    async def sign_in(self) -> None:
        """Learn who we are there, and that this file belongs to that account."""
        while not self.signed_in.is_set():
            try:
                user = await self._cloud.mutation("users:ensure", {})
                account, *former = (
                    f"{self._url} {each}" for each in (user["userId"], *user["formerly"])
                )
                stands = await asyncio.to_thread(self._claim, self._replication, account, former)
                if stands != account:
                    raise another_account(self._store, stands)
            except (CloudError, StoreError) as error:
                refused = isinstance(error, CloudRefused)
                self.refusal = error if refused else None
                self._report(error)
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                self.refusal = None
                self.me, self.name = user["userId"], user["name"]
                self.ahead = user["now"] - now_ms()
                self.signed_in.set()

    def forget(self) -> None:
        """Be nobody, until `sign_in` learns who is signed in now."""
        self.signed_in.clear()
        self.me = self._told = None

    def becomes_another(self, user: str | None) -> bool:
        """Note whose our identity is said to be; say whether it was linked, or unlinked."""
        told, self._told = self._told, user
        return told not in (None, user) or (user is not None and self.me not in (None, user))
