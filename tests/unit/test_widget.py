"""A view shows a session as it is, and answers each request of its page exactly once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pages import SID, FakeDesk, Page, chat, on_loop

import ipyclaude
from ipyclaude.messages import (
    Approval,
    Message,
    TextBlock,
)
from ipyclaude.protocol import (
    BlockOpened,
    Delta,
    LiveBlock,
    MessageSaved,
    TurnChanged,
    TurnState,
)
from ipyclaude.watching import WatchChat
from ipyclaude.widget import TurnView


def test_a_request_that_nobody_understands_gets_one_error(desk: FakeDesk) -> None:
    """Bad requests are refused in words, and the view lives on (S14)."""
    page = chat(desk)
    for bad in ({"type": "nope"}, {"type": "prompt"}, {"type": "decide", "allow": "x"}):
        reply = page.ask(**bad)
        assert "does not understand" in reply["error"]["what"]
        assert reply["result"] is None
    assert page.ask(type="hello")["error"] is None


def test_hello_brings_a_window_of_the_session_not_the_whole(desk: FakeDesk) -> None:
    """A long session sends its last messages; the older ones come when asked for."""
    texts = [TextBlock(text=str(n)) for n in range(120)]
    desk.store.put(*(Message(session_id=SID, type="assistant", content=(t,)) for t in texts))
    page = chat(desk)
    page.ask(type="hello")
    (snapshot,) = page.sent
    assert snapshot["type"] == "snapshot"
    shown = [m["content"][0]["text"] for m in snapshot["messages"]]
    assert shown == [str(n) for n in range(70, 120)]
    assert snapshot["more"] is True
    older = page.ask(type="older", before=snapshot["messages"][0]["client_id"], limit=100)
    assert [m["content"][0]["text"] for m in older["result"]["messages"]] == [
        str(n) for n in range(70)
    ]
    assert older["result"]["more"] is False


def test_an_empty_prompt_is_refused_and_a_prompt_runs(desk: FakeDesk) -> None:
    """The composer's prompt becomes a turn whose answer is stored."""
    page = chat(desk)
    assert "empty" in page.ask(type="prompt", text="  \n")["error"]["what"]
    turn_id = page.ask(type="prompt", text="hi")["result"]["turn_id"]
    session = page.view._session
    desk.runtime.run(asyncio.wait_for(session._idle.wait(), 5))
    texts = [m.text for m in desk.store.messages(SID, turn_id=turn_id).messages]
    assert texts == ["hi", "Hello", ""]


def test_an_approval_is_answered_through_the_view(desk: FakeDesk) -> None:
    """A decision lands in the store, and the reply is the row as it stands."""
    approval = Approval(
        session_id=SID,
        turn_id="t",
        tool_use_id="u",
        tool_name="Bash",
        input={"command": "ls"},
        pattern="Bash(ls:*)",
    )
    desk.store.put(approval)
    page = chat(desk)
    reply = page.ask(type="decide", approval_id=approval.client_id, allow=False, reason="no")
    assert reply["result"]["status"] == "denied"
    assert desk.store.approvals(SID) == []
    gone = page.ask(type="decide", approval_id="nope", allow=True)
    assert "gone" in gone["error"]["what"]


def test_a_session_that_is_only_here_is_sent_through_the_view(desk: FakeDesk) -> None:
    """The reply, and all views, hear how the session stands then."""
    known = desk.store.session(SID)
    assert known is not None
    desk.store.put(known.model_copy(update={"local": True}))
    page = chat(desk)
    page.ask(type="hello")
    assert page.sent[-1]["status"]["can_sync"] is True
    assert page.ask(type="sync_session")["result"]["can_sync"] is False
    sent = desk.store.session(SID)
    assert sent is not None
    assert sent.local is False


