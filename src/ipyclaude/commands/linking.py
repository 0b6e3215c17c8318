"""Subcommands for a person with two identities, such as those of two hubs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..exceptions import UsageMistake
from ..extension import App
from ..linked_words import words
from ..tables import show_table, show_text
from ..times import short_clock
from .confirming import confirmed
from .registry import arg, command
from .waiting import wait

if TYPE_CHECKING:
    from ..replica.linking import Linked, Linking, Who


@command(
    "link",
    "make your identity here and one elsewhere the same person",
    arg("code", nargs="?", default="", metavar="CODE"),
    arg("--cancel", action="store_true", help="void the code that was made here"),
)
def _link(app: App, args: argparse.Namespace) -> None:
    linking = app.synced().linking
    if args.cancel:
        wait(app, linking.cancel())
        show_text("The code is void.")
        return
    if args.code:
        _redeem(app, linking, args.code)
        return
    other = wait(app, linking.mine()).redeemed_by
    if other is not None:
        _confirm(app, linking, other)
        return
    code = wait(app, linking.start())
    until = short_clock(code.expires_at)
    show_text(
        f"Within ten minutes (until {until}), where you are signed in as your other identity:\n"
        f"    %claude_session link {code.text}\n"
        "Then come back and confirm it: %claude_session link\n"
        "Give the code to nobody: whoever is linked has all your sessions."
    )


def _redeem(app: App, linking: Linking, code: str) -> None:
    maker = wait(app, linking.look(code))
    if not _agreed(app, maker, "Who made this code"):
        show_text("Nothing was linked; the code can still be used.")
        return
    wait(app, linking.redeem(code, maker))
    show_text("Now confirm it where you made the code: %claude_session link")


def _confirm(app: App, linking: Linking, other: Who) -> None:
    if not _agreed(app, other, "Who redeemed your code"):
        wait(app, linking.cancel())
        show_text("Nothing was linked; the code is void.")
        return
    wait(app, linking.confirm(other))
    show_text(f"{words(other)} is you, too. In a moment both have all sessions of both.")


def _agreed(app: App, who: Who, title: str) -> bool:
    """Show an identity, and ask whether it is the person's own."""
    if not app.host.can_ask:
        raise UsageMistake(
            "Linking needs somebody to look.",
            why="Each side confirms the other, and this notebook runs unattended.",
            fix="Do it in a notebook or a terminal.",
        )
    show_table((title, ""), [("issuer", who.issuer), ("subject", who.subject), ("name", who.name)])
    return confirmed(
        app, "Is this you? All sessions of both become one person's. [y/N] ", yes=False
    )


@command(
    "unlink",
    "let an identity of yours be somebody new; the sessions stay with the others",
    arg("identity", nargs="?", default="", metavar="ISSUER"),
    arg("--yes", action="store_true", help="don't ask"),
)
def _unlink(app: App, args: argparse.Namespace) -> None:
    linking = app.synced().linking
    gone = _meant(wait(app, linking.mine()), args.identity)
    question = f"Unlink {words(gone)}? It begins anew there, without sessions. [y/N] "
    if not confirmed(app, question, yes=args.yes):
        show_text("Nothing was unlinked.")
        return
    wait(app, linking.unlink(gone))
    show_text(f"{words(gone)} is somebody new. All sessions stay with your other identities.")


def _meant(linked: Linked, named: str) -> Who:
    """Return the identity that is meant: the one of this issuer, or the only other one."""
    others = [each for each in linked.identities if not each.here]
    wanted = [each for each in linked.identities if named in (each.issuer, each.id)]
    found = wanted if named else others
    if len(found) == 1 and len(linked.identities) > 1:
        return found[0]
    if len(linked.identities) < 2:
        raise UsageMistake("Nothing is linked.", fix="%claude_session link links an identity.")
    raise UsageMistake(
        "Which identity is to go?",
        why=f"Yours are {', '.join(each.id for each in linked.identities)}.",
        fix="Name its issuer, or all of it.",
    )
