"""Subcommands that show: what is current, what is stored, what was said and what it cost."""

from __future__ import annotations

import argparse
import html

from ..display import bundle, bylines, safe_markdown, todo_lines
from ..exporting import all_messages
from ..extension import App
from ..messages import Message, SessionInfo
from ..seen import visible
from ..sessions import working_folder_note
from ..sharing_words import role_rows
from ..store.replication import Replication
from ..tables import ago, money, show_bundle, show_table, show_text, size
from .registry import COMMANDS, arg, chosen, command, count, my_name, whole

_BUSY = {"running": "working", "waiting": "waits for permission"}


@command("status", "what is current, where it is stored, its state")
def _status(app: App, _: argparse.Namespace) -> None:
    from .syncing import sync_rows  # whose commands come later in the help

    session = app.sessions.current
    rows: list[tuple[str, object]] = []
    if session is None:
        rows.append(("session", "none is current yet: %claude makes or resumes one"))
    else:
        info = session.refresh()
        state = "working" if session.running else info.phase.type
        rows += [
            ("session", info.name),
            *role_rows(info),
            ("id", info.client_id),
            ("state", state),
            ("messages", info.message_count),
            ("cost", money(info.cost_usd)),
            ("folder", working_folder_note(info) or info.cwd),
            ("model", info.model or "the CLI's default"),
            ("permissions", session.options.permission_mode),
        ]
        if session.rate_limit is not None and session.rate_limit.status != "allowed":
            rows.append(("rate limit", session.rate_limit.status))
    rows += [("stored in", app.store.path), *sync_rows(app)]
    if app.settings.demo:
        rows.append(("model in use", "the demo script, not Claude"))
    show_table(("", ""), rows)


@command(
    "list",
    "sessions, the most recently active first",
    arg("--all", action="store_true"),
    arg("query", nargs="*", metavar="QUERY"),
)
def _list(app: App, args: argparse.Namespace) -> None:
    limit = 10_000 if args.all else 20
    query = " ".join(args.query)
    if app.sync is not None:
        app.sync.settle()  # on a new server there is nothing before
    found = app.store.sessions(query, archived=args.all, limit=limit + 1)
    if not found:
        words = f"No session matches {query!r}." if query else "There is no session yet."
        show_text(words)
        return
    current = app.sessions.current_id
    rows = [_row(info, current) for info in found[:limit]]
    more = "More with --all, or give words to search for." if len(found) > limit else ""
    headers = ("name", "state", "title", "last active", "messages", "cost", "id")
    show_table(headers, rows, caption=more)


def _row(info: SessionInfo, current: str | None) -> tuple[object, ...]:
    here = "current" if info.client_id == current else ""
    active = ago(info.last_activity_at)
    return (
        f"{info.name} ({info.owner})" if info.owner else info.name,
        ", ".join(filter(None, (here, _BUSY.get(info.phase.type, "")))),
        info.title,
        active,
        info.message_count,
        money(info.cost_usd),
        info.client_id[-8:],
    )


@command(
    "show",
    "the conversation's last turns",
    arg("name", nargs="?", metavar="NAME"),
    arg("-n", type=count, default=5, metavar="N"),
    session=True,
)
def _show(app: App, args: argparse.Namespace) -> None:
    info = whole(app, chosen(app, args.name))
    messages = all_messages(app.store, info.client_id)
    names = bylines(messages, my_name(app))
    kept = list(dict.fromkeys(m.turn_id for m in messages))[-args.n :]
    for turn_id in kept:
        turn = [m for m in messages if m.turn_id == turn_id]
        prompt = next((m for m in turn if m.type == "user"), None)
        shown = bundle(turn)
        if prompt is not None:
            by = names.get(prompt.client_id, "")
            shown = _with_prompt(prompt, by, shown, turn[-1].client_id[-8:])
        show_bundle(shown)
    if not kept:
        show_text(f"Nothing has been said in {info.name!r} yet.")


@command("todos", "Claude's to-do list", arg("name", nargs="?", metavar="NAME"), session=True)
def _todos(app: App, args: argparse.Namespace) -> None:
    info = whole(app, chosen(app, args.name))
    lines = todo_lines(app.store.todos(info.client_id).todos)
    show_text("\n".join(lines) if lines else f"{info.name!r} has no to-dos.")


@command("search", "find words in all sessions", arg("text", nargs="+", metavar="TEXT"))
def _search(app: App, args: argparse.Namespace) -> None:
    text = " ".join(args.text)
    hits = app.store.search(text)
    if not hits:
        show_text(f"Nothing found for {text!r}.")
        return
    rows = [(h.session.name, h.snippet, ago(h.message.timestamp)) for h in hits]
    show_table(("session", "text", "when"), rows)


@command("usage", "cost and tokens by day and session; Convex's calls and bytes by day")
def _usage(app: App, _: argparse.Namespace) -> None:
    found = app.store.usage()
    rows: list[tuple[object, ...]] = [
        (
            row["day"],
            row["name"],
            row["turns"],
            f"{row['input_tokens']:,}",
            f"{row['output_tokens']:,}",
            money(float(str(row["cost_usd"]))),
        )
        for row in found
    ]
    total = sum(float(str(row["cost_usd"])) for row in found)
    rows.append(("total", "", "", "", "", money(total)))
    show_table(("day", "session", "turns", "tokens in", "tokens out", "cost"), rows)
    _cloud_usage(app)


def _cloud_usage(app: App) -> None:
    if app.sync is not None:
        app.sync.note_use()
    used = Replication(app.store).uses()
    if not used:
        return
    rows = [
        (each.day, f"{each.calls:,}", size(each.bytes_up), size(each.bytes_down)) for each in used
    ]
    note = "Convex, from this machine; its own dashboard has the whole bill."
    show_table(("day", "calls", "sent", "received"), rows, caption=note)


@command("help", "this help")
def _help(app: App, _: argparse.Namespace) -> None:
    rows = [(known.usage, known.help) for known in COMMANDS.values()]
    show_table(("%claude_session …", ""), rows)


def _with_prompt(prompt: Message, by: str, shown: dict[str, str], at: str) -> dict[str, str]:
    """Put the prompt, and who asked, above a turn, and below the id by which a fork ends there."""
    asked = f"{by}: {prompt.text}" if by else prompt.text
    return {
        "text/html": f"<h4>{html.escape(asked)}</h4>{shown['text/html']}"
        f"<p><small>fork --at {at}</small></p>",
        "text/markdown": f"#### {safe_markdown(asked)}\n\n{shown['text/markdown']}"
        f"\n\n<small>fork --at {at}</small>",
        "text/plain": f"> {visible(asked)}\n\n{shown['text/plain']}\n(fork --at {at})\n",
    }
