"""What replication costs against a bare client of the same Convex: time, calls and bytes.

The deployment is the tests' own (tests/convex), which is slower than Convex: only ratios count.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import tempfile
import zlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from .table import Figure

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS / "convex"), str(TESTS / "integration")]

from convex_server import FUNCTIONS, ConvexServer, load_hatch_build  # noqa: E402
from kernels import Kernel, Place  # noqa: E402
from machines import QUICK, Machine, message, todo_list  # noqa: E402

from ipyclaude.identity.static import StaticToken  # noqa: E402
from ipyclaude.messages import Message, SessionInfo, Value, new_id  # noqa: E402
from ipyclaude.replica import Subscription  # noqa: E402
from ipyclaude.replica.batches import build, cut  # noqa: E402
from ipyclaude.replica.convex import ConvexClient  # noqa: E402
from ipyclaude.replica.drain import BATCH_BYTES, BATCH_ROWS  # noqa: E402
from ipyclaude.replica.rows import message_input, session_input  # noqa: E402
from ipyclaude.replica.tail import RENEW  # noqa: E402
from ipyclaude.store._values import dump  # noqa: E402
from ipyclaude.store.replication import Chunk, Replication  # noqa: E402
from ipyclaude.testing import Reply, ScriptedModel, text  # noqa: E402

PAIRS = 60
#: Convex is rarely on the same machine: a delay for ours and the bare client alike, in ms.
AWAY_MS = 25
_PAUSE = 0.05  # seconds in which what the last one set off comes to its end
QUEUED = 10_000
SHORT, LONG = 100, 10_000
OPENINGS = 5
EXCHANGES = 20
MOST_READ = 50


@contextlib.contextmanager
def deployed() -> Generator[ConvexServer, None, None]:
    """Start a deployment of the product's functions."""
    hatch = load_hatch_build()
    hatch.install_modules(FUNCTIONS, dev=True)
    hatch.npm(FUNCTIONS, "run", "--silent", "functions")
    with ConvexServer() as server:
        server.deploy(FUNCTIONS)
        yield server


class Bench:
    """A deployment, a folder, and machines and bare clients of people of their own."""

    def __init__(self, server: ConvexServer, folder: Path) -> None:
        self.server, self._folder = server, folder
        self.token = ""

    def person(self) -> None:
        """Let who is made from now on be somebody new."""
        self.token = self.server.issuer.token(f"u{new_id()}", expires_in=36_000)

    def machine(self) -> Machine:
        """Make a machine that has nothing yet."""
        return Machine(self.server.url, self.token, self._folder / new_id() / "store.db")

    def place(self) -> Place:
        """Make a place for a kernel."""
        return Place(self._folder / new_id())

    def client(self) -> ConvexClient:
        """Make a bare client."""
        token = self.token
        return ConvexClient(self.server.url, StaticToken(lambda: token), timing=QUICK)

    @contextlib.asynccontextmanager
    async def running(self, *made: Machine | ConvexClient) -> AsyncGenerator[None, None]:
        """Start machines and clients, and close them whatever happens."""
        try:
            for each in made:
                await (each.replica if isinstance(each, Machine) else each).start()
            for each in made:
                client = each.cloud if isinstance(each, Machine) else each
                await client.mutation("users:ensure", {})
            yield
        finally:
            for each in made:
                await each.close()


# -- saved on A, shown on B -------------------------------------------------------------------


