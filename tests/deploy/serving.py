"""The stand-in workspace over real HTTP on loopback, with faults."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.deploy.vocabulary import Refusal
from tests.deploy.workspace import CODES, TOKEN, Json, Workspace


class Handler(BaseHTTPRequestHandler):
    workspace: Workspace
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(size)
        body: Any = None
        if size and "/fs/files/" in parts.path:
            body = {"bytes": content}
        elif size:
            body = json.loads(content)
        self.workspace.log.append((self.command, parts.path, body))
        try:
            if parts.path.endswith(".yaml"):
                self._send(200, self.workspace.raw)
                return
            self._require_luck(parts.path, body)
            if self.workspace.redirect:
                self._send(307, {}, Location=self.workspace.redirect + self.path)
                return
            self.workspace.require_taken(parts.path)
            if self.workspace.raw and "well-known" not in parts.path:
                self._send(200, self.workspace.raw)
                return
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            if self.workspace.slow == f"{self.command} {parts.path}":
                self.workspace.reached.set()
                self.workspace.go_on.wait(30)
            self.workspace.meanwhile.pop(f"{self.command} {parts.path}", lambda: None)()
            found = self.workspace.answer(self.command, parts.path, query, body)
            self.workspace.lose(f"{self.command} {parts.path}")
            for key, place in self.workspace.answers_without.items():
                if place == f"{self.command} {parts.path}":
                    found = {name: value for name, value in found.items() if name != key}
            self._send(200, found)
        except Refusal as refusal:
            code = CODES.get(refusal.status, "INTERNAL_ERROR")
            self._send(refusal.status, {"error_code": code, "message": str(refusal)})

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

    def _require_luck(self, path: str, body: Any) -> None:
        """Answer with the next fault that was ordered for this request, and refuse a wrong token."""
        for place, statuses in self.workspace.faults.items():
            method, _, prefix = place.partition(" ")
            if method == self.command and path.startswith(prefix) and statuses:
                status = statuses.pop(0)
                raise Refusal(status, f"fault {status}; you sent {json.dumps(body, default=str)}")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}" and "well-known" not in path:
            raise Refusal(401, "Invalid access token.")

    def _send(self, status: int, content: Json | str, **headers: str) -> None:
        text = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        for name, value in (headers | ({"Retry-After": "0"} if status == 429 else {})).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """The test's output is for what failed."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that breaks off is no fault of the command's, on whose standard error it would stand."""


@contextmanager
def running_workspace() -> Iterator[Workspace]:
    workspace = Workspace()
    handler = type("BoundHandler", (Handler,), {"workspace": workspace})
    server = Server(("127.0.0.1", 0), handler)
    workspace.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield workspace
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
