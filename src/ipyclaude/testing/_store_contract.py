"""What every store must do, as tests that a subclass runs on its own store."""

from __future__ import annotations

import random
import threading
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from ..exceptions import SessionNotFound, StoreUnavailable
from ..messages import (
    Approval,
    Message,
    Phase,
    ResultBlock,
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


def make_session(name: str = "one", **more: object) -> SessionInfo:
    """Make a session."""
    return SessionInfo.model_validate({"name": name, "cwd": "/home/ada", **more})


def make_message(session: SessionInfo, text: str = "hello", **more: object) -> Message:
    """Make a prompt, or what `more` makes of it."""
    fields = {"session_id": session.client_id, "type": "user", "turn_id": "t1"}
    return Message.model_validate({**fields, "content": (TextBlock(text=text),), **more})


def make_result(session: SessionInfo, turn: str, outcome: str = "done", **more: object) -> Message:
    """Make the message that ends a turn."""
    block = ResultBlock.model_validate({"outcome": outcome, **more})
    return make_message(session, type="result", turn_id=turn, content=(block,))


class StoreContract:
    """Subclass it as `Test…` and give `make_store`."""

    def make_store(self, tmp_path: Path) -> Store:
        """Make an empty store."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Generator[Store, None, None]:
        """Give the store under test, closed at the end."""
        store = self.make_store(tmp_path)
        yield store
        store.close()

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

    def test_sessions_are_found(self, store: Store) -> None:
        """Id, unique prefix and name find a session, the latest first; a deleted one never."""
        first = make_session("twin", client_id="aaaaaaaa-1111", last_activity_at=1.0)
        second = make_session("twin", client_id="aaaaaaaa-2222", last_activity_at=2.0)
        store.put(first, second)
        assert store.session("aaaaaaaa-1111") == first
        assert store.session("aaaaaaaa-2") == second
        assert store.session("aaaaaaaa") is None
        assert store.session("aaaaaaa") is None
        assert store.session("twin") == second
        store.delete_session(second.client_id)
        assert store.session("twin") == first
        assert store.session(second.client_id) is None
        assert store.session("aaaaaaaa") == first

    def test_sessions_are_listed(self, store: Store) -> None:
        """The list is by activity, pages, filters by words, notebook and archive."""
        infos = [
            make_session(f"s{i}", last_activity_at=float(i), notebook=f"n{i % 2}.ipynb")
            for i in range(10)
        ]
        old = make_session("Ärger 100%", title="The _Title_", last_activity_at=99, archived_at=5)
        store.put(*infos, old)
        assert store.sessions(limit=3, offset=2) == infos[7:4:-1]
        assert store.sessions(notebook="n1.ipynb") == infos[9::-2]
        assert store.sessions("S3") == [infos[3]]
        assert store.sessions("ärger") == []
        for query in ("ÄRGER", "_title_", "100%", "title ärger", "ADA the"):
            assert store.sessions(query, archived=True) == [old]
        assert store.sessions("s_", archived=True) == []

    def test_answered(self, store: Store) -> None:
        """Only prompts whose turn ended well count as answered, oldest first."""
        info = make_session()
        outcomes = ["done", "failed", "stopped", "done", None]
        prompts = [make_message(info, "p", turn_id=f"t{i}", prompt_hash="h") for i in range(5)]
        results = [make_result(info, f"t{i}", o) for i, o in enumerate(outcomes) if o]
        store.put(info, *prompts, *results)
        assert store.answered(info.client_id, "h") == [prompts[0], prompts[3]]
        assert store.answered(info.client_id, "g") == []

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

    def test_search(self, store: Store) -> None:
        """Search finds all words, the last by its beginning, and follows changes."""
        info = make_session()
        message = make_message(info, "The quick brown Fox_trot, naïve don't")
        store.put(info, message, make_message(info, "slow snail"))
        for query in ("quick", "QUICK bro", "fox", "trot", 'brown "quick"', "don't", "naïve"):
            hits = store.search(query)
            assert [h.message for h in hits] == [message], query
            assert hits[0].session.client_id == info.client_id
        assert "«quick»" in store.search("quick")[0].snippet
        assert store.search("quick snail") == []
        store.put(message.model_copy(update={"content": (TextBlock(text="changed"),)}))
        assert store.search("quick") == []
        assert len(store.search("chang")) == 1
        store.delete_session(info.client_id)
        assert store.search("chang") == []

    def test_find(self, store: Store) -> None:
        """Finding stays within its session, newest first, and without words lists the prompts."""
        info, other = make_session(), make_session()
        store.put(info, other, make_message(other, "a heron elsewhere"))
        prompt = make_message(info, "where is the heron").model_copy(update={"type": "user"})
        answer = make_message(info, "the herons are here").model_copy(update={"type": "assistant"})
        store.put(prompt, answer)
        found = store.find(info.client_id, "heron")
        assert [each.message for each in found] == [answer, prompt]
        assert found[0].snippet == "the «herons» are here"
        assert [each.message for each in store.find(info.client_id, " ")] == [prompt]
        assert len(store.find(info.client_id, "heron", limit=1)) == 1

    def test_search_takes_any_text(self, store: Store) -> None:
        """No text that a person types is a syntax error."""
        info = make_session()
        store.put(info, make_message(info, "a b NEAR AND OR NOT"))
        odd = [
            '"',
            "'",
            "*",
            "AND",
            "NOT",
            "NEAR(",
            "a:b",
            "^a",
            "a AND",
            "(",
            "-a",
            "\0",
            "\ud800",
        ]
        rng = random.Random(7)  # noqa: S311 - the same texts each time
        for query in [*odd, "", " ", *("".join(rng.choices(odd, k=6)) for _ in range(200))]:
            assert isinstance(store.search(query), list)
        assert len(store.search("near and")) == 1

    def test_usage(self, store: Store) -> None:
        """Usage sums the turns that used something by local day and session, newest day first."""
        info, other = make_session("a"), make_session("b")
        day = 86_400_000.0
        results = [
            make_result(info, "1", cost_usd=0.5, input_tokens=10, output_tokens=1),
            make_result(info, "2", cost_usd=0.25, input_tokens=5, output_tokens=2),
            make_result(other, "3", cost_usd=0.125, input_tokens=1),
            make_result(other, "4"),
        ]
        times = [day * 100, day * 100 + 1, day * 103, day * 104]
        stamped = [
            r.model_copy(update={"timestamp": t}) for r, t in zip(results, times, strict=True)
        ]
        store.put(info, other, make_message(info, cost=9.0), *stamped)
        rows = store.usage()
        assert [(r["name"], r["turns"], r["cost_usd"]) for r in rows] == [
            ("b", 1, 0.125),
            ("a", 2, 0.75),
        ]
        assert (rows[1]["input_tokens"], rows[1]["output_tokens"]) == (15, 3)
        assert [r["session_id"] for r in store.usage(info.client_id)] == [info.client_id]

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
