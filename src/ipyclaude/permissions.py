"""Who may run which tool: remembered rules, and pending approvals as records (S12).

A tool call that no rule decides becomes an `Approval` row that waits until somebody answers
it: the widget, the prompt in the cell, or another kernel on the same store. It survives the
kernel; exactly one answer wins.
"""

from __future__ import annotations

import asyncio
import fnmatch
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from posixpath import normpath
from typing import Any
from urllib.parse import urlsplit

from .engine import Decision, ToolRequest
from .exceptions import UsageMistake
from .messages import Approval, Rule, Scope, ToolResultBlock, Value, now_ms
from .roles import check_may_answer
from .store import Store

_RULE = re.compile(r"^(?P<tool>[A-Za-z0-9_.\-*]+)(?:\((?P<inner>.*)\))?$", re.DOTALL)
#: With one of these in it, a command is more than the one its first words name.
_SHELL_OPERATORS = re.compile(r"[;&|<>`$(){}\n\\]")
_PATH_FIELDS = ("file_path", "notebook_path", "path")
_NOBODY = (
    "Not allowed: nobody is here to answer, as the notebook runs unattended. To allow it, run the "
    "cell with --allow '{pattern}', or set c.IPyClaude.allow = ['{pattern}'], or remember it with "
    "%claude_session allow '{pattern}'."
)

Asker = Callable[[Approval], Awaitable[None]]


async def shown(approval: Approval) -> None:
    """Leave an approval to the views, which have been told of it: an `Asker`."""
    del approval


def parse_rule(text: str) -> tuple[str, str | None]:
    """Split `Tool` or `Tool(pattern)`.

    Raises
    ------
    UsageMistake
        The text is neither.
    """
    match = _RULE.match(text.strip())
    if match is None:
        raise UsageMistake(
            f"{text!r} is not a permission rule.",
            fix="Write a tool's name, or Tool(pattern): Read, Bash(git status:*), Edit(src/*).",
        )
    return match["tool"], match["inner"]


def _target(tool_input: dict[str, Any]) -> str | None:
    for name in _PATH_FIELDS:
        value = tool_input.get(name)
        if isinstance(value, str):
            return value
    return None


def _matches_command(inner: str, command: str) -> bool:
    command = command.strip()
    if inner == command:
        return True
    if not inner.endswith(":*") or _SHELL_OPERATORS.search(command):
        return False
    prefix = inner[:-2]
    return command == prefix or command.startswith(prefix + " ")


def matches(rule: str, name: str, tool_input: dict[str, Any]) -> bool:
    """Say whether a rule covers this call.

    A prefix rule such as `Bash(git status:*)` never covers a command with a shell operator in
    it: `git status; rm -rf ~` is another command.
    """
    tool, inner = parse_rule(rule)
    if not fnmatch.fnmatchcase(name, tool):
        return False
    if inner is None or inner == "*":
        return True
    command = tool_input.get("command")
    if isinstance(command, str):
        return _matches_command(inner, command)
    url = tool_input.get("url")
    if isinstance(url, str) and inner.startswith("domain:"):
        return urlsplit(url).hostname == inner.removeprefix("domain:")
    path = _target(tool_input)
    if path is not None:
        return ".." not in path.split("/") and fnmatch.fnmatchcase(path, inner)
    return False


def refuses(rule: str, name: str, tool_input: dict[str, Any]) -> bool:
    """Say whether a deny rule covers this call, or a part of it.

    What makes a call another one than an allow rule says must not get round a deny rule:
    `Bash(rm:*)` refuses `ls; rm x`, too, and `Read(/etc/*)` a path that climbs there.
    """
    if matches(rule, name, tool_input):
        return True
    tool, inner = parse_rule(rule)
    if inner is None or not fnmatch.fnmatchcase(name, tool):
        return False
    command = tool_input.get("command")
    if isinstance(command, str):
        return any(_matches_command(inner, part) for part in _SHELL_OPERATORS.split(command))
    path = _target(tool_input)
    return path is not None and fnmatch.fnmatchcase(normpath(path), inner)


def suggest(name: str, tool_input: dict[str, Any]) -> str:
    """Return the narrowest pattern that is still worth remembering for this call."""
    command = tool_input.get("command")
    if isinstance(command, str):
        command = command.strip()
        words = command.split()
        if _SHELL_OPERATORS.search(command) or not words:
            return f"{name}({command})"
        head = words[:2] if len(words) > 1 and re.fullmatch(r"[a-z][\w-]*", words[1]) else words[:1]
        return f"{name}({' '.join(head)}:*)"
    url = tool_input.get("url")
    if isinstance(url, str) and urlsplit(url).hostname:
        return f"{name}(domain:{urlsplit(url).hostname})"
    path = _target(tool_input)
    return f"{name}({path})" if path else name


