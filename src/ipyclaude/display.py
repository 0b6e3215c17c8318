"""What a cell output shows when it is saved: HTML, Markdown and plain text of a turn (S10).

Everything that Claude or a tool wrote is hostile (S11): Markdown is rendered with raw HTML
off and without images, and the result goes through a sanitiser.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, cast

from .messages import (
    ContentBlock,
    ImageBlock,
    Message,
    NoticeBlock,
    ResultBlock,
    ServerToolResultBlock,
    ServerToolUseBlock,
    TextBlock,
    ThinkingBlock,
    Todo,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
)
from .seen import visible

TODO_TOOLS = frozenset({"TodoWrite", "TaskCreate", "TaskUpdate", "TaskList", "TaskGet"})
_BOX = re.compile(r"\[([ xX])\]\s+")
_MARKS = {"pending": "☐", "in_progress": "◐", "completed": "☑"}
_MAX_OUTPUT = 20_000  # characters of one tool's output that a saved notebook keeps
_SUMMARY_FIELDS = ("command", "file_path", "notebook_path", "path", "pattern", "url", "query")
_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})")
_CODE_SPAN = re.compile(r"(`+)(?:(?!\1).)+?\1(?!`)", re.DOTALL)
_STYLE = "border-left:3px solid #8884;padding-left:.75em;margin:.25em 0"
#: Jupyter's own styles let what follows a fold stick to it.
_APART = "margin:0 0 .5em"


def one_line(text: str, limit: int = 100) -> str:
    """Shorten a text to its first line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def tool_summary(name: str, tool_input: dict[str, Any]) -> str:
    """Say in a line what a tool call does: its name, and its command, path or pattern."""
    for key in _SUMMARY_FIELDS:
        value = tool_input.get(key)
        if isinstance(value, str) and value:
            return f"{name}: {one_line(value)}"
    return name


def result_text(content: object) -> str:
    """Return a tool result as text; parts that aren't text are named."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return "" if content is None else json.dumps(content, default=str)
    return "\n".join(_part_text(part) for part in cast("Sequence[object]", content))


def _part_text(part: object) -> str:
    if not isinstance(part, dict):
        return str(part)
    said = cast("dict[str, Any]", part)
    if said.get("type") == "text":
        return str(said.get("text", ""))
    # What tool search finds is a reference to a tool, by its name.
    return str(said.get("tool_name") or f"[{said.get('type', 'content')}]")


def footer(result: ResultBlock) -> str:
    """Model, time, tokens and cost in a line."""
    parts = [result.model or "Claude", f"{result.duration_ms / 1000:.1f} s"]
    tokens = result.input_tokens + result.output_tokens
    if tokens:
        parts.append(f"{tokens:,} tokens")
    if result.cost_usd:
        parts.append(f"${result.cost_usd:.4f}")
    if result.outcome == "stopped":
        parts.insert(0, "Stopped")
    return " · ".join(parts)


def todo_lines(todos: Iterable[Todo]) -> list[str]:
    """Each to-do as a line with its mark; subagents' are indented."""
    return [
        f"{'  ' if todo.parent_tool_use_id else ''}{_MARKS[todo.status]} {todo.content}"
        for todo in todos
        if not todo.past
    ]


class _Writer:
    """Writes one mime type; a subclass says how each kind of part looks."""

    def text(self, text: str) -> str:
        raise NotImplementedError

    def quote(self, text: str) -> str:
        raise NotImplementedError

    def fold(self, summary: str, codes: Sequence[tuple[str, str]], text: str = "") -> str:
        raise NotImplementedError

    def image(self, media_type: str, data: str) -> str:
        raise NotImplementedError

    def todos(self, todos: Sequence[Todo]) -> str:
        raise NotImplementedError

    def small(self, text: str) -> str:
        raise NotImplementedError

    def block(self, block: ContentBlock, results: dict[str, ToolResultBlock]) -> str:
        if isinstance(block, TextBlock):
            return self.text(block.text) if block.text.strip() else ""
        if isinstance(block, ThinkingBlock):
            return self._thinking(block)
        if isinstance(block, ToolUseBlock | ServerToolUseBlock):
            return self._tool(block, results)
        if isinstance(block, ImageBlock):
            source = block.source
            return self.image(str(source.get("media_type", "")), str(source.get("data", "")))
        if isinstance(block, NoticeBlock):
            return self.quote(" ".join(part for part in (block.what, block.why, block.fix) if part))
        if isinstance(block, UnknownBlock):
            return self.fold("Unknown content", [("json", _json(block.raw))])
        if isinstance(block, ServerToolResultBlock):
            return self.fold("Result", [("json", _json(block.content))])
        return ""

    def _thinking(self, block: ThinkingBlock) -> str:
        if not block.thinking.strip():
            return ""
        ms = block.duration_ms or 0
        seconds = f" for {ms / 1000:.0f} s" if ms >= 1000 else ""
        return self.fold(f"Thought{seconds}", [], block.thinking)

    def _tool(
        self, block: ToolUseBlock | ServerToolUseBlock, results: dict[str, ToolResultBlock]
    ) -> str:
        if block.name in TODO_TOOLS:
            return ""
        codes = [("json", _json(block.input))]
        result = results.get(block.id)
        mark = ""
        if result is not None:
            mark = " ✗" if result.is_error else " ✓"
            output = result_text(result.content)
            if len(output) > _MAX_OUTPUT:
                cut = len(output) - _MAX_OUTPUT
                output = f"{output[:_MAX_OUTPUT]}\n… {cut:,} characters more are in the session."
            codes.append(("", output))
        return self.fold(tool_summary(block.name, block.input) + mark, codes)


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str)


