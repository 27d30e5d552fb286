"""The pieces that made-up records share: notes, attachments, custom fields, ids."""

import random
from datetime import datetime

from sandbox.clock import timestamp
from sandbox.people import HOST
from sandbox.store import Document
from sandbox.vocabulary import CUSTOM_FIELDS, FIRST_IDS, SENTENCES


class Parts:
    """Makes pieces; ids count up in the order of making."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.next = dict.fromkeys(FIRST_IDS, 0)

    def new_id(self, kind: str) -> str:
        self.next[kind] += 1
        return str(FIRST_IDS[kind] + self.next[kind])

    def custom_fields(self, count: int, changed: datetime) -> list[Document]:
        out: list[Document] = []
        if not count:
            return out
        second = changed.strftime("%Y-%m-%dT%H:%M:%SZ")
        for index, (key, kind, value) in enumerate(CUSTOM_FIELDS[:count]):
            field: Document = {
                "id": str(7300000000000007001 + index),
                "key": key,
                "name": key.replace("_", " ").capitalize(),
                "updatedAt": second,
            }
            if kind == "note":
                field |= self.note(changed) | {"id": field["id"], "body": value}
            if kind == "equation_sheet":
                cell = {"value": value, "name": field["name"], "display_value": str(value)}
                value = {"values": {"7300000000000007208": cell}}
            if kind == "attachment":
                field["attachments"] = [self.attachment(changed)]
            else:
                field["value"] = value
            field["type"] = kind
            if kind == "scorecard":
                field["score_facts"] = [{"id": "7300000000000007107", "value": 10, "name": "Reach"}]
            out.append(field)
        return out

    def note(self, moment: datetime, *, attached: bool = False, empty: bool = False) -> Document:
        return {
            "id": self.new_id("note"),
            "body": "" if empty else self.html(),
            "editor_version": 2,
            "created_at": timestamp(moment),
            "updated_at": timestamp(moment),
            "attachments": [self.attachment(moment)] if attached else [],
        }

    def attachment(self, moment: datetime) -> Document:
        identity = self.new_id("attachment")
        return {
            "id": identity,
            "download_url": f"{HOST}/attachments/{identity}/token/{int(identity) % 10**10:010x}.download"
            "?size=original",
            "created_at": timestamp(moment),
            "updated_at": timestamp(moment),
            "original_file_size": 48213,
            "content_type": "image/png",
            "file_name": "mockup.png",
            "file_size": 48213,
        }

    def integration_field(self, moment: datetime) -> Document:
        return {
            "id": self.new_id("misc"),
            "name": "key",
            "value": "OPP-42",
            "integration_id": "7300000000000009001",
            "service_name": "jira",
            "created_at": timestamp(moment),
        }

    def html(self) -> str:
        first = int(self.rng.random() * len(SENTENCES))
        second = int(self.rng.random() * len(SENTENCES))
        return f"<p>{SENTENCES[first]} {SENTENCES[second]}</p>"
