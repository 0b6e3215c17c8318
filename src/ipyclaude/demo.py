"""`ipyclaude demo`: JupyterLab on the quickstart notebook, with Claude or with a script.

The script is `ScriptedModel`: a server on this machine that speaks the Messages API to the
real Claude CLI, so that everything but the model is real, and no account is needed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .exceptions import IpyClaudeError
from .login import find_login

if TYPE_CHECKING:
    from .testing import ScriptedModel

NOTEBOOK = "quickstart.ipynb"
SCRIPT_NOTICE = (
    "A SCRIPT ANSWERS HERE, NOT CLAUDE. No login and no ANTHROPIC_API_KEY is in use, so the\n"
    "built-in demo model plays Claude's part, with prepared answers and no network."
)
#: Seconds that one cell may take in `--check`.
CELL_LIMIT = 120


class DemoFailed(IpyClaudeError):
    """The demo could not be shown, or its answers were not right."""


def find_notebooks() -> Path:
    """Return the folder of the notebooks: in the package, or of the checkout around it.

    Raises
    ------
    DemoFailed
        There is neither.
    """
    package = Path(__file__).parent
    for folder in (package / "notebooks", package.parents[1] / "notebooks"):
        if (folder / NOTEBOOK).is_file():
            return folder
    raise DemoFailed(
        f"{NOTEBOOK} is not here.",
        why=f"It belongs into {package / 'notebooks'}.",
        fix="Reinstall ipyclaude.",
    )


@contextmanager
def scripted(
    folder: Path, env: Mapping[str, str]
) -> Generator[tuple[ScriptedModel, dict[str, str]], None, None]:
    """Run the demo model; lend it, and an environment in which the CLI talks to it alone.

    `folder` takes the store and the CLI's own files, so that nothing of the demo mixes with
    the person's.
    """
    from .testing import ScriptedModel

    with ScriptedModel.demo() as model:
        yield (
            model,
            {
                **{key: value for key, value in env.items() if not _is_login(key)},
                **model.env(folder / "claude"),
                "IPYCLAUDE_DATA_DIR": str(folder / "data"),
                "IPYCLAUDE_DEMO": "1",
            },
        )


def _is_login(name: str) -> bool:
    return name.startswith(("ANTHROPIC_", "CLAUDE_CODE_")) or name == "CLAUDE_CONFIG_DIR"


# ---- with a screen -----------------------------------------------------------------------


def open_lab(folder: Path, env: Mapping[str, str]) -> int:
    """Copy the notebooks into `folder`, open JupyterLab on the first and wait for its end."""
    notebooks = folder / "notebooks"
    notebooks.mkdir(parents=True, exist_ok=True)
    for source in sorted(find_notebooks().glob("*.ipynb")):
        if not (notebooks / source.name).exists():
            shutil.copyfile(source, notebooks / source.name)
    command = [sys.executable, "-m", "jupyterlab", str(notebooks / NOTEBOOK)]
    command += [f"--ServerApp.root_dir={notebooks}", "--LabApp.news_url=None"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    _say(f"JupyterLab opens on {notebooks / NOTEBOOK}. Stop it with Ctrl-C.\n")
    process = subprocess.Popen(command, env=without_news(folder, env))  # noqa: S603 - our own Python
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # Ctrl-C reaches JupyterLab too, which asks whether it should end.
            continue


def without_news(folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which JupyterLab doesn't ask about news, over Claude's answers.

    It is a default, kept in `folder`: who has chosen something in JupyterLab keeps that.
    """
    place = folder / "jupyter" / "labconfig"
    place.mkdir(parents=True, exist_ok=True)
    defaults = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    (place / "default_setting_overrides.json").write_text(json.dumps(defaults))
    paths = [str(place.parent), env.get("JUPYTER_CONFIG_PATH", "")]
    return {**env, "JUPYTER_CONFIG_PATH": os.pathsep.join(path for path in paths if path)}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def show(*, script: bool = False) -> int:
    """Open JupyterLab, with Claude if there is a login and else, or with `script`, the script."""
    folder = Path.cwd() / ".demo"
    login = None if script else find_login()
    if login:
        _say(f"Claude answers, with {login}. It may cost money.")
        return open_lab(folder, os.environ)
    _say(SCRIPT_NOTICE)
    with scripted(folder, os.environ) as (_, env):
        return open_lab(folder, env)


# ---- without a screen --------------------------------------------------------------------


def execute(path: Path, env: Mapping[str, str]) -> Any:
    """Run a notebook from top to bottom in a new kernel; return it with its outputs.

    Raises
    ------
    DemoFailed
        A cell raised or took too long.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    read = cast("Any", nbformat.read)  # pyright: ignore[reportUnknownMemberType]
    notebook: Any = read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_LIMIT,
        kernel_name="python3",
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        # The name under which JupyterLab's kernels know their notebook.
        client.execute(env={**env, "JPY_SESSION_NAME": str(path)})
    except (CellExecutionError, CellTimeoutError) as error:
        raise DemoFailed(f"A cell of {path.name} failed.", why=str(error)) from error
    return notebook


def output_text(cell: Any) -> str:
    """Return what a cell shows, as text."""
    parts: list[str] = []
    for output in cell.get("outputs", []):
        data: Any = output.get("data", {})
        parts.append(output.get("text") or data.get("text/markdown") or data.get("text/plain", ""))
    return "\n".join(part.rstrip() for part in parts if part)


def verify(notebook: Any) -> None:
    """Check each cell's output against the words in its metadata, `expect`.

    Raises
    ------
    DemoFailed
        An expected text is missing, or the notebook expects nothing at all.
    """
    expecting = [cell for cell in notebook.cells if cell.metadata.get("expect")]
    if not expecting:
        raise DemoFailed("The notebook says nowhere what it expects.")
    for cell in expecting:
        shown = output_text(cell)
        for wanted in cell.metadata["expect"]:
            if wanted not in shown:
                raise DemoFailed(
                    f"A cell does not show {wanted!r}.",
                    why=f"Its source is {cell.source!r}; it shows: {shown!r}.",
                )


def _print_exchange(notebook: Any) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _say("\n".join(f"> {line}" for line in cell.source.splitlines()))
            _say(f"{output_text(cell)}\n")


def check() -> int:
    """Run the quickstart twice with the script; print the exchange; raise if it isn't right.

    Raises
    ------
    DemoFailed
        An answer was wrong, or the second run asked again what was already answered.
    """
    _say(SCRIPT_NOTICE + "\n")
    with tempfile.TemporaryDirectory(prefix="ipyclaude-demo-") as name:
        folder = Path(name)
        path = folder / NOTEBOOK
        shutil.copyfile(find_notebooks() / NOTEBOOK, path)
        with scripted(folder, os.environ) as (model, env):
            first = execute(path, env)
            _print_exchange(first)
            verify(first)
            asked = len(model.requests)
            verify(execute(path, env))
            again = len(model.requests) - asked
    if not asked or again:
        raise DemoFailed(
            f"The first run made {asked} requests and the second {again}.",
            why="The first has to ask, and the second to show the stored answers.",
        )
    _say(f"All right: {asked} requests, and none in a second run, which showed the stored answers.")
    return 0


def main(*, check: bool = False, script: bool = False) -> int:
    """Run the demo; return its exit code."""
    return _check() if check else show(script=script)


_check = check
