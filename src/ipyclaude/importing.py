"""Claude Code's own history, read into the store with a progress bar."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, TextColumn
from rich.progress import Progress as RichProgress

from .history import Progress, find_history, import_history
from .history_files import ImportReport
from .output import Output
from .store.sqlite import SqliteStore
from .store.transcripts import TranscriptStore

_MOST_LINES = 20
_INTERVAL = 0.1  # seconds between two pictures of the bar


def import_and_tell(
    store: SqliteStore,
    transcripts: TranscriptStore,
    paths: list[Path] | None,
    bar: Progress,
    *,
    every: bool,
) -> str:
    """Import, showing progress; return the report for a person.

    Without `paths`: the history of the working folder, or of all projects with `every`.
    """
    if paths is None and not every:
        here = str(Path.cwd())
        # The CLI names a project's folder after its path (CLI 2.1.330).
        key = re.sub(r"[^A-Za-z0-9]", "-", here)
        paths = [found.path for found in find_history() if found.project_key == key]
        if not paths:
            return f"Claude Code has no history of {here}. Import all with --all, or give a path."
    report = import_history(store, transcripts, paths, progress=bar)
    lines = [_counted(report)]
    bad = [f"{bad.path}:{bad.line}: {bad.reason} (kept as it is)" for bad in report.bad_lines]
    lines += _some(bad, "lines that could not be read")
    skipped = [f"{skipped.path} was left out: {skipped.reason}." for skipped in report.skipped]
    lines += _some(skipped, "files that were left out")
    return "\n".join(lines)


def _counted(report: ImportReport) -> str:
    if not (report.sessions or report.messages):
        return "Nothing new was found to import."
    return (
        f"{report.sessions:,} session{'' if report.sessions == 1 else 's'}, "
        f"{report.messages:,} message{'' if report.messages == 1 else 's'} imported."
    )


def _some(lines: list[str], what: str) -> list[str]:
    rest = len(lines) - _MOST_LINES
    more = [f"  … and {rest} more {what}."] if rest > 0 else []
    return [*(f"  {line}" for line in lines[:_MOST_LINES]), *more]


@contextmanager
def terminal_bar() -> Generator[Progress, None, None]:
    """Lend a bar in the terminal, gone at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with RichProgress(*columns, transient=True) as bar:
        task = bar.add_task("Importing", total=None)

        def tell(done: int, total: int, path: Path) -> None:
            bar.update(task, completed=done, total=total, description=path.name[:40])

        yield tell


def notebook_bar(output: Output) -> Progress:
    """Return a bar in a cell's output, which is then replaced by the report."""
    shown = -_INTERVAL

    def tell(done: int, total: int, path: Path) -> None:
        nonlocal shown
        if time.monotonic() - shown >= _INTERVAL:
            shown = time.monotonic()
            output.replace(_picture(done, total, path.name))

    return tell


def _picture(done: int, total: int, name: str) -> dict[str, str]:
    words = f"Importing {name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB"
    return {
        "text/html": f'<progress value="{done}" max="{total}"></progress> {html.escape(words)}',
        "text/plain": words,
    }
