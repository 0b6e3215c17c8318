"""The build hook: when it builds, when it leaves things alone, and what it says."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import ModuleType

import pytest
from hatch import ROOT, load_hatch_build


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    return load_hatch_build()


@pytest.fixture
def tree(tmp_path: Path, hook: ModuleType) -> Path:
    """A project whose bundle is built."""
    for name in ("js/src/widget.ts", "js/package.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    static = tmp_path / hook.STATIC
    static.mkdir(parents=True)
    for name in hook.BUNDLE:
        (static / name).write_text("x")
    (static / hook.STAMP).write_text(hook.fingerprint(tmp_path))
    return tmp_path


def test_a_fresh_bundle_is_left_alone(hook: ModuleType, tree: Path) -> None:
    """A bundle that was built from these very sources is not built again."""
    assert hook.build_bundle(tree) is False


@pytest.mark.parametrize("name", ["js/src/widget.ts", "js/package.json"])
def test_a_changed_source_is_noticed(hook: ModuleType, tree: Path, name: str) -> None:
    """A change in the page's sources or packages makes the bundle stale."""
    (tree / name).write_text("changed")
    assert hook.is_built(tree) is False


def test_a_generated_file_is_no_source(hook: ModuleType, tree: Path) -> None:
    """Installed modules and the generated protocol don't make the bundle stale."""
    for name in ("js/node_modules/x/index.js", "js/src/protocol.ts", "js/test/a.test.ts"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("x")
    assert hook.is_built(tree) is True


def test_missing_sources_are_told(hook: ModuleType, tree: Path) -> None:
    """With neither a bundle nor its sources, the error says what to build from."""
    (tree / hook.STATIC / "widget.js").unlink()
    (tree / "js/package.json").unlink()
    with pytest.raises(hook.BundleError, match="full checkout"):
        hook.build_bundle(tree)


def test_a_failing_npm_is_told(hook: ModuleType, tree: Path) -> None:
    """When npm fails, the error names the command and holds what npm said."""
    (tree / "js/package.json").write_text("not json")
    with pytest.raises(hook.BundleError, match=r"(?s)npm run build.*JSON"):
        hook.npm(tree / "js", "run", "build")


def test_what_is_loaded_first_is_small(hook: ModuleType) -> None:
    """The bundle and its styles are at most 400 KB gzipped; what is heavier comes on demand."""
    first = [(ROOT / hook.STATIC / name).read_bytes() for name in ("widget.js", "widget.css")]
    assert sum(len(gzip.compress(data)) for data in first) <= 400_000
