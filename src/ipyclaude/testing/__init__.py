"""What tests of ipyclaude, and of things built on it, may use.

`ScriptedModel` speaks the Messages API on loopback to the real CLI; `MemoryStore` and
`ScriptedEngine` are public fakes; `StoreContract` and `EngineContract` are what every store
and every engine must do. All are imported when they are first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import ScriptedModel as ScriptedModel
    from .stores import MemoryStore as MemoryStore
    from .stores import StoreContract as StoreContract

_HOMES = {
    "ScriptedModel": ".model",
    "MemoryStore": ".stores",
    "StoreContract": ".stores",
}

__all__ = ["MemoryStore", "ScriptedModel", "StoreContract"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home, __name__), name)
