"""What a person reads about replication: each state in words, with what to do."""

from __future__ import annotations

import pytest

from ipyclaude import sync_words
from ipyclaude.messages import now_ms
from ipyclaude.replica.people import People, Writer
from ipyclaude.replica.presence import Other
from ipyclaude.replica.standing import Standing, Sync
from ipyclaude.store.replication import Kind, OutboxRow, Waiting


def stands(sync: Sync, rows: int = 0, *, parked: int = 0, **more: str) -> Standing:
    """Make how it stands, with rows that wait for two days."""
    since = now_ms() - 2.1 * 86_400_000 if rows else None
    return Standing(sync, Waiting(rows, since, parked), **{"detail": "Connected to h.", **more})


def refused(reason: str, kind: Kind = "message") -> OutboxRow:
    """Make a row that the server refused."""
    return OutboxRow(1, kind, "c", "s", "put", 1, 0.0, parked=reason)


def table(standing: Standing, *parked: OutboxRow) -> dict[str, object]:
    """Return the rows by what they are about."""
    return dict(sync_words.standing_rows(standing, parked))


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (stands("synced"), "synced. Connected to h."),
        (stands("waiting", 3), "waiting: 3 changes, since 2 d ago"),
        (stands("waiting", 1), "waiting: 1 change, since 2 d ago"),
        (stands("waiting"), "waiting: signing in"),
        (stands("sending", 3), "sending: 3 changes, since 2 d ago"),
        (stands("sending"), "sending: a turn is running"),
        (stands("offline", 2, detail="No net."), "offline. No net. It goes on by itself"),
        (stands("signed_out", detail="Nobody."), "signed out. Nobody."),
        (stands("refused", detail="Other account."), "refused. Other account."),
    ],
)
def test_each_state_has_its_words(standing: Standing, words: str) -> None:
    """One line says how it stands; what waits is in it, or beside it with since when."""
    shown = table(standing)
    assert shown["sync"] == words
    if standing.waiting.rows:
        assert "since 2 d ago" in f"{shown['sync']} {shown.get('waiting')}"


def test_signed_out_says_how_to_sign_in() -> None:
    """Whoever is signed out is told the command."""
    assert "login" in str(table(stands("signed_out"))["do"])


def test_what_was_refused_is_told_by_reason() -> None:
    """Refused changes are counted by reason and kind, and how to act on them is said once."""
    rows = [refused("Too large."), refused("Too large."), refused("Deleted.", "todos")]
    shown = sync_words.standing_rows(stands("refused", parked=3), rows)
    assert ("refused", "message (2): Too large.") in shown
    assert ("refused", "to-do list (1): Deleted.") in shown
    [todo] = [words for about, words in shown if about == "do"]
    assert "--retry" in str(todo)
    assert "--drop" in str(todo)
    many = sync_words.refused_rows([refused(f"reason {n}") for n in range(9)])
    assert ("refused", "… and 6 more reasons") in many


def test_the_last_error_is_told_once() -> None:
    """An error that the state's own words hold already is not told twice."""
    assert table(stands("waiting", 1, error="It broke."))["last error"] == "It broke."
    assert "last error" not in table(stands("refused", detail="It broke.", error="It broke."))


def test_who_else_is_here() -> None:
    """Servers by name, a person's name only where it isn't you, and who writes since when."""
    others = (
        Other("lab-b", "Ada", mine=True, watching=False, since=0.0),
        Other("desk", "Bob", mine=False, watching=True, since=0.0),
    )
    rows = dict(sync_words.people_rows(People(others, Writer("lab-b", 0.0))))
    assert rows["here too"] == "lab-b; Bob (desk), watching"
    assert str(rows["writing"]).startswith("lab-b, since ")
    assert sync_words.people_rows(People()) == []


def test_a_turn_that_went_on_alone_says_why() -> None:
    """And one that the other servers knew of says nothing."""
    assert sync_words.alone_rows("") == []
    [(_, words)] = sync_words.alone_rows("Convex can't be reached.")
    assert str(words).endswith("without asking the other servers: Convex can't be reached.")


def test_what_is_only_here_is_offered() -> None:
    """Sessions that never left are counted, with the command that sends them."""
    assert sync_words.only_here(0) == []
    [(_, one)] = sync_words.only_here(1)
    [(_, many)] = sync_words.only_here(1200)
    assert "1 session is" in str(one)
    assert str(one).endswith("sends it")
    assert "1,200 sessions are" in str(many)
    assert "sync --all" in str(many)


@pytest.mark.parametrize(
    ("standing", "left", "words"),
    [
        (stands("synced"), 0, "'a' sent."),
        (stands("signed_out", 4), 4, "4 changes will be sent once you sign in"),
        (stands("refused", parked=1), 0, "1 change refused: %claude_session status."),
        (stands("offline", 2, detail="No net."), 2, "by and by. No net."),
        # Another session's changes wait; this one's are there.
        (stands("waiting", 7), 0, "'a' sent."),
    ],
)
def test_how_a_sending_ended(standing: Standing, left: int, words: str) -> None:
    """What went is told as sent; what didn't says when it will, or why not."""
    assert words in sync_words.sent_words(standing, left, "'a'")
