"""How long the Convex client waits for what."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """How long the client waits, in seconds."""

    #: Between tries to connect: at first, and at most.
    first_wait: float = 0.25
    longest_wait: float = 15.0
    #: For a connection to be made.
    connect: float = 15.0
    #: For any message; the server sends one every 15 s at least.
    inactivity: float = 60.0
    #: For the answer to an HTTP call.
    http: float = 60.0
    #: Before a token's end that a newer one is asked for, and least between two.
    leeway: float = 60.0
    least_renewal: float = 10.0
    #: Between tries where nobody is signed in, or the server refuses us.
    refused: float = 60.0

    def wait(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row."""
        wait = min(self.first_wait * 2 ** min(failures, 30), self.longest_wait)
        return wait * random.uniform(0.5, 1)  # noqa: S311 - only spreads the tries
