"""What goes into a Convex row comes out equal, and is small."""

from __future__ import annotations

import json
import math
import random
import zlib
from typing import Any

import pytest

from ipyclaude.exceptions import CloudFault
from ipyclaude.messages import (
    Approval,
    ImageBlock,
    Message,
    ResultBlock,
    SessionInfo,
    TextBlock,
    Todo,
    TodoList,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    parse_block,
)
from ipyclaude.replica import packing, rows
from ipyclaude.replica.packing import pack, pack_blocks, unpack, unpack_blocks
from ipyclaude.replica.values import decode, encode
from ipyclaude.store._values import dump, load
from ipyclaude.store.replication import Chunk, Key


def there_and_back(row: Any) -> Any:
    """Send a row through Convex's JSON."""
    return decode(json.loads(json.dumps(encode(row))))


def noise(size: int) -> bytes:
    """Make bytes that nothing makes smaller."""
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("size", [0, 1, 100, 2999, 3000, 70_000, 5_000_000])
def test_bytes_come_back_equal(size: int) -> None:
    """Bytes of any size come back equal, and are at most one byte longer packed."""
    for data in (noise(size), b'{"type":"text","text":"hello"}\n' * (size // 31 + 1)):
        packed = pack(data)
        assert unpack(packed) == data
        assert len(packed) <= len(data) + 1


@pytest.mark.parametrize(
    "packed", [b"", b"\x09x", b"\x01", b"\x01\xff\xff", b"\x02abc", b"\x01\x4b"]
)
def test_broken_bytes_are_told(packed: bytes) -> None:
    """What `pack` never made is a clear error, not a traceback (S14)."""
    with pytest.raises(CloudFault, match="can't be read"):
        unpack(packed)


@pytest.mark.parametrize("size", [2000, 100_000])
def test_few_bytes_do_not_fill_the_memory(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would become more than a content ever is, is refused before it has."""
    packed = pack(b"x" * size)
    monkeypatch.setattr(packing, "_MOST_BYTES", size - 1)
    with pytest.raises(CloudFault, match="can't be read"):
        unpack(packed)


def transcript(number: int) -> bytes:
    """Make what the CLI writes for an answer."""
    rng = random.Random(number)
    words = " ".join(f"{rng.choice('abcdefghij')}{rng.randrange(999)}" for _ in range(80))
    ids = [f"{rng.randrange(1 << 62):x}" for _ in range(5)]
    entry = {
        "parentUuid": ids[0],
        "isSidechain": False,
        "message": {
            "id": f"msg_01{ids[1]}",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-5",
            "content": [{"type": "text", "text": words}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "cache_read_input_tokens": 41, "output_tokens": 7},
        },
        "requestId": f"req_01{ids[2]}",
        "type": "assistant",
        "uuid": ids[3],
        "timestamp": "2026-11-25T16:24:54.873Z",
        "userType": "external",
        "cwd": "/srv/work",
        "sessionId": ids[4],
        "version": "2.1.330",
    }
    return json.dumps(entry).encode()


def test_small_on_the_wire() -> None:
    """Packed and in base64, transcripts are no larger than zlib's level 6 makes them."""
    texts = [transcript(number) for number in range(20)]
    ours = sum(len(json.dumps(encode(pack(text)))) for text in texts)
    theirs = sum(len(zlib.compress(text, 6)) for text in texts)
    assert ours <= 1.1 * theirs


def deep(levels: int) -> Any:
    """Nest deeper than Convex allows."""
    return [deep(levels - 1)] if levels else "end"


ODD: list[Any] = [
    TextBlock(text="plain"),
    TextBlock(text="\ud800 lone, \udfff, NUL \0, \U0001f600, \U0010ffff, \u2028"),
    ToolUseBlock(id="1", name="B\ud83dsh", input={"$schema": 1, "é": [2**63 - 1, -(2**63)]}),
    ToolUseBlock(id="2", name="Deep", input={"a": deep(200)}),
    ToolResultBlock(tool_use_id="1", content=[{"type": "text", "text": "x" * 3_000_000}]),
    ToolResultBlock(tool_use_id="1", content={"inf": math.inf, "small": 5e-324, "zero": -0.0}),
    ImageBlock(source={"type": "base64", "media_type": "image/png", "data": "aGk=" * 400_000}),
    UnknownBlock(raw={"type": "hologram", "$": None}),
    parse_block({"type": "text", "text": "x", "citations": [1], "cache_control": None}),
    ResultBlock(outcome="failed", cost_usd=0.125, duration_ms=3, structured_output={"": []}),
]


@pytest.mark.parametrize("number", range(len(ODD)))
def test_odd_content_comes_back_equal(number: int) -> None:
    """Surrogates, NUL, forbidden keys, int64, depth, large and unknown content: all equal (S7)."""
    body = pack_blocks([ODD[number]])
    assert len(body.fields.get("packed", b"")) <= packing.IN_ROW
    assert unpack_blocks(there_and_back(body.fields), body.file) == (ODD[number],)


@pytest.mark.parametrize("levels", [600, 985, 3000, 100_000])
@pytest.mark.parametrize("large", [False, True])
def test_what_nests_too_deep_is_kept_as_text(levels: int, large: bool) -> None:
    """However deep somebody's content is, it is read, kept whole and written again (S7)."""
    text = '{"type":"tool_use","id":"]","name":"n","input":{"a":%s}}' % (
        "[" * levels + "]" * levels
    )
    row: dict[str, Any] = {"content": [{"type": "tool_use", "json": text}]}
    if large:
        row = {"content": [], "packed": pack(f"[{text}]".encode())}
    (block,) = unpack_blocks(row)
    assert isinstance(block, UnknownBlock)
    assert text in block.raw["json"]
    message = Message(session_id="s", type="assistant", content=(block,))
    assert load(Message, dump(message)) == message
    assert unpack_blocks(pack_blocks([block]).fields) == (block,)


def test_brackets_in_words_nest_nothing() -> None:
    """A text of many brackets is read as what it is."""
    block = ToolUseBlock(id="1", name="n", input={"a": '[{\\"[' * 1000, "b": [[]] * 600})
    assert unpack_blocks(pack_blocks([block]).fields) == (block,)


def test_many_blocks_come_back_equal() -> None:
    """A message of 9,000 blocks comes back equal, though an array may hold 8,192 items."""
    blocks = tuple(TextBlock(text=str(number)) for number in range(9000))
    body = pack_blocks(blocks)
    assert body.fields["content"] == []
    assert unpack_blocks(there_and_back(body.fields), body.file) == blocks


def test_nan_comes_back() -> None:
    """NaN, which equals nothing, is NaN again."""
    body = pack_blocks([ToolResultBlock(tool_use_id="1", content=[math.nan])])
    (block,) = unpack_blocks(there_and_back(body.fields), body.file)
    assert isinstance(block, ToolResultBlock)
    assert math.isnan(block.content[0])


def test_short_content_is_readable() -> None:
    """A short content stands in the row as it is, so that a person can read it there."""
    body = pack_blocks([TextBlock(text="hello")])
    assert body.fields == {"content": [{"type": "text", "json": '{"type":"text","text":"hello"}'}]}


def test_large_content_is_a_file() -> None:
    """What does not fit a document is a file named by its hash."""
    body = pack_blocks([ToolResultBlock(tool_use_id="1", content=noise(800_000).hex())])
    assert body.file is not None
    assert body.fields == {"content": [], "file": packing.sha256(body.file)}


def test_messages_come_back_equal() -> None:
    """Every field of a message comes back; the user's own has no author."""
    whole = Message(
        session_id="s",
        type="assistant",
        content=(TextBlock(text="x"),),
        turn_id="t",
        seq=7,
        parent_tool_use_id="p",
        model="m",
        cost=0.5,
        uuid="u",
        prompt_hash="h",
        cell_id="c",
    )
    bare = Message(session_id="s", type="user", seq=8)
    for message in (whole, bare):
        row, _ = rows.message_input(message)
        assert "session_id" not in row
        row = there_and_back({**row, "seq": message.seq, "authorId": "me"})
        assert rows.message_from(row, "s", me="me") == message
        theirs = rows.message_from(row, "s", me="you")
        assert theirs == message.model_copy(update={"author_id": "me", "author": "somebody"})


def test_who_wrote_is_what_the_server_says() -> None:
    """Nobody can write under another name; a copy of one's own names who asked first."""
    copied = Message(session_id="s", type="user", seq=1, author="Ana")
    row, _ = rows.message_input(copied)
    row = there_and_back({**row, "seq": 1, "authorId": "u"})
    mine = rows.message_from({**row, "author": {"name": "Bo", "me": True}}, "s", me="u")
    assert (mine.author, mine.author_id) == ("Ana", None)
    theirs = rows.message_from({**row, "author": {"name": "Bo", "me": False}}, "s", me="v")
    assert (theirs.author, theirs.author_id) == ("Bo", "u")


def test_a_message_of_a_newer_version_is_kept() -> None:
    """A message that can't be read is shown as unknown, and hides none after it (S7)."""
    row, _ = rows.message_input(Message(session_id="s", type="user", turn_id="t"))
    newer = [
        {"type": "telepathy"},
        {"packed": b"\x63later"},
        {"extra": "no JSON"},
        {"extra": "1"},
        {"extra": '{"model":1}'},
        {"content": [{"type": "text", "json": "[" * 100_000}]},
        {"extra": '{"mood":"good"}'},
    ]
    read = [rows.message_from({**row, "seq": 1.0, **more}, "s", me=None) for more in newer]
    assert [m.type for m in read] == [*["system"] * 5, "user", "user"]
    assert all(isinstance(b, UnknownBlock) for m in read[:6] for b in m.content)


def test_sessions_come_back_equal() -> None:
    """Every field of a session that is not this machine's own comes back."""
    info = SessionInfo(
        name="n \ud800",
        cwd="/c",
        workspace="/w",
        git_remote="g",
        base_commit="b",
        notebook="n.ipynb",
        claude_session_id="c",
        model="m",
        title="t",
        archived_at=5.0,
        origin="o",
    )
    for one in (info, SessionInfo(name="bare", cwd="")):
        row = there_and_back(rows.session_input(one, "server"))
        counted = {**row, "messageCount": 3.0, "costUsd": 0.5, "updatedAt": 1.0}
        expected = one.model_copy(update={"message_count": 3, "cost_usd": 0.5, "server": "server"})
        assert rows.session_from(counted) == expected
        assert rows.session_from({**counted, "phase": {"type": "dreaming"}}) == expected


def test_a_shared_session_is_of_no_notebook_here() -> None:
    """It says whose it is and as what one is in it; a colleague's notebook is not taken over."""
    info = SessionInfo(name="n", cwd="/c", notebook="Untitled.ipynb")
    row = there_and_back(rows.session_input(info, "server"))
    shared = rows.session_from({**row, "role": "editor", "owner": "Ana"})
    assert (shared.role, shared.owner, shared.notebook) == ("editor", "Ana", None)
    assert rows.session_from({**row, "role": "auditor", "owner": "Ana"}).role == "viewer"
    mine = rows.session_from({**row, "role": "owner", "owner": ""})
    assert (mine.role, mine.owner, mine.notebook) == ("owner", "", "Untitled.ipynb")


@pytest.mark.parametrize("made_up", ["/home/bo", "../../..", "plots", "s" * 65])
def test_a_shared_sessions_id_is_nothing_else(made_up: str) -> None:
    """Its owner chose it: what could be a path or a name here is not taken in (S5)."""
    row = there_and_back(rows.session_input(SessionInfo(name="n", cwd="/c"), "server"))
    with pytest.raises(CloudFault, match="no id of a session"):
        rows.session_from({**row, "clientId": made_up, "role": "viewer", "owner": "Ana"})


def test_a_member_changes_nothing_of_the_owners() -> None:
    """Folder, notebook and repository stay as the owner's machine has them."""
    base = SessionInfo(name="n", cwd="/c", notebook="a.ipynb", git_remote="g", role="editor")
    now = base.model_copy(update={"name": "m", "cwd": "/d", "notebook": None, "git_remote": None})
    row, was = rows.session_input(now, "here"), rows.session_input(base, "")
    assert rows.session_patch(row, was, role="editor") == {"name": "m", "server": "here"}


def test_only_what_changed_is_sent() -> None:
    """A patch holds the columns that changed, null for one that went, and no older activity."""
    base = SessionInfo(name="n", cwd="/c", title="t", last_activity_at=9.0)
    now = base.model_copy(update={"name": "m", "title": "", "last_activity_at": 5.0})
    row, was = rows.session_input(now, "here"), rows.session_input(base, "")
    assert rows.session_patch(row, was) == {"name": "m", "title": None, "server": "here"}
    assert rows.session_patch(rows.session_input(base, "here"), was) == {}


def test_todos_and_approvals_come_back_equal() -> None:
    """To-dos and approvals come back whole; those of a newer kind are left out."""
    todos = TodoList(
        client_id="s",
        session_id="s",
        todos=(
            Todo(key="1", content="a \ud800"),
            Todo(key="2", content="b", status="completed", active_form="x", priority="high"),
        ),
    )
    sent = there_and_back(rows.todo_inputs(todos))
    positioned = [{**row, "position": float(n)} for n, row in enumerate(sent)]
    assert rows.todos_from(positioned, "s") == todos
    assert rows.todos_from([{**sent[0], "status": "dreamt"}], "s").todos == ()
    approval = Approval(
        session_id="s", turn_id="t", tool_use_id="u", tool_name="B", input={"$": [2**63 - 1]}
    )
    row, _ = rows.approval_input(approval, "server")
    assert rows.approval_from(there_and_back(row), "s") == approval
    strange, _ = rows.approval_input(approval.model_copy(update={"status": "maybe"}), "server")
    assert rows.approval_from(strange, "s") is None
    # One that can't be read hides none of the others.
    assert rows.approval_from({**row, "content": [], "packed": b"\x63later"}, "s") is None


def test_an_approval_is_whose_the_server_says() -> None:
    """What its body says of ids, state and people counts for nothing; others' can't be answered."""
    forged = Approval(
        client_id="mine",
        session_id="another",
        turn_id="x",
        tool_use_id="u",
        tool_name="Bash",
        status="allowed",
        editors_may=True,
    )
    row, _ = rows.approval_input(forged, "server")
    asked = {"clientId": "a", "turnId": "t", "status": "pending", "editorsMay": False}
    told = {"raisedBy": {"name": "Ana", "me": False}, "decidedBy": None, "mayDecide": False}
    read = rows.approval_from({**there_and_back(row), **asked, **told}, "s")
    assert read is not None
    assert (read.client_id, read.session_id, read.turn_id) == ("a", "s", "t")
    assert (read.status, read.person, read.editors_may) == ("pending", "Ana", False)
    assert read.may_answer is False
    let = rows.approval_from({**there_and_back(row), **asked, **told, "mayDecide": True}, "s")
    assert let is not None
    assert let.may_answer is True


@pytest.mark.parametrize("size", [10, 2_000_000])
def test_chunks_come_back_equal(size: int) -> None:
    """A transcript's chunk holds the same lines afterwards, in the row or in a file."""
    key = Key("p", "c", "sub")
    data = noise(size).hex().encode()
    row, file = rows.chunk_input(Chunk(key, "id", 3, zlib.compress(data)))
    assert (file is None) == (size < packing.IN_ROW)
    read = rows.chunk_from({**there_and_back(row), "seq": 4.0}, key, file=file)
    assert zlib.decompress(read.data) == data
    assert (read.chunk_id, read.count, read.seq) == ("id", 3, 4)
