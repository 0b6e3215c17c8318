"""A view sends numbered, coalesced messages, and answers each request exactly once."""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import ipyclaude
from ipyclaude.channel import Channel, wire
from ipyclaude.chat import ClaudeChat, ClaudeTodos
from ipyclaude.engine import EngineOptions, SlashCommand
from ipyclaude.entrance import Entrance
from ipyclaude.exceptions import NotAllowed
from ipyclaude.host import Host
from ipyclaude.identity.choose import Choice, Identity
from ipyclaude.identity.sign_in import SignIns
from ipyclaude.leases import StoreLease
from ipyclaude.messages import (
    Approval,
    Message,
    ResultBlock,
    SessionInfo,
    TextBlock,
    Todo,
    TodoList,
    ToolUseBlock,
    UnknownBlock,
    new_id,
)
from ipyclaude.notebook.recording import CellRun
from ipyclaude.permissions import Permissions
from ipyclaude.protocol import (
    BlockOpened,
    Delta,
    LiveBlock,
    MessageSaved,
    Status,
    TodosReplaced,
    TurnChanged,
    TurnState,
)
from ipyclaude.queueing import PromptQueue
from ipyclaude.requests import GuestRole, ShareResult
from ipyclaude.runtime import Runtime
from ipyclaude.session import Session
from ipyclaude.settings import IPyClaude
from ipyclaude.testing.engines import ScriptedEngine, say
from ipyclaude.testing.stores import MemoryStore
from ipyclaude.watching import WatchChat
from ipyclaude.widget import TurnView, View

#: A shell that writes no history.
NO_HISTORY = Config({"HistoryManager": {"enabled": False}})


SID = "s" * 36


@dataclass
class FakeDesk:
    """What `extension.App` gives the views, on a memory store."""

    runtime: Runtime = field(default_factory=Runtime)
    store: MemoryStore = field(default_factory=MemoryStore)
    queues: dict[str, PromptQueue] = field(default_factory=dict[str, PromptQueue])

    def __post_init__(self) -> None:
        settings = IPyClaude(convex_url="")
        nobody = Identity(lambda: Choice("none", "Nobody is signed in."))
        self.entrance = Entrance(settings, self.runtime, SignIns(Path()), nobody)
        self.permissions = Permissions(self.store)
        self.host = Host(InteractiveShell(config=NO_HISTORY))
        self.store.put(SessionInfo(client_id=SID, name="demo", cwd="."))

    def status(self, session: Session | None) -> Status:
        local = session is not None and session.refresh().local
        return Status(server="here", can_sync=local)

    async def open(self, ref: str) -> Session:
        return self.session(ref)

    def session(self, ref: str | None) -> Session:
        info = self.store.session(ref or SID)
        assert info is not None
        return Session(
            info,
            store=self.store,
            permissions=self.permissions,
            make_engine=lambda _: ScriptedEngine(say("Hello")),
            options=EngineOptions(cwd=".", session_id="c"),
            lease=StoreLease(self.store, info.client_id, "1@here/x"),
        )

    async def new(self, name: str = "") -> Session:
        info = SessionInfo(name=name or "new", cwd=".")
        self.store.put(info)
        return await self.open(info.client_id)

    def keep(self, view: View) -> None:
        return None

    async def fork(self, session: Session, name: str, at: str | None) -> Session:
        rows = self.store.messages(session.info.client_id).messages
        last = next(i for i, m in enumerate(rows) if m.client_id == at) if at else len(rows)
        copy = await self.new("copy")
        sid = copy.info.client_id
        self.store.put(
            *(
                m.model_copy(update={"client_id": new_id(), "session_id": sid})
                for m in rows[: last + 1]
            )
        )
        return copy

    async def older(self, session_id: str, before: str, limit: int) -> None:
        return None

    def configure(
        self, session: Session, *, model: str | None, mode: str | None, effort: str | None
    ) -> None:
        return None

    def queue(self, session: Session) -> PromptQueue:
        return self.queues.setdefault(
            session.info.client_id, PromptQueue(session, self.runtime.submit)
        )

    def archive(self, session_id: str, archived: bool) -> None:
        self.session(session_id).archive(archived)

    def rename(self, session_id: str, name: str) -> None:
        self.session(session_id).rename(name)

    async def delete(self, session_id: str) -> None:
        self.store.delete_session(session_id)

    async def take_over(self, session: Session) -> None:
        raise NotAllowed(f"Nobody takes {session.info.name} over.")

    def sync_session(self, session: Session) -> None:
        info = session.info.model_copy(update={"local": False})
        self.store.put(info)

    async def share(self, session_id: str, role: GuestRole) -> ShareResult:
        return ShareResult(line=f"%claude_session join {role.upper()}", until="tomorrow")

    def waiting(self, session_ids: Sequence[str]) -> dict[str, int] | None:
        return {each: 2 for each in session_ids if each == SID}

    @property
    def cells(self) -> list[CellRun]:
        return [CellRun(1, "frame = load()\nframe", "", failed=False, execution_count=3)]

    @property
    def namespace(self) -> dict[str, Any]:
        return {"frame": [1], "_hidden": 1}


