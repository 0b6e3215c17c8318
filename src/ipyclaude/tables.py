"""Tables and texts of `%claude_session`: HTML in a notebook, plain text in a terminal."""

from __future__ import annotations

import html
import io
import shutil
from collections.abc import Sequence
from typing import Any

from .messages import now_ms
from .output import show
from .seen import visible
from .times import day

_NOTEBOOK_COLUMNS = 110


def ago(then_ms: float) -> str:
    """Say how long ago a time in epoch ms was: `3 min ago`; a date after a week."""
    seconds = max(0.0, (now_ms() - then_ms) / 1000)
    for limit, unit, word in ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // unit)} {word} ago"
    if seconds < 7 * 86_400:
        return f"{int(seconds // 86_400)} d ago"
    return day(then_ms)


def money(usd: float) -> str:
    """Return an amount in USD."""
    return f"${usd:.4f}" if usd < 1 else f"${usd:.2f}"


def size(count: int) -> str:
    """Return a number of bytes: `1.2 MB`."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def _as_html(headers: Sequence[str], rows: Sequence[Sequence[object]], caption: str) -> str:
    def cells(values: Sequence[object], tag: str) -> str:
        style = ' style="text-align:left"'
        return "".join(f"<{tag}{style}>{html.escape(str(value))}</{tag}>" for value in values)

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    head = f"<p>{html.escape(caption)}</p>" if caption else ""
    return (
        f"{head}<table><thead><tr>{cells(headers, 'th')}</tr></thead><tbody>{body}</tbody></table>"
    )


def _in_kernel() -> bool:
    from IPython import get_ipython  # pyright: ignore[reportPrivateImportUsage]

    shell: Any = get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def _as_text(headers: Sequence[str], rows: Sequence[Sequence[object]], caption: str) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(headers))
    for header in headers:
        table.add_column(header)
    for row in rows:
        table.add_row(*(Text(visible(str(value))) for value in row))
    out = io.StringIO()
    here = _NOTEBOOK_COLUMNS if _in_kernel() else shutil.get_terminal_size().columns
    # Kernels ask for colours by FORCE_COLOR; escape codes have no place in `text/plain`.
    # In a kernel rich would show the table itself, beside ours, and write nothing.
    plain = Console(
        file=out, width=here, color_system=None, force_terminal=False, force_jupyter=False
    )
    plain.print(table)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    text = "\n".join(line for line in lines if line)
    return f"{caption}\n{text}" if caption else text


def show_table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str = ""
) -> None:
    """Display a table; every value is escaped (S11)."""
    _display(_as_html(headers, rows, caption), _as_text(headers, rows, caption))


def text_bundle(text: str) -> dict[str, str]:
    """Return a preformatted text as a mime bundle."""
    # Jupyter would put it as far in as an answer's code.
    style = "margin:.25em 0;white-space:pre-wrap"
    return {"text/html": f'<pre style="{style}">{html.escape(text)}</pre>', "text/plain": text}


def show_text(text: str) -> None:
    """Display a preformatted text."""
    _display(text_bundle(text)["text/html"], text)


def show_bundle(data: dict[str, str]) -> None:
    """Display a mime bundle; in a terminal its plain text."""
    _display(data["text/html"], data["text/plain"], data.get("text/markdown"))


def _display(as_html: str, as_text: str, as_markdown: str | None = None) -> None:
    if not _in_kernel():
        print(visible(as_text))  # noqa: T201 - the terminal's output
        return
    data = {"text/html": as_html, "text/plain": as_text}
    if as_markdown is not None:
        data["text/markdown"] = as_markdown
    show(data)
