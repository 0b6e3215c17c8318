"""Signing in by a code that the deployment mails, through a mail API on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from convex_server import ConvexServer
from kernels import Kernel, Place
from mails import KEY, LetterBox, letter_box

from ipyclaude.api_version import API_VERSION
from ipyclaude.codes import hash_of, make_code
from ipyclaude.exceptions import SettingsError, TokenUnavailable
from ipyclaude.identity.accounts import AccountsClient
from ipyclaude.messages import new_id
from ipyclaude.testing import ScriptedModel

PASSWORD = "correct horse battery"


@pytest.fixture
def mails(convex: ConvexServer) -> Iterator[LetterBox]:
    """Set mail up."""
    with letter_box(convex) as box:
        yield box


async def join(convex: ConvexServer) -> str:
    """Make an account by the administrator's code; return its address."""
    email, code = f"ada-{new_id()}@example.test", make_code()
    convex.call_as_admin("credentials:invite", {"email": email, "codeHash": hash_of(code)})
    await AccountsClient(convex.url).redeem(email, code, PASSWORD)
    return email


@pytest.mark.asyncio
async def test_a_code_goes_to_who_has_an_account(convex: ConvexServer, mails: LetterBox) -> None:
    """Whoever asks is told the same of any address; who has an account gets a mail, and signs in
    by its code as who they were. Neither the code nor the key is in the rows (S5, S6).
    """
    client, email = AccountsClient(convex.url), await join(convex)
    stranger = f"eve-{new_id()}@example.test"
    said = [
        convex.call("action", "accounts:mailCode", {"email": who, "api": API_VERSION})
        for who in (stranger, email)
    ]
    assert said == [None, None]
    code = mails.code(email)
    rows = json.dumps(convex.rows()) + convex.cli("data", "_scheduled_functions")
    found = [text for text in (code, code.replace("-", ""), KEY, stranger) if text in rows]
    assert not found
    by_code = await client.redeem(email, code.lower(), None)
    assert (await client.sign_in(email, PASSWORD)).subject == by_code.subject
    assert mails.mails.empty()


@pytest.mark.asyncio
async def test_mails_are_few(convex: ConvexServer, mails: LetterBox) -> None:
    """Nobody's letter box is filled by others: after five mails an address waits, and says when."""
    client, email = AccountsClient(convex.url), await join(convex)
    for _ in range(5):
        await client.mail_code(email)
        assert mails.code(email)
    with pytest.raises(TokenUnavailable, match="too often") as caught:
        await client.mail_code(email)
    assert "Try again after" in caught.value.fix


@pytest.mark.asyncio
async def test_a_deployment_without_mail_says_whom_to_ask(convex: ConvexServer) -> None:
    """Where the deployer has set no mail up, one is told who can give a code instead (S14)."""
    with pytest.raises(SettingsError, match="sends no mails") as caught:
        await AccountsClient(convex.url).mail_code("ada@example.test")
    assert "Ask whoever runs it" in caught.value.fix
    assert "%claude_session login --code" in caught.value.fix


@pytest.mark.asyncio
async def test_signing_in_from_a_notebook(
    convex: ConvexServer, mails: LetterBox, tmp_path: Path
) -> None:
    """By a mail, with a new password or none; the codes and it are nowhere but where they were
    typed unseen (S6).
    """
    email, place, typed = await join(convex), Place(tmp_path / "here"), list[str]()

    def code() -> str:
        typed.append(mails.code(email))
        return typed[-1]

    with ScriptedModel() as model:
        nb = Kernel(place, place.env(model, CONVEX_URL=convex.url))
        try:
            nb.run("%load_ext ipyclaude")
            login = "%claude_session login --mail"
            ran = [nb.run(login, answers=[email, code, "", "y"])]
            ran += [nb.run("%claude_session logout")]
            ran += [
                nb.run(login, answers=[email, code, "another long one", "another long one", "y"])
            ]
        finally:
            nb.close()
    for each in (ran[0], ran[2]):
        assert "a mail with a code is under way" in each.text
        assert f"You are signed in as {email}" in each.text
    assert (await AccountsClient(convex.url).sign_in(email, "another long one")).name == email
    places = {"output": "".join(each.text + "".join(each.asked) for each in ran)}
    for path in place.root.rglob("*"):
        if path.is_file():
            places[str(path)] = path.read_bytes().decode("latin-1")
    assert any(name.endswith("history.sqlite") for name in places)
    secrets = [*typed, *(each.replace("-", "") for each in typed), "another long one"]
    assert len(secrets) == 5
    found = {(at, each) for at, text in places.items() for each in secrets if each in text}
    assert not found
