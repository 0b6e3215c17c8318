"""Claude Code's own history, read into the store with a progress bar."""

from __future__ import annotations

import re
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from .history import find_history, import_history
from .store.sqlite import SqliteStore
from .store.transcripts import TranscriptStore

_MOST_BAD_LINES = 20


def import_with_progress(
    store: SqliteStore, transcripts: TranscriptStore, paths: list[Path] | None, *, every: bool
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
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("Importing", total=None)

        def progress(done: int, total: int, path: Path) -> None:
            bar.update(task, completed=done, total=total, description=path.name[:40])

        report = import_history(store, transcripts, paths, progress=progress)
    lines = [f"{report.sessions} sessions, {report.messages} messages imported."]
    lines.extend(
        f"  {bad.path}:{bad.line}: {bad.reason} (kept as it is)"
        for bad in report.bad_lines[:_MOST_BAD_LINES]
    )
    rest = len(report.bad_lines) - _MOST_BAD_LINES
    if rest > 0:
        lines.append(f"  … and {rest} more lines that could not be read.")
    return "\n".join(lines)
