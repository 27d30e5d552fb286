"""Another API, another connector: the harness needs a matrix and rules, and no change."""

import subprocess
import sys
from pathlib import Path

import pytest
from strict_cassettes.cassettes import load_interactions

from tests.places import ROOT

CONNECTOR = """
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests


class Moons:
    def __init__(self, options):
        self.options = options

    def read_table(self, table, offset, options):
        url = self.options.get("base_url", "https://sky.example.com")
        headers = {"X-Key": self.options["api_key"]}
        url = f"{url}/{self.options['sky']}"
        rows, page = [], f"{url}/{table}?page=1"
        while page:
            answer = requests.get(page, headers=headers, timeout=5)
            rows += answer.json()["moons"]
            page = answer.links.get("next", {}).get("url")
        asked = {"state": "seen"}
        found = requests.post(f"{url}/search", data=asked, headers=headers, timeout=5)
        rows += [{"id": int(line.split(",")[0])} for line in found.text.splitlines()[1:]]
        return iter(rows), {"cursor": len(rows)}


class Source:
    def __init__(self, options):
        self.lakeflow_connect = Moons(options)


def read(options):
    return Moons(options).read_table(options["tableName"], None, options)[0]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        page = int(self.path[-1])
        moon = {"id": page, "discoverer": "Galileo Galilei", "seen_at": "1610-01-07"}
        here = f'http://{self.headers["Host"]}{self.path[:-1]}'
        link = f'<{here}{page + 1}>; rel="next"' if page < 3 else ""
        self.answer(json.dumps({"moons": [moon]}), "application/json", link)

    def do_POST(self):
        self.answer("id,discoverer\\n9,Galileo Galilei\\n", "text/csv")

    def answer(self, text, kind, link=""):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Content-Type", kind)
        if link:
            self.send_header("Link", link)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@contextmanager
def start():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {"api_key": "s3cret-moon-key", "sky": "galileis-own-sky", "base_url": f"http://127.0.0.1:{server.server_address[1]}"}
    server.shutdown()
    server.server_close()
"""
MATRIX = """
source = "moons:Source"
tables = ["moons"]
rules = "rules.toml"
[live]
variables = { api_key = "MOON_KEY", sky = "MOON_SKY" }
secrets = ["api_key"]
addressed = ["sky"]
origin = "https://sky.example.com"
[sandbox]
start = "moons:start"
[replay]
api_key = "replayed"
sky = "sky"
[coverage]
scenarios = ["all"]
routes = ["/sky/moons", "/sky/search"]
[scenario.all]
steps = ["first"]
rows = "some"
pages = 3
"""
RULES = """
version = 1
origin = "https://sky.example.com"
[headers]
request = []
response = ["content-type", "link"]
[asked]
keep = ["page", "state"]
[paths]
id = "count"
seen_at = "date"
discoverer = "name"
[choices]
[routes]
words = ["moons", "search", "sky"]
"""
REPLAY = """
from strict_cassettes.scenarios import load_matrix, load_source, play
from strict_cassettes.scrub import Scrubber
from strict_cassettes.tape import player, strictly
from tests.places import ROOT

matrix = load_matrix()
scenario = matrix.scenarios["moons/all"]
tape = player(Scrubber(matrix.rules, "replay"))
with tape.use_cassette("cassettes/sandbox/moons/all.json") as cassette, strictly(cassette):
    [[row, *rest]] = play(scenario, load_source(matrix), matrix.replay).reads
print(row["id"], row["seen_at"], row["discoverer"] != "Galileo Galilei", [other["id"] for other in rest])
"""


@pytest.mark.parametrize("source", ["Source", "Moons", "read"])
def test_a_second_api_is_recorded_checked_and_replayed_by_configuration_alone(
    source: str, tmp_path: Path
) -> None:
    (tmp_path / "configs").mkdir()
    for name, text in (
        ("moons.py", CONNECTOR),
        ("configs/scenarios.toml", MATRIX.replace("moons:Source", f"moons:{source}")),
        ("configs/rules.toml", RULES),
        ("replay.py", REPLAY),
    ):
        (tmp_path / name).write_text(text)
    environment = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin"}

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "1 scenarios (0 unchanged), 4 interactions" in run("-m", "harness", "record", "--sandbox")
    entry, *_ = load_interactions(tmp_path / "cassettes" / "sandbox" / "moons" / "all.json")
    assert entry["request"]["origin"] == "https://sky.example.com"
    assert entry["request"]["path"] == "/sky/moons"
    assert "alile" not in (tmp_path / "cassettes" / "sandbox" / "moons" / "all.json").read_text()
    assert run("replay.py") == "1 1610-01-07 True [2, 3, 9]\n"
    listed = subprocess.run(
        [sys.executable, "-m", "harness", "cassettes"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert "✗" not in listed.stdout
    assert "0 fault(s)" in listed.stdout
    assert "0 difference(s) in shape" in run("-m", "harness", "drift", "--sandbox")


@pytest.mark.parametrize(
    "command", [("record", "--sandbox"), ("cassettes",), ("drift", "--sandbox"), ("serve", "a/b")]
)
def test_outside_of_a_project_nothing_is_read_from_where_the_harness_lies(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", "harness", *command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "There is no configs/scenarios.toml in" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
