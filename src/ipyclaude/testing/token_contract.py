"""`TokenSourceContract`: what every token source must do.

A new source's test is a subclass of it, or of `RenewingTokenContract` where the source asks
somebody for its tokens, with one method that lends an `Issuing`: the source, and what a test
can do to the place that its tokens come from::

    @pytest.mark.asyncio
    class TestMySource(RenewingTokenContract):
        def issuing(self, tmp_path: Path) -> AbstractAsyncContextManager[Issuing]:
            ...
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ..exceptions import IpyClaudeError, SignedOut
from ..identity import Token, TokenSource
from ..messages import now_ms


@dataclass
class Issuing:
    """A source under test, and the place where its tokens come from.

    `break_it` makes that place fail from now on, `mend_it` ends that; `advance` moves the
    source's clock, in seconds. A source of one token that stays needs none of them.
    """

    source: TokenSource
    #: Returns every token that was given out so far, oldest first.
    issued: Callable[[], list[str]]
    sign_out: Callable[[], None]
    break_it: Callable[[], None] = lambda: None
    mend_it: Callable[[], None] = lambda: None
    advance: Callable[[float], None] = lambda _: None
    #: Other secrets that nobody may see, e.g. what is traded for a token.
    secrets: list[str] = field(default_factory=list[str])


class TokenSourceContract:
    """What every token source must do."""

    #: A new token can be had by force.
    renews = False

    def issuing(self, tmp_path: Path) -> AbstractAsyncContextManager[Issuing]:
        """Lend a source that somebody is signed in to."""
        raise NotImplementedError

    async def test_a_token_is_one_that_was_issued(self, tmp_path: Path) -> None:
        """What is handed out is what was issued last, and it has not ended."""
        async with self.issuing(tmp_path) as place:
            token = await place.source.token(False)
            assert token is not None
            assert token.reveal() == place.issued()[-1]
            assert token.expires_at is None or token.expires_at > now_ms()

    async def test_it_is_kept(self, tmp_path: Path) -> None:
        """Asking again before its time is no second request."""
        async with self.issuing(tmp_path) as place:
            first = await place.source.token(False)
            assert await place.source.token(False) == first
            assert len(place.issued()) == 1

    async def test_force_gets_a_newer_one(self, tmp_path: Path) -> None:
        """A refused token is replaced where it can be."""
        async with self.issuing(tmp_path) as place:
            first = await place.source.token(False)
            second = await place.source.token(True)
            assert (second != first) is self.renews

    async def test_many_at_once_are_one_request(self, tmp_path: Path) -> None:
        """Twenty who ask together, by force or not, make one request."""
        async with self.issuing(tmp_path) as place:
            await place.source.token(False)
            found = await asyncio.gather(*(place.source.token(True) for _ in range(20)))
            assert len(place.issued()) == (2 if self.renews else 1)
            assert all(token == found[0] for token in found)

    async def test_signed_out_is_no_token(self, tmp_path: Path) -> None:
        """After signing out elsewhere there is no newer token: None, or `SignedOut`."""
        async with self.issuing(tmp_path) as place:
            await place.source.token(False)
            place.sign_out()
            with contextlib.suppress(SignedOut):
                assert await place.source.token(True) is None


class RenewingTokenContract(TokenSourceContract):
    """What a source that asks somebody for its tokens must do besides."""

    renews = True

    async def test_it_is_renewed_before_its_end(self, tmp_path: Path) -> None:
        """With a third of its life left, a token is replaced without being asked to."""
        async with self.issuing(tmp_path) as place:
            first = await place.source.token(False)
            assert first is not None
            assert first.expires_at is not None
            place.advance((first.expires_at - now_ms()) / 1000 * 0.67)
            second = await place.source.token(False)
            assert second is not None
            assert second != first

    async def test_a_failure_keeps_the_valid_token(self, tmp_path: Path) -> None:
        """While the issuer fails, a token that is still valid goes on being handed out (S14)."""
        async with self.issuing(tmp_path) as place:
            first = await place.source.token(False)
            place.break_it()
            assert await place.source.token(True) == first

    async def test_a_failure_is_told_without_secrets(self, tmp_path: Path) -> None:
        """With no valid token it says what to do, leaks nothing, and works again later (S6)."""
        async with self.issuing(tmp_path) as place:
            place.break_it()
            with pytest.raises(IpyClaudeError) as caught:
                await place.source.token(False)
            assert not isinstance(caught.value, SignedOut)
            assert caught.value.fix
            shown = "".join(traceback.format_exception(caught.value))
            assert [secret for secret in place.secrets if secret in shown] == []
            place.mend_it()
            assert isinstance(await place.source.token(False), Token)