class _Html(_Writer):
    def text(self, text: str) -> str:
        return str(_markdown_it().render(text))

    def quote(self, text: str) -> str:
        return f"<blockquote><p>{html.escape(text)}</p></blockquote>"

    def fold(self, summary: str, codes: Sequence[tuple[str, str]], text: str = "") -> str:
        inner = "".join(f"<pre><code>{html.escape(code)}</code></pre>" for _, code in codes)
        if text:
            inner += f'<div style="{_STYLE}">{self.text(text)}</div>'
        folded = f"<details><summary>{html.escape(summary)}</summary>{inner}</details>"
        return f'<div style="{_APART}">{folded}</div>'

    def image(self, media_type: str, data: str) -> str:
        return f'<img alt="image" src="data:{html.escape(media_type)};base64,{html.escape(data)}">'

    def todos(self, todos: Sequence[Todo]) -> str:
        items = "".join(f"<li>{html.escape(line)}</li>" for line in todo_lines(todos))
        return f"<ul>{items}</ul>"

    def small(self, text: str) -> str:
        return f"<p><small>{html.escape(text)}</small></p>"


class _Markdown(_Writer):
    def text(self, text: str) -> str:
        return safe_markdown(text)

    def quote(self, text: str) -> str:
        return f"> {html.escape(one_line(text, 2000), quote=False)}"

    def fold(self, summary: str, codes: Sequence[tuple[str, str]], text: str = "") -> str:
        inner = "\n\n".join(_fenced(language, code) for language, code in codes)
        if text:
            inner = safe_markdown(text)
        return f"<details><summary>{html.escape(summary)}</summary>\n\n{inner}\n\n</details>"

    def image(self, media_type: str, data: str) -> str:
        return f"![image](data:{media_type};base64,{data})"

    def todos(self, todos: Sequence[Todo]) -> str:
        return "\n".join(f"- {html.escape(line, quote=False)}" for line in todo_lines(todos))

    def small(self, text: str) -> str:
        return f"<small>{html.escape(text)}</small>"


class _Plain(_Writer):
    def text(self, text: str) -> str:
        return text.strip()

    def quote(self, text: str) -> str:
        return f"! {text}"

    def fold(self, summary: str, codes: Sequence[tuple[str, str]], text: str = "") -> str:
        return f"[{summary}]"

    def image(self, media_type: str, data: str) -> str:
        return f"[image {media_type}]"

    def todos(self, todos: Sequence[Todo]) -> str:
        return "\n".join(todo_lines(todos))

    def small(self, text: str) -> str:
        return f"({text})"


def _fenced(language: str, code: str) -> str:
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def _outside_code(text: str) -> str:
    text = re.sub(r"!\[", "[", text)  # an image would be fetched from wherever it is (S11)
    text = re.sub(r"\]\(\s*(?:javascript|vbscript|data):", "](#unsafe-", text, flags=re.IGNORECASE)
    return text.replace("<", "&lt;")


def safe_markdown(text: str) -> str:
    """Return Markdown with raw HTML, images and script links taken out of force."""
    out: list[str] = []
    fence = ""
    pending: list[str] = []

    def flush() -> None:
        prose = "\n".join(pending)
        at = 0
        for span in _CODE_SPAN.finditer(prose):
            out.append(_outside_code(prose[at : span.start()]) + span.group())
            at = span.end()
        out.append(_outside_code(prose[at:]) + "\n")
        pending.clear()

    for line in text.split("\n"):
        opening = _FENCE.match(line)
        if fence:
            out.append(line + "\n")
            if opening and opening[2].startswith(fence) and line.strip() == opening[2]:
                fence = ""
        elif opening:
            flush()
            fence = opening[2]
            out.append(line + "\n")
        else:
            pending.append(line)
    flush()
    if fence:
        out.append(fence + "\n")
    return "".join(out).strip()


