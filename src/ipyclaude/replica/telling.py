"""Who hears that replication stands another way, and when: also where only time went by."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from .standing import Standing, Sync

#: How often it is looked again while not all is sent, in seconds: what waits grows old, and
#: another kernel may be the one that sends.
LOOK_SECONDS = 1.0


class Teller:
    """Tells listeners on the loop.

    Parameters
    ----------
    standing
        Returns how it stands.
    """

    def __init__(self, standing: Callable[[], Standing]) -> None:
        self._standing = standing
        self._listeners: list[Callable[[], None]] = []
        self._said: Sync | None = None
        self._look: asyncio.TimerHandle | None = None

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when it stands another way; return the unsubscriber."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    def tell(self) -> None:
        """Tell whoever listens that it stands another way."""
        for listener in list(self._listeners):
            listener()
        self._said = self._standing().sync
        if self._said != "synced" and self._look is None:
            loop = asyncio.get_running_loop()
            self._look = loop.call_later(LOOK_SECONDS, self._look_again)

    def wrote(self) -> None:
        """Tell that something was written, if it was said that all is sent."""
        if self._said == "synced":
            self.tell()

    def close(self) -> None:
        """Tell nobody any more."""
        self._listeners.clear()
        if self._look is not None:
            self._look.cancel()

    def _look_again(self) -> None:
        self._look = None
        self.tell()
