"""Run the scenario with our own client, and print what it got."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx

from ipyclaude.exceptions import CloudFault, CloudRefused, SignedOut
from ipyclaude.identity import Token
from ipyclaude.replica.convex import ConvexClient
from ipyclaude.replica.values import decode, encode


class Tokens:
    """A source of tokens; each forced refresh gives the next one."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    async def token(self, force_refresh: bool) -> Token | None:
        if force_refresh and len(self.tokens) > 1:
            self.tokens = self.tokens[1:]
        return Token.of_jwt(self.tokens[0])


class Peer:
    """One client at a time, and its subscriptions."""

    def __init__(self, url: str, control: str, tokens: dict[str, list[str]]) -> None:
        self.url = url
        self.control = control
        self.tokens = tokens
        self.token = ""
        self.client = ConvexClient(url, None)
        self.watched: dict[str, Any] = {}

    async def perform(self, step: dict[str, Any]) -> Any:
        """Do one step; return what came of it."""
        return await getattr(self, f"do_{step['do']}")(step)

    async def do_connect(self, step: dict[str, Any]) -> None:
        await self.client.close()
        tokens = [] if step["as"] is None else self.tokens[step["as"]]
        self.token = tokens[0] if tokens else ""
        self.client = ConvexClient(self.url, Tokens(tokens) if tokens else None)
        await self.client.start()

    async def do_fault(self, step: dict[str, Any]) -> None:
        fault = dict(step["fault"])
        if fault.get("token") == "$token":
            fault["token"] = self.token
        async with httpx.AsyncClient() as http:
            (await http.post(f"{self.control}/__fault", json=fault)).raise_for_status()

    async def do_query(self, step: dict[str, Any]) -> Any:
        return await self.call(self.client.query, step)

    async def do_mutation(self, step: dict[str, Any]) -> Any:
        return await self.call(self.client.mutation, step)

    async def call(self, method: Any, step: dict[str, Any]) -> Any:
        try:
            return {"value": encode(await method(step["path"], args_of(step)))}
        except SignedOut as error:
            return {"error": {"code": "Unauthenticated", "message": error.why}}
        except CloudRefused as error:
            return {"error": encode(error.data)}
        except CloudFault:
            return {"fault": True}

    async def do_subscribe(self, step: dict[str, Any]) -> None:
        self.watched[step["name"]] = self.client.subscribe(step["path"], args_of(step))

    async def do_unsubscribe(self, step: dict[str, Any]) -> None:
        await self.watched.pop(step["name"]).aclose()

    async def do_update(self, step: dict[str, Any]) -> Any:
        got: Any = None
        async for value in self.watched[step["name"]]:
            if "length" in step["expect"]:
                return {"length": len(value)}
            got = {"value": encode(value)}
            if got == step["expect"]:
                break
        return got


def args_of(step: dict[str, Any]) -> Any:
    """Return the arguments as the client takes them."""
    return decode(step.get("args", {}))


async def play(given: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    """Perform the steps and print the results."""
    peer = Peer(given["url"], given["control"], given["tokens"])
    for step in steps:
        print("GOT " + json.dumps(await peer.perform(step)), flush=True)  # noqa: T201
    await peer.client.close()


def main() -> None:
    """Read what to do from standard input."""
    given = json.loads(sys.stdin.read())
    asyncio.run(play(given, json.loads(Path(given["scenario"]).read_text())))


if __name__ == "__main__":
    main()