class Permissions:
    """Decides tool calls of all sessions of one kernel. Used from the event-loop thread."""

    def __init__(
        self,
        store: Store,
        *,
        allow: Sequence[str] = (),
        deny: Sequence[str] = (),
        by: str = "",
        refusal: Callable[[str], str] = lambda _: "",
    ) -> None:
        for rule in (*allow, *deny):
            parse_rule(rule)
        self._store = store
        self._allow, self._deny = tuple(allow), tuple(deny)
        self._by = by
        #: Says why nobody may allow a tool, or nothing.
        self._refusal = refusal
        self._waiting: dict[str, asyncio.Future[Approval]] = {}
        #: Says whether a session's editors may answer what this machine asks.
        self.editors_may: Callable[[str], bool] = lambda _: False
        #: Decides among servers, where there are others; None of it where they can't be asked.
        self.decide_first: Callable[[Approval], Awaitable[Approval | None]] | None = None

    async def decide(
        self,
        request: ToolRequest,
        *,
        session_id: str,
        turn_id: str,
        ask: Asker | None,
        allow: Sequence[str] = (),
    ) -> Decision:
        """Decide a call: by rule, else by asking.

        `ask` shows the approval to a person (and returns); None says that nobody is here.
        `allow` are the rules of this turn alone.
        """
        by_rule = self._by_rule(request, session_id, allow)
        if by_rule is not None:
            return by_rule
        if ask is None:
            pattern = suggest(request.name, request.input)
            return Decision(allow=False, reason=_NOBODY.format(pattern=pattern))
        approval = self._record(request, session_id, turn_id)
        if approval.status == "pending":
            approval = await self._answered(approval, ask)
        edited = approval.edited_input
        # Whoever edited it, on whatever server: here is where it would run.
        denied = self._denied(request.name, edited, session_id) if edited is not None else None
        if denied:
            return Decision(allow=False, reason=f"As it was edited the rule {denied} refuses it.")
        return Decision(
            allow=approval.status == "allowed",
            reason=_reason(approval),
            input=edited,
        )

    def _by_rule(
        self, request: ToolRequest, session_id: str, allow: Sequence[str]
    ) -> Decision | None:
        refused = self._refusal(request.name)
        if refused:
            return Decision(allow=False, reason=refused)
        stored = self._store.rules(session_id)
        denied = self._denied(request.name, request.input, session_id)
        if denied:
            return Decision(allow=False, reason=f"Refused by the rule {denied}.")
        allowed = (*allow, *self._allow, *(r.pattern for r in stored if r.behavior == "allow"))
        allows = any(matches(rule, request.name, request.input) for rule in allowed)
        return Decision(allow=True) if allows else None

    def _denied(self, name: str, tool_input: dict[str, Any], session_id: str) -> str | None:
        stored = (r.pattern for r in self._store.rules(session_id) if r.behavior == "deny")
        return next((r for r in (*self._deny, *stored) if refuses(r, name, tool_input)), None)

    def _record(self, request: ToolRequest, session_id: str, turn_id: str) -> Approval:
        """Return the row for this call: one that a dead kernel left behind, else a new one."""
        left = self._left_behind(request, session_id, turn_id)
        if left is not None:
            approval = left.model_copy(
                update={"turn_id": turn_id, "tool_use_id": request.tool_use_id}
            )
        else:
            approval = Approval(
                session_id=session_id,
                turn_id=turn_id,
                tool_use_id=request.tool_use_id,
                tool_name=request.name,
                input=request.input,
                title=request.title,
                description=request.description,
                pattern=suggest(request.name, request.input),
                editors_may=self.editors_may(session_id),
            )
        self._store.put(approval)
        return approval

    def _left_behind(self, request: ToolRequest, session_id: str, turn_id: str) -> Approval | None:
        wanted = (request.name, json.dumps(request.input, sort_keys=True))
        for approval in self._store.approvals(session_id, pending=False):
            same = (approval.tool_name, json.dumps(approval.input, sort_keys=True)) == wanted
            if not same or approval.turn_id == turn_id or approval.status == "cancelled":
                continue
            # What another person allows on their machine says nothing of ours; and where others
            # answered for another machine of ours, what it was about is what they say.
            if approval.person or approval.decider:
                continue
            if approval.status == "pending" or not self._consumed(approval):
                return approval
        return None

    def _consumed(self, approval: Approval) -> bool:
        page = self._store.messages(approval.session_id, turn_id=approval.turn_id, limit=1000)
        return any(
            isinstance(block, ToolResultBlock) and block.tool_use_id == approval.tool_use_id
            for message in page.messages
            for block in message.content
        )

    async def _answered(self, approval: Approval, ask: Asker) -> Approval:
        future = asyncio.get_running_loop().create_future()
        self._waiting[approval.client_id] = future
        asking = asyncio.ensure_future(ask(approval))
        try:
            # An asker that fails must be heard; one that returns has only shown the question.
            await asyncio.wait({future, asking}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                asking.result()
            return await future
        finally:
            asking.cancel()
            self._waiting.pop(approval.client_id, None)

    async def answer(
        self,
        approval: Approval,
        *,
        allow: bool,
        scope: Scope = "once",
        pattern: str = "",
        reason: str = "",
        edited: dict[str, Any] | None = None,
    ) -> Approval:
        """Answer an approval; whoever was first wins. Returns the row as it now stands.

        With `edited` the tool runs with that input instead of the one that Claude gave.

        Raises
        ------
        UsageMistake
            `pattern` is not a rule, or would not cover the call, or a rule refuses it as edited.
        NotAllowed
            It is asked on somebody else's machine, who has not let others answer, or would run
            edited there.
        """
        check_may_answer(approval, edited)
        if approval.person:
            scope = "once"  # what another machine remembers is its person's to say
        rule, remembered = pattern or approval.pattern, allow and scope != "once"
        changed = edited if allow and edited != approval.input else None
        if changed is not None:
            self._check_edited(approval, changed)
        if remembered:
            self._check_covers(rule, approval, changed or approval.input)
        wanted = approval.model_copy(
            update={
                "status": "allowed" if allow else "denied",
                "scope": scope,
                "reason": reason,
                "edited_input": changed,
                "pattern": rule,
                "decided_by": self._by,
                "decided_at": now_ms(),
            }
        )
        stands = await self._first(approval, wanted)
        won = stands.decided_at == wanted.decided_at and stands.decided_by == wanted.decided_by
        if won and remembered:
            self.remember(rule, session_id=approval.session_id if scope == "session" else None)
        self.heard([stands])
        return stands

    async def _first(self, approval: Approval, wanted: Approval) -> Approval:
        """Store an answer unless another came before it; return the one that stands."""
        # Among servers the first one there is first: the tool runs, or not, as all of them see.
        there = await self.decide_first(wanted) if self.decide_first is not None else None
        if there is not None and there.decider:
            there = approval.as_others_say(there)
        return self._store.decide(there or wanted)

    @staticmethod
    def _check_covers(rule: str, approval: Approval, tool_input: dict[str, Any]) -> None:
        if not matches(rule, approval.tool_name, tool_input):
            raise UsageMistake(
                f"The rule {rule!r} does not cover this call.",
                fix=f"Take {suggest(approval.tool_name, tool_input)!r}, or allow it once.",
            )

    def _check_edited(self, approval: Approval, edited: dict[str, Any]) -> None:
        denied = self._denied(approval.tool_name, edited, approval.session_id)
        if denied:
            raise UsageMistake(
                f"The rule {denied} refuses this as you edited it.",
                fix="Edit it otherwise, or revoke the rule.",
            )

    def remember(self, pattern: str, *, session_id: str | None, behavior: str = "allow") -> Rule:
        """Store a rule, for one session or for all (None)."""
        parse_rule(pattern)
        rule = Rule.model_validate(
            {"pattern": pattern, "session_id": session_id, "behavior": behavior}
        )
        self._store.put(rule)
        return rule

    def revoke(self, rule: Rule) -> None:
        """End a rule; it stays in the store as revoked."""
        self._store.put(rule.model_copy(update={"revoked_at": now_ms()}))

    def heard(self, values: Iterable[Value]) -> None:
        """Take note of answers, whoever gave them (the store's listener calls this)."""
        for value in values:
            if isinstance(value, Approval) and value.status != "pending":
                future = self._waiting.get(value.client_id)
                if future is not None and not future.done():
                    future.set_result(value)

    def cancel(self, session_id: str) -> list[Approval]:
        """Cancel what a stopped turn still waited for."""
        cancelled = [
            self._store.decide(a.model_copy(update={"status": "cancelled", "decided_at": now_ms()}))
            for a in self._store.approvals(session_id)
            if a.client_id in self._waiting
        ]
        self.heard(cancelled)
        return cancelled


def _reason(approval: Approval) -> str:
    if approval.status == "cancelled":
        return "The turn was stopped before anybody answered."
    if approval.status == "denied":
        return approval.reason or "The user refused this."
    return approval.reason
