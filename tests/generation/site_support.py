"""A documentation site on loopback."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

PAGE = b"# Give money back\n\nSome words.\n"
MARKDOWN = {"Content-Type": "text/markdown; charset=utf-8"}
HTML = b"<!DOCTYPE html><title>Just a moment...</title>"


class Site(BaseHTTPRequestHandler):
    """Answers each path as `replies` says: status, headers, body. Keeps the headers of each request."""

    replies: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]]
    asked: ClassVar[list[tuple[str, dict[str, str]]]]

    def do_GET(self) -> None:
        self.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        if self.path == "/slow":
            time.sleep(1)
        if self.path == "/drip":
            self.drip()
            return
        status, headers, body = self.replies[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):  # a reader that has had enough goes away
            self.wfile.write(body)

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/markdown")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(b"#")
                time.sleep(0.02)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[str]:
    """Serve the site, and give its address."""
    Site.replies, Site.asked = {"/page.md": (200, MARKDOWN, PAGE), "/slow": (200, MARKDOWN, PAGE)}, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
