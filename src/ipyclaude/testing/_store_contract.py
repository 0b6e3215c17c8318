"""What every store must do, as tests that a subclass runs on its own store."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from ..exceptions import SessionNotFound, StoreUnavailable
from ..messages import (
    Approval,
    Message,
    Phase,
    Rule,
    SessionInfo,
    StreamTail,
    TextBlock,
    Todo,
    TodoList,
    ToolUseBlock,
    UnknownBlock,
    Value,
    now_ms,
)
from ..store import Store
from ._store_finding_contract import FindingContract
from ._store_samples import make_message, make_result, make_session


class StoreContract(FindingContract):
    """Subclass it as `Test…` and give `make_store`."""

    def test_values_come_back_equal(self, store: Store) -> None:
        """Lone surrogates, NUL, emoji, int64, nested and unknown content come back equal (S7)."""
        info = make_session("näme \ud800 \0 \U0001f600", cwd="/home/\udcff")
        odd = {"\ud83d": "\0", "n": 2**63 - 1, "f": 1e308, "deep": [{"a": [None, True]}]}
        message = make_message(info).model_copy(
            update={
                "content": (
                    TextBlock(text="\udfff a\0b \U0001f600 \u2028"),
                    ToolUseBlock(id="x", name="Ba\ud800sh", input=odd),
                    UnknownBlock(raw={"type": "new", "x": odd}),
                    TextBlock.model_validate({"text": "t", "citations": [1]}),
                )
            }
        )
        todos = TodoList(
            client_id=info.client_id,
            session_id=info.client_id,
            todos=(Todo(key="1", content="a \ud800"),),
        )
        store.put(info, message, todos)
        assert store.session(info.client_id) == info.model_copy(update={"message_count": 1})
        assert store.session(info.name) is not None
        assert store.messages(info.client_id).messages == (message,)
        assert store.todos(info.client_id) == todos

    def test_put_twice_leaves_one(self, store: Store) -> None:
        """Any retry leaves one copy, the last one (S2)."""
        info = make_session()
        message = make_message(info)
        store.put(info, message)
        store.put(info, message)
        changed = message.model_copy(update={"model": "opus"})
        store.put(changed)
        assert store.messages(info.client_id).messages == (changed,)
        found = store.session(info.client_id)
        assert found is not None
        assert found.message_count == 1

    def test_put_is_all_or_nothing(self, store: Store) -> None:
        """A put that fails writes nothing of it, and tells nobody."""
        heard: list[Value] = []
        store.subscribe(heard.extend)
        info = make_session()
        with pytest.raises(SessionNotFound):
            store.put(info, make_message(info), make_message(make_session("other")))
        assert store.session(info.client_id) is None
        assert store.sessions() == []
        assert heard == []

    def test_counters_are_the_stores(self, store: Store) -> None:
        """Count and cost follow the messages, whatever a put of the session says."""
        info = make_session(message_count=99, cost_usd=99.0)
        result = make_result(info, "t1", cost_usd=0.25)
        store.put(info, make_message(info), result)
        store.put(make_result(info, "t2", cost_usd=0.5))
        better = result.content[0].model_copy(update={"cost_usd": 0.75})
        store.put(result.model_copy(update={"content": (better,)}), info)
        found = store.session(info.client_id)
        assert found is not None
        assert (found.message_count, found.cost_usd) == (3, 1.25)

    def test_order_is_stable(self, store: Store) -> None:
        """The server's order comes first; what it hasn't placed follows as it was written (S3)."""
        info = make_session()
        rows = [make_message(info, str(i), timestamp=1000.0 - i) for i in range(5)]
        store.put(info, *rows)
        placed = [rows[3].model_copy(update={"seq": 1}), rows[1].model_copy(update={"seq": 2})]
        store.put(*placed)
        store.put(rows[0].model_copy(update={"model": "x"}))
        texts = [m.text for m in store.messages(info.client_id).messages]
        assert texts == ["3", "1", "0", "2", "4"]

    def test_place_is_kept(self, store: Store) -> None:
        """A message that has its place keeps it, although it is written again without (S3)."""
        info = make_session()
        rows = [make_message(info, str(i)) for i in range(3)]
        store.put(info, *rows, rows[2].model_copy(update={"seq": 7}))
        store.put(rows[2].model_copy(update={"model": "x"}))
        stored = store.messages(info.client_id).messages
        assert [(m.text, m.seq) for m in stored] == [("2", 7), ("0", None), ("1", None)]
        assert stored[0].model == "x"

    def test_pages(self, store: Store) -> None:
        """Pages of any size, put together from the end, are the whole session."""
        info = make_session()
        rows = [make_message(info, str(i), turn_id=f"t{i % 3}") for i in range(23)]
        store.put(info, *rows)
        for limit in (1, 5, 23, 100):
            got: list[Message] = []
            before, more = None, True
            while more:
                page = store.messages(info.client_id, before=before, limit=limit)
                got = [*page.messages, *got]
                before, more = page.messages[0].client_id, page.more
            assert got == rows
        turn = store.messages(info.client_id, turn_id="t1", limit=3)
        assert [m.text for m in turn.messages] == ["16", "19", "22"]
        assert turn.more

    def test_tails(self, store: Store) -> None:
        """Pieces come in order, and go when their message lands (S1)."""
        info = make_session()
        message = make_message(info, "abc", type="assistant")

        def piece(mid: str, start: int, text: str) -> StreamTail:
            return StreamTail(
                session_id=info.client_id,
                turn_id="t1",
                message_id=mid,
                start=start,
                block=TextBlock(text=text),
            )

        store.put(info, piece(message.client_id, 0, "a"), piece("other", 0, "x"))
        store.put(piece(message.client_id, 1, "b"))
        texts = [t.block.model_dump()["text"] for t in store.tails(info.client_id)]
        assert texts == ["a", "b", "x"]
        store.put(message)
        assert [t.message_id for t in store.tails(info.client_id)] == ["other"]

    def test_decide_once(self, store: Store) -> None:
        """Of many decisions at once exactly one wins, and all are told which (S12)."""
        info = make_session()
        asked = Approval(session_id=info.client_id, turn_id="t", tool_use_id="u", tool_name="Bash")
        store.put(info, asked)
        assert store.approvals(info.client_id) == [asked]
        got: list[Approval] = []
        barrier = threading.Barrier(8)

        def decide(n: int) -> None:
            answer = {"status": "allowed" if n % 2 else "denied", "decided_by": str(n)}
            barrier.wait()
            got.append(store.decide(asked.model_copy(update=answer)))

        threads = [threading.Thread(target=decide, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({a.decided_by for a in got}) == 1
        assert store.approvals(info.client_id) == []
        assert store.approvals(info.client_id, pending=False) == got[:1]

    def test_lease(self, store: Store) -> None:
        """One holder at a time: renewed by itself, given back, or taken over once expired (S4)."""
        info = make_session()
        store.put(info)
        later = now_ms() + 60_000

        def holder(got: SessionInfo | None) -> str | None:
            assert got is not None
            return got.holder

        assert holder(store.lease(info.client_id, "a", later)) == "a"
        assert holder(store.lease(info.client_id, "b", later)) == "a"
        assert holder(store.lease(info.client_id, "b", None)) == "a"
        assert holder(store.lease(info.client_id, "a", now_ms() - 1)) == "a"
        assert holder(store.lease(info.client_id, "b", later)) == "b"
        store.put(info.model_copy(update={"phase": Phase(type="running"), "holder": "a"}))
        assert holder(store.session(info.client_id)) == "b"
        assert holder(store.lease(info.client_id, "b", None)) is None
        assert store.lease("nobody", "a", later) is None

    def test_rules(self, store: Store) -> None:
        """Rules hold everywhere or in one session, until revoked (S12)."""
        info = make_session()
        mine = Rule(pattern="Bash", session_id=info.client_id)
        both = Rule(pattern="Read")
        store.put(info, mine, both)
        assert store.rules() == [both]
        assert store.rules(info.client_id) == [mine, both]
        store.put(both.model_copy(update={"revoked_at": 1.0}))
        assert store.rules(info.client_id) == [mine]

    def test_delete_takes_everything(self, store: Store) -> None:
        """A deleted session leaves nothing behind, takes nothing more, and says so."""
        info = make_session()
        asked = Approval(session_id=info.client_id, turn_id="t", tool_use_id="u", tool_name="Bash")
        store.put(info, make_message(info, "secret"), asked, make_result(info, "t1"))
        heard: list[Value] = []
        store.subscribe(heard.extend)
        store.delete_session(info.client_id)
        assert store.session(info.client_id) is None
        assert store.messages(info.client_id).messages == ()
        assert store.approvals(info.client_id, pending=False) == []
        assert store.search("secret") == []
        assert store.usage() == []
        gone = [v for v in heard if isinstance(v, SessionInfo)]
        assert [v.client_id for v in gone] == [info.client_id]
        assert gone[0].deleted_at is not None
        for late in (info, make_message(info)):
            with pytest.raises(SessionNotFound):
                store.put(late)
        store.delete_session(info.client_id)
        store.delete_session("never was")
        assert len(heard) == 1

    def test_listeners(self, store: Store) -> None:
        """Listeners hear own writes at once and in order, may write, and stop when told."""
        info = make_session()
        heard: list[Value] = []

        def listen(values: Sequence[Value]) -> None:
            heard.extend(values)
            if info in values:
                store.put(make_message(info, "from a listener"))

        stop = store.subscribe(listen)
        store.put(info)
        assert [type(v) for v in heard] == [SessionInfo, Message]
        stop()
        stop()
        store.put(make_message(info))
        assert len(heard) == 2

    def test_closed(self, store: Store) -> None:
        """A closed store says so, and may be closed again."""
        store.close()
        store.close()
        with pytest.raises(StoreUnavailable):
            store.sessions()
        with pytest.raises(StoreUnavailable):
            store.put(make_session())
