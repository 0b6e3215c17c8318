"""Plotly's figures, for the model: a page draws them, and Claude has none.

Kaleido, plotly's own export, makes their pictures where it is installed and finds a Chrome; in
a process of its own, since that takes seconds and may hang. What the person sees stays as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, cast

#: What a front end draws.
FIGURE = "application/vnd.plotly.v1+json"
#: Seconds; a picture takes 1 to 5 of them, mostly for Chrome's start.
DRAW_SECONDS = 30.0
_MAX_TRACES = 20
#: Characters of a figure that is kept to be drawn later.
MAX_FIGURE_CHARS = 4_000_000
_INSTALL = "Claude sees figures of plotly as pictures where kaleido (1 or later) is installed."
_FAILED = (
    "Claude sees no picture of it ({why}). Kaleido needs a Chrome: plotly_get_chrome fetches one, "
    "BROWSER_PATH names one."
)
#: Reads figures, writes a picture a line. Without MathJax, which would come from the network.
_DRAW = """
import asyncio, base64, json, sys
from kaleido import Kaleido, PageGenerator

async def draw():
    async with Kaleido(n=1, page_generator=PageGenerator(mathjax=False)) as kaleido:
        for figure in json.load(sys.stdin):
            picture = await kaleido.calc_fig(figure, opts={"format": "png"})
            print(base64.b64encode(picture).decode(), flush=True)

asyncio.run(draw())
"""


def figure_of(value: Any) -> Any:
    """Return a plotly figure as its front end gets it; None for any other value."""
    kind = cast("Any", type(value))
    if not kind.__module__.startswith("plotly.") or not hasattr(kind, "to_plotly_json"):
        return None
    return json.loads(value.to_json())


def packed(figure: Any) -> str:
    """Return a figure as text to be drawn later; empty if it is none, or too large to keep."""
    from pydantic_core import to_json  # loading the extension only registers (S8)

    try:
        # Not by json: each figure that is shown comes by here, and a large one took its time.
        text = to_json(figure, inf_nan_mode="constants", fallback=str).decode()
    except ValueError:  # anybody may show anything by this name
        return ""
    return text if len(text) <= MAX_FIGURE_CHARS else ""


def figure_text(figure: Any) -> str:
    """Say what a figure shows: its traces, and the titles."""
    layout = _mapping(_mapping(figure).get("layout"))
    data: Any = _mapping(figure).get("data")
    traces = [_trace(_mapping(each)) for each in (data if isinstance(data, list) else ())]  # pyright: ignore[reportUnknownVariableType]
    if len(traces) > _MAX_TRACES:
        traces[_MAX_TRACES:] = [f"{len(traces) - _MAX_TRACES} more"]
    titles = {"title": _title(layout)}
    titles.update({name: _title(_mapping(layout.get(f"{name}axis"))) for name in "xy"})
    words = [f"{name} {title!r}" for name, title in titles.items() if title]
    return "; ".join([f"a plotly figure of {', '.join(traces) or 'nothing'}", *words])


def _mapping(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _trace(trace: dict[str, Any]) -> str:
    return f"{trace.get('type', 'scatter')} {trace.get('name') or ''}".strip()


def _title(part: dict[str, Any]) -> str:
    title: Any = part.get("title")
    return str(_mapping(title).get("text") or "") if isinstance(title, dict) else str(title or "")


async def draw(figures: Sequence[Any]) -> tuple[list[str], str]:
    """Return pictures of figures (PNG as base64), and why those that are lacking are."""
    if not figures:
        return [], ""
    if find_spec("kaleido") is None:
        return [], _INSTALL
    out, told = await _run(json.dumps(list(figures), default=str).encode())
    pictures = out.decode().split()
    return pictures, "" if len(pictures) == len(figures) else _FAILED.format(why=told)


async def _run(sent: bytes) -> tuple[bytes, str]:
    """Run Kaleido on figures; return what it wrote, and what it said last."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _DRAW, stdin=pipe, stdout=pipe, stderr=pipe
        )
    except OSError as error:
        return b"", str(error)
    try:
        out, err = await asyncio.wait_for(process.communicate(sent), DRAW_SECONDS)
    except asyncio.TimeoutError:
        return b"", f"it took more than {DRAW_SECONDS:g} s"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    lines = err.decode(errors="replace").strip().splitlines()
    return out, lines[-1].partition(". ")[0][:200] if lines else "it said nothing"
