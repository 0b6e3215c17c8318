"""Subcommands for what other servers see: send sessions, and what became of that."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

from ..exceptions import TurnStopped, UsageMistake
from ..extension import App
from ..output import Output, show_widget
from ..store.replication import Replication
from ..sync_words import (
    Row,
    alone_rows,
    changes,
    only_here,
    people_rows,
    refused_rows,
    sent_words,
    standing_rows,
)
from ..tables import show_table, show_text, text_bundle
from ..terminal import Printer
from .confirming import confirmed
from .registry import arg, chosen, command, whole
from .waiting import wait

if TYPE_CHECKING:
    from ..sending import Bar
    from ..syncing import Syncing


def sync_rows(app: App) -> list[Row]:
    """Say how replication stands; rows of `%claude_session status`."""
    current = app.sessions.current
    info = current.info if current is not None else None
    if app.sync is None:
        return [("sync", "local: kept on this machine only")]
    replica = app.sync.replica
    rows = standing_rows(replica.standing(), replica.parked())
    if info is not None and info.local:
        words = "on this machine only: %claude_session sync sends it"
        rows.insert(0, ("this session", words))
    elif info is not None:
        rows += people_rows(app.sync.people(info.client_id))
        rows += alone_rows(replica.company.alone(info.client_id))
    return rows + only_here(len(Replication(app.store).only_here()))


@command(
    "sync",
    "send a session that is only here to Convex, or see what was refused",
    arg("name", nargs="?", metavar="NAME"),
    arg("--all", action="store_true", help="all that is only here, but what --local made"),
    arg("--retry", action="store_true", help="send what was refused again"),
    arg("--drop", action="store_true", help="give up sending what was refused; it stays here"),
    arg("--yes", action="store_true", help="don't ask"),
    session=True,
)
def _sync(app: App, args: argparse.Namespace) -> None:
    sync = app.synced()
    if sum((args.all, args.retry, args.drop)) > 1 or (args.all and args.name):
        raise UsageMistake(
            "These don't go together.", fix="Use one of NAME, --all, --retry, --drop."
        )
    only = app.sessions.find(args.name).client_id if args.name else None
    if args.drop:
        _drop(app, sync, only, yes=args.yes)
    elif args.retry:
        count = sync.retry(only)
        if not count:
            show_text("Nothing was refused.")
            return
        _send(app, sync, [only] if only else None, changes(count))
    elif args.all:
        ids = Replication(app.store).only_here()
        for session_id in ids:
            app.send(app.sessions.find(session_id))
        count = f"{len(ids):,} session{'' if len(ids) == 1 else 's'}"
        _send(app, sync, None, count if ids else "Everything")
    else:
        info = chosen(app, args.name)
        app.send(info)
        _send(app, sync, [info.client_id], repr(info.name))


def _drop(app: App, sync: Syncing, session_id: str | None, *, yes: bool) -> None:
    parked = [row for row in sync.replica.parked() if session_id in (None, row.session_id)]
    if not parked:
        show_text("Nothing was refused.")
        return
    show_table(("", ""), refused_rows(parked)[:-1])
    question = "Give up sending these? They stay on this machine. [y/N] "
    if not confirmed(app, question, yes=yes):
        show_text("Nothing was given up.")
        return
    count = sync.drop(session_id)
    show_text(f"{changes(count)} given up; they stay on this machine.")


def _send(app: App, sync: Syncing, sessions: Collection[str] | None, names: str) -> None:
    from ..sending import notebook_bar, terminal_bar

    if app.host.is_kernel:
        output = Output()
        words = _wait(app, sync, sessions, names, notebook_bar(output, "Sending"))
        output.replace(text_bundle(words))
        return
    with terminal_bar("Sending") as bar:
        words = _wait(app, sync, sessions, names, bar)
    show_text(words)


def _wait(app: App, sync: Syncing, sessions: Collection[str] | None, names: str, bar: Bar) -> str:
    from ..sending import send

    try:
        standing, left = wait(app, send(sync.replica, sessions, bar))
    except TurnStopped:
        return f"{names}: it goes on in the background; %claude_session status says how far it is."
    return sent_words(standing, left, names)


def send_now(app: App, sync: Syncing, sessions: Collection[str], names: str) -> tuple[int, str]:
    """Send what sessions have to send; return how many changes could not go, and why in words."""
    from ..sending import send

    def unseen(done: int, total: int) -> None:
        del done, total

    standing, left = wait(app, send(sync.replica, sessions, unseen))
    return left, sent_words(standing, left, names)


@command(
    "watch",
    "follow a session that another server writes; Ctrl-C ends it in a terminal",
    arg("name", nargs="?", metavar="NAME"),
    session=True,
)
def _watch(app: App, args: argparse.Namespace) -> None:
    info = chosen(app, args.name)
    if app.host.is_kernel:
        from ..watching import WatchChat

        show_widget(WatchChat(info.client_id, desk=app))
        return
    session = app.sessions.attach(whole(app, info))
    printer = Printer(None)
    unsubscribe = session.subscribe(printer.heard)
    only = "" if app.sync else " Without Convex only this machine's notebooks can write in it."
    show_text(f"Following {info.name!r}; Ctrl-C ends that.{only}")
    try:
        wait(app, _for_ever())
    except TurnStopped:
        return
    finally:
        unsubscribe()
        printer.close()


async def _for_ever() -> None:
    await asyncio.Event().wait()
