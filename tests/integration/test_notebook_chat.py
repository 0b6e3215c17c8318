"""`run_python` asked for from the chat: an idle kernel runs it, a busy one when it is free."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hosts import Notebook
from kernels import Kernel, Page, Place, said
from lending import RUN, code

from ipyclaude.testing import ScriptedModel

StartKernel = Callable[..., Kernel]


class Chat:
    """A chat widget in a notebook, and what comes out under the cell that shows it."""

    def __init__(self, nb: Notebook) -> None:
        self.nb = nb
        nb.kernel.open_subshell()
        self.page: Page = nb.kernel.chat()
        opened = [m for m in nb.heard if m["msg_type"] == "comm_open"]
        self.cell: str = opened[-1]["parent_header"]["msg_id"]

    def shown(self, cell: str | None = None) -> str:
        """Return what the streams of a cell show, the chat's own if none is named."""
        return "".join(
            message["content"]["text"]
            for message in self.nb.heard
            if message["msg_type"] == "stream"
            and message["parent_header"].get("msg_id") == (cell or self.cell)
        )

    def statuses(self) -> list[str]:
        """Return the states that the kernel told under the chat's cell."""
        return [
            message["content"]["execution_state"]
            for message in self.nb.heard
            if message["msg_type"] == "status"
            and message["parent_header"].get("msg_id") == self.cell
        ]


@pytest.fixture
def chat(start: StartKernel, place: Place, model: ScriptedModel) -> Chat:
    return Chat(Notebook(start(place, model)))


def allowed(chat: Chat) -> Chat:
    """Let Claude run code unasked."""
    chat.nb.run(f"%claude_session allow {RUN}")
    return chat


def test_output_lands_under_the_chat(chat: Chat, model: ScriptedModel) -> None:
    """It is shown in the cell of the chat that asked, not in the one that ran last."""
    model.script(code("import threading\nprint('here', threading.current_thread().name)\nz = 5"))
    model.script("Done.")
    other = chat.nb.send("print('another cell')")
    chat.nb.collect(other)
    turn = chat.page.prompt("run it")
    chat.nb.kernel.until(lambda: bool(chat.page.waiting))
    assert chat.page.waiting[0].input["code"].startswith("import threading")
    assert chat.shown() == ""
    chat.page.ask("decide", approval_id=chat.page.waiting[0].client_id, allow=True)
    assert chat.page.ended(turn).status == "done"
    assert chat.shown() == "here MainThread\n"
    assert chat.shown(other) == "another cell\n"
    assert chat.statuses()[-2:] == ["busy", "idle"]
    assert chat.nb.value("z") == 5
    later = chat.nb.send("print('later')")
    chat.nb.collect(later)
    assert chat.shown(later) == "later\n"


@pytest.mark.parametrize("wait", ["time.sleep(0.2)", "await asyncio.sleep(0.2)"])
def test_a_busy_kernel_is_waited_for(
    chat: Chat, model: ScriptedModel, place: Place, wait: str
) -> None:
    """The cell that runs comes first; the chat says that Claude's code waits."""
    allowed(chat)
    model.script(code("print('mine', order)\norder = 'code'"), "Done.")
    chat.nb.run("import asyncio, os, time\norder = 'nothing'")
    busy = chat.nb.send(
        f"while not os.path.exists('go'):\n    {wait}\norder = 'cell'\nprint('cell')"
    )
    turn = chat.page.prompt("run it")
    chat.nb.kernel.until(lambda: bool(chat.page.notices))
    assert chat.page.notices == ["Claude's code waits: the kernel is busy with a cell."]
    (place.work / "go").touch()
    assert chat.page.ended(turn).status == "done"
    assert chat.shown() == "mine cell\n"
    assert chat.shown(busy) == "cell\n"
    assert chat.nb.value("order") == "code"


def test_the_stop_button_ends_the_code(chat: Chat, model: ScriptedModel) -> None:
    """■ in the chat interrupts Claude's code and the turn; the kernel is free again."""
    allowed(chat)
    model.script(code("import time\nprint('begun')\ntime.sleep(60)"))
    turn = chat.page.prompt("run it")
    chat.nb.kernel.until(lambda: "begun" in chat.shown())
    chat.page.ask("stop")
    assert chat.page.ended(turn).status == "stopped"
    assert chat.nb.value("1 + 1") == 2
    model.script("Here.")
    assert chat.page.ended(chat.page.prompt("still there?")).status == "done"


def test_an_interrupt_of_the_kernel_ends_the_turn(chat: Chat, model: ScriptedModel) -> None:
    """Interrupting the kernel while Claude's code runs stops the turn; the kernel lives on (S9)."""
    allowed(chat)
    model.script(code("import time\nprint('begun')\ntime.sleep(60)"))
    turn = chat.page.prompt("run it")
    chat.nb.kernel.until(lambda: "begun" in chat.shown())
    chat.nb.kernel.interrupt()
    assert chat.page.ended(turn).status == "stopped"
    assert chat.nb.value("1 + 1") == 2
    model.script(code("print('again')"), "Here.")
    assert chat.page.ended(chat.page.prompt("still there?")).status == "done"
    assert "again" in said(model.requests[-1])


@pytest.mark.parametrize("ask", ["input('Who? ')", "import getpass\ngetpass.getpass()"])
def test_code_of_a_chat_is_told_why_it_can_ask_nobody(
    chat: Chat, model: ScriptedModel, ask: str
) -> None:
    """Both learn what to do instead; a cell of the person's own asks as ever."""
    allowed(chat)
    model.script(code(ask), "Done.")
    assert chat.page.ended(chat.page.prompt("ask me")).status == "done"
    for told in (chat.shown(), said(model.requests[-1])):
        assert "Tell Claude in the chat" in told
        assert "Traceback" not in told
    shown = chat.nb.run("name = input('Who? ')", answers=["ada"])
    assert shown.asked == ["Who? "]


def test_a_background_cell_shows_its_output_itself(chat: Chat, model: ScriptedModel) -> None:
    """With -b the cell is over, and Claude's code still shows in it."""
    allowed(chat)
    model.script(code("print('late')"), "Done.")
    sent = chat.nb.send("%claude -b run it", stdin=True)
    chat.nb.collect(sent)
    chat.nb.kernel.until(lambda: chat.shown(sent) == "late\n")
    assert chat.shown() == ""
