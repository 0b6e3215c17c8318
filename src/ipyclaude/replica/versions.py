"""What the deployment says of itself and of us, as it is now: its functions' version, our user.

A client of another version doesn't write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..api_version import API_VERSION, mismatch
from ..exceptions import VersionMismatch
from . import Cloud
from .tail import follow


class Versions:
    """Watches the functions' version, which changes while we run when somebody deploys.

    A call that other functions don't understand fails like one that met a bug in them, so
    their version has to be asked for. Who we are comes along: that changes when the identity
    is linked to another one.

    Parameters
    ----------
    cloud
        The deployment.
    on_change
        Called when writing is refused from now on, or allowed again.
    on_user
        Called with the id of our user there, None if there is none, whenever it is told.
    """

    def __init__(
        self, cloud: Cloud, on_change: Callable[[], None], on_user: Callable[[str | None], None]
    ) -> None:
        self._cloud, self._on_change, self._on_user = cloud, on_change, on_user
        #: Why nothing may be written; None while the versions agree.
        self.refusal: VersionMismatch | None = None

    async def run(self) -> None:
        """Watch until cancelled."""
        await follow(self._cloud, "users:me", {}, self._fold)

    async def _fold(self, me: Any) -> bool:
        api = int(me["api"])
        refusal = None if api == API_VERSION else mismatch(api)
        changed = (refusal is None) != (self.refusal is None)
        self.refusal = refusal
        if changed:
            self._on_change()
        self._on_user(me["user"] and str(me["user"]["userId"]))
        return False
