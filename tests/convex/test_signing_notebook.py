"""Signing out in a notebook: its kernel sends nothing from then on, and keeps all (S5, S14)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from convex_server import ConvexServer
from kernels import PATIENCE, Kernel, Place
from tokens import MakeToken

from ipyclaude.identity.vault import FileVault, Kept
from ipyclaude.messages import new_id, now_ms
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.testing import ScriptedModel


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
