"""Signing in at a real provider: agreed, refused, too late, too fast, provider down; and after."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from live_notebook import Desk
from playwright.sync_api import BrowserContext, Page, expect
from providers import CLIENT, OidcProvider, agree, refuse

from ipyclaude.exceptions import IpyClaudeError, SignedOut, TokenUnavailable
from ipyclaude.identity.claims import read_claims
from ipyclaude.identity.oidc import CodePrompt, DevicePrompt
from ipyclaude.identity.sign_in import Account, SignIns
from ipyclaude.identity.vault import FileVault, Kept
from ipyclaude.runtime import Runtime

PATIENCE = 60


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that is signed in nowhere."""
    context.clear_cookies()
    page = context.new_page()
    yield page
    page.close()


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """A loop beside the one that drives the browser."""
    runtime = Runtime()
    yield runtime
    runtime.close()


@dataclass
class Person:
    """Hands what is shown to the test, and answers what it is told to."""

    keep: bool = True
    shown: concurrent.futures.Future[str] = field(default_factory=concurrent.futures.Future[str])
    address: concurrent.futures.Future[str] = field(default_factory=concurrent.futures.Future[str])

    async def show_device(self, prompt: DevicePrompt) -> None:
        self.shown.set_result(prompt.whole_url)

    async def show_page(self, prompt: CodePrompt) -> None:
        self.shown.set_result(prompt.url)

    async def pasted(self, prompt: CodePrompt) -> str:
        self.shown.set_result(prompt.url)
        return await asyncio.wrap_future(self.address)

    async def account(self, *, code: bool) -> Account:
        raise AssertionError("a provider asks for no password here")

    async def by_mail(self, send: Callable[[str], Awaitable[None]]) -> Account:
        raise AssertionError("a provider mails no code of ours")

    async def may_keep(self, file: Path | None) -> bool:
        return self.keep


@dataclass
class Entrance:
    """Where a test signs in: a folder, a person, a loop."""

    provider: OidcProvider
    runtime: Runtime
    folder: Path
    person: Person = field(default_factory=Person)
    waits: list[float] = field(default_factory=list[float])

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0.05)

    def sign_ins(self) -> SignIns:
        return SignIns(self.folder, sleep=self._sleep)

    def begin(self, *, paste: bool = False) -> concurrent.futures.Future[tuple[Kept, str]]:
        """Begin to sign in; what is shown comes to `person.shown`."""
        self.person = Person(self.person.keep)
        done: concurrent.futures.Future[tuple[Kept, str]] = self.runtime.submit(
            self.sign_ins().login(self.provider.setting, "", self.person, paste=paste)
        )
        return done

    def sign_in(self, page: Page, login: str = "ada") -> Kept:
        """Sign in by the device flow."""
        done = self.begin()
        page.goto(self.person.shown.result(PATIENCE))
        agree(page, login)
        return done.result(PATIENCE)[0]


@pytest.fixture
def entrance(provider: OidcProvider, runtime: Runtime, tmp_path: Path) -> Entrance:
    return Entrance(provider, runtime, tmp_path / "data")


# -- in a notebook --------------------------------------------------------------------------


def test_signing_in_from_a_notebook(desk: Desk, provider: OidcProvider, page: Page) -> None:
    """The cell shows a link and a code, waits, and every notebook here is signed in; or out."""
    desk.env.update(provider.env)
    nb = desk.open(
        "%claude_session login --keep",
        "%claude_session whoami",
        "%claude_session logout --everywhere",
        "%claude_session whoami",
    )
    nb.start(1)
    link = nb.output(1).locator("a")
    code = nb.output(1).locator("code").inner_text()
    page.goto(link.get_attribute("href") or "")
    expect(page.locator("code")).to_have_text(code)
    agree(page, "ada")
    expect(page.locator("body")).to_contain_text("successful")
    nb.wait_done(1)
    expect(nb.output(1)).to_contain_text("You are signed in as ada@example.test")

    second = desk.open("%claude_session whoami", name="second")
    second.run(1)
    expect(second.output(1)).to_contain_text("ada@example.test")
    nb.run(2)
    expect(nb.output(2)).to_contain_text(provider.url)
    kept = json.loads((desk.folder / "data" / "sign-in.json").read_text())
    nb.run(3)
    expect(nb.output(3)).to_contain_text("The provider ended it, too")
    nb.run(4)
    expect(nb.output(4)).to_contain_text("%claude_session login")
    saved = json.dumps(nb.save())
    assert "eyJ" not in saved, "a token is in the notebook (S6)"
    files = [p for p in (*desk.folder.rglob("*"), *desk.server.root.rglob("*")) if p.is_file()]
    assert any(p.name == "ipyclaude.sqlite3" for p in files)
    for path in files:
        text = path.read_bytes()
        assert kept["id_token"].encode() not in text, path
        assert kept["refresh_token"].encode() not in text, path


