"""Accounts of the deployment's own: e-mail and password, with no third party."""

from __future__ import annotations

import json
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from convex_server import ConvexServer
from kernels import Kernel, Place
from tokens import Issuer

from ipyclaude.api_version import API_VERSION
from ipyclaude.codes import hash_of, make_code
from ipyclaude.entrance import Entrance
from ipyclaude.exceptions import SettingsError, SignedOut, TokenUnavailable
from ipyclaude.identity.accounts import AccountsClient
from ipyclaude.identity.choose import Identity, choose
from ipyclaude.identity.claims import read_claims
from ipyclaude.identity.sign_in import SignIns
from ipyclaude.identity.stored import StoredSignIn
from ipyclaude.identity.vault import FileVault, Kept
from ipyclaude.messages import new_id, now_ms
from ipyclaude.protocol import Who
from ipyclaude.runtime import Runtime
from ipyclaude.settings import IPyClaude
from ipyclaude.testing import ScriptedModel
from ipyclaude.testing.token_contract import Issuing, RenewingTokenContract

PASSWORD = "correct horse battery"


class Noting(AccountsClient):
    """A client that remembers every token it got."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.issued: list[str] = []
        self.secrets: list[str] = []

    def _kept(self, said: dict[str, Any]) -> Kept:
        self.issued.append(said["token"])
        self.secrets.append(said["refreshToken"])
        return super()._kept(said)


def invite(convex: ConvexServer, email: str) -> str:
    """Make a code as `ipyclaude accounts add` does."""
    code = make_code()
    given = {"email": email, "codeHash": hash_of(code)}
    convex.call_as_admin("credentials:invite", given)
    return code


def address(name: str = "ada") -> str:
    return f"{name}-{new_id()}@example.test"


async def join(convex: ConvexServer, client: AccountsClient, email: str) -> Kept:
    """Use a code for an account."""
    return await client.redeem(email, invite(convex, email), PASSWORD)


@pytest.mark.asyncio
class TestAccounts(RenewingTokenContract):
    @pytest.fixture(autouse=True)
    def _deployment(self, convex: ConvexServer) -> None:
        self.convex = convex

    @asynccontextmanager
    async def issuing(self, tmp_path: Path) -> AsyncGenerator[Issuing]:
        convex, client = self.convex, Noting(self.convex.url)
        vault = FileVault(tmp_path / "sign-in.json")
        vault.write(await join(convex, client, address()))
        ahead = [0.0]

        def lose() -> None:
            convex.faults.offline()
            kept = vault.read()
            assert kept is not None
            if not asked:
                # As if it had been some time ago: what is left is not valid any longer.
                vault.write(replace(kept, fetched_at=0, expires_at=1))

        asked: list[bool] = []

        class Source(StoredSignIn):
            async def token(self, force_refresh: bool) -> Any:
                found = await super().token(force_refresh)
                asked.append(True)
                return found

        yield Issuing(
            Source(vault, client.refresh, tmp_path / "lock", now=lambda: now_ms() + ahead[0]),
            lambda: client.issued,
            sign_out=vault.clear,
            break_it=lose,
            mend_it=convex.faults.online,
            advance=lambda seconds: ahead.append(ahead.pop() + seconds * 1000),
            secrets=[PASSWORD, *client.secrets],
        )
        convex.faults.online()


@pytest.mark.asyncio
async def test_the_same_person_at_every_sign_in(convex: ConvexServer) -> None:
    """By code or by password, in any spelling of the address, it is the same user."""
    client, email = AccountsClient(convex.url), address()
    by_code = await join(convex, client, email.upper())
    by_password = await client.sign_in(f" {email}", PASSWORD)
    who = [
        convex.call("mutation", "users:ensure", {"api": API_VERSION}, token=kept.id_token)
        for kept in (by_code, by_password, await client.refresh(by_code))
    ]
    assert len({one["userId"] for one in who}) == 1
    assert (who[0]["email"], by_code.name) == (email, email)
    claims = read_claims(by_code.id_token)
    assert claims["exp"] - claims["iat"] == 600


@pytest.mark.asyncio
async def test_a_wrong_one_is_told_as_an_unknown_one(convex: ConvexServer) -> None:
    """Who guesses learns neither that there is such an account, nor a word more (S5, S6)."""
    client, email = AccountsClient(convex.url), address()
    await join(convex, client, email)
    said: list[str] = []
    for who in (email, address()):
        with pytest.raises(SignedOut) as caught:
            await client.sign_in(who, "guess guess guess")
        said.append(str(caught.value))
        shown = "".join(traceback.format_exception(caught.value))
        assert "guess guess guess" not in shown.replace('"guess guess guess"', "")
    assert said[0] == said[1]


@pytest.mark.asyncio
async def test_guessing_is_slow(convex: ConvexServer) -> None:
    """After ten wrong passwords an address must wait, whether there is an account or not; the right
    one waits too. Who is signed in goes on, and a code lets in whom somebody's guesses keep out.
    """
    client, email = AccountsClient(convex.url), address()
    kept = await join(convex, client, email)
    for who in (email, address()):
        for _ in range(10):
            with pytest.raises(SignedOut):
                await client.sign_in(who, "wrong")
        with pytest.raises(TokenUnavailable, match="too often") as caught:
            await client.sign_in(who, PASSWORD)
        assert "Try again after" in caught.value.fix
    assert await client.refresh(kept)
    assert await client.redeem(email, invite(convex, email), None)
    assert await client.sign_in(email, PASSWORD)


@pytest.mark.asyncio
async def test_a_code_is_good_once_and_for_its_address(convex: ConvexServer) -> None:
    """A used code, another's, an older one and one for a short password make no sign-in."""
    client, email = AccountsClient(convex.url), address()
    old, code = invite(convex, email), invite(convex, email)
    other = invite(convex, address("eve"))
    for wrong in (old, other):
        with pytest.raises(SignedOut):
            await client.redeem(email, wrong, PASSWORD)
    with pytest.raises(SignedOut, match="10 to 256"):
        await client.redeem(email, code, "short")
    await client.redeem(email, code, PASSWORD)
    with pytest.raises(SignedOut):
        await client.redeem(email, code, PASSWORD)


