"""The shape of answers: for each field, how often it is there and what it is; and how two shapes differ.

A field is named by its path, ``markets[].yes_ask_dollars``. What it is: null, boolean, integer, number, object, array,
or for a string its format: ``0.0000`` and ``0.000000`` (decimals), ``0.00``, time, uuid, empty, text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

FORMATS = {
    "empty": re.compile(r""),
    "time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"),
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "0.00": re.compile(r"-?\d+\.\d\d"),
    "0.0000": re.compile(r"-?\d+\.\d{4}"),
    "0.000000": re.compile(r"-?\d+\.\d{6}"),
}
OPAQUE = frozenset({"custom_strike", "product_metadata"})
"""Objects whose keys are names of things, not of fields."""


def kind(value: Any) -> str:
    """What a value is."""
    if isinstance(value, str):
        return next((name for name, pattern in FORMATS.items() if pattern.fullmatch(value)), "text")
    return {
        type(None): "null", bool: "boolean", int: "integer", float: "number", dict: "object", list: "array",
    }[type(value)]  # fmt: skip


def fields(value: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """(path of the object, path of the field, value) of every field below a value."""
    if isinstance(value, dict):
        for key, item in value.items():
            name = f"{path}.{key}" if path else key
            yield path, name, item
            if key not in OPAQUE:
                yield from fields(item, name)
    elif isinstance(value, list):
        for item in value:
            yield path, f"{path}[]", item
            yield from fields(item, f"{path}[]")


class Shape:
    """The fields of some answers of one kind."""

    def __init__(self, answers: Iterable[Any]) -> None:
        self.kinds: dict[str, set[str]] = defaultdict(set)
        self._seen, self._objects, self._parents = Counter[str](), Counter[str](), dict[str, str]()
        for answer in answers:
            self._objects[""] += 1
            for parent, path, value in fields(answer):
                self.kinds[path].add(kind(value))
                self._seen[path] += 1
                self._parents[path] = parent
                if isinstance(value, dict):
                    self._objects[path] += 1
        assert self._objects[""], "there are no answers to take a shape of"

    def is_always_there(self, path: str) -> bool:
        """Whether every object that could have the field has it."""
        return path in self._seen and (path.endswith("[]") or self._seen[path] == self._objects[self._parents[path]])

    def has_object(self, path: str) -> bool:
        """Whether there is any object that could have the field."""
        return self._objects[path.rpartition(".")[0]] > 0


def differences(recorded: Shape, ours: Shape) -> dict[str, str]:
    """What our answers have otherwise than the recorded ones, by path."""
    found: dict[str, str] = {}
    for path in recorded.kinds:
        if recorded.is_always_there(path) and not path.endswith("[]") and ours.has_object(path):
            if path not in ours.kinds:
                found[path] = "missing"
            elif not ours.is_always_there(path):
                found[path] = "missing at times"
    for path, kinds in ours.kinds.items():
        if path not in recorded.kinds:
            if recorded.has_object(path) and not path.endswith("[]"):
                found[path] = "not recorded"
        elif odd := kinds - recorded.kinds[path]:
            found[path] = f"{', '.join(sorted(odd))}, recorded {', '.join(sorted(recorded.kinds[path]))}"
    return found
