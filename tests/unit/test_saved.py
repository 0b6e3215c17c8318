"""What a saved notebook shows of a chat and of a to-do list without their kernel (S10)."""

from __future__ import annotations

from typing import Any

from pages import SID, FakeDesk, chat

from ipyclaude.chat import ClaudeTodos
from ipyclaude.messages import Message, TextBlock, Todo, TodoList
from ipyclaude.widget import View


def _left(view: View) -> tuple[str, str]:
    """Return what is left of a view where its model is gone, as HTML and as text."""
    made: Any = view
    data, _ = made._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    return data["text/html"], data["text/plain"]


def test_a_chat_says_how_it_is_shown_again_and_holds_none_of_its_words(desk: FakeDesk) -> None:
    """It names the session, obeying nothing in its name (S11), and how long it was."""
    info = desk.session(None).info
    desk.store.put(info.model_copy(update={"name": "<b>it\x1b[2J", "title": "words of mine"}))
    page = chat(desk)
    for text in ("words of mine", "words of Claude's"):
        desk.store.put(Message(session_id=SID, type="user", content=(TextBlock(text=text),)))
    as_html, as_text = _left(page.view)
    assert "<b>" not in as_html
    assert "session '<b>it␛[2J': 2 messages as of 2" in as_text
    for told in (as_html, as_text):
        assert "%load_ext ipyclaude\n%claude_session chat " in told
        assert "words of" not in told
        assert "\x1b" not in told


def test_a_list_shows_its_todos_as_they_were(desk: FakeDesk) -> None:
    """The first of them, not too much of each, and what shows them as they are."""
    todos = [Todo(key=f"{n}", content=f"<i>{n}" + "x" * 1000) for n in range(80)]
    desk.store.put(TodoList(client_id=SID, session_id=SID, todos=tuple(todos)))
    as_html, as_text = _left(ClaudeTodos(desk=desk))
    assert "<li>☐ &lt;i&gt;49xx" in as_html
    assert "☐ <i>49xx" in as_text
    for told in (as_html, as_text):
        assert "… and 30 more" in told
        assert "<i>50" not in told.replace("&lt;i&gt;", "<i>")
        assert "ClaudeTodos(" in told
        assert len(told) < 15_000
    desk.store.put(TodoList(client_id=SID, session_id=SID))
    assert "none yet" in _left(ClaudeTodos(desk=desk))[1]
