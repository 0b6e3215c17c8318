"""What takes back what a turn did to the notebook's cells."""

from __future__ import annotations

from ..protocol import CellChange


class Undo:
    """Remembers each session's changes by turn, until they are taken back."""

    def __init__(self) -> None:
        self._turns: dict[str, list[tuple[str, list[CellChange]]]] = {}
        #: Turns whose files have been put back.
        self.rewound: set[str] = set()

    def note(self, session_id: str, turn_id: str, change: CellChange) -> None:
        """Note what takes the last change of a turn back."""
        turns = self._turns.setdefault(session_id, [])
        if not turns or turns[-1][0] != turn_id:
            turns.append((turn_id, []))
        turns[-1][1].append(change)

    def last(self, session_id: str) -> str:
        """Return the id of the last turn that changed cells; empty if none did."""
        turns = self._turns.get(session_id)
        return turns[-1][0] if turns else ""

    def take(self, session_id: str) -> tuple[CellChange, ...]:
        """Return what takes the last turn that changed cells back, in order, and forget it."""
        turns = self._turns.get(session_id)
        return tuple(reversed(turns.pop()[1])) if turns else ()

    def put_back(self, session_id: str, turn_id: str, left: tuple[CellChange, ...]) -> None:
        """Remember again what could not be taken back."""
        self._turns.setdefault(session_id, []).append((turn_id, list(reversed(left))))
