"""The tracker itself, as far as the connector needs it: what recordings are made from."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ACCEPTED = "a-token-of-the-tracker"
ISSUES = [
    {
        "id": number,
        "title": title,
        "author": {"name": author, "email": f"{author.lower()}@example.com"},
        "open": bool(number % 2),
    }
    for number, (title, author) in enumerate(
        (
            ("The door creaks", "Ada"),
            ("Too many moons", "Bob"),
            ("A comet, please", "Cleo"),
            ("Dark at noon", "Ada"),
            ("Stars drift", "Dan"),
        ),
        1,
    )
]
LABELS = [{"id": 1, "name": "bug"}, {"id": 2, "name": "wish"}]
TAG = '"labels-7"'


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if self.headers["X-Token"] != ACCEPTED:
            return self._say(401, {"message": "Bad token"})
        if parts.path == "/labels":
            known = self.headers["If-None-Match"] == TAG
            return self._say(304 if known else 200, None if known else LABELS, ETag=TAG)
        if parts.path == "/issues/export":
            lines = ["id,title,author"] + [
                f'{one["id"]},"{one["title"]}",{one["author"]["name"]}' for one in ISSUES
            ]
            return self._say(200, "\r\n".join(lines) + "\r\n", Content_Type="text/csv")
        asked = parse_qs(parts.query)
        page, size = int(asked.get("page", ["1"])[0]), int(asked["per_page"][0])
        rows = ISSUES[(page - 1) * size : page * size]
        following = f'<http://{self.headers["Host"]}/issues?per_page={size}&page={page + 1}>; rel="next"'
        return self._say(200, rows, **({"Link": following} if page * size < len(ISSUES) else {}))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._say(200, {"issues": [one for one in ISSUES if asked["text"] in one["title"]]})

    def _say(self, status: int, body: Any, **headers: str) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        content = b"" if body is None else text.encode()
        self.send_response(status)
        given = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        for name, value in (
            given | {name.replace("_", "-"): value for name, value in headers.items()}
        ).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def start() -> Iterator[dict[str, str]]:
    """The tracker on loopback, and the connection options for it, for the length of a `with`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {"token": ACCEPTED, "base_url": f"http://127.0.0.1:{server.server_address[1]}"}
    finally:
        server.shutdown()
        server.server_close()
