"""Three servers, a thousand exchanges, every fault, killed kernels: whole, once, in one order."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from convex_server import ConvexServer, Faults
from machines import Machine, running
from tokens import MakeToken

from ipyclaude.messages import Message, ResultBlock, SessionInfo, new_id
from ipyclaude.recovery import DIED

pytestmark = pytest.mark.asyncio

SERVERS, SESSIONS = 3, 6
#: Seconds between two faults, on average.
FAULT_EVERY = 0.25
#: Exchanges between two killed servers, on average.
KILL_EVERY = 40
FAULTS = (
    *("drop", "offline", "lose", "before", "conflict", "slow", "internal", "error"),
    *("revoke", "renew"),
)
WORKER = Path(__file__).parent / "chaos_worker.py"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The run's seed, which a failure prints."""
    given: int | None = request.config.getoption("--chaos-seed")
    chosen = random.randrange(1 << 32) if given is None else given
    print(f"again with: --chaos-seed={chosen}")  # noqa: T201 - pytest shows it with a failure
    return chosen


@dataclass
class Server:
    """One server's process, started anew whenever it was killed."""

    url: str
    token: Path
    store: Path
    process: asyncio.subprocess.Process | None = None
    kills: int = 0

    async def start(self) -> asyncio.subprocess.Process:
        """Return the running process."""
        if self.process is None or self.process.returncode is not None:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                WORKER,
                self.url,
                self.token,
                self.store,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.store.with_suffix(f".{self.kills}.err").open("wb"),
            )
        return self.process

    async def exchange(self, session: str, number: int) -> bool:
        """Run an exchange; False if the server was killed before it was over."""
        process = await self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        command = json.dumps({"session": session, "exchange": number}) + "\n"
        with contextlib.suppress(ConnectionError):
            process.stdin.write(command.encode())
            await process.stdin.drain()
        done = await process.stdout.readline()
        if not done:
            code = await process.wait()
            assert code == -9, self.store.with_suffix(f".{self.kills}.err").read_text()
            self.kills += 1
        return bool(done)

    def kill(self) -> None:
        """End it, with no word of warning."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()

    async def end(self) -> None:
        """End it as a person does."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@dataclass
class Chaos:
    """What goes on meanwhile: faults, kills, new tokens."""

    rng: random.Random
    faults: Faults
    make_token: Callable[[], str]
    token: Path
    servers: list[Server]
    hits: collections.Counter[str] = field(default_factory=collections.Counter[str])

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / FAULT_EVERY))
            name = self.rng.choice(FAULTS)
            self.hits[name] += 1
            await asyncio.to_thread(self._one, name)

    def _one(self, name: str) -> None:
        rng, faults = self.rng, self.faults
        leases = ["sessions:acquireLease", "sessions:releaseLease"]
        path = rng.choice(["", "messages:append", "messages:after", "sessions:changed", *leases])
        writes = rng.choice(["messages:append", "users:ensure", *leases])
        does: dict[str, Callable[[], None]] = {
            "drop": faults.drop,
            "offline": lambda: faults.offline(rng.randrange(50, 700)),
            "lose": lambda: faults.lose_reply(path, times=rng.randint(1, 3)),
            "before": lambda: faults.drop_before(path, times=rng.randint(1, 3)),
            "conflict": lambda: faults.conflict(writes, attempts=rng.randint(1, 7)),
            "slow": lambda: faults.slow(rng.randrange(20, 300), path),
            "internal": lambda: faults.internal(path, times=rng.randint(1, 3)),
            "error": lambda: faults.error(path, times=rng.randint(1, 3)),
            "revoke": lambda: faults.revoke(token=self.token.read_text()),
            "renew": self.renew,
        }
        does[name]()
        if name == "revoke":
            self.renew()

    def renew(self) -> None:
        """Give the servers a new token."""
        new = self.token.with_suffix(".new")
        new.write_text(self.make_token())
        new.replace(self.token)


@dataclass
class Work:
    """Hands out exchanges: one at a time in a session, the next while the last one's server has
    still to give the session's lease back, and with the lease of a killed one unreturned."""

    rng: random.Random
    sessions: list[SessionInfo]
    exchanges: int
    given: int = 0
    taken: set[str] = field(default_factory=set[str])
    #: Exchanges that ended, and those whose server was killed in mid-turn, by session.
    done: dict[str, set[int]] = field(default_factory=lambda: collections.defaultdict(set))
    broken: dict[str, set[int]] = field(default_factory=lambda: collections.defaultdict(set))

    async def of(self, server: Server, servers: list[Server]) -> None:
        """Let a server work until all is done."""
        while self.given < self.exchanges:
            number = self.given = self.given + 1
            free = [s.client_id for s in self.sessions if s.client_id not in self.taken]
            session = self.rng.choice(free)
            self.taken.add(session)
            if self.rng.random() < 1 / KILL_EVERY:
                victim = self.rng.choice(servers)
                asyncio.get_running_loop().call_later(self.rng.random() * 0.05, victim.kill)
            over = await server.exchange(session, number)
            (self.done if over else self.broken)[session].add(number)
            self.taken.discard(session)


