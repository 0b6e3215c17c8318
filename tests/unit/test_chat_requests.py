"""What a chat is asked by its page: asking again, finding, suggesting, and what it cost."""

from __future__ import annotations

import asyncio
import base64

from pages import SID, FakeDesk, Page, chat, on_loop

from ipyclaude.chat import ClaudeTodos
from ipyclaude.engine import SlashCommand
from ipyclaude.messages import (
    Message,
    ResultBlock,
    TextBlock,
    Todo,
    TodoList,
)
from ipyclaude.protocol import (
    Delta,
    TodosReplaced,
)


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
