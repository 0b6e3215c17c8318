"""Every token source does what all must do, and each says well what is wrong with its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from issued import Clock, Helper, jwt

from ipyclaude.exceptions import SettingsError, TokenUnavailable
from ipyclaude.identity.choose import Choice, Identity, choose
from ipyclaude.identity.command import CommandToken
from ipyclaude.identity.hiding import brief, hide_tokens
from ipyclaude.identity.static import StaticToken
from ipyclaude.messages import now_ms
from ipyclaude.settings import IPyClaude
from ipyclaude.testing.token_contract import Issuing, RenewingTokenContract, TokenSourceContract


@pytest.mark.asyncio
class TestStaticToken(TokenSourceContract):
    @asynccontextmanager
    async def issuing(self, tmp_path: Path) -> AsyncGenerator[Issuing]:
        given = [jwt(sub="ada")]
        kept = list(given)
        yield Issuing(StaticToken(lambda: given[-1] if given else None), lambda: kept, given.clear)


@pytest.mark.asyncio
class TestCommandToken(RenewingTokenContract):
    @asynccontextmanager
    async def issuing(self, tmp_path: Path) -> AsyncGenerator[Issuing]:
        helper, clock = Helper(tmp_path), Clock(now_ms)
        good = (tmp_path / "helper.py").read_text()
        secret = jwt(sub="printed by mistake")
        yield Issuing(
            CommandToken(helper.command, now=clock),
            helper.printed,
            sign_out=lambda: helper.says("pass"),
            break_it=lambda: helper.says(f"sys.exit('no network for {secret}')"),
            mend_it=lambda: void((tmp_path / "helper.py").write_text(good)),
            advance=clock.advance,
            secrets=[secret],
        )


def void(_: object) -> None:
    """Drop a value."""


@pytest.fixture
def helper(tmp_path: Path) -> Helper:
    return Helper(tmp_path)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("end", "wanted"),
    [
        ("1900000000", 1_900_000_000_000),
        ("1900000000.5", 1_900_000_000_500),
        ("'2030-03-17T17:46:40Z'", 1_900_000_000_000),
        ("'2030-03-17T18:46:40+01:00'", 1_900_000_000_000),
        ("'soon'", 1_800_000_000_000),
        ("None", 1_800_000_000_000),
    ],
)
async def test_the_end_is_read(helper: Helper, end: str, wanted: float) -> None:
    """`expires_at` is epoch seconds or ISO 8601; without it the JWT's own end counts."""
    token = jwt(exp=1_800_000_000)
    helper.says(f"print(json.dumps({{'token': {token!r}, 'expires_at': {end}}}))")
    found = await CommandToken(helper.command).token(False)
    assert found is not None
    assert (found.reveal(), found.expires_at) == (token, wanted)


@pytest.mark.asyncio
async def test_a_bare_token_will_do(helper: Helper) -> None:
    """A program may print nothing but the token."""
    token = jwt(exp=1_900_000_000)
    helper.says(f"print({token!r})")
    found = await CommandToken(helper.command).token(False)
    assert found is not None
    assert (found.reveal(), found.expires_at) == (token, 1_900_000_000_000)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("sys.exit('run `vault login` first')", "run `vault login` first"),
        ("sys.stderr.write('\\x1b[31mbad\\x1b[0m\\n' * 900); sys.exit(3)", "ended with 3"),
        ("print('Please log in first')", "more than a token"),
        ("print('{\"token')", "JSON that cannot be read"),
        ("print('{}')", 'without "token"'),
        ("print('a' * 70000)", "70,001 bytes"),
    ],
)
async def test_what_went_wrong_is_told(helper: Helper, code: str, why: str) -> None:
    """A program that fails says why in the error, on one short line (S14)."""
    helper.says(code)
    with pytest.raises(TokenUnavailable) as caught:
        await CommandToken(helper.command).token(False)
    assert why in caught.value.why
    assert len(caught.value.why) < 700
    assert "\x1b" not in caught.value.why
    assert "IPYCLAUDE_TOKEN_COMMAND" in caught.value.fix


@pytest.mark.asyncio
async def test_a_missing_program_is_told_without_its_arguments(tmp_path: Path) -> None:
    """Its arguments may hold a secret, and are not shown (S6)."""
    with pytest.raises(TokenUnavailable, match="could not be started") as caught:
        await CommandToken([str(tmp_path / "gone"), "--password=hunter2"]).token(False)
    assert "hunter2" not in str(caught.value)


