"""`run_python`, from the model's call to the result that it gets, against the cell by hand."""

from __future__ import annotations

from time import perf_counter

from ipyclaude.testing.model import ScriptedModel
from ipyclaude.testing.replies import Answer, Reply, tool
from ipyclaude.testing.requests import Request

from .kernel import Kernel, kernel
from .table import Figure, paired

RUNS = 7
_TOOL = "mcp__notebook__run_python"
#: What takes about as long as a small analysis does.
_CODE = "total = sum(n * n for n in range(16_000_000))\nprint(total)\ntotal"


class _Clock:
    """Answers each prompt with one call, and notes when its result is back."""

    def __init__(self) -> None:
        self.begun = self.ended = 0.0

    def answer(self, request: Request) -> Answer:
        """Call the tool, or take its result."""
        if request.results:
            self.ended = perf_counter()
            return Reply("Done.")
        self.begun = perf_counter()
        return Reply(tool(_TOOL, code=_CODE))


def measure() -> list[Figure]:
    """Return the one figure, in ms."""
    clock = _Clock()
    with ScriptedModel(default=clock.answer) as model, kernel(model) as driven:
        _by_claude(driven, clock)
        ours, peer = paired(lambda: _by_claude(driven, clock), lambda: _by_hand(driven), RUNS)
    return [Figure("run_python, a cell of about a second", ours, peer, "ms", 1.2, "by hand")]


def _by_claude(driven: Kernel, clock: _Clock) -> float:
    driven.run(f"%%claude --again --allow {_TOOL}\nRun it.")
    return (clock.ended - clock.begun) * 1000


def _by_hand(driven: Kernel) -> float:
    begun = perf_counter()
    driven.run(_CODE)
    return (perf_counter() - begun) * 1000
