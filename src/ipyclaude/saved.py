"""What a saved notebook shows of a chat or of a to-do list, once its widget's model is gone (S10).

It is written when the cell runs, and unseen while the widget is there: so it says how long the
conversation was, and how to see it again, and holds none of its words. GitHub, nbconvert and a
JupyterLab that doesn't trust the notebook, as it came from somewhere else, show it; in one that
it trusts JupyterLab shows the widget or says itself that the model was not found.
"""

from __future__ import annotations

import html
import shlex
from collections.abc import Sequence

from .display import one_line, todo_lines
from .messages import SessionInfo, Todo, now_ms
from .seen import on_one_line
from .times import moment

#: So many to-dos are kept, and so many characters of each.
_MOST_TODOS, _MOST_CHARACTERS = 50, 200
_LOAD = "%load_ext ipyclaude"


def of_chat(info: SessionInfo | None) -> dict[str, str]:
    """Return what stands for a chat: whose session it showed, and how it is shown again."""
    if info is None:
        return _written("A chat with Claude, with no session open.", (), "%claude_session chat")
    name = on_one_line(info.name)
    count = f"{info.message_count} message{'' if info.message_count == 1 else 's'}"
    said = f"A chat with Claude in session '{name}': {count} as of {_now()}."
    return _written(said, (), f"%claude_session chat {shlex.quote(name)}")


def of_todos(info: SessionInfo | None, todos: Sequence[Todo]) -> dict[str, str]:
    """Return what stands for a to-do list: the list as it was, and how it is shown as it is."""
    name = on_one_line(info.name) if info is not None else ""
    said = f"Claude's to-dos in session '{name}', as of {_now()}:" if name else "Claude's to-dos."
    lines = [one_line(on_one_line(each), _MOST_CHARACTERS) for each in todo_lines(todos)]
    more = len(lines) - _MOST_TODOS
    kept = [*lines[:_MOST_TODOS], *([f"… and {more} more"] if more > 0 else [])]
    return _written(
        said,
        kept or ["none yet"],
        "from ipyclaude import ClaudeTodos",
        f"ClaudeTodos({name!r})" if name else "ClaudeTodos()",
    )


def _now() -> str:
    return moment(now_ms())


def _written(said: str, lines: Sequence[str], *code: str) -> dict[str, str]:
    again = "It is shown again by:"
    run = "\n".join((_LOAD, *code))
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    listed = f"<ul>{items}</ul>" if lines else ""
    return {
        "text/html": f"<p>{html.escape(said)}</p>{listed}"
        f"<p>{again}</p><pre><code>{html.escape(run)}</code></pre>",
        "text/plain": "\n".join((said, *lines, again, run)),
    }
