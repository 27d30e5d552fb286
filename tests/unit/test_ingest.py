"""What the main job refuses before Spark starts, each as one sentence and exit code 2."""

import json
from pathlib import Path

import filelock
import pytest
from click.testing import CliRunner

from scripts.ingest import main, show_table
from scripts.lakehouse import Batch, Target
from tests.unit.test_lakehouse import SCHEMA, batch


def refuse(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["--cassettes", *arguments])
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    return " ".join(done.output.split())


def test_a_destination_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used: File exists" in refuse("--destination", str(tmp_path / "file"))


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


def test_what_is_shown_is_text_and_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = Target(tmp_path / "ideas", ("id",), "updated_at")
    table.create(SCHEMA)
    table.apply(batch((1, 1)), Batch("run", 0))
    assert show_table(tmp_path, "ideas") == 0
    assert "[bug]" in capsys.readouterr().out
