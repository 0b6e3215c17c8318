"""What every store must find: sessions, answers, words, and what was used."""

from __future__ import annotations

import random

from ..messages import TextBlock
from ..store import Store
from ._store_samples import StoreTests, make_message, make_result, make_session


class FindingContract(StoreTests):
    """The part of `StoreContract` that looks things up."""

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
        assert [e.message for e in store.find(info.client_id, "heron", limit=1)] == [answer]
        rest = store.find(info.client_id, "heron", limit=1, offset=1)
        assert [each.message for each in rest] == [prompt]

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