def test_stopping_is_no_sign_in(desk: Desk, provider: OidcProvider) -> None:
    """The interrupt button ends the wait; nobody is signed in, and the kernel goes on."""
    desk.env.update(provider.env)
    nb = desk.open("%claude_session login", "%claude_session whoami")
    nb.start(1)
    expect(nb.output(1).locator("a")).to_be_visible()
    nb.interrupt()
    nb.wait_done(1)
    expect(nb.output(1)).to_contain_text("Stopped by user")
    nb.run(2)
    expect(nb.output(2)).to_contain_text("no")


# -- the flows ------------------------------------------------------------------------------


def test_a_page_on_this_machine(entrance: Entrance, page: Page) -> None:
    """Without a device flow the browser comes back to 127.0.0.1 with a code."""
    entrance.provider.set(device=False)
    done = entrance.begin()
    page.goto(entrance.person.shown.result(PATIENCE))
    agree(page, "ada", device=False)
    kept, where = done.result(PATIENCE)
    assert (kept.name, where) == ("ada@example.test", "file")
    expect(page.locator("body")).to_contain_text("You may close this page")
    assert read_claims(kept.id_token)["aud"] == CLIENT


def test_a_page_elsewhere(entrance: Entrance, page: Page) -> None:
    """With --paste the address that the browser ended at is enough; another's is refused."""
    done = entrance.begin(paste=True)
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.goto(entrance.person.shown.result(PATIENCE))
    agree(page, "ada", device=False)
    page.wait_for_url("chrome-error://**")
    address = next(url for url in seen if url.startswith("http://127.0.0.1:8899/"))
    entrance.person.address.set_result(address)
    assert done.result(PATIENCE)[0].name == "ada@example.test"

    other = entrance.begin(paste=True)
    entrance.person.shown.result(PATIENCE)
    entrance.person.address.set_result(address)
    with pytest.raises(SignedOut, match="not the one"):
        other.result(PATIENCE)


def test_who_says_no_is_not_signed_in(entrance: Entrance, page: Page) -> None:
    """Abort on the provider's page ends the wait with these words; who was signed in still is."""
    entrance.sign_in(page)
    done = entrance.begin()
    page.goto(entrance.person.shown.result(PATIENCE))
    refuse(page)
    with pytest.raises(SignedOut, match="refused on the provider's page"):
        done.result(PATIENCE)
    found = entrance.sign_ins().find()
    assert found is not None
    assert found[1].name == "ada@example.test"


def test_a_code_runs_out(entrance: Entrance) -> None:
    """A code that nobody used in time ends the wait and says so."""
    entrance.provider.set(codeSeconds=1)
    done = entrance.begin()
    with pytest.raises(SignedOut, match="ran out"):
        done.result(PATIENCE)


def test_slow_down_is_obeyed(entrance: Entrance, page: Page) -> None:
    """Each `slow_down` adds five seconds to the wait (RFC 8628, 3.5)."""
    entrance.provider.set(slowDown=2)
    entrance.sign_in(page)
    assert entrance.waits[:3] == [5.0, 10.0, 15.0]
    assert set(entrance.waits[3:]) <= {15.0}


