"""Plain `ipython` behind a pseudo-terminal, for the tests of several folders."""

from __future__ import annotations

import re
import signal
import sys
from ast import literal_eval
from typing import Any

import pexpect
import psutil
from kernels import PATIENCE, Place

from ipyclaude.testing import ScriptedModel

PROMPT = r"In \[\d+\]: "
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """An `ipython` behind a pseudo-terminal."""

    def __init__(self, place: Place, model: ScriptedModel, **more: str) -> None:
        ipython = ["-m", "IPython", "--no-banner", "--simple-prompt", "--no-confirm-exit"]
        self.process: Any = pexpect.spawn(
            sys.executable,
            [*ipython, "--colors=NoColor"],
            cwd=str(place.work),
            # Nobody answers here when an editor asks where the cursor is.
            env=place.env(model, TERM="xterm-256color", PROMPT_TOOLKIT_NO_CPR="1", **more),
            dimensions=(40, 80),
            encoding="utf-8",
            timeout=PATIENCE,
        )
        self.expect(PROMPT)
        self.type("%load_ext ipyclaude")

    def expect(self, pattern: str) -> str:
        """Wait for a pattern; return what came before it, without colours."""
        self.process.expect(pattern)
        return _CODES.sub("", self.process.before or "").replace("\r", "")

    def type(self, line: str, until: str = PROMPT) -> str:
        """Type a line; return what is shown until the prompt is back, without the echo."""
        self.process.sendline(line)
        return self.expect(until).partition("\n")[2]

    def value(self, expression: str) -> object:
        shown = self.type(f"print('<<', repr({expression}), '>>')")
        match = re.search(r"<< (.*) >>", shown, re.DOTALL)
        assert match is not None, shown
        return literal_eval(match[1].replace("\n", ""))

    @property
    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def exit(self) -> int:
        self.process.sendline("exit")
        self.process.expect(pexpect.EOF)
        self.process.close()
        status = self.process.exitstatus
        assert isinstance(status, int)
        return status

    def end(self) -> None:
        """End it, whatever it does."""
        if self.process.isalive():
            self.process.kill(signal.SIGKILL)
            self.process.wait()
        self.process.close()
