"""Kalshi's own specification of REST: the judge of every answer of our exchange.

Bodies of errors are judged by what was recorded instead, in three shapes: there the specification is silent or wrong.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tests import facts

OPENAPI = "kalshi/openapi-2026-10"
SCHEMA_FILE = facts.path(OPENAPI)
SDK_FILE = facts.path("kalshi/rest-3.34.0")
"""The same as the official SDK has it."""
_WORDS = {"type": "string", "minLength": 1}
ERRORS: dict[str, Any] = {
    "oneOf": [
        {
            "type": "object",
            "required": ["error"],
            "additionalProperties": False,
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["code", "message"],
                    "additionalProperties": False,
                    "properties": dict.fromkeys(("code", "message", "details", "service"), _WORDS),
                }
            },
        },
        {
            "type": "object",
            "required": ["code", "message", "details"],
            "additionalProperties": False,
            "properties": {"code": {"const": "bad_request"}, "message": _WORDS, "details": _WORDS},
        },
        {"type": "object", "required": ["msg"], "additionalProperties": False, "properties": {"msg": _WORDS}},
        {"type": "object", "required": ["error"], "properties": {"error": {"const": "too many requests"}}},
    ]
}
"""The shapes of an error's body: nested, flat, msg, and that of 429."""


class Schemas:
    """Endpoints and their answers' schemas by method and path template."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = facts.load(OPENAPI)
        self._answers: dict[tuple[str, str], dict[str, Any]] = {
            (method.upper(), path): operation["responses"]
            for path, operations in self.document["paths"].items()
            for method, operation in operations.items()
            if method in ("get", "post", "put", "delete")
        }
        self._routes = [
            (method, re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), path)
            for method, path in self._answers
        ]
        self._validators: dict[tuple[str, str, int], Draft202012Validator] = {}
        self._errors = Draft202012Validator(ERRORS)

    @property
    def endpoints(self) -> set[tuple[str, str]]:
        """(method, path) of all there are."""
        return set(self._answers)

    @cached_property
    def _components(self) -> dict[str, Any]:
        """The components as JSON Schema: OpenAPI 3.0 says ``nullable`` where that says null."""
        converted: dict[str, Any] = _with_null(self.document["components"])
        return converted

    def template(self, method: str, path: str) -> str | None:
        """The endpoint of a request; a literal path wins over one with parameters."""
        found = [template for m, pattern, template in self._routes if m == method and pattern.match(path)]
        return min(found, key=lambda t: t.count("{"), default=None)

    def check(self, method: str, path: str, status: int, body: bytes) -> str | None:
        """Check an answer; returns the endpoint's template, or None when there is no such endpoint.

        Raises:
            AssertionError: the status isn't one of the endpoint's, or the body doesn't fit its schema.
        """
        template = self.template(method, path)
        if status >= 400:
            errors = list(self._errors.iter_errors(json.loads(body)))
            assert not errors, f"{method} {path}: {status}: {body!r} is no error body"
            return template
        if template is None:
            return None
        answers = self._answers[method, template]
        assert str(status) in answers, f"{method} {template} answered {status}, not one of {list(answers)}"
        content = answers[str(status)].get("content")
        if content is None:
            assert body in (b"", b"{}"), f"{method} {path}: {status} has no body, not {body!r}"
            return template
        key = (method, template, status)
        if key not in self._validators:
            schema = _with_null(content["application/json"]["schema"])
            whole = {**schema, "components": self._components}
            self._validators[key] = Draft202012Validator(whole, format_checker=FormatChecker())
        errors = list(self._validators[key].iter_errors(json.loads(body)))
        assert not errors, f"{method} {path}: {errors[0].json_path}: {errors[0].message}"
        return template


def _with_null(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 in the words of JSON Schema."""
    if isinstance(schema, list):
        return [_with_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {name: _with_null(value) for name, value in schema.items() if name != "nullable"}
    if schema.get("nullable") is not True:
        return out
    return {"anyOf": [out, {"type": "null"}]}
