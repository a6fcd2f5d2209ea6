"""Check values against the models of rest.json and ws.json, which were read off the official SDK."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.facts import load


class Shapes:
    """The models of one of the files."""

    def __init__(self, name: str) -> None:
        self.file: dict[str, Any] = load(f"polymarket/{name}")
        self.models: dict[str, Any] = self.file["models"]

    def check(self, value: Any, kind: Any, where: str = "", form: str = "") -> None:
        """Raises AssertionError where a value isn't of its kind."""
        if isinstance(kind, dict):
            self._compound(value, kind, where, form)
        elif kind == "decimal":
            _decimal(value, where, form)
        elif kind == "datetime":
            _moment(value, where)
        else:
            types: dict[str, Any] = {
                "str": str, "int": int, "bool": bool, "float": (int, float), "object": object, "date": str,
            }  # fmt: skip
            if kind == "int" and "integer string" in form and isinstance(value, str):
                value = int(value)
            assert isinstance(value, types[kind]), f"{where}: {value!r} is no {kind}"
            assert kind == "bool" or not isinstance(value, bool) or kind == "object", where

    def _compound(self, value: Any, kind: dict[str, Any], where: str, form: str) -> None:
        if "nullable" in kind:
            if value is not None and value != "":
                self.check(value, kind["nullable"], where, form)
        elif "array_of" in kind:
            assert isinstance(value, list), where
            for number, item in enumerate(value):
                self.check(item, kind["array_of"], f"{where}[{number}]", form)
        elif "map" in kind:
            assert isinstance(value, dict), where
            for name, item in value.items():
                self.check(item, kind["map"][1], f"{where}.{name}", form)
        elif "enum" in kind:
            shown = value.removeprefix("TRADE_STATUS_") if isinstance(value, str) else value
            assert shown in kind["enum"], f"{where}: {value!r} isn't of {kind['enum']}"
        elif "any_of" in kind:
            problems = []
            for one in kind["any_of"]:
                try:
                    self.check(value, one, where, form)
                except AssertionError as problem:
                    problems.append(str(problem))
                else:
                    return
            raise AssertionError(f"{where}: fits none: {problems}")
        else:
            self.model(value, kind["ref"], where)

    def model(self, value: Any, name: str, where: str = "") -> None:
        """An object against a model: fields that must be there are, and each that is looks as it should."""
        model = self.models[name]
        assert isinstance(value, dict), f"{where}: {value!r} is no {name}"
        if "reshaped_by_sdk" in model:  # the SDK regroups it: which names it reads is known, their kinds aren't
            return
        for field in model["fields"]:
            names = [field["wire"], *field.get("also_accepted", ())]
            found = next((n for n in names if n in value), None)
            if found is None:
                assert not field.get("required"), f"{where or name}: {field['wire']} is missing"
                continue
            if value[found] in ("", None) and not field.get("required"):
                continue
            self.check(value[found], field["type"], f"{where or name}.{found}", field.get("wire_form", ""))


def _decimal(value: Any, where: str, form: str) -> None:
    if "JSON string only" in form:
        assert isinstance(value, str), f"{where}: {value!r} must be a string"
    if value == "":
        assert '""' in form or "string only" in form, where
        return
    try:
        assert not isinstance(value, bool)
        assert Decimal(str(value)).is_finite()
    except (InvalidOperation, AssertionError):
        raise AssertionError(f"{where}: {value!r} is no decimal") from None


def _moment(value: Any, where: str) -> None:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]+", value):
        datetime.fromisoformat(value)
        return
    assert 0 <= int(value) < 10**14, where
