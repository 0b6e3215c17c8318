"""Claude's code that waits for a busy kernel."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from unittest.mock import Mock

import pytest

from ipyclaude.notebook import python
from ipyclaude.runtime import Runtime


@pytest.mark.asyncio
async def test_code_of_a_stopped_turn_never_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waited for the kernel when the turn was stopped does not run once it is free (S12)."""
    runtime, ran = Runtime(), list[str]()
    asked = asyncio.Event()

    class Main:
        async def do(self, job: Any, **_: object) -> object:
            done = runtime.call_main(job)
            asked.set()
            waiting = asyncio.wrap_future(done)
            await asyncio.wait([waiting], timeout=0.5)
            return await waiting

    def run_code(shell: object, code: str, watchdog: object) -> Mock:
        del shell, watchdog
        ran.append(code)
        return Mock(interrupted=False)

    monkeypatch.setattr(python, "run_code", run_code)
    tool = python.RunPython(None, cast("Any", Main()), cast("Any", Mock())).tools[0]
    call = asyncio.ensure_future(cast("Any", tool.run({"code": "1"})))
    await asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.sleep(0)
    runtime.serve_pending()
    assert ran == []
