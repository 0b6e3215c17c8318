"""Subcommands that make, open, name, copy, close and delete sessions."""

from __future__ import annotations

import argparse
from typing import Any

from ..exceptions import SessionNameTaken, TurnStopped, UsageMistake
from ..extension import App
from ..forks import fork
from ..leases import until_free
from ..messages import SessionInfo
from ..output import show_widget
from ..roles import check_owns
from ..sessions import working_folder_note
from ..sync_words import changes
from ..tables import ago, show_text
from .confirming import confirmed
from .registry import arg, chosen, command


@command(
    "new",
    "make a session and use it; one of that name is opened",
    arg("name", nargs="?", default="", metavar="NAME"),
    arg("--local", action="store_true", help="keep it on this machine"),
)
def _new(app: App, args: argparse.Namespace) -> None:
    if args.name:
        _check_name(args.name)
    known = app.store.session(args.name) if args.name else None
    # Run All must not make a second one each time.
    fields: dict[str, Any] = {"local": True, "keep_local": True} if args.local else {}
    sessions = app.sessions
    session = sessions.attach(known) if known is not None else sessions.create(args.name, **fields)
    sessions.current = session
    words = "exists; opened it" if known is not None else "is new"
    here = " It stays on this machine." if args.local and session.info.local else ""
    show_text(f"Session {session.info.name!r} {words}.{here}")


@command(
    "open",
    "use another session",
    arg("name", metavar="NAME|ID|last"),
    alias="resume",
    session=True,
)
def _open(app: App, args: argparse.Namespace) -> None:
    session = app.sessions.attach(app.sessions.find(args.name))
    app.sessions.current = session
    info = session.refresh()
    lines = [f"Session {info.name!r}: {info.message_count} messages, {ago(info.last_activity_at)}."]
    note = working_folder_note(info)
    show_text("\n".join([*lines, note] if note else lines))


@command("rename", "give the current session another name", arg("name", metavar="NAME"))
def _rename(app: App, args: argparse.Namespace) -> None:
    session = app.sessions.for_cell(None)
    _check_free(app, args.name, session.info.client_id)
    old = session.info.name
    session.rename(args.name)
    show_text(f"{old!r} is now {args.name!r}.")


def _check_free(app: App, name: str, own: str = "") -> None:
    _check_name(name)
    taken = app.store.session(name)
    if taken is not None and taken.name == name and taken.client_id != own:
        raise SessionNameTaken(f"There is a session {name!r} already.", fix="Choose another name.")


@command(
    "fork",
    "go on in a copy; the original stays as it is",
    arg("name", nargs="?", metavar="NAME"),
    arg("--at", metavar="MESSAGE", help="id of the last message to copy"),
)
def _fork(app: App, args: argparse.Namespace) -> None:
    source = app.sessions.for_cell(None)
    if args.name:
        _check_free(app, args.name)
    info = fork(app, source, args.name or "", args.at)
    app.sessions.current = app.sessions.attach(info)
    show_text(f"Session {info.name!r} is a copy of {source.info.name!r}; it is current now.")


@command(
    "wait",
    "wait until nobody else works in a session",
    arg("name", nargs="?", metavar="NAME"),
    session=True,
)
def _wait(app: App, args: argparse.Namespace) -> None:
    info = chosen(app, args.name)
    try:
        app.runtime.wait(app.runtime.submit(until_free(app.store, info.client_id)))
    except KeyboardInterrupt:
        raise TurnStopped from None
    show_text(f"Session {info.name!r} is free.")


@command(
    "close",
    "end Claude's process; the session stays stored",
    arg("name", nargs="?", metavar="NAME"),
    session=True,
)
def _close(app: App, args: argparse.Namespace) -> None:
    info = chosen(app, args.name)
    app.sessions.drop(info.client_id)
    show_text(f"Session {info.name!r} is closed; %claude_session open brings it back.")


@command(
    "delete",
    "delete a session and all that belongs to it, on this machine",
    arg("name", metavar="NAME|ID"),
    arg("--everywhere", action="store_true", help="in Convex and on all servers too"),
    arg("--yes", action="store_true", help="don't ask"),
    session=True,
)
def _delete(app: App, args: argparse.Namespace) -> None:
    info = app.sessions.find(args.name)
    replicated = app.sync is not None and not info.local
    if args.everywhere and not replicated:
        app.synced()
    if args.everywhere:
        check_owns(info, "delete it everywhere; %claude_session leave is for oneself")
    if not confirmed(app, _question(app, info, everywhere=args.everywhere), yes=args.yes):
        show_text("Nothing was deleted.")
        return
    app.sessions.drop(info.client_id)
    if replicated and not args.everywhere:
        words = "deleted here; Convex and your other servers keep it"
    else:
        words = "deleted here, and everywhere once Convex is told" if replicated else "deleted"
    app.sessions.remove(info, everywhere=args.everywhere)
    show_text(f"Session {info.name!r} is {words}.")


def _question(app: App, info: SessionInfo, *, everywhere: bool) -> str:
    what = f"{info.name!r} with {info.message_count} messages"
    if app.sync is None or info.local:
        return f"Delete {what}? [y/N] "
    if everywhere:
        return f"Delete {what} in Convex and on all servers? [y/N] "
    unsent = app.sync.replica.waiting(info.client_id).rows
    lost = f" {changes(unsent)} not sent yet will be lost." if unsent else ""
    return f"Delete {what} on this machine?{lost} Convex keeps the rest. [y/N] "


@command("chat", "show the chat widget", arg("name", nargs="?", metavar="NAME"), session=True)
def _chat(app: App, args: argparse.Namespace) -> None:
    if not app.host.is_kernel:
        raise UsageMistake("The chat widget needs a notebook.", fix="In a terminal, use %claude.")
    show_widget(app.chat(args.name))


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or name == "last":
        raise UsageMistake(
            f"{name!r} cannot be a session's name.",
            why="'last' means the latest one." if name == "last" else "",
            fix="Choose a name of plain characters on one line.",
        )
