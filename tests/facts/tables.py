"""Compact JSON: lists of similar objects as tables, in which a value that all rows share is written once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

MARK = "$table"
ABSENT = "$absent"
"""A cell of an object that doesn't have the field."""
SMALLEST = 2
"""Shorter lists stay lists."""


def packed(value: Any) -> Any:
    """The value with its lists of objects as tables."""
    if isinstance(value, dict):
        return {name: packed(part) for name, part in value.items()}
    if not isinstance(value, list):
        return value
    items = [packed(item) for item in value]
    if len(items) < SMALLEST or not all(isinstance(item, dict) for item in items):
        return items
    columns = list(dict.fromkeys(name for item in items for name in item))
    cells = {name: [item.get(name, ABSENT) for item in items] for name in columns}
    shared = {name: column[0] for name, column in cells.items() if all(_same(cell, column[0]) for cell in column)}
    varying = [name for name in columns if name not in shared]
    rows = [[cells[name][number] for name in varying] for number in range(len(items))]
    return {MARK: {"order": columns, "shared": shared, "columns": varying, "rows": rows}}


def unpacked(value: Any) -> Any:
    """The value that was packed, fields in their first order."""
    if isinstance(value, list):
        return [unpacked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if MARK in value:
        return list(_objects(value[MARK]))
    return {name: unpacked(part) for name, part in value.items()}


def _objects(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for row in table["rows"]:
        item = {**table["shared"], **dict(zip(table["columns"], row, strict=True))}
        yield {name: unpacked(item[name]) for name in table["order"] if item[name] != ABSENT}


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one) == json.dumps(other)


def written(value: Any) -> str:
    """The packed value as JSON with one line for each row and each field of an outer object."""
    return _lines(packed(value), 0) + "\n"


def _lines(value: Any, depth: int) -> str:
    if isinstance(value, dict) and MARK in value:
        table = value[MARK]
        rows = ",\n".join(_flat(row) for row in table["rows"])
        head = ",".join(f"{_flat(name)}:{_flat(table[name])}" for name in ("order", "shared", "columns"))
        return f'{{"{MARK}":{{{head},"rows":[\n{rows}\n]}}}}'
    if isinstance(value, dict) and value and depth < 3:
        return "{\n" + ",\n".join(f"{_flat(name)}:{_lines(part, depth + 1)}" for name, part in value.items()) + "\n}"
    return _flat(value)


def _flat(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