def test_a_provider_that_is_down(entrance: Entrance, page: Page) -> None:
    """Before signing in it is told; afterwards the last token serves until it ends."""
    entrance.provider.set(down=True)
    with pytest.raises(TokenUnavailable, match="provider") as caught:
        entrance.begin().result(PATIENCE)
    assert caught.value.fix
    entrance.provider.reset()
    entrance.sign_in(page)
    choice = entrance.sign_ins().choice()
    assert choice is not None
    assert choice.source is not None
    entrance.provider.set(down=True)
    held = entrance.runtime.run(choice.source.token(False))
    assert held is not None
    assert entrance.runtime.run(choice.source.token(True)) == held


# -- afterwards -----------------------------------------------------------------------------


def test_two_kernels_that_refresh_at_once_both_stay(entrance: Entrance, page: Page) -> None:
    """With rotating refresh tokens, two who are due at the same moment use one between them."""
    kept = entrance.sign_in(page)
    vault = FileVault(entrance.sign_ins().file)
    vault.write(replace(kept, fetched_at=0, expires_at=1))
    before = entrance.provider.answers
    kernels = [entrance.sign_ins().choice() for _ in range(2)]

    async def ask() -> list[str]:
        sources = [kernel.source for kernel in kernels if kernel and kernel.source]
        found = await asyncio.gather(*(source.token(False) for source in sources))
        return [token.reveal() for token in found if token]

    first, second = entrance.runtime.run(ask())
    newer = vault.read()
    assert newer is not None
    # A token of the same second has the same bytes; the refresh token says that one was fetched.
    assert newer.refresh_token != kept.refresh_token
    assert first == second == newer.id_token
    assert entrance.provider.answers[len(before) :] == [200]
    # And on, from one to the other.
    for kernel in kernels:
        assert kernel is not None
        assert kernel.source is not None
        assert entrance.runtime.run(kernel.source.token(True)) is not None


def test_a_stolen_refresh_token_ends_the_sign_in(entrance: Entrance, page: Page) -> None:
    """If somebody used it elsewhere, the provider ends it all, and the kernel says: signed out."""
    kept = entrance.sign_in(page)
    vault = FileVault(entrance.sign_ins().file)
    choice = entrance.sign_ins().choice()
    assert choice is not None
    assert choice.source is not None
    entrance.runtime.run(choice.source.token(False))
    entrance.runtime.run(choice.source.token(True))
    newer = vault.read()
    assert newer is not None
    vault.write(replace(newer, refresh_token=kept.refresh_token))
    with pytest.raises(SignedOut, match="ended your sign-in") as caught:
        entrance.runtime.run(choice.source.token(True))
    assert kept.refresh_token not in str(caught.value)
    assert entrance.sign_ins().find() is None


def test_signing_out_everywhere_ends_it_at_the_provider(entrance: Entrance, page: Page) -> None:
    """Afterwards the refresh token is worth nothing, wherever it still is."""
    kept = entrance.sign_in(page)
    who, ended = entrance.runtime.run(entrance.sign_ins().logout(everywhere=True))
    assert (who, ended) == (kept, True)
    assert entrance.sign_ins().find() is None
    FileVault(entrance.sign_ins().file).write(kept)
    choice = entrance.sign_ins().choice()
    assert choice is not None
    assert choice.source is not None
    entrance.runtime.run(choice.source.token(False))
    with pytest.raises(SignedOut):
        entrance.runtime.run(choice.source.token(True))


def test_without_agreement_nothing_is_written(entrance: Entrance, page: Page) -> None:
    """Who does not agree to a file is signed in until the kernel ends (S6)."""
    entrance.person = Person(keep=False)
    done = entrance.begin()
    page.goto(entrance.person.shown.result(PATIENCE))
    agree(page, "ada")
    assert done.result(PATIENCE)[1] == "memory"
    assert not entrance.sign_ins().file.exists()


def test_another_place_is_no_provider(entrance: Entrance, provider: OidcProvider) -> None:
    """What calls itself something else, or isn't there, is told before anybody types a code."""
    for issuer in (provider.url.replace("127.0.0.1", "localhost"), "http://127.0.0.1:9"):
        setting = {"x": {"issuer": issuer, "client_id": CLIENT}}
        signing_in = entrance.sign_ins().login(setting, "", entrance.person)
        with pytest.raises(IpyClaudeError) as caught:
            entrance.runtime.run(signing_in)
        assert caught.value.fix
