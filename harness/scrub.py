"""What of a response may be kept in a cassette.

By allow-list: headers and JSON values that no rule names are dropped or replaced, so what an API adds
tomorrow is safe by default. Replacing is keyed and one-way, the same value gives the same pseudonym
everywhere, and scrubbing what was scrubbed changes nothing.
"""

import hashlib
import hmac
import json
import re
from typing import Any

ACCOUNT_HOST = "company.aha.io"
KEPT_REQUEST_HEADERS = frozenset({"accept", "content-type"})
KEPT_RESPONSE_HEADERS = frozenset({"content-type", "date", "retry-after"})
# JSON keys whose texts say nothing about anybody: identities, times, enumerations of the API.
KEPT_KEYS = frozenset(
    {"id", "idea_id", "product_id", "reference_num", "reference_prefix", "type", "visibility", "color", "key"}
    | {"workspace_type", "content_type", "service_name", "record_type", "updatedAt", "status_name", "error"}
)
KEPT_KEY_ENDINGS = ("_id", "_ids", "_at", "_date", "_on")
# Objects whose `name` is configuration, not a person or a customer's words.
CONFIGURATION = frozenset({"workflow_status", "full_tags", "categories", "score_facts"})
URL_KEYS = frozenset({"url", "resource"})
DECIMAL = re.compile(r"-?\d+\.\d+")
PSEUDONYM = re.compile(r"(text|person)-[0-9a-f]{8}(@example\.com)?")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
ORIGIN = re.compile(r"https?://[^/\s\"'<>?#]+")


class Scrubber:
    """Rewrites requests and responses for one recording.

    Args:
        key: what pseudonyms are keyed with; a secret for live data.
        secrets: texts that are replaced wherever they stand.
    """

    def __init__(self, key: str, secrets: tuple[str, ...] = ()) -> None:
        self._key = key.encode()
        self._secrets = tuple(secret for secret in secrets if secret)

    def request(self, request: Any) -> Any:
        """vcrpy's `before_record_request`: runs when recording, loading and matching."""
        request.uri = self._hide(ORIGIN.sub(f"https://{ACCOUNT_HOST}", request.uri, count=1))
        request.headers = {
            name: value for name, value in request.headers.items() if name.lower() in KEPT_REQUEST_HEADERS
        }
        return request

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """vcrpy's `before_record_response`."""
        headers = {
            name.lower(): value
            for name, value in response["headers"].items()
            if name.lower() in KEPT_RESPONSE_HEADERS
        }
        body = self.body(response["body"]["string"])
        return {"status": response["status"], "headers": headers, "body": {"string": body}}

    def body(self, content: bytes) -> bytes:
        """A body with only what may be kept. Text that is not JSON says nothing we need."""
        try:
            data = json.loads(content)
        except ValueError:
            return b""
        return json.dumps(self._value(data, "", ""), ensure_ascii=False).encode()

    def _value(self, value: Any, key: str, parent: str) -> Any:
        if isinstance(value, dict):
            return {name: self._value(item, name, key) for name, item in value.items()}
        if isinstance(value, list):
            return [self._value(item, key, parent) for item in value]
        return self._text(value, key, parent) if isinstance(value, str) else value

    def _text(self, value: str, key: str, parent: str) -> str:
        kept = (
            key in KEPT_KEYS or key.endswith(KEPT_KEY_ENDINGS) or (key == "name" and parent in CONFIGURATION)
        )
        if kept or not value or PSEUDONYM.fullmatch(value):
            return self._hide(value)
        if key in URL_KEYS:
            return self._hide(ORIGIN.sub(f"https://{ACCOUNT_HOST}", value))
        if DECIMAL.fullmatch(value):
            return "1.5"
        if EMAIL.fullmatch(value):
            return f"person-{self._digest(value)}@example.com"
        return f"text-{self._digest(value)}"

    def _hide(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "scrubbed")
        return text

    def _digest(self, value: str) -> str:
        return hmac.new(self._key, value.encode(), hashlib.sha256).hexdigest()[:8]
