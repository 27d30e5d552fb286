"""One Spark session for the suite, with the merged file registered."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from scripts.lakehouse.java import find_java_fault
from scripts.lakehouse.spark import load_merged_file, start_session


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    fault = find_java_fault()
    if fault:
        pytest.fail(fault, pytrace=False)
    session = start_session("aha-tests")
    load_merged_file()(session)
    yield session
    session.stop()
