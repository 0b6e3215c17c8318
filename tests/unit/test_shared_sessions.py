"""What the store holds of sessions that were shared with somebody, and no longer are."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from replicating import message, send_all, texts

from ipyclaude.engines import memory_of
from ipyclaude.messages import Approval, SessionInfo, StreamTail, TextBlock
from ipyclaude.replica.transcripts import ReplicatedTranscripts
from ipyclaude.store.replication import Replication
from ipyclaude.store.sqlite import SqliteStore


def shared(info: SessionInfo, **more: Any) -> SessionInfo:
    """Make somebody else's session, as the server tells of it."""
    return info.model_copy(update={"role": "editor", "owner": "Ana", **more})


def test_no_longer_shared(store: SqliteStore, replication: Replication, info: SessionInfo) -> None:
    """What a member had received stays to read; nothing comes in or goes out any more.

    What waits to be sent is neither thrown away nor sent as a session of their own.
    """
    replication.merge([shared(info), message(info, "theirs", seq=1)])
    store.put(message(info, "mine"))
    replication.merge([info.model_copy(update={"role": "viewer", "deleted_at": 9.0, "name": ""})])
    stands = store.session(info.client_id)
    assert stands is not None
    assert (stands.role, stands.owner, stands.name, stands.local) == ("none", "Ana", "n", True)
    assert [text for text, _ in texts(store, info)] == ["theirs", "mine"]
    replication.merge([message(info, "late", seq=2)])
    assert len(texts(store, info)) == 2
    # A kernel that had not heard of it writes the row as it knew it.
    store.put(shared(info, title="stale"), message(info, "more"))
    stands = store.session(info.client_id)
    assert stands is not None
    assert (stands.role, stands.local, stands.title) == ("none", True, "stale")
    assert [row.kind for row in store.outbox()] == ["message"]
    replication.merge([shared(info, role="viewer")])
    stands = store.session(info.client_id)
    assert stands is not None
    assert (stands.role, stands.local, stands.keep_local) == ("viewer", False, False)


def test_ones_own_deletion_elsewhere_deletes(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """A session of one's own that was deleted on another server goes here too."""
    replication.merge([info])
    replication.merge([info.model_copy(update={"deleted_at": 9.0})])
    assert store.session(info.client_id) is None


def test_a_role_is_the_servers_to_say(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """No writing here makes a viewer an editor; the server's next word does."""
    replication.merge([shared(info, role="viewer")])
    store.put(shared(info, role="editor", title="t"))
    assert (store.session(info.client_id) or info).role == "viewer"
    replication.merge([shared(info, role="editor")])
    stands = store.session(info.client_id)
    assert stands is not None
    assert (stands.role, stands.title) == ("editor", "t")


def test_nobody_hands_us_a_memory_of_our_own(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """A shared session that claims the memory of one of ours can be read, and gets none of it."""
    mine = info.model_copy(update={"client_id": "z" * 36, "claude_session_id": "c"})
    store.put(mine)
    claims = shared(info, client_id="a" * 36, claude_session_id="c")
    replication.merge([claims])
    stands = store.session("a" * 36)
    assert stands is not None
    assert (stands.role, stands.claude_session_id) == ("viewer", None)
    with store.batch() as batch:
        assert batch.owner_of("c") == mine.client_id


def test_what_runs_here_is_not_others_to_decide(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """Another person's decision counts only where it was let, and only as yes or no (S12)."""
    replication.merge([info])
    for let in (False, True):
        asked = Approval(
            session_id=info.client_id,
            turn_id="t",
            tool_use_id="u",
            tool_name="Bash",
            input={"command": "ls"},
            editors_may=let,
        )
        store.put(asked)
        said = {"status": "allowed", "decider": "Bo", "scope": "always", "reason": "fine"}
        more = {"input": {"command": "rm"}, "edited_input": {"command": "rm"}}
        replication.merge([asked.model_copy(update={**said, **more})])
        stands = {a.client_id: a for a in store.approvals(info.client_id, pending=False)}
        read = stands[asked.client_id]
        assert read.status == ("allowed" if let else "pending")
        assert (read.input, read.edited_input, read.scope) == ({"command": "ls"}, None, "once")


def test_no_session_reaches_into_another(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """Who knows an id of one session neither overwrites nor answers it by another (S5, S12)."""
    theirs = shared(info, client_id="b" * 36, name="theirs", claude_session_id=None)
    replication.merge([info, theirs])
    mine = message(info, "mine", seq=1)
    replication.merge([mine])
    for _ in range(2):
        replication.merge([message(theirs, "forged", seq=1, client_id=mine.client_id)])
    assert texts(store, info) == [("mine", 1)]
    assert texts(store, theirs) == [("forged", 1)]
    so_far = TextBlock(text="so far")
    store.put(StreamTail(session_id=info.client_id, turn_id="t", message_id="g" * 36, block=so_far))
    replication.merge([message(theirs, "forged", seq=2, client_id="g" * 36)])
    assert [tail.message_id for tail in store.tails(info.client_id)] == ["g" * 36]
    asked = Approval(
        session_id=info.client_id, turn_id="t", tool_use_id="u", tool_name="Bash", input={"n": 1}
    )
    store.put(asked)
    send_all(replication)
    said = {"person": "Bo", "edited_input": {"n": 2}}
    answers: list[dict[str, str]] = [{}, {"status": "allowed", "decider": "Bo"}]
    for more in answers:
        for session_id in (theirs.client_id, info.client_id):
            told = {**said, **more, "session_id": session_id}
            replication.merge([asked.model_copy(update=told)])
    (stands,) = store.approvals(info.client_id, pending=False)
    assert (stands.status, stands.person, stands.edited_input) == ("pending", "", None)


def test_a_session_that_was_put_away_brings_no_memory(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """Another's session that claims our memory is not asked for it, though it is not here."""
    store.put(info)
    asked: list[str] = []

    class Server:
        async def query(self, path: str, args: dict[str, Any]) -> Any:
            asked.append(path)
            head = {"projectKey": "-p", "subpath": "", "nextSeq": 2, "session": "b" * 36}
            return [{**head, "claudeSessionId": args["claudeSessionId"]}]

    def fold(before: Any, key: Any, entries: Any) -> dict[str, Any]:
        raise AssertionError((before, key, entries))

    server: Any = Server()
    transcripts = ReplicatedTranscripts(store, fold=fold, cloud=server)
    assert asyncio.run(transcripts.fetch("c")) is False
    assert asked == ["transcripts:heads"]


@pytest.mark.parametrize("made_up", ["a title", "../x", "/tmp/x.jsonl", "-r"])
def test_claude_is_asked_for_no_memory_by_other_words(info: SessionInfo, made_up: str) -> None:
    """Whoever may write in a session names no other conversation of this machine's (S5)."""
    known = str(uuid4())
    assert memory_of(info.model_copy(update={"claude_session_id": known})) == known
    assert UUID(memory_of(info.model_copy(update={"claude_session_id": made_up})))


def test_a_name_is_ones_own_first(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """What is said to a session by its name goes to nobody who calls theirs the same."""
    store.put(info)
    replication.merge([shared(info, client_id="b" * 36, last_activity_at=9e15)])
    assert (store.session(info.name) or info).client_id == info.client_id
    assert (store.session("b" * 36) or info).owner == "Ana"
