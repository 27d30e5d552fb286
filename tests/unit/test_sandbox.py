"""The sandbox as a server: Aha!'s envelope and refusals, and a process that starts and stops cleanly."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sandbox.server import Sandbox, open_world, running
from sandbox.store import Condition, Record, Store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def get(sandbox: Sandbox) -> "Iterator[Getter]":
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {sandbox.api_key}"
        yield Getter(sandbox.url, session)


class Getter:
    """GETs below /api/v1."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url, self._session = url, session

    def __call__(self, path: str, **params: str) -> requests.Response:
        return self._session.get(f"{self._url}/api/v1{path}", params=params, timeout=5)


def test_a_list_has_30_rows_a_page_and_never_more_than_200(get: Getter) -> None:
    assert len(get("/ideas").json()["ideas"]) == 30
    assert get("/ideas", per_page="500").json()["pagination"]["total_pages"] == 1
    assert len(get("/ideas/endorsements", per_page="500").json()["idea_endorsements"]) <= 200


def test_a_list_without_fields_shows_stubs_and_with_a_star_everything(get: Getter) -> None:
    stub = get("/ideas").json()["ideas"][0]
    full = get("/ideas", fields="*").json()["ideas"][0]
    assert "votes" not in stub
    assert {"votes", "comments_count", "endorsements_count", "custom_fields"} <= set(full)
    assert get(f"/ideas/{stub['id']}").json()["idea"] == full
    assert get(f"/ideas/{stub['reference_num']}").json()["idea"] == full


def test_an_empty_list_has_zero_pages(get: Getter) -> None:
    body = get("/ideas", q="no idea bears this name").json()
    assert body == {"ideas": [], "pagination": {"total_records": 0, "total_pages": 0, "current_page": 1}}


