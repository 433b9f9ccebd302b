"""Web servers of this machine that misbehave, for what fetches pictures."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PICTURES: dict[str, bytes] = {}
"""What the server has, by path."""


class Handler(BaseHTTPRequestHandler):
    """Answers a path with what it is called."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, dict[str, str]]]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        name, _, rest = self.path[1:].partition("/")
        with contextlib.suppress(ConnectionError):
            getattr(self, f"_{name}", self._picture)(rest)

    def _picture(self, rest: str) -> None:
        content = PICTURES.get(self.path.partition("?")[0])
        self._send(404 if content is None else 200, content or b"nothing here")

    def _send(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _to(self, rest: str) -> None:
        self._send(302, b"", Location=rest.replace("~", "/"))

    def _circle(self, rest: str) -> None:
        self._send(301, b"", Location=f"/circle/{int(rest or 0) + 1}")

    def _endless(self, rest: str) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(1_000):
            self.wfile.write(bytes(100_000))

    def _claims(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", rest)
        self.end_headers()
        self.close_connection = True

    def _slow(self, rest: str) -> None:
        """Send a byte now and then, of the head or of the body."""
        if rest == "body":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
        for _ in range(100):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def _html(self, rest: str) -> None:
        self._send(200, b"<html>not a picture</html>", Content_Type="image/jpeg")

    def _zipped(self, rest: str) -> None:
        self._send(200, b"\x1f\x8b" + bytes(100), Content_Encoding="gzip")

    def _half(self, rest: str) -> None:
        """Say more than is sent, and end."""
        content = PICTURES["/good.png"]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True

    def _status(self, rest: str) -> None:
        self._send(int(rest), b"")

    def _headers(self, rest: str) -> None:
        self.send_response(200)
        for number in range(1_000):
            self.send_header(f"X-{number}", "x" * 100)
        self.end_headers()

    def _nonsense(self, rest: str) -> None:
        self.wfile.write(b"\0\1\2 no HTTP at all\r\n\r\n")
        self.close_connection = True


@contextlib.contextmanager
def server(address: str = "127.0.0.1") -> Iterator[ThreadingHTTPServer]:
    """Run a server on a loopback address while the block runs; `asked` is what it was asked."""
    made = ThreadingHTTPServer((address, 0), Handler)
    made.daemon_threads = True
    made.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        thread.join()
        made.server_close()
