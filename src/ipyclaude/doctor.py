"""`ipyclaude doctor`: is everything here that a prompt needs, and what to do if not.

What replication needs is asked by `cloud_checks`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import __version__
from .exceptions import IpyClaudeError
from .login import NO_LOGIN_FIX, find_login
from .policy import Policy
from .settings import IPyClaude

PACKAGE = Path(__file__).parent
REINSTALL_CLI = "Run: pip install --force-reinstall claude-agent-sdk"
BUNDLE = ("widget.js", "widget.css", "loader.js")


@dataclass(frozen=True)
class Finding:
    """What one check found; `fix` is empty where all is well."""

    subject: str
    found: str
    fix: str = ""

    @property
    def ok(self) -> bool:
        """True where nothing needs to be done."""
        return not self.fix


def check_python() -> Finding:
    """Python's version, and ipyclaude's."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", f"{version}, ipyclaude {__version__}")


def check_jupyter() -> Finding:
    """The packages that show the widget."""
    found: list[str] = []
    for name in ("ipykernel", "jupyterlab", "notebook", "anywidget"):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    # A server may well run in another environment, so that a missing JupyterLab is no fault.
    if importlib.util.find_spec("ipykernel") is None:
        found.append("no ipykernel here: in a terminal's IPython only")
    return Finding("Jupyter", ", ".join(found))


def find_cli(settings: IPyClaude) -> Path | None:
    """Return the claude program: the configured one, the SDK's own, or the one on the PATH."""
    if settings.cli_path:
        return Path(settings.cli_path).expanduser()
    spec = importlib.util.find_spec("claude_agent_sdk")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        bundled = Path(folder) / "_bundled" / ("claude.exe" if os.name == "nt" else "claude")
        if bundled.is_file():
            return bundled
    on_path = shutil.which("claude")
    return Path(on_path) if on_path else None


def check_cli(settings: IPyClaude) -> Finding:
    """The Claude CLI: there, executable, and which version."""
    path = find_cli(settings)
    if path is None:
        return Finding(
            "Claude CLI", "not found", "Run: pip install --force-reinstall claude-agent-sdk"
        )
    try:
        done = subprocess.run(  # noqa: S603 - the very program that will be asked later
            [str(path), "--version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        fix = (
            f"Correct cli_path (IPYCLAUDE_CLI_PATH), now {path}."
            if settings.cli_path
            else REINSTALL_CLI
        )
        return Finding("Claude CLI", f"{path} does not run: {error}", fix)
    return Finding("Claude CLI", f"{done.stdout.strip()} at {path}")


def check_login(cli: Path | None = None) -> Finding:
    """A login or a key; its value is never read. `cli` is the program that would ask."""
    login = find_login()
    if login:
        return Finding("Claude login", login)
    # The SDK's own program is on nobody's PATH.
    program = "claude" if shutil.which("claude") else str(cli or "claude")
    return Finding("Claude login", "none found", NO_LOGIN_FIX.format(program=program))


def check_store(settings: IPyClaude) -> Finding:
    """The store: openable, or its folder can be made. Makes nothing."""
    path = settings.store_path
    if not path.exists():
        parent = next(folder for folder in path.parents if folder.exists())
        if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
            return Finding("Store", f"{path} (made by the first prompt)")
        fix = "Set IPYCLAUDE_DATA_DIR to a folder that you may write in."
        return Finding("Store", f"{parent} cannot be written", fix)
    return _opened(path)


def check_others(settings: IPyClaude) -> list[Finding]:
    """The stores of others who signed in here: those that can't be used, else how many."""
    from .homes import stores

    found = [_opened(path) for path in stores(settings.store_path)]
    bad = [finding for finding in found if not finding.ok]
    if bad or not found:
        return bad
    others = "1 other" if len(found) == 1 else f"{len(found)} others"
    words = f"and {others} in {settings.store_path.parent / 'people'}, for who signed in here later"
    return [Finding("Store", words)]


def _opened(path: Path) -> Finding:
    from .store.sqlite import SqliteStore

    try:
        store = SqliteStore(path)
        try:
            count = len(store.sessions(limit=1_000_000, archived=True))
        finally:
            store.close()
    except IpyClaudeError as error:
        fix = error.fix or "Set IPYCLAUDE_DATA_DIR to another folder."
        return Finding("Store", " ".join(filter(None, (error.what, error.why))), fix)
    return Finding("Store", f"{path}, {count} session{'' if count == 1 else 's'}")


def check_identity(settings: IPyClaude) -> Finding:
    """Who is signed in to Convex, and by what; asks nobody."""
    from .identity.choose import choose
    from .identity.sign_in import SignIns

    try:
        choice = choose(
            settings, os.environ, SignIns(settings.store_path.parent, settings.convex_url).choice
        )
    except IpyClaudeError as error:
        return Finding("Sign-in", " ".join(filter(None, (error.what, error.why))), error.fix)
    if choice.kind == "none" and not settings.convex_url:
        words = "not needed without Convex: everything is on this machine"
        return Finding("Sign-in", words)
    return Finding("Sign-in", choice.words)


def check_policy(settings: IPyClaude, load: Callable[[], Policy] = Policy.load) -> Finding:
    """What the administrator has set."""
    try:
        policy = load()
        policy.apply(settings)
    except IpyClaudeError as error:
        return Finding("Policy", " ".join(filter(None, (error.what, error.why))), error.fix)
    return Finding("Policy", policy.words)


def check_bundle(folder: Path = PACKAGE / "static") -> Finding:
    """The widget's own script and styles."""
    missing = [name for name in BUNDLE if not (folder / name).is_file()]
    if missing:
        fix = "Reinstall ipyclaude; in a checkout, run: pip install -e ."
        return Finding("Widget", f"{' and '.join(missing)} missing in {folder}", fix)
    size = sum((folder / name).stat().st_size for name in BUNDLE) / 1000
    return Finding("Widget", f"{size:.0f} kB bundle")


def findings() -> Iterator[Finding]:
    """Check everything, one after the other; a check that fails doesn't end the rest."""
    yield check_python()
    yield check_jupyter()
    yield check_bundle()
    try:
        settings = IPyClaude.load()
    except IpyClaudeError as error:
        yield Finding("Settings", " ".join(filter(None, (error.what, error.why))), error.fix)
        settings = None
    if settings is not None:
        yield check_cli(settings)
    yield check_login(find_cli(settings) if settings is not None else None)
    if settings is not None:
        yield check_store(settings)
        yield from check_others(settings)
        yield check_policy(settings)
        yield check_identity(settings)
        from .cloud_checks import check_convex

        yield from check_convex(settings)


def main() -> int:
    """Print what was found; return 1 if something needs to be done."""
    from rich.console import Console
    from rich.text import Text

    console, fine = Console(), True
    for finding in findings():
        fine = fine and finding.ok
        mark = Text("ok      " if finding.ok else "PROBLEM ", "green" if finding.ok else "bold red")
        console.print(Text.assemble(mark, f"{finding.subject:<12} {finding.found}"), soft_wrap=True)
        if finding.fix:
            console.print(Text(f"        Do: {finding.fix}"), soft_wrap=True)
    return 0 if fine else 1
