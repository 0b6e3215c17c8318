"""From a block's arrival in the kernel to its paint in a real JupyterLab, at three paces."""

from __future__ import annotations

import json
import re
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from ipyclaude.testing.replies import Reply, text

from .table import Figure

if TYPE_CHECKING:
    from .page import Lab

PACES = (20, 60, 200)  # updates a second
SECONDS = 3
#: So soon (ms) a change seems to come at once: https://www.nngroup.com/articles/response-times-3-important-limits/
AT_ONCE = 100
_MARK = re.compile(r"w\d{4}")
#: Notes when each piece of an answer came to the kernel (epoch ms).
NOTE = """
import json, time
_marks = []
_app = get_ipython().magics_manager.registry["ClaudeMagics"].open()
def _note(events):
    now = time.time() * 1000
    _marks.extend((each.s, now) for each in events if type(each).__name__ == "Delta")
_app.runtime.loop.call_soon_threadsafe(lambda: _app.sessions.for_cell(None).subscribe(_note))
"""
TELL = "print(json.dumps(_marks)); _marks.clear()"
#: Runs a cell; tells when each mark was painted (epoch ms), and how long the page's long tasks
#: were (ms), from the first mark to the last.
_WATCH = """([index, last]) => new Promise((resolve) => {
  const panel = window.__panel();
  const cell = panel.content.widgets[index];
  panel.content.activeCellIndex = index;
  panel.content.deselectAll();
  const painted = {}, tasks = [], channel = new MessageChannel();
  let pending = [];
  const long = new PerformanceObserver((list) => tasks.push(
    ...list.getEntries().map((each) => [performance.timeOrigin + each.startTime, each.duration])));
  long.observe({type: 'longtask'});
  // What is posted in a frame is heard after the frame was painted.
  channel.port1.onmessage = () => {
    const now = performance.timeOrigin + performance.now();
    for (const mark of pending.splice(0)) painted[mark] = now;
  };
  const frame = () => {
    for (const mark of cell.outputArea.node.textContent.match(/w\\d{4}/g) ?? []) {
      if (!(mark in painted) && !pending.includes(mark)) pending.push(mark);
    }
    if (pending.length) channel.port2.postMessage(0);
    if (last in painted) {
      long.disconnect();
      return resolve([painted, tasks]);
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  window.jupyterapp.commands.execute('notebook:run-cell');
})"""


def measure(driven: Lab, ask: int, tell: int) -> list[Figure]:
    """Return the figures; `ask` and `tell` are the cells that ask Claude and print the marks."""
    _run(driven, ask, tell, PACES[0])  # warms up
    found = {pace: _run(driven, ask, tell, pace) for pace in PACES}
    return [figure for pace in PACES for figure in _figures(pace, *found[pace])]


def _run(driven: Lab, ask: int, tell: int, pace: int) -> tuple[list[float], float, float]:
    """Return each mark's wait, the time in long tasks, and how long the streaming took (ms)."""
    count = pace * SECONDS
    words = "".join(f"w{number:04d} " for number in range(count))
    driven.model.script(Reply(text(words, chunk_chars=6, delay=1 / pace)))
    notebook = driven.notebook
    seen: Any = notebook.page.evaluate(_WATCH, [ask, f"w{count - 1:04d}"])
    painted: dict[str, float] = seen[0]
    tasks: list[tuple[float, float]] = seen[1]
    notebook.wait_done(ask)
    notebook.run(tell)
    pieces: list[tuple[str, float]] = json.loads(notebook.text(tell))
    came = {mark: at for piece, at in pieces for mark in _MARK.findall(piece)}
    waits = [painted[mark] - at for mark, at in came.items() if mark in painted]
    begun, ended = min(came.values()), max(painted.values())
    long = sum(took for at, took in tasks if begun <= at <= ended)
    return waits, long, ended - begun


def _figures(pace: int, waits: list[float], long: float, whole: float) -> list[Figure]:
    name = f"{pace} updates/s"
    return [
        Figure(f"kernel to paint, median, {name}", median(waits), AT_ONCE, "ms", 1.0, "at once"),
        Figure(f"kernel to paint, p95, {name}", quantiles(waits, n=20)[-1], AT_ONCE, "ms", 1.5,
               "at once"),
        Figure(f"page's long tasks, {name}", long, whole, "ms", 0.1, "of the time"),
    ]  # fmt: skip
