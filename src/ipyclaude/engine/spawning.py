"""Start the Claude CLI apart from the process group that interrupts go to.

A terminal's Ctrl-C, and a Jupyter server's interrupt, are sent to the whole process group.
They are the main thread's business: it stops the turn by a control request. The CLI ends on
SIGINT (2.1.330), unblocks it where it is blocked, and the SDK (0.2.187) has no option for
this: hence the stand-in for the one function that its transport starts the process with.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from claude_agent_sdk._internal.transport import subprocess_cli

_apart: ContextVar[bool] = ContextVar("ipyclaude_apart", default=False)


class _Anyio:
    """`anyio` as the transport sees it."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def open_process(self, *args: Any, **options: Any) -> Awaitable[Any]:
        """Start a process; ours in a session of its own, others' as they are."""
        if _apart.get():
            options.setdefault("start_new_session", True)
        return self._real.open_process(*args, **options)


@contextmanager
def apart() -> Generator[None, None, None]:
    """Start what is started in this context apart."""
    module: Any = subprocess_cli
    known = getattr(module, "anyio", None)
    if known is not None and not isinstance(known, _Anyio):
        module.anyio = _Anyio(known)
    token = _apart.set(True)
    try:
        yield
    finally:
        _apart.reset(token)
