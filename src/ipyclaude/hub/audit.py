"""The audit log: one JSON object a line, without a secret in it (S6)."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from typing import TextIO


class Audit:
    """Writes what the issuer did: `issued` and `refused`, `started` and `stopped`."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out

    def write(self, event: str, **fields: object) -> None:
        """Write one event with the time; empty fields are left out."""
        time = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        known = {name: value for name, value in fields.items() if value}
        self._out.write(json.dumps({"time": time, "event": event, **known}) + "\n")
        self._out.flush()