def _tick(state: Any) -> None:
    """Write a task list's boxes as the to-dos' are; a form's field would not be let through."""
    for item, _, inline in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        first = inline.children[0] if inline.children else None
        if item.type == "list_item_open" and first and (box := _BOX.match(first.content)):
            mark = _MARKS["pending" if box[1] == " " else "completed"]
            first.content = f"{mark} {first.content[box.end() :]}"


@lru_cache(maxsize=1)
def _markdown_it() -> Any:
    from markdown_it import MarkdownIt

    made = (
        MarkdownIt("commonmark", {"html": False})
        .enable(["table", "strikethrough"])
        .disable("image")
    )
    made.core.ruler.push("tick", _tick)
    return made


def clean_html(text: str) -> str:
    """Sanitise HTML (S11): no script, no remote image, no link that runs code."""
    import nh3

    def attribute(tag: str, name: str, value: str) -> str | None:
        if tag == "img" and name == "src" and not value.startswith("data:image/"):
            return None
        return value

    return nh3.clean(
        text,
        tags={*nh3.ALLOWED_TAGS, "details", "summary", "small"},
        attributes={**nh3.ALLOWED_ATTRIBUTES, "div": {"style", "class"}, "code": {"class"}},
        attribute_filter=attribute,
        url_schemes={"http", "https", "mailto", "data"},
        filter_style_properties={"border-left", "padding-left", "margin"},
    )


def _write(writer: _Writer, messages: Sequence[Message], todos: Sequence[Todo], note: str) -> str:
    results = {
        block.tool_use_id: block
        for message in messages
        for block in message.content
        if isinstance(block, ToolResultBlock)
    }
    parts = [writer.small(note)] if note else []
    ending: list[str] = []
    for message in messages:
        if message.type == "user":
            continue
        for block in message.content:
            if isinstance(block, ResultBlock):
                ending = [writer.small(footer(block))]
            elif part := writer.block(block, results):
                parts.append(part)
    if todos:
        parts.append(writer.todos(todos))
    return "\n\n".join([*parts, *ending])


def bundle(
    messages: Sequence[Message], todos: Sequence[Todo] = (), note: str = ""
) -> dict[str, str]:
    """Return the mime bundle of a turn: `text/html`, `text/markdown`, `text/plain`."""
    return {
        "text/html": clean_html(_write(_Html(), messages, todos, note)),
        "text/markdown": _write(_Markdown(), messages, todos, note),
        "text/plain": visible(_write(_Plain(), messages, todos, note)),
    }


def bylines(messages: Sequence[Message], me: str = "") -> dict[str, str]:
    """Return who asked what, by the prompt's id; nothing where one person asked all of it.

    `me` is what this machine's person is called.
    """
    prompts = [message for message in messages if message.type == "user"]
    if not any(prompt.author for prompt in prompts):
        return {}
    return {prompt.client_id: prompt.author or me or "Me" for prompt in prompts}


def transcript_markdown(messages: Sequence[Message], me: str = "") -> str:
    """Return a whole conversation as Markdown, prompts included."""
    parts: list[str] = []
    names = bylines(messages, me)
    for turn in turns(messages):
        for prompt in (m for m in turn if m.type == "user"):
            name = names.get(prompt.client_id, "")
            by = f"{safe_markdown(one_line(name))}: " if name else ""
            parts.append(f"## {by}{safe_markdown(prompt.text)}")
        parts.append(_write(_Markdown(), turn, (), ""))
    return "\n\n".join(parts)


def transcript_html(messages: Sequence[Message], me: str = "") -> str:
    """Return a whole conversation as sanitised HTML, prompts included."""
    writer = _Html()
    parts: list[str] = []
    names = bylines(messages, me)
    for turn in turns(messages):
        for prompt in (m for m in turn if m.type == "user"):
            name = names.get(prompt.client_id, "")
            by = f"<p><strong>{html.escape(name)}</strong></p>" if name else ""
            parts.append(f"<hr>{by}{writer.text(prompt.text)}")
        parts.append(_write(writer, turn, (), ""))
    return clean_html("".join(parts))


def turns(messages: Sequence[Message]) -> list[list[Message]]:
    """Group messages by turn, in order."""
    turns: dict[str, list[Message]] = {}
    for message in messages:
        turns.setdefault(message.turn_id, []).append(message)
    return list(turns.values())
