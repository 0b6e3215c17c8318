"""Signing out in a notebook: its kernel sends nothing from then on, and keeps all (S5, S14)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from convex_server import ConvexServer
from kernels import PATIENCE, Kernel, Place
from tokens import MakeToken

from ipyclaude.codes import hash_of, make_code
from ipyclaude.identity.vault import FileVault, Kept
from ipyclaude.messages import new_id, now_ms
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.testing import Reply, ScriptedModel, text


@pytest.fixture
def kernel(
    tmp_path: Path, convex: ConvexServer, make_token: MakeToken
) -> Iterator[tuple[Kernel, ScriptedModel]]:
    """A kernel of somebody who signed in earlier, and the model behind it."""
    place = Place(tmp_path / "here")
    name = f"ada-{new_id()}"
    kept = Kept(
        "https://id.example.org",
        "ipyclaude",
        "openid",
        name="ada",
        subject=name,
        id_token=make_token(name),
        fetched_at=now_ms(),
        expires_at=now_ms() + 3_600_000,
    )
    FileVault(place.data / "sign-in.json").write(kept)
    with ScriptedModel() as model:
        made = Kernel(place, place.env(model, CONVEX_URL=convex.url))
        made.run("%load_ext ipyclaude")
        yield made, model
        made.close()


def test_signing_out_stops_replication(kernel: tuple[Kernel, ScriptedModel]) -> None:
    """What was said before is sent; after `logout` the status says so, and what is new waits."""
    nb, model = kernel
    model.script("Before.", "After.")
    nb.run("%claude first")
    _status(nb, "synced")
    assert "ada is signed out" in nb.run("%claude_session logout").text
    _status(nb, "signed out")
    nb.run("%claude second")
    _status(nb, "signed out")
    store = SqliteStore(nb.place.store_file)
    try:
        assert store.outbox()
    finally:
        store.close()


def _status(nb: Kernel, word: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while word not in (shown := nb.run("%claude_session status").text).replace("_", " "):
        assert time.monotonic() < deadline, shown


def test_what_was_made_before_is_offered(
    convex: ConvexServer, tmp_path: Path, invited: Callable[[str], str]
) -> None:
    """What was said before anybody signed in goes nowhere when somebody does: it is offered, and
    goes when that is taken. Whoever signs in next in this kernel sees none of it and has sessions
    of their own, also in the next kernel; the first one, when back, sees only hers (S5). While
    Claude works, the kernel waits with going over, and says so.
    """
    place, ada, eve = Place(tmp_path / "here"), f"ada-{new_id()}@x.test", f"eve-{new_id()}@x.test"
    with ScriptedModel() as model:
        nb = Kernel(place, place.env(model, CONVEX_URL=convex.url))
        try:
            nb.run("%load_ext ipyclaude")
            gate = threading.Event()
            held = Reply(text("For eve, slowly.", chunk_chars=8, hold=gate))
            model.script("Before.", "For eve.", held, "After.")
            nb.run("%claude first")
            said = _sign_in(nb, ada, invited(ada))
            assert "1 session is on this machine only" in said
            token = _token(nb)
            _status(nb, "on this machine only")
            assert _sessions(convex, token) == []
            nb.run("%claude_session sync --all")
            _status(nb, "synced")
            assert len(_sessions(convex, token)) == 1

            nb.run("%claude_session logout")
            said = _sign_in(nb, eve, invited(eve))
            assert "Somebody else was signed in here before" in said
            assert _listed(nb) == set()
            nb.run("%claude_session new of-eve")
            nb.run("%claude second")
            _status(nb, "synced")
            assert _sessions(convex, _token(nb)) == ["of-eve"]
            _sign_out_by_a_chat(nb)
            _until(nb, f"{_APP}.store.path.name", "ipyclaude.sqlite3")
            assert "signed in as" in _sign_in(nb, eve)
            nb.close()
            nb = Kernel(place, place.env(model, CONVEX_URL=convex.url))
            nb.run("%load_ext ipyclaude")
            assert _listed(nb) == {"of-eve"}

            nb.run(_ASK)
            _until(nb, "session.running", "True")
            _sign_out_by_a_chat(nb)
            refused = nb.run("%claude_session list --all", bad=True)
            assert "Claude is still working in session 'of-eve'" in refused.text
            gate.set()
            nb.run("asked.result(60)")
            assert _listed(nb) == {"work"}
            _sign_in(nb, ada, invited(ada))
            assert _listed(nb) == {"work"}
            nb.run("%claude_session new of-ada")
            nb.run("%claude third")
            _status(nb, "synced")
            assert sorted(_sessions(convex, _token(nb))) == ["of-ada", "work"]
        finally:
            nb.close()


_APP = "get_ipython().magics_manager.registry['ClaudeMagics'].app"
#: Asks as a chat does, while no cell waits.
_ASK = f"""
from ipyclaude.messages import TextBlock
from ipyclaude.exchange import Question
sessions = {_APP}.sessions
session = sessions.attach(sessions.find("of-eve"))
asked = {_APP}.runtime.submit(session.ask(Question((TextBlock(text="slowly"),))))
"""


def _sign_out_by_a_chat(nb: Kernel) -> None:
    nb.run(f"{_APP}.runtime.run({_APP}.entrance.sign_out())")


def _until(nb: Kernel, asked: str, said: str) -> None:
    """Look, by no cell that is ours, until the kernel says this."""
    deadline = time.monotonic() + PATIENCE
    while nb.run(f"print({asked})").text.strip() != said:
        assert time.monotonic() < deadline


def _listed(nb: Kernel) -> set[str]:
    shown = nb.run("%claude_session list --all").text
    return {name for name in ("work", "of-ada", "of-eve") if name in shown}


@pytest.fixture
def invited(convex: ConvexServer) -> Callable[[str], str]:
    """Make a code for an address."""

    def invite(email: str) -> str:
        code = make_code()
        given = {"email": email, "codeHash": hash_of(code)}
        convex.call_as_admin("credentials:invite", given)
        return code

    return invite


def _sign_in(nb: Kernel, email: str, code: str = "") -> str:
    password = "a long password"
    if not code:
        return nb.run("%claude_session login", answers=[email, password, "y"]).text
    typed = [email, code, password, password, "y"]
    return nb.run("%claude_session login --code", answers=typed).text


def _token(nb: Kernel) -> str:
    return json.loads((nb.place.data / "sign-in.json").read_text())["id_token"]


def _sessions(convex: ConvexServer, token: str) -> list[str]:
    page = {"paginationOpts": {"numItems": 10, "cursor": None}}
    found = convex.call("query", "sessions:list", page, token=token)
    return [row["name"] for row in found["page"]]
