"""The command line comes again when a service that has too much to do says so."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from aivis.cli.client import Client
from aivis.cli.embedded import Run
from aivis.errors import Transient


class Busy(BaseHTTPRequestHandler):
    """Turns the first request away; tells when each came."""

    came: ClassVar[list[float]] = []
    after = "1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.came.append(time.monotonic())
        first = len(self.came) == 1
        self.send_response(429 if first else 202)
        if first:
            self.send_header("retry-after", self.after)
        said = b'{"detail": "later"}' if first else b'{"case": "c"}'
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@contextmanager
def busy(after: str) -> Iterator[str]:
    Busy.came, Busy.after = [], after
    server = HTTPServer(("127.0.0.1", 0), Busy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run() -> Run:
    """A stack of which only the gateway is asked."""
    nothing: list[Any] = [""] * 13
    return Run(*nothing)


def test_what_is_turned_away_is_sent_again_when_the_service_said() -> None:
    with busy("1") as url:
        assert Client(run()).post(url, "/v1/tickets", {}) == {"case": "c"}
    first, second = Busy.came
    assert second - first >= 1


def test_a_wait_that_is_too_long_is_an_error_that_says_why() -> None:
    with busy("86400") as url, pytest.raises(Transient, match="429: later"):
        Client(run()).post(url, "/v1/tickets", {})
