"""The WebSocket messages' schemas of the AsyncAPI file, when it lies beside the checkout."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker

FOLDER = Path(__file__).parents[3] / "shared" / "kalshi"
SCHEMA_FILE = FOLDER / "asyncapi-2026-10.yaml"


class FeedSchemas:
    """Validators by message type; a type with several payloads fits one of them."""

    def __init__(self, text: str) -> None:
        components = yaml.safe_load(text)["components"]
        self._validators = defaultdict[str, list[Draft202012Validator]](list)
        for name, schema in components["schemas"].items():
            kind = schema.get("properties", {}).get("type", {}).get("const")
            if kind is not None:
                closed = {"$ref": f"#/components/schemas/{name}", "components": components}
                self._validators[kind].append(Draft202012Validator(closed, format_checker=FormatChecker()))

    @property
    def kinds(self) -> set[str]:
        """Every type of message there is."""
        return set(self._validators)

    def check(self, message: dict[str, Any]) -> None:
        """Raises AssertionError when a message doesn't fit its schema, or has none."""
        kind = message["type"]
        assert kind in self._validators, f"there is no message {kind}"
        found = [list(validator.iter_errors(message)) for validator in self._validators[kind]]
        errors = min(found, key=len)
        assert not errors, f"{kind}: {errors[0].json_path}: {errors[0].message}: {message}"
