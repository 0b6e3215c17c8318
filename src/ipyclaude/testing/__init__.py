"""What tests of ipyclaude, and of things built on it, may use.

`ScriptedModel` plays Claude's part to the real CLI, with the replies made of `Reply`, `text`,
`tool` and so on; `MemoryStore` is a store in memory, and `StoreContract` the tests that every
store must pass. Each is loaded when it is first named: the contracts need pytest, the demo
does not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine_contract import EngineContract
    from .engines import ScriptedEngine
    from .model import ScriptedModel
    from .replies import (
        ApiError,
        Reply,
        bad_key,
        cut,
        error,
        hold,
        malformed,
        no_such_model,
        overloaded,
        pause,
        prompt_too_long,
        rate_limited,
        raw_sse,
        server_error,
        server_tool,
        stream_error,
        text,
        thinking,
        tool,
        unknown_block,
    )
    from .requests import Request
    from .stores import MemoryStore, StoreContract
    from .token_contract import RenewingTokenContract, TokenSourceContract

__all__ = [
    "ApiError",
    "EngineContract",
    "MemoryStore",
    "RenewingTokenContract",
    "Reply",
    "Request",
    "ScriptedEngine",
    "ScriptedModel",
    "StoreContract",
    "TokenSourceContract",
    "bad_key",
    "cut",
    "error",
    "hold",
    "malformed",
    "no_such_model",
    "overloaded",
    "pause",
    "prompt_too_long",
    "rate_limited",
    "raw_sse",
    "server_error",
    "server_tool",
    "stream_error",
    "text",
    "thinking",
    "tool",
    "unknown_block",
]

_ELSEWHERE = {
    "EngineContract": "engine_contract",
    "MemoryStore": "stores",
    "Request": "requests",
    "ScriptedEngine": "engines",
    "ScriptedModel": "model",
    "StoreContract": "stores",
    "RenewingTokenContract": "token_contract",
    "TokenSourceContract": "token_contract",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_ELSEWHERE.get(name, 'replies')}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
