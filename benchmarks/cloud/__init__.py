"""What replication costs against a bare client of the same Convex: time, calls and bytes.

The deployment is the tests' own (tests/convex), which is slower than Convex: only ratios count.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from ..table import Figure
from .bench import Bench, deployed
from .costs import bytes_up, calls_made, flush
from .latency import saved_to_shown
from .leaving import removed_to_told
from .opening import first_screen

Part = Callable[[Bench], Coroutine[Any, Any, "Figure | list[Figure]"]]
_PARTS: tuple[Part, ...] = (
    saved_to_shown,
    removed_to_told,
    flush,
    calls_made,
    bytes_up,
    first_screen,
)


def measure() -> list[Figure]:
    """Return all figures of replication."""
    figures: list[Figure] = []
    with deployed() as server, tempfile.TemporaryDirectory() as folder:
        bench = Bench(server, Path(folder))
        for part in _PARTS:
            found = asyncio.run(part(bench))
            figures += found if isinstance(found, list) else [found]
    return figures