def test_a_viewer_prompts_nothing(desk: FakeDesk) -> None:
    """Who may only read is told why and what to do instead; nothing is written or asked."""
    known = desk.store.session(SID)
    assert known is not None
    desk.store.put(known.model_copy(update={"role": "viewer", "owner": "Ana"}))
    page = chat(desk)
    page.ask(type="hello")
    assert page.sent[-1]["session"]["role"] == "viewer"
    error = page.ask(type="prompt", text="hi")["error"]
    assert "Ana shared it with you as a viewer" in error["why"]
    assert "%claude_session fork" in error["fix"]
    assert desk.store.messages(SID).messages == ()


def test_taking_over_is_the_desks(desk: FakeDesk) -> None:
    """The page asks for it in its own session, and hears why it is refused."""
    refused = chat(desk).ask(type="take_over")
    assert refused["error"]["what"] == "Nobody takes demo over."


def test_a_view_that_watches_asks_nothing(desk: FakeDesk) -> None:
    """It shows the session, and refuses whatever would write in it."""
    page = Page(WatchChat(SID, desk=desk), desk)
    assert page.view.kind == "watch"
    assert page.ask(type="hello")["error"] is None
    for request in ({"type": "prompt", "text": "hi"}, {"type": "fork"}, {"type": "stop"}):
        assert "only watches" in page.ask(**request)["error"]["what"]
    assert desk.store.messages(SID).messages == ()


def test_rules_are_listed_and_revoked_through_the_view(desk: FakeDesk) -> None:
    """What is remembered can be seen and taken back (S12)."""
    rule = desk.permissions.remember("Bash(ls:*)", session_id=None)
    page = chat(desk)
    assert [r["pattern"] for r in page.ask(type="rules")["result"]["rules"]] == ["Bash(ls:*)"]
    assert page.ask(type="revoke", rule_id=rule.client_id)["result"]["rules"] == []
    assert desk.store.rules(SID) == []


def test_a_turn_view_shows_its_own_turn_only(desk: FakeDesk) -> None:
    """Another turn of the same session doesn't leak into a cell's output."""
    session = desk.runtime.run(desk.open(SID))
    page = Page(TurnView(desk, session, "mine"), desk)
    other = Message(session_id=SID, turn_id="other", type="assistant", content=())
    mine = Message(session_id=SID, turn_id="mine", type="assistant", content=())

    def live(k: int, turn_id: str) -> BlockOpened:
        return BlockOpened(live=LiveBlock(k=k, id=str(k), turn_id=turn_id, block=TextBlock()))

    def push() -> None:
        page.view._heard(
            [
                MessageSaved(message=other),
                live(1, "other"),
                Delta(k=1, s="theirs"),
                live(2, "mine"),
                Delta(k=2, s="ours"),
                MessageSaved(message=mine),
                TurnChanged(turn=TurnState(turn_id="other", status="done", started_at=0)),
            ]
        )
        page.view._channel.flush()

    on_loop(desk, push)
    (events,) = page.sent
    assert [e["type"] for e in events["events"]] == ["open", "d", "message"]
    assert events["events"][1]["s"] == "ours"


def test_closing_a_view_ends_its_listening(desk: FakeDesk) -> None:
    """A closed view hears nothing more, and sends nothing."""
    page = chat(desk)
    session = page.view._session
    page.view.close()
    on_loop(
        desk,
        lambda: session._journal.emit(MessageSaved(message=Message(session_id=SID, type="user"))),
    )
    assert page.sent == []
    assert session._journal._listeners == []


def test_a_part_of_the_page_comes_from_the_wheel_on_demand(desk: FakeDesk) -> None:
    """An asset is sent as it lies beside the bundle; no other file is."""
    page = chat(desk)
    text = page.ask(type="asset", name="katex.js")["result"]["text"]
    assert text == (Path(ipyclaude.__file__).parent / "static/katex.js").read_text("utf-8")
    refused = page.ask(type="asset", name="../widget.py")["error"]["what"]
    assert refused == "The kernel does not understand this request."