@pytest.mark.asyncio
async def test_a_program_that_hangs_is_ended_with_its_children(helper: Helper) -> None:
    """After the time-out nothing of it is left, though a child holds its output open."""
    # The program ends, its child goes on.
    helper.says(
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(helper.folder / 'child')!r}, 'w').write(str(child.pid))"
    )
    with pytest.raises(TokenUnavailable, match="more than 1 s"):
        await CommandToken(helper.command, timeout=1).token(False)
    child = int((helper.folder / "child").read_text())
    for _ in range(6_000):  # no parent of ours tells its end: only looking does
        if not _lives(child):
            break
        await asyncio.sleep(0.01)
    assert not _lives(child)


def _lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


# -- which one is used ---------------------------------------------------------------------

HUB = {
    "JUPYTERHUB_API_TOKEN": "secret",
    "IPYCLAUDE_HUB_TOKEN_URL": "http://hub/token",
    "JUPYTERHUB_USER": "ada",
}
GIVEN = {"CONVEX_AUTH_TOKEN": "secret"}


def settings(**values: object) -> IPyClaude:
    loaded = IPyClaude.load()
    for name, value in values.items():
        setattr(loaded, name, value)
    return loaded


@pytest.mark.parametrize(
    ("env", "command", "stored", "kind"),
    [
        ({**GIVEN, **HUB}, ["x"], True, "static"),
        (HUB, ["x"], True, "command"),
        (HUB, [], True, "jupyterhub"),
        ({"JUPYTERHUB_API_TOKEN": "secret"}, [], True, "oidc"),
        ({}, [], False, "none"),
    ],
)
def test_the_order(env: Mapping[str, str], command: list[str], stored: bool, kind: str) -> None:
    """What is set comes first, then the hub's user, then the stored sign-in, then nobody."""
    chosen = choose(
        settings(token_command=command), env, lambda: Choice("oidc", "") if stored else None
    )
    assert chosen.kind == kind
    assert "secret" not in repr(chosen)


@pytest.mark.parametrize("kind", ["static", "command", "jupyterhub"])
def test_what_is_asked_for_and_missing_is_told(kind: str) -> None:
    """A source that was chosen and isn't there is no silent fall to another one."""
    with pytest.raises(SettingsError) as caught:
        choose(settings(identity=kind), {})
    assert caught.value.fix


def test_one_can_be_chosen_against_the_order() -> None:
    """`identity` picks a source though others are there, or none at all."""
    both = {**GIVEN, **HUB}
    assert choose(settings(identity="jupyterhub"), both).kind == "jupyterhub"
    assert choose(settings(identity="none"), both).kind == "none"
    assert choose(settings(identity="oidc"), both).kind == "none"


def test_people_are_told_apart_without_network() -> None:
    """Each source says whose it is before anybody is asked, and shows no secret by it (S6)."""
    hub = {"IPYCLAUDE_HUB_TOKEN_URL": "https://hub", "JUPYTERHUB_API_TOKEN": "t"}
    assert choose(settings(), {**hub, "JUPYTERHUB_USER": "ada"}).person() == "https://hub|ada"
    env = {"CONVEX_AUTH_TOKEN": jwt(iss="https://id", sub="ada")}
    static = choose(settings(), env)
    assert static.person() == "https://id|ada"
    env["CONVEX_AUTH_TOKEN"] = "no JWT"
    assert static.person() == ""
    assert choose(settings(), {}).person() == ""


@pytest.mark.asyncio
async def test_a_program_s_token_says_whose_it_is(helper: Helper) -> None:
    """Nobody is known before it was asked; who it prints for next is told before the token is
    used, and so is that it prints none any more.
    """
    identity = Identity(lambda: choose(settings(token_command=helper.command), {}))
    told: list[str] = []
    identity.on_change(lambda: told.append(identity.choice.person()))
    assert identity.choice.person() == ""
    for name in ("ada", "ada", "eve"):
        helper.says(f"print({jwt(iss='https://id', sub=name, exp=1)!r})")
        await identity.learn()
    helper.says("sys.exit(1)")
    with pytest.raises(TokenUnavailable):
        await identity.learn()
    helper.says("pass")
    await identity.learn()
    assert told == ["https://id|ada", "https://id|eve", ""]


def test_a_token_that_was_set_anew_says_whose_it_is() -> None:
    """Somebody else's in the same variable is noticed without asking for it."""
    env = {"CONVEX_AUTH_TOKEN": jwt(iss="https://id", sub="ada")}
    identity = Identity(lambda: choose(settings(), env))
    told: list[str] = []
    identity.on_change(lambda: told.append(identity.choice.person()))
    identity.choice  # noqa: B018 - it is chosen when it is first asked for
    env["CONVEX_AUTH_TOKEN"] = jwt(iss="https://id", sub="ada", jti=2)
    identity.look()
    env["CONVEX_AUTH_TOKEN"] = jwt(iss="https://id", sub="eve")
    identity.look()
    assert told == ["https://id|eve"]


