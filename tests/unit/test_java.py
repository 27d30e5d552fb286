"""A machine without Java gets a sentence, not a stack trace."""

from pathlib import Path

from scripts.lakehouse.java import find_java_fault


def fake_java(directory: Path, version: str) -> Path:
    (directory / "bin").mkdir()
    java = directory / "bin" / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    java.chmod(0o755)
    return directory


def test_a_missing_java_says_what_to_install() -> None:
    fault = find_java_fault({"PATH": ""})
    assert fault is not None
    assert fault.startswith("Java was not found, and Spark needs it. Install Java 17 or newer")


def test_an_old_java_is_named_with_its_version(tmp_path: Path) -> None:
    home = fake_java(tmp_path, "1.8.0_402")
    fault = find_java_fault({"JAVA_HOME": str(home), "PATH": ""})
    assert fault is not None
    assert fault.startswith("Java 8 is too old")


def test_a_java_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    fault = find_java_fault({"JAVA_HOME": str(tmp_path), "PATH": ""})
    assert fault is not None
    assert fault.startswith("Java does not run")


def test_java_17_will_do(tmp_path: Path) -> None:
    assert find_java_fault({"JAVA_HOME": str(fake_java(tmp_path, "17.0.15")), "PATH": ""}) is None
