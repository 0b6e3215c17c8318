"""A session follows its person: from a server that is gone to one that never saw it."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from kernels import Kernel, said
from labs import Labs

from ipyclaude.messages import Message, Todo
from ipyclaude.store.replication import Kind, Replication
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.testing import Reply, ScriptedModel, text, tool

Start = Callable[..., Kernel]

TODOS = [
    {"content": "Load the data", "status": "completed", "activeForm": "Loading the data"},
    {"content": "Plot it", "status": "in_progress", "activeForm": "Plotting it"},
]


@pytest.fixture
def start(model: ScriptedModel, labs: Labs, token: str) -> Start:
    """Start kernels of one person on servers of their own: `start(name, **environment)`."""

    def begin(name: str, **more: str) -> Kernel:
        return labs.start(model, name, token, **more).kernel

    return begin


def stored(kernel: Kernel, name: str) -> tuple[list[Message], tuple[Todo, ...]]:
    """Return what a kernel's store holds of a session."""
    store = SqliteStore(kernel.place.store_file)
    try:
        info = store.session(name)
        assert info is not None
        messages = store.messages(info.client_id, limit=1000).messages
        return list(messages), store.todos(info.client_id).todos
    finally:
        store.close()


def wait_sent(kernel: Kernel, *kept: Kind) -> None:
    """Wait until a kernel has sent all that it has, but for what it keeps."""
    store = SqliteStore(kernel.place.store_file)
    try:
        kernel.until(lambda: Replication(store).waiting(without=kept).rows == 0)
    finally:
        store.close()


def three_exchanges(kernel: Kernel, model: ScriptedModel) -> None:
    """Ask three times: a plain answer, a tool call, and to-dos."""
    kernel.run("%claude_session new plots")
    model.script(
        Reply(text("Forty-two, I think.")),
        Reply(text("I look."), tool("Bash", command="echo the-tool-ran")),
        Reply(text("It printed what it should.")),
        Reply(tool("TodoWrite", todos=TODOS)),
        Reply(text("That is the plan.")),
    )
    kernel.run("%%claude\nWhat is the answer?")
    kernel.run("%%claude --allow Bash\nRun the tool")
    kernel.run("%%claude\nMake a plan")


def test_a_session_follows(start: Start, model: ScriptedModel) -> None:
    """Server A is killed; on server B, with another home, folder and store, all of it is there.

    The messages in their order, the to-dos, and Claude's memory: the next prompt's request
    holds what was said on A (S1, S2, S3).
    """
    a = start("a")
    three_exchanges(a, model)
    wait_sent(a)
    there, todos = stored(a, "plots")
    assert len(there) > 9
    assert [todo.content for todo in todos] == ["Load the data", "Plot it"]
    a.kill()
    a.client.stop_channels()
    shutil.rmtree(a.place.root)

    b = start("b")
    assert f"Claude works in {b.place.work}" in b.run("%claude_session open plots").text
    page = b.chat("plots")
    page.kernel.until(lambda: len(page.finished) == len(there))
    assert list(page.finished) == [message.client_id for message in there]
    page.kernel.until(lambda: page.todos == todos)
    asked_before = len(model.requests)
    model.script(Reply(text("As I said on the other server: forty-two.")))
    b.run("%%claude\nWhat did you say the answer was?")
    request = said(model.requests[asked_before])
    for words in ("What is the answer?", "Forty-two, I think.", "the-tool-ran", "Make a plan"):
        assert words in request
    here, _ = stored(b, "plots")
    assert [m.client_id for m in here[: len(there)]] == [m.client_id for m in there]
    assert [m.text for m in here][-2:] == ["As I said on the other server: forty-two.", ""]


def test_and_back_again(start: Start, model: ScriptedModel) -> None:
    """While A lives on, what was said on B is in its chat, and in Claude's memory there."""
    a, b = start("a"), start("b")
    model.script(Reply(text("One.")))
    a.run("%claude_session new ball")
    a.run("%%claude\nFirst on A")
    page = a.chat("ball")
    b.run("%claude_session open ball")
    model.script(Reply(text("Two.")))
    b.run("%%claude\nSecond on B")
    page.kernel.until(lambda: "Two." in page.texts.values())
    wait_sent(b)
    model.script(Reply(text("Three.")))
    a.run("%%claude\nThird on A")
    request = said(model.requests[-1])
    for words in ("First on A", "One.", "Second on B", "Two.", "Third on A"):
        assert words in request
    page.kernel.until(lambda: "Three." in page.texts.values())
    shown = [words for words in page.texts.values() if words]
    assert shown == ["First on A", "One.", "Second on B", "Two.", "Third on A", "Three."]


def test_nobody_pays_twice(start: Start, model: ScriptedModel) -> None:
    """A cell that was answered on A shows that answer on B, and asks nobody."""
    a = start("a")
    model.script(Reply(text("Once.")))
    a.run("%%claude --session paid\nHow often?")
    wait_sent(a)
    a.kill()
    b = start("b")
    asked = len(model.requests)
    assert "Once." in b.run("%%claude --session paid\nHow often?").text
    assert len(model.requests) == asked


def test_without_its_memory(start: Start, model: ScriptedModel) -> None:
    """Where transcripts stay at home, nothing of them waits to be sent; another server reads, and
    says why it can't go on."""
    a = start("a", IPYCLAUDE_REPLICATE_TRANSCRIPTS="0")
    model.script(Reply(text("A secret.")))
    a.run("%claude_session new quiet")
    a.run("%%claude\nTell me")
    wait_sent(a, "transcript")
    listed = a.chat("quiet").ask("sessions", query="quiet", limit=9, offset=0)
    assert (listed["replicates"], listed["waiting"]) == (True, {})
    b = start("b")
    b.run("%claude_session open quiet")
    page = b.chat("quiet")
    page.kernel.until(lambda: "A secret." in page.texts.values())
    told = b.run("%%claude\nGo on", bad=True).text
    assert "memory of session 'quiet' can't be had here" in told
    assert "doesn't replicate it" in told
    b.run("%claude_session fork quiet-copy")
    model.script(Reply(text("A new start.")))
    b.run("%%claude\nGo on then")
    assert "A secret." not in said(model.requests[-1])


def test_unset_means_no_network(start: Start, model: ScriptedModel) -> None:
    """Without `convex_url` nothing of the replica is even imported (S8)."""
    a = start("a", CONVEX_URL="")
    model.script(Reply(text("Hi.")))
    a.run("%%claude\nHello")
    names = "sorted(n for n in __import__('sys').modules if n.startswith('ipyclaude.replica'))"
    assert a.value(names) == []
    assert a.value("'websockets' in __import__('sys').modules") is False
