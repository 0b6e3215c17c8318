"""Being put out of a session: how soon the server of whoever was shows no more of it."""

from __future__ import annotations

import statistics
from time import perf_counter

from ipyclaude.codes import make_code
from ipyclaude.messages import SessionInfo
from ipyclaude.replica.sharing import Sharing

from ..table import Figure
from .bench import Bench, Machine, message

TIMES = 10
#: What a removed viewer's page may still take to stop, in ms.
MOST_MS = 1000.0


async def removed_to_told(bench: Bench) -> Figure:
    """Put a viewer who has the session open out of it, again and again."""
    bench.person()
    owner = bench.machine()
    bench.person()
    viewer = bench.machine()
    async with bench.running(owner, viewer):
        took = [await _put_out(owner, viewer) for _ in range(TIMES)]
    what = "removed by the owner until the viewer's server shows it"
    return Figure(what, statistics.median(took) * 1000, MOST_MS, "ms", 1.0, "most allowed")


async def _put_out(owner: Machine, viewer: Machine) -> float:
    info = SessionInfo(name="shared", cwd="/w")
    owner.store.put(info, message(info, "seen"))
    await owner.flushed()
    ours = Sharing(owner.cloud, owner.replica.replication)
    code = make_code()
    await ours.invite(info.client_id, code, role="viewer", uses=1, days=1)
    theirs = await Sharing(viewer.cloud, viewer.replica.replication).redeem(code)
    viewer.replica.open(theirs)
    await viewer.until(lambda: viewer.texts(info.client_id) == ["seen"])
    [member] = [m for m in await ours.members(info.client_id) if not m.me]
    begun = perf_counter()
    await ours.remove(info.client_id, member.id)
    await viewer.until(lambda: (viewer.store.session(info.client_id) or info).role == "none")
    return perf_counter() - begun
