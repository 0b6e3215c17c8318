"""A stored sign-in: kept privately, refreshed once for all kernels, ended whole."""

from __future__ import annotations

import asyncio
import multiprocessing
import stat
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import keyring
import pytest
from issued import Clock, fresh_jwt
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError, PasswordSetError

from ipyclaude.exceptions import SettingsError, SignedOut, TokenUnavailable, UsageMistake
from ipyclaude.identity.private import write_private
from ipyclaude.identity.provider import find_provider
from ipyclaude.identity.sign_in import Asking, SignIns
from ipyclaude.identity.stored import StoredSignIn
from ipyclaude.identity.vault import FileVault, Kept, KeyringVault, MemoryVault
from ipyclaude.messages import now_ms
from ipyclaude.testing.token_contract import Issuing, RenewingTokenContract

LIFE = 600_000.0


@dataclass
class Rotating:
    """What a provider does to refresh tokens: each is good once, a second use ends them all."""

    now: Clock = field(default_factory=lambda: Clock(now_ms))
    good: str = "refresh-0"
    number: int = 0
    down: bool = False
    issued: list[str] = field(default_factory=list[str])

    def first(self) -> Kept:
        made = self._made(Kept("https://id.example.org", "ipyclaude", "openid", name="ada"))
        return replace(made, refresh_token=self.good)

    async def refresh(self, kept: Kept) -> Kept:
        await asyncio.sleep(0)
        if self.down:
            raise TokenUnavailable("It cannot be asked now.", fix="Wait.")
        if kept.refresh_token != self.good:
            self.good = "none"
            raise SignedOut("You are not signed in.", "The token was used before.", "Sign in.")
        self.number += 1
        self.good = f"refresh-{self.number}"
        return replace(self._made(kept), refresh_token=self.good)

    def _made(self, kept: Kept) -> Kept:
        now = self.now()
        text = fresh_jwt(now + LIFE)
        self.issued.append(text)
        return replace(kept, id_token=text, fetched_at=now, expires_at=now + LIFE)


@pytest.mark.asyncio
class TestStoredSignIn(RenewingTokenContract):
    @asynccontextmanager
    async def issuing(self, tmp_path: Path) -> AsyncGenerator[Issuing]:
        provider, vault = Rotating(), FileVault(tmp_path / "sign-in.json")
        vault.write(provider.first())

        def lose() -> None:
            provider.down = True
            # As if it had been some time ago: what is left is not valid any longer.
            kept = vault.read()
            assert kept is not None
            if not handed:
                vault.write(replace(kept, fetched_at=0, expires_at=1))

        handed: list[bool] = []

        class Noting(StoredSignIn):
            async def token(self, force_refresh: bool) -> Any:
                found = await super().token(force_refresh)
                handed.append(True)
                return found

        yield Issuing(
            Noting(vault, provider.refresh, tmp_path / "lock", now=provider.now),
            lambda: provider.issued,
            sign_out=vault.clear,
            break_it=lose,
            mend_it=lambda: setattr(provider, "down", False),
            advance=provider.now.advance,
            secrets=["refresh-0"],
        )


@pytest.mark.asyncio
async def test_kernels_with_one_refresh_token_stay_signed_in(tmp_path: Path) -> None:
    """Eight sources on one vault that all must renew make one request, and nobody is out."""
    provider, vault = Rotating(), FileVault(tmp_path / "sign-in.json")
    vault.write(provider.first())
    sources = [
        StoredSignIn(vault, provider.refresh, tmp_path / "lock", now=provider.now) for _ in range(8)
    ]
    provider.now.advance(500)
    found = await asyncio.gather(*(source.token(False) for source in sources))
    assert provider.number == 1
    assert {token and token.reveal() for token in found} == {provider.issued[-1]}


def _renew_once(folder: Path) -> None:
    """Run in another process: refresh at a provider whose state is a file."""
    seen = folder / "seen"

    async def refresh(kept: Kept) -> Kept:
        used = seen.read_text().split() if seen.exists() else []
        assert kept.refresh_token not in used, "a refresh token was used twice"
        seen.write_text(" ".join([*used, kept.refresh_token]))
        now = now_ms()
        return replace(
            kept,
            refresh_token=f"refresh-{len(used) + 1}",
            id_token=fresh_jwt(now + LIFE),
            fetched_at=now,
            expires_at=now + LIFE,
        )

    async def renew() -> None:
        source = StoredSignIn(FileVault(folder / "sign-in.json"), refresh, folder / "lock")
        assert await source.token(False) is not None

    asyncio.run(renew())