@pytest.fixture
def desk() -> Iterator[FakeDesk]:
    made = FakeDesk()
    yield made
    made.runtime.close()


class Page:
    """Catches what a view sends, and asks as a page does."""

    def __init__(self, view: Any, desk: FakeDesk) -> None:
        self.view, self.desk = view, desk
        self.sent: list[dict[str, Any]] = []
        view._channel._send = self.sent.append

    def ask(self, **request: Any) -> dict[str, Any]:
        self.desk.runtime.run(self.view._serve({"id": "r1", **request}), timeout=5)
        replies = [m for m in self.sent if m["type"] == "reply"]
        assert len(replies) == 1
        self.sent.remove(replies[0])
        return replies[0]


def chat(desk: FakeDesk) -> Page:
    return Page(ClaudeChat(SID, desk=desk), desk)


def on_loop(desk: FakeDesk, work: Callable[[], Any]) -> Any:
    async def call() -> Any:
        return work()

    return desk.runtime.run(call(), timeout=5)


def test_deltas_of_one_block_are_joined_and_messages_numbered() -> None:
    """Many pushes in one moment are one message; the next has the next number."""
    sent: list[dict[str, Any]] = []

    async def work() -> None:
        channel = Channel(sent.append, asyncio.get_running_loop())
        for part in ("a", "b", "c"):
            channel.push([Delta(k=1, s=part)])
        channel.push([Delta(k=2, s="x")])
        channel.flush()
        channel.push([Delta(k=1, s="d")])
        channel.flush()

    asyncio.run(work())
    assert [m["n"] for m in sent] == [1, 2]
    assert sent[1] == {"type": "d", "n": 2, "k": 1, "s": "d"}
    assert sent[0]["events"] == [{"type": "d", "k": 1, "s": "abc"}, {"type": "d", "k": 2, "s": "x"}]


def test_the_first_push_goes_at_once_and_the_next_within_the_interval() -> None:
    """The first word isn't held back; a stream costs at most 15 messages a second."""
    sent: list[float] = []

    async def work() -> None:
        loop = asyncio.get_running_loop()
        got = asyncio.Event()

        def send(_: dict[str, Any]) -> None:
            sent.append(loop.time())
            got.set()

        channel = Channel(send, loop)
        start = loop.time()
        channel.push([Delta(k=1, s="a")])
        await asyncio.wait_for(got.wait(), 5)
        got.clear()
        channel.push([Delta(k=1, s="b")])
        await asyncio.wait_for(got.wait(), 5)
        assert sent[0] - start < sent[1] - sent[0]
        assert sent[1] - sent[0] >= 0.06

    asyncio.run(work())


