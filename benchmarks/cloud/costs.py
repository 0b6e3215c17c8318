"""What an exchange asks of Convex, and how fast a queue is sent."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from ipyclaude.messages import SessionInfo, Value, new_id
from ipyclaude.replica.batches import build, cut
from ipyclaude.replica.drain import BATCH_BYTES, BATCH_ROWS
from ipyclaude.store._values import dump
from ipyclaude.store.replication import Chunk, Replication
from ipyclaude.testing import Reply, ScriptedModel, text

from ..table import Figure
from .bench import Bench, Kernel, Machine, message, prose, todo_list

QUEUED = 10_000
EXCHANGES = 20


async def flush(bench: Bench) -> Figure:
    """Send 10,000 queued messages, and the very same calls by a bare client."""
    bench.person()
    info = SessionInfo(name="long", cwd="/w")
    a = bench.machine()
    a.store.put(info, *(message(info, prose(n)) for n in range(QUEUED)))
    start = perf_counter()
    async with bench.running(a):
        await a.flushed(600)
        ours = perf_counter() - start
    bench.person()
    b, bare = bench.machine(), bench.client()
    b.store.put(info, *(message(info, prose(n)) for n in range(QUEUED)))
    calls = list(_calls(Replication(b.store)))
    start = perf_counter()
    async with bench.running(bare):
        for call in calls:
            await bare.mutation("messages:append", call)
        peer = perf_counter() - start
    b.store.close()
    rate = QUEUED / ours, QUEUED / peer
    return Figure(
        "10,000 queued messages sent", *rate, "msg/s", 0.5, "bare batched mutations", least=True
    )


def _calls(replication: Replication) -> Iterator[dict[str, Any]]:
    while parcels := replication.parcels(limit=BATCH_ROWS, size=BATCH_BYTES):
        batch = build(cut(parcels), "bench")
        replication.acknowledge(batch.rows)
        yield batch.call


# -- what an exchange costs -------------------------------------------------------------------


def _exchange(info: SessionInfo, number: int) -> list[Value]:
    """Make what a real exchange brings: prompt, thinking, a tool's output, answer, to-dos, end."""
    turn = f"turn {number}"
    listing = "\n".join(f"{n:6} src/module_{n * 7919 % 1000}.py" for n in range(150))
    texts = [("user", prose(number)), ("assistant", "I look first."), ("tool", listing),
             ("assistant", prose(number) * 4), ("result", "")]  # fmt: skip
    rows: list[Value] = [
        message(info, text, type="user" if kind == "tool" else kind, turn_id=turn)
        for kind, text in texts
    ]
    return [*rows, todo_list(info, f"done {number}", f"next {number}")]


async def bytes_up(bench: Bench) -> Figure:
    """Compare what goes up for an exchange with what its content takes compressed."""
    bench.person()
    a = bench.machine()
    info = SessionInfo(name="plain", cwd="/w", claude_session_id=new_id())
    entries = [
        {"type": "user", "uuid": new_id(), "message": {"content": _noise(n) + prose(n)}}
        for n in range(4)
    ]
    content = 0
    async with bench.running(a):
        a.store.put(info)
        await a.flushed()
        before = a.cloud.stats.bytes_up
        for number in range(EXCHANGES):
            rows = _exchange(info, number)
            content += sum(_compressed(row) for row in rows)
            key = {"project_key": "p", "session_id": str(info.claude_session_id)}
            a.transcripts.append_now(key, [{**each, "uuid": new_id()} for each in entries])  # pyright: ignore[reportArgumentType]
            a.store.put(*rows)
            content += _chunks(a)
            await a.flushed()
        sent = a.cloud.stats.bytes_up - before
    return Figure(
        "bytes up an exchange",
        sent / EXCHANGES / 1000,
        content / EXCHANGES / 1000,
        "kB",
        1.3,
        "its content by zlib -6",
    )


async def calls_made(bench: Bench) -> Figure:
    """Count the mutations of real exchanges in a real kernel that nobody else watches."""
    bench.person()
    return await asyncio.to_thread(_in_kernel, bench)


def _in_kernel(bench: Bench) -> Figure:
    place = bench.place()
    with ScriptedModel() as model:
        signed_in = {"CONVEX_URL": bench.server.url, "CONVEX_AUTH_TOKEN": bench.token}
        kernel = Kernel(place, place.env(model, **signed_in))
        try:
            kernel.run("%load_ext ipyclaude\n%claude_session new plain")
            model.script(*(Reply(text(prose(n) * 4)) for n in range(EXCHANGES + 1)))
            kernel.run("%%claude\nThe first one also makes the session")
            _settle(kernel)
            bench.server.reset_stats()
            for number in range(EXCHANGES):
                kernel.run(f"%%claude\nQuestion {number}")
                _settle(kernel)
            functions = bench.server.stats()["functions"]
        finally:
            kernel.close()
    made = {name: used["calls"] for name, used in functions.items() if name in _MUTATIONS}
    print(f"mutations in {EXCHANGES} exchanges: {made}")
    calls = sum(count for name, count in made.items() if name != "presence:heartbeat")
    return Figure("mutations an exchange", calls / EXCHANGES, 4, "calls", 1.0, "most allowed")


_MUTATIONS = (
    "messages:append",
    "sessions:acquireLease",
    "sessions:renewLease",
    "sessions:releaseLease",
    "sessions:create",
    "sessions:patch",
    "streams:push",
    "streams:clear",
    "approvals:decide",
    "presence:heartbeat",
    "users:ensure",
)


def _settle(kernel: Kernel) -> None:
    """Wait until all is sent."""
    kernel.until(lambda: "synced" in kernel.run("%claude_session status").text)


def _compressed(value: Value) -> int:
    return len(zlib.compress(dump(value).encode(), 6))


def _chunks(machine: Machine) -> int:
    parcels = Replication(machine.store).parcels(limit=BATCH_ROWS, size=BATCH_BYTES)
    chunks = (parcel.value.data for parcel in parcels if isinstance(parcel.value, Chunk))
    return sum(len(zlib.compress(zlib.decompress(data), 6)) for data in chunks)


def _noise(number: int) -> str:
    return "".join(f"{(n * 7919 + number) * 104729 % 1_000_003:x} " for n in range(1500))
