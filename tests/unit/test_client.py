"""HTTP: what is retried, what is refused, what is never told."""

import logging
import pickle
import subprocess
import sys
import traceback

import pytest

from connector.client import AhaClient, RetryPolicy, error_text, parse_date
from connector.errors import (
    AhaAuthError,
    AhaConnectionError,
    AhaNotFoundError,
    AhaPermissionError,
    AhaRateLimitError,
    AhaResponseError,
    AhaServerError,
)
from connector.options import parse_options
from sandbox.server import Sandbox
from tests.conftest import FakeClock
from tests.places import ROOT
from tests.scripted import Script, dripping, scripted

KEY = "s3cret-key-of-nobody"
GOOD = (200, {"Date": "Mon, 06 Oct 2025 09:00:00 GMT"}, '{"ideas": []}')

Answer = tuple[int, dict[str, str], str]


def client_for(script: Script, clock: FakeClock, policy: RetryPolicy | None = None) -> AhaClient:
    options = {"api_key": KEY, "subdomain": "company", "base_url": script.url}
    return AhaClient(parse_options(options), clock=clock, policy=policy)


def test_a_request_carries_the_key_as_bearer_and_asks_for_json(clock: FakeClock) -> None:
    with scripted(GOOD) as script:
        answer = client_for(script, clock).get("/ideas", {"page": "1"})
    path, headers = script.requests[0]
    assert path == "/api/v1/ideas?page=1"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Accept"] == headers["Content-Type"] == "application/json"
    assert answer.body == {"ideas": []}
    assert answer.date is not None
    assert answer.date.isoformat() == "2025-10-06T09:00:00+00:00"


def test_an_entry_in_netrc_does_not_replace_the_key(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, tmp_path: "pytest.TempPathFactory"
) -> None:
    netrc = tmp_path / "netrc"  # type: ignore[operator]
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with scripted(GOOD) as script:
        client_for(script, clock).get("/ideas", {})
    assert script.requests[0][1]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 522, 524, 530, 0])
def test_a_passing_fault_is_retried_to_the_right_answer(status: int, clock: FakeClock) -> None:
    with scripted((status, {}, ""), (status, {}, "<html>Bad gateway</html>"), GOOD) as script:
        assert client_for(script, clock).get("/ideas", {}).body == {"ideas": []}
    assert len(script.requests) == 3


@pytest.mark.parametrize(
    ("status", "error"), [(503, AhaServerError), (429, AhaRateLimitError), (0, AhaConnectionError)]
)
def test_a_lasting_fault_ends_in_an_error_within_bounded_attempts_and_time(
    status: int, error: type[Exception], clock: FakeClock
) -> None:
    policy = RetryPolicy(attempts=6, total_wait=300)
    with scripted((status, {}, "")) as script, pytest.raises(error, match="GET /ideas"):
        client_for(script, clock, policy).get("/ideas", {})
    assert len(script.requests) <= policy.attempts
    assert sum(clock.waits) <= policy.total_wait


@pytest.mark.parametrize(
    ("status", "error", "advice"),
    [
        (401, AhaAuthError, "Check `api_key`"),
        (403, AhaPermissionError, "may not read"),
        (404, AhaNotFoundError, "no such record"),
    ],
)
def test_a_refusal_is_not_retried_and_says_what_to_do(
    status: int, error: type[Exception], advice: str, clock: FakeClock
) -> None:
    answer: Answer = (status, {}, '{"error": "No."}')
    with scripted(answer) as script, pytest.raises(error, match=advice):
        client_for(script, clock).get("/ideas", {})
    assert len(script.requests) == 1


def test_a_404_that_is_not_aha_s_own_is_retried_like_a_fault_of_the_wire(clock: FakeClock) -> None:
    foreign: Answer = (404, {}, "<html>404 Not Found</html>")
    with scripted(foreign, foreign, GOOD) as script:
        assert client_for(script, clock).get("/ideas", {}).body == {"ideas": []}
    with scripted(foreign) as script, pytest.raises(AhaNotFoundError) as caught:
        client_for(script, clock).get("/ideas", {})
    assert not caught.value.own


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"Retry-After": "7"}, "", 7),
        ({"retry_after": "7"}, "", 7),
        ({"Date": "Mon, 06 Oct 2025 09:00:00 GMT", "Retry-After": "Mon, 06 Oct 2025 09:00:30 GMT"}, "", 31),
        ({"Date": "Mon, 06 Oct 2025 09:00:00 GMT", "X-Ratelimit-Reset": "1759741220"}, "", 21),
        ({}, '{"errors": [{"message": "Try again in 42 seconds."}]}', 42),
        ({}, "", 60),
        ({"Retry-After": "soon"}, "", 60),
    ],
    ids=["header", "underscored header", "date", "reset", "message", "nothing", "nonsense"],
)
def test_a_rate_limit_is_waited_out_as_long_as_the_server_says(
    headers: dict[str, str], body: str, wait: float, clock: FakeClock
) -> None:
    with scripted((429, headers, body), GOOD) as script:
        client_for(script, clock).get("/ideas", {})
    assert clock.waits == [wait]


