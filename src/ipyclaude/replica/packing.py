"""Between values and what a Convex row can hold: short readable text, packed bytes, or a file.

Contents go as JSON texts, since their keys, numbers and depth are more than Convex's values
allow (`$schema`, int64, NaN). Bytes are base64 on the wire, a third more than they are; what
is packed here is smaller than zlib's level 6 by about as much: on a real transcript's chunks
0.5 to 0.7 of it with the dictionary, 0.7 to 0.95 with LZMA, 0.8 in all.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from ..exceptions import CloudFault
from ..messages import ContentBlock, UnknownBlock, parse_block

#: JSON up to here goes as it is, readable in Convex's dashboard, in bytes.
READABLE = 1024
#: Blocks of one message that go as they are.
READABLE_BLOCKS = 100
#: Levels of nesting up to here are read as values. Python's limit is twice that, less what the
#: stack holds just then, and a value must also be written and read again in other places.
DEEPEST = 500
#: Packed bytes up to here go in the row itself; a document is at most 1 MiB.
IN_ROW = 512 * 1024

_PLAIN, _DEFLATE, _LZMA = 0, 1, 2
_LZMA_FROM = 3000
#: Strings, whole, so that what stands in them does not count, and what nests.
_NESTS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
#: What packed bytes may become: a few hundred KB of them could fill any memory.
_MOST_BYTES = 1 << 28
_FILTERS: list[dict[str, int]] = [
    {"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 4 << 20, "lc": 3, "lp": 0, "pb": 0}
]
_SMALL_FILTERS = [{**_FILTERS[0], "dict_size": 1 << 16}]
# What entries of the CLI's transcripts and our blocks have in common, the most frequent last.
# What was packed with it needs it for ever: never change it, add another codec.
_DICTIONARY = (
    b'{"type":"atis-latch","atis":"","sessionId":"{"type":"last-prompt","lastPrompt":"'
    b'"leafUuid":"{"type":"tools-used","tools":["Bash"],"sessionId":"{"type":"summary","summary":"'
    b'{"type":"queue-operation","operation":"enqueue","timestamp":"2026-'
    b'"operation":"dequeue","timestamp":"","type":"attachment","attachment":{"type":"'
    b'"toolUseResult":{"stdout":"","stderr":"","interrupted":false,"isImage":false,'
    b'"noOutputExpected":false},"sourceToolAssistantUUID":"{"outcome":"done","stop_reason":"'
    b'"input_tokens":,"output_tokens":,"num_turns":,"duration_ms":{"type":"image","source":'
    b'{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo{"type":"thinking",'
    b'"thinking":"","signature":"{"role":"user","content":[{"tool_use_id":"toolu_01'
    b'"type":"tool_result","content":"","is_error":false}]},"uuid":"'
    b'{"type":"tool_use","id":"toolu_01","name":"Bash","input":{"command":"","description":"'
    b'"promptId":"","type":"user","message":{"role":"user","content":[{"type":"text","text":"'
    b'"permissionMode":"default","promptSource":"sdk","turnOrigin":"sdk",'
    b'"turnPosition":{"promptIndex":0,"turnIndex":1}{"parentUuid":"","isSidechain":false,'
    b'"message":{"id":"msg_01","type":"message","role":"assistant","model":"claude-opus-",'
    b'"content":[{"type":"text","text":"","stop_reason":"tool_use""end_turn","stop_sequence":null,'
    b'"usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,'
    b'"output_tokens":20,"output_tokens_details":{"thinking_tokens":0},"server_tool_use":'
    b'{"web_search_requests":0,"web_fetch_requests":0},"service_tier":"standard",'
    b'"cache_creation":{"ephemeral_1h_input_tokens":0,"ephemeral_5m_input_tokens":0},'
    b'"inference_geo":"","iterations":[],"speed":"standard","fallback_credit":null},'
    b'"stop_details":null},"apiBlockIndex":0,"requestId":"req_01","requestRef":"",'
    b'"requestedModel":"claude-opus-","promptCacheRequested":"5m","type":"assistant","uuid":"",'
    b'"timestamp":"2026-","effort":"medium","perTurnEffort":"medium","madeBy":"model",'
    b'"userType":"external","entrypoint":"sdk-py","cwd":"/home/","sessionId":"",'
    b'"version":"2.1.","gitBranch":"HEAD"}\n{"parentUuid":"'
)


@dataclass(frozen=True)
class Body:
    """What a row holds of a content, and the file that must be saved before the row."""

    #: `content` and, where it is packed, `packed` or `file`.
    fields: dict[str, Any]
    file: bytes | None = None


def pack(data: bytes) -> bytes:
    """Make bytes as small as can be without losing any: one byte that says how, and the rest."""
    tries = [bytes([_PLAIN]) + data, bytes([_DEFLATE]) + _deflate(data)]
    if len(data) >= _LZMA_FROM:
        filters = _FILTERS if len(data) > _SMALL_FILTERS[0]["dict_size"] else _SMALL_FILTERS
        tries.append(bytes([_LZMA]) + lzma.compress(data, lzma.FORMAT_RAW, filters=filters))
    return min(tries, key=len)


def unpack(packed: bytes) -> bytes:
    """Undo `pack`.

    Raises
    ------
    CloudFault
        The bytes are not what `pack` makes.
    """
    read = _READERS.get(packed[0]) if packed else None
    if read is None:
        raise _foreign("it is packed in a way that this version doesn't know")
    try:
        return read(packed[1:])
    except (zlib.error, lzma.LZMAError, EOFError) as error:
        raise _foreign(str(error)) from error


def pack_blocks(blocks: Sequence[object]) -> Body:
    """Make a row's body of content blocks, or of other values with a `type`."""
    texts = [(_type_of(block), _dump(block)) for block in blocks]
    size = sum(len(text) for _, text in texts)
    if size <= READABLE and len(texts) <= READABLE_BLOCKS:
        return Body({"content": [{"type": kind, "json": text} for kind, text in texts]})
    return packed_body(("[" + ",".join(text for _, text in texts) + "]").encode("ascii"))


