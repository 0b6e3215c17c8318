"""Claude in your notebook, and your sessions follow you.

`%load_ext ipyclaude` registers the magics `%claude`, `%%claude` and `%claude_session`, and
does nothing else (S8): the store, the loop thread and the CLI start with the first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .chat import ClaudeChat, ClaudeTodos
    from .exceptions import IpyClaudeError
    from .settings import IPyClaude

__version__ = "0.1.0"

__all__ = [
    "ClaudeChat",
    "ClaudeTodos",
    "IPyClaude",
    "IpyClaudeError",
    "__version__",
    "load_ipython_extension",
    "unload_ipython_extension",
]

_HOMES = {
    "ClaudeChat": "chat",
    "ClaudeTodos": "chat",
    "IPyClaude": "settings",
    "IpyClaudeError": "exceptions",
}


def __getattr__(name: str) -> Any:
    # Nothing heavy is imported before it is used.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register the magics; `%load_ext ipyclaude` calls this.

    What an earlier call registered and opened is closed first.

    Parameters
    ----------
    ipython
        The shell whose magics they become.
    """
    from .magics import register

    register(ipython)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Forget the magics and close everything that was opened; `%unload_ext ipyclaude` calls this.

    Running turns are stopped; what is stored stays.

    Parameters
    ----------
    ipython
        The shell that `load_ipython_extension` was called with.
    """
    from .magics import unregister

    unregister(ipython)
