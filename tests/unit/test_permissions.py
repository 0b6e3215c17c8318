"""Rules match what they say and nothing more, and an approval is answered exactly once (S12)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ipyclaude.engine import Decision, ToolRequest
from ipyclaude.exceptions import UsageMistake
from ipyclaude.messages import Approval, Message, SessionInfo, ToolResultBlock
from ipyclaude.permissions import Asker, Permissions, matches, suggest
from ipyclaude.testing.stores import MemoryStore


@pytest.mark.parametrize(
    ("rule", "name", "tool_input", "covered"),
    [
        ("Bash", "Bash", {"command": "rm -rf x"}, True),
        ("Bash(git status:*)", "Bash", {"command": "git status -s"}, True),
        ("Bash(git status:*)", "Bash", {"command": "git status"}, True),
        ("Bash(git status:*)", "Bash", {"command": "git statusx"}, False),
        ("Bash(git status:*)", "Bash", {"command": "git status; rm -rf ~"}, False),
        ("Bash(git status:*)", "Bash", {"command": "git status && rm x"}, False),
        ("Bash(git status:*)", "Bash", {"command": "git status $(rm x)"}, False),
        ("Bash(git status:*)", "Bash", {"command": "git status\nrm x"}, False),
        ("Bash(git status:*)", "Bash", {"command": "git status > /etc/passwd"}, False),
        ("Bash(a; b)", "Bash", {"command": "a; b"}, True),
        ("Edit(src/*)", "Edit", {"file_path": "src/a.py"}, True),
        ("Edit(src/*)", "Edit", {"file_path": "src/../../x"}, False),
        ("Edit(src/*)", "Edit", {"file_path": "tests/a.py"}, False),
        ("Edit(src/*)", "Write", {"file_path": "src/a.py"}, False),
        ("WebFetch(domain:a.org)", "WebFetch", {"url": "https://a.org/x"}, True),
        ("WebFetch(domain:a.org)", "WebFetch", {"url": "https://a.org.evil.com/x"}, False),
        ("WebFetch(domain:a.org)", "WebFetch", {"url": "https://a.org@evil.com/"}, False),
        ("mcp__git__*", "mcp__git__log", {}, True),
        ("Read(x)", "Task", {"prompt": "x"}, False),
    ],
)
def test_a_rule_covers_what_it_says_and_nothing_more(
    rule: str, name: str, tool_input: dict[str, Any], covered: bool
) -> None:
    """A prefix never covers a second command, a path never climbs, a domain is whole."""
    assert matches(rule, name, tool_input) is covered


@pytest.mark.parametrize(
    ("name", "tool_input", "pattern"),
    [
        ("Bash", {"command": "git status -s"}, "Bash(git status:*)"),
        ("Bash", {"command": "ls -la"}, "Bash(ls:*)"),
        ("Bash", {"command": "cat a | sh"}, "Bash(cat a | sh)"),
        ("Edit", {"file_path": "/x/a.py"}, "Edit(/x/a.py)"),
        ("WebFetch", {"url": "https://a.org/x"}, "WebFetch(domain:a.org)"),
        ("Task", {"prompt": "x"}, "Task"),
    ],
)
def test_the_suggested_rule_is_narrow_and_covers_the_call(
    name: str, tool_input: dict[str, Any], pattern: str
) -> None:
    """What "always" would remember covers this very call."""
    assert suggest(name, tool_input) == pattern
    assert matches(pattern, name, tool_input)


SESSION = "s" * 36
LS = ToolRequest(tool_use_id="t1", name="Bash", input={"command": "ls -la"})


def store_with_session() -> MemoryStore:
    store = MemoryStore()
    store.put(SessionInfo(client_id=SESSION, name="s", cwd="."))
    return store


def decide(
    permissions: Permissions, request: ToolRequest = LS, ask: Asker | None = None, turn: str = "T1"
) -> Decision:
    async def run() -> Decision:
        return await asyncio.wait_for(
            permissions.decide(request, session_id=SESSION, turn_id=turn, ask=ask), 5
        )

    return asyncio.run(run())


def answering(permissions: Permissions, **how: Any) -> Asker:
    async def ask(approval: Approval) -> None:
        await permissions.answer(approval, **how)

    return ask


def test_nobody_to_ask_is_a_refusal_that_says_how_to_allow() -> None:
    """An unattended notebook refuses, with the option, the setting and the rule in words."""
    decision = decide(Permissions(store_with_session()))
    assert not decision.allow
    assert "--allow 'Bash(ls:*)'" in decision.reason
    assert "c.IPyClaude.allow" in decision.reason


def test_once_allows_this_call_only() -> None:
    """`once` is not remembered."""
    store = store_with_session()
    permissions = Permissions(store)
    assert decide(permissions, ask=answering(permissions, allow=True)).allow
    assert store.rules(SESSION) == []
    assert not decide(permissions).allow


def test_always_is_remembered_visible_and_revocable() -> None:
    """`always` becomes a rule in the store; revoked, the tool asks again."""
    store = store_with_session()
    permissions = Permissions(store)
    assert decide(permissions, ask=answering(permissions, allow=True, scope="always")).allow
    (rule,) = store.rules()
    assert rule.pattern == "Bash(ls:*)"
    assert decide(permissions).allow
    permissions.revoke(rule)
    assert store.rules() == []
    assert not decide(permissions).allow


def test_a_session_rule_holds_in_its_session_only() -> None:
    """`session` is remembered for that session."""
    store = store_with_session()
    permissions = Permissions(store)
    decide(permissions, ask=answering(permissions, allow=True, scope="session"))
    assert decide(permissions).allow
    assert store.rules("another") == []


def test_a_refusal_carries_its_reason_to_claude() -> None:
    """What the user gives as a reason is what Claude is told."""
    permissions = Permissions(store_with_session())
    decision = decide(permissions, ask=answering(permissions, allow=False, reason="use rg"))
    assert (decision.allow, decision.reason) == (False, "use rg")


def test_a_deny_rule_wins_over_an_allow_rule() -> None:
    """Refusal is stronger."""
    permissions = Permissions(store_with_session(), allow=["Bash"], deny=["Bash(ls:*)"])
    assert not decide(permissions).allow


@pytest.mark.parametrize(
    ("rule", "tool_input", "refused"),
    [
        ("Bash(rm:*)", {"command": "rm x"}, True),
        ("Bash(rm:*)", {"command": "ls; rm x"}, True),
        ("Bash(rm:*)", {"command": "rm x > log"}, True),
        ("Bash(rm:*)", {"command": "echo $(rm x)"}, True),
        ("Bash(rm:*)", {"command": "ls\n\\rm x"}, True),
        ("Bash(rm:*)", {"command": "echo rm; ls"}, False),
        ("*(/etc/*)", {"file_path": "/home/../etc/passwd"}, True),
        ("*(/etc/*)", {"file_path": "/etc/../home/x"}, False),
        ("Edit(/etc/*)", {"file_path": "/etc/passwd"}, False),
    ],
)
def test_nothing_put_beside_it_gets_round_a_deny_rule(
    rule: str, tool_input: dict[str, Any], refused: bool
) -> None:
    """What an allow rule does not cover, as it is more than it says, a deny rule refuses (S12)."""
    permissions = Permissions(store_with_session(), allow=["Bash"], deny=[rule])
    decision = decide(permissions, ToolRequest(tool_use_id="t1", name="Bash", input=tool_input))
    assert decision.allow is not refused


def test_an_answer_counts_once() -> None:
    """The second answer, from wherever, changes nothing and sees the first."""
    store = store_with_session()
    permissions = Permissions(store)
    other = Permissions(store, by="elsewhere")
    seen: list[Approval] = []

    async def ask(approval: Approval) -> None:
        seen.append(await permissions.answer(approval, allow=False, reason="no"))
        seen.append(await other.answer(approval, allow=True, scope="always"))

    assert not decide(permissions, ask=ask).allow
    assert [a.status for a in seen] == ["denied", "denied"]
    assert store.rules() == []


def test_a_rule_that_does_not_cover_the_call_is_refused() -> None:
    """An edited pattern must cover what it was shown for."""
    permissions = Permissions(store_with_session())
    with pytest.raises(UsageMistake, match="does not cover"):
        decide(
            permissions,
            ask=answering(permissions, allow=True, scope="always", pattern="Bash(git:*)"),
        )


def test_a_question_that_a_dead_kernel_left_is_asked_again_as_the_same_row() -> None:
    """A pending approval survives: the same call in a later turn adopts its row."""
    store = store_with_session()
    left = Approval(
        session_id=SESSION, turn_id="T0", tool_use_id="t0", tool_name="Bash", input=LS.input
    )
    store.put(left)
    permissions = Permissions(store)
    assert decide(permissions, ask=answering(permissions, allow=True)).allow
    (row,) = store.approvals(SESSION, pending=False)
    assert (row.client_id, row.turn_id, row.status) == (left.client_id, "T1", "allowed")


def test_an_answer_given_after_the_kernel_died_is_used_once() -> None:
    """Answered while nobody waited, it decides the same call of the next turn, and only that."""
    store = store_with_session()
    left = Approval(
        session_id=SESSION, turn_id="T0", tool_use_id="t0", tool_name="Bash", input=LS.input
    )
    store.put(left)
    permissions = Permissions(store)
    asyncio.run(permissions.answer(left, allow=True))

    async def nobody(approval: Approval) -> None:
        raise AssertionError("asked again")

    assert decide(permissions, ask=nobody).allow
    result = ToolResultBlock(tool_use_id="t1", content="ok")
    store.put(Message(session_id=SESSION, type="tool", turn_id="T1", content=(result,)))
    again = decide(permissions, ask=answering(permissions, allow=False), turn="T2")
    assert not again.allow


def test_an_asker_that_fails_is_heard() -> None:
    """A broken question ends the wait with its error instead of for ever."""

    async def broken(approval: Approval) -> None:
        raise RuntimeError("no page")

    with pytest.raises(RuntimeError, match="no page"):
        decide(Permissions(store_with_session()), ask=broken)


def test_what_a_person_made_of_the_input_is_what_runs() -> None:
    """An edited input goes to the tool and stays in the record; the asked one stays beside it."""
    store = store_with_session()
    permissions = Permissions(store)
    edited = {"command": "ls"}
    decision = decide(permissions, ask=answering(permissions, allow=True, edited=edited))
    assert (decision.allow, decision.input) == (True, edited)
    (kept,) = store.approvals(SESSION, pending=False)
    assert (kept.input, kept.edited_input) == (LS.input, edited)
    other = Permissions(store_with_session())
    unchanged = answering(other, allow=True, edited=dict(LS.input))
    assert decide(other, ask=unchanged).input is None


def test_others_say_yes_or_no_and_no_more() -> None:
    """Whoever answers here learns how others answered, not what they would run instead (S12)."""
    permissions = Permissions(store_with_session())

    async def first(wanted: Approval) -> Approval:
        theirs = {"status": "allowed", "decider": "Bo", "edited_input": {"command": "rm x"}}
        return wanted.model_copy(update=theirs)

    permissions.decide_first = first
    decision = decide(permissions, ask=answering(permissions, allow=False))
    assert (decision.allow, decision.input) == (True, None)


def test_what_others_answered_for_another_machine_is_asked_here() -> None:
    """What such a row says that was asked is the word of whoever answered it (S12)."""
    store = store_with_session()
    elsewhere = Approval(
        session_id=SESSION,
        turn_id="T0",
        tool_use_id="t0",
        tool_name="Bash",
        input=LS.input,
        status="allowed",
        decider="Bo",
        edited_input={"command": "rm x"},
    )
    store.put(elsewhere)
    permissions = Permissions(store)
    assert not decide(permissions, ask=answering(permissions, allow=False)).allow


def test_no_edit_gets_round_a_rule() -> None:
    """An edited input that a rule refuses is not taken, and does not run if another server did."""
    store = store_with_session()
    permissions = Permissions(store, deny=("Bash(rm x)",))
    edited = {"command": "rm x"}
    with pytest.raises(UsageMistake, match="refuses this as you edited it"):
        decide(permissions, ask=answering(permissions, allow=True, edited=edited))
    always = answering(permissions, allow=True, scope="always", edited={"command": "cat a"})
    with pytest.raises(UsageMistake, match="does not cover"):
        decide(permissions, ask=always)

    async def elsewhere(approval: Approval) -> None:
        allowed = {"status": "allowed", "edited_input": edited}
        permissions.heard([store.decide(approval.model_copy(update=allowed))])

    decision = decide(permissions, ask=elsewhere, turn="T3")
    assert not decision.allow
    assert "Bash(rm x)" in decision.reason
