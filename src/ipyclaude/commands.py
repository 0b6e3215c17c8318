"""The subcommands of `%claude_session`: one decorated method each.

Help and completion come from the decorator. To add one: write a method here, decorate it
with its name, its one line of help and its arguments.
"""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from .display import bundle, todo_lines
from .exceptions import SessionNameTaken, UsageMistake
from .exporting import all_messages, export
from .extension import App, working_folder_note
from .forks import fork
from .messages import Message, Rule, SessionInfo
from .output import show_widget
from .permissions import parse_rule
from .tables import ago, money, show_bundle, show_table, show_text

_Arg = tuple[tuple[str, ...], dict[str, Any]]


def arg(*names: str, **options: Any) -> _Arg:
    """Declare an argument, as argparse's `add_argument` takes it."""
    return names, options


@dataclass(frozen=True)
class Command:
    """A subcommand: its name, help, parser, and what runs it."""

    name: str
    help: str
    args: tuple[_Arg, ...]
    run: Callable[[Commands, argparse.Namespace], None]
    takes_session: bool

    def parser(self) -> _Parser:
        """Build the parser of this command's arguments."""
        parser = _Parser(prog=f"%claude_session {self.name}", description=self.help, add_help=False)
        for names, options in self.args:
            parser.add_argument(*names, **options)
        return parser

    @property
    def options(self) -> list[str]:
        """The command's options, for completion."""
        return [name for names, _ in self.args for name in names if name.startswith("-")]

    @property
    def usage(self) -> str:
        """The command with its arguments, in a line."""
        text = self.parser().format_usage().removeprefix("usage: %claude_session ")
        return " ".join(text.split())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        usage = " ".join(self.format_usage().removeprefix("usage: ").split())
        raise UsageMistake(f"{message[:1].upper()}{message[1:]}.", fix=f"Use: {usage}")


COMMANDS: dict[str, Command] = {}

_Method = Callable[["Commands", argparse.Namespace], None]


def command(
    name: str, text: str, *args: _Arg, alias: str = "", session: bool = False
) -> Callable[[_Method], _Method]:
    """Register a method as a subcommand; `session` says that it takes a session's name."""

    def register(method: _Method) -> _Method:
        for spelled in (name, alias) if alias else (name,):
            COMMANDS[spelled] = Command(spelled, text, args, method, session)
        return method

    return register


