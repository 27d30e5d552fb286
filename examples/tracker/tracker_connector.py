"""A small connector of an issue tracker: pages by `Link`, a search by POST, an ETag, an export as CSV."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import requests

Row = dict[str, Any]


class Tracker:
    """Reads the tables `issues`, `found`, `labels` and `export`.

    Args:
        options: `base_url` and `token`, which goes into a header.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        self._url = options.get("base_url", "https://tracker.example.com")
        self._session = requests.Session()
        self._session.headers["X-Token"] = options["token"]

    def read_table(
        self, table: str, offset: Mapping[str, Any] | None, options: Mapping[str, str]
    ) -> tuple[Iterator[Row], dict[str, Any]]:
        """The rows of a table, and the offset after them."""
        return {
            "issues": self._issues,
            "found": lambda _: self._found(options["text"]),
            "labels": self._labels,
            "export": self._export,
        }[table](offset or {})

    def _issues(self, _: Mapping[str, Any]) -> tuple[Iterator[Row], dict[str, Any]]:
        rows: list[Row] = []
        page: str | None = f"{self._url}/issues?per_page=2"
        while page:
            answer = self._session.get(page, timeout=10)
            answer.raise_for_status()
            rows += answer.json()
            page = answer.links.get("next", {}).get("url")
        return iter(rows), {"last": max(row["id"] for row in rows)}

    def _found(self, text: str) -> tuple[Iterator[Row], dict[str, Any]]:
        answer = self._session.post(f"{self._url}/search", json={"text": text}, timeout=10)
        answer.raise_for_status()
        return iter(answer.json()["issues"]), {}

    def _labels(self, offset: Mapping[str, Any]) -> tuple[Iterator[Row], dict[str, Any]]:
        known = {"If-None-Match": offset["etag"]} if offset else {}
        answer = self._session.get(f"{self._url}/labels", headers=known, timeout=10)
        answer.raise_for_status()
        rows = [] if answer.status_code == requests.codes.not_modified else answer.json()
        return iter(rows), {"etag": answer.headers["ETag"]}

    def _export(self, _: Mapping[str, Any]) -> tuple[Iterator[Row], dict[str, Any]]:
        answer = self._session.get(f"{self._url}/issues/export", timeout=10)
        answer.raise_for_status()
        return iter(csv.DictReader(io.StringIO(answer.text))), {}