def test_refusals_look_like_ahas(get: Getter, sandbox: Sandbox) -> None:
    assert get("/ideas/1").json() == {"error": "Record not found."}
    assert get("/ideas/1/comments").status_code == 404
    unknown = get("/nothing/here")
    assert (unknown.status_code, unknown.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    refused = requests.get(f"{sandbox.url}/api/v1/ideas", timeout=5)
    assert (refused.status_code, refused.text) == (401, "")


def test_updated_since_is_exclusive(get: Getter) -> None:
    newest = max(row["updated_at"] for row in get("/ideas", per_page="200").json()["ideas"])
    assert get("/ideas", updated_since=newest).json()["ideas"] == []
    earlier = newest[:-4] + "000Z"
    assert get("/ideas", updated_since=earlier).json()["pagination"]["total_records"] >= (newest != earlier)


def test_a_time_filter_reads_every_form_of_a_time(get: Getter) -> None:
    created = sorted(row["created_at"] for row in get("/ideas", per_page="200").json()["ideas"])
    moment = created[len(created) // 2]
    after = sum(time > moment for time in created)
    for form in (moment, moment.lower(), moment.replace("Z", "000Z"), moment.replace("Z", "+00:00")):
        assert get("/ideas", created_since=form).json()["pagination"]["total_records"] == after


@pytest.mark.parametrize(
    "path",
    [
        "/ideas?page=99999999999999999999",
        "/audits?after_id=99999999999999999999",
        f"/ideas?page={'9' * 4400}",
        f"/ideas?per_page={'9' * 4400}",
        f"/audits?after_id={'9' * 4400}",
        "/ideas?updated_since=0001-01-01T00:00:00%2B14:00",
        "/ideas?created_since=9999-12-31T23:59:59-14:00",
    ],
)
def test_a_number_beyond_all_bounds_is_no_server_error(path: str, get: Getter) -> None:
    assert get(path).status_code == 200
    assert get("/ideas/9300000000000000000").status_code == 404
    assert get(f"/ideas/{'9' * 4400}").status_code == 404


def test_the_documented_rate_limit_answers_429_with_a_time_to_wait() -> None:
    with running(ideas=1, rate_limit=True) as box:
        headers = {"Authorization": f"Bearer {box.api_key}"}
        with requests.Session() as session:
            answers = [session.get(f"{box.url}/api/v1/ideas", headers=headers, timeout=5) for _ in range(40)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert int(limited[0].headers["Retry-After"]) >= 1
    assert "Rate limit exceeded" in limited[0].json()["errors"][0]["message"]


def test_the_same_seed_makes_the_same_account() -> None:
    bodies = []
    for _ in range(2):
        with running(ideas=5, seed_number=3) as box:
            headers = {"Authorization": f"Bearer {box.api_key}"}
            bodies.append(requests.get(f"{box.url}/api/v1/ideas?fields=*", headers=headers, timeout=5).text)
    assert bodies[0] == bodies[1]


def test_the_process_says_when_it_is_ready_and_stops_on_sigterm() -> None:
    command = [sys.executable, "-m", "sandbox", "--ideas", "3"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        headers = {"Authorization": f"Bearer {ready['api_key']}"}
        assert requests.get(f"{ready['url']}/api/v1/ideas", headers=headers, timeout=5).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "{port}"], "Cannot listen on 127.0.0.1:{port}"),
        (["--port", "70000"], "70000 is not in the range"),
        (["--port", "many"], "'many' is not a valid"),
        (["--db", "{directory}"], "cannot be used as a database"),
        (["--db", "{nonsense}"], "cannot be used as a database"),
        (["--host", "0.0.0.0", "--control"], "--control lets anybody change"),
        (["--clock", "yesterday"], "'yesterday' does not match"),
        (["--commit-lag", "nan"], "commit_lag and latency are seconds"),
        (["--host", ""], "--host is empty"),
        (["--host", "a..b"], "Choose another --host"),
        (["--db", "{corrupt}"], "cannot be used as a database"),
    ],
    ids=[
        "used port",
        "high port",
        "no port",
        "directory",
        "no database",
        "open control",
        "no time",
        "no number",
        "no host",
        "bad host",
        "corrupt",
    ],
)
def test_a_bad_start_is_one_clear_sentence_and_exit_code_2(
    arguments: list[str], says: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "nonsense").write_text("no database" * 1000)
    open_world(ideas=40, path=str(tmp_path / "corrupt")).close()
    content = (tmp_path / "corrupt").read_bytes()
    (tmp_path / "corrupt").write_bytes(content[:8192] + b"garbage" * (len(content) // 7))
    names = {
        "port": sandbox.url.rpartition(":")[2],
        "directory": str(tmp_path),
        "nonsense": str(tmp_path / "nonsense"),
        "corrupt": str(tmp_path / "corrupt"),
    }
    command = [sys.executable, "-m", "sandbox", "--ideas", "0", *(text.format(**names) for text in arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert says.format(**names) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_of_another_program_or_in_use_is_refused_and_left_alone(tmp_path: Path) -> None:
    foreign, used = tmp_path / "foreign.db", tmp_path / "used.db"
    with sqlite3.connect(foreign) as database:
        database.execute("CREATE TABLE records (x)")
    before = foreign.read_bytes()
    world = open_world(ideas=1, path=str(used))
    for path, says in ((foreign, "a database of another program"), (used, "locked")):
        command = [sys.executable, "-m", "sandbox", "--db", str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert says in done.stderr
    world.close()
    assert foreign.read_bytes() == before


def test_an_address_that_others_can_reach_is_warned_of() -> None:
    command = [sys.executable, "-m", "sandbox", "--ideas", "0", "--host", "0.0.0.0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert "Warning: 0.0.0.0 can be reached from other machines" in process.stderr.read()


def test_a_seed_that_was_interrupted_is_begun_again(tmp_path: Path) -> None:
    path = str(tmp_path / "account.db")
    store = Store(path)
    store.put([Record("idea", 1, {"id": "1"})])
    store.close()
    world = open_world(ideas=12, path=path)
    assert world.store.count([Condition("kind = 'idea'")]) == 12
    world.close()


def test_a_request_under_way_does_not_hold_up_the_end() -> None:
    command = [sys.executable, "-m", "sandbox", "--ideas", "3", "--latency", "60"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        host, port = ready["url"].removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as waiting:
            asked = f"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ready['api_key']}\r\n\r\n"
            waiting.sendall(asked.encode())
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0


def test_an_account_kept_in_a_file_is_there_again(tmp_path: Path) -> None:
    path = str(tmp_path / "account.db")
    world = open_world(ideas=2, path=path)
    made = world.create("idea", name="Kept")
    world.close()
    again = open_world(ideas=99, path=path)
    found = again.store.find("idea", made.id)
    assert found is not None
    assert found.body["name"] == "Kept"
    assert again.store.count([Condition("kind = 'idea'")]) == 3
    again.close()
