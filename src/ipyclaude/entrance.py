"""Who is signed in, as the chat shows it, and signing in and out from there.

A sign-in takes minutes, and its page may be reloaded meanwhile: so what it waits for is state,
told to every chat, and the requests that begin and end it are answered at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn

from .exceptions import IpyClaudeError, SignedOut, TokenUnavailable
from .identity.accounts import NAME, Offers
from .identity.choose import STORED, Choice, Identity
from .identity.claims import read_claims
from .identity.oidc import CodePrompt, DevicePrompt
from .identity.sign_in import Account, SignIns
from .protocol import ErrorInfo, SignInPrompt, Who
from .runtime import Runtime
from .settings import IPyClaude

Listener = Callable[[Who], None]
_NO_WAY = "This deployment has no accounts, and no provider is set (c.IPyClaude.providers)."


class Entrance:
    """Where a person signs in and out in a chat; used on the loop.

    Parameters
    ----------
    settings, runtime, sign_ins, identity
        Of the kernel. Nothing of them is asked before a chat shows who is signed in.
    only_here
        Counts the sessions that could be sent (any thread).
    """

    def __init__(
        self,
        settings: IPyClaude,
        runtime: Runtime,
        sign_ins: SignIns,
        identity: Identity,
        only_here: Callable[[], int] = lambda: 0,
    ) -> None:
        self._only_here = only_here
        self._settings, self._runtime = settings, runtime
        self._sign_ins, self._identity = sign_ins, identity
        self._listeners: list[Listener] = []
        self._hears = False
        self._signing: asyncio.Task[None] | None = None
        self._offers = Offers()
        self._mailed = ""
        #: What the chats were told last.
        self.who = Who()

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` who is signed in, now and whenever that changes."""
        self._listeners.append(listener)
        if self._settings.convex_url:
            if not self._hears:
                self._hears = True
                # It may be told in the main thread, by a cell that signed in.
                self._identity.on_change(lambda: self._later(self.look()))
            self._later(self.look())
        return lambda: self._listeners.remove(listener)

    def _later(self, looking: Coroutine[Any, Any, None]) -> None:
        self._runtime.submit(looking)

    async def look(self) -> None:
        """Learn who is signed in, and what is only here."""
        if not self._settings.convex_url:
            return
        choice = await asyncio.to_thread(lambda: self._identity.choice)
        try:
            token = await self._identity.token(False)
        except SignedOut:
            token = None
        except TokenUnavailable:
            self._tell(Who(state="in", by=choice.words, can_leave=choice.kind in STORED))
            return
        if token is None:
            self._tell(self._nobody(choice))
            await self._ask_offers(choice)
            return
        self._mailed = ""
        claims = read_claims(token.reveal())
        name = claims.get("email") or claims.get("name") or claims.get("sub") or ""
        can_leave = choice.kind in STORED
        here = await asyncio.to_thread(self._only_here)
        who = Who(state="in", name=str(name), by=choice.words, can_leave=can_leave, only_here=here)
        self._tell(who)

    def _nobody(self, choice: Choice, error: ErrorInfo | None = None) -> Who:
        s = self._settings
        if choice.kind not in ("none", *STORED) or s.identity not in ("auto", *STORED):
            return Who(state="out", by=choice.words)
        accounts = (s.identity == "convex_auth" or not s.providers) and self._offers.accounts
        ways = () if s.identity == "convex_auth" else tuple(sorted(s.providers))
        return Who(
            state="out",
            by="" if accounts or ways else _NO_WAY,
            ways=ways,
            accounts=accounts,
            mail=accounts and self._offers.mail,
            mailed=self._mailed,
            error=error,
        )

    async def _ask_offers(self, choice: Choice) -> None:
        """Learn what there is to sign in with; while the deployment can't say, accounts are."""
        if choice.kind not in ("none", *STORED) or self._settings.identity == "none":
            return
        try:
            self._offers = await self._sign_ins.offers()
        except IpyClaudeError:
            return
        if self.who.state == "out":
            self._tell(self._nobody(choice, self.who.error))

    def _tell(self, who: Who) -> None:
        if self._signing is not None and not self._signing.done() and who.state == "out":
            return  # what it waits for stands there
        self.who = who
        for listener in list(self._listeners):
            listener(who)

    # -- in and out -------------------------------------------------------------------------

    async def sign_in(self, way: str, asking: ChatAsking) -> None:
        """Begin to sign in; whatever was begun before ends."""
        await self.cancel()
        self._signing = asyncio.ensure_future(self._sign_in(way, asking))

    async def _sign_in(self, way: str, asking: ChatAsking) -> None:
        asking.tell = self._wait_for
        self._wait_for(None)
        try:
            providers = dict(self._settings.providers)
            await self._sign_ins.login(providers, way, asking, code=asking.by_code)
        except IpyClaudeError as error:
            self._end(ErrorInfo(what=error.what, why=error.why, fix=error.fix))
            return
        except asyncio.CancelledError:
            self._end(None)
            raise
        self._signing = None
        await asyncio.to_thread(self._identity.choose_again)
        await self.look()

    def _wait_for(self, prompt: SignInPrompt | None) -> None:
        self.who = Who(state="waiting", prompt=prompt)
        for listener in list(self._listeners):
            listener(self.who)

    def _end(self, error: ErrorInfo | None) -> None:
        self._signing = None
        self._tell(self._nobody(self._identity.choice, error))

    async def mail_code(self, email: str) -> None:
        """Have a code mailed to an address; every chat then asks for it."""
        await self._sign_ins.mail_code(email)
        if self.who.state == "in":
            return  # another way was faster
        self._mailed = email
        self._tell(self._nobody(self._identity.choice))

    async def cancel(self) -> None:
        """End a sign-in that waits."""
        if self._signing is not None:
            self._signing.cancel()
            await asyncio.wait({self._signing})

    async def sign_out(self) -> None:
        """Sign out here; what is on this machine stays."""
        await self._sign_ins.logout()
        await asyncio.to_thread(self._identity.choose_again)
        await self.look()


class ChatAsking:
    """Shows in the chat what a person is to do, and answers with what they typed there.

    Parameters
    ----------
    keep
        They agreed that the sign-in is kept, for all notebooks.
    account
        E-mail and password, or a code, if they typed them.
    """

    def __init__(self, *, keep: bool, account: Account | None = None) -> None:
        self._keep, self._account = keep, account
        self.tell: Callable[[SignInPrompt], None] = lambda _: None

    @property
    def by_code(self) -> bool:
        """True where they typed a code."""
        return self._account is not None and bool(self._account.code)

    async def show_device(self, prompt: DevicePrompt) -> None:
        """Show the code and where to type it."""
        self.tell(SignInPrompt(url=prompt.whole_url, shown=prompt.url, code=prompt.code))

    async def show_page(self, prompt: CodePrompt) -> None:
        """Show the page to open."""
        self.tell(SignInPrompt(url=prompt.url))

    async def pasted(self, prompt: CodePrompt) -> NoReturn:
        """A chat has no place to paste: it never asks for that."""
        raise NotImplementedError(prompt.redirect)

    async def account(self, *, code: bool) -> Account:
        """Return what was typed."""
        if self._account is None or code != self.by_code:
            raise SignedOut("You are not signed in.", fix=f"%claude_session login {NAME}")
        return self._account

    async def by_mail(self, send: Callable[[str], Awaitable[None]]) -> NoReturn:
        """A chat asks for the mail and for its code one after the other: never for both."""
        raise NotImplementedError(send)

    async def may_keep(self, file: Path | None) -> bool:
        """Return what was agreed to."""
        del file
        return self._keep
