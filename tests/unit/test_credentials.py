"""Credentials: where they are looked for, what is refused, and that no test can use any."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from strict_cassettes.credentials import (
    KEY_FILE,
    ONLY,
    CredentialsError,
    MissingCredentialsError,
    find_credentials,
    find_pseudonym_key,
)
from strict_cassettes.scenarios import Matrix, load_matrix

from sandbox.server import running
from tests.offline import ReachedOutError
from tests.places import ROOT

MATRIX = load_matrix()
BOTH = {"AHA_API_KEY": "k", "AHA_SUBDOMAIN": "one"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def matrix(home: Path) -> Matrix:
    """A matrix beside whose file credentials may lie."""
    return replace(MATRIX, home=home)


def write(home: Path, **options: object) -> None:
    (home / "dev_config.json").write_text(json.dumps(options))


def test_credentials_come_from_the_environment_over_the_file_beside_the_matrix(
    matrix: Matrix, home: Path
) -> None:
    assert find_credentials(matrix, BOTH) == {"api_key": "k", "subdomain": "one"}
    write(home, api_key="f", subdomain="two")
    assert find_credentials(matrix, {}) == {"api_key": "f", "subdomain": "two"}
    assert find_credentials(matrix, BOTH) == {"api_key": "k", "subdomain": "one"}


def test_further_options_of_the_file_hold_for_the_same_account_and_are_refused_for_another(
    matrix: Matrix, home: Path
) -> None:
    write(home, api_key="f", subdomain="one", base_url="http://127.0.0.1:1", requests_per_minute="60")
    assert find_credentials(matrix, BOTH) == {
        "api_key": "k",
        "subdomain": "one",
        "base_url": "http://127.0.0.1:1",
        "requests_per_minute": "60",
    }
    write(home, api_key="f", subdomain="two", base_url="http://127.0.0.1:1")
    with pytest.raises(CredentialsError, match=r"different accounts, and .* further options \(base_url\)"):
        find_credentials(matrix, BOTH)


def test_one_directory_can_be_named_as_the_only_place(matrix: Matrix, home: Path, tmp_path: Path) -> None:
    write(home, api_key="f", subdomain="two")
    with pytest.raises(MissingCredentialsError):
        find_credentials(matrix, BOTH | {ONLY: str(tmp_path / "elsewhere")})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"api_key": "k"}',
        '{"api_key": null, "subdomain": "x"}',
        '{"api_key": ["k"], "subdomain": "x"}',
    ],
)
def test_an_unusable_configuration_file_is_named(text: str, matrix: Matrix, home: Path) -> None:
    (home / "dev_config.json").write_text(text)
    with pytest.raises(CredentialsError, match=r"dev_config\.json (cannot be read|must hold|has no)"):
        find_credentials(matrix, {})


def test_the_examples_placeholder_is_never_sent(matrix: Matrix, home: Path) -> None:
    (home / "dev_config.json").write_text((ROOT / "configs" / "dev_config.example.json").read_text())
    with pytest.raises(CredentialsError, match="has no `api_key` yet"):
        find_credentials(matrix, {})


def test_a_number_a_flag_and_a_mark_of_the_encoding_are_taken_in_the_configuration_file(
    matrix: Matrix, home: Path
) -> None:
    options = {"api_key": "k", "subdomain": "acme", "page_size": 50, "track_deletes": True}
    (home / "dev_config.json").write_text(json.dumps(options), encoding="utf-8-sig")
    assert find_credentials(matrix, {}) == {
        "api_key": "k",
        "subdomain": "acme",
        "page_size": "50",
        "track_deletes": "true",
    }


@pytest.mark.parametrize("name", ["AHA_API_KEY", "AHA_SUBDOMAIN"])
def test_half_set_credentials_are_an_error_and_not_the_cassettes(name: str, matrix: Matrix) -> None:
    other = {"AHA_API_KEY": "AHA_SUBDOMAIN", "AHA_SUBDOMAIN": "AHA_API_KEY"}[name]
    with pytest.raises(CredentialsError, match=f"{other} is not set"):
        find_credentials(matrix, {name: "x", other: ""})


def test_the_pseudonym_key_is_made_once_for_its_owner_alone_and_git_ignores_it(
    matrix: Matrix, home: Path
) -> None:
    key, told = find_pseudonym_key(matrix, (), {})
    assert len(key) == 64
    assert key not in told
    assert "keep it to yourself" in told
    assert (home / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert find_pseudonym_key(matrix, (), {}) == (key, "")
    assert f"configs/{KEY_FILE}" in (ROOT / ".gitignore").read_text().splitlines()
    (home / KEY_FILE).write_bytes(b"\xff\xfe" * 40)
    with pytest.raises(CredentialsError, match="holds no key of 32 characters"):
        find_pseudonym_key(matrix, (), {})
    (home / KEY_FILE).write_text("short")
    with pytest.raises(CredentialsError, match="holds no key of 32 characters"):
        find_pseudonym_key(matrix, (), {})


def run_live(home: Path, **options: str) -> subprocess.CompletedProcess[str]:
    """`record` with these credentials and no others."""
    write(home, **options)
    command = [sys.executable, "-m", "harness", "record", "--cassettes", str(home / "cassettes")]
    environment = os.environ | {ONLY: str(home)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_options_that_the_connector_refuses_are_refused_before_recording(home: Path) -> None:
    done = run_live(home, api_key="s3cret-key", subdomain="my company")
    assert done.returncode == 2
    assert "Option `subdomain`" in done.stderr
    assert "Asking" not in done.stdout
    assert "s3cret-key" not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [("record", "--plan", "one_page"), ("drift", "one_page")])
def test_what_writes_nothing_makes_no_pseudonym_key(arguments: tuple[str, ...], home: Path) -> None:
    command = [sys.executable, "-m", "harness", *arguments, "--cassettes", str(home / "cassettes")]
    with running(ideas=5) as box:
        write(home, api_key=box.api_key, subdomain="acme", base_url=box.url)
        environment = os.environ | {ONLY: str(home)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in home.iterdir()] == ["dev_config.json"]


def test_options_that_would_have_to_be_replayed_do_not_count_and_it_says_so(home: Path) -> None:
    with running(ideas=5) as box:
        options = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url, "page_size": "50"}
        write(home, **options, requests_per_minute="60000")
        command = [
            sys.executable,
            "-m",
            "harness",
            "record",
            "--cassettes",
            str(home / "cassettes"),
            "one_page",
        ]
        environment = os.environ | {ONLY: str(home)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "`page_size` of the credentials does not count in recordings." in done.stdout
    # An account of the very name that cassettes give to all is scrubbed like any other.
    assert "keep it to yourself" in done.stdout
    assert (home / KEY_FILE).exists()


# What lies about on a maintainer's machine.
LYING_ABOUT = {"AHA_API_KEY": "s3cret-key", "AHA_SUBDOMAIN": "acme", "DATABRICKS_TOKEN": "s3cret"}


def test_no_process_that_a_test_starts_finds_credentials_even_if_it_is_given_some() -> None:
    command = [sys.executable, "-m", "harness", "record", "ideas/empty"]
    for environment in (os.environ | LYING_ABOUT, LYING_ABOUT | {"PATH": os.environ["PATH"]}):
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 2
        assert "No credentials." in done.stderr


def test_no_test_has_credentials_of_its_own() -> None:
    assert not [name for name in os.environ if name.startswith(("AHA_", "DATABRICKS_"))]
    with pytest.raises(MissingCredentialsError):
        find_credentials(MATRIX)


def test_no_test_reaches_another_machine_whatever_it_asks_with() -> None:
    with pytest.raises(ReachedOutError, match="tests talk to this machine only"):
        socket.create_connection(("aha.example.com", 443), 1)
    with socket.socket() as plain, pytest.raises(ReachedOutError, match=r"203\.0\.113\.1"):
        plain.connect(("203.0.113.1", 443))