async def _latency(bench: Bench) -> Figure:
    """Send by turns through both: a message saved on A until B's store tells it."""
    bench.person()
    a, b = bench.machine(), bench.machine()
    bench.person()  # of whose messages A and B hear nothing
    up, down = bench.client(), bench.client()
    info, bare = SessionInfo(name="ours", cwd="/w"), SessionInfo(name="bare", cwd="/w")
    async with bench.running(a, b, up, down):
        a.store.put(info, message(info, "first"))
        await a.flushed()
        await b.opened("ours")
        await up.mutation(
            "messages:append",
            {"session": bare.client_id, "messages": [], "info": session_input(bare, "")},
        )
        heard: asyncio.Queue[str] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def hear(values: Sequence[Value]) -> None:
            for value in values:
                if isinstance(value, Message):
                    loop.call_soon_threadsafe(heard.put_nowait, value.client_id)

        unsubscribe = b.store.subscribe(hear)
        bare_pair = _Bare(up, down, bare)
        near = await _by_turns(a, heard, info, bare_pair, bare)
        print("on this machine: {:.1f} ms, bare {:.1f} ms".format(*near))
        bench.server.faults.slow(AWAY_MS, "messages:append", times=10 * PAIRS)
        ours, peer = await _by_turns(a, heard, info, bare_pair, bare)
        bench.server.faults.clear()
        unsubscribe()
        await bare_pair.close()
    return Figure(
        f"saved on A until B's store has it, Convex {AWAY_MS} ms away",
        ours,
        peer,
        "ms",
        1.5,
        "bare mutation → subscription",
    )


async def _by_turns(
    a: Machine, heard: asyncio.Queue[str], info: SessionInfo, pair: _Bare, bare: SessionInfo
) -> tuple[float, float]:
    """Send by ours and by the bare clients; return both medians in ms."""
    ours, peer = list[float](), list[float]()
    for number in range(PAIRS):
        await asyncio.sleep(_PAUSE)
        ours.append(await _ours(a, heard, message(info, f"message {number}")))
        await asyncio.sleep(_PAUSE)
        peer.append(await pair.send(message(bare, f"message {number}")))
    return statistics.median(ours) * 1000, statistics.median(peer) * 1000


async def _ours(a: Machine, heard: asyncio.Queue[str], one: Message) -> float:
    start = perf_counter()
    a.store.put(one)
    while await heard.get() != one.client_id:
        pass
    return perf_counter() - start


class _Bare:
    """Two bare clients that write and watch what ours do: the list, the end of the session."""

    def __init__(self, up: ConvexClient, down: ConvexClient, info: SessionInfo) -> None:
        self._up, self._down, self._session = up, down, info.client_id
        self._known = self._after = 0
        self._live = self._watch()
        self._lists = [
            asyncio.ensure_future(_follow_list(client, session_input(info, "")["lastActivityAt"]))
            for client in (up, down)
        ]

    async def close(self) -> None:
        """Watch no more."""
        for task in self._lists:
            task.cancel()
        await asyncio.gather(*self._lists, return_exceptions=True)

    def _watch(self) -> Subscription:
        args = {"session": self._session, "after": self._after}
        return self._down.subscribe("messages:after", args)

    async def send(self, one: Message) -> float:
        """Send a message; return the seconds until it came."""
        if self._known == self._after:
            await anext(self._live)
        row, _ = message_input(one)
        start = perf_counter()
        args = {"session": self._session, "messages": [row]}
        sent = asyncio.ensure_future(self._up.mutation("messages:append", args))
        page = await anext(self._live)
        took = perf_counter() - start
        await sent
        self._known = int(page["messages"][-1]["seq"])
        if self._known - self._after >= RENEW:
            await self._live.aclose()
            self._after = self._known
            self._live = self._watch()
        return took


async def _follow_list(client: ConvexClient, after: float) -> None:
    live = client.subscribe("sessions:changed", {"after": after, "limit": 100})
    async for _ in live:
        pass


# -- flushing what has queued up --------------------------------------------------------------


async def _flush(bench: Bench) -> Figure:
    """Send 10,000 queued messages, and the very same calls by a bare client."""
    bench.person()
    info = SessionInfo(name="long", cwd="/w")
    a = bench.machine()
    a.store.put(info, *(message(info, _prose(n)) for n in range(QUEUED)))
    start = perf_counter()
    async with bench.running(a):
        await a.flushed(600)
        ours = perf_counter() - start
    bench.person()
    b, bare = bench.machine(), bench.client()
    b.store.put(info, *(message(info, _prose(n)) for n in range(QUEUED)))
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


