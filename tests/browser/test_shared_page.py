"""A shared session in an open page: live while it is shared, and its owner's to take over."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from convex_server import ConvexServer, deployed
from hosts import Notebook
from kernels import Kernel, Place
from lab_server import JupyterServer
from live_notebook import Desk, ask, part
from playwright.sync_api import BrowserContext, Locator, expect

from ipyclaude.testing import Reply, ScriptedModel, text


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    """One model for both people."""
    with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def convex() -> Iterator[ConvexServer]:
    """A deployment for both people."""
    with deployed() as server:
        yield server


@pytest.fixture(scope="module")
def ada(
    convex: ConvexServer, model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Notebook]:
    """One person's kernel, on a server of her own."""
    place = Place(tmp_path_factory.mktemp("ada"))
    token = convex.issuer.token("ada", name="Ada")
    env = place.env(
        model,
        CONVEX_URL=convex.url,
        CONVEX_AUTH_TOKEN=token,
        IPYCLAUDE_SERVER_LABEL="lab-ada",
    )
    kernel = Kernel(place, env)
    nb = Notebook(kernel)
    assert nb.run("%load_ext ipyclaude").error == ""
    yield nb
    kernel.close()


@pytest.fixture
def bo(
    convex: ConvexServer,
    model: ScriptedModel,
    server: JupyterServer,
    context: BrowserContext,
    tmp_path: Path,
) -> Iterator[Desk]:
    """The other person's JupyterLab."""
    env = {
        "CONVEX_URL": convex.url,
        "CONVEX_AUTH_TOKEN": convex.issuer.token("bo", name="Bo"),
        "IPYCLAUDE_SERVER_LABEL": "lab-bo",
    }
    yield Desk(server, context, model, tmp_path, "shared-page", env)
    for page in list(context.pages):
        page.close()
    server.end_kernels()


def _say(nb: Notebook, line: str) -> str:
    shown = nb.run(f"%claude_session {line}")
    assert shown.error == "", shown.text
    return shown.text


def _join(shown: str) -> str:
    """Return the line by which the other person joins."""
    found = re.search(r"%claude_session join \S{26,}", shown)
    assert found is not None, shown
    return found[0]


def test_an_open_page_hears_nothing_once_its_reader_is_put_out(
    ada: Notebook, bo: Desk, model: ScriptedModel
) -> None:
    """A viewer's page shows an answer while it grows, and lets nothing be sent; once they are put
    out it says so by itself, keeps what it showed, and gets nothing that comes after (S5)."""
    model.script("The first answer.")
    _say(ada, "new plan")
    ada.run("%%claude\nfirst?")
    join = _join(_say(ada, "share plan"))
    nb = bo.open(join, "%claude_session chat plan", name="plan")
    nb.run(1)
    nb.run(2)
    chat = nb.hook(2, "chat")
    log = part(chat, "log")
    expect(log).to_contain_text("The first answer.")
    expect(log.locator('[data-ipc="author"]')).to_have_text("Ada")
    expect(chat).to_contain_text("Ada shared this session with you to read.")
    expect(part(chat, "composer")).to_be_disabled()

    gate = threading.Event()
    model.script(Reply(text("Half of it and the rest.", chunk_chars=11, hold=gate)))
    sent = ada.send("%%claude\nsecond?")
    expect(part(chat, "message", "live")).to_contain_text("Half of it")
    gate.set()
    assert ada.collect(sent).error == ""
    expect(log).to_contain_text("Half of it and the rest.")

    _say(ada, "unshare Bo")
    expect(chat).to_contain_text("This session is not shared with you any more.")
    model.script("Not for Bo.")
    ada.run("%%claude\nthird?")
    assert "sent" in _say(ada, "sync plan")
    nb.run(2)
    again = part(nb.hook(2, "chat"), "log")
    expect(again).to_contain_text("Half of it and the rest.")
    expect(again).not_to_contain_text("third?")


def _let_in_by_clicks(chat: Locator) -> str:
    """Make a code for an editor in the list of sessions; return the line that they run."""
    part(chat, "sessions").click()
    row = chat.locator(".ipc-session-row").filter(has_text="notes")
    row.hover()
    row.locator('[data-ipc="share-session"]').click()
    part(chat, "share-role").select_option("editor")
    part(chat, "share-make").click()
    made = part(chat, "share-line")
    expect(made).to_contain_text("They run it in a notebook of theirs")
    expect(made.locator('[data-ipc="copy"]')).to_be_focused()
    line = made.locator("code").inner_text()
    chat.page.keyboard.press("Escape")
    expect(part(chat, "session-panel")).to_be_hidden()
    return line


def test_the_owner_lets_an_editor_in_takes_over_and_puts_them_out(
    ada: Notebook, bo: Desk, model: ScriptedModel
) -> None:
    """A code that was made by clicks lets an editor in. While their turn runs the owner's page says
    who writes; its button, once it was sure, ends that turn: the editor is told by whom, what was
    answered stays, and the owner goes on (S4). Put out, the editor neither is seen nor asks (S5).
    """
    lines = ("new notes", "chat notes", "members notes", "unshare Ada --from notes")
    nb = bo.open(*(f"%claude_session {line}" for line in lines), name="notes")
    nb.run(1)
    nb.run(2)
    chat = nb.hook(2, "chat")
    assert ada.run(_let_in_by_clicks(chat)).error == ""
    nb.run(3)
    expect(nb.output(3)).to_contain_text("editor")
    gate = threading.Event()
    model.script(Reply(text("Half of it and the rest.", chunk_chars=11, hold=gate)))
    sent = ada.send("%%claude -s notes\nhers?")
    expect(part(chat, "message", "live")).to_contain_text("Half of it")
    expect(part(chat, "holder")).to_contain_text("Ada on lab-ada writes")
    take = part(chat, "take-over")
    take.click()
    expect(take).to_have_text("Yes, end their turn")
    take.click()
    assert "Bo (lab-bo) took session 'notes' over" in ada.collect(sent).text
    gate.set()
    expect(part(chat, "holder")).to_be_hidden()
    expect(part(chat, "people")).to_contain_text("Ada on lab-ada")
    expect(part(chat, "log")).to_contain_text("Half of it")
    model.script("For Bo.")
    ask(chat, "his?")
    expect(part(chat, "log")).to_contain_text("For Bo.")

    nb.run(4)
    expect(part(chat, "people")).to_be_hidden()
    assert "not shared with you any more" in ada.run("%%claude -s notes\nmore?").text
    expect(part(chat, "log")).not_to_contain_text("more?")