@pytest.mark.asyncio
async def test_a_new_password_ends_all_that_was(convex: ConvexServer) -> None:
    """Who forgot the password gets a code; the old password and all sign-ins are worth nothing."""
    client, email = AccountsClient(convex.url), address()
    kept = await join(convex, client, email)
    newer = await client.redeem(email, invite(convex, email), "another long one")
    assert newer.subject == kept.subject
    with pytest.raises(SignedOut):
        await client.refresh(kept)
    with pytest.raises(SignedOut):
        await client.sign_in(email, PASSWORD)
    assert await client.refresh(newer)


@pytest.mark.asyncio
async def test_a_used_refresh_token_ends_the_sign_in(convex: ConvexServer) -> None:
    """A stolen one shows itself: when it is used after its owner's, both are out, at once."""
    client = AccountsClient(convex.url)
    stolen = await join(convex, client, address())
    owner = await client.refresh(await client.refresh(stolen))
    with pytest.raises(SignedOut):
        await client.refresh(stolen)
    with pytest.raises(SignedOut):
        await client.refresh(owner)


@pytest.mark.asyncio
async def test_a_lost_answer_is_no_theft(convex: ConvexServer) -> None:
    """The last token may come again at once, from a client that never got its next one."""
    client = AccountsClient(convex.url)
    kept = await join(convex, client, address())
    convex.faults.lose_reply("accounts:refresh")
    with pytest.raises(TokenUnavailable):
        await client.refresh(kept)
    assert await client.refresh(await client.refresh(kept))


@pytest.mark.asyncio
async def test_signing_out_here_and_everywhere(convex: ConvexServer, tmp_path: Path) -> None:
    """One sign-in ends alone; `everywhere` ends the account's others; another's ends none."""
    client, email = AccountsClient(convex.url), address()
    first = await join(convex, client, email)
    second, third = [await client.sign_in(email, PASSWORD) for _ in range(2)]
    sign_ins = SignIns(tmp_path, convex.url, keyring=lambda: False)
    FileVault(sign_ins.file).write(first)
    assert await sign_ins.logout() == (first, True)
    with pytest.raises(SignedOut):
        await client.refresh(first)
    third = await client.refresh(third)
    await client.end(replace(third, refresh_token=f"{third.refresh_token[:22]}.guess"))
    FileVault(sign_ins.file).write(second)
    await sign_ins.logout(everywhere=True)
    with pytest.raises(SignedOut):
        await client.refresh(third)


@pytest.mark.asyncio
async def test_a_removed_account_is_out(convex: ConvexServer) -> None:
    """Removing an account ends its sign-ins and its password; removing none says so."""
    client, email = AccountsClient(convex.url), address()
    kept = await join(convex, client, email)
    assert convex.call_as_admin("credentials:remove", {"email": email}) is True
    for way in (client.refresh(kept), client.sign_in(email, PASSWORD)):
        with pytest.raises(SignedOut):
            await way
    assert convex.call_as_admin("credentials:remove", {"email": email}) is False


