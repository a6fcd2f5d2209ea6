"""Kalshi's REST as a specification has it, whichever of two forms the file is in: endpoints, parameters, fields.

``rest-3.34.0.json`` is what the official SDK says of itself; OpenAPI (YAML or JSON) is Kalshi's own form.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

Key = tuple[str, str]
"""Method, and path with its parameters' names taken out."""


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    query: frozenset[str]
    body: Mapping[str, Any]
    """JSON Schema of the request; empty where there is none."""
    answer: Mapping[str, Any]
    """JSON Schema of the success; empty where there is none."""

    @property
    def key(self) -> Key:
        return self.method, unnamed(self.path)


def unnamed(path: str) -> str:
    """A path without its parameters' names, which differ between specifications."""
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


class Specification:
    def __init__(self, path: Path) -> None:
        text = path.read_text()
        self._document: dict[str, Any] = (
            json.loads(text) if path.suffix == ".json" else yaml.load(text, yaml.CSafeLoader)
        )

    @cached_property
    def endpoints(self) -> dict[Key, Endpoint]:
        """All that a trading account can use: those of clearing members (FCM) are left out."""
        every = self._introspected() if "endpoints" in self._document else self._openapi()
        return {endpoint.key: endpoint for endpoint in every if not endpoint.path.startswith("/fcm/")}

    def resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """A schema with references followed and the null alternative taken away."""
        while True:
            if "$ref" in schema:
                schema = self.models[schema["$ref"].rsplit("/", 1)[-1]]
                continue
            choices = [c for c in schema.get("anyOf", schema.get("oneOf", [])) if c.get("type") != "null"]
            if len(choices) == 1:
                schema = choices[0]
                continue
            if len(schema.get("allOf", [])) == 1:
                schema = schema["allOf"][0]
                continue
            if "allOf" in schema:
                parts = [self.resolve(part) for part in schema["allOf"]]
                return {
                    "type": "object",
                    "properties": {k: v for part in parts for k, v in part.get("properties", {}).items()},
                    "required": [name for part in parts for name in part.get("required", [])],
                }
            return schema

    def fields(self, schema: Mapping[str, Any], *, required: bool) -> Iterator[tuple[str, ...]]:
        """The paths of all fields, or of those that are required wherever they can stand; lists are walked through."""
        yield from self._walk(schema, required, (), frozenset())

    def enums(self, schema: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], set[str]]]:
        """(path, values) of the fields that take a value of a list; lists are walked through."""
        for path, part in self._parts(schema, (), frozenset()):
            if part.get("enum"):
                yield path, {str(value) for value in part["enum"] if value is not None}

    def _parts(
        self, schema: Mapping[str, Any], path: tuple[str, ...], seen: frozenset[int]
    ) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
        schema = self.resolve(schema)
        yield path, schema
        if id(schema) in seen:
            return
        for name, part in schema.get("properties", {}).items():
            yield from self._parts(part, (*path, name), seen | {id(schema)})
        if schema.get("type") == "array":
            yield from self._parts(schema.get("items", {}), path, seen | {id(schema)})

    def _walk(
        self, schema: Mapping[str, Any], required: bool, path: tuple[str, ...], seen: frozenset[int]
    ) -> Iterator[tuple[str, ...]]:
        schema = self.resolve(schema)
        if id(schema) in seen:
            return
        seen |= {id(schema)}
        if schema.get("type") == "array":
            yield from self._walk(schema.get("items", {}), required, path, seen)
        if isinstance(schema.get("additionalProperties"), Mapping):
            yield from self._walk(schema["additionalProperties"], required, (*path, "*"), seen)
        for name, part in schema.get("properties", {}).items():
            if not required or name in schema.get("required", ()):
                yield (*path, name)
            yield from self._walk(part, required, (*path, name), seen)

    # -- the two forms -----------------------------------------------------------------------------------------

    @property
    def models(self) -> Mapping[str, Mapping[str, Any]]:
        """The schemas that have a name."""
        found: Mapping[str, Mapping[str, Any]] = self._document.get("models") or self._document["components"]["schemas"]
        return found

    def _introspected(self) -> Iterator[Endpoint]:
        for item in self._document["endpoints"]:
            query = {p["name"].removeprefix("var_") for p in item["params"]} - {"body"}
            answer = next((name for name in item["success"].values() if name in self._document["models"]), None)
            request = item.get("request")
            yield Endpoint(
                item["method"],
                item["path"],
                frozenset(query - {part[1:-1] for part in item["path"].split("/") if part.startswith("{")}),
                {} if request not in self._document["models"] else {"$ref": request},
                {} if answer is None else {"$ref": answer},
            )

    def _openapi(self) -> Iterator[Endpoint]:
        shared = self._document["components"].get("parameters", {})
        for path, operations in self._document["paths"].items():
            for method, operation in operations.items():
                if method not in ("get", "post", "put", "delete", "patch"):
                    continue
                named = [*operations.get("parameters", []), *operation.get("parameters", [])]
                parameters = [shared[p["$ref"].rsplit("/", 1)[-1]] if "$ref" in p else p for p in named]
                body = operation.get("requestBody", {})
                body = (
                    self._document["components"]
                    .get("requestBodies", {})
                    .get(str(body.get("$ref", "")).rsplit("/", 1)[-1], body)
                )
                answers = [a for status, a in operation["responses"].items() if str(status).startswith("2")]
                yield Endpoint(
                    method.upper(),
                    path,
                    frozenset(p["name"] for p in parameters if p["in"] == "query"),
                    _json(body),
                    _json(answers[0]) if answers else {},
                )


def _json(part: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = part.get("content", {}).get("application/json", {}).get("schema", {})
    return schema
