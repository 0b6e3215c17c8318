"""What the model gets of plotly's figures."""

from __future__ import annotations

import asyncio
from typing import Any

import plotly.graph_objects as go  # pyright: ignore[reportMissingTypeStubs]
import pytest

from ipyclaude.notebook import figures
from ipyclaude.notebook.capture import Captured
from ipyclaude.notebook.figures import FIGURE, draw, figure_of, figure_text

_GO: Any = go  # it has no types


def fern() -> Any:
    """Return a figure as its front end gets it."""
    traces = [_GO.Scatter(y=[1, 2], name="fern"), _GO.Bar(y=[3])]
    return figure_of(_GO.Figure(traces, {"title": "Growth", "xaxis": {"title": "week"}}))


def test_a_figure_is_told_in_words() -> None:
    """Its traces and titles, few of many; what is no figure is survived."""
    assert figure_text(fern()) == "a plotly figure of scatter fern, bar; title 'Growth'; x 'week'"
    assert figure_text({"data": [{"type": "pie"}] * 30}).endswith("pie, 10 more")
    others: list[Any] = [
        None,
        [],
        {"data": 3, "layout": []},
        {"data": [None], "layout": {"title": {}}},
    ]
    for other in others:
        assert figure_text(other).startswith("a plotly figure of ")
    assert figure_of(4) is None
    captured = Captured()
    captured.rich({FIGURE: fern(), "text/html": "<script>" + "x" * 9_000})
    assert captured.text(1_000).startswith("[a plotly figure of scatter fern, bar;")


def test_without_kaleido_it_says_how_to_get_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried; with nothing to draw, nothing is said."""
    monkeypatch.setattr(figures, "find_spec", lambda _: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    pictures, why = asyncio.run(draw([fern()]))
    assert pictures == []
    assert "where kaleido (1 or later) is installed" in why
    assert asyncio.run(draw([])) == ([], "")


def test_a_picture_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text goes without it, and says why."""
    monkeypatch.setattr(figures, "_DRAW", "import time; time.sleep(600)")
    monkeypatch.setattr(figures, "DRAW_SECONDS", 0.1)
    assert "took more than 0.1 s" in asyncio.run(draw([fern()]))[1]