def test_processes_take_turns(tmp_path: Path) -> None:
    """Four processes that find the token due at once use the refresh token once."""
    ended = replace(Rotating().first(), fetched_at=0, expires_at=1)
    FileVault(tmp_path / "sign-in.json").write(ended)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_renew_once, args=(tmp_path,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert (tmp_path / "seen").read_text() == "refresh-0"


@pytest.mark.asyncio
async def test_an_ended_sign_in_is_forgotten(tmp_path: Path) -> None:
    """What the provider refused is told once, and is not kept to be refused again."""
    provider, vault = Rotating(), FileVault(tmp_path / "sign-in.json")
    vault.write(replace(provider.first(), refresh_token="another"))
    source = StoredSignIn(vault, provider.refresh, tmp_path / "lock", now=provider.now)
    await source.token(False)
    with pytest.raises(SignedOut, match="used before"):
        await source.token(True)
    assert vault.read() is None
    assert await source.token(True) is None


@pytest.mark.asyncio
async def test_a_kernel_stays_with_one_person(tmp_path: Path) -> None:
    """Where somebody else signs in, a kernel that is open hands out no token of theirs."""
    provider, vault = Rotating(), FileVault(tmp_path / "sign-in.json")
    vault.write(replace(provider.first(), subject="ada"))
    source = StoredSignIn(vault, provider.refresh, tmp_path / "lock", now=provider.now)
    await source.token(False)
    vault.write(replace(provider.first(), subject="eve", name="eve"))
    with pytest.raises(SignedOut, match="eve signed in on this machine"):
        await source.token(True)
    other = StoredSignIn(vault, provider.refresh, tmp_path / "lock", now=provider.now)
    assert await other.token(False) is not None


# -- where it is kept -----------------------------------------------------------------------


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 1  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise PasswordSetError
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


@pytest.fixture
def ring() -> Iterator[Ring]:
    before = keyring.get_keyring()
    made = Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def test_vaults_keep_and_forget(tmp_path: Path, ring: Ring) -> None:
    """Memory, file and keyring give back what was kept, and forget it for good."""
    kept = Rotating().first()
    for vault in (MemoryVault(), FileVault(tmp_path / "a" / "sign-in.json"), KeyringVault("x")):
        assert vault.read() is None
        vault.write(kept)
        assert vault.read() == kept
        vault.clear()
        assert vault.read() is None
        vault.clear()


def test_a_file_is_private_or_not_used(tmp_path: Path) -> None:
    """It is made 0600; one that others can read counts as stolen; junk is nothing."""
    vault = FileVault(tmp_path / "sign-in.json")
    vault.write(Rotating().first())
    path = tmp_path / "sign-in.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(SignedOut, match="Others may read"):
        vault.read()
    write_private(path, "{")
    assert vault.read() is None


def test_what_is_kept_shows_no_secret() -> None:
    """`repr` of a sign-in holds neither token (S6)."""
    kept = Rotating().first()
    assert kept.refresh_token not in repr(kept)
    assert kept.id_token not in repr(kept)


def test_a_locked_keyring_is_nobody_signed_in(ring: Ring) -> None:
    """Until it is unlocked it counts as empty, and nothing breaks."""
    vault = KeyringVault("x")
    vault.write(Rotating().first())
    ring.locked = True
    assert vault.read() is None


def test_a_keyring_comes_first(tmp_path: Path, ring: Ring) -> None:
    """What is in the keyring is found without any file."""
    sign_ins = SignIns(tmp_path)
    assert sign_ins.choice() is None
    vault = sign_ins._vaults()[-1]  # pyright: ignore[reportPrivateUsage]
    vault.write(Rotating().first())
    choice = sign_ins.choice()
    assert choice is not None
    assert choice.words == "ada, signed in at https://id.example.org."
    assert not sign_ins.file.exists()
    assert asyncio.run(sign_ins.logout())[0] is not None
    assert ring.kept == {}


@pytest.mark.asyncio
@pytest.mark.parametrize("agrees", [True, False])
async def test_a_keyring_is_asked_for_too(tmp_path: Path, ring: Ring, agrees: bool) -> None:
    """Who does not agree to it is signed in until the kernel ends, and nothing is kept (S6)."""
    asked: list[Path | None] = []

    class Person:
        async def may_keep(self, file: Path | None) -> bool:
            asked.append(file)
            return agrees

    sign_ins, person = SignIns(tmp_path), cast("Asking", Person())
    where = await sign_ins._keep(Rotating().first(), person)  # pyright: ignore[reportPrivateUsage]
    assert where == ("keyring" if agrees else "memory")
    assert bool(ring.kept) is agrees
    assert asked == [None]
    assert not sign_ins.file.exists()
    assert sign_ins.choice() is not None


# -- providers ------------------------------------------------------------------------------

ONE = {"issuer": "https://id.example.org", "client_id": "x"}


@pytest.mark.parametrize(
    ("providers", "name", "error"),
    [
        ({}, "", UsageMistake),
        ({"a": ONE, "b": ONE}, "", UsageMistake),
        ({"a": ONE}, "b", UsageMistake),
        ({"a": {"issuer": "https://id.example.org"}}, "", SettingsError),
        ({"a": {**ONE, "secret": "x"}}, "", SettingsError),
        ({"a": {**ONE, "port": "x"}}, "", SettingsError),
        ({"a": {**ONE, "issuer": "http://id.example.org"}}, "", SettingsError),
        ({"a": "https://id.example.org"}, "", SettingsError),
    ],
)
def test_a_wrong_provider_is_told(
    providers: dict[str, Any], name: str, error: type[Exception]
) -> None:
    """Which there are, or what is wrong with one."""
    with pytest.raises(error) as caught:
        find_provider(providers, name)
    assert getattr(caught.value, "fix", "")


def test_the_only_provider_needs_no_name() -> None:
    """One that is set up is meant; on this machine it may be without TLS."""
    local = {"issuer": "http://127.0.0.1:3000", "client_id": "x", "port": 8899}
    assert find_provider({"a": ONE}, "").name == "a"
    assert find_provider({"a": ONE, "b": local}, "b").port == 8899
