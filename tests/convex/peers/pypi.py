"""Run the scenario with the official client of PyPI, and print what it got.

A process of its own: the client holds the GIL for the whole of each call.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import httpx
from convex.values import convex_to_json, json_to_convex

from convex import ConvexClient, ConvexError

#: It now and then gives a mutation up that it sends before it sees that it was cut off.
TRIES = 3


class Peer:
    """One client at a time, and its subscriptions."""

    def __init__(self, url: str, control: str, tokens: dict[str, list[str]]) -> None:
        self.url = url
        self.control = control
        self.tokens = tokens
        self.client: Any = None
        self.watched: dict[str, Any] = {}

    def perform(self, step: dict[str, Any]) -> Any:
        """Do one step; return what came of it."""
        return getattr(self, f"do_{step['do']}")(step)

    def do_connect(self, step: dict[str, Any]) -> None:
        self.client = ConvexClient(self.url)
        if step["as"] is not None:
            self.client.set_auth(self.tokens[step["as"]][0])

    def do_fault(self, step: dict[str, Any]) -> None:
        httpx.post(f"{self.control}/__fault", json=step["fault"]).raise_for_status()

    def do_query(self, step: dict[str, Any]) -> Any:
        return self.call(self.client.query, step)

    def do_mutation(self, step: dict[str, Any]) -> Any:
        got: Any = None
        for _ in range(TRIES):
            got = self.call(self.client.mutation, step)
            if got != {"fault": True} or step["expect"] == got:
                break
        return got

    def call(self, method: Any, step: dict[str, Any]) -> Any:
        try:
            return {"value": convex_to_json(method(step["path"], args_of(step)))}
        except ConvexError as error:
            return {"error": convex_to_json(error.data)}
        except Exception:  # noqa: BLE001 - what a fault is raised as, is the client's own
            return {"fault": True}

    def do_subscribe(self, step: dict[str, Any]) -> None:
        self.watched[step["name"]] = self.client.subscribe(step["path"], args_of(step))

    def do_unsubscribe(self, step: dict[str, Any]) -> None:
        self.watched.pop(step["name"]).unsubscribe()

    def do_update(self, step: dict[str, Any]) -> Any:
        got: Any = None
        for value in self.watched[step["name"]]:
            got = {"value": convex_to_json(value)}
            if "length" in step["expect"]:
                return {"length": len(value)}
            if got == step["expect"]:
                break
        return got


def args_of(step: dict[str, Any]) -> Any:
    """Return the arguments as the client takes them."""
    return json_to_convex(step.get("args", {}))


def main() -> None:
    """Read what to do from standard input, print the results."""
    given = json.loads(sys.stdin.read())
    peer = Peer(given["url"], given["control"], given["tokens"])
    # The client takes a number without a point for something else than Convex's float64.
    for step in json.loads(Path(given["scenario"]).read_text(), parse_int=float):
        if "pypi" not in step.get("unlike", {}):
            print("GOT " + json.dumps(peer.perform(step)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
