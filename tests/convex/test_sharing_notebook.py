"""Two people share a session from real kernels, as they would from their notebooks."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest
from hosts import Notebook
from kernels import said
from labs import Labs, session
from tokens import MakeToken

from ipyclaude.messages import new_id
from ipyclaude.testing import Reply, ScriptedModel, text

Start = Callable[..., Notebook]

CODE = re.compile(r"%claude_session join ([0-9A-Z-]{26,})")


@pytest.fixture
def start(model: ScriptedModel, labs: Labs, make_token: MakeToken) -> Start:
    """Start kernels, each of a person of its own: `start(name, **environment)`."""
    run = new_id()

    def begin(name: str, **more: str) -> Notebook:
        token = make_token(f"{name}-{run}", name=name.capitalize())
        return labs.start(model, name, token, IPYCLAUDE_SERVER_LABEL=f"lab-{name}", **more)

    return begin


def refused(nb: Notebook, code: str) -> str:
    """Run a cell that is refused; return the words, on one line."""
    shown = nb.run(code)
    assert shown.error != "", shown.text
    return " ".join(shown.text.split())


def code_in(shown: str) -> str:
    """Return the code that a share shows."""
    found = CODE.search(shown)
    assert found is not None, shown
    return found[1]


def test_invited_as_viewer_then_editor_then_put_out(start: Start, model: ScriptedModel) -> None:
    """A second person sees nothing, then reads and watches live and can't write; as editor they
    prompt, with Claude's memory, on their machine, until the owner takes over; put out, their page
    hears nothing more."""
    ada, bo = start("ada"), start("bo")
    model.script("The first answer.")
    session(ada, "new plan")
    ada.run("%%claude\nfirst?")
    assert "There is no session yet" in session(bo, "list")
    assert "There is no session 'plan'" in refused(bo, "%claude_session open plan")

    shown = session(ada, "share plan")
    assert "one person as viewer" in shown
    joined = session(bo, f"join {code_in(shown)}")
    assert "session 'plan', Ada's, as viewer" in joined
    assert "opens nothing" in refused(start("cy"), f"%claude_session join {code_in(shown)}")
    assert "Ada: first?" in session(bo, "show plan")
    assert "shared Ada's; you are viewer" in session(bo, "status")
    members = session(ada, "members")
    assert "Ada (you)" in members
    assert "Bo" in members

    watching = bo.kernel.chat("plan")
    gate = threading.Event()
    model.script(Reply(text("Half of it and the rest.", chunk_chars=11, hold=gate)))
    sent = ada.send("%%claude\nsecond?")
    bo.kernel.until(lambda: any("Half of it" in shown_text(b) for b in watching.live.values()))
    gate.set()
    assert ada.collect(sent).error == ""
    bo.kernel.until(lambda: "Half of it and the rest." in watching.texts.values())

    asked = len(model.requests)
    error = watching.reply(watching.send("prompt", text="may I?")).error
    assert error is not None
    assert "Ada shared it with you as a viewer" in error.why
    assert "You may read session 'plan'" in refused(bo, "%%claude\nmay I?")
    assert "Only its owner may share it" in refused(bo, "%claude_session share")
    assert len(model.requests) == asked

    assert "Bo is editor of 'plan' now" in session(ada, "role Bo editor")
    bo.kernel.until(lambda: watching.session is not None and watching.session.role == "editor")
    page = ada.kernel.chat("plan")
    model.script("For Bo.")
    watching.ended(watching.prompt("third, by Bo?"))
    request = said(model.requests[-1])
    assert "The first answer." in request
    assert "second?" in request
    ada.kernel.until(lambda: "For Bo." in page.texts.values())
    authors = {m.text: m.author for m in page.finished.values() if m and m.type == "user"}
    assert authors == {"first?": "", "second?": "", "third, by Bo?": "Bo"}
    assert "Bo: third, by Bo?" in session(ada, "show plan")

    gate = threading.Event()
    model.script(Reply(text("Half for Bo, no more.", chunk_chars=9, hold=gate)))
    turn = watching.prompt("again?")
    ada.kernel.until(lambda: any("Half for" in shown_text(b) for b in page.live.values()))
    taken = ada.run("%claude_session take-over plan", answers=["y"])
    assert "Bo (lab-bo) has worked in 'plan' since" in taken.asked[0]
    assert "yours to prompt in. What Bo had got is kept" in taken.text
    assert watching.ended(turn).status == "failed"
    assert any("Ada (lab-ada) took session 'plan' over" in words for words in watching.notices)
    gate.set()
    model.script("For Ada.")
    assert ada.run("%%claude\nmine now?").error == ""
    assert "Nobody else works in 'plan'" in session(ada, "take-over plan")

    assert "Bo is out" in session(ada, "unshare Bo")
    bo.kernel.until(lambda: watching.session is not None and watching.session.role == "none")
    model.script("Not for Bo.")
    ada.run("%%claude\nfourth?")
    assert "sent" in session(ada, "sync plan")
    assert "not shared with you any more" in refused(bo, "%%claude\nmay I still?")
    assert "Not for Bo." not in watching.texts.values()
    assert "fourth?" not in session(bo, "show plan")
    model.script("In a copy.")
    assert "is a copy of 'plan'" in session(bo, "fork mine")
    assert bo.run("%%claude\nand now?").error == ""
    assert "For Bo." in said(model.requests[-1])


def test_a_session_of_this_machine_is_sent_first_and_never_unasked(start: Start) -> None:
    """Sharing asks before it sends; a no shares nothing; a code of the other's own lets them in."""
    ada, bo = start("ada"), start("bo")
    session(ada, "new --local diary")
    asked = ada.run("%claude_session share diary", answers=["n"])
    assert "is on this machine only" in " ".join(asked.asked)
    assert "Nothing was shared" in asked.text
    assert "on this machine only" in session(ada, "members diary")
    code = code_in(session(bo, "join"))
    with_code = f"share diary --with {code} --role editor"
    assert "may join session 'diary' as editor" in session(ada, with_code, answers=("y",))
    assert "as editor" in session(bo, f"join {code}")
    assert "Bo" in session(ada, "members diary")
    assert "You are out of 'diary'" in session(bo, "leave diary")
    assert "not shared with you any more" in session(bo, "status")
    left = session(ada, "members diary")
    assert "Bo" not in left
    assert "yours alone" in session(ada, "unshare --yes") or "nobody" in left


def test_an_administrator_forbids_it(start: Start) -> None:
    """A locked kernel neither shares nor joins nor lets others answer, and says who has set it."""
    ada = start("ada", IPYCLAUDE_LOCK_SHARING="off")
    for line in ("share", "join", "share --editors-approve yes --yes"):
        assert "administrator has set this" in refused(ada, f"%claude_session {line}")
    bo = start("bo", IPYCLAUDE_LOCK_EDITOR_APPROVALS="off")
    session(bo, "new plan")
    assert "administrator" in refused(bo, "%claude_session share --editors-approve yes --yes")
    assert "you alone" in session(bo, "share --editors-approve no")


def test_without_convex_one_message(start: Start) -> None:
    """Where no deployment is set it says so, and how to set one."""
    ada = start("ada", CONVEX_URL="")
    for line in ("share", "members", "join", "take-over"):
        assert "No Convex deployment is set" in refused(ada, f"%claude_session {line}")


def shown_text(live: object) -> str:
    """Return the text of a block that grows."""
    return str(getattr(getattr(live, "block", None), "text", ""))
