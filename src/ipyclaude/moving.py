"""Opening the store of who is signed in, and going over to it in a kernel that runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .exceptions import SessionBusy
from .extension import App
from .identity.sign_in import SignIns
from .notebook.recording import Recorder
from .tables import show_text

_MOVED = (
    "Somebody else was signed in here before: from now on you see and write your own sessions, "
    "or with nobody signed in the first person's. To show a chat again, run its cell."
)
_UNKNOWN = "Until it says who is signed in, nobody is: what you make stays on this machine."


def opened(shell: Any, recorder: Recorder, sign_ins: SignIns | None = None) -> App:
    """Return the app of who is signed in; say so where that is not known (main thread)."""
    app = App(shell, recorder, sign_ins)
    if app.unknown:
        show_text(f"{app.unknown}\n{_UNKNOWN}")
    return app


def leave(app: App) -> None:
    """Close the app of who was signed in, and say so; `opened` gives that of who is (main thread).

    Raises
    ------
    SessionBusy
        Claude still works for who was.
    """
    working = [session.info.name for session in app.sessions.opened if session.running]
    if working:
        raise SessionBusy(
            f"Claude is still working in session {working[0]!r}.",
            why="It is of who was signed in here before; your own come once it has ended.",
            fix="Wait for its end, or stop it in its chat.",
        )
    app.close()
    show_text(_MOVED)


def when_away(app: App, settle: Callable[[App], None]) -> None:
    """Let an idle kernel go over by itself: who signed in by a chat runs no cell."""

    def idle() -> None:
        if any(session.running for session in app.sessions.opened) or app.host.busy:
            return  # the next cell goes over
        settle(app)

    app.homes.on_away = lambda: app.host.call_soon(idle)
