"""Text of others as it may be shown: what is in it is seen, not obeyed."""

from __future__ import annotations

#: Control characters but line feed and tab, and what turns the direction of text around.
_INVISIBLE = {
    **{code: chr(0x2400 + code) for code in range(32) if code not in (9, 10)},
    **dict.fromkeys((*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd"),
}


def visible(text: str) -> str:
    """Show control characters instead of obeying them: no text may repaint a terminal (S11)."""
    return text.translate(_INVISIBLE)


def on_one_line(text: str) -> str:
    """Show line feeds, too: no name may add lines to a question."""
    return visible(text).replace("\n", "␊")
