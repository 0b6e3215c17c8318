"""The issuer's keys: published before they sign, honoured until their tokens end, kept 0600."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyclaude.exceptions import SettingsError
from ipyclaude.hub.keys import (
    JWKS_MAX_AGE,
    LEEWAY,
    GivenKeys,
    KeyFile,
    SigningKey,
    published,
    signer,
)

LIFETIME = 600
_KEY = SigningKey.generate(0).key


def key(created: float) -> SigningKey:
    return SigningKey(f"made at {created:g}", created, _KEY)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@given(
    made=st.lists(st.integers(0, 5_000), min_size=1, max_size=5, unique=True),
    at=st.integers(0, 20_000),
)
def test_whoever_verifies_knows_the_key_of_every_valid_token(made: list[int], at: int) -> None:
    """What signs now was published as long ago as a copy may be kept, and stays while it counts."""
    keys = [key(created) for created in sorted(made)]
    known = [k for k in keys if k.created <= at] or keys[:1]
    signing = signer(known, at)
    # A copy of the keys that was made JWKS_MAX_AGE ago, unless there was no key then.
    then = at - JWKS_MAX_AGE
    copied = [k for k in keys if k.created <= then] or keys[:1]
    assert signing.kid in {k.kid for k in published(copied, then, LIFETIME)}
    # Until the token has ended, also by a clock that is late.
    for later in range(at, at + LIFETIME + LEEWAY, 60):
        there = [k for k in keys if k.created <= later] or keys[:1]
        assert signing.kid in {k.kid for k in published(there, later, LIFETIME)}


def test_an_old_key_goes_in_the_end() -> None:
    """Once no token of it can be valid, a key is no longer published."""
    keys = [key(0), key(1000)]
    end = 1000 + JWKS_MAX_AGE + LIFETIME + LEEWAY
    assert len(published(keys, end, LIFETIME)) == 2
    assert [k.kid for k in published(keys, end + 1, LIFETIME)] == ["made at 1000"]


def test_the_file_is_private_and_survives(tmp_path: Path) -> None:
    """The first load makes a 0600 file in a 0700 folder; the next process finds the same key."""
    path = tmp_path / "keys" / "keys.json"
    first = KeyFile(path).load()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [k.kid for k in KeyFile(path).load()] == [k.kid for k in first]


@pytest.mark.skipif(os.name != "posix", reason="file modes are posix's")
def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A key that others may have seen signs nothing."""
    path = tmp_path / "keys.json"
    KeyFile(path).load()
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="read by others") as caught:
        KeyFile(path).load()
    assert "chmod 600" in caught.value.fix


def test_keys_turn_by_themselves(tmp_path: Path) -> None:
    """Every thirty days a new key comes, signs five minutes later, and the old one goes."""
    clock = Clock()
    file = KeyFile(tmp_path / "keys.json", rotate_after=30 * 86_400, now=clock)
    old = file.load()[0]
    clock.now += 30 * 86_400
    file.turn(LIFETIME)
    keys = file.load()
    assert [k.kid for k in keys][:-1] == [old.kid]
    assert signer(keys, clock.now).kid == old.kid
    clock.now += JWKS_MAX_AGE
    assert signer(keys, clock.now).kid == keys[-1].kid
    clock.now += LIFETIME + LEEWAY + 1
    file.turn(LIFETIME)
    assert [k.kid for k in file.load()] == [keys[-1].kid]


def test_a_running_issuer_takes_up_a_rotation(tmp_path: Path) -> None:
    """`ipyclaude hub rotate` in another process is seen without a restart."""
    clock = Clock()
    running = KeyFile(tmp_path / "keys.json", now=clock)
    running.load()
    made = KeyFile(tmp_path / "keys.json", now=clock).rotate()
    assert running.load()[-1].kid == made.kid


def test_given_keys_are_in_the_hands_of_who_gave_them() -> None:
    """From the environment the first key signs, all are published, and nothing is made."""
    made = [SigningKey.generate(n) for n in (1, 2)]
    text = json.dumps({"keys": [k.private() for k in reversed(made)]})
    keys = GivenKeys(text, "IPYCLAUDE_HUB_KEYS")
    keys.turn(LIFETIME)
    assert signer(keys.load(), 10_000).kid == made[1].kid
    assert {k.kid for k in published(keys.load(), 10_000, LIFETIME)} == {k.kid for k in made}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"keys": []}', '{"keys": [{"kty": "EC"}]}', "7"])
def test_unreadable_keys_are_told(text: str) -> None:
    """What cannot be a key set is refused at once, and not quoted (S6)."""
    with pytest.raises(SettingsError, match="IPYCLAUDE_HUB_KEYS") as caught:
        GivenKeys(text, "IPYCLAUDE_HUB_KEYS")
    assert caught.value.fix


def test_a_public_key_is_not_enough() -> None:
    """A set without the private part is refused, not used to publish what can't sign."""
    shown = json.dumps({"keys": [SigningKey.generate(0).public()]})
    with pytest.raises(SettingsError):
        GivenKeys(shown, "IPYCLAUDE_HUB_KEYS")


def test_what_is_published_has_no_private_part() -> None:
    """A published key holds what verifies, and `d` is not among it."""
    public = SigningKey.generate(0).public()
    assert set(public) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
