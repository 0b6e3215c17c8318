"""What scripts/test says of a test that fails and then passes by itself: it is flaky."""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "test"
ONCE = """
from pathlib import Path

def test_it():
    mark = Path(__file__).with_suffix(".seen")
    seen = mark.exists()
    mark.touch()
    assert seen
"""
NEVER = "def test_it():\n    assert False\n"


@pytest.fixture
def checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script as a module, for a project of its own."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    loader = SourceFileLoader("checks", str(SCRIPT))
    spec = spec_from_loader("checks", loader)
    assert spec is not None
    checks: Any = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "checks", checks)
    loader.exec_module(checks)
    checks.ROOT, checks.SIDE_BY_SIDE = tmp_path, {}
    return checks


def perform(checks: Any, suite: str, *tests: str) -> Any:
    """Run a suite of these tests."""
    folder = checks.ROOT / "tests" / suite
    folder.mkdir(parents=True)
    (checks.ROOT / "pytest.ini").write_text("[pytest]\n")
    for number, text in enumerate(tests):
        (folder / f"test_{number}.py").write_text(text)
    checks.STEPS[suite] = checks.suite(suite)
    with (checks.ROOT / "out").open("w") as out:
        return checks.perform(suite, checks.Place(Path(sys.executable), out=out))


def test_what_passes_by_itself_is_flaky_and_named(checks: Any) -> None:
    """The step passes, and the summary says loudly which test it was."""
    done = perform(checks, "hub", ONCE, "def test_good():\n    pass\n")
    assert (done.fault, done.flaky) == ("", ["tests/hub/test_0.py::test_it"])
    assert str(done).startswith("FLAKY   hub")
    assert str(done).endswith("tests/hub/test_0.py::test_it")


def test_what_fails_again_fails_the_step(checks: Any) -> None:
    """A second failure is a failure, whatever else passed."""
    done = perform(checks, "hub", ONCE, NEVER)
    assert done.fault == "python ended with 1"
    assert str(done).startswith("FAILED  hub")


def test_many_failures_are_no_accident(checks: Any) -> None:
    """What fails in more than three places is not run again."""
    assert perform(checks, "hub", *[ONCE] * 4).fault == "python ended with 1"


def test_a_unit_test_has_one_chance(checks: Any) -> None:
    """Only suites with browsers, kernels and hubs may be flaky."""
    assert perform(checks, "unit", ONCE).fault == "python ended with 1"
