"""Unloading leaves nothing behind, however much was used."""

from __future__ import annotations

import json
from collections.abc import Callable

from hosts import Notebook
from kernels import Kernel, Place
from lending import call

from ipyclaude.testing import Reply, ScriptedModel, tool
from ipyclaude.testing.replies import Answer
from ipyclaude.testing.requests import Request

StartKernel = Callable[..., Kernel]

#: Tells what a kernel has: threads, children, files, tasks, comms, and what listens in IPython.
_LEFT = """
def handles():
    import os, re
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(re.sub(r"\\d+", "", os.readlink(f"/proc/self/fd/{fd}")))
        except FileNotFoundError:
            pass  # the listing's own
    # ipykernel keeps an eventfd for ten seconds for each thread that wrote to it.
    return sorted(name for name in found if "eventfd" not in name)

def left():
    import asyncio, comm, gc, psutil, threading
    gc.collect()
    shell, process = get_ipython(), psutil.Process()
    magics = shell.magics_manager.magics
    return {
        "threads": sorted(t.name for t in threading.enumerate()),
        "children": [c.name() for c in process.children(recursive=True)],
        "files": sorted(f.path for f in process.open_files()),
        "handles": handles(),
        "tasks": len(asyncio.all_tasks()),
        "comms": len(comm.get_comm_manager().comms),
        "magics": sorted(n for kind in magics.values() for n in kind if "claude" in n),
        "callbacks": {n: len(c) for n, c in shell.events.callbacks.items()},
        "transformers": len(shell.input_transformers_cleanup),
    }
"""


def test_a_turn_whose_own_code_unloads_it_says_so(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """It ends in one message (S14), its view is closed, and loaded again it answers."""
    nb = Notebook(start(place, model))
    unload = "get_ipython().run_line_magic('unload_ext', 'ipyclaude')"
    model.script(call("run_python", code=unload), "Never said.", "On.")
    shown = nb.run("%%claude --allow mcp__notebook__*\nUnload it.", answers=[])
    assert "The turn was ended." in shown.traceback
    assert "File " not in shown.traceback
    assert nb.value("len(__import__('comm').get_comm_manager().comms)") == 0
    assert nb.run("%load_ext ipyclaude\n%claude --again on", answers=[]).status == "ok"


def _use(kernel: Kernel) -> None:
    """Ask, with a tool, in a view and in the background; open chats; fork; search; import."""
    kernel.run("%claude --again -s one do it", answers=["y"])
    kernel.run("%claude --again -s two -b later")
    for line in ("new three", "fork", "chat", "chat one", "search it", "import --all"):
        kernel.run(f"%claude_session {line}")
    kernel.run("%claude --again -s other now", answers=[])


def _answer(request: Request) -> Answer:
    asked = request.prompts[-1] == "do it" and '"tool_result"' not in json.dumps(request)
    return Reply(tool("Bash", {"command": "touch made.txt"})) if asked else "Fine."


def test_nothing_is_left_after_unload(start: StartKernel, place: Place) -> None:
    """After use and unload the kernel has the threads, tasks and files that it had before."""
    with ScriptedModel(_answer) as model:
        # IPython's own history comes and goes on a thread of its own.
        profile = place.made("ipython") / "profile_default"
        profile.mkdir()
        (profile / "ipython_config.py").write_text("c.HistoryManager.enabled = False\n")
        kernel = start(place, model)
        kernel.run(_LEFT)
        _use(kernel)
        kernel.run("%unload_ext ipyclaude")
        # What Python itself imports and keeps at the first use is not ours to give back.
        before = kernel.value("left()")
        assert before["children"] == []
        assert before["magics"] == []
        assert str(place.store_file) not in before["files"]
        kernel.run("%load_ext ipyclaude")
        _use(kernel)
        assert kernel.value("left()") != before, "the test sees nothing"
        kernel.run("%reload_ext ipyclaude")
        _use(kernel)
        kernel.run("%reload_ext ipyclaude\n%reload_ext ipyclaude\n%unload_ext ipyclaude")
        assert kernel.value("left()") == before
