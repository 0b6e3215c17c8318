"""One server's way to Convex, which a test can cut while others keep theirs."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from urllib.parse import urlsplit


class Relay:
    """Passes bytes on to a deployment; a context manager.

    Parameters
    ----------
    url
        The deployment's address.
    """

    def __init__(self, url: str) -> None:
        there = urlsplit(url)
        assert there.hostname is not None
        assert there.port is not None
        self._there = (there.hostname, there.port)
        self._server = socket.create_server(("127.0.0.1", 0))
        #: What takes the deployment's place.
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_cut = False

    def __enter__(self) -> Relay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self._server.close()

    def cut(self) -> None:
        """End all connections, and let none come through."""
        with self._lock:
            self._is_cut = True
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections through again."""
        with self._lock:
            self._is_cut = False

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError), near, socket.create_connection(self._there) as far:
            with self._lock:
                if self._is_cut:
                    return
                self._open |= {near, far}
            try:
                _both_ways(near, far)
            finally:
                with self._lock:
                    self._open -= {near, far}


def _both_ways(near: socket.socket, far: socket.socket) -> None:
    while True:
        ready, _, _ = select.select([near, far], [], [])
        for each in ready:
            data = each.recv(65_536)
            if not data:
                return
            (far if each is near else near).sendall(data)
