"""What goes with a prompt: variables, text files and images, as content blocks."""

from __future__ import annotations

import base64
import difflib
import io
import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .exceptions import UsageMistake
from .messages import ImageBlock, TextBlock

MAX_VARIABLE_CHARS = 20_000
MAX_FILE_BYTES = 1_000_000
MAX_IMAGE_BYTES = 5_000_000  # the Messages API refuses larger ones
_IMAGE_TYPES = {"image/png", "image/jpeg", "image/gif", "image/webp"}
_MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


def lookup(name: str, namespace: dict[str, Any]) -> Any:
    """Return a variable's value.

    Raises
    ------
    UsageMistake
        There is none; names one that is spelled like it.
    """
    if name in namespace:
        return namespace[name]
    near = difflib.get_close_matches(name, [n for n in namespace if not n.startswith("_")], n=1)
    raise UsageMistake(
        f"There is no variable {name!r}.",
        fix=f"Did you mean {near[0]}?" if near else "Define it in a cell above, and run that cell.",
    )


def variable(name: str, value: Any) -> TextBlock:
    """Describe a variable: its name, type, shape, and its value, cut at 20,000 characters."""
    try:
        text = _describe(value)
    except Exception as error:
        raise UsageMistake(
            f"{name} cannot be written out.",
            why=f"Its repr fails: {type(error).__name__}: {error}",
            fix="Send a part of it that can be printed.",
        ) from error
    if len(text) > MAX_VARIABLE_CHARS:
        text = f"{text[:MAX_VARIABLE_CHARS]}\n… ({len(text) - MAX_VARIABLE_CHARS:,} characters cut)"
    shape = getattr(value, "shape", None)
    kind = type(value).__name__ + (f", shape {tuple(shape)}" if isinstance(shape, tuple) else "")  # pyright: ignore[reportUnknownArgumentType]
    return TextBlock(text=f'<variable name="{name}" type="{kind}">\n{text}\n</variable>')


def _describe(value: Any) -> str:
    if isinstance(value, str):
        return value
    to_string: Callable[..., str] | None = getattr(value, "to_string", None)
    if callable(to_string) and hasattr(value, "dtypes"):  # a pandas frame
        return f"{value.dtypes.to_string()}\n\n{to_string(max_rows=40)}"
    return repr(value)


def file(path: str) -> TextBlock:
    """Read a text file of at most 1,000,000 bytes."""
    where = Path(path).expanduser()
    try:
        data = where.read_bytes()
    except OSError as error:
        raise UsageMistake(
            f"The file {path!r} cannot be read.",
            why=error.strerror or str(error),
            fix=f"Check the path; the working folder is {Path.cwd()}.",
        ) from error
    return _file_block(path, data)


def _file_block(path: str, data: bytes) -> TextBlock:
    if len(data) > MAX_FILE_BYTES:
        raise UsageMistake(
            f"The file {path!r} is too large to send.",
            why=f"It has {len(data):,} bytes; the most is {MAX_FILE_BYTES:,}.",
            fix="Name it in the prompt instead: Claude can read parts of it.",
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise UsageMistake(
            f"The file {path!r} is not a text file.",
            fix="Use --image for an image, or name the file in the prompt.",
        ) from error
    return TextBlock(text=f'<file path="{path}">\n{text}\n</file>')


def image(source: str, namespace: dict[str, Any]) -> ImageBlock:
    """Read an image from a variable (figure, PIL image, bytes) or from a file."""
    if source.isidentifier() and source in namespace:
        data, media_type = _from_value(source, namespace[source])
    else:
        data, media_type = _from_path(source)
    return _image_block(source, data, media_type)


def _image_block(source: str, data: bytes, media_type: str) -> ImageBlock:
    if len(data) > MAX_IMAGE_BYTES:
        raise UsageMistake(
            f"The image {source!r} is too large to send.",
            why=f"It has {len(data):,} bytes; the most is {MAX_IMAGE_BYTES:,}.",
            fix="Make it smaller.",
        )
    encoded = base64.b64encode(data).decode("ascii")
    return ImageBlock(source={"type": "base64", "media_type": media_type, "data": encoded})


def _from_value(name: str, value: Any) -> tuple[bytes, str]:
    if isinstance(value, bytes | bytearray):
        return bytes(value), _sniff(name, bytes(value))
    figure = getattr(value, "figure", value)  # an Axes belongs to its figure
    buffer = io.BytesIO()
    if callable(getattr(figure, "savefig", None)):
        figure.savefig(buffer, format="png")
        return buffer.getvalue(), "image/png"
    if callable(getattr(value, "save", None)):
        value.save(buffer, format="PNG")
        return buffer.getvalue(), "image/png"
    data = getattr(value, "data", None)
    if isinstance(data, bytes):
        return data, _sniff(name, data)
    raise UsageMistake(
        f"{name} is not an image.",
        why=f"It is of type {type(value).__name__}.",
        fix="Give a figure, a PIL image, the bytes of a PNG or JPEG, or a path.",
    )


def _sniff(name: str, data: bytes) -> str:
    for start, media_type in _MAGIC.items():
        if data.startswith(start):
            return media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    raise UsageMistake(f"{name} is not a PNG, JPEG, GIF or WebP image.", fix="Convert it first.")


def _from_path(path: str) -> tuple[bytes, str]:
    where = Path(path).expanduser()
    try:
        data = where.read_bytes()
    except OSError as error:
        raise UsageMistake(
            f"There is no image {path!r}.",
            why=error.strerror or str(error),
            fix="Give the name of a variable, or the path of a PNG, JPEG, GIF or WebP file.",
        ) from error
    guessed, _ = mimetypes.guess_type(path)
    return data, guessed if guessed in _IMAGE_TYPES else _sniff(path, data)


def uploaded(name: str, media_type: str, encoded: str) -> TextBlock | ImageBlock:
    """Read what was dropped on a widget: an image, or a text file; `encoded` is base64."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise UsageMistake(f"{name!r} did not arrive whole.", fix="Drop it again.") from error
    if media_type in _IMAGE_TYPES:
        return _image_block(name, data, _sniff(name, data))
    return _file_block(name, data)
