"""What code shows is kept in order and bounded, and becomes what a model can take."""

from __future__ import annotations

from ipyclaude.notebook.capture import Captured, Kept, bounded, image_of, text_of


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    """What is left out is counted, to the character; memory stays bounded."""
    kept = Kept(100)
    for _ in range(1000):
        kept.add("x" * 30)
    kept.add("end")
    assert kept.text.startswith("x" * 50 + "\n…")
    assert kept.text.endswith("x" * 47 + "end")
    assert f"{30_000 + 3 - 100:,} characters are left out here" in kept.text


def test_a_text_that_fits_is_kept_whole() -> None:
    """Up to the limit nothing is left out."""
    for length in (0, 1, 50, 99, 100):
        assert bounded("y" * length, 100) == "y" * length
    assert "left out" in bounded("y" * 101, 100)


def test_parts_keep_their_order_and_streams_are_joined() -> None:
    """Text between two images stays between them; stderr is marked; colours are gone."""
    captured = Captured()
    captured.stream("stdout", "a")
    captured.stream("stdout", "b\n")
    captured.stream("stderr", "careful\n")
    captured.rich({"image/png": b"\x89PNG", "text/plain": "<Figure>"})
    captured.rich({"text/plain": "42", "text/html": "<b>42</b>"})
    captured.error("\x1b[31mValueError\x1b[0m: no")
    assert captured.failed
    assert captured.content() == [
        {"type": "text", "text": "ab\n[stderr] careful"},
        {"type": "image", "data": "iVBORw==", "mimeType": "image/png"},
        {"type": "text", "text": "42\nValueError: no"},
    ]


def test_images_are_few_and_of_a_size() -> None:
    """The ninth picture, and one that is too heavy, are named in words."""
    captured = Captured()
    for _ in range(9):
        captured.rich({"image/png": "aGk=", "text/plain": "<Figure>"})
    kinds = [part["type"] for part in captured.content()]
    assert kinds == ["image"] * 8 + ["text"]
    assert image_of({"image/jpeg": "x" * 5_000_000}) is None
    assert image_of({"image/svg+xml": "<svg/>"}) is None


def test_what_has_no_text_is_named() -> None:
    """A bundle of kinds that a model can't read says which they are."""
    assert text_of({"application/vnd.vega.v6+json": {"data": []}}) == (
        "[shown: application/vnd.vega.v6+json]"
    )
    assert text_of({"application/json": {"a": 1}}) == '{"a": 1}'
    assert text_of({}) == "[shown: nothing]"


def test_a_progress_bar_is_told_as_it_ended() -> None:
    """What was written over is not seen by the user either."""
    captured = Captured()
    for percent in range(101):
        captured.stream("stderr", f"\r{percent}% done")
    captured.stream("stderr", "\nover\r\nand out")
    assert captured.content()[0]["text"] == "[stderr] 100% done\nover\nand out"