@pytest.mark.parametrize(
    "place", ["http://[ada.bell", "http://ada\u2100.example.com/bell", "http://ada:bell/"]
)
def test_a_redirect_to_what_is_no_address_is_an_error_that_does_not_quote_it(
    place: str, clock: FakeClock
) -> None:
    with (
        scripted((302, {"Location": place.encode().decode("latin-1")}, "")) as script,
        pytest.raises(AhaResponseError, match=r"was redirected \(302\)") as raised,
    ):
        client_for(script, clock).get("/ideas", {})
    assert "ada" not in str(raised.value)


def test_a_redirect_is_not_followed_so_the_key_stays_with_one_host(clock: FakeClock) -> None:
    with scripted(GOOD) as other, scripted((302, {"Location": f"{other.url}/api/v1/ideas"}, "")) as script:
        with pytest.raises(AhaResponseError, match="redirected"):
            client_for(script, clock).get("/ideas", {})
        assert other.requests == []


@pytest.mark.parametrize("body", ["", '{"ideas": [', '{"ideas": [{"id": "1"}', "  ", "["])
def test_json_that_breaks_off_is_retried_to_the_right_answer_or_a_clear_error(
    body: str, clock: FakeClock
) -> None:
    with scripted((200, {}, body), GOOD) as script:
        assert client_for(script, clock).get("/ideas", {}).body == {"ideas": []}
    with (
        scripted((200, {}, body)) as script,
        pytest.raises(AhaConnectionError, match="GET /ideas answered JSON that breaks off"),
    ):
        client_for(script, clock).get("/ideas", {})
    assert len(script.requests) == RetryPolicy().attempts


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "0"},
        {"Retry-After": "0.1"},
        {"Date": "Mon, 06 Oct 2025 09:00:00 GMT", "Retry-After": "Mon, 06 Oct 2025 08:00:00 GMT"},
        {"Date": "Mon, 06 Oct 2025 09:00:00 GMT", "X-Ratelimit-Reset": "1759741000"},
        {"Date": "Mon, 06 Oct 2025 09:00:00 GMT", "X-Ratelimit-Reset": "3"},
    ],
    ids=["0", "a tenth", "a date in the past", "a reset in the past", "a reset in seconds"],
)
def test_all_attempts_against_a_rate_limit_outlast_its_minute_whatever_it_says(
    headers: dict[str, str], clock: FakeClock
) -> None:
    with scripted((429, headers, "")) as script, pytest.raises(AhaRateLimitError):
        client_for(script, clock).get("/ideas", {})
    assert 60 < sum(clock.waits) <= RetryPolicy().total_wait
    assert len(script.requests) == RetryPolicy().attempts


@pytest.mark.parametrize("body", ["<html>Log in</html>", "[]", '"text"'])
def test_an_answer_that_is_no_json_object_is_an_error_that_shows_what_came(
    body: str, clock: FakeClock
) -> None:
    with (
        scripted((200, {"Content-Type": "text/html"}, body)) as script,
        pytest.raises(AhaResponseError, match="something else than a JSON object") as caught,
    ):
        client_for(script, clock).get("/ideas", {})
    assert repr(body) in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        (401, {}, f'{{"error": "bad key {KEY}"}}'),
        (500, {}, KEY),
        (200, {}, f"<html>{KEY}</html>"),
        (302, {"Location": f"https://example.com/?key={KEY}"}, ""),
        (0, {}, ""),
        (200, {"Content-Type": f"text/html; k={KEY}"}, "hi"),
        (200, {}, "x" * 190 + KEY),
        (400, {}, f'{{"error": "{"x" * 190}{KEY}"}}'),
    ],
    ids=["401", "500", "html", "redirect", "dropped", "content type", "cut body", "cut message"],
)
def test_no_error_and_no_log_ever_shows_the_key(
    answer: Answer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with scripted(answer) as script:
        client = client_for(script, clock)
        with pytest.raises(Exception, match="GET") as caught:
            client.get("/ideas", {})
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(client) + caplog.text
    # Half a key is a leak as well.
    assert KEY[:8] not in told
    assert caught.value.__cause__ is None
    assert getattr(caught.value, "request", None) is None


def test_an_unreachable_account_names_the_route_and_what_to_check(clock: FakeClock) -> None:
    with scripted(GOOD) as script:
        client = client_for(script, clock)
    with pytest.raises(AhaConnectionError, match=r"GET /ideas got no answer .*Check the network"):
        client.get("/ideas", {})


def test_a_client_that_was_used_can_still_be_pickled(clock: FakeClock) -> None:
    with scripted(GOOD) as script:
        client = client_for(script, clock)
        client.get("/ideas", {})
        again: AhaClient = pickle.loads(pickle.dumps(client))  # noqa: S301
        assert again.get("/ideas", {}).body == {"ideas": []}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"errors": [{"message": "one"}]}', "one"),
        ('{"errors": {"message": "two"}}', "two"),
        ('{"errors": ["three"]}', "three"),
        ('{"error": "four"}', "four"),
        ('{"message": "five"}', "five"),
        ("plain text", "plain text"),
        ("<html>page</html>", ""),
        ("[1]", ""),
        ("{}", ""),
    ],
)
def test_an_error_body_is_understood_in_every_known_shape(body: str, said: str) -> None:
    assert error_text(body.encode()) == said


