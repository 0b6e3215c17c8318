"""What code shows while it runs: shown as ever, and kept for the model.

Nothing is held back: each stream, display, result and traceback goes where it always goes,
and a copy is kept in the order in which they came.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .figures import FIGURE, draw, figure_text

#: Characters of one stream that the model gets at once, half of them from its end.
KEPT_CHARS = 40_000
#: Characters of a cell's output that it may read piece by piece.
READ_CHARS = 100_000
#: Characters of one result or display.
SHOWN_CHARS = 20_000
#: Images that go to the model, and the most that one may weigh (base64 characters).
MAX_IMAGES, MAX_IMAGE_CHARS = 8, 4_000_000
#: What a picture takes at most: larger ones are scaled down before the model sees them.
MAX_PICTURE_TOKENS = 1_600
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_TEXTS = ("text/plain", "text/markdown", "text/latex", "text/html", "application/json")

#: What colours a terminal: ECMA-48 control sequences.
_COLOUR = re.compile(r"\x1b\[[0-9;:]*[A-Za-z]")

Part = dict[str, Any]


class Kept:
    """A text of which the beginning and the end are kept, however long it grows."""

    def __init__(self, limit: int = KEPT_CHARS) -> None:
        self._half = limit // 2
        self._head, self._tail, self._left_out = "", "", 0

    def add(self, text: str) -> None:
        """Append a piece."""
        room = self._half - len(self._head)
        if room > 0:
            self._head += text[:room]
            text = text[room:]
        self._tail += text
        if len(self._tail) > 2 * self._half:
            self._left_out += len(self._tail) - self._half
            self._tail = self._tail[-self._half :]

    @property
    def text(self) -> str:
        """The whole, or its beginning and its end."""
        tail = self._tail[-self._half :] if self._half else ""
        left_out = self._left_out + len(self._tail) - len(tail)
        if not left_out:
            return self._head + tail
        return f"{self._head}\n… {left_out:,} characters are left out here …\n{tail}"


@dataclass
class Captured:
    """What was shown, in order, and the error that ended it."""

    parts: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    failed: bool = False
    last_error: str = ""
    #: Characters of one stream.
    kept_chars: int = KEPT_CHARS
    #: A terminal writes results and tracebacks to its streams, and they are noted already.
    _muted: bool = False

    @contextmanager
    def muted(self) -> Generator[None, None, None]:
        """Note nothing that is written meanwhile."""
        before, self._muted = self._muted, True
        try:
            yield
        finally:
            self._muted = before

    def stream(self, name: str, text: str) -> None:
        """Note what was written to a stream."""
        if self._muted:
            return
        if not self.parts or self.parts[-1][0] != name:
            self.parts.append((name, Kept(self.kept_chars)))
        self.parts[-1][1].add(text)

    def rich(self, data: dict[str, Any]) -> None:
        """Note a display or a result: a mime bundle."""
        self.parts.append(("rich", data))

    def error(self, traceback: str) -> None:
        """Note a traceback."""
        self.failed = True
        self.last_error = bounded(strip_ansi(traceback))
        self.parts.append(("error", self.last_error))

    async def draw(self) -> str:
        """Put pictures beside plotly's figures; return why there are none, if so."""
        bundles = [data for kind, data in self.parts if kind == "rich" and FIGURE in data]
        lacking = [data for data in bundles if image_of(data) is None][:MAX_IMAGES]
        pictures, why = await draw([data[FIGURE] for data in lacking])
        for data, picture in zip(lacking, pictures, strict=False):
            data["image/png"] = picture
        return why

    def text(self, limit: int) -> str:
        """Return it all as a text of about `limit` characters; pictures are named."""
        return bounded(named(self.content()), limit)

    def plots(self) -> Iterator[tuple[Part | None, Any]]:
        """Return each picture as a content part, and each figure of plotly's that has none."""
        for kind, data in self.parts:
            picture = image_of(data) if kind == "rich" else None
            if picture is not None or (kind == "rich" and FIGURE in data):
                yield picture, data.get(FIGURE)

    def content(self) -> list[Part]:
        """Return it as content parts: texts, and images where something was drawn."""
        texts: list[str] = []
        content: list[Part] = []
        images = 0

        def flush() -> None:
            if words := "\n".join(texts).strip("\n"):
                content.append({"type": "text", "text": words})
            texts.clear()

        for kind, value in self.parts:
            image = image_of(value) if kind == "rich" and images < MAX_IMAGES else None
            if image is not None:
                images += 1
                flush()
                content.append(image)
            elif kind == "rich":
                texts.append(text_of(value))
            else:
                whole = value.text if isinstance(value, Kept) else value
                shown = as_seen(whole.rstrip("\n"))
                texts.append(f"[stderr] {shown}" if kind == "stderr" else shown)
        flush()
        return content


def named(content: Iterable[Part]) -> str:
    """Return content parts as a text, in which pictures are named."""
    return "\n".join(
        part["text"] if part["type"] == "text" else f"[{part['mimeType']}]" for part in content
    )


def strip_ansi(text: str) -> str:
    """Take the colours out of a text."""
    return _COLOUR.sub("", text)


def as_seen(text: str) -> str:
    """Leave out what a progress bar has written over by going back to its line's beginning."""
    lines = text.split("\n") if "\r" in text else [text]
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def bounded(text: str, limit: int = SHOWN_CHARS) -> str:
    """Shorten a text to its beginning and its end."""
    kept = Kept(limit)
    kept.add(text)
    return kept.text


