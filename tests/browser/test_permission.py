"""Permission prompts, answered while the cell that asks is running (S12)."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest
from live_notebook import Desk, LabNotebook, subshells_disabled
from playwright.sync_api import expect

from ipyclaude.testing import Reply, tool

RULE = "Bash(touch:*)"


def _touch(name: str) -> tuple[Reply, str]:
    """A turn that makes a file, and says so."""
    call = tool("Bash", {"command": f"touch {name}.txt", "description": "Make"})
    return Reply(call), f"Over: {name}"


def _made(nb: LabNotebook, name: str) -> bool:
    return (nb.server.root / nb.path).with_name(f"{name}.txt").exists()


@pytest.mark.parametrize(
    ("kernel", "version_"),
    [
        ("python3", version("ipykernel")),
        ("ipykernel-7.1.0", "7.1.0"),
        ("ipykernel-6.31.0", "6.31.0"),
    ],
)
def test_a_click_answers_while_the_cell_runs(desk: Desk, kernel: str, version_: str) -> None:
    """A click in the very cell's widget allows once, for a pattern, or denies with a reason."""
    for name in ("once", "always", "ruled", "denied"):
        desk.model.script(*_touch(name))
    nb = desk.open(
        *(f"%%claude\nMake {name}" for name in ("once", "always", "ruled")),
        "%claude_session allow",
        f"%claude_session revoke {RULE}",
        "%%claude\nMake denied",
        "import ipykernel\nprint(ipykernel.__version__)",
        kernel=kernel,
    )
    nb.start(1)
    approval = nb.hook(1, "approval", "pending")
    expect(approval).to_contain_text("touch once")
    assert nb.running(1)
    assert not _made(nb, "once")
    approval.locator('[data-ipc="allow-once"]').click()
    nb.wait_done(1)
    assert _made(nb, "once")

    nb.start(2)
    nb.hook(2, "allow-always").click()
    nb.wait_done(2)
    assert _made(nb, "always")
    nb.run(3)
    assert _made(nb, "ruled"), "the remembered rule was not used"
    nb.run(4)
    expect(nb.output(4)).to_contain_text(RULE)
    nb.run(5)

    nb.start(6)
    nb.hook(6, "approval-reason").fill("not on a Friday")
    nb.hook(6, "deny").click()
    nb.wait_done(6)
    assert not _made(nb, "denied")
    assert "not on a Friday" in json.dumps(desk.model.requests[-1]["messages"][-1])
    expect(nb.output(6).get_by_text("Over: denied")).to_be_visible()
    nb.run(7)
    assert nb.text(7) == f"{version_}\n"


@pytest.mark.parametrize("kernel", ["python3", "ipykernel-7.1.0"])
def test_input_asks_where_no_click_can_arrive(desk: Desk, kernel: str) -> None:
    """With comms on the main shell only, the cell itself asks, and takes the answer."""
    desk.model.script(*_touch("typed"), *_touch("refused"))
    with subshells_disabled(desk.server):
        nb = desk.open("%%claude\nMake typed", "%%claude\nMake refused", kernel=kernel)
        nb.start(1)
        box = nb.output(1).locator(".jp-Stdin-input")
        expect(nb.output(1)).to_contain_text("touch typed")
        box.fill("y")
        box.press("Enter")
        nb.wait_done(1)
        assert _made(nb, "typed")
        nb.start(2)
        box = nb.output(2).locator(".jp-Stdin-input")
        box.fill("n not on a Monday")
        box.press("Enter")
        nb.wait_done(2)
    assert not _made(nb, "refused")
    assert "not on a Monday" in json.dumps(desk.model.requests[-1]["messages"][-1])
