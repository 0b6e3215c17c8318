"""A cell's output, shown once or replaced; the one place that calls IPython's display."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import IPython.display

_display: Any = IPython.display  # IPython's display functions are not typed


def show(data: Mapping[str, str]) -> None:
    """Display a mime bundle."""
    _display.display(dict(data), raw=True)


def show_widget(widget: object) -> None:
    """Display a widget."""
    _display.display(widget)


class Output:
    """An output that is replaced later, from any thread; the replacement is what is saved."""

    def __init__(self) -> None:
        self._handle: Any = _display.DisplayHandle()
        self._shown = False

    def show_widget(self, widget: Any, fallback: Mapping[str, str]) -> None:
        """Display a widget, with what stands for it where its model is gone."""
        made: Any = widget._repr_mimebundle_()
        data, metadata = made if isinstance(made, tuple) else (made, {})  # pyright: ignore[reportUnknownVariableType]
        self._handle.display({**data, **fallback}, raw=True, metadata=metadata)
        self._shown = True  # not before: what was interrupted can't be replaced

    def replace(self, data: Mapping[str, str]) -> None:
        """Put a mime bundle in the output's place; display it where there is none yet."""
        put = self._handle.update if self._shown else self._handle.display
        self._shown = True
        put(dict(data), raw=True)
