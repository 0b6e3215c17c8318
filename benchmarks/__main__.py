"""Measure, print the tables, and with --readme put them where they are shown.

scripts/bench [--readme] [load] [history] [kernel] [lent] [page] [widget] [cloud] [crowd]

All but crowd where none is named, for the README; of named parts only their rows change there.
The tables of crowd are those of docs/convex-limits.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from . import cloud, crowd, history, kernel, lent, load, page, widget
from .table import Figure, table, write_readme

PARTS: dict[str, Callable[[], Sequence[Figure | str]]] = {
    "load": load.measure,
    "history": history.measure,
    "kernel": kernel.measure,
    "lent": lent.measure,
    "page": page.measure,
    "widget": widget.measure,
    "cloud": cloud.measure,
}


def main() -> int:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, "crowd", []], metavar="PART")
    parser.add_argument("--readme", action="store_true", help="put the tables where they are shown")
    chosen = parser.parse_args()
    found: list[Figure | str] = []
    for name in chosen.parts or PARTS:
        print(f"measuring {name} …", flush=True)
        if name == "crowd":
            crowd.show(write=chosen.readme)
        else:
            found.extend(PARTS[name]())
    if found:
        text = table(found)
        print(text)
        if chosen.readme:
            write_readme(text, whole=not chosen.parts)
    return 0 if all(figure.held for figure in found if isinstance(figure, Figure)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