def test_an_empty_block_does_not_hold_back_its_first_words() -> None:
    """The first words of a block go at once, together with its opening."""
    sent: list[dict[str, Any]] = []
    live = LiveBlock(k=1, id="1", turn_id="t", block=TextBlock())

    async def work() -> float:
        loop = asyncio.get_running_loop()
        got = asyncio.Event()

        def send(message: dict[str, Any]) -> None:
            sent.append(message)
            got.set()

        channel = Channel(send, loop)
        channel.push([BlockOpened(live=live)])
        await asyncio.sleep(0)
        assert sent == []
        start = loop.time()
        channel.push([Delta(k=1, s="a")])
        await asyncio.wait_for(got.wait(), 5)
        return loop.time() - start

    assert asyncio.run(work()) < 0.05
    assert [e["type"] for e in sent[0]["events"]] == ["open", "d"]


def test_what_json_cannot_carry_still_reaches_the_page() -> None:
    """Lone surrogates become the replacement character, NaN null; the store keeps the real ones."""
    blocks = (TextBlock(text="a\ud800b 😀\x00"), UnknownBlock(raw={"x": [math.nan, "\udfff"]}))
    sent = wire(Message(session_id="s", type="assistant", content=blocks))
    assert sent["content"][0]["text"] == "a\ufffdb 😀\x00"
    assert sent["content"][1]["raw"] == {"x": [None, "\ufffd"]}


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


def test_a_chat_says_where_it_is_once_its_model_is_gone(desk: FakeDesk) -> None:
    """A notebook that is opened without its kernel names the session and how to show it (S10)."""
    data, _ = chat(desk).view._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    for kind in ("text/html", "text/plain"):
        assert "%claude_session chat" in data[kind]
        assert "object at 0x" not in data[kind]


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


def test_a_tool_call_is_carried_whole() -> None:
    """Input of any depth reaches the page as it is."""
    block = ToolUseBlock(id="1", name="Edit", input={"a": {"b": [1, {"c": "d"}]}})
    sent = wire(Message(session_id="s", type="assistant", content=(block,)))
    assert sent["content"][0]["input"] == {"a": {"b": [1, {"c": "d"}]}}


def _asked(desk: FakeDesk) -> list[tuple[str, str]]:
    """Put two turns into the demo session; return their turns' and prompts' ids."""
    found: list[tuple[str, str]] = []
    for number in (1, 2):
        content = (TextBlock(text=f"Question {number}"),)
        prompt = Message(session_id=SID, type="user", turn_id=f"t{number}", content=content)
        answer = Message(session_id=SID, type="assistant", turn_id=f"t{number}")
        desk.store.put(prompt, answer)
        found.append((prompt.turn_id, prompt.client_id))
    return found


def test_an_edited_prompt_goes_into_a_fork_that_ends_before_it(desk: FakeDesk) -> None:
    """Of the earlier turns all is there, of the edited one only the new words."""
    page = chat(desk)
    (_, _), (turn, _) = _asked(desk)
    reply = page.ask(type="resend", turn=turn, text="Question 2, better", fork=True)
    assert reply["error"] is None
    session = page.view._session
    on_loop(desk, lambda: None)
    texts = [m.text for m in desk.store.messages(session.info.client_id).messages]
    assert session.info.client_id != SID
    assert [words for words in texts if words][:2] == ["Question 1", "Question 2, better"]
    assert "Question 2" in [m.text for m in desk.store.messages(SID).messages]


def test_a_turn_is_asked_again_where_it_was(desk: FakeDesk) -> None:
    """The same prompt begins a new turn of the same session."""
    page = chat(desk)
    (turn, _), _ = _asked(desk)
    assert page.ask(type="resend", turn=turn)["result"]["turn_id"] != turn
    on_loop(desk, lambda: None)
    assert page.view._session.info.client_id == SID
    assert [m.text for m in desk.store.messages(SID).messages].count("Question 1") == 2
    assert page.ask(type="resend", turn="none")["error"]["what"] == "This prompt is gone."


