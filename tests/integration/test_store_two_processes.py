"""Several processes on one store: real ones."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ipyclaude.messages import Approval, Message, SessionInfo, StreamTail, TextBlock, Value
from ipyclaude.store.sqlite import JournalWarning, SqliteStore

HEAD = """
import json, sys
from ipyclaude.messages import *
from ipyclaude.store.sqlite import SqliteStore
args = json.loads(sys.argv[2])
store = SqliteStore(sys.argv[1], is_network=lambda _: args["network"])
def say(*what): print(*what, flush=True)
def text(n):
    content = (TextBlock(text=str(n)),)
    return Message(session_id=args["session"], type="user", content=content)
"""


def start(store: SqliteStore, body: str, **args: Any) -> subprocess.Popen[str]:
    """Run `body` in another process on the same file."""
    script = HEAD + textwrap.dedent(body)
    told = {"network": store.journal == "delete", **args}
    command = [sys.executable, "-W", "ignore", "-c", script, str(store.path), json.dumps(told)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    """Wait for the next line that the process says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    """Let the process go on."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def end(process: subprocess.Popen[str]) -> str:
    """Wait for the process to end well; return what else it said."""
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out


@pytest.fixture
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SqliteStore]:
    """Give an empty store, on a network disk if the test asks for one."""
    network: bool = getattr(request, "param", False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JournalWarning)
        store = SqliteStore(tmp_path / "store.db", is_network=lambda _: network)
    assert store.journal == ("delete" if network else "wal")
    yield store
    store.close()


#: With the rollback journal too, to which a store on NFS falls back.
both_journals = pytest.mark.parametrize("store", [False, True], ids=["wal", "nfs"], indirect=True)


@pytest.fixture
def session(store: SqliteStore) -> SessionInfo:
    """Give a session in it."""
    info = SessionInfo(name="shared", cwd="")
    store.put(info)
    return info


class Ear:
    """A listener that notes what it heard, when, and wakes who waits."""

    def __init__(self) -> None:
        self.heard: list[Value] = []
        self._news = threading.Condition()

    def __call__(self, values: Sequence[Value]) -> None:
        with self._news:
            self.heard.extend(values)
            self._news.notify_all()

    def wait(self, count: int) -> bool:
        """Wait until so many values were heard."""
        with self._news:
            return self._news.wait_for(lambda: len(self.heard) >= count, timeout=60)


def test_seen_within_half_a_second(store: SqliteStore, session: SessionInfo) -> None:
    """What another process writes is heard here within half a second, each value once."""
    ear = Ear()
    store.subscribe(ear)
    other = start(
        store,
        """
        import time
        say("ready")
        for n in range(5):
            sys.stdin.readline()
            store.put(text(n))
            say(time.time())
        """,
        session=session.client_id,
    )
    assert said(other) == "ready"
    delays: list[float] = []
    for n in range(5):
        tell(other)
        written = float(said(other))
        assert ear.wait(n + 1)
        delays.append(time.time() - written)
    end(other)
    # A busy machine may be late with most of them, but not early with any.
    assert min(delays) < 0.5
    assert [v.text for v in ear.heard if isinstance(v, Message)] == list("01234")
    assert len(ear.heard) == 5


def test_own_writes_come_once(store: SqliteStore, session: SessionInfo) -> None:
    """Own writes are heard at once and not again when the file is looked at."""
    ear = Ear()
    store.subscribe(ear)
    store.put(session.model_copy(update={"title": "mine"}))
    assert len(ear.heard) == 1
    other = start(store, "store.put(text('theirs'))", session=session.client_id)
    end(other)
    assert ear.wait(2)
    assert [type(v) for v in ear.heard] == [SessionInfo, Message]


@both_journals
def test_deletion_is_heard(store: SqliteStore, session: SessionInfo) -> None:
    """A session that another process deletes arrives with `deleted_at`."""
    ear = Ear()
    store.subscribe(ear)
    end(start(store, "store.delete_session(args['session'])", session=session.client_id))
    assert ear.wait(1)
    gone = ear.heard[0]
    assert isinstance(gone, SessionInfo)
    assert (gone.client_id, gone.deleted_at is not None) == (session.client_id, True)
    assert store.sessions() == []


@both_journals
def test_simultaneous_writers(store: SqliteStore, session: SessionInfo) -> None:
    """Four processes that write at once lose nothing, and keep the counters right."""
    body = """
    say("ready"); sys.stdin.readline()
    for n in range(50): store.put(text(n), Message(session_id=args["session"], type="result",
        content=(ResultBlock(cost_usd=0.5),)))
    """
    others = [start(store, body, session=session.client_id) for _ in range(4)]
    for other in others:
        assert said(other) == "ready"
    for other in others:
        tell(other)
    for other in others:
        end(other)
    found = store.session(session.client_id)
    assert found is not None
    assert (found.message_count, found.cost_usd) == (400, 100.0)
    page = store.messages(session.client_id, limit=1000)
    assert len({m.client_id for m in page.messages}) == 400


@both_journals
def test_one_decision_wins(store: SqliteStore, session: SessionInfo) -> None:
    """Of decisions by several processes exactly one wins, and all are told which."""
    asked = Approval(session_id=session.client_id, turn_id="t", tool_use_id="u", tool_name="Bash")
    store.put(asked)
    body = """
    mine = store.approvals(args["session"])[0].model_copy(
        update={"status": "allowed", "decided_by": args["who"]})
    say("ready"); sys.stdin.readline()
    say(store.decide(mine).decided_by)
    """
    others = [start(store, body, session=session.client_id, who=str(n)) for n in range(4)]
    for other in others:
        assert said(other) == "ready"
    for other in others:
        tell(other)
    answers = {end(other).strip() for other in others}
    assert len(answers) == 1
    stands = store.approvals(session.client_id, pending=False)
    assert {a.decided_by for a in stands} == answers


@pytest.mark.parametrize(
    ("store", "after"),
    [(False, 1), (False, 7), (False, 40), (True, 7), (True, 40)],
    indirect=["store"],
)
def test_killed_writer(store: SqliteStore, session: SessionInfo, after: int) -> None:
    """A writer killed in the middle leaves a whole store with all that it had finished (S1)."""
    other = start(
        store,
        """
        say("ready")
        n = 0
        while True:
            message = text(n)
            store.put(StreamTail(session_id=args["session"], turn_id="t",
                message_id=message.client_id, block=TextBlock(text="part")))
            store.put(message)
            say(n)
            n += 1
        """,
        session=session.client_id,
    )
    assert said(other) == "ready"
    finished = [said(other) for _ in range(after)]
    other.kill()
    other.wait()
    assert other.stdout is not None
    finished += [line.strip() for line in other.stdout if line.endswith("\n")]
    texts = [m.text for m in store.messages(session.client_id, limit=10_000).messages]
    assert texts[: len(finished)] == finished
    assert len(texts) <= len(finished) + 1
    assert len(store.tails(session.client_id)) <= 1
    found = store.session(session.client_id)
    assert found is not None
    assert found.message_count == len(texts)
    assert [row.kind for row in store.outbox(10_000)] == ["session", *["message"] * len(texts)]
    with store.database.reading() as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    store.put(
        Message(session_id=session.client_id, type="user", content=(TextBlock(text="on"),)),
        StreamTail(session_id=session.client_id, turn_id="t", message_id="m", block=TextBlock()),
    )
