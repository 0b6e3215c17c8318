"""`%claude_session` about Convex, as a person meets it in a real kernel."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from convex_server import ConvexServer
from hosts import Notebook
from kernels import Page, Place, said
from labs import Labs, session
from terminals import PROMPT, Terminal

from ipyclaude.api_version import API_VERSION
from ipyclaude.messages import new_id
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.testing import Reply, ScriptedModel, text

Start = Callable[..., Notebook]
PAGE = {"paginationOpts": {"numItems": 1, "cursor": None}}


@pytest.fixture
def start(model: ScriptedModel, labs: Labs, token: str) -> Start:
    """Start kernels of one person, each on a server of its own: `start(name, **environment)`."""
    return functools.partial(labs.start, model, token=token)


def settled(nb: Notebook, words: str) -> str:
    """Ask for the status until it says this."""
    shown = ""

    def says() -> bool:
        nonlocal shown
        shown = session(nb, "status")
        return words in shown

    nb.kernel.until(says)
    return shown


def test_what_was_made_before_convex_is_offered(start: Start, model: ScriptedModel) -> None:
    """Sessions of before stay here until they are sent, with all that they hold; then they are
    on the other server. One that --local made stays even then, until it is named."""
    model.script("Blue.", "Green.", "Hush.")
    before = start("a", CONVEX_URL="", CONVEX_AUTH_TOKEN="")
    for name, prompt in (("sky", "which colour?"), ("sea", "and this?")):
        before.run(f"%%claude -s {name}\n{prompt}")
    assert "kept on this machine only" in session(before, "")
    refused = before.run("%claude_session sync --all")
    assert "No Convex deployment is set" in refused.text
    assert "CONVEX_URL" in refused.text
    before.kernel.close()

    a = start("a")
    assert "stays on this machine" in session(a, "new --local diary")
    a.run("%%claude\na secret")
    shown = settled(a, "synced")
    assert "2 sessions are on this machine only" in shown
    assert "this session on this machine only" in shown
    assert "'sky' sent." in session(a, "sync sky")
    b = start("b")
    assert "which colour?" in session(b, "show sky")
    assert "There is no session 'sea'" in b.run("%claude_session show sea").text
    assert "1 session sent." in session(a, "sync --all")
    b.kernel.until(lambda: "sea" in session(b, "list"))
    assert "diary" not in session(b, "list")
    assert "Everything sent." in session(a, "sync --all")
    assert "'diary' sent." in session(a, "sync diary")
    b.kernel.until(lambda: "diary" in session(b, "list"))


def test_delete_here_and_everywhere(start: Start, model: ScriptedModel) -> None:
    """A plain delete is of this machine, says so and is not undone by the list; --everywhere
    takes it from the other server too."""
    model.script("One.")
    a, b = start("a"), start("b")
    a.run("%%claude -s plan\nfirst")
    settled(a, "synced")
    b.kernel.until(lambda: "plan" in session(b, "list"))
    assert "first" in session(b, "show plan")
    asked = b.run("%claude_session delete plan", answers=["y"])
    assert "on this machine? Convex keeps the rest." in " ".join(asked.asked)
    assert "Convex and your other servers keep it" in asked.text
    assert "first" in session(a, "show plan")
    session(a, "open plan")
    session(a, "rename plan-2")
    settled(a, "synced")
    session(a, "new other")
    b.kernel.until(lambda: "other" in session(b, "list"))
    assert "plan" not in session(b, "list")
    c = start("c")
    c.kernel.until(lambda: "plan-2" in session(c, "list"))
    asked = c.run("%claude_session delete plan-2 --everywhere", answers=["y"])
    assert "in Convex and on all servers?" in " ".join(asked.asked)
    a.kernel.until(lambda: "plan" not in session(a, "list"))


def test_status_says_how_it_stands(
    start: Start, model: ScriptedModel, convex: ConvexServer, token: str
) -> None:
    """Synced, offline with what waits, and who else is here; usage counts calls and bytes."""
    model.script("One.", "Two.")
    a = start("a")
    session(a, "new plan")
    a.run("%%claude\nfirst")
    settled(a, "synced. Connected to")
    [row] = convex.call("query", "sessions:list", PAGE, token=token)["page"]
    looks = {"session": row["clientId"], "watching": True}
    here = {"clientKey": "k", "label": "lab-b", "sessions": [looks]}
    convex.call("mutation", "presence:heartbeat", {"api": API_VERSION, **here}, token=token)
    lease = {"session": row["clientId"], "holder": "x", "label": "lab-b", "ttlMs": 60_000}
    convex.call("mutation", "sessions:acquireLease", {"api": API_VERSION, **lease}, token=token)
    shown = session(a, "")
    assert "here too lab-b, watching" in shown
    assert "writing lab-b, since" in shown
    convex.faults.offline()
    assert "can't be reached" in settled(a, "offline")
    session(a, "new later")
    shown = settled(a, "waiting")
    assert "since" in shown
    assert "not all sent: 1 change will be sent by and by" in session(a, "sync later")
    convex.faults.online()
    settled(a, "synced")
    used = session(a, "usage")
    assert "Convex, from this machine" in used
    assert "kB" in used


def test_what_the_server_does_not_take_is_sent_again_or_given_up(start: Start) -> None:
    """It is told with its reason and what to do; nothing is given up without a yes."""
    a = start("a")
    session(a, f"new {'x' * 5000}")
    shown = settled(a, "session's row (1)")
    assert "%claude_session sync --retry" in shown
    assert "1 change refused" in session(a, "sync --retry")
    assert "Nothing was given up." in session(a, "sync --drop", answers=("n",))
    assert "1 change given up" in session(a, "sync --drop", answers=("y",))
    settled(a, "synced")
    assert "Nothing was refused." in session(a, "sync --retry")


def test_signed_out_says_what_to_do(start: Start) -> None:
    """Without a token all is kept, and it says how to sign in; sending says it too."""
    a = start("a", CONVEX_AUTH_TOKEN="")
    session(a, "new plan")
    shown = settled(a, "signed out")
    assert "%claude_session login" in shown
    assert "once you sign in" in session(a, "sync plan")


def test_watch_follows_another_server(start: Start, model: ScriptedModel) -> None:
    """What is said on A shows in B's watching view as it lands, and B can't write by it."""
    model.script("One.", "Two.")
    a, b = start("a"), start("b")
    session(a, "new plan")
    a.run("%%claude\nfirst")
    settled(a, "synced")
    b.kernel.until(lambda: "plan" in session(b, "list"))
    session(b, "watch plan")
    comm_id, _ = next(
        (comm_id, state)
        for comm_id, state in reversed(b.kernel.opened)
        if state.get("kind") == "watch"
    )
    page = Page(b.kernel, comm_id)
    page.ask("hello")
    a.run("%%claude\nsecond")
    b.kernel.until(lambda: {"second", "Two."} <= set(page.texts.values()))
    refused = page.reply(page.send("prompt", text="me too"))
    assert refused.error is not None
    assert "only watches" in refused.error.what


def test_watch_in_a_plain_terminal(
    start: Start, model: ScriptedModel, convex: ConvexServer, token: str, tmp_path: Path
) -> None:
    """There, too, an answer shows while it grows on the other server; Ctrl-C ends it, no more."""
    gate = threading.Event()
    model.script("One.", Reply(text("Half of it and the rest.", chunk_chars=10, hold=gate)))
    a = start("a")
    session(a, "new plan")
    a.run("%%claude\nfirst")
    settled(a, "synced")
    signed_in = {"CONVEX_URL": convex.url, "CONVEX_AUTH_TOKEN": token}
    terminal = Terminal(Place(tmp_path / "t"), model, **signed_in)
    try:
        terminal.type("%claude_session watch plan", until="Ctrl-C ends that")
        sent = a.send("%%claude\nsecond")
        terminal.expect("> second")
        terminal.expect("Half of it")
        gate.set()
        terminal.expect("and the rest")
        assert a.collect(sent).error == ""
        terminal.process.sendintr()
        terminal.expect(PROMPT)
        assert terminal.value("1 + 1") == 2
    finally:
        terminal.process.close(force=True)


def test_an_answer_whose_lease_was_lost_goes_on_in_a_copy(
    start: Start, model: ScriptedModel, convex: ConvexServer, token: str
) -> None:
    """Another server took the session over in mid-turn: what was received is kept, also in a copy
    without what the other wrote; it says so, and Claude goes on there from what it knew (S4)."""
    model.script(
        "One.", Reply(text("Half of it and the rest.", chunk_chars=10, hold=threading.Event()))
    )
    a = start("a")
    session(a, "new plan")
    a.run("%%claude\nfirst")
    settled(a, "synced")
    sent = a.send("%%claude\nsecond")
    found = convex.call("query", "sessions:list", PAGE, token=token)["page"]
    place = {"session": found[0]["clientId"]}
    with closing(SqliteStore(a.kernel.place.store_file)) as store:
        a.kernel.until(lambda: bool(store.tails(place["session"])))

    def lease() -> Any:
        return convex.call("query", "sessions:lease", place, token=token)

    a.kernel.until(lambda: lease() is not None)
    lapsed = {"api": API_VERSION, **place, "holder": lease()["holder"]}
    convex.call("mutation", "sessions:releaseLease", lapsed, token=token)
    wish = {"api": API_VERSION, **place, "holder": "x", "label": "lab-b", "ttlMs": 60_000}
    assert convex.call("mutation", "sessions:acquireLease", wish, token=token)["granted"]
    theirs = {
        "clientId": new_id(), "type": "user", "turnId": "t", "timestamp": 1.0,
        "content": [{"type": "text", "json": '{"type": "text", "text": "from lab-b"}'}],
    }  # fmt: skip
    batch = {"api": API_VERSION, **place, "messages": [theirs]}
    convex.call("mutation", "messages:append", batch, token=token)
    ended = a.collect(sent)
    assert "lab-b took session 'plan' over" in ended.traceback
    assert "%claude_session open plan-fork" in ended.traceback
    assert "from lab-b" in session(a, "show plan")
    copy = session(a, "show plan-fork")
    for words in ("first", "One.", "second", "Half of it"):
        assert words in copy
    assert "from lab-b" not in copy
    session(a, "open plan-fork")
    model.script("Three.")
    assert "Three." in a.run("%%claude\nthird").text
    request = said(model.requests[-1])
    for words in ("first", "One.", "second", "third"):
        assert words in request
    assert "from lab-b" not in request
