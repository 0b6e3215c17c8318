"""Rich-quality text output for plain `ipython`: the answer as it comes, then as Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.markdown import Markdown
from rich.padding import Padding
from rich.text import Text

from .display import (
    TODO_TOOLS,
    footer,
    one_line,
    result_text,
    todo_lines,
    tool_summary,
)
from .fold import text_of, with_text
from .journal import Redraw, Told
from .messages import (
    Approval,
    ContentBlock,
    Message,
    NoticeBlock,
    ResultBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from .protocol import BlockClosed, BlockOpened, Delta, MessageSaved, TodosReplaced
from .seen import visible

_OUTPUT_LINES = 8
_TAIL_LINES = 12


def approval_text(approval: Approval) -> str:
    """Return the question with the tool's real and whole input, as plain text (S12)."""
    title = approval.title or f"Claude wants to use {approval.tool_name}"
    rest = dict(approval.input)
    command = rest.pop("command", None) or rest.pop("code", None)
    lines = [title]
    if isinstance(command, str):
        sign = "\n" if "\n" in command else " "
        lines.append(f"{approval.tool_name}:{sign}{command}")
        lines += [json.dumps(rest, indent=1, ensure_ascii=False)] if rest else []
    else:
        whole = json.dumps(approval.input, indent=1, ensure_ascii=False)
        lines.append(f"{approval.tool_name}: {whole}")
    return visible("\n".join(lines))


class Printer:
    """Prints one turn's events to the terminal, without `turn_id` those of all turns.

    Called on the loop thread.
    """

    def __init__(
        self, turn_id: str | None, *, quiet: bool = False, console: Console | None = None
    ) -> None:
        self._turn_id = turn_id
        self._console = console or Console(quiet=quiet)
        self._growing: dict[int, tuple[ContentBlock, list[str]]] = {}
        self._live: Live | None = None
        self._silent: set[str] = set()

    def heard(self, events: Sequence[Told]) -> None:
        """Print what happened."""
        for event in events:
            if isinstance(event, BlockOpened):
                if self._wants(event.live.turn_id):
                    block = event.live.block
                    self._growing[event.live.k] = (block, [text_of(block) or ""])
                    self._redraw(event.live.k)
            elif isinstance(event, Delta):
                if event.k in self._growing:
                    self._growing[event.k][1].append(event.s)
                    self._redraw(event.k)
            elif isinstance(event, BlockClosed):
                self._close(event)
            elif isinstance(event, MessageSaved):
                self._message(event.message)
            elif isinstance(event, Redraw) and self._turn_id is None:
                self._above(Text("… more was said: %claude_session show", style="dim"))
            elif isinstance(event, TodosReplaced):
                todos = visible("\n".join(todo_lines(event.todos)))
                self._above(Text(todos, style="cyan"))

    def _wants(self, turn_id: str) -> bool:
        return self._turn_id in (None, turn_id)

    def _message(self, message: Message) -> None:
        if not self._wants(message.turn_id):
            return
        if message.type == "user":
            if self._turn_id is None:  # else it stands above already
                self._above(Text(visible(f"> {message.text}"), style="bold green"))
            return
        for block in message.content:
            self._print(block)

    def _redraw(self, k: int) -> None:
        block, parts = self._growing[k]
        if not isinstance(block, TextBlock) or not any(parts[-1:]):
            return
        if self._live is None:
            self._live = Live(console=self._console, refresh_per_second=8, transient=True)
            self._live.start()
        # Only the end is redrawn while it grows: a long answer stays cheap.
        tail = "".join(parts[-200:]).splitlines()[-_TAIL_LINES:]
        self._live.update(Text(visible("\n".join(tail))))

    def _close(self, event: BlockClosed) -> None:
        if event.k not in self._growing:
            return
        block, parts = self._growing.pop(event.k)
        self.pause()
        if not event.drop:
            self._print(event.block or with_text(block, "".join(parts)))

    def pause(self) -> None:
        """Stop redrawing, so that something else may use the terminal."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def close(self) -> None:
        """Leave the terminal as it was."""
        self.pause()

    def _above(self, what: object) -> None:
        self._console.print(what)

    def _print(self, block: ContentBlock) -> None:
        if isinstance(block, TextBlock) and block.text.strip():
            self._above(Markdown(visible(block.text)))
        elif isinstance(block, ThinkingBlock) and block.thinking.strip():
            self._above(Text(f"✻ {visible(one_line(block.thinking))}", style="dim italic"))
        elif isinstance(block, ToolUseBlock):
            if block.name in TODO_TOOLS:
                self._silent.add(block.id)  # the list itself is shown
                return
            summary = visible(tool_summary(block.name, block.input))
            self._above(Text(f"● {summary}", style="bold"))
        elif isinstance(block, ToolResultBlock) and block.tool_use_id not in self._silent:
            self._above(_result(block))
        elif isinstance(block, NoticeBlock) and block.level != "error":
            words = visible(f"! {block.what} {block.why} {block.fix}".rstrip())
            self._above(Text(words, style="yellow"))
        elif isinstance(block, ResultBlock):
            self._above(Text(footer(block), style="dim"))


def _result(block: ToolResultBlock) -> Padding:
    lines = visible(result_text(block.content)).splitlines()
    shown = "\n".join(lines[:_OUTPUT_LINES])
    more = len(lines) - _OUTPUT_LINES
    parts = [Text(shown, style="red" if block.is_error else "dim")]
    if more > 0:
        parts.append(Text(f"… {more} lines more", style="dim"))
    return Padding(Group(*parts), (0, 0, 0, 2))
