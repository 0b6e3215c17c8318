"""Two identities of one person: a code made as the one, redeemed as the other, agreed by both."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from ..codes import hash_of, make_code, plain
from ..exceptions import CloudError, CloudRefused
from ..times import clock
from . import Cloud
from ._within import within

#: How long `standing` waits for the server, in seconds.
PATIENCE = 3.0


@dataclass(frozen=True)
class Who:
    """An identity: `id` is its issuer, `|`, and its name there."""

    id: str
    name: str = ""
    #: It is the one that is signed in here.
    here: bool = False

    @property
    def issuer(self) -> str:
        """Who vouches for it."""
        return self.id.partition("|")[0]

    @property
    def subject(self) -> str:
        """What it is called there."""
        return self.id.partition("|")[2]


@dataclass(frozen=True)
class Linked:
    """All identities of the person here, and who redeemed a code of theirs, to be confirmed."""

    identities: tuple[Who, ...]
    redeemed_by: Who | None = None


@dataclass(frozen=True)
class Code:
    """A code that was made, and its end in epoch ms."""

    text: str
    expires_at: float


class Linking:
    """What a person does to link identities.

    Raises
    ------
    CloudError
        From every method: it can't be had now, or was refused.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def mine(self) -> Linked:
        """Return the identities of the person here."""
        said: Any = await self._cloud.query("linking:mine", {})
        identities = [Who(row["tokenIdentifier"], here=row["here"]) for row in said["identities"]]
        link: dict[str, Any] = said["link"] or {}
        return Linked(tuple(identities), _who(link["other"]) if "other" in link else None)

    async def standing(self) -> Linked | None:
        """Return the same, None where it can't be had now."""
        try:
            return await within(PATIENCE, self.mine())
        except (CloudError, asyncio.TimeoutError):  # `status` says why
            return None

    async def start(self) -> Code:
        """Make a code; one that was made before is void."""
        code = make_code()
        said = _taken(await self._write("start", codeHash=hash_of(code)))
        return Code(code, float(said["expiresAt"]))

    async def look(self, code: str) -> Who:
        """Return who made a code."""
        return _who(_taken(await self._write("redeem", code=plain(code)))["maker"])

    async def redeem(self, code: str, maker: Who) -> None:
        """Agree that its maker is the same person; the maker has to confirm."""
        _taken(await self._write("redeem", code=plain(code), agreed=maker.id))

    async def confirm(self, other: Who) -> None:
        """Agree that who redeemed the code is the same person: all is theirs together."""
        await self._write("confirm", identity=other.id)

    async def cancel(self) -> None:
        """Void a code, redeemed or not."""
        await self._write("cancel")

    async def unlink(self, identity: Who) -> None:
        """Let an identity be nobody's; all that there is stays with the others."""
        await self._write("unlink", identity=identity.id)

    async def _write(self, name: str, **args: str) -> Any:
        return await self._cloud.mutation(f"linking:{name}", args)


def _who(row: Any) -> Who:
    return Who(str(row["tokenIdentifier"]), str(row["name"]))


def _taken(said: Any) -> Any:
    """Return an answer, unless it is a refusal."""
    code = said.get("refused")
    if code is None:
        return said
    if code == "OwnCode":
        raise CloudRefused(
            "That code is your own.",
            fix="Redeem it where you are signed in as your other identity.",
            code=code,
        )
    if code == "RateLimited":
        at = clock(float(said["retryAt"]))
        raise CloudRefused(
            "There were too many codes.",
            why="Only so many may be made and tried in an hour.",
            fix=f"Try again after {at}.",
            code=code,
        )
    raise CloudRefused(
        "That code can't be used.",
        why="It was mistyped, used before, or made more than ten minutes ago.",
        fix="Make a new one where you made this: %claude_session link.",
        code=code,
    )
