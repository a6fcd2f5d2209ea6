"""The official SDK's schema file, when it lies beside the checkout: the judge of every answer of our exchange."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

SCHEMA_FILE = Path(__file__).parents[3] / "shared" / "kalshi" / "rest-3.34.0.json"


class Schemas:
    """Endpoints and their answers' schemas by method and path template."""

    def __init__(self, text: str) -> None:
        data = json.loads(text)
        self._models: dict[str, Any] = data["models"]
        self._answers: dict[tuple[str, str], dict[str, str | None]] = {
            (e["method"], e["path"]): e["success"] for e in data["endpoints"]
        }
        self._routes = [
            (method, re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), path)
            for method, path in self._answers
        ]
        self._validators: dict[str, Draft202012Validator] = {}

    def template(self, method: str, path: str) -> str | None:
        """The endpoint of a request; a literal path wins over one with parameters."""
        found = [template for m, pattern, template in self._routes if m == method and pattern.match(path)]
        return min(found, key=lambda t: t.count("{"), default=None)

    def check(self, method: str, path: str, status: int, body: bytes) -> str | None:
        """Check an answer; returns the endpoint's template, or None when the SDK has no such endpoint.

        Raises:
            AssertionError: the status isn't one of the endpoint's, or the body doesn't fit its schema.
        """
        template = self.template(method, path)
        if template is None:
            return None
        if status >= 400:
            self._validate("ErrorResponse", body, f"{method} {path}: {status}") if status != 429 else None
            return template
        answers = self._answers[method, template]
        assert str(status) in answers, f"{method} {template} answered {status}, not one of {list(answers)}"
        model = answers[str(status)]
        if model is None:
            assert body == b""
        elif model == "object":
            assert isinstance(json.loads(body), dict)
        else:
            self._validate(model, body, f"{method} {path}")
        return template

    def _validate(self, model: str, body: bytes, what: str) -> None:
        if model not in self._validators:
            schema = {**self._models[model], "$defs": self._models}
            self._validators[model] = Draft202012Validator(schema, format_checker=FormatChecker())
        errors = list(self._validators[model].iter_errors(json.loads(body)))
        assert not errors, f"{what}: {errors[0].json_path}: {errors[0].message}"