def text_of(data: dict[str, Any]) -> str:
    """Return a mime bundle as text; what has none is named."""
    if FIGURE in data:
        return f"[{figure_text(data[FIGURE])}]"
    for kind in _TEXTS:
        value = data.get(kind)
        if value:
            return bounded(value if isinstance(value, str) else json.dumps(value, default=str))
    return f"[shown: {', '.join(data) or 'nothing'}]"


def image_of(data: dict[str, Any]) -> Part | None:
    """Return a mime bundle's picture, if it has one that a model can take."""
    for kind in _IMAGES:
        value = data.get(kind)
        if isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        if isinstance(value, str) and len(value) <= MAX_IMAGE_CHARS:
            return {"type": "image", "data": value.replace("\n", ""), "mimeType": kind}
    return None


def picture_tokens(part: Part) -> int:
    """Estimate how many tokens a picture takes, as Anthropic's documentation reckons them."""
    data = str(part["data"])
    if part["mimeType"] != "image/png":
        return MAX_PICTURE_TOKENS
    # A PNG's width and height stand in its bytes 16 to 24.
    head = base64.b64decode(data[:32])
    pixels = int.from_bytes(head[16:20], "big") * int.from_bytes(head[20:24], "big")
    return min(MAX_PICTURE_TOKENS, -(-pixels // 750))


class _Tee:
    """A stream that is written to as ever, and listened to until it is released."""

    def __init__(self, stream: Any, hear: Callable[[str], None]) -> None:
        self._stream, self._hear = stream, hear

    def write(self, text: str) -> Any:
        """Write, and tell the listener."""
        written = self._stream.write(text)
        if self._hear is not None:  # pyright: ignore[reportUnnecessaryComparison]
            self._hear(text)
        return written

    def writelines(self, lines: Any) -> None:
        """Write lines."""
        for line in lines:
            self.write(line)

    def release(self) -> None:
        """Only pass on from now on: a logger may have kept this stream."""
        self._hear = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def capturing(shell: Any, code: str | None = None) -> Generator[Captured, None, None]:
    """Keep a copy of all that the shell shows (main thread).

    `code` is code of Claude's, run inside of another cell; None keeps the cell's own.
    """
    kept = Captured(kept_chars=READ_CHARS if code is None else KEPT_CHARS)
    streams = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    tees = {name: _Tee(stream, _listener(kept, name)) for name, stream in streams.items()}
    undo = [
        _wrapped(shell.display_pub, "publish", lambda real: _publish(real, kept)),
        _wrapped(shell.displayhook, "write_output_prompt", lambda real: _prompt(real, kept)),
        _wrapped(shell.displayhook, "write_format_data", lambda real: _result(real, kept)),
    ]
    if code is None:
        undo.append(_wrapped(shell, "_showtraceback", lambda real: _traceback(real, kept)))
    else:
        undo += [
            # It would look at the cell that waits, and not at this code.
            _wrapped(shell.displayhook, "quiet", lambda _: lambda: _is_quiet(shell, code)),
            _wrapped(shell, "_showtraceback", lambda _: _traceback(_written(streams), kept)),
        ]
    for name, tee in tees.items():
        setattr(sys, name, tee)
    try:
        yield kept
    finally:
        for name, tee in tees.items():
            tee.release()
            if getattr(sys, name) is tee:
                setattr(sys, name, streams[name])
        for restore in undo:
            restore()


def _listener(kept: Captured, name: str) -> Callable[[str], None]:
    return lambda text: kept.stream(name, strip_ansi(text))


def _wrapped(owner: Any, name: str, make: Callable[[Any], Any]) -> Callable[[], None]:
    """Put a stand-in on an object, over its class's method; return what takes it off."""
    had = owner.__dict__.get(name)
    setattr(owner, name, make(getattr(owner, name)))

    def restore() -> None:
        if had is None:
            delattr(owner, name)
        else:
            setattr(owner, name, had)

    return restore


def _publish(real: Any, kept: Captured) -> Any:
    def publish(data: dict[str, Any], *args: Any, **options: Any) -> Any:
        kept.rich(dict(data))
        with kept.muted():
            return real(data, *args, **options)

    return publish


def _result(real: Any, kept: Captured) -> Any:
    def write_format_data(format_dict: dict[str, Any], md_dict: Any = None) -> Any:
        kept.rich(dict(format_dict))
        with kept.muted():
            return real(format_dict, md_dict)

    return write_format_data


def _prompt(real: Any, kept: Captured) -> Any:
    def write_output_prompt() -> Any:
        with kept.muted():
            return real()

    return write_output_prompt


def _traceback(show: Callable[[Any, Any, list[str]], Any], kept: Captured) -> Any:
    def showtraceback(etype: Any, evalue: Any, stb: Any) -> Any:
        lines: list[str] = [stb] if isinstance(stb, str) else [str(line) for line in stb]
        kept.error("\n".join(lines))
        with kept.muted():
            return show(etype, evalue, lines)

    return showtraceback


def _written(streams: dict[str, Any]) -> Callable[[Any, Any, list[str]], None]:
    """Show a traceback as text: by an error output nbval and papermill fail the whole cell."""

    def show(etype: Any, evalue: Any, lines: list[str]) -> None:
        del etype, evalue
        streams["stderr"].write("\n".join(lines) + "\n")

    return show


def _is_quiet(shell: Any, code: str) -> bool:
    return bool(shell.displayhook.semicolon_at_end_of_expression(code))