async def _told_in(identity: Identity) -> list[int]:
    """Ask for a token; return the threads on which somebody heard that it is another's."""
    threads: list[int] = []
    unsubscribe = identity.on_change(lambda: threads.append(threading.get_ident()))
    await identity.token(False)
    unsubscribe()
    return threads


@pytest.mark.asyncio
async def test_a_thread_is_taken_only_where_the_token_is_somebody_elses() -> None:
    """Whoever hears of that may block, and is not on the loop; a token of the same person, of
    which there is one a call, is handed out as it is."""
    taken: list[object] = []

    class Threads(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **more: Any) -> Any:
            taken.append(fn)
            return super().submit(fn, *args, **more)

    asyncio.get_running_loop().set_default_executor(Threads(1))
    env = {"CONVEX_AUTH_TOKEN": jwt(iss="https://id", sub="ada")}
    identity = Identity(lambda: choose(settings(), env))
    assert await _told_in(identity) == []
    env["CONVEX_AUTH_TOKEN"] = jwt(iss="https://id", sub="ada", jti=2)
    assert await _told_in(identity) == []
    assert taken == []
    env["CONVEX_AUTH_TOKEN"] = jwt(iss="https://id", sub="eve")
    [thread] = await _told_in(identity)
    assert thread != threading.get_ident()


def test_who_looks_at_the_same_time_as_others_tells_once() -> None:
    """Any thread may ask and look, also while somebody signs in: one of them tells."""
    met = threading.Barrier(2)

    class Name(str):
        __hash__ = str.__hash__

        def __ne__(self, other: object) -> bool:
            with contextlib.suppress(threading.BrokenBarrierError):
                met.wait(0.2)  # for the other one, which must not be here, too
            return str.__ne__(self, other)

    names = ["ada"]
    identity = Identity(lambda: Choice("static", "given", person=lambda: names[-1]))
    told: list[str] = []
    identity.on_change(lambda: told.append(names[-1]))
    identity.look()
    names.append(Name("eve"))
    with ThreadPoolExecutor(2) as threads:
        for each in [threads.submit(identity.look) for _ in range(2)]:
            each.result()
    assert told == ["eve"]


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command is read as in a shell, providers as JSON; what can't be read is told."""
    monkeypatch.setenv("IPYCLAUDE_TOKEN_COMMAND", "op read 'op://a b'")
    monkeypatch.setenv("IPYCLAUDE_PROVIDERS", '{"work": {"issuer": "https://id.example.org"}}')
    loaded = IPyClaude.load()
    assert loaded.token_command == ["op", "read", "op://a b"]
    assert loaded.providers["work"]["issuer"] == "https://id.example.org"
    for name, wrong in (("TOKEN_COMMAND", "op 'read"), ("PROVIDERS", "{")):
        with monkeypatch.context() as patch:
            patch.setenv(f"IPYCLAUDE_{name}", wrong)
            with pytest.raises(SettingsError, match=name):
                IPyClaude.load()


@pytest.mark.asyncio
async def test_signing_in_and_out_is_taken_up() -> None:
    """One `Identity` serves for the kernel's whole life, whoever signs in or out."""
    choices = [Choice("none", "Nobody is signed in.")]
    identity = Identity(lambda: choices[-1])
    assert await identity.token(False) is None
    choices.append(Choice("static", "given", StaticToken(lambda: "one")))
    assert await identity.token(False) is None
    assert identity.choose_again().kind == "static"
    token = await identity.token(False)
    assert token is not None
    assert token.reveal() == "one"


# -- what is hidden -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"got {jwt(sub='s3cret')}",
        "refresh_token=s3cret&x=1",
        '{"access_token": "s3cret"}',
        "Authorization: Bearer s3cret",
        "Authorization: token s3cret",
    ],
)
def test_tokens_in_other_peoples_words_are_hidden(text: str) -> None:
    """What looks like a token, or is called one, is taken out (S6)."""
    hidden = hide_tokens(text)
    assert "s3cret" not in hidden
    assert "eyJ" not in hidden
    assert "…" in hidden


def test_the_end_of_long_words_is_kept() -> None:
    """What a program says last is the most telling."""
    assert brief("a\n" * 900 + "the reason").endswith("the reason")
    assert brief("one\n two\x07") == "one two"
