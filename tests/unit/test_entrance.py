"""What the chats are told of who is signed in."""

from __future__ import annotations

from typing import Any, cast

import pytest
from issued import jwt

from ipyclaude.entrance import Entrance
from ipyclaude.identity.choose import Choice, Identity
from ipyclaude.identity.static import StaticToken
from ipyclaude.runtime import Runtime
from ipyclaude.settings import IPyClaude


@pytest.mark.asyncio
async def test_a_mail_that_comes_late_signs_nobody_out() -> None:
    """Who is signed in by the time a code is mailed stays so, in all chats."""
    choices = [Choice("none", "Nobody is signed in.")]
    identity = Identity(lambda: choices[-1])

    class SignIns:
        async def mail_code(self, _: str) -> None:
            token = StaticToken(lambda: jwt(iss="https://id", sub="ada"))
            choices.append(Choice("oidc", "given", token))
            identity.choose_again()
            await entrance.look()

    settings = IPyClaude(convex_url="http://127.0.0.1:9")
    entrance = Entrance(settings, Runtime(), cast("Any", SignIns()), identity)
    await entrance.mail_code("ada@example.test")
    assert (entrance.who.state, entrance.who.name) == ("in", "ada")