class Commands:
    """Runs subcommands for one kernel."""

    def __init__(self, app: App) -> None:
        self._app = app

    def run(self, line: str) -> None:
        """Run `%claude_session LINE`.

        Raises
        ------
        UsageMistake
            An unknown subcommand or argument; it says what is right.
        """
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise UsageMistake(
                "The line cannot be read.", why=f"{error}.", fix="Close the quote."
            ) from error
        name = words[0] if words else "status"
        found = COMMANDS.get(name)
        if found is None:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise UsageMistake(
                f"There is no subcommand {name!r}.", fix=f"{hint}See %claude_session help."
            )
        found.run(self, found.parser().parse_args(words[1:]))

    # -- looking ------------------------------------------------------------------------

    @command("status", "what is current, where it is stored, its state")
    def _status(self, _: argparse.Namespace) -> None:
        app = self._app
        session = app.current
        rows: list[tuple[str, object]] = []
        if session is None:
            rows.append(("session", "none open yet: %claude makes or resumes one"))
        else:
            info = session.refresh()
            state = "working" if session.running else info.phase.type
            rows += [
                ("session", info.name),
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
        rows += [("stored in", app.store.path), ("sync", "local: kept on this machine only")]
        if app.settings.demo:
            rows.append(("model in use", "the demo script, not Claude"))
        show_table(("", ""), rows)

    @command(
        "list",
        "sessions, the most recently active first",
        arg("--all", action="store_true"),
        arg("query", nargs="*", metavar="QUERY"),
    )
    def _list(self, args: argparse.Namespace) -> None:
        limit = 10_000 if args.all else 20
        query = " ".join(args.query)
        found = self._app.store.sessions(query, archived=args.all, limit=limit + 1)
        if not found:
            words = f"No session matches {query!r}." if query else "There is no session yet."
            show_text(words)
            return
        current = self._app.current.info.client_id if self._app.current else None
        rows = [self._row(info, current) for info in found[:limit]]
        more = "More with --all, or give words to search for." if len(found) > limit else ""
        show_table(
            ("", "name", "title", "last active", "messages", "cost", "id"), rows, caption=more
        )

    @staticmethod
    def _row(info: SessionInfo, current: str | None) -> tuple[object, ...]:
        mark = "▶" if info.client_id == current else ("●" if info.busy else "")
        active = ago(info.last_activity_at)
        return (
            mark,
            info.name,
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
        arg("-n", type=int, default=5, metavar="N"),
        session=True,
    )
    def _show(self, args: argparse.Namespace) -> None:
        info = self._info(args.name)
        messages = all_messages(self._app.store, info.client_id)
        kept = list(dict.fromkeys(m.turn_id for m in messages))[-max(args.n, 1) :]
        for turn_id in kept:
            turn = [m for m in messages if m.turn_id == turn_id]
            prompt = next((m for m in turn if m.type == "user"), None)
            shown = bundle(turn)
            if prompt is not None:
                shown = _with_prompt(prompt, shown, turn[-1].client_id[-8:])
            show_bundle(shown)
        if not kept:
            show_text(f"Nothing has been said in {info.name!r} yet.")

    @command("todos", "Claude's to-do list", arg("name", nargs="?", metavar="NAME"), session=True)
    def _todos(self, args: argparse.Namespace) -> None:
        info = self._info(args.name)
        lines = todo_lines(self._app.store.todos(info.client_id).todos)
        show_text("\n".join(lines) if lines else f"{info.name!r} has no to-dos.")

    @command("search", "find words in all sessions", arg("text", nargs="+", metavar="TEXT"))
    def _search(self, args: argparse.Namespace) -> None:
        text = " ".join(args.text)
        hits = self._app.store.search(text)
        if not hits:
            show_text(f"Nothing found for {text!r}.")
            return
        rows = [(h.session.name, h.snippet, ago(h.message.timestamp)) for h in hits]
        show_table(("session", "text", "when"), rows)

    @command("usage", "cost and tokens by day and session")
    def _usage(self, _: argparse.Namespace) -> None:
        found = self._app.store.usage()
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

    @command("help", "this help")
    def _help(self, _: argparse.Namespace) -> None:
        rows = [(known.usage, known.help) for known in COMMANDS.values()]
        show_table(("%claude_session …", ""), rows)

    # -- opening and closing --------------------------------------------------------------

    @command(
        "new",
        "make a session and use it; one of that name is opened",
        arg("name", nargs="?", default="", metavar="NAME"),
    )
    def _new(self, args: argparse.Namespace) -> None:
        app = self._app
        if args.name:
            _check_name(args.name)
        known = app.store.session(args.name) if args.name else None
        # Run All must not make a second one each time.
        app.current = app.attach(known) if known is not None else app.create(args.name)
        words = "exists; opened it" if known is not None else "is new"
        show_text(f"Session {app.current.info.name!r} {words}.")

    @command(
        "open",
        "use another session",
        arg("name", metavar="NAME|ID|last"),
        alias="resume",
        session=True,
    )
    def _open(self, args: argparse.Namespace) -> None:
        app = self._app
        session = app.attach(app.find(args.name))
        app.current = session
        info = session.refresh()
        lines = [
            f"Session {info.name!r}: {info.message_count} messages, {ago(info.last_activity_at)}."
        ]
        note = working_folder_note(info)
        show_text("\n".join([*lines, note] if note else lines))

    @command("rename", "give the current session another name", arg("name", metavar="NAME"))
    def _rename(self, args: argparse.Namespace) -> None:
        app = self._app
        session = app.session_for(None)
        self._check_free(args.name, session.info.client_id)
        old = session.info.name
        session.rename(args.name)
        show_text(f"{old!r} is now {args.name!r}.")

    def _check_free(self, name: str, own: str = "") -> None:
        _check_name(name)
        taken = self._app.store.session(name)
        if taken is not None and taken.name == name and taken.client_id != own:
            raise SessionNameTaken(
                f"There is a session {name!r} already.", fix="Choose another name."
            )

    @command(
        "fork",
        "go on in a copy; the original stays as it is",
        arg("name", nargs="?", metavar="NAME"),
        arg("--at", metavar="MESSAGE", help="id of the last message to copy"),
    )
    def _fork(self, args: argparse.Namespace) -> None:
        app = self._app
        source = app.session_for(None)
        if args.name:
            self._check_free(args.name)
        app.current = app.attach(fork(app, source, args.name or "", args.at))
        info = app.current.info
        show_text(f"Session {info.name!r} is a copy of {source.info.name!r}; it is current now.")

    @command(
        "close",
        "end Claude's process; the session stays stored",
        arg("name", nargs="?", metavar="NAME"),
        session=True,
    )
    def _close(self, args: argparse.Namespace) -> None:
        info = self._info(args.name)
        self._app.drop(info.client_id)
        show_text(f"Session {info.name!r} is closed; %claude_session open brings it back.")

    @command(
        "delete",
        "delete a session and all that belongs to it",
        arg("name", metavar="NAME|ID"),
        arg("--yes", action="store_true", help="don't ask"),
        session=True,
    )
    def _delete(self, args: argparse.Namespace) -> None:
        info = self._app.find(args.name)
        if not args.yes:
            if not self._app.host.can_ask:
                raise UsageMistake("Nobody is here to confirm.", fix="Add --yes.")
            said = input(f"Delete {info.name!r} with {info.message_count} messages? [y/N] ")
            if said.strip().lower() not in ("y", "yes"):
                show_text("Nothing was deleted.")
                return
        self._app.drop(info.client_id)
        self._app.store.delete_session(info.client_id)
        show_text(f"Session {info.name!r} is deleted.")

    @command("chat", "show the chat widget", arg("name", nargs="?", metavar="NAME"), session=True)
    def _chat(self, args: argparse.Namespace) -> None:
        if not self._app.host.is_kernel:
            raise UsageMistake(
                "The chat widget needs a notebook.", fix="In a terminal, use %claude."
            )
        show_widget(self._app.chat(args.name))

    # -- files ----------------------------------------------------------------------------

    @command(
        "export",
        "write a session to a file",
        arg("name", metavar="NAME"),
        arg("file", metavar="FILE.{md,html,ipynb,jsonl}"),
        arg("--force", action="store_true", help="replace the file"),
        session=True,
    )
    def _export(self, args: argparse.Namespace) -> None:
        path = export(self._app.store, self._app.find(args.name), args.file, force=args.force)
        show_text(f"Written to {path}.")

    @command(
        "import",
        "read Claude Code's own history; it is never changed",
        arg("path", nargs="?", metavar="PATH"),
        arg("--all", action="store_true", help="of all projects"),
    )
    def _import(self, args: argparse.Namespace) -> None:
        from .importing import import_with_progress

        paths = [Path(args.path).expanduser()] if args.path else None
        report = import_with_progress(self._app.store, self._app.transcripts, paths, every=args.all)
        show_text(report)

    # -- permissions ----------------------------------------------------------------------

    @command(
        "allow",
        "let a tool run unasked, or list the rules",
        arg("rule", nargs="?", metavar="RULE"),
        arg("--session", action="store_true", help="in the current session only"),
    )
    def _allow(self, args: argparse.Namespace) -> None:
        app = self._app
        if args.rule is None:
            self._list_rules()
            return
        parse_rule(args.rule)
        session_id = app.session_for(None).info.client_id if args.session else None
        app.permissions.remember(args.rule, session_id=session_id)
        where = "in this session" if args.session else "in all sessions"
        show_text(f"{args.rule} runs unasked {where}; %claude_session revoke takes it back.")

    def _list_rules(self) -> None:
        app = self._app
        session_id = app.current.info.client_id if app.current else None
        rows: list[tuple[object, ...]] = [
            (number, rule.behavior, rule.pattern, "this session" if rule.session_id else "all")
            for number, rule in enumerate(app.store.rules(session_id), 1)
        ]
        rows += [("", "allow", pattern, "settings") for pattern in app.settings.allow]
        rows += [("", "deny", pattern, "settings") for pattern in app.settings.deny]
        if rows:
            show_table(("", "", "rule", "where"), rows)
        else:
            show_text("No rules: tools that write, run or fetch ask first.")

    @command("revoke", "take a rule back", arg("rule", metavar="RULE|NUMBER"))
    def _revoke(self, args: argparse.Namespace) -> None:
        app = self._app
        session_id = app.current.info.client_id if app.current else None
        rules = app.store.rules(session_id)
        for rule in _chosen(rules, args.rule):
            app.permissions.revoke(rule)
        show_text(f"{args.rule} is revoked.")

    def _info(self, name: str | None) -> SessionInfo:
        return self._app.find(name) if name else self._app.session_for(None).refresh()


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or name == "last":
        raise UsageMistake(
            f"{name!r} cannot be a session's name.",
            why="'last' means the latest one." if name == "last" else "",
            fix="Choose a name of plain characters on one line.",
        )


def _chosen(rules: list[Rule], wanted: str) -> list[Rule]:
    if wanted.isdigit() and 0 < int(wanted) <= len(rules):
        return [rules[int(wanted) - 1]]
    found = [rule for rule in rules if rule.pattern == wanted]
    if not found:
        raise UsageMistake(
            f"No rule {wanted!r} is remembered.", fix="%claude_session allow lists them."
        )
    return found


def _with_prompt(prompt: Message, shown: dict[str, str], at: str) -> dict[str, str]:
    """Put the prompt above a turn, and below it the id by which a fork can end there."""
    import html

    from .display import safe_markdown

    return {
        "text/html": f"<h4>{html.escape(prompt.text)}</h4>{shown['text/html']}"
        f"<p><small>fork --at {at}</small></p>",
        "text/markdown": f"#### {safe_markdown(prompt.text)}\n\n{shown['text/markdown']}"
        f"\n\n<small>fork --at {at}</small>",
        "text/plain": f"> {prompt.text}\n\n{shown['text/plain']}\n(fork --at {at})",
    }
