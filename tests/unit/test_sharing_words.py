"""What a person reads about sharing: whom a code lets in, as what, and how it is taken back."""

from __future__ import annotations

import pytest

from ipyclaude import sharing_words as words
from ipyclaude.codes import make_code, plain
from ipyclaude.exceptions import UsageMistake
from ipyclaude.messages import SessionInfo
from ipyclaude.replica.sharing import Invite, Member

INVITE = Invite("0190-inv-12345678", "viewer", 1, 1e12)
MEMBERS = [
    Member("u-owner-0001", "Ana", "owner", 0.0, me=True),
    Member("u-member-0002", "Bo", "viewer", 0.0, me=False, email="bo@x.test"),
    Member("u-member-0003", "Bo", "editor", 0.0, me=False),
]


def test_a_code_says_whom_it_lets_in_and_how_to_take_it_back() -> None:
    """The line to run, the role in words, until when, and that the output is a secret."""
    shown = words.invitation("plots", INVITE, "ABC", link=False, url="https://c.test")
    for part in (
        "one person as viewer",
        "    %claude_session join ABC\n",
        "https://c.test",
        "can't prompt",
        "unshare 12345678",
        "whoever reads the code may join",
    ):
        assert part in shown
    assert "%load_ext" not in shown
    many = Invite("i" * 9, "editor", 5, 1e12)
    shown = words.invitation("plots", many, "ABC", link=True, url="")
    assert "    %load_ext ipyclaude\n    %claude_session join ABC" in shown
    assert "up to 5 people as editor" in shown
    assert "runs on their machine" in shown


def test_a_code_of_ones_own_is_for_whoever_shares() -> None:
    """It says what they run, and what one runs then."""
    shown = words.own_code("ABC")
    assert "share NAME --with ABC" in shown
    assert "join ABC" in shown
    assert "as viewer" in words.expected("plots", INVITE, "ABC")


def test_limits_and_codes_are_checked_here() -> None:
    """What the server would refuse is refused before it is asked."""
    words.check_limits(100, 30)
    for uses, days in ((101, 1), (1, 31)):
        with pytest.raises(UsageMistake, match="that wide"):
            words.check_limits(uses, days)
    words.check_code(plain(make_code()))
    for wrong in ("", "ABC", "Ä" * 26, "A" * 27):
        with pytest.raises(UsageMistake, match="no code"):
            words.check_code(wrong)


def test_a_member_is_found_by_what_people_know() -> None:
    """By name, e-mail or the end of the id; two of a name are told apart by id."""
    assert words.chosen_member("ana", MEMBERS) == MEMBERS[0]
    assert words.chosen_member("BO@x.test", MEMBERS) == MEMBERS[1]
    assert words.chosen_member("ber-0003", MEMBERS) == MEMBERS[2]
    assert words.chosen_member("0003", MEMBERS) is None
    with pytest.raises(UsageMistake, match="2 members are called 'bo'") as caught:
        words.chosen_member("bo", MEMBERS)
    assert "ber-0002" in caught.value.fix
    assert words.chosen_invite("12345678", [INVITE]) == INVITE
    assert words.chosen_invite("8", [INVITE]) is None
    assert "Ana, Bo, Bo" in words.nobody("Cy", MEMBERS).why


def test_tables_leave_out_what_can_not_be_used() -> None:
    """One's own row is marked; a code that is used up is no invitation any more."""
    assert [row[0] for row in words.member_rows(MEMBERS)] == ["Ana (you)", "Bo", "Bo"]
    used = Invite("i" * 9, "viewer", 0, 1e12)
    assert [row[0] for row in words.invite_rows([INVITE, used])] == ["12345678"]


def test_status_says_whose_it_is() -> None:
    """Nothing for one's own; else whose, as what, and who may answer here."""
    mine = SessionInfo(name="plots", cwd="")
    assert words.role_rows(mine) == []
    theirs = mine.model_copy(update={"role": "viewer", "owner": "Ana"})
    assert words.role_rows(theirs) == [("shared", "Ana's; you are viewer")]
    [(_, said)] = words.role_rows(mine.model_copy(update={"role": "none", "owner": "Ana"}))
    assert "not shared with you any more" in str(said)
    [(_, said)] = words.role_rows(mine.model_copy(update={"editors_may": True}))
    assert "editors may answer" in str(said)


def test_what_an_answer_would_allow_is_said_before() -> None:
    """The question names the server, and says that code would run there unseen."""
    asked = words.answer_question(SessionInfo(name="plots", cwd=""), "lab-a")
    for part in ("lab-a", "with your rights", "without you seeing them", "[y/N]"):
        assert part in asked
