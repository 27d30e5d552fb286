"""A loopback server that says what a test writes: answers no well-behaved server would give."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Script:
    """Answers in order, the last one repeated.

    Attributes:
        url: `http://127.0.0.1:port`.
        answers: (status, headers, body); a status of 0 drops the connection.
        requests: (path with query, headers) of each request.
    """

    url: str
    answers: list[tuple[int, dict[str, str], str]]
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def scripted(*answers: tuple[int, dict[str, str], str]) -> Iterator[Script]:
    script = Script("", list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            script.requests.append((self.path, dict(self.headers.items())))
            status, headers, body = script.answers[0]
            if len(script.answers) > 1:
                script.answers.pop(0)
            if status == 0:
                self.close_connection = True
                return
            self.send_response_only(status)
            for name, value in ({"Content-Length": str(len(body.encode()))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def dripping(part: str) -> Iterator[Script]:
    """A server whose `headers`, or whose `body`, come a byte at a time, and never to an end."""
    script, over = Script("", []), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script.requests.append((self.path, dict(self.headers.items())))
            begun = b"HTTP/1.1 200 OK\r\n"
            self.wfile.write(begun + (b"Content-Length: 9999\r\n\r\n" if part == "body" else b"X: "))
            with suppress(OSError):
                while not over.wait(0.01):
                    self.wfile.write(b" ")

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
