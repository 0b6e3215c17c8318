"""The issuer on loopback and the kernel's side of the trade; what a hub says is given here."""

from __future__ import annotations

import io
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from issued import Clock
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import HTTPError

from ipyclaude.exceptions import SettingsError, SignedOut, TokenUnavailable
from ipyclaude.hub import ACCESS_SCOPE, AUDIENCE
from ipyclaude.hub.__main__ import Options
from ipyclaude.hub.audit import Audit
from ipyclaude.hub.issuer import Issuer, Minted
from ipyclaude.hub.keys import KeyFile
from ipyclaude.hub.service import Desk, Limiter, make_app
from ipyclaude.identity.jupyterhub import JupyterHubToken
from ipyclaude.messages import now_ms
from ipyclaude.testing.token_contract import Issuing, RenewingTokenContract
from ipyclaude.testing.verifying import verify

HUB = "https://hub.example.org"
ADA: dict[str, Any] = {
    "kind": "user",
    "name": "ada",
    "token_id": "a12",
    "scopes": [ACCESS_SCOPE, "access:servers!server=ada/"],
}
HUB_TOKEN = "hub-token-of-ada"


@dataclass
class Counter:
    """An issuer on loopback, and the hub behind it."""

    folder: Path
    users: dict[str, Mapping[str, Any]] = field(default_factory=lambda: {HUB_TOKEN: ADA})
    down: bool = False
    url: str = ""
    log: io.StringIO = field(default_factory=io.StringIO)
    minted: list[str] = field(default_factory=list[str])
    clock: Callable[[], float] | None = None
    per_user: int = 120

    async def whose(self, token: str) -> Mapping[str, Any] | None:
        if self.down:
            raise HTTPError(500)
        return self.users.get(token)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Counter]:
        keys = KeyFile(self.folder / "keys.json")
        issuer = Issuer(HUB, keys) if self.clock is None else Issuer(HUB, keys, now=self.clock)
        mint = issuer.mint

        def keeping(user: Mapping[str, Any]) -> Minted:
            made = mint(user)
            self.minted.append(made.token)
            return made

        issuer.mint = keeping
        desk = Desk(
            issuer,
            self.whose,
            Audit(self.log),
            Limiter(per_user=self.per_user, refused_per_address=3),
            frozenset({ACCESS_SCOPE}),
        )
        socket, port = bind_unused_port()
        server = HTTPServer(make_app(desk, "/services/ipyclaude/"))
        server.add_socket(socket)
        self.url = f"http://127.0.0.1:{port}/services/ipyclaude"
        try:
            yield self
        finally:
            server.stop()
            await server.close_all_connections()

    def source(self, token: str = HUB_TOKEN, now: Callable[[], float] = now_ms) -> JupyterHubToken:
        return JupyterHubToken(f"{self.url}/token", lambda: token, now=now)

    def claims(self, token: str) -> dict[str, Any]:
        jwks = Issuer(HUB, KeyFile(self.folder / "keys.json")).jwks()
        return verify(token, jwks, issuer=HUB, audience=AUDIENCE)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


async def ask(url: str, token: str | None = HUB_TOKEN, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"token {token}"} if token else {}
    async with httpx.AsyncClient() as http:
        return await http.post(f"{url}/token", headers=headers, **more)


@pytest.mark.asyncio
class TestJupyterHubToken(RenewingTokenContract):
    @asynccontextmanager
    async def issuing(self, tmp_path: Path) -> AsyncGenerator[Issuing]:
        clock = Clock(now_ms)
        async with Counter(tmp_path).open() as counter:
            yield Issuing(
                counter.source(now=clock),
                lambda: counter.minted,
                sign_out=counter.users.clear,
                break_it=lambda: setattr(counter, "down", True),
                mend_it=lambda: setattr(counter, "down", False),
                advance=clock.advance,
                secrets=[HUB_TOKEN],
            )


@pytest.mark.asyncio
async def test_a_token_says_what_convex_looks_at(tmp_path: Path) -> None:
    """Header and claims are those of `customJwt`; whoever has the public keys can verify it."""
    async with Counter(tmp_path).open() as counter:
        reply = (await ask(counter.url)).json()
        async with httpx.AsyncClient() as http:
            jwks = await http.get(f"{counter.url}/jwks.json")
    claims = verify(reply["token"], jwks.json(), issuer=HUB, audience=AUDIENCE)
    assert claims["sub"] == "ada"
    assert claims["exp"] - claims["iat"] == 600
    assert claims["exp"] - time.time() == pytest.approx(reply["expires_in"], abs=5)
    assert jwks.headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.asyncio
