"""A figure, and the table of them."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

README = Path(__file__).resolve().parent.parent / "README.md"
MARK = "benchmarks"


@dataclass(frozen=True)
class Figure:
    """Ours against a peer; `limit` is the ratio that must not be passed (from below if `least`).

    Without a limit it stands in the table to be looked at.
    """

    what: str
    ours: float
    peer: float
    unit: str
    limit: float | None
    peer_name: str
    least: bool = False

    @property
    def ratio(self) -> float:
        """Ours over the peer's."""
        return self.ours / self.peer

    @property
    def held(self) -> bool:
        """Whether the ratio keeps its limit."""
        if self.limit is None:
            return True
        return self.ratio >= self.limit if self.least else self.ratio <= self.limit

    def row(self) -> str:
        """Return the figure as a row of a Markdown table."""
        sign = "≥" if self.least else "≤"
        mark = "" if self.held else " ✗"
        ours, peer = _shown(self.ours, self.unit), _shown(self.peer, self.unit)
        return (
            f"| {self.what} | {ours} | {peer} ({self.peer_name}) "
            f"| {self.ratio:.2f}{mark} | {f'{sign} {self.limit:g}' if self.limit else ''} |"
        )


def _shown(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def median(measure: Callable[[], float], runs: int) -> float:
    """Return the median of several runs."""
    return statistics.median(measure() for _ in range(runs))


def paired(ours: Callable[[], float], peer: Callable[[], float], runs: int) -> tuple[float, float]:
    """Measure both by turns, so that the machine's moods meet both; return the middle pair."""
    pairs = sorted(((ours(), peer()) for _ in range(runs)), key=lambda pair: pair[0] / pair[1])
    return pairs[runs // 2]


def machine() -> str:
    """Describe the machine and the versions that matter."""
    names = ("claude-agent-sdk", "jupyterlab", "ipykernel", "anywidget")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}; medians."
    )


def table(found: Sequence[Figure | str]) -> str:
    """Return the whole table as Markdown, with what has to be said under it."""
    figures = [figure for figure in found if isinstance(figure, Figure)]
    notes = [note for note in found if isinstance(note, str)]
    rows = ["| | ipyclaude | peer | ratio | limit |", "|---|---|---|---|---|"]
    return "\n".join([*rows, *(figure.row() for figure in figures), "", *notes, machine()])


def write_readme(text: str, *, whole: bool) -> None:
    """Put the table into the README; what was not measured stays, unless the table is `whole`."""
    _, old, _ = _parts(README, MARK)
    put(README, MARK, text if whole else merged(old, text))


def put(path: Path, mark: str, text: str) -> None:
    """Put a text between its marks in a document."""
    before, _, after = _parts(path, mark)
    path.write_text(f"{before}\n{text}\n{after}")


def _parts(path: Path, mark: str) -> tuple[str, str, str]:
    """Return what is before, between and behind two marks, which stay outside."""
    start, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, found, rest = path.read_text().partition(start)
    between, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{path.name} has no {start} … {end}")
    return before + start, between.strip("\n"), end + after


def merged(old: str, new: str) -> str:
    """Return the new table with those rows of the old one that it has not, each in its place."""
    lines = {_what(line): line for line in new.splitlines() if line.startswith("|")}
    kept = [_what(line) for line in old.splitlines() if line.startswith("|")]
    rows = {_what(line): line for line in old.splitlines() if line.startswith("|")} | lines
    order = [*kept, *(what for what in lines if what not in kept)]
    notes = [line for line in old.splitlines() if line and not line.startswith("|")]
    return "\n".join([*(rows[what] for what in order), "", *notes])


def _what(line: str) -> str:
    return line.split("|")[1].strip()
