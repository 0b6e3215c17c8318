"""The first import of the SDK, without work that nobody may ever need."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

#: Compiles a grammar when it is imported, as long as the whole of the SDK takes otherwise.
#: jsonschema, which the SDK imports, wants it for its check of IRIs where it is installed, and
#: that is beside every Jupyter.
_SLOW = "rfc3987_syntax"


class _Later(ModuleType):
    """Stands for a module until one of its functions is called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any) -> Any:
            return getattr(import_module(self.__name__), name)(*args)

        return call


def load_sdk() -> None:
    """Import the SDK, and put off what would double the time that takes."""
    if "jsonschema" in sys.modules or _SLOW in sys.modules or find_spec(_SLOW) is None:
        return
    sys.modules[_SLOW] = _Later(_SLOW)
    try:
        import_module("claude_agent_sdk")
    finally:
        del sys.modules[_SLOW]
