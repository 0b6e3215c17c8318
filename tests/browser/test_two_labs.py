"""The same session in two JupyterLabs, each with a home, a profile and a store of its own."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from convex_server import ConvexServer, deployed
from kernels import said
from lab_server import JupyterServer
from live_notebook import Desk, LabNotebook, ask, part
from playwright.sync_api import Browser, Locator, expect

from ipyclaude.messages import new_id
from ipyclaude.testing import Reply, ScriptedModel, text, tool

MakeLab = Callable[[str], Desk]
#: TodoWrite, at hand from the first request on.
TODOS_AT_HAND = {"CLAUDE_CODE_ENABLE_TASKS": "0", "ENABLE_TOOL_SEARCH": "0"}


@pytest.fixture(scope="module")
def convex() -> Iterator[ConvexServer]:
    """A deployment for both."""
    with deployed() as server:
        yield server


@pytest.fixture(scope="module")
def claude() -> Iterator[ScriptedModel]:
    """One model for both."""
    with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def make_lab(
    chromium: Browser,
    convex: ConvexServer,
    claude: ScriptedModel,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[MakeLab]:
    """Start JupyterLabs of one person, each with a browser profile of its own."""
    token = convex.issuer.token(f"ada-{new_id()}", expires_in=3600)
    with ExitStack() as ends:

        def make(name: str) -> Desk:
            folder = tmp_path_factory.mktemp(name)
            server = JupyterServer(folder)
            ends.callback(server.stop)
            context = chromium.new_context(viewport={"width": 1200, "height": 1000})
            ends.callback(context.close)
            env = {
                **TODOS_AT_HAND,
                "HOME": str(folder / "home"),
                "CONVEX_URL": convex.url,
                "CONVEX_AUTH_TOKEN": token,
                "IPYCLAUDE_SERVER_LABEL": f"lab-{name}",
            }
            return Desk(server, context, claude, folder, f"notebooks-of-{name}", env)

        yield make


@pytest.fixture(scope="module")
def lab_a(make_lab: MakeLab) -> Desk:
    """The server that the last test kills."""
    return make_lab("a")


@pytest.fixture(scope="module")
def lab_b(make_lab: MakeLab) -> Desk:
    """The server that stays."""
    return make_lab("b")


def _chat(nb: LabNotebook, cell: int, state: str) -> Locator:
    nb.run(cell)
    chat = nb.hook(cell, "chat")
    expect(part(chat, "state-line", state)).to_be_visible()
    return chat


def _shown(chat: Locator) -> list[tuple[str, str]]:
    """Return the messages and the to-dos that a page shows, in order: their states and texts."""
    found: list[list[str]] = chat.evaluate(
        """(chat) => [...chat.querySelectorAll('[data-ipc="message"], [data-ipc="todo"]')].map(
            (each) => [each.dataset.state, each.textContent])"""
    )
    return [(state, words) for state, words in found]


def _todo(content: str, status: str) -> dict[str, str]:
    return {"content": content, "status": status, "activeForm": content}


def test_a_session_is_live_in_two_pages(lab_a: Desk, lab_b: Desk) -> None:
    """A session that its button sent to Convex opens by name in another JupyterLab. From then on
    a message, an answer while it grows and a changed to-do show in the other page too, both
    ways, and no page is loaded again."""
    claude = lab_b.model
    claude.script("The first answer.")
    a = lab_a.open("%claude_session new --local plan", "%claude_session chat", name="live")
    a.run(1)
    left = _chat(a, 2, "local")
    ask(left, "first?")
    expect(part(left, "log")).to_contain_text("The first answer.")
    part(left, "sync").click()
    expect(part(left, "state-line", "synced")).to_contain_text("Synced (lab-a)")
    expect(part(left, "sync")).to_be_hidden()

    b = lab_b.open("%claude_session open plan", "%claude_session chat", name="live")
    b.run(1)
    right = _chat(b, 2, "synced")
    expect(part(right, "log")).to_contain_text("The first answer.")
    for page in (a.page, b.page):
        page.evaluate("() => { window.__never_loaded_again = true; }")

    gate = threading.Event()
    plan = [_todo("Load the data", "completed"), _todo("Plot it", "in_progress")]
    claude.script(
        Reply(tool("TodoWrite", todos=plan)),
        Reply(text("Half of the answer and the rest.", chunk_chars=18, hold=gate)),
    )
    ask(right, "make a plan")
    expect(part(left, "log")).to_contain_text("make a plan")
    expect(part(left, "todo", "in_progress")).to_contain_text("Plot it")
    expect(part(left, "message", "live")).to_contain_text("Half of the answer")
    expect(part(left, "log")).not_to_contain_text("the rest")
    gate.set()
    expect(part(left, "log")).to_contain_text("Half of the answer and the rest.")

    claude.script(
        Reply(tool("TodoWrite", todos=[_todo(each["content"], "completed") for each in plan])),
        "All is done.",
    )
    expect(part(left, "stop")).to_be_hidden()
    ask(left, "tick it off")
    expect(part(right, "todo", "completed")).to_have_count(2)
    expect(part(right, "log")).to_contain_text("All is done.")
    assert _shown(right) == _shown(left)
    for page in (a.page, b.page):
        assert page.evaluate("() => window.__never_loaded_again")


def test_a_session_follows_to_another_lab(lab_a: Desk, lab_b: Desk) -> None:
    """Its server is killed and all its files go; another one's browser opens the session by name:
    the same messages in the same order, the same to-dos, and Claude goes on from them."""
    claude = lab_b.model
    plan = [_todo("Load it", "completed"), _todo("Plot it", "pending")]
    claude.script(
        Reply(text("Forty-two, I think.")),
        Reply(text("I look."), tool("Bash", command="echo the-tool-ran")),
        Reply(text("It printed what it should.")),
        Reply(tool("TodoWrite", todos=plan)),
        Reply(text("That is the plan.")),
    )
    a = lab_a.open(
        "%claude_session new plots",
        "%%claude\nWhat is the answer?",
        "%%claude --allow Bash\nRun the tool",
        "%%claude\nMake a plan",
        "%claude_session chat",
        "%claude_session sync",
        name="follow",
    )
    for cell in (1, 2, 3, 4):
        a.run(cell)
    left = _chat(a, 5, "synced")
    expect(part(left, "log")).to_contain_text("That is the plan.")
    a.run(6)
    expect(a.output(6)).to_contain_text("'plots' sent.")
    there = _shown(left)
    assert [words for _, words in there if "Plot it" in words]
    a.close()
    lab_a.server.kill()
    shutil.rmtree(lab_a.folder)

    b = lab_b.open("%claude_session open plots", "%claude_session chat", name="follow")
    b.run(1)
    right = _chat(b, 2, "synced")
    expect(part(right, "log")).to_contain_text("That is the plan.")
    assert _shown(right) == there
    claude.script("As I said on the other server: forty-two.")
    ask(right, "What did you say the answer was?")
    expect(part(right, "log")).to_contain_text("As I said on the other server: forty-two.")
    request = said(claude.requests[-1])
    for words in ("What is the answer?", "Forty-two, I think.", "the-tool-ran", "Make a plan"):
        assert words in request