@pytest.mark.asyncio
async def test_no_secret_is_in_the_rows(convex: ConvexServer) -> None:
    """The deployment's rows hold no password, code, token or refresh token (S6)."""
    client, email = AccountsClient(convex.url), address()
    code = invite(convex, email)
    kept = await client.redeem(email, code, PASSWORD)
    newer = await client.refresh(kept)
    invite(convex, email)
    tables = ("accounts", "accountCodes", "signIns", "rateLimits", "users", "_scheduled_functions")
    rows = "".join(convex.cli("data", table, "--format", "jsonl") for table in tables)
    assert email in rows
    secrets = [PASSWORD, code.replace("-", ""), kept.id_token]
    secrets += [each.refresh_token.split(".")[1] for each in (kept, newer)]
    assert [secret for secret in secrets if secret in rows] == []


def test_what_ran_out_is_swept(convex: ConvexServer) -> None:
    """The cron leaves codes and sign-ins that are still good."""
    code, email = "x", address()
    convex.call_as_admin("credentials:invite", {"email": email, "codeHash": hash_of(code)})
    convex.run_cron("sweep accounts")
    assert email in convex.cli("data", "accountCodes")


@pytest.mark.asyncio
async def test_tokens_go_to_their_own_deployment(tmp_path: Path) -> None:
    """A sign-in by an account of one deployment is not there for another one."""
    kept = Kept("https://a.test", "ipyclaude", "", name="ada", deployment="https://a.test")
    FileVault(tmp_path / "sign-in.json").write(kept)
    found = [
        SignIns(tmp_path, url, keyring=lambda: False).find()
        for url in ("https://a.test/", "https://b.test", "")
    ]
    assert [each is not None for each in found] == [True, False, False]


@pytest.mark.asyncio
async def test_a_deployment_without_accounts_says_so(issuer: Issuer, tmp_path: Path) -> None:
    """Where the deployer wanted none, nobody can sign in by one, and is told what to do (S14); a
    chat offers none then, and goes on offering them where it can't ask.
    """
    with ConvexServer(issuer) as server:
        server.deploy()
        server.set_env({"IPYCLAUDE_ACCOUNTS": "[]", "IPYCLAUDE_ACCOUNTS_KEY": ""})
        with pytest.raises(SettingsError, match="no accounts") as caught:
            await AccountsClient(server.url).sign_in("ada@example.test", PASSWORD)
        assert "ipyclaude deploy --accounts" in caught.value.fix
        offered = [await _offered(url, tmp_path) for url in (server.url, "http://127.0.0.1:9")]
    assert [who.accounts for who in offered] == [False, True]
    assert "no accounts" in offered[0].by


async def _offered(url: str, folder: Path) -> Who:
    """Return what a chat shows where nobody is signed in."""
    settings = IPyClaude(data_dir=str(folder), convex_url=url)
    sign_ins = SignIns(folder, url, keyring=lambda: False)
    identity = Identity(lambda: choose(settings, {}, sign_ins.choice))
    entrance = Entrance(settings, Runtime(), sign_ins, identity)
    await entrance.look()
    return entrance.who


def test_signing_in_from_a_notebook(convex: ConvexServer, tmp_path: Path) -> None:
    """By code, then by password; what is typed unseen, and the tokens, are nowhere in what is
    shown or kept, but for the refresh token in the file that its owner agreed to (S6).
    """
    email, place = address(), Place(tmp_path / "here")
    code = invite(convex, email)
    with ScriptedModel() as model:
        nb = Kernel(place, place.env(model, CONVEX_URL=convex.url))
        try:
            nb.run("%load_ext ipyclaude")
            typed = [email, code, PASSWORD, PASSWORD, "y"]
            ran = nb.run("%claude_session login --code", answers=typed)
            assert f"You are signed in as {email}" in ran.text
            shown = [ran, nb.run("%claude_session whoami")]
            assert f"{email}, an account of {convex.url}" in shown[-1].text
            shown.append(nb.run("%claude_session logout"))
            assert f"{email} is signed out" in shown[-1].text
            wrong = nb.run("%claude_session login", answers=[email, "a wrong one"], bad=True)
            assert "This is not right" in wrong.text
            typed = [email, PASSWORD, "y"]
            shown += [wrong, nb.run("%claude_session login convex", answers=typed)]
            assert f"You are signed in as {email}" in shown[-1].text
            shown.append(nb.run("%history"))
            kept = json.loads((place.data / "sign-in.json").read_text())
        finally:
            nb.close()
    secrets = [code, PASSWORD, "a wrong one", kept["id_token"], kept["refresh_token"]]
    places = {"output": "".join(ran.text + "".join(ran.asked) for ran in shown)}
    for path in place.root.rglob("*"):
        if path.is_file() and path.name != "sign-in.json":
            places[str(path)] = path.read_bytes().decode("latin-1")
    assert any(name.endswith("history.sqlite") for name in places)
    found = {
        (where, secret) for where, text in places.items() for secret in secrets if secret in text
    }
    assert not found
