"""What goes to Convex comes back equal, and what Convex can't keep is told where it is."""

from __future__ import annotations

import json
import math
import struct
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyclaude.exceptions import CloudFault, CloudRefused
from ipyclaude.replica.values import ESCAPE, Int64, decode, encode, escape, unescape

# Lone surrogates and the escape itself are among these.
texts = st.text(st.characters() | st.sampled_from(["\ud800", "\udfff", ESCAPE, "\0", "d", "f"]))
keys = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20).filter(
    lambda key: not key.startswith("$")
)
leaves = (
    st.none()
    | st.booleans()
    | texts
    | st.floats()
    | st.integers(-(2**53), 2**53)
    | st.integers(-(2**63), 2**63 - 1).map(Int64)
    | st.binary()
)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(keys, inner))


def exact(value: Any) -> Any:
    """Make equality strict: by type and bit for bit, an int being the float that it becomes."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [exact(item) for item in cast("list[Any]", value)]
    if type(value) in (int, float):
        return struct.pack("<d", value)
    return (type(value), value)


@given(values)
def test_every_value_comes_back_equal(value: Any) -> None:
    """None, numbers, texts with lone surrogates, bytes, int64 and NaN survive the wire."""
    wire = json.dumps(encode(value), ensure_ascii=False, allow_nan=False).encode()
    assert exact(decode(json.loads(wire))) == exact(value)


@given(texts)
def test_an_escaped_text_is_valid_unicode_and_comes_back(text: str) -> None:
    """What is sent can be written as UTF-8, and nothing is lost by it."""
    assert unescape(escape(text).encode().decode()) == text


@given(st.text())
def test_most_texts_are_sent_as_they_are(text: str) -> None:
    """A text without lone surrogates is readable in the dashboard (but for U+10FFFF)."""
    assert escape(text) == text or ESCAPE in text


def test_a_text_that_another_client_wrote_is_left_alone() -> None:
    """The escape character followed by anything else means itself."""
    assert unescape(f"{ESCAPE}0041 {ESCAPE}") == f"{ESCAPE}0041 {ESCAPE}"


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (Int64(1), {"$integer": "AQAAAAAAAAA="}),
        (Int64(-1), {"$integer": "//////////8="}),
        (b"ab", {"$bytes": "YWI="}),
        (-0.0, {"$float": "AAAAAAAAAIA="}),
        (math.inf, {"$float": "AAAAAAAA8H8="}),
        ((1, 2.5), [1, 2.5]),
    ],
)
def test_special_values_are_spelled_as_convex_does(value: Any, wire: Any) -> None:
    """The JSON is that of the official clients."""
    assert encode(value) == wire


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": {"$schema": 1}}, "At a:"),
        ({"ключ": 1}, "At the top:"),
        ({"": 1}, "can't be a key"),
        ({"a\n": 1}, "can't be a key"),
        ({"a\x7f": 1}, "can't be a key"),
        ({"a" * 1025: 1}, "can't be a key"),
        ({1: 1}, "can't be a key"),
        ({"a": [1, {2}]}, "At a.1: a set"),
        ({"n": 2**53 + 1}, "At n: 9007199254740993 would lose digits"),
    ],
)
def test_what_convex_cannot_keep_is_refused_with_its_place(value: Any, where: str) -> None:
    """The error says where the value is, and that trying again is useless."""
    with pytest.raises(CloudRefused) as caught:
        encode(value)
    assert where in caught.value.why
    assert caught.value.code == "Invalid"


def test_an_int64_has_64_bits() -> None:
    """A greater number is refused when it is made."""
    with pytest.raises(CloudRefused, match="64 bits"):
        Int64(1 << 63)


def test_endless_nesting_is_refused() -> None:
    """A list that holds itself is an error, not a crash."""
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(CloudRefused, match="nested deeper"):
        encode(loop)


@pytest.mark.parametrize(
    "wire", [{"$set": []}, {"$integer": "AQ=="}, {"$bytes": "?"}, {"$float": 1}, {"$map": None}]
)
def test_a_value_of_an_unknown_kind_is_a_fault(wire: Any) -> None:
    """A special that we can't read is told, never guessed."""
    with pytest.raises(CloudFault, match="can't be read"):
        decode(wire)
