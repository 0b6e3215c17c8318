"""A session as a file: Markdown, HTML, a notebook, or JSON lines."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from .display import bundle, bylines, transcript_html, transcript_markdown, turns
from .exceptions import UsageMistake
from .messages import Message, SessionInfo
from .store import Store

_PAGE = 500


def all_messages(store: Store, session_id: str) -> list[Message]:
    """Return every message of a session, oldest first."""
    pages: list[Sequence[Message]] = []
    before: str | None = None
    while True:
        page = store.messages(session_id, before=before, limit=_PAGE)
        pages.append(page.messages)
        if not page.more or not page.messages:
            break
        before = page.messages[0].client_id
    return [message for page in reversed(pages) for message in page]


def _markdown(info: SessionInfo, messages: Sequence[Message], me: str) -> str:
    return f"# {info.name}\n\n{transcript_markdown(messages, me)}\n"


def _html(info: SessionInfo, messages: Sequence[Message], me: str) -> str:
    name = html.escape(info.name)
    style = "body{font:16px/1.5 system-ui;max-width:48rem;margin:2rem auto}pre{overflow:auto}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f"<style>{style}</style></head><body><h1>{name}</h1>"
        f"{transcript_html(messages, me)}</body></html>\n"
    )


def _jsonl(info: SessionInfo, messages: Sequence[Message], me: str) -> str:
    names = bylines(messages, me)
    lines: list[dict[str, object]] = [{"session": info.model_dump(mode="python")}]
    for message in messages:
        author = names.get(message.client_id, message.author)
        lines.append({**message.model_dump(mode="python"), "author": author})
    return "".join(json.dumps(line, default=str) + "\n" for line in lines)


def _cells(info: SessionInfo, messages: Sequence[Message], me: str) -> Iterator[dict[str, object]]:
    names = bylines(messages, me)
    yield _code_cell("load", "%load_ext ipyclaude", [])
    for number, turn in enumerate(turns(messages)):
        prompt = "\n\n".join(m.text for m in turn if m.type == "user")
        source = f"%%claude -s {json.dumps(info.name)}\n{_escaped(prompt)}"
        by = next((names[m.client_id] for m in turn if m.client_id in names), "")
        shown = bundle(turn, note=f"Asked by {by}." if by else "")
        data = {kind: text.splitlines(keepends=True) for kind, text in shown.items()}
        output = {"output_type": "display_data", "metadata": {}, "data": data}
        yield _code_cell(f"turn-{number}", source, [output])


def _escaped(prompt: str) -> str:
    return prompt.replace("{", "{{").replace("}", "}}")


def _code_cell(
    cell_id: str, source: str, outputs: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {},
        "execution_count": None,
        "source": source.splitlines(keepends=True),
        "outputs": outputs,
    }


def _notebook(info: SessionInfo, messages: Sequence[Message], me: str) -> str:
    whole = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
        "cells": list(_cells(info, messages, me)),
    }
    return json.dumps(whole, indent=1) + "\n"


_FORMATS: dict[str, Callable[[SessionInfo, Sequence[Message], str], str]] = {
    ".md": _markdown,
    ".html": _html,
    ".ipynb": _notebook,
    ".jsonl": _jsonl,
}


#: What of a session is about its owner's machine, and left out of what others write to a file.
_OWNERS = ("cwd", "workspace", "git_remote", "base_commit", "claude_session_id", "holder")


def _as_may_be_told(info: SessionInfo) -> SessionInfo:
    if info.role == "owner":
        return info
    defaults = {name: SessionInfo.model_fields[name].get_default() for name in _OWNERS}
    return info.model_copy(update={**defaults, "cwd": ""})


def export(
    store: Store, info: SessionInfo, file: str, *, force: bool = False, me: str = ""
) -> Path:
    """Write a session to `file`; the ending says the format. Never overwrites unasked.

    `me` is what this machine's person is called where several asked.

    Raises
    ------
    UsageMistake
        Another ending, an existing file, or a folder that cannot be written.
    """
    path = Path(file).expanduser()
    write = _FORMATS.get(path.suffix.lower())
    if write is None:
        raise UsageMistake(
            f"{file!r} has no ending that can be written.", fix=f"Use {', '.join(_FORMATS)}."
        )
    if path.exists() and not force:
        raise UsageMistake(f"{file!r} exists.", fix="Choose another name, or add --force.")
    text = write(_as_may_be_told(info), all_messages(store, info.client_id), me)
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageMistake(
            f"{file!r} cannot be written.",
            why=error.strerror or str(error),
            fix="Choose a folder that exists and that you may write to.",
        ) from error
    return path
