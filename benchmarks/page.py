"""What a person at a real JupyterLab waits for, against the SDK alone on the same model."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, ResultMessage, StreamEvent

from ipyclaude.messages import Message, SessionInfo, TextBlock
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.testing.model import ScriptedModel
from ipyclaude.testing.replies import Reply, text

from . import jupyter_cc, streaming
from .kernel import LARGE, SMALL, answer, words
from .table import Figure

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS / "browser"), str(TESTS / "integration")]

from lab_server import JupyterServer  # noqa: E402
from live_notebook import Desk, LabNotebook, open_chromium  # noqa: E402

RUNS = 9
LONG, SHORT = 10_000, 100  # messages
_FIRST, _TOTAL = 0, 1
SEEN = "The list"  # the first words of every answer
#: Runs a cell; tells when its output first held the words, and when the cell was over (ms).
_RUN = """([index, words]) => new Promise((resolve) => {
  const panel = window.__panel();
  const cell = panel.content.widgets[index];
  panel.content.activeCellIndex = index;
  panel.content.deselectAll();
  let first = null;
  const start = performance.now();
  const look = () => {
    if (first === null && cell.outputArea.node.textContent.includes(words))
      requestAnimationFrame(() => { first ??= performance.now() - start; });
  };
  const watch = new MutationObserver(look);
  watch.observe(cell.node, { subtree: true, childList: true, characterData: true });
  window.jupyterapp.commands.execute("notebook:run-cell").then(async () => {
    const total = performance.now() - start;
    while (first === null) await new Promise(requestAnimationFrame), look();
    watch.disconnect();
    resolve([first, total]);
  });
})"""


def _usual() -> Reply:
    """Return the answer that peers were measured with: 0.3 s, then 64 pieces at 30 ms."""
    return Reply(text(words(2_000), chunks=64, delay=0.03), first_delay=0.3)


@dataclass
class Lab:
    """A notebook that is open in a real JupyterLab."""

    notebook: LabNotebook
    model: ScriptedModel
    cpu: Callable[[], float]

    def run(self, cell: int, seen: str, *replies: Reply) -> tuple[float, float]:
        """Run a cell; return when `seen` was visible and when the cell was over, in ms."""
        self.model.script(*replies)
        first, total = self.notebook.page.evaluate(_RUN, [cell, seen])
        return first, total


@contextmanager
def lab(model: ScriptedModel, folder: Path, cells: list[str]) -> Generator[Lab]:
    """Open a notebook with these cells behind one that loads the extension."""
    with open_chromium() as browser:
        context = browser.new_context(viewport={"width": 1200, "height": 1000})
        context.set_default_timeout(120_000)
        server = JupyterServer(folder / "server")
        try:
            desk = Desk(server, context, model, folder, "bench")
            notebook = desk.open(*cells)
            devtools: Any = context.new_cdp_session(notebook.page)
            devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

            def cpu() -> float:
                metrics: Any = devtools.send("Performance.getMetrics")
                return next(m["value"] for m in metrics["metrics"] if m["name"] == "TaskDuration")

            yield Lab(notebook, model, cpu)
        finally:
            server.stop()


class Floor:
    """The SDK alone: a kept process, partial messages, nothing else."""

    def __init__(self, model: ScriptedModel, folder: Path) -> None:
        self._model = model
        # In a thread of its own: playwright has a loop running in this one.
        self._thread = ThreadPoolExecutor(1)
        self._loop = asyncio.new_event_loop()
        options = ClaudeAgentOptions(
            include_partial_messages=True, env=model.env(folder / "floor"), cwd=folder
        )
        self._client = ClaudeSDKClient(options)
        self._do(self._client.connect)

    def run(self) -> tuple[float, float]:
        """Return the time to the first words and to the turn's end, in ms."""
        self._model.script(_usual())
        return self._do(self._turn)

    def _do(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return self._thread.submit(lambda: self._loop.run_until_complete(work())).result()

    async def _turn(self) -> tuple[float, float]:
        start = perf_counter()
        first = 0.0
        await self._client.query("usual")
        async for message in self._client.receive_messages():
            if isinstance(message, StreamEvent) and not first:
                if message.event["type"] == "content_block_delta":
                    first = (perf_counter() - start) * 1000
            elif isinstance(message, ResultMessage):
                break
        return first, (perf_counter() - start) * 1000

    def close(self) -> None:
        """End the process."""
        self._do(self._client.disconnect)
        self._thread.shutdown()
        self._loop.close()


def _seed(folder: Path, name: str, count: int) -> None:
    store = SqliteStore(folder / "data" / "ipyclaude.sqlite3")
    info = SessionInfo(name=name, cwd=str(folder))
    store.put(info)
    store.put(
        *(
            Message(
                session_id=info.client_id,
                turn_id=str(number // 2),
                type="user" if number % 2 == 0 else "assistant",
                content=(TextBlock(text=f"{words(300)}\n\nmessage {number} of {name}."),),
            )
            for number in range(count)
        )
    )
    store.close()


def measure() -> list[Figure | str]:
    """Return the figures that only a page can show."""
    with tempfile.TemporaryDirectory() as made, ScriptedModel(default=_usual()) as model:
        folder = Path(made)
        _seed(folder, "long", LONG)
        _seed(folder, "short", SHORT)
        chat = "from ipyclaude import ClaudeChat\nClaudeChat({!r})"
        cells = ["%claude --again usual", chat.format("short"), chat.format("long")]
        cells += [streaming.NOTE, streaming.TELL]
        with lab(model, folder, cells) as driven:
            figures: list[Figure | str] = [*_turns(driven, Floor(model, folder))]
            figures.append(_browser_cpu(driven))
            driven.notebook.run(4)
            figures += streaming.measure(driven, 1, 5)
            figures.append(_opening(driven))
    return figures


def _turns(driven: Lab, floor: Floor) -> list[Figure | str]:
    driven.run(1, SEEN, _usual())
    floor.run()
    pairs = [(driven.run(1, SEEN, _usual()), floor.run()) for _ in range(RUNS)]
    floor.close()
    ours = [median(pair[0][at] for pair in pairs) for at in (_FIRST, _TOTAL)]
    peer = [median(pair[1][at] for pair in pairs) for at in (_FIRST, _TOTAL)]
    return [
        Figure("first text visible in the page", ours[0], peer[0], "ms", 1.15, "SDK, first delta"),
        Figure("turn total", ours[1], peer[1], "ms", 1.03, "SDK, result"),
        *_beside(driven.model, ours),
    ]


def _beside(model: ScriptedModel, ours: list[float]) -> list[Figure | str]:
    """Return another magic's times, as its kernel sends them: a page would show them later."""
    found = jupyter_cc.measure(model, _usual(), SEEN)
    if isinstance(found, str):
        return [found]
    return [
        Figure("first text visible in the page", ours[0], found[0], "ms", None, "jupyter-cc"),
        Figure("turn total", ours[1], found[1], "ms", None, "jupyter-cc"),
    ]


def _browser_cpu(driven: Lab) -> Figure:
    def cost(length: int) -> float:
        before = driven.cpu()
        driven.run(1, SEEN, answer(length))
        return (driven.cpu() - before) / length * 1e6

    small = median(cost(SMALL) for _ in range(3))
    return Figure(
        "browser CPU per character, 200 KB answer", cost(LARGE), small, "µs", 2.0, "10 KB answer"
    )


def _opening(driven: Lab) -> Figure:
    def opened(cell: int, name: str, count: int) -> float:
        return driven.run(cell, f"message {count - 1} of {name}.")[_FIRST]

    opened(2, "short", SHORT)
    opened(3, "long", LONG)
    pairs = [(opened(3, "long", LONG), opened(2, "short", SHORT)) for _ in range(5)]
    ours, peer = (median(pair[at] for pair in pairs) for at in (0, 1))
    return Figure("opening a session of 10,000 messages", ours, peer, "ms", 2.0, "of 100")
