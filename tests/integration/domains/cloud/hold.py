"""A proxy before the EC2-compatible API that holds or cuts answers: the request has acted, nobody hears of it."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Holding(ThreadingHTTPServer):
    """Answers as the API does, but for the one operation named by `holds` or `cuts`."""

    daemon_threads = True

    def __init__(self, endpoint: str) -> None:
        self.upstream = urlsplit(endpoint)
        self.holds = ""
        self.cuts = ""
        self.acted = threading.Event()
        """The held request has been carried out."""
        self.release = threading.Event()
        self.operations: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Holding
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = parse_qs(body.decode()).get("Action", [""])[0]
        self.server.operations.append(operation)
        connection = http.client.HTTPConnection(str(self.server.upstream.hostname), self.server.upstream.port)
        connection.request("POST", self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if operation == self.server.holds:
            self.server.acted.set()
            self.server.release.wait(20)
        if operation == self.server.cuts:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test tells what matters."""


@contextmanager
def holding(endpoint: str) -> Iterator[Holding]:
    proxy = Holding(endpoint)
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.release.set()
        proxy.shutdown()
        proxy.server_close()
        thread.join(5)