@pytest.mark.parametrize("part", ["headers", "body"])
def test_an_answer_that_drips_is_given_up_and_asked_for_again(part: str, clock: FakeClock) -> None:
    policy = RetryPolicy(attempts=2, answer_timeout=0.2)
    with dripping(part) as script, pytest.raises(AhaConnectionError, match=r"not whole after 0\.2 s"):
        client_for(script, clock, policy).get("/ideas", {})


def test_json_is_utf_8_whatever_the_content_type_says(clock: FakeClock) -> None:
    with scripted((200, {"Content-Type": "text/plain; charset=iso-8859-1"}, '{"name": "Grüße"}')) as script:
        assert client_for(script, clock).get("/ideas", {}).body == {"name": "Grüße"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, "[" * 100_000),
        ({}, '{"votes": NaN}'),
        ({}, '{"votes": ' + "9" * 5000 + "}"),
        ({"Date": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, "[]"),
    ],
    ids=["deep", "not a number", "long number", "far date"],
)
def test_a_strange_answer_is_an_error_of_ours(headers: dict[str, str], body: str, clock: FakeClock) -> None:
    with scripted((200, headers, body)) as script, pytest.raises(AhaResponseError):
        client_for(script, clock).get("/ideas", {})


def test_a_date_without_a_zone_is_greenwich_time() -> None:
    for text in ("Mon Oct  6 09:00:00 2025", "Mon, 06 Oct 2025 09:00:00 -0000"):
        date = parse_date(text)
        assert date is not None
        assert date.isoformat() == "2025-10-06T09:00:00+00:00"


@pytest.mark.parametrize("address", ["http://LOCALHOST:{port}", "http://127.0.0.1:{port}"])
def test_an_environments_proxy_never_sees_what_is_meant_for_this_machine(
    address: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(GOOD) as proxy, scripted(GOOD) as script:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url)
        script.url = address.format(port=script.url.rpartition(":")[2])
        client_for(script, clock).get("/ideas", {})
        assert proxy.requests == []


def test_a_connection_fault_tells_its_cause_and_not_a_page_of_parameters(clock: FakeClock) -> None:
    with scripted(GOOD) as script:
        client = client_for(script, clock)
    with pytest.raises(AhaConnectionError) as caught:
        client.get("/ideas", {"fields": "name," * 200})
    assert "Connection refused" in str(caught.value)
    assert "fields" not in str(caught.value)


def test_a_retry_is_logged_with_its_reason_and_its_wait(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with scripted((503, {}, ""), GOOD) as script:
        client_for(script, clock).get("/ideas", {})
    assert "GET /ideas failed in attempt 1 of 6, next in 1 s: GET /ideas answered 503" in caplog.text


# A reader whose parent starts it, as Spark starts its workers, and is then killed.
PARENT = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])
sys.stdin.read()
os.kill(os.getpid(), 9)
"""
READER = """
import os, sys
from connector.client import AhaClient
from connector.errors import AhaOrphanedError
from connector.options import parse_options
settings = {"api_key": "sandbox-key", "subdomain": "company", "base_url": sys.argv[1]}
client = AhaClient(parse_options(settings | {"requests_per_minute": "600000"}))
client.get("/products", {})
print("read", flush=True)
try:
    while True:
        client.get("/products", {})
except AhaOrphanedError as error:
    print(error)
"""


def test_a_reader_whose_parent_is_gone_sends_nothing_more(sandbox: Sandbox) -> None:
    command = [sys.executable, "-c", PARENT, READER, sandbox.url]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "read\n"
        process.stdin.close()
        # The reader ends, and with it the pipe.
        assert "The process that began this read has ended" in process.stdout.read()
