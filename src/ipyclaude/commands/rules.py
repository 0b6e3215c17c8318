"""Subcommands for what tools may do unasked (S12)."""

from __future__ import annotations

import argparse

from ..exceptions import UsageMistake
from ..extension import App
from ..messages import Rule
from ..permissions import parse_rule
from ..tables import show_table, show_text
from .registry import arg, command


@command(
    "allow",
    "let a tool run unasked, or list the rules",
    arg("rule", nargs="*", metavar="RULE"),
    arg("--session", action="store_true", help="in the current session only"),
)
def _allow(app: App, args: argparse.Namespace) -> None:
    rule = " ".join(args.rule)  # Bash(git status:*) needs no quotes
    if not rule:
        _list_rules(app)
        return
    parse_rule(rule)
    session_id = app.sessions.for_cell(None).info.client_id if args.session else None
    app.permissions.remember(rule, session_id=session_id)
    where = "in this session" if args.session else "in all sessions"
    show_text(f"{rule} runs unasked {where}; %claude_session revoke takes it back.")


def _list_rules(app: App) -> None:
    session_id = app.sessions.current_id
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


@command("revoke", "take a rule back", arg("rule", nargs="+", metavar="RULE|NUMBER"))
def _revoke(app: App, args: argparse.Namespace) -> None:
    session_id = app.sessions.current_id
    for rule in _chosen(app.store.rules(session_id), " ".join(args.rule)):
        app.permissions.revoke(rule)
        show_text(f"{rule.pattern} is revoked.")


def _chosen(rules: list[Rule], wanted: str) -> list[Rule]:
    if wanted.isdigit() and 0 < int(wanted) <= len(rules):
        return [rules[int(wanted) - 1]]
    found = [rule for rule in rules if rule.pattern == wanted]
    if not found:
        raise UsageMistake(
            f"No rule {wanted!r} is remembered.", fix="%claude_session allow lists them."
        )
    return found
