"""What to do with a turn that its kernel never finished (S1).

What had been checkpointed of its answer becomes messages, a notice says what happened, and a
result closes the turn. Its pending approvals stay: they are answered when Claude asks again.
"""

from __future__ import annotations

from collections.abc import Callable

from .fold import joined
from .leases import alive
from .messages import Message, NoticeBlock, Phase, ResultBlock, SessionInfo, Value
from .store import Store

#: Why a result ended a turn that its kernel did not.
DIED = "kernel_died"
_LOOK_BACK = 50  # messages
_UNHEARD = (
    "The notebook's kernel ended before what was asked here reached you. It is shown to the user "
    "as asked, and got no answer:"
)


def recover(store: Store, info: SessionInfo) -> list[Value]:
    """Return the values that close what was left open; none if nothing was.

    The caller holds the lease, or has seen that nobody does; `info` is the row as it was before.
    In a replicated session a lease that was given back means that nobody died: what is open is a
    turn of another server, whose end has not come here yet.
    """
    if not info.local and info.holder is None:
        return []
    left = joined(store.tails(info.client_id))
    open_turn = _open_turn(store, info.client_id)
    if not left and open_turn is None and not info.busy:
        return []
    turn_id = open_turn or (left[-1].turn_id if left else "")
    values: list[Value] = [*left, info.model_copy(update={"phase": Phase()})]
    if turn_id:
        notice = NoticeBlock(
            level="warning",
            kind="interrupted",
            what="The kernel ended before this answer did.",
            why="What had been received is kept; the rest never arrived.",
            fix="Ask again, or tell Claude to go on: it remembers what it has finished.",
        )
        common = {"session_id": info.client_id, "turn_id": turn_id}
        values.append(Message.model_validate({**common, "type": "system", "content": (notice,)}))
        ended = ResultBlock(outcome="failed", stop_reason=DIED, model=info.model)
        values.append(Message.model_validate({**common, "type": "result", "content": (ended,)}))
    return values


def abandoned(info: SessionInfo) -> bool:
    """Say whether a turn is marked as running that nobody runs any more."""
    return info.busy and not alive(info)


def unheard(store: Store, session_id: str, knows: Callable[[str], bool]) -> str:
    """Return what Claude must be told of prompts that it never got, since the kernel was killed.

    `knows` says whether the prompt of a turn is in Claude's own transcript. Empty if all is.
    """
    prompts: list[str] = []
    messages = store.messages(session_id, limit=_LOOK_BACK).messages
    for turn_id in reversed(list(dict.fromkeys(m.turn_id for m in messages))):
        turn = [m for m in messages if m.turn_id == turn_id]
        ends = [b for m in turn for b in m.content if isinstance(b, ResultBlock)]
        if not ends:
            continue  # the turn that asks now
        if ends[-1].stop_reason != DIED or knows(turn_id):
            break
        prompts[:0] = [m.text for m in turn if m.type == "user" and m.text]
    return "\n\n".join([_UNHEARD, *prompts]) if prompts else ""


def _open_turn(store: Store, session_id: str) -> str | None:
    last = store.messages(session_id, limit=1).messages
    if not last or last[0].type == "result" or not last[0].turn_id:
        return None
    turn = store.messages(session_id, turn_id=last[0].turn_id, limit=1000).messages
    return None if any(m.type == "result" for m in turn) else last[0].turn_id
