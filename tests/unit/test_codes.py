"""Codes that people read to one another."""

from __future__ import annotations

import hashlib

from ipyclaude.codes import hash_of, make_code, plain


def test_a_code_is_128_bits_in_groups() -> None:
    """26 letters of five bits, the first of which has three: none looks like another."""
    codes = {make_code() for _ in range(200)}
    assert len(codes) == 200
    for code in codes:
        assert [len(group) for group in code.split("-")] == [5, 5, 5, 5, 5, 1]
        assert set(plain(code)) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
        assert code[0] in "01234567"


def test_a_code_is_read_however_it_is_typed() -> None:
    """Case, blanks and letters that look alike make no difference, neither to its hash."""
    assert plain(" o1i-l ab\tc\n") == "0111ABC"
    assert hash_of("abc-de") == hash_of("ABC DE") == hashlib.sha256(b"ABCDE").hexdigest()
    assert hash_of("ABCDE") != hash_of("ABCDF")
