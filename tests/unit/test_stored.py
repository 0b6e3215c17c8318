"""Run All is safe: every cell finds its own answer again, and no other cell's."""

from __future__ import annotations

from ipyclaude.messages import Message, ResultBlock, SessionInfo
from ipyclaude.stored import StoredAnswers
from ipyclaude.testing.stores import MemoryStore

SID = "s" * 36


def answered(
    store: MemoryStore,
    turn: str,
    cell: str | None,
    *,
    outcome: str = "done",
    by: tuple[str, str] = ("", ""),
) -> None:
    """Store an answered turn, whose prompt and result these wrote."""
    asked = Message(session_id=SID, type="user", turn_id=turn, prompt_hash="h", cell_id=cell)
    result = Message(
        session_id=SID,
        type="result",
        turn_id=turn,
        content=(ResultBlock.model_validate({"outcome": outcome}),),
    )
    pairs = zip((asked, result), by, strict=True)
    store.put(*(each.model_copy(update={"author": author}) for each, author in pairs))


def fresh() -> MemoryStore:
    store = MemoryStore()
    store.put(SessionInfo(client_id=SID, name="s", cwd="."))
    return store


def found(answers: StoredAnswers, cell: str | None, count: int) -> str | None:
    """Return the turn that a run of a cell shows."""
    messages = answers.find(SID, "h", (cell, count))
    return messages[0].turn_id if messages else None


def test_a_cell_finds_its_answer_however_often_it_runs() -> None:
    """The same cell in the same or another kernel shows the same answer."""
    store = fresh()
    answered(store, "t1", "a")
    answers = StoredAnswers(store)
    assert [found(answers, "a", n) for n in (1, 2, 3)] == ["t1", "t1", "t1"]


def test_two_cells_with_the_same_prompt_are_two_turns() -> None:
    """A cell's answer isn't given to another cell that says the same."""
    store = fresh()
    answered(store, "t1", "a")
    answers = StoredAnswers(store)
    assert found(answers, "b", 1) is None
    answered(store, "t2", "b")
    assert found(answers, "b", 2) == "t2"


def test_a_loop_in_a_cell_gets_its_answers_in_order() -> None:
    """A cell that asks the same three times has three answers, this run and the next."""
    store = fresh()
    for turn in ("t1", "t2"):
        answered(store, turn, "a")
    answers = StoredAnswers(store)
    assert [found(answers, "a", 1) for _ in range(3)] == ["t1", "t2", None]
    answers.claim("t3", ("a", 1))
    answered(store, "t3", "a")
    assert found(answers, "a", 1) is None
    assert [found(answers, "a", 2) for _ in range(3)] == ["t1", "t2", "t3"]


def test_without_cell_ids_the_nth_cell_gets_the_nth_answer() -> None:
    """nbclient names no cells: order decides."""
    store = fresh()
    for turn in ("t1", "t2"):
        answered(store, turn, None)
    answers = StoredAnswers(store)
    assert [found(answers, None, n) for n in (1, 2, 3)] == ["t1", "t2", None]


def test_a_failed_or_stopped_turn_is_asked_again() -> None:
    """Only a finished answer stands for the cell."""
    store = fresh()
    answered(store, "t1", "a", outcome="failed")
    answered(store, "t2", "a", outcome="stopped")
    assert found(StoredAnswers(store), "a", 1) is None


def test_what_another_wrote_is_no_answer_of_ones_own() -> None:
    """Who may write in a shared session can neither answer a cell in one's place nor add to what
    it is shown: it is asked, as if nothing stood there (S5).
    """
    store = fresh()
    for turn, by in (("t1", ("Bo", "Bo")), ("t2", ("", "Bo")), ("t3", ("Bo", ""))):
        answered(store, turn, "a", by=by)
    answers = StoredAnswers(store)
    assert found(answers, "a", 1) is None
    answered(store, "t4", "a")
    forged = Message(session_id=SID, type="assistant", turn_id="t4", author="Bo")
    store.put(forged)
    messages = answers.find(SID, "h", ("a", 2))
    assert messages is not None
    assert [message.type for message in messages] == ["user", "result"]
