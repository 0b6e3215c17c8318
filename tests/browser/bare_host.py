"""The page on a bare host of our own: no Jupyter, no kernel, a model that a test plays."""

from __future__ import annotations

import contextlib
import functools
import http.server
import shutil
import subprocess
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

JS = Path(__file__).parents[2] / "js"

#: Streams a text in steps, one a frame, and resolves when it is drawn.
STREAM = """
([text, step]) => {
  const block = {type: 'text', text: ''};
  const k = window.k = (window.k ?? 100) + 1;
  const live = {k, id: `live-${k}`, turn_id: 't-1', block, parent_tool_use_id: null};
  mock.events({type: 'open', live});
  return new Promise((done) => {
    let at = 0;
    const next = () => {
      if (at >= text.length) {
        mock.events({type: 'close', k, block: null, drop: false});
        return requestAnimationFrame(() => requestAnimationFrame(() => done(null)));
      }
      mock.events({type: 'd', k, s: text.slice(at, at + step)});
      at += step;
      requestAnimationFrame(next);
    };
    next();
  });
}
"""


def hook(name: str) -> str:
    """Return the selector of a `data-ipc` hook."""
    return f'[data-ipc="{name}"]'


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextlib.contextmanager
def serve(folder: Path) -> Generator[str, None, None]:
    """Build the host page into a folder and serve it; yields its address."""
    node = shutil.which("node")
    assert node, "node is needed to build the host page"
    build = [node, str(JS / "scripts" / "build.mjs"), "--host", str(folder)]
    subprocess.run(build, check=True, cwd=JS, timeout=120)
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/host.html"
    server.shutdown()
    thread.join()
    server.server_close()


def _spent_ms(session: Any) -> float:
    """Milliseconds that the page's main thread has worked so far."""
    metrics: list[dict[str, Any]] = session.send("Performance.getMetrics")["metrics"]
    return 1000 * next(float(m["value"]) for m in metrics if m["name"] == "TaskDuration")


def cpu_ms(page: Page, script: str, argument: object) -> float:
    """Milliseconds of the page's main thread that a script took."""
    session: Any = page.context.new_cdp_session(page)
    # Thread time, not the clock's: other work on the machine must not count.
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _spent_ms(session)
    page.evaluate(script, argument)
    return _spent_ms(session) - before
