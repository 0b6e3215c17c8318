"""What we mend in ipykernels that are older than the newest."""

from __future__ import annotations

from collections.abc import Callable

from kernels import Kernel, Place
from older_kernels import python_with

from ipyclaude.testing import ScriptedModel

StartKernel = Callable[..., Kernel]

#: Answers somebody who has gone, as a Jupyter server's first question to a kernel is, at the
#: moment at which the next request has come and is not read yet.
ANSWER_NOBODY = """
import select, zmq
from ipykernel.kernelapp import IPKernelApp
kernel = IPKernelApp.instance().kernel
thread = kernel.shell_channel_thread
socket = kernel.shell_stream.socket
def answer():
    socket.get(zmq.EVENTS)
    select.select([socket.get(zmq.FD)], [], [], 20)
    thread.manager._send_on_shell_channel([b"gone", b"an answer"])
thread.io_loop.add_callback(answer)
"""


def test_a_request_is_read_that_came_while_nobody_was_answered(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """ipykernel 7.0 to 7.3 may sleep through it (ipykernel#1554), but not once we are used."""
    kernel = start(place, model, python=python_with("7.1.0"))
    kernel.run("%claude_session")
    kernel.run(ANSWER_NOBODY)
    assert kernel.value("1 + 1") == 2