def _prose(number: int) -> str:
    return f"Message {number}: " + "it walks the list and keeps what fits. " * 12


# -- what an exchange costs -------------------------------------------------------------------


def _exchange(info: SessionInfo, number: int) -> list[Value]:
    """Make what a real exchange brings: prompt, thinking, a tool's output, answer, to-dos, end."""
    turn = f"turn {number}"
    listing = "\n".join(f"{n:6} src/module_{n * 7919 % 1000}.py" for n in range(150))
    texts = [("user", _prose(number)), ("assistant", "I look first."), ("tool", listing),
             ("assistant", _prose(number) * 4), ("result", "")]  # fmt: skip
    rows: list[Value] = [
        message(info, text, type="user" if kind == "tool" else kind, turn_id=turn)
        for kind, text in texts
    ]
    return [*rows, todo_list(info, f"done {number}", f"next {number}")]


async def _bytes(bench: Bench) -> Figure:
    """Compare what goes up for an exchange with what its content takes compressed."""
    bench.person()
    a = bench.machine()
    info = SessionInfo(name="plain", cwd="/w", claude_session_id=new_id())
    entries = [
        {"type": "user", "uuid": new_id(), "message": {"content": _noise(n) + _prose(n)}}
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


async def _calls_made(bench: Bench) -> Figure:
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
            model.script(*(Reply(text(_prose(n) * 4)) for n in range(EXCHANGES + 1)))
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


# -- opening, and watching --------------------------------------------------------------------


async def _opening(bench: Bench) -> list[Figure]:
    """Open a long and a short session on machines that never saw them; then watch the long one."""
    bench.person()
    a = bench.machine()
    short, long = SessionInfo(name="short", cwd="/w"), SessionInfo(name="long", cwd="/w")
    async with bench.running(a):
        a.store.put(short, *(message(short, _prose(n)) for n in range(SHORT)))
        a.store.put(long, *(message(long, _prose(n)) for n in range(LONG)))
        await a.flushed(600)
        times: dict[str, list[float]] = {"short": [], "long": []}
        for _ in range(OPENINGS):
            for name in times:
                times[name].append(await _open(bench, name))
        read = await _watch(bench, a, long)
    ours, peer = (statistics.median(times[name]) * 1000 for name in ("long", "short"))
    return [
        Figure("first screen of 10,000 messages", ours, peer, "ms", 2.0, "of 100 messages"),
        Figure("documents a watcher reads", read, MOST_READ, "documents", 1.0, "most allowed"),
    ]


async def _open(bench: Bench, name: str) -> float:
    fresh = bench.machine()
    async with bench.running(fresh):
        info = await fresh.until(lambda: fresh.store.session(name))
        start = perf_counter()
        fresh.replica.open(info)
        assert await fresh.replica.ready(info.client_id, 60)
        return perf_counter() - start


async def _watch(bench: Bench, a: Machine, info: SessionInfo) -> int:
    """Return the most documents that one new message makes the watching query read."""
    b = bench.machine()
    async with bench.running(b):
        await b.until(lambda: b.store.session(info.name))
        b.replica.open(info)
        assert await b.replica.whole(info.client_id, 120)
        bench.server.reset_stats()
        for number in range(60):
            a.store.put(message(info, f"news {number}"))
            await b.shows(info.client_id, f"news {number}")
        return bench.server.stats()["functions"]["messages:after"]["maxDocumentsRead"]


Part = Callable[[Bench], Coroutine[Any, Any, "Figure | list[Figure]"]]
_PARTS: tuple[Part, ...] = (_latency, _flush, _calls_made, _bytes, _opening)


def measure() -> list[Figure]:
    """Return all figures of replication."""
    figures: list[Figure] = []
    with deployed() as server, tempfile.TemporaryDirectory() as folder:
        bench = Bench(server, Path(folder))
        for part in _PARTS:
            found = asyncio.run(part(bench))
            figures += found if isinstance(found, list) else [found]
    return figures
