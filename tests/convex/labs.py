"""Notebooks of people who are signed in to the tests' deployment, each on a server of its own."""

from __future__ import annotations

from pathlib import Path

from hosts import Notebook
from kernels import Kernel, Place

from ipyclaude.testing import ScriptedModel


class Labs:
    """Starts kernels in folders below `folder`, and ends them."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url
        self._started: list[Kernel] = []

    def start(self, model: ScriptedModel, name: str, token: str, **more: str) -> Notebook:
        """Start a kernel with the extension, on the server of this name.

        `more` is of its environment; a variable that is empty is not set.
        """
        place = Place(self._folder / name, work_name=f"work-of-{name}")
        signed_in = {"CONVEX_URL": self._url, "CONVEX_AUTH_TOKEN": token}
        env = place.env(model, **{"IPYCLAUDE_SERVER_LABEL": name, **signed_in, **more})
        kernel = Kernel(place, {key: value for key, value in env.items() if value})
        self._started.append(kernel)
        nb = Notebook(kernel)
        assert nb.run("%load_ext ipyclaude").error == ""
        return nb

    def close(self) -> None:
        """End the kernels."""
        for kernel in self._started:
            kernel.close()


def session(nb: Notebook, line: str, *, answers: tuple[str, ...] | None = None) -> str:
    """Run a subcommand that works; return what it shows, on one line."""
    shown = nb.run(f"%claude_session {line}", answers=answers)
    assert shown.error == "", shown.text
    return " ".join(shown.text.split())
