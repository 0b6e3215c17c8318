"""Where we run: a kernel with a person at it, an unattended one, or a terminal.

All that is asked of IPython and ipykernel beyond their public interface is here, guarded.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any


class Host:
    """The shell that loaded us."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self._kernel: Any = getattr(shell, "kernel", None)

        self._watching: list[tuple[str, Callable[..., None]]] = []
        #: Cells that are being executed, one in the other; not the one that loaded us.
        self._running = 0

    @property
    def is_kernel(self) -> bool:
        """True in a Jupyter kernel, False in a terminal."""
        return self._kernel is not None

    @property
    def can_ask(self) -> bool:
        """True where a person can be asked: the front end takes `input()` for this cell.

        nbclient, papermill and nbconvert say no; JupyterLab, Notebook and VS Code say yes.
        """
        if self._kernel is None:
            return sys.stdin.isatty()
        return bool(getattr(self._kernel, "_allow_stdin", False))

    @property
    def cell_id(self) -> str | None:
        """The id of the running cell, where the front end says it."""
        if self._kernel is None:
            return None
        parent: Any = self._kernel.get_parent("shell")
        metadata: Any = parent.get("metadata") if parent else None
        cell_id: Any = metadata.get("cellId") if metadata else None
        return cell_id if isinstance(cell_id, str) else None

    @property
    def count(self) -> int:
        """The execution count of the running cell."""
        return int(self.shell.execution_count)

    @property
    def notebook(self) -> str | None:
        """The notebook's path, where the front end says it."""
        if self._kernel is None:
            return None
        for path in (
            self.shell.user_ns.get("__vsc_ipynb_file__"),
            os.environ.get("JPY_SESSION_NAME"),
        ):
            if isinstance(path, str) and path.endswith(".ipynb"):
                return path
        return None

    @property
    def default_name(self) -> str:
        """What a session that nobody named is called: after the notebook, else the folder."""
        notebook = self.notebook
        return Path(notebook).stem if notebook else (Path.cwd().name or "session")

    # -- the main thread ---------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """True while a cell is being executed, be it asleep."""
        return self._running > 0

    def watch(self) -> None:
        """Take note of when cells begin and end, until `unwatch`."""

        # A comm's messages trigger these events too, on the threads of subshells.
        def begin() -> None:
            if threading.current_thread() is threading.main_thread():
                self._running += 1

        def end() -> None:
            if threading.current_thread() is threading.main_thread():
                self._running = max(0, self._running - 1)

        self.on("pre_execute", begin)
        self.on("post_execute", end)

    def on(self, event: str, listener: Callable[..., None]) -> None:
        """Call `listener` at one of IPython's events, until `unwatch`."""
        self.shell.events.register(event, listener)
        self._watching.append((event, listener))

    def unwatch(self) -> None:
        """Take note of nothing more."""
        for event, listener in self._watching:
            with contextlib.suppress(ValueError):  # somebody has reset the events
                self.shell.events.unregister(event, listener)
        self._watching.clear()

    def call_soon(self, job: Callable[[], None]) -> None:
        """Call `job` on the kernel's main thread when no cell holds it; from any thread."""
        loop: Any = getattr(self._kernel, "io_loop", None)
        if loop is not None:
            loop.add_callback(job)

    @property
    def parent(self) -> object:
        """The request of the running cell, for `under`; None where there is none."""
        if self._kernel is None:
            return None
        parent: Any = self._kernel.get_parent("shell")
        return (self._kernel._parent_ident["shell"], parent) if parent else None

    def runs(self, parent: Any) -> bool:
        """Say whether the running cell is that of this request (main thread)."""
        now: Any = self.parent
        return parent is None or (now is not None and _id(parent) == _id(now))

    @contextlib.contextmanager
    def under(self, parent: Any) -> Generator[None, None, None]:
        """Let what is shown go to the cell of this request (main thread).

        Without it, what an idle kernel shows goes to the cell that ran last.
        """
        if self.runs(parent):
            yield
            return
        before: Any = self.parent
        kernel = self._kernel
        kernel.set_parent(*parent)
        kernel._publish_status("busy", "shell", parent=parent[1])
        try:
            yield
        finally:
            self.flush()
            kernel._publish_status("idle", "shell", parent=parent[1])
            kernel.set_parent(*(before or (b"", {})))

    @staticmethod
    def flush() -> None:
        """Send what was written so far, while it still belongs to this cell."""
        sys.stdout.flush()
        sys.stderr.flush()

    def stay_awake(self) -> None:
        """Let ipykernel 7.0 to 7.3 miss no message, be it a click on a running cell's widget.

        They answer on the shell's socket behind the back of the stream that reads from it,
        which may thereby sleep through what arrives just then (ipykernel#1554). 7.4 answers
        by the stream.
        """
        thread: Any = getattr(self._kernel, "shell_channel_thread", None)
        manager: Any = getattr(thread, "manager", None)
        if hasattr(manager, "_shell_socket"):
            manager._shell_socket = self._kernel.shell_stream

    def make_pump(self) -> tuple[Callable[[], None], Callable[[], None]] | None:
        """Return what serves clicks while a cell runs, and what ends it; None if not needed.

        ipykernel 7 reads comm messages on a thread of its own. ipykernel 6 reads them on the
        main thread only, so the waiting magic reads the shell socket itself: comm messages
        are handled at once, everything else is put back afterwards, in order.
        """
        stream: Any = getattr(self._kernel, "shell_stream", None)
        schedule: Any = getattr(self._kernel, "schedule_dispatch", None)
        if stream is None or schedule is None or hasattr(self._kernel, "shell_channel_thread"):
            return None
        pump = _ShellPump(self._kernel)
        return pump.poll, pump.finish


def _id(parent: Any) -> object:
    return parent[1].get("header", {}).get("msg_id")


class _ShellPump:
    """Reads ipykernel 6's shell socket from the main thread."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._held: list[Any] = []

    def poll(self) -> None:
        import zmq

        socket: Any = self._kernel.shell_stream.socket
        while socket.poll(0):
            raw: Any = socket.recv_multipart(zmq.NOBLOCK, copy=False)
            if not self._handled(raw):
                self._held.append(raw)

    def _handled(self, raw: Any) -> bool:
        kernel = self._kernel
        idents, parts = kernel.session.feed_identities(raw, copy=False)
        # Peek without `deserialize`, which would make the replay look like a duplicate.
        header: dict[str, Any] = kernel.session.unpack(parts[1].bytes)
        kind = header.get("msg_type", "")
        if not kind.startswith("comm_"):
            return False
        message = kernel.session.deserialize(parts, content=True, copy=False)
        kernel._publish_status("busy", "shell", parent=message)
        try:
            kernel.shell_handlers[kind](kernel.shell_stream, idents, message)
        finally:
            kernel._publish_status("idle", "shell", parent=message)
        return True

    def finish(self) -> None:
        held, self._held = self._held, []
        for raw in held:
            self._kernel.schedule_dispatch(self._kernel.dispatch_shell, raw)
