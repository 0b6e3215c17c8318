"""Subcommands for who you are to Convex: sign in, sign out, who is signed in."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import html
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from ..exceptions import SignedOut, UsageMistake
from ..extension import NO_DEPLOYMENT, App
from ..identity.accounts import NAME
from ..identity.choose import STORED
from ..identity.claims import read_claims
from ..identity.oidc import CodePrompt, DevicePrompt
from ..identity.sign_in import Account
from ..linked_words import linked_rows
from ..runtime import Interrupted
from ..store.replication import Replication
from ..sync_words import only_here
from ..tables import show_bundle, show_table, show_text
from ..times import clock
from .confirming import ask
from .registry import arg, command
from .waiting import wait

T = TypeVar("T")

_KEPT = {
    "keyring": "It is kept in the system's keyring, for all notebooks here.",
    "file": "It is kept in {file}, which only you can read, for all notebooks here.",
    "memory": "It is kept nowhere: it ends with this kernel.",
}


@command(
    "login",
    "sign in, so that your sessions follow you",
    arg("provider", nargs="?", default="", metavar="PROVIDER"),
    arg("--paste", action="store_true", help="a browser elsewhere; paste the address it ends at"),
    arg("--code", action="store_true", help="you were given a code for an account of Convex's own"),
    arg("--mail", action="store_true", help="have a code for your account mailed to you"),
    arg(
        "--keep",
        action="store_true",
        help="keep it for all notebooks here: in the keyring, else in a file of yours",
    ),
)
def _login(app: App, args: argparse.Namespace) -> None:
    choice = app.identity.choice
    if choice.kind not in ("none", *STORED):
        raise UsageMistake(
            "You are signed in already.",
            why=choice.words,
            fix="To sign in otherwise, set c.IPyClaude.identity = 'oidc'.",
        )
    if not (app.settings.convex_url or app.settings.providers):
        raise UsageMistake(*NO_DEPLOYMENT)
    person = _Person(app, keep=args.keep)
    name = args.provider or (NAME if app.settings.identity == "convex_auth" else "")
    signing_in = app.sign_ins.login(
        app.settings.providers, name, person, paste=args.paste, code=args.code, mail=args.mail
    )
    kept, where = wait(app, signing_in)
    app.identity.choose_again()
    words = _KEPT[where].format(file=app.sign_ins.file)
    here = 0 if app.homes.away else len(Replication(app.store).only_here())
    offer = "".join(f" {words}." for _, words in only_here(here))
    show_text(f"You are signed in as {kept.name}. {words}{offer}")


@command(
    "logout",
    "sign out here; what is on this machine stays",
    arg("--everywhere", action="store_true", help="end the sign-in at the provider too"),
)
def _logout(app: App, args: argparse.Namespace) -> None:
    choice = app.identity.choice
    if choice.kind not in ("none", *STORED):
        raise UsageMistake(
            "This sign-in cannot be ended from here.",
            why=choice.words,
            fix="To use none, set c.IPyClaude.identity = 'none'.",
        )
    kept, ended = wait(app, app.sign_ins.logout(everywhere=args.everywhere))
    app.identity.choose_again()
    if kept is None:
        show_text("Nobody was signed in.")
        return
    there = ""
    if args.everywhere:
        there = " The provider ended it, too." if ended else " The provider does not end sign-ins."
        if kept.deployment:
            there = " So is every other place."
    show_text(f"{kept.name} is signed out.{there} What is on this machine stays.")


@command("whoami", "who you are to Convex, and by what")
def _whoami(app: App, _: argparse.Namespace) -> None:
    choice = app.identity.choice
    try:
        token = wait(app, app.identity.token(False))
    except SignedOut as error:
        show_table(("", ""), [("signed in", "no"), ("why", error.why), ("do", error.fix)])
        return
    if token is None:
        what_next = ("do", "%claude_session login")
        if not (app.settings.convex_url or app.settings.providers):
            what_next = ("why", "no Convex deployment is set, so nobody has to: all stays here")
        show_table(("", ""), [("signed in", "no"), what_next])
        return
    claims = read_claims(token.reveal())
    rows: list[tuple[str, object]] = [
        ("signed in", claims.get("email") or claims.get("name") or claims.get("sub") or "yes"),
        ("by", choice.words),
        ("issuer", claims.get("iss", "unknown")),
        ("subject", claims.get("sub", "unknown")),
    ]
    if token.expires_at is not None:
        until = clock(token.expires_at)
        rows.append(("token", f"valid until {until}, renewed by itself"))
    if app.sync is not None:
        rows += linked_rows(wait(app, app.sync.linking.standing()))
    show_table(("", ""), rows)


# ---- asking a person, from the loop --------------------------------------------------------


class _Person:
    """Asks whoever sits at the notebook."""

    def __init__(self, app: App, *, keep: bool) -> None:
        self._app = app
        self._keep = keep

    async def show_device(self, prompt: DevicePrompt) -> None:
        """Show the code and where to type it."""
        minutes = max(round(prompt.lasts / 60), 1)
        await self._show(prompt.whole_url, prompt.url, prompt.code, f"It lasts {minutes} min.")

    async def show_page(self, prompt: CodePrompt) -> None:
        """Show the page to open."""
        note = "With a browser on another machine: %claude_session login --paste"
        await self._show(prompt.url, prompt.url, "", note)

    async def pasted(self, prompt: CodePrompt) -> str:
        """Show the page, and take the address that the browser ended at."""
        if not self._app.host.can_ask:
            raise UsageMistake(
                "--paste needs somebody to paste.",
                why="This notebook runs unattended.",
                fix="Sign in from a notebook or a terminal.",
            )
        note = f"Afterwards the browser can't open {prompt.redirect}: that is right."
        await self._show(prompt.url, prompt.url, "", note)
        return await self._read("Paste the whole address from the browser's address bar: ")

    async def account(self, *, code: bool) -> Account:
        """Ask for e-mail and password; what is secret is typed unseen and kept nowhere (S6)."""
        email = await self._email()
        if not code:
            return Account(email, await self._secret("Password: "))
        given = await self._secret("The code that you were given: ")
        return Account(email, await self._new("A new password, of 10 characters or more: "), given)

    async def by_mail(self, send: Callable[[str], Awaitable[None]]) -> Account:
        """Ask for the e-mail, have a code sent there, and ask for it; it is typed unseen (S6)."""
        email = await self._email()
        await send(email)
        sent = f"If {email} has an account, a mail with a code is under way. It lasts 10 minutes."
        await self._main(lambda: show_text(sent))
        code = await self._secret("The code from the mail: ")
        return Account(email, await self._new("A new password, or nothing to keep yours: "), code)

    async def _email(self) -> str:
        if not self._app.host.can_ask:
            raise UsageMistake(
                "Signing in needs somebody to type a password.",
                why="This notebook runs unattended.",
                fix="Sign in from a notebook or a terminal.",
            )
        return await self._read("E-mail: ")

    async def _new(self, question: str) -> str:
        password = await self._secret(question)
        if password and password != await self._secret("The same again: "):
            raise UsageMistake("The two passwords differ.", fix="Try again.")
        return password

    async def may_keep(self, file: Path | None) -> bool:
        """Ask whether the sign-in may be kept in a file, or in the keyring."""
        if self._keep or not self._app.host.can_ask:
            return self._keep
        where = "the system's keyring" if file is None else f"{file}, which only you can read"
        question = f"Keep the sign-in in {where}, for all notebooks here? [y/N] "
        return (await self._read(question)).lower() in {"y", "yes"}

    async def _show(self, link: str, shown: str, code: str, note: str) -> None:
        await self._main(lambda: show_bundle(_prompt(link, shown, code, note)))

    async def _read(self, question: str) -> str:
        return await self._main(lambda: ask(question))

    async def _secret(self, question: str) -> str:
        # A kernel asks its front end for it, which shows dots and keeps no copy in the output.
        return await self._main(lambda: getpass.getpass(question))

    async def _main(self, job: Callable[[], T]) -> T:
        try:
            return await asyncio.wrap_future(self._app.runtime.call_main(job))
        except Interrupted:
            raise asyncio.CancelledError from None


def _prompt(link: str, shown: str, code: str, note: str) -> dict[str, str]:
    typed = f" and type {code}" if code else ""
    href, label = html.escape(link, quote=True), html.escape(shown if code else "this page")
    shown_code = f" and type <code><b>{html.escape(code)}</b></code>" if code else ""
    return {
        "text/html": f'<p>Open <a href="{href}" target="_blank" rel="noopener noreferrer">{label}'
        f"</a>{shown_code}. {html.escape(note)}</p>",
        "text/plain": f"Open {link}{typed}. {note}",
    }
