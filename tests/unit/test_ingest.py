"""What the main job refuses before Spark starts, each as one sentence and exit code 2."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import filelock
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from click.testing import CliRunner
from deltalake.exceptions import DeltaError
from pyspark.errors import PySparkException
from strict_cassettes.credentials import ONLY

from sandbox.server import running
from scripts.lakehouse.command import main, show_table
from scripts.lakehouse.delta import Batch, LakehouseError, Target
from scripts.lakehouse.faults import explain
from scripts.lakehouse.places import find_place, require_name
from tests.places import ROOT
from tests.unit.test_lakehouse import SCHEMA, batch


def refuse(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["--cassettes", *arguments])
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    return " ".join(done.output.split())


def test_a_destination_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file. Name a directory." in refuse("--destination", str(tmp_path / "file"))


def test_two_runs_into_one_destination_are_refused(tmp_path: Path) -> None:
    with filelock.FileLock(tmp_path / ".lock"):
        assert "Another run is at work in" in refuse("--destination", str(tmp_path))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe", "it is no UTF-8 text"),
        (b"[" * 100_000, "is no JSON"),
        (b"{}", "connection_name: is missing."),
        (
            json.dumps(
                {
                    "connection_name": "aha",
                    "objects": [
                        {
                            "table": {
                                "source_table": "ideas",
                                "table_configuration": {"sync_mode": "snapshot", "scd_type": "SCD_TYPE_2"},
                            }
                        }
                    ],
                }
            ).encode(),
            "a history of snapshots (SCD_TYPE_2) is kept on Databricks only",
        ),
    ],
)
def test_a_spec_that_cannot_be_used_is_refused(content: bytes, says: str, tmp_path: Path) -> None:
    spec = tmp_path / "pipeline.json"
    spec.write_bytes(content)
    assert says in refuse("--spec", str(spec), "--destination", str(tmp_path / "lake"))
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("", "--destination is empty"),
        ("   ", "--destination is empty"),
        ("s3://bucket/aha", "is no directory of this machine (`s3:`)"),
        ("dbfs:/aha", "is no directory of this machine (`dbfs:`)"),
        ("C:\\aha", "is no directory of this machine (`C:`)"),
        ("a:b", "is no directory of this machine (`a:`)"),
        ("lake/a:b", "holds ':'"),
        ("50%25", "holds '%'"),
        ("a\\b", "holds '\\\\'"),
        ("a[b]", "holds '[' and ']'"),
        ("a*", "holds '*'"),
        ("new\nline", "holds '\\n'"),
    ],
)
def test_a_place_that_a_library_would_read_as_something_else_is_refused_before_anything_is_made(
    place: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in refuse("--destination", place)
    assert list(tmp_path.iterdir()) == []


def test_each_fault_of_a_spec_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    spec = tmp_path / "pipeline.json"
    tables = [{"table": {"source_table": "idea"}}, {"table": {"source_table": "ideas", "colour": 1}}]
    spec.write_text(json.dumps({"connection_name": "aha", "objects": tables}))
    done = CliRunner().invoke(main, ["--cassettes", "--spec", str(spec)])
    assert done.exit_code == 2
    first, *faults = done.output.splitlines()
    assert first == "The pipeline spec cannot be used:"
    assert [fault.split(":")[0] for fault in faults] == [
        "  objects[0].table.source_table",
        "  objects[1].table.colour",
    ]


def test_for_scripts_a_refusal_is_one_object_too(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = CliRunner().invoke(
        main, ["--cassettes", "--output", "json", "--destination", str(tmp_path / "file")]
    )
    assert done.exit_code == 2
    assert "is a file. Name a directory." in json.loads(done.stdout)["error"]


def test_a_table_without_rows_is_said_to_have_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Target(tmp_path / "ideas", ("id",), "updated_at").create(SCHEMA)
    assert show_table(tmp_path, "ideas") == 0
    assert capsys.readouterr().out == "ideas has no rows yet.\n"


def test_without_credentials_nothing_is_made(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["--live", "--destination", str(tmp_path / "lake")], env={ONLY: str(tmp_path)}
    )
    assert done.exit_code == 2
    assert f"to {tmp_path / 'dev_config.json'} and fill it in" in done.output
    assert list(tmp_path.iterdir()) == []


# Options that no command may take, as they stand in `configs/dev_config.json`.
REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "the placeholder": ({"api_key": "put-your-aha-api-key-here"}, "has no `api_key` yet"),
    "a pace below nothing": (
        {"requests_per_minute": -5},
        "`requests_per_minute` is '-5'",
    ),
    "a page that Aha! does not give": (
        {"page_size": 100_000},
        "`page_size` is '100000'",
    ),
    "a host of somebody else's": ({"base_url": "https://example.com"}, "`base_url`"),
    "a misspelt option": ({"page_sise": 100}, "page_sise"),
}
COMMANDS = {
    "ingest": ["scripts.ingest", "--live"],
    "record": ["harness", "record"],
    "plan": ["harness", "record", "--plan"],
    "drift": ["harness", "drift"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", REFUSED)
def test_every_command_refuses_options_that_cannot_be_used_before_the_first_request(
    kind: str, command: str, tmp_path: Path
) -> None:
    given, says = REFUSED[kind]
    with running(ideas=5) as box:
        options: dict[str, object] = {"api_key": box.api_key, "subdomain": "company", "base_url": box.url}
        options |= given
        (tmp_path / "dev_config.json").write_text(json.dumps(options))
        done = subprocess.run(
            [sys.executable, "-m", *COMMANDS[command]],
            cwd=ROOT,
            env=os.environ | {ONLY: str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert box.traffic.log == []
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert box.api_key not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["scripts.ingest", "--show", "ideas", "--destination", "{lake}"],
        ["harness", "cassettes"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_terminal_that_knows_latin_1_alone_fails_at_nothing(arguments: list[str], tmp_path: Path) -> None:
    table = Target(tmp_path / "ideas", ("id",), "updated_at")
    table.create(SCHEMA)
    row = {"id": "日本語", "updated_at": "2025-01-01", "name": {"text": "…"}, "tags": ["x" * 50]}
    table.apply(ds.dataset(pa.Table.from_pylist([row], SCHEMA)), Batch("run", 0))
    filled = [argument.replace("{lake}", str(tmp_path)) for argument in arguments]
    environment = os.environ | {"PYTHONIOENCODING": "latin-1", "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-m", *filled], cwd=ROOT, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "place", ["with spaces", "日本語", "e\u0301te\u0301", "a#b", "a,b=(c);d'e&f@g~h!i$j"]
)
def test_a_place_with_spaces_or_letters_of_any_script_is_taken(place: str, tmp_path: Path) -> None:
    assert find_place(str(tmp_path / place)) == tmp_path / place
    require_name(place)


def test_a_table_whose_name_can_be_no_directory_is_refused(tmp_path: Path) -> None:
    spec = tmp_path / "pipeline.json"
    table = {"source_table": "ideas", "destination_table": "a%20b"}
    spec.write_text(json.dumps({"connection_name": "aha", "objects": [{"table": table}]}))
    assert "Table 'a%20b'" in refuse("--spec", str(spec), "--destination", str(tmp_path / "lake"))
    assert not (tmp_path / "lake").exists()


HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\x9b31m"


def test_nothing_that_is_shown_of_a_row_is_obeyed_by_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = Target(tmp_path / "ideas", ("id",), "updated_at")
    table.create(SCHEMA)
    row = {"id": HOSTILE, "updated_at": "2025-01-01", "name": {"text": HOSTILE}, "tags": [HOSTILE]}
    table.apply(ds.dataset(pa.Table.from_pylist([row], SCHEMA)), Batch("run", 0))
    assert show_table(tmp_path, "ideas") == 0
    assert all(sign.isprintable() or sign == "\n" for sign in capsys.readouterr().out)


@pytest.mark.parametrize(
    ("raised", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full."),
        (DeltaError("Generic LocalFileSystem error: ... (os error 28)"), "The disk is full."),
        (
            PySparkException(
                "An error occurred while calling o98.parquet.\njava.io.IOException: No space left"
                " on device\n\tat java.base/sun.nio.ch.FileDispatcherImpl.write0"
            ),
            "The disk is full.",
        ),
        (
            LakehouseError('Delta failed: ... Os { code: 30, message: "Read-only file system" }'),
            "only be read",
        ),
        (PySparkException("java.lang.OutOfMemoryError: Java heap space"), "Set a smaller `page_size`"),
        (
            PySparkException(f"x\n_generated.AhaServerError: GET /ideas answered 500 ({HOSTILE})"),
            "answered 500",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_the_machine_or_a_server_did_is_told_in_one_printable_sentence(
    raised: Exception, says: str
) -> None:
    told = explain(raised)
    assert says in told
    assert told.isprintable()


def test_what_is_shown_is_text_and_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = Target(tmp_path / "ideas", ("id",), "updated_at")
    table.create(SCHEMA)
    table.apply(batch((1, 1)), Batch("run", 0))
    assert show_table(tmp_path, "ideas") == 0
    assert "[bug]" in capsys.readouterr().out
