"""Subcommands for sessions that several people have: share, join, members, unshare, leave."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .. import sharing_words as words
from ..codes import make_code, plain
from ..exceptions import IpyClaudeError, UsageMistake
from ..extension import App
from ..messages import SessionInfo
from ..roles import check_may_write, check_owns
from ..tables import show_table, show_text
from ..times import clock
from .confirming import confirmed
from .registry import arg, chosen, command, count
from .syncing import send_now
from .waiting import wait

if TYPE_CHECKING:
    from ..replica.sharing import Invite, Member
    from ..syncing import Syncing

_ROLES = ("viewer", "editor")
_YES = arg("--yes", action="store_true", help="don't ask")


def _sharing(app: App) -> Syncing:
    app.policy.check_sharing()
    return app.synced()


@command(
    "share",
    "let others into a session: makes a code that they join by",
    arg("name", nargs="?", metavar="NAME"),
    arg("--role", choices=_ROLES, default="viewer", help="an editor prompts, a viewer only reads"),
    arg("--with", dest="code", metavar="CODE", help="let in who made this code (join makes one)"),
    arg("--link", action="store_true", help="a whole cell to paste, instead of the line alone"),
    arg("--uses", type=count, default=1, metavar="N", help="how many people may use it"),
    arg("--days", type=count, default=7, metavar="N", help="how long it may be used"),
    arg("--editors-approve", choices=("yes", "no"), help="may editors answer what is asked here"),
    _YES,
    session=True,
)
def _share(app: App, args: argparse.Namespace) -> None:
    sync = _sharing(app)
    info = chosen(app, args.name)
    if args.editors_approve is not None:
        _let_editors_answer(app, info, may=args.editors_approve == "yes", yes=args.yes)
        return
    check_owns(info, "share it")
    words.check_limits(args.uses, args.days)
    code = args.code or make_code()
    words.check_code(plain(code))
    if not _sent(app, sync, info, yes=args.yes):
        show_text("Nothing was shared.")
        return
    inviting = sync.sharing.invite(
        info.client_id, code, role=args.role, uses=args.uses, days=args.days
    )
    invite = wait(app, inviting)
    if args.code:
        show_text(words.expected(info.name, invite, code))
    else:
        url = app.settings.convex_url
        show_text(words.invitation(info.name, invite, code, link=args.link, url=url))


def _sent(app: App, sync: Syncing, info: SessionInfo, *, yes: bool) -> bool:
    """See to it that the session is in Convex; False where its person does not want that."""
    if info.local:
        if not confirmed(app, words.send_question(info, app.settings.convex_url), yes=yes):
            return False
        app.send(info)
    left, said = send_now(app, sync, [info.client_id], repr(info.name))
    if left:
        raise IpyClaudeError(f"Session {info.name!r} can't be shared yet.", why=said)
    return True


def _let_editors_answer(app: App, info: SessionInfo, *, may: bool, yes: bool) -> None:
    check_may_write(info)
    if may:
        app.policy.check_editor_approvals()
        question = words.answer_question(info, app.settings.server_label)
        if not confirmed(app, question, yes=yes):
            show_text(words.answers_stand(info, may=info.editors_may))
            return
    app.sessions.attach(info).let_editors_answer(may)
    show_text(words.answers_stand(info, may=may))


@command(
    "join",
    "come into a session by a code; without one, make a code to send to its owner",
    arg("code", nargs="*", metavar="CODE"),
)
def _join(app: App, args: argparse.Namespace) -> None:
    sync = _sharing(app)
    if not args.code:
        show_text(words.own_code(make_code()))
        return
    code = plain(" ".join(args.code))
    words.check_code(code)
    info = wait(app, sync.sharing.redeem(code))
    if info.client_id in {each.info.client_id for each in app.sessions.opened}:
        app.sessions.drop(info.client_id)  # it may have been opened while it was not shared
    app.sessions.current = app.sessions.attach(info)
    show_text(words.joined(info))


@command(
    "members",
    "who is in a session, and which invitations stand",
    arg("name", nargs="?", metavar="NAME"),
    session=True,
)
def _members(app: App, args: argparse.Namespace) -> None:
    info = chosen(app, args.name)
    sync = app.synced()
    if info.local:
        check_may_write(info)
        show_text(f"You alone: session {info.name!r} is on this machine only.")
        return
    members = wait(app, sync.sharing.members(info.client_id))
    show_table(("name", "e-mail", "role", "since", "id"), words.member_rows(members))
    invites = _invites(app, sync, info)
    rows = words.invite_rows(invites)
    if rows:
        show_table(("invitation", "role", "uses left", "until"), rows)


def _invites(app: App, sync: Syncing, info: SessionInfo) -> list[Invite]:
    return wait(app, sync.sharing.invites(info.client_id)) if info.role == "owner" else []


@command(
    "role",
    "make a member a viewer or an editor",
    arg("member", metavar="MEMBER"),
    arg("role", choices=_ROLES),
    arg("name", nargs="?", metavar="NAME"),
)
def _role(app: App, args: argparse.Namespace) -> None:
    info, sync = chosen(app, args.name), app.synced()
    check_owns(info, "say who is what")
    if args.role == "editor":
        app.policy.check_sharing()
    members = wait(app, sync.sharing.members(info.client_id))
    member = words.chosen_member(args.member, members)
    if member is None:
        raise words.nobody(args.member, members)
    wait(app, sync.sharing.set_role(info.client_id, member.id, args.role))
    show_text(f"{member.name} is {args.role} of {info.name!r} now.")


@command(
    "unshare",
    "put a member out or take a code back; without a name, everybody and all codes",
    arg("who", nargs="?", metavar="MEMBER|INVITATION"),
    arg("--from", dest="name", metavar="NAME", help="of another session than the current one"),
    _YES,
)
def _unshare(app: App, args: argparse.Namespace) -> None:
    info, sync = chosen(app, args.name), app.synced()
    check_owns(info, "put people out; %claude_session leave is for oneself")
    members = wait(app, sync.sharing.members(info.client_id))
    invites = _invites(app, sync, info)
    others = [member for member in members if member.role != "owner"]
    if args.who is None:
        _unshare_all(app, sync, info, others, invites, yes=args.yes)
        return
    member = words.chosen_member(args.who, others)
    invite = words.chosen_invite(args.who, invites)
    if member is not None:
        wait(app, sync.sharing.remove(info.client_id, member.id))
        show_text(
            f"{member.name} is out: nothing more of {info.name!r} reaches them. What they had "
            "received stays on their machine."
        )
    elif invite is not None:
        wait(app, sync.sharing.revoke(info.client_id, invite.id))
        show_text("The code opens nothing any more; who has used it stays a member.")
    else:
        raise words.nobody(args.who, members)


def _unshare_all(
    app: App,
    sync: Syncing,
    info: SessionInfo,
    members: list[Member],
    invites: list[Invite],
    *,
    yes: bool,
) -> None:
    if not members and not invites:
        show_text(f"Session {info.name!r} is shared with nobody.")
        return
    names = ", ".join(member.name for member in members) or "no member"
    question = f"End the sharing of {info.name!r}: {names}, {len(invites)} codes? [y/N] "
    if not confirmed(app, question, yes=yes):
        show_text("Nothing was changed.")
        return
    # The codes first, or somebody could come back by one.
    for invite in invites:
        wait(app, sync.sharing.revoke(info.client_id, invite.id))
    for member in members:
        wait(app, sync.sharing.remove(info.client_id, member.id))
    show_text(f"Session {info.name!r} is yours alone. What others had received stays with them.")


@command(
    "leave",
    "go out of somebody else's session",
    arg("name", nargs="?", metavar="NAME"),
    session=True,
)
def _leave(app: App, args: argparse.Namespace) -> None:
    info, sync = chosen(app, args.name), app.synced()
    if info.role == "owner":
        raise UsageMistake(
            f"Session {info.name!r} is your own.",
            fix="%claude_session unshare ends its sharing, delete deletes it.",
        )
    app.sessions.attach(info).check_free()
    if info.role != "none":
        send_now(app, sync, [info.client_id], repr(info.name))
        wait(app, sync.sharing.leave(info))
    show_text(
        f"You are out of {info.name!r}. What you had received stays here to read; "
        f"%claude_session delete {info.client_id[-8:]} removes it."
    )


@command(
    "take-over",
    "end the turn that a member runs in your session",
    arg("name", nargs="?", metavar="NAME"),
    _YES,
    session=True,
)
def _take_over(app: App, args: argparse.Namespace) -> None:
    info, sync = chosen(app, args.name), app.synced()
    check_owns(info, "take it over")
    writer = sync.people(info.client_id).writer
    if writer is None or not writer.name:
        where = f" but your own server {writer.label}" if writer is not None else ""
        show_text(f"Nobody else{where} works in {info.name!r}.")
        return
    who = f"{writer.name} ({writer.label})"
    if not confirmed(app, words.take_over_question(info, who, clock(writer.since)), yes=args.yes):
        show_text("Nothing was ended.")
        return
    app.sessions.attach(info)
    wait(app, sync.take_over(info))
    show_text(f"Session {info.name!r} is yours to prompt in. What {writer.name} had got is kept.")