async def test_two_tokens_differ_in_their_number_only(tmp_path: Path) -> None:
    """Claims but `iat`, `exp` and `jti` stay, or Convex would run every query again."""
    async with Counter(tmp_path).open() as counter:
        for _ in range(2):
            await ask(counter.url)
    one, two = (counter.claims(token) for token in counter.minted)
    differ = {name for name in one if one[name] != two[name]}
    assert "jti" in differ
    assert differ <= {"jti", "iat", "exp"}


@pytest.mark.asyncio
async def test_nobody_can_ask_for_another(tmp_path: Path) -> None:
    """Whatever else is sent, the token is the caller's own (S5)."""
    async with Counter(tmp_path).open() as counter:
        extras: list[dict[str, Any]] = [
            {"params": {"user": "bob", "sub": "bob"}},
            {"json": {"user": "bob", "sub": "bob", "name": "bob"}},
            {"data": {"sub": "bob"}},
        ]
        for more in extras:
            assert (await ask(counter.url, **more)).status_code == 200
    assert {counter.claims(token)["sub"] for token in counter.minted} == {"ada"}


@pytest.mark.asyncio
async def test_a_token_comes_by_the_header_alone(tmp_path: Path) -> None:
    """Not from the URL, nor a cookie, nor by GET: no page and no access log carries one (S6)."""
    async with Counter(tmp_path).open() as counter:
        place = f"{counter.url}/token"
        async with httpx.AsyncClient(cookies={"jupyterhub-services": HUB_TOKEN}) as http:
            answers = [
                await http.post(place, params={"token": HUB_TOKEN}),
                await http.post(place, data={"token": HUB_TOKEN}),
                await http.post(place),
                await http.post(place, headers={"Authorization": "Basic x"}),
                await http.get(place, headers={"Authorization": f"token {HUB_TOKEN}"}),
            ]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 405]
    assert counter.minted == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("user", "status", "reason"),
    [
        (None, 401, "bad_token"),
        ({**ADA, "kind": "service"}, 403, "no_user"),
        ({**ADA, "scopes": ["access:servers!server=ada/"]}, 403, "no_access"),
        ({**ADA, "scopes": ["access:services!service=other"]}, 403, "no_access"),
    ],
)
async def test_who_has_no_right_gets_none(
    tmp_path: Path, user: Mapping[str, Any] | None, status: int, reason: str
) -> None:
    """An unknown token, a service's, one without the scope: refused, and the kernel says so."""
    async with Counter(tmp_path).open() as counter:
        counter.users = {HUB_TOKEN: user} if user else {}
        answer = await ask(counter.url)
        with pytest.raises(SignedOut) as caught:
            await counter.source().token(False)
    assert (answer.status_code, answer.json()["error"]) == (status, reason)
    assert caught.value.why == answer.json()["message"]
    assert caught.value.fix
    assert counter.minted == []


@pytest.mark.asyncio
async def test_guessing_is_slowed_and_harms_nobody_else(tmp_path: Path) -> None:
    """An address whose tokens are refused again and again waits; a limit per user holds too."""
    counter = Counter(tmp_path, per_user=2)
    async with counter.open():
        statuses = [(await ask(counter.url)).status_code for _ in range(3)]
        guesses = [(await ask(counter.url, f"guess-{n}")) for n in range(4)]
    assert statuses == [200, 200, 429]
    assert [guess.status_code for guess in guesses] == [401, 401, 401, 429]
    assert 0 < int(guesses[-1].headers["Retry-After"]) <= 60


@pytest.mark.asyncio
async def test_the_audit_log_tells_all_but_secrets(tmp_path: Path) -> None:
    """Who got which token from which server, and who was refused why; no token (S6)."""
    async with Counter(tmp_path).open() as counter:
        await ask(counter.url)
        await ask(counter.url, "another-hub-token")
    issued, refused = counter.events()
    assert {"event": "issued", "user": "ada", "server": "ada/", "hub_token": "a12"}.items() <= (
        issued.items()
    )
    assert issued["jti"]
    assert (refused["event"], refused["reason"]) == ("refused", "bad_token")
    shown = counter.log.getvalue()
    assert not any(secret in shown for secret in (*counter.minted, HUB_TOKEN, "another-hub-token"))


