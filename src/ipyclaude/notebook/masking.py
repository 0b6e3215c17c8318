"""Secrets are masked before anything of the notebook goes to the model.

What a secret looks like is known by detect-secrets' detectors of keys, tokens and passwords;
those that guess by entropy are left out, as data is full of hashes. To them come the values
themselves: of variables in the environment, in `.env` and in the notebook whose names say that
they are secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

MASK = "••••"
#: Guess by entropy, or take what is no secret (addresses).
_LEFT_OUT = ("HighEntropy", "IPPublic")
_WORDS = r"(?:token|secret|passw(?:or)?d|passphrase|api[_-]?key|credential)"
#: Shapes that detect-secrets 1.5 lacks, or of which it knows a part only.
_SHAPES = (
    # Keys of Anthropic, newer ones of OpenAI, Google's, Hugging Face's.
    re.compile(r"\bsk-(?:ant|proj|svcacct|admin)-[A-Za-z0-9_-]{16,}"),
    re.compile(r"\bAIza[A-Za-z0-9_-]{35}\b"),
    re.compile(r"\bhf_[A-Za-z0-9]{30,}\b"),
    re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S
    ),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"),
    re.compile(r"(?<=\bBearer )[\w.~+/=-]{12,}"),
    # In a dict's repr or an assignment, and as a shell or a .env file writes it.
    re.compile(rf"(?i)({_WORDS}[\w-]*[\"']?\s*[:=]\s*)([\"'])[^\"'\n]{{6,}}\2"),
    re.compile(
        r"\b([A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)[A-Z0-9_]*=)[^\s\"'()\[\]{}]{8,}"
    ),
)
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:key|token|secret|passwd|password|passphrase|pwd|credentials?|auth)(?:$|_)", re.I
)
#: Of variables: `key` and `token` are what many a loop calls a word that is no secret.
_SECRET_VARIABLE = re.compile(
    r"(?:^|_)(?:secret|passwd|password|passphrase|pwd|credentials?)(?:$|_)"
    r"|(?:api|access|auth|bearer|client|private|refresh|secret|service)_?(?:key|token)",
    re.I,
)
_MIN_CHARS = 6  # a shorter value would be masked in every other word
_MAX_CHARS = 10_000


def mask(text: str, namespace: Mapping[str, object] | None = None, folder: str = ".") -> str:
    """Return the text with what is secret in it replaced by dots.

    `namespace` holds the user's variables: the value of `password` is masked wherever it stands.
    """
    for value in sorted(_known(namespace or {}, Path(folder)), key=len, reverse=True):
        text = text.replace(value, MASK)
    for shape in _SHAPES:
        text = shape.sub(lambda match: (match[1] if match.re.groups else "") + MASK, text)
    return "\n".join(_masked_line(line) for line in text.split("\n"))


def _known(namespace: Mapping[str, object], folder: Path) -> set[str]:
    kept: list[tuple[re.Pattern[str], str, object]] = [
        (_SECRET_NAME, name, value) for name, value in (*os.environ.items(), *_dotenv(folder))
    ]
    # A copy: a thread of the user's may be adding to it.
    kept += [(_SECRET_VARIABLE, name, value) for name, value in dict(namespace).items()]
    return {
        value
        for secret, name, value in kept
        if isinstance(value, str)
        and _MIN_CHARS <= len(value) <= _MAX_CHARS
        and secret.search(name)
        and not value.startswith(("/", "./", "~"))  # where a secret is kept is none
    }


def _dotenv(folder: Path) -> Iterator[tuple[str, object]]:
    try:
        lines = (folder / ".env").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        name, sign, value = line.removeprefix("export ").partition("=")
        if sign and not name.lstrip().startswith("#"):
            # Whatever stands in a .env file is kept there so as not to be told.
            yield f"{name.strip()}_KEY", value.strip().strip("\"'")


def _masked_line(line: str) -> str:
    if len(line) < _MIN_CHARS:
        return line
    for found in _found(line):
        if len(found) >= _MIN_CHARS:
            line = line.replace(found, MASK)
    return line


def _found(line: str) -> Iterable[str]:
    for detector in _detectors():
        patterns: Any = getattr(detector, "denylist", None)
        if type(detector).__name__ in ("KeywordDetector", "BasicAuthDetector") or not patterns:
            yield from (str(value) for value in detector.analyze_string(line))
            continue
        # The whole match: a detector's own value may be a group of it.
        for pattern in patterns:
            yield from (match.group() for match in pattern.finditer(line))


@lru_cache(maxsize=1)
def _detectors() -> list[Any]:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    kinds: Any = get_mapping_from_secret_type_to_class().values()
    return [kind() for kind in kinds if not any(name in kind.__name__ for name in _LEFT_OUT)]
