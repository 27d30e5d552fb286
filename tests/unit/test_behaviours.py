"""What HTTP does, recorded and replayed for three clients: as it was, or refused by name."""

import gzip
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
import requests
import urllib3
from strict_cassettes.cassettes import dump, entry_of
from strict_cassettes.network import ReplayError
from strict_cassettes.rules import Rules, load_rules
from strict_cassettes.scrub import Scrubber, find_lost
from strict_cassettes.tape import player, recording, strictly
from vcr.request import Request

RULES = """
version = 1
origin = "https://tracker.example.com"
[headers]
request = []
response = ["content-type", "location", "etag"]
[asked]
keep = ["state", "text"]
drop = ["key"]
[paths]
id = "count"
owner = "name"
[choices]
[routes]
words = ["plain", "gzip", "br", "zstd", "chunked", "moved", "tagged", "empty", "counted", "search", "image"]
"""
BODY = {"id": 7, "owner": "Ada Bell"}
# Whoever asks: (method, url, headers, content) → status, headers and text.
Answer = tuple[int, dict[str, str], str]
Ask = Callable[[str, str, dict[str, str], bytes | None], Answer]


def with_requests(method: str, url: str, headers: dict[str, str], content: bytes | None) -> Answer:
    with requests.Session() as session:
        got = session.request(method, url, headers=headers, data=content, timeout=5)
        return got.status_code, {name.lower(): value for name, value in got.headers.items()}, got.text


def with_a_stream_of_requests(
    method: str, url: str, headers: dict[str, str], content: bytes | None
) -> Answer:
    with (
        requests.Session() as session,
        session.request(method, url, headers=headers, data=content, timeout=5, stream=True) as got,
    ):
        text = b"".join(got.iter_content(3)).decode(errors="replace")
        return got.status_code, {name.lower(): value for name, value in got.headers.items()}, text


def with_urllib3(method: str, url: str, headers: dict[str, str], content: bytes | None) -> Answer:
    with urllib3.PoolManager() as pool:
        got = pool.request(method, url, headers=headers, body=content)
        return (
            got.status,
            {name.lower(): value for name, value in got.headers.items()},
            got.data.decode(errors="replace"),
        )


def with_a_stream_of_urllib3(method: str, url: str, headers: dict[str, str], content: bytes | None) -> Answer:
    with urllib3.PoolManager() as pool:
        got = pool.request(method, url, headers=headers, body=content, preload_content=False)
        text = b"".join(got.stream(3)).decode(errors="replace")
        return got.status, {name.lower(): value for name, value in got.headers.items()}, text


def with_a_stream_of_httpx(method: str, url: str, headers: dict[str, str], content: bytes | None) -> Answer:
    with (
        httpx.Client(follow_redirects=True, trust_env=False) as client,
        client.stream(method, url, headers=headers, content=content) as got,
    ):
        text = b"".join(got.iter_bytes(3)).decode(errors="replace")
        return got.status_code, {name.lower(): value for name, value in got.headers.items()}, text


def with_httpx(method: str, url: str, headers: dict[str, str], content: bytes | None) -> Answer:
    with httpx.Client(follow_redirects=True, trust_env=False) as client:
        got = client.request(method, url, headers=headers, content=content)
        return got.status_code, {name.lower(): value for name, value in got.headers.items()}, got.text