async def test_chaos(
    convex: ConvexServer,
    make_token: MakeToken,
    tmp_path: Path,
    seed: int,
    request: pytest.FixtureRequest,
) -> None:
    """Nothing is lost, nothing is twice, one order everywhere, to-dos and memory equal (S1-S3)."""
    exchanges = int(str(request.config.getoption("--chaos-exchanges")))
    rng, person = random.Random(seed), f"ada-{new_id()}"
    token = tmp_path / "token"
    servers = [Server(convex.url, token, tmp_path / str(n) / "store.db") for n in range(SERVERS)]
    chaos = Chaos(rng, convex.faults, lambda: make_token(person, n=rng.random()), token, servers)
    chaos.renew()
    work = Work(rng, await _begin(convex, make_token(person), tmp_path), exchanges)
    raging = asyncio.ensure_future(chaos.run())
    begun = time.monotonic()
    try:
        await asyncio.gather(*(work.of(server, servers) for server in servers))
    finally:
        raging.cancel()
        await asyncio.gather(raging, return_exceptions=True)
        for server in servers:
            server.kill()
    took = time.monotonic() - begun
    await asyncio.to_thread(_calm, chaos)
    kills = sum(server.kills for server in servers)
    said = f"{exchanges} exchanges in {took:.0f} s; {kills} kills; {dict(chaos.hits)}"
    print(said)  # noqa: T201 - shown with -s
    mine = make_token(person)
    machines = [Machine(convex.url, mine, server.store, dead=_is_dead) for server in servers]
    async with running(*machines):
        await _settle(machines, work.sessions)
        for session in work.sessions:
            await _check(machines, session, work)


def _is_dead(_: str) -> bool:
    return True  # the servers were killed


async def _begin(convex: ConvexServer, token: str, folder: Path) -> list[SessionInfo]:
    """Make the sessions, on the first of the servers."""
    sessions = [
        SessionInfo(name=f"s{n}", cwd="", claude_session_id=new_id()) for n in range(SESSIONS)
    ]
    first = Machine(convex.url, token, folder / "0" / "store.db")
    for n in range(1, SERVERS):
        (folder / str(n)).mkdir()
    async with running(first):
        first.store.put(*sessions)
        await first.flushed()
    return sessions


def _calm(chaos: Chaos) -> None:
    chaos.faults.clear()
    chaos.renew()


async def _settle(machines: list[Machine], sessions: list[SessionInfo]) -> None:
    """Let all be sent, and all that was sent be everywhere."""
    for machine in machines:
        await machine.flushed(120)
        assert machine.store.outbox(parked=True) == []
    for machine in machines:
        for session in sessions:
            await machine.opened(session.name)
            await machine.transcripts.fetch(session.claude_session_id or "")
    for session in sessions:
        count = max(len(m.messages(session.client_id)) for m in machines)
        todos = [m.store.todos for m in machines]
        for machine in machines:
            await machine.until(partial(_has, machine, session.client_id, count))
            await machine.until(partial(_equal, todos, session.client_id))


def _has(machine: Machine, session_id: str, count: int) -> bool:
    return len(machine.messages(session_id)) >= count


def _equal(todos: list[Callable[[str], Any]], session_id: str) -> bool:
    first, *rest = [read(session_id) for read in todos]
    return all(each == first for each in rest)


async def _check(machines: list[Machine], session: SessionInfo, work: Work) -> None:
    sid = session.client_id
    first, *rest = [machine.messages(sid) for machine in machines]
    for other in rest:
        assert other == first
    assert [message.seq for message in first] == list(range(1, len(first) + 1))
    assert len({message.client_id for message in first}) == len(first)
    said = collections.Counter(message.text for message in first)
    for number in work.done[sid]:
        for word in ("prompt", "answer", "more"):
            assert said[f"{word} {number}"] == 1, (session.name, word, number)
    for number in work.broken[sid]:
        for word in ("prompt", "answer", "more"):
            assert said[f"{word} {number}"] <= 1, (session.name, word, number)
    assert _numbers(first) <= work.done[sid] | work.broken[sid]
    _check_turns(first, work.done[sid])
    for machine in machines:
        found = machine.store.session(sid)
        assert found is not None
        assert found.message_count == len(first)
    key: Any = {"project_key": "p", "session_id": session.claude_session_id}
    for machine in machines:
        entries: Any = await machine.transcripts.load(key) or []
        uuids = [entry["uuid"] for entry in entries]
        assert len(set(uuids)) == len(uuids)
        assert {f"entry {number}" for number in work.done[sid]} <= set(uuids)


def _numbers(messages: list[Message]) -> set[int]:
    return {int(m.text.split()[-1]) for m in messages if m.text}


def _closes(message: Message) -> bool:
    """Say whether a server closed with this the turn of one that was killed, maybe of another."""
    ends = [block for block in message.content if isinstance(block, ResultBlock)]
    return any(block.stop_reason == DIED for block in ends)


def _check_turns(messages: list[Message], done: set[int]) -> None:
    """See that each exchange is there from its prompt on, in the order in which it was written.

    Whoever was killed may have been taken for dead with the rest still to send. So closings of
    other servers may stand before that, each with its notice; they can change nothing else.
    """
    turns: dict[str, list[Message]] = collections.defaultdict(list)
    for message in messages:
        turns[message.turn_id].append(message)
    whole = ["prompt", "answer", "more", "result"]
    for turn in turns.values():
        open_notices, closings, words = 0, 0, list[str]()
        for message in turn:
            if message.type == "system":
                open_notices += 1
            elif _closes(message):
                closings, open_notices = closings + 1, open_notices - 1
                assert open_notices >= 0, turn
            else:
                words.append(message.text.split(" ")[0] or message.type)
        assert open_notices == 0, turn
        assert closings <= SERVERS, turn
        assert turn[0].text.startswith("prompt "), turn
        # What was growing when its server was killed is there as far as it was.
        assert all(there.startswith(word) for word, there in zip(words, whole, strict=False)), turn
        assert len(words) <= len(whole), turn
        if int(turn[0].text.split(" ")[1]) in done:
            assert words == whole, turn