def test_messages_are_found_by_their_words_and_prompts_without(desk: FakeDesk) -> None:
    """Finding is within the session, newest first."""
    page = chat(desk)
    (_, first), (_, second) = _asked(desk)
    found = page.ask(type="find", query="")["result"]["found"]
    assert [each["id"] for each in found] == [second, first]
    found = page.ask(type="find", query="2")["result"]["found"]
    assert [each["snippet"] for each in found] == ["Question «2»"]


def test_a_part_of_the_page_comes_from_the_wheel_on_demand(desk: FakeDesk) -> None:
    """An asset is sent as it lies beside the bundle; no other file is."""
    page = chat(desk)
    text = page.ask(type="asset", name="katex.js")["result"]["text"]
    assert text == (Path(ipyclaude.__file__).parent / "static/katex.js").read_text("utf-8")
    refused = page.ask(type="asset", name="../widget.py")["error"]["what"]
    assert refused == "The kernel does not understand this request."


def test_files_variables_and_commands_are_suggested(desk: FakeDesk) -> None:
    """Mentions come from the session's folder and the namespace, commands from the CLI."""
    page = chat(desk)
    found = page.ask(type="suggest", sign="@", query="fra")["result"]["suggestions"]
    assert found[0] == {
        "kind": "variable",
        "insert": "`frame` ",
        "label": "frame",
        "detail": "list",
    }
    page.view._session.slash_commands = (SlashCommand("compact", "Free up context"),)
    found = page.ask(type="suggest", sign="/", query="comp")["result"]["suggestions"]
    assert [(each["label"], each["detail"]) for each in found] == [("/compact", "Free up context")]
    found = page.ask(type="suggest", sign="@", query="load", cells=True)["result"]["suggestions"]
    assert found[0]["insert"] == "cell [3] "


def test_a_mentioned_cell_goes_along_without_its_secrets(desk: FakeDesk) -> None:
    """What the page attaches of a cell is masked: nobody looked through its output (S6)."""
    page = chat(desk)
    shown = base64.b64encode(b"API_KEY=abcdefgh12345678\n").decode()
    cell = {"name": "cell [3]", "media_type": "text/x-notebook-cell", "data": shown}
    turn_id = page.ask(type="prompt", text="see", uploads=[cell])["result"]["turn_id"]
    desk.runtime.run(asyncio.wait_for(page.view._session._idle.wait(), 5))
    asked = desk.store.messages(SID, turn_id=turn_id).messages[0].text
    assert "cell [3]" in asked
    assert "abcdefgh12345678" not in asked


def test_what_a_session_used_is_told_by_day(desk: FakeDesk) -> None:
    """The turns' tokens and costs, summed."""
    result = ResultBlock(input_tokens=10, cache_read_tokens=90, output_tokens=5, cost_usd=0.5)
    for turn in ("t1", "t2"):
        desk.store.put(
            Message(session_id=SID, type="result", content=(result,), turn_id=turn, cost=0.5)
        )
    (day,) = chat(desk).ask(type="usage")["result"]["days"]
    assert (day["turns"], day["output_tokens"], day["cost_usd"]) == (2, 10, 1.0)


def test_the_todos_alone_are_sent_nothing_else(desk: FakeDesk) -> None:
    """A view of the to-dos hears of them and of no message; its snapshot holds no message."""
    todo = Todo(key="1", content="Count the birds")
    desk.store.put(TodoList(client_id=SID, session_id=SID, todos=(todo,)))
    _asked(desk)
    page = Page(ClaudeTodos(SID, desk=desk), desk)
    assert page.ask(type="hello")["error"] is None
    snapshot = page.sent.pop()
    assert [each["content"] for each in snapshot["todos"]] == ["Count the birds"]
    assert snapshot["messages"] == []
    wants = page.view._wants
    assert wants(TodosReplaced(todos=()))
    assert not wants(Delta(k=1, s="x"))
