"""What a streamed answer costs the kernel, and what it sends to the page."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from ipyclaude.testing.model import ScriptedModel
from ipyclaude.testing.replies import Reply, text

from .table import Figure

SMALL, LARGE = 10_000, 200_000
CHUNK = 20  # characters, as a real answer's deltas have
LIMIT = 300.0  # seconds


def words(length: int) -> str:
    """Return Markdown prose of that many characters, with a code block now and then."""
    part = "The list is walked once, and what fits is kept in a **new** one.\n\n" * 8
    part += "```python\nkept = [item for item in items if fits(item)]\n```\n\n"
    return (part * (length // len(part) + 1))[:length]


@dataclass
class Run:
    """One cell's run: kernel CPU in seconds, bytes of comm payload, iopub messages."""

    cpu: float = 0.0
    sent: int = 0
    messages: int = 0


class Kernel:
    """A real kernel, driven as a front end does."""

    def __init__(self, manager: KernelManager) -> None:
        self.client: BlockingKernelClient = manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        provisioner: Any = manager.provisioner
        self.process = psutil.Process(provisioner.pid)

    def run(self, code: str) -> Run:
        """Run a cell to its end; an error in it is an error here."""
        before = self.process.cpu_times()
        asked = self.client.execute(code, allow_stdin=True)
        run = Run()
        while True:
            message: dict[str, Any] = self.client.get_iopub_msg(timeout=LIMIT)
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") == asked:
                if kind == "error":
                    raise RuntimeError("\n".join(content["traceback"]))
                if kind == "status" and content["execution_state"] == "idle":
                    break
            if kind == "comm_msg":
                run.messages += 1
                run.sent += len(json.dumps(content["data"]))
        after = self.process.cpu_times()
        run.cpu = after.user + after.system - before.user - before.system
        return run


@contextmanager
def kernel(model: ScriptedModel) -> Generator[Kernel]:
    """Start a kernel whose Claude is `model`, with folders of its own."""
    with tempfile.TemporaryDirectory() as folder:
        env = {
            **os.environ,
            **model.env(Path(folder) / "claude"),
            "IPYCLAUDE_DATA_DIR": str(Path(folder) / "data"),
        }
        manager = KernelManager()
        manager.start_kernel(env=env, cwd=folder)
        driven = Kernel(manager)
        try:
            driven.run("%load_ext ipyclaude\n%claude_session new bench")
            yield driven
        finally:
            driven.client.stop_channels()
            manager.shutdown_kernel(now=True)


def answer(length: int, delay: float = 0.0005) -> Reply:
    """Return a streamed answer of that many characters in deltas of 20."""
    return Reply(text(words(length), chunk_chars=CHUNK, delay=delay))


def measure() -> list[Figure]:
    """Return CPU per character, long against short, and bytes against the answer's own."""
    with ScriptedModel(default=answer(SMALL)) as model, kernel(model) as driven:
        driven.run("%claude warm up")
        model.script(answer(SMALL))
        small = driven.run("%claude --again short")
        model.script(answer(LARGE))
        large = driven.run("%claude --again long")
        model.script(Reply(text(words(2_000), chunks=64, delay=0.03), first_delay=0.3))
        usual = driven.run("%claude --again usual")
    return [
        Figure(
            "kernel CPU per character, 200 KB answer",
            large.cpu / LARGE * 1e6,
            small.cpu / SMALL * 1e6,
            "µs",
            2.0,
            "10 KB answer",
        ),
        Figure(
            "kernel → page for a 2 KB answer in 64 deltas",
            usual.sent,
            len(words(2_000).encode()),
            "bytes",
            3.0,
            "the answer",
        ),
    ]
