"""Run All is safe: which stored answer, if any, a cell already has."""

from __future__ import annotations

from .messages import Message, ResultBlock
from .store import Store

#: A cell's run: its id where the front end says it, and its execution count.
Run = tuple[str | None, int]


class StoredAnswers:
    """Hands out stored answers to the cells of one kernel, each to the cell that asked.

    A cell with an id gets the answers that were given to it, in the order in which it asked
    (a loop asks more than once). Where the front end gives no ids, the nth cell with the same
    prompt gets the nth answer.

    In a shared session only one's own turns count, and of them only what one's own kernels wrote:
    whoever may write there could put anything in the place of an answer.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        #: Turns that some cell of this kernel has asked or shown.
        self._claimed: set[str] = set()
        self._run: Run | None = None
        #: Those of the running cell's current run.
        self._in_run: set[str] = set()

    def find(self, session_id: str, digest: str, run: Run) -> list[Message] | None:
        """Return the messages of the answered turn that this cell shows again, if there is one."""
        self._begin(run)
        cell_id = run[0]
        for prompt in self._store.answered(session_id, digest):
            known = cell_id is not None and prompt.cell_id is not None
            taken = self._in_run if known else self._claimed
            if (known and prompt.cell_id != cell_id) or prompt.turn_id in taken:
                continue
            turn = self._store.messages(session_id, turn_id=prompt.turn_id, limit=10_000).messages
            own = [message for message in turn if not message.author]
            mine = any(message.client_id == prompt.client_id for message in own)
            if mine and any(_is_done(message) for message in own):
                self.claim(prompt.turn_id, run)
                return own
        return None

    def claim(self, turn_id: str, run: Run) -> None:
        """Note that this run of a cell has asked or shown a turn."""
        self._begin(run)
        self._claimed.add(turn_id)
        self._in_run.add(turn_id)

    def _begin(self, run: Run) -> None:
        if run != self._run:
            self._run = run
            self._in_run = set()


def _is_done(message: Message) -> bool:
    return any(isinstance(b, ResultBlock) and b.outcome == "done" for b in message.content)
