"""The public names: they exist, they say what they are, and the README names them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ipyclaude

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


@pytest.mark.parametrize("name", sorted(set(ipyclaude.__all__) - {"__version__"}))
def test_every_public_name_is_documented(name: str) -> None:
    """Each name of `__all__` exists and has a docstring of its own."""
    value = getattr(ipyclaude, name)
    assert value.__doc__
    assert value.__module__.startswith("ipyclaude")


def test_the_readme_names_all_of_them_and_no_other() -> None:
    """What the README calls the public names is exactly `__all__`."""
    section = README.split("## From Python")[1].split("\n## ")[0]
    named = set(re.findall(r"^\| `(?:ipyclaude\.)?(\w+)", section, re.M))
    assert named == set(ipyclaude.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that the package doesn't have is missing in the usual way."""
    with pytest.raises(AttributeError, match="nothing_like_it"):
        ipyclaude.nothing_like_it  # noqa: B018 - the access is the test
