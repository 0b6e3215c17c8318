"""A mail API on this machine, for the tests that have a deployment mail codes."""

from __future__ import annotations

import json
import queue
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from convex_server import ConvexServer
from kernels import PATIENCE

from ipyclaude.accounts import MAIL

KEY = "re_a-key-of-the-deployer"
FROM = "Convex <convex@example.test>"


@dataclass(frozen=True)
class LetterBox:
    """What the mail API took: to whom, and the code in it."""

    mails: queue.Queue[tuple[str, str]] = field(default_factory=queue.Queue[tuple[str, str]])

    def code(self, email: str) -> str:
        """Wait for the next mail, which is to this address; return its code."""
        to, code = self.mails.get(timeout=PATIENCE)
        assert to == email
        return code


@contextmanager
def letter_box(convex: ConvexServer) -> Generator[LetterBox, None, None]:
    """Set mail up, by an API that answers as Resend's does (https://resend.com/docs)."""
    box = LetterBox()

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            mail = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers["Authorization"] != f"Bearer {KEY}" or mail["from"] != FROM:
                self.send_response(401)
                self.end_headers()
                return
            found = re.search(r"^\w{5}-\w{5}$", mail["text"], re.MULTILINE)
            box.mails.put((mail["to"], found[0] if found and mail["subject"] else ""))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"id": "1"}')

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    api = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{api.server_port}/emails"
    convex.set_env(dict(zip(MAIL, (url, KEY, FROM), strict=True)))
    try:
        yield box
    finally:
        convex.set_env(dict.fromkeys(MAIL, ""))
        api.shutdown()
        api.server_close()
