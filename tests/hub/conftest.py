"""Two hubs for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hubs import Hub


@pytest.fixture(scope="session")
def hubs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Hub]]:
    """Two hubs that know nothing of one another, each with users ada and bob."""
    folder = tmp_path_factory.mktemp("hubs")
    pair = Hub(folder / "a"), Hub(folder / "b")
    try:
        for hub in pair:
            hub.start()
        for hub in pair:
            hub.ready()
            for name in ("ada", "bob"):
                hub.add_user(name)
        yield pair
    finally:
        for hub in pair:
            hub.end()
        for hub in pair:
            hub.stop()


@pytest.fixture(scope="session")
def hub(hubs: tuple[Hub, Hub]) -> Hub:
    """The first hub."""
    return hubs[0]


@pytest.fixture(scope="session")
def other(hubs: tuple[Hub, Hub]) -> Hub:
    """The second hub."""
    return hubs[1]
