"""Signing in and out in the chat, at a real provider whose tokens a real deployment trusts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from convex_server import ConvexServer, deployed
from live_notebook import Desk, LabNotebook, part
from mails import letter_box
from playwright.sync_api import BrowserContext, Locator, Page, expect
from providers import CLIENT, OidcProvider, agree

from ipyclaude.codes import hash_of, make_code
from ipyclaude.messages import new_id

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def convex() -> Iterator[ConvexServer]:
    """A deployment for all of them."""
    with deployed() as server:
        yield server


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A second page, as on a telephone, that is signed in nowhere."""
    context.clear_cookies()
    page = context.new_page()
    yield page
    page.close()


@pytest.fixture
def desk(desk: Desk, convex: ConvexServer) -> Desk:
    """A desk whose sessions go to the deployment once somebody is signed in."""
    desk.env["CONVEX_URL"] = convex.url
    return desk


def _chat(nb: LabNotebook) -> Locator:
    nb.run(1)
    return nb.hook(1, "chat")


def test_signing_in_by_code_and_link(
    desk: Desk,
    convex: ConvexServer,
    provider: OidcProvider,
    page: Page,
    shoot: Callable[[LabNotebook, str], None],
) -> None:
    """The button shows a link and a code; agreed to on another page, the chat says who it is, and
    so does the chat of another notebook. What was said before is offered for sync, and goes when
    that is taken; signed out, signing in is offered again.
    """
    trusted = [{"domain": provider.url, "applicationID": CLIENT}]
    convex.set_env({"IPYCLAUDE_AUTH": json.dumps(trusted)})
    desk.env.update(provider.env)
    nb = desk.open("%claude_session chat", "%claude_session whoami")
    chat = _chat(nb)
    opener = chat.get_by_role("button", name="Sign in").first
    opener.focus()
    nb.page.keyboard.press("Enter")
    chat.get_by_role("checkbox", name="Stay signed in here").check()
    part(chat, "sign-in").press("Enter")
    code = part(chat, "sign-in-code").inner_text()
    shoot(nb, "signing-in")
    link = part(chat, "sign-in-link").get_attribute("href")
    page.goto(link or "")
    expect(page.locator("code")).to_have_text(code)
    agree(page, "ada")
    expect(part(chat, "account-words")).to_contain_text("You are signed in as ada@example.test")
    expect(part(chat, "account")).to_have_accessible_name("Signed in as ada@example.test")
    expect(part(chat, "only-here")).to_contain_text("1 session is on this machine only")
    shoot(nb, "signed-in")
    expect(chat.locator('[data-ipc="state-line"][data-state="local"]')).to_be_visible()
    part(chat, "sync").click()
    expect(chat.locator('[data-ipc="state-line"][data-state="synced"]')).to_be_visible()
    nb.run(2)
    expect(nb.output(2)).to_contain_text("ada@example.test")

    other = desk.open("%claude_session chat", name="other")
    there = part(_chat(other), "account")
    expect(there).to_have_accessible_name("Signed in as ada@example.test")

    part(chat, "account").click()
    expect(part(chat, "only-here")).to_have_count(0)
    part(chat, "sign-out").click()
    expect(part(chat, "account")).to_have_accessible_name("Sign in")
    expect(chat.locator('[data-ipc="state-line"][data-state="signed_out"]')).to_be_visible()
    assert not (desk.folder / "data" / "sign-in.json").exists()
    assert "eyJ" not in json.dumps(nb.save()), "a token is in the notebook (S6)"


def test_a_reload_still_shows_the_code_and_cancel_ends_it(
    desk: Desk, provider: OidcProvider
) -> None:
    """Where a sign-in waits, a page that was loaded again shows the same code; Cancel ends it."""
    desk.env.update(provider.env)
    nb = desk.open("%claude_session chat")
    chat = _chat(nb)
    part(chat, "account").click()
    part(chat, "sign-in").click()
    code = part(chat, "sign-in-code").inner_text()
    nb.save()
    nb.page.reload()
    chat = nb.hook(1, "chat")
    part(chat, "account").click()
    expect(part(chat, "sign-in-code")).to_have_text(code)
    part(chat, "cancel-sign-in").click()
    expect(part(chat, "account-words")).to_contain_text("Nobody is signed in")
    expect(part(chat, "sign-in")).to_be_visible()


def test_signing_in_by_an_account(desk: Desk, convex: ConvexServer) -> None:
    """Without a provider the panel asks for an account: by a code that was given, by e-mail and
    password, or by a code that it has mailed, where there is mail. What is typed is kept nowhere
    on the page or in the notebook (S6), and a wrong one is told.
    """
    email, code = f"ada-{new_id()}@example.test", make_code()
    given = {"email": email, "codeHash": hash_of(code)}
    convex.call_as_admin("credentials:invite", given)
    nb = desk.open("%claude_session chat")
    chat = _chat(nb)
    part(chat, "account").click()
    expect(part(chat, "mail-code")).to_have_count(0)
    part(chat, "use-code").click()
    chat.get_by_label("E-mail").fill(email)
    chat.get_by_label("Code", exact=True).fill(code)
    chat.get_by_label("New password").fill(PASSWORD)
    part(chat, "sign-in").click()
    signed_in = f"You are signed in as {email}"
    expect(part(chat, "account-words")).to_contain_text(signed_in)
    with letter_box(convex) as mails:
        part(chat, "sign-out").click()
        chat.get_by_label("E-mail").fill(email)
        expect(part(chat, "mail-code")).to_be_visible()
        part(chat, "mail-code").click()
        expect(part(chat, "mailed")).to_contain_text(f"If {email} has an account")
        mailed = mails.code(email)
    chat.get_by_label("Code", exact=True).fill(mailed)
    part(chat, "sign-in").click()
    expect(part(chat, "account-words")).to_contain_text(signed_in)
    part(chat, "sign-out").click()
    part(chat, "use-code").click()
    for password in ("a wrong one", PASSWORD):
        chat.get_by_label("E-mail").fill(email)
        chat.get_by_label("Password").fill(password)
        part(chat, "sign-in").click()
        if password != PASSWORD:
            expect(part(chat, "account-failure")).to_contain_text("This is not right")
    expect(part(chat, "account-words")).to_contain_text(signed_in)
    saved = json.dumps(nb.save())
    for secret in (PASSWORD, "a wrong one", "eyJ", code, mailed):
        assert secret not in saved
        assert secret not in nb.page.content()
