"""A token is handed out, and is seen by nobody who is not meant to (S6)."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback

import pytest
from issued import jwt

from ipyclaude.identity import Token
from ipyclaude.identity.static import StaticToken


def test_a_token_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """`print`, `repr`, formats, logs and tracebacks don't reveal a token (S6)."""
    token = Token("very-secret")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("x").info("%s %r %s", token, token, [token])
    try:
        raise ValueError(token)
    except ValueError:
        shown = traceback.format_exc()
    assert "very-secret" not in f"{token} {token!r} {vars_of(token)} {shown} {caplog.text}"
    assert token.reveal() == "very-secret"


def vars_of(token: Token) -> object:
    """Return what a variable inspector would look at."""
    return getattr(token, "__dict__", None)


def test_a_token_is_not_written_anywhere() -> None:
    """Pickling one fails, so that no cache of a notebook can keep it (S6)."""
    with pytest.raises(TypeError, match="not written"):
        pickle.dumps(Token("very-secret"))
    with pytest.raises(TypeError, match="not written"):
        copy.deepcopy(Token("very-secret"))


def test_tokens_are_compared_by_what_they_are() -> None:
    """Equal texts are equal tokens; a token is no key of a dict."""
    assert Token("a") == Token("a")
    assert Token("a") != Token("b")
    assert Token("a") != "a"
    with pytest.raises(TypeError):
        hash(Token("a"))


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "a.bnVsbA.c", jwt(), jwt(exp="soon")])
def test_a_token_without_an_end_has_none(text: str) -> None:
    """What is not a JWT with `exp` is still a token; who verifies it will judge."""
    assert Token.of_jwt(text).expires_at is None


def test_a_jwt_says_when_it_ends() -> None:
    """`expires_at` is the JWT's `exp` in ms."""
    assert Token.of_jwt(jwt(exp=1_700_000_000)).expires_at == 1_700_000_000_000


@pytest.mark.asyncio
async def test_a_static_token_is_read_anew_each_time() -> None:
    """A token that was changed in the environment is taken up; none is None."""
    texts = iter(["one", " two\n", "", None])
    source = StaticToken(lambda: next(texts))
    found = [await source.token(force_refresh=force) for force in (False, True, False, False)]
    assert [token and token.reveal() for token in found] == ["one", "two", None, None]
