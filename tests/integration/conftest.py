"""Real kernels for the tests, ended whatever happens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kernels import Kernel, Place

from ipyclaude.testing import ScriptedModel

StartKernel = Callable[..., Kernel]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A home, a store, a configuration and a working folder of their own."""
    return Place(tmp_path / "here")


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """A model with an empty script."""
    with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture
def start() -> Iterator[StartKernel]:
    """Start kernels, with the extension loaded: `start(place, model, **environment)`."""
    started: list[Kernel] = []

    def begin(
        place: Place,
        model: ScriptedModel,
        *,
        load: bool = True,
        python: str | Path = sys.executable,
        **env: str,
    ) -> Kernel:
        kernel = Kernel(place, place.env(model, **env), python)
        started.append(kernel)
        if load:
            kernel.run("%load_ext ipyclaude")
        return kernel

    try:
        yield begin
    finally:
        for kernel in started:
            kernel.close()