CLIENTS: dict[str, Ask] = {
    "requests": with_requests,
    "streamed requests": with_a_stream_of_requests,
    "urllib3": with_urllib3,
    "streamed urllib3": with_a_stream_of_urllib3,
    "httpx": with_httpx,
    "streamed httpx": with_a_stream_of_httpx,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    counted = 0

    def do_GET(self) -> None:
        what = self.path.strip("/").partition("?")[0]
        content = json.dumps(BODY).encode()
        if what == "moved":
            return self.say(302, b"", Location="/plain")
        if what == "empty":
            return self.say(204, b"")
        if what == "tagged" and self.headers["If-None-Match"]:
            return self.say(304, b"", ETag='"Ada-1"')
        if what == "counted":
            Handler.counted += 1
            content = json.dumps({"id": Handler.counted}).encode()
        if what == "image":
            return self.say(200, b"\x89PNG\r\n\xff", Content_Type="image/png")
        if what == "gzip":
            return self.say(200, gzip.compress(content), Content_Encoding="gzip")
        if what in ("br", "zstd"):
            packed = pa.compress(content, codec={"br": "brotli"}.get(what, what), asbytes=True)
            return self.say(200, packed, Content_Encoding=what)
        if what == "chunked":
            return self.say_in_pieces(content)
        return self.say(200, content, **({"ETag": '"Ada-1"'} if what == "tagged" else {}))

    do_HEAD = do_GET

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        self.say(200, json.dumps({"id": len(asked)}).encode())

    def say(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        given = {"Content-Type": "application/json"} if content else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        if status not in (204, 304):
            given["Content-Length"] = str(len(content))
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def say_in_pieces(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(content), 5):
            piece = content[start : start + 5]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[str]:
    Handler.counted = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    file = tmp_path_factory.mktemp("rules") / "rules.toml"
    file.write_text(RULES)
    return load_rules(file)


Asked = tuple[str, str, dict[str, str], bytes | None]
TAGGED = {"If-None-Match": '"Ada-1"'}
# Behaviour → the requests that show it.
BEHAVIOURS: dict[str, list[Asked]] = {
    "br": [("GET", "/br", {}, None)],
    "zstd": [("GET", "/zstd", {}, None)],
    "binary": [("GET", "/image", {}, None)],
    "gzip": [("GET", "/gzip", {}, None)],
    "chunked": [("GET", "/chunked", {}, None)],
    "redirect": [("GET", "/moved", {}, None)],
    "etag and 304": [("GET", "/tagged", {}, None), ("GET", "/tagged", TAGGED, None)],
    "head": [("HEAD", "/plain", {}, None), ("GET", "/plain", {}, None)],
    "a key in the address": [("GET", "/counted?key=s3cret-of-ada&state=open", {}, None)],
    "204": [("GET", "/empty", {}, None)],
    "identical requests in order": [("GET", "/counted", {}, None)] * 3,
    "bodies": [
        ("POST", "/search", {"Content-Type": "application/json"}, b'{"text": "open"}'),
        ("POST", "/search", {"Content-Type": "application/json"}, b'{"text": "closed again"}'),
        ("POST", "/search", {"Content-Type": "application/x-www-form-urlencoded"}, b"state=open&text=a"),
    ],
}


def record(ask: Ask, asked: list[Asked], url: str) -> tuple[list[Answer], list[Any]]:
    with recording(lambda send: send) as reel:
        answers = [ask(method, url + path, headers, content) for method, path, headers, content in asked]
    return answers, reel.taken


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_behaviour_is_recorded_without_what_was_said_and_replayed_as_it_was(
    client: str, behaviour: str, rules: Rules, tmp_path: Path
) -> None:
    asked, ask = BEHAVIOURS[behaviour], CLIENTS[client]
    with serving() as url:
        answers, taken = record(ask, asked, url)
    scrubber = Scrubber(rules, "key")
    scrubber.learn(taken)
    assert [find_lost(request, response, scrubber) for request, response in taken] == [None] * len(taken)
    entries = [
        entry_of(scrubber.rewrite(request), scrubber.response(response)) for request, response in taken
    ]
    file = tmp_path / "cassette.json"
    file.write_text(dump(entries), encoding="utf-8")
    assert not re.search("(?i)ada", file.read_text(encoding="utf-8"))
    with player(Scrubber(rules, "replay")).use_cassette(str(file)) as cassette, strictly(cassette):
        replayed = [
            ask(method, rules.origin + path.replace("s3cret-of-ada", "replayed"), headers, content)
            for method, path, headers, content in asked
        ]
    assert [status for status, *_ in replayed] == [status for status, *_ in answers]
    for (_, headers, text), (_, before, said) in zip(replayed, answers, strict=True):
        assert bool(text) == bool(said)
        assert ("etag" in headers) == ("etag" in before)
        if text and behaviour != "binary":
            assert json.loads(text).get("id") == json.loads(said).get("id")


def test_what_is_packed_in_a_way_that_nothing_unpacks_is_refused_by_name(rules: Rules) -> None:
    headers = {"Content-Type": ["application/json"], "Content-Encoding": ["compress"]}
    response = {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": {"string": b"packed"}}
    told = find_lost(
        Request("GET", "https://tracker.example.com/plain", None, {}), response, Scrubber(rules, "key")
    )
    assert told is not None
    assert "packed as `compress`" in told


def test_another_body_is_another_request_and_is_not_answered(rules: Rules, tmp_path: Path) -> None:
    asked = BEHAVIOURS["bodies"][:1]
    with serving() as url:
        _, taken = record(with_requests, asked, url)
    scrubber = Scrubber(rules, "key")
    file = tmp_path / "cassette.json"
    file.write_text(dump([entry_of(scrubber.rewrite(one), scrubber.response(other)) for one, other in taken]))
    with (
        pytest.raises(ReplayError, match="No recorded interaction answers"),
        player(Scrubber(rules, "replay")).use_cassette(str(file)) as cassette,
        strictly(cassette),
        pytest.raises(Exception, match="no recorded interaction"),
    ):
        with_requests("POST", f"{rules.origin}/search", {}, b'{"text": "other"}')