def packed_body(data: bytes) -> Body:
    """Make a row's body of bytes: in the row while it is small, else in a file."""
    packed = pack(data)
    if len(packed) <= IN_ROW:
        return Body({"content": [], "packed": packed})
    return Body({"content": [], "file": sha256(packed)}, packed)


def unpack_blocks(row: dict[str, Any], file: bytes | None = None) -> tuple[ContentBlock, ...]:
    """Read what `pack_blocks` made; `file` is what the row's `file` names (S7).

    What nests too deeply to be read is kept as its text.
    """
    packed = file if row.get("file") else row.get("packed")
    if packed is None:
        return tuple(_block(item["type"], item["json"]) for item in row["content"])
    text = _text_of(packed)
    if _is_deep(text):
        return (_as_text("value", text),)
    return tuple(parse_block(raw) for raw in _list(_parse(text)))


def unpack_values(row: dict[str, Any], file: bytes | None = None) -> list[Any]:
    """Read what `pack_blocks` made, as plain values."""
    packed = file if row.get("file") else row.get("packed")
    if packed is None:
        return [_load(item["json"]) for item in row["content"]]
    return _list(_load(_text_of(packed)))


def dump_fields(fields: Iterable[tuple[str, object]]) -> str | None:
    """Write the fields that are set as one ASCII JSON text, None if none is."""
    found = {name: value for name, value in fields if value is not None}
    return _dump(found) if found else None


def load_fields(text: str | None, known: Iterable[str]) -> dict[str, Any]:
    """Read what `dump_fields` wrote; a field that this version doesn't know is left out."""
    found: Any = _load(text) if text else {}
    if not isinstance(found, dict):
        raise _foreign("it is no object")
    return {name: found[name] for name in known if name in found}


def sha256(data: bytes) -> str:
    """Return the name of a file: the hash of its bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def _said(value: BaseModel) -> dict[str, Any]:
    """Return a model's fields but for those that are as when nothing was said."""
    fields = type(value).model_fields
    return {
        name: item
        for name, item in dict(value).items()
        if name == "type" or name not in fields or item != fields[name].default
    }


# Models are opened as the encoder meets them, since `model_dump` gives up at a depth that tool
# inputs do reach.
_ENCODER = json.JSONEncoder(default=_said, separators=(",", ":"))


def _dump(value: object) -> str:
    return _ENCODER.encode(value)


def _load(text: str) -> Any:
    if _is_deep(text):
        raise _foreign(f"it nests deeper than {DEEPEST} levels")
    return _parse(text)


def _parse(text: str) -> Any:
    """Read JSON that is known not to nest too deeply."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _foreign(str(error)) from error


def _text_of(packed: bytes) -> str:
    return unpack(packed).decode("utf-8", "replace")


def _list(values: object) -> list[Any]:
    if not isinstance(values, list):
        raise _foreign("it is not a list")
    return values  # pyright: ignore[reportUnknownVariableType]


def _block(kind: str, text: str) -> ContentBlock:
    return _as_text(kind, text) if _is_deep(text) else parse_block(_parse(text))


def _as_text(kind: str, text: str) -> UnknownBlock:
    return UnknownBlock(raw={"type": kind, "json": text})


def _is_deep(text: str) -> bool:
    """Say whether a JSON text nests deeper than `DEEPEST`; most have too few brackets for it."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    depth = 0
    for found in _NESTS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > DEEPEST:
            return True
    return False


def _type_of(block: object) -> str:
    kind = getattr(block, "type", None)
    return kind if isinstance(kind, str) else "value"


def _deflate(data: bytes) -> bytes:
    press = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zdict=_DICTIONARY)
    return press.compress(data) + press.flush()


def _inflate(data: bytes) -> bytes:
    press = zlib.decompressobj(-zlib.MAX_WBITS, zdict=_DICTIONARY)
    out = press.decompress(data, _MOST_BYTES)
    if not press.eof:
        raise EOFError("its end is missing")
    return out


def _unlzma(data: bytes) -> bytes:
    press = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
    out = press.decompress(data, _MOST_BYTES)
    if not press.eof:
        raise EOFError("its end is missing")
    return out


_READERS: dict[int, Callable[[bytes], bytes]] = {
    _PLAIN: bytes,
    _DEFLATE: _inflate,
    _LZMA: _unlzma,
}


def _foreign(why: str) -> CloudFault:
    return CloudFault(
        "Convex sent a content that can't be read.",
        why=f"{why[:1].upper()}{why[1:]}.",
        fix="Update ipyclaude; nothing is lost.",
    )
