"""The WebSocket messages' schemas of Kalshi's AsyncAPI file."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tests.facts import load


class FeedSchemas:
    """Validators by message type; a type with several payloads fits one of them."""

    def __init__(self) -> None:
        components = load("kalshi/asyncapi-2026-10")["components"]
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
