"""Extract the facts from specifications and recordings: ``make facts FROM=FOLDER`` renews what that folder has.

FOLDER has ``kalshi/`` and ``polymarket/`` with the files that README.md names. Only facts are taken: endpoints,
parameters, fields, types, nullability, enums, limits, and recorded values. Sentences are dropped from specifications,
and in recordings replaced by their number of words. The words of error bodies stay, since clients read them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from . import FOLDER
from .tables import written

_PROSE = (
    "description", "summary", "example", "examples", "title", "externalDocs", "contact", "tags", "doc", "evidence",
    "sdk_refuses", "note", "left_out", "legend", "envelopes", "rules", "common", "trap", "made_by", "warning",
    "sdk_result", "no_sequence", "unknown_frames",
)  # fmt: skip
_NAMED_FREELY = ("properties", "schemas", "models", "$defs", "parameters", "messages", "channels", "mapping")
"""Objects whose keys are names, so that one called "title" is a field."""
_SAID = ("code", "details", "error", "errorMsg", "error_description", "message", "msg", "reason", "service")
"""Fields of error bodies: their words are part of the interface."""
_REMARKS = ("note", "_note", "_source", "what", "captured_note", "truncation", "made_by", "warning", "basis")
RECORDED = "kalshi/recorded"
"""Its answers have a file each; ``requests`` has all that was asked, by name."""
WORDS = 3
"""A string of fewer words is a name."""


def facts_of_specification(value: Any, *, names: bool = False) -> Any:
    """A specification without its sentences. ``names``: the keys of this object are names."""
    if isinstance(value, list):
        return [facts_of_specification(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: facts_of_specification(part, names=key in _NAMED_FREELY and not names)
        for key, part in value.items()
        if names or not (key in _PROSE or str(key).startswith("x-"))
    }


def facts_of_recording(value: Any, field: str = "") -> Any:
    """A recording whose sentences are counts of words."""
    if isinstance(value, list):
        return [facts_of_recording(item, field) for item in value]
    if isinstance(value, dict):
        return {key: facts_of_recording(part, key) for key, part in value.items() if key not in _REMARKS}
    if not isinstance(value, str) or field in _SAID or len(value.split()) < WORDS:
        return value
    if value[0] in "[{":  # JSON within JSON
        return json.dumps(facts_of_recording(json.loads(value)), ensure_ascii=False)
    return f"({len(value.split())} words)"


def _read(file: Path) -> Any:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return yaml.load(text, yaml.CSafeLoader) if file.suffix == ".yaml" else json.loads(text)


def _write(name: str, text: str) -> None:
    target = FOLDER / f"{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{name}: {len(text.encode()):,} bytes\n")


def main(source: Path) -> None:
    """Write every fact that the folder has."""
    for pattern in ("kalshi/openapi-*.yaml", "kalshi/asyncapi-2026-1*.yaml", "kalshi/rest-*.json", "polymarket/*.json"):
        for file in sorted(source.glob(pattern)):
            document = facts_of_specification(_read(file))
            if file.name.startswith("openapi"):
                _describe(document)
            name = file.relative_to(source).with_suffix("").as_posix()
            _write(name, json.dumps(document, separators=(",", ":"), ensure_ascii=False, default=str) + "\n")
    for folder in ("kalshi/production", "kalshi/recorded", "kalshi/samples", "polymarket/samples"):
        for file in sorted((source / folder).rglob("*")):
            if file.suffix in (".json", ".jsonl", ".yaml") and file.name != "INDEX.json" and ".meta." not in file.name:
                name = file.relative_to(source).as_posix().removesuffix(file.suffix)
                _write(name, written(facts_of_recording(_read(file))))
    metas = {f.name.removesuffix(".meta.json"): _read(f) for f in sorted((source / RECORDED).glob("*.meta.json"))}
    if metas:
        _write(f"{RECORDED}/requests", written(facts_of_recording(metas)))


def _describe(document: dict[str, Any]) -> None:
    """OpenAPI wants a title and a description of each response: empty ones."""
    document["info"]["title"] = ""
    responses = [
        response
        for operations in document["paths"].values()
        for operation in operations.values()
        if isinstance(operation, dict)
        for response in operation["responses"].values()
    ]
    for response in [*responses, *document["components"].get("responses", {}).values()]:
        if "$ref" not in response:
            response["description"] = ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
