"""The issuer on real hubs: who gets a token, who doesn't, and what it survives."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import time
from http import HTTPStatus
from pathlib import Path

import httpx
import psutil
import pytest
from hubs import Hub
from joserfc.errors import JoseError

from ipyclaude.exceptions import TokenUnavailable
from ipyclaude.hub.keys import JWKS_MAX_AGE
from ipyclaude.identity.jupyterhub import JupyterHubToken

OWN = ["access:services!service=ipyclaude"]


def test_a_kernel_is_signed_in_without_a_click(hub: Hub) -> None:
    """In a single-user server nothing is set up: the kernel's token is its user's (S5)."""
    hub.spawn("ada")
    with hub.kernel("ada") as kernel:
        shown = kernel.run(
            "from pathlib import Path\n"
            "from ipyclaude.identity.choose import Identity, choose\n"
            "from ipyclaude.settings import IPyClaude\n"
            "identity = Identity(lambda: choose(IPyClaude.load()))\n"
            "token = await identity.token(False)\n"
            "_ = Path('token').write_text(token.reveal())\n"
            "print(identity.choice.words, token)\n"
            "token"
        )
    given = hub.state / "home" / "ada" / "token"
    hub.secrets.append(given.read_text())
    given.unlink()
    assert "The JupyterHub's user 'ada'." in shown
    claims = hub.verify(hub.secrets[-1])
    assert (claims["iss"], claims["sub"]) == (hub.url, "ada")
    issued = hub.audit()[-1]
    assert (issued["event"], issued["user"], issued["jti"]) == ("issued", "ada", claims["jti"])
    assert issued["server"] == "ada/"


def test_a_token_names_its_owner_on_its_hub(hub: Hub, other: Hub) -> None:
    """Bob's token makes Bob's; the same name on another hub is another person (S5)."""
    for place in (hub, other):
        token, _ = place.add_token("bob", scopes=OWN)
        minted = place.trade(token).json()["token"]
        assert place.verify(minted)["sub"] == "bob"
        stranger = other if place is hub else hub
        assert stranger.trade(token).status_code == HTTPStatus.UNAUTHORIZED
        with pytest.raises(JoseError):
            stranger.verify(minted)


def test_a_token_without_the_scope_is_refused(hub: Hub) -> None:
    """What a user made for something else can't be traded."""
    token, _ = hub.add_token("ada", scopes=["read:users!user"])
    reply = hub.trade(token)
    assert (reply.status_code, reply.json()["error"]) == (HTTPStatus.FORBIDDEN, "no_access")


def test_a_service_is_nobody(hub: Hub) -> None:
    """A service of the hub has all rights here, and yet no identity in Convex."""
    reply = hub.trade(hub.api.headers["Authorization"].removeprefix("token "))
    assert (reply.status_code, reply.json()["error"]) == (HTTPStatus.FORBIDDEN, "no_user")


def test_a_replayed_token_buys_nothing(hub: Hub) -> None:
    """A minted token can't be traded for another, and a revoked hub token ends at once."""
    token, token_id = hub.add_token("ada", scopes=OWN)
    minted = hub.trade(token).json()["token"]
    assert hub.trade(minted).status_code == HTTPStatus.UNAUTHORIZED
    assert httpx.get(
        f"{hub.url}/hub/api/user", headers={"Authorization": f"token {minted}"}
    ).status_code == (HTTPStatus.FORBIDDEN)
    hub.drop_token("ada", token_id)
    assert hub.trade(token).status_code == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("change", ["sub", "alg", "key"])
def test_a_forged_token_is_refused(hub: Hub, other: Hub, change: str) -> None:
    """Another `sub`, `alg: none`, or a key that isn't published: none is valid."""
    token, _ = hub.add_token("ada", scopes=OWN)
    head, claims, seal = hub.trade(token).json()["token"].split(".")
    if change == "sub":
        said = json.loads(base64.urlsafe_b64decode(claims + "=="))
        claims = _encoded({**said, "sub": "bob"})
    elif change == "alg":
        head, seal = _encoded({"alg": "none", "typ": "JWT", "kid": "x"}), ""
    jwks = other.jwks() if change == "key" else hub.jwks()
    with pytest.raises((JoseError, ValueError)):
        hub.verify(f"{head}.{claims}.{seal}", jwks)


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_it_survives_a_crash(hub: Hub) -> None:
    """The hub starts the issuer again, with the same key: nobody is signed out."""
    token, _ = hub.add_token("ada", scopes=OWN)
    before, jwks = hub.trade(token).json()["token"], hub.jwks()
    process = psutil.Process(hub.issuer_pid())
    process.kill()
    hub.until(lambda: hub.issuer_pid() not in (None, process.pid))
    hub.ready()
    assert hub.jwks() == jwks
    assert hub.verify(before)["sub"] == hub.verify(hub.trade(token).json()["token"])["sub"]


def test_keys_rotate_without_a_break(hub: Hub) -> None:
    """A new key is published first, then signs; what the old one signed stays valid."""
    token, _ = hub.add_token("ada", scopes=OWN)
    program = Path(sys.executable).parent / "ipyclaude"
    old = hub.trade(token).json()["token"]
    subprocess.run([program, "hub", "rotate", hub.key_file], check=True, capture_output=True)
    jwks = hub.jwks()
    assert len(jwks["keys"]) == 2
    assert _kid(hub.trade(token).json()["token"]) == _kid(old)
    _make_older(hub.key_file, JWKS_MAX_AGE)
    new = hub.trade(token).json()["token"]
    assert _kid(new) == jwks["keys"][1]["kid"] != _kid(old)
    for each in (old, new):
        assert hub.verify(each)["sub"] == "ada"


def _kid(token: str) -> str:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]


def _make_older(path: Path, seconds: float) -> None:
    """Let the keys' time pass."""
    said = json.loads(path.read_text())
    for key in said["keys"]:
        key["created"] -= seconds
    path.write_text(json.dumps(said))


def test_a_thousand_kernels_renew_at_once(hub: Hub) -> None:
    """Ten people with a hundred kernels each ask in the same moment, and none is refused."""
    tokens: list[str] = []
    for number in range(10):
        hub.add_user(f"user{number}")
        tokens.append(hub.add_token(f"user{number}", scopes=OWN)[0])

    async def renew() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(limits=limits, timeout=300) as http:
            asked = (
                http.post(f"{hub.service}/token", headers={"Authorization": f"token {token}"})
                for token in tokens
                for _ in range(100)
            )
            return await asyncio.gather(*asked)

    replies = asyncio.run(renew())
    minted = {reply.json()["token"] for reply in replies if reply.is_success}
    hub.secrets += minted
    assert len(minted) == 1000


def test_the_hub_goes_and_comes_back(other: Hub) -> None:
    """With the hub down a kernel's token serves until it ends; afterwards it goes on (S14)."""
    token, _ = other.add_token("ada", scopes=OWN)
    ahead = [0.0]
    source = JupyterHubToken(
        f"{other.service}/token", lambda: token, now=lambda: (time.time() + ahead[0]) * 1000
    )
    first = asyncio.run(source.token(False))
    assert first is not None
    other.stop()
    assert asyncio.run(source.token(True)) == first
    ahead[0] = 481.0
    with pytest.raises(TokenUnavailable, match="kept and sent later"):
        asyncio.run(source.token(False))
    other.start()
    other.ready()
    again = asyncio.run(source.token(False))
    assert again is not None
    other.secrets += [first.reveal(), again.reveal()]
    assert other.verify(again.reveal())["sub"] == "ada"