@pytest.mark.asyncio
@pytest.mark.parametrize("skew", [-120.0, 120.0])
async def test_a_kernels_clock_may_be_wrong(tmp_path: Path, skew: float) -> None:
    """With the kernel's clock two minutes off, it renews while the token is still valid."""
    clock = Clock(lambda: now_ms() + skew * 1000)
    async with Counter(tmp_path).open() as counter:
        source = counter.source(now=clock)
        first = await source.token(False)
        assert first is not None
        assert first.expires_at == pytest.approx(clock() + 480_000, abs=5_000)
        clock.advance(280)
        assert await source.token(False) == first
        clock.advance(10)
        assert await source.token(False) != first


@pytest.mark.parametrize("skew", [-120.0, 120.0])
def test_the_hubs_clock_may_be_wrong(tmp_path: Path, skew: float) -> None:
    """With the hub two minutes off, a token is valid from now until after it was renewed."""
    issuer = Issuer(HUB, KeyFile(tmp_path / "keys.json"), now=lambda: time.time() + skew)
    token = issuer.mint(ADA).token
    for later in (0, issuer.lifetime * 0.6):
        verify(
            token,
            issuer.jwks(),
            issuer=HUB,
            audience=AUDIENCE,
            now=lambda later=later: time.time() + later,
        )


@pytest.mark.asyncio
async def test_the_kernel_goes_on_until_the_end_and_then_says_so(tmp_path: Path) -> None:
    """With the hub down the last token serves until it ends; then it can't be had for now (S14)."""
    clock = Clock(now_ms)
    async with Counter(tmp_path).open() as counter:
        source = counter.source(now=clock)
        first = await source.token(False)
        counter.down = True
        clock.advance(470)
        assert await source.token(True) == first
        clock.advance(20)
        with pytest.raises(TokenUnavailable, match="hub"):
            await source.token(False)
        counter.down = False
        assert await source.token(False) is not None


@pytest.mark.asyncio
async def test_a_service_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A wrong address, or the issuer's place taken by something else, is no sign-out."""
    async with Counter(tmp_path).open() as counter:
        gone = counter.source()
        elsewhere = JupyterHubToken(f"{counter.url}/health", lambda: HUB_TOKEN)
        with pytest.raises(TokenUnavailable, match="Method Not Allowed"):
            await elsewhere.token(False)
    with pytest.raises(TokenUnavailable, match="could not be reached") as caught:
        await gone.token(False)
    assert HUB_TOKEN not in str(caught.value)


def test_options_are_read_and_checked() -> None:
    """The issuer must be named; a wrong number is told by its name."""
    read = Options.read({"IPYCLAUDE_HUB_ISSUER": HUB, "IPYCLAUDE_HUB_LIFETIME": "60"})
    assert (read.issuer, read.lifetime, read.audience) == (HUB, 60, AUDIENCE)
    assert Options.read({"JUPYTERHUB_PUBLIC_HUB_URL": HUB}).issuer == HUB
    with pytest.raises(SettingsError, match="no name"):
        Options.read({})
    with pytest.raises(SettingsError, match="ROTATE_DAYS"):
        Options.read({"IPYCLAUDE_HUB_ISSUER": HUB, "IPYCLAUDE_HUB_ROTATE_DAYS": "monthly"})


def test_hubs_may_share_a_name_and_a_key(tmp_path: Path) -> None:
    """With a common identity provider its person simply is the same one on both hubs: tokens of
    either are good by the keys of either, and name the same issuer and subject.
    """
    KeyFile(tmp_path / "keys.json").load()
    keys = (tmp_path / "keys.json").read_text()
    name = "https://people.test"
    shared = {"IPYCLAUDE_HUB_ISSUER": name, "IPYCLAUDE_HUB_KEYS": keys}
    hubs = [
        Options.read({**shared, "JUPYTERHUB_PUBLIC_HUB_URL": f"https://{hub}.test"})
        for hub in ("one", "two")
    ]
    one, two = (Issuer(hub.issuer, hub.make_keys()) for hub in hubs)
    said = [
        verify(issuer.mint(ADA).token, other.jwks(), issuer=name, audience=AUDIENCE)
        for issuer, other in ((one, two), (two, one))
    ]
    assert {(claims["iss"], claims["sub"]) for claims in said} == {(name, "ada")}


def test_no_token_lives_longer_than_ten_minutes(tmp_path: Path) -> None:
    """Whatever is configured, `exp` is at most ten minutes from `iat`."""
    issuer = Issuer(HUB, KeyFile(tmp_path / "keys.json"), lifetime=86_400)
    claims = verify(issuer.mint(ADA).token, issuer.jwks(), issuer=HUB, audience=AUDIENCE)
    assert claims["exp"] - claims["iat"] == 600
