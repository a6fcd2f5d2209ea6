"""List what newer judges change, and what client and exchange lack of them: ``make drift``, ``make drift SPEC=…``.

The judges are the newest official SDKs that the package index serves and, where a file is given, a specification.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from tests.conformance import packages
from tests.conformance.contract import Lacks, client_calls, client_lacks, exchange_lacks, kinds, reads
from tests.conformance.schema import SDK_FILE
from tests.conformance.specification import Endpoint, Specification
from tests.facts import load


async def report(newer: Path, kept: Path = SDK_FILE) -> list[str]:
    """Lines for a reader: what changed between the two files, then what is lacking of the newer one."""
    after = Specification(newer)
    lines = list(_changes(Specification(kept), after)) if kept.exists() else [f"nothing to hold it against at {kept}"]
    lines = lines or ["nothing changed"]
    for name, lacks in (("client", await client_lacks(after)), ("exchange", exchange_lacks(after))):
        lines += _lacking(name, lacks)
    return lines + await _unread(after)


async def of_packages(folder: Path) -> list[str]:
    """The same for the newest SDKs on the package index, downloaded into the folder."""
    version, source = packages.download(packages.KALSHI, folder)
    file = folder / "kalshi.json"
    file.write_text(json.dumps(packages.kalshi(source)), encoding="utf-8")
    lines = [f"{packages.KALSHI} {version}, against {SDK_FILE.stem}", *await report(file)]
    version, source = packages.download(packages.POLYMARKET, folder)
    return [
        *lines,
        f"{packages.POLYMARKET} {version}, against the facts of 0.14.0",
        *_polymarket(packages.polymarket(source)),
    ]


def _polymarket(newer: Mapping[str, Any]) -> list[str]:
    """Models, fields and enums that the facts don't have, and the other way round."""
    known = load("polymarket/rest")
    lines = list[str]()
    for name, model in known["models"].items():
        fields = {field["wire"] for field in model.get("fields", ())}
        if name not in newer["models"]:
            lines.append(f"- {name}")
        elif fields:
            lines += _differ(name, fields, set(newer["models"][name]))
    for name, values in known["enums"].items():
        lines += _differ(name, set(values), set(newer["enums"].get(name, ())))
    return lines or ["nothing changed"]


async def _unread(spec: Specification) -> list[str]:
    """Optional fields of answers that the client's models don't have, and values that their enums don't."""
    seen, fields, values = await client_calls(spec), defaultdict[str, set[str]](set), set[str]()
    for key, found in seen.items():
        title = f"{spec.endpoints[key].method} {spec.endpoints[key].path}"
        for path in spec.fields(spec.endpoints[key].answer, required=False):
            if not any(reads(model, path) for model in found.models):
                fields[path[-1]].add(title)
        for path, enum in spec.enums(spec.endpoints[key].answer):
            for model in found.models:
                missing = enum - (_values(model, path) or enum)
                values |= {f"  {title}: {'.'.join(path)}: {', '.join(sorted(missing))}"} if missing else set()
    unread = [f"  {name}: {min(titles)} and {len(titles) - 1} more" for name, titles in sorted(fields.items())]
    return [
        f"the client reads all but {len(unread)} optional fields",
        *unread,
        f"the client's enums lack values of {len(values)} fields",
        *sorted(values),
    ]


def _values(model: type[BaseModel], path: tuple[str, ...]) -> set[str] | None:
    """The values that a model's field takes; None where it takes any text, or isn't there."""
    name, *rest = path
    field = model.model_fields.get(name)
    if field is None:
        return None
    for kind in kinds(field.annotation):
        if rest and isinstance(kind, type) and issubclass(kind, BaseModel):
            return _values(kind, tuple(rest))
        if not rest and get_origin(kind) is Literal:
            return set(map(str, get_args(kind)))
    return None


def _changes(before: Specification, after: Specification) -> Iterator[str]:
    for key in sorted(after.endpoints.keys() - before.endpoints.keys()):
        yield f"+ {key[0]} {after.endpoints[key].path}"
    for key in sorted(before.endpoints.keys() - after.endpoints.keys()):
        yield f"- {key[0]} {before.endpoints[key].path}"
    for key in sorted(after.endpoints.keys() & before.endpoints.keys()):
        was, now = before.endpoints[key], after.endpoints[key]
        title = f"{key[0]} {now.path}"
        yield from _differ(title, set(was.query), set(now.query))
        yield from _differ(f"{title} body", _dotted(before, was, "body"), _dotted(after, now, "body"))
    yield from _models(before, after)


def _models(before: Specification, after: Specification) -> Iterator[str]:
    for name in sorted(after.models.keys() & before.models.keys()):
        was, now = before.resolve(before.models[name]), after.resolve(after.models[name])
        old, new = was.get("properties", {}), now.get("properties", {})
        must, must_now = set(was.get("required", ())), set(now.get("required", ()))
        yield from (f"{name}: + {f}{' (required)' if f in must_now else ''}" for f in sorted(new.keys() - old.keys()))
        yield from (f"{name}: - {f}" for f in sorted(old.keys() - new.keys()))
        kept = old.keys() & new.keys()
        yield from (f"{name}: {f} is required now" for f in sorted((must_now - must) & kept))
        yield from (f"{name}: {f} isn't required any more" for f in sorted((must - must_now) & kept))


def _dotted(spec: Specification, endpoint: Endpoint, part: str) -> set[str]:
    return {".".join(path) for path in spec.fields(getattr(endpoint, part), required=False)}


def _differ(title: str, was: set[str], now: set[str]) -> Iterator[str]:
    yield from (f"{title}: + {name}" for name in sorted(now - was))
    yield from (f"{title}: - {name}" for name in sorted(was - now))


def _lacking(name: str, lacks: Lacks) -> list[str]:
    counts = ", ".join(f"{n} {what}" for what, n in lacks.looked_at.items())
    return [f"the {name} lacks {len(lacks.all)} ({counts} looked at)", *(f"  {line}" for line in lacks.all)]


def main(given: str) -> None:
    """Print the report of the file that is given, then that of the packages."""
    if given and not Path(given).is_file():
        sys.exit("Give the file of a specification: make drift SPEC=openapi.yaml")
    lines = asyncio.run(report(Path(given))) if given else []
    with tempfile.TemporaryDirectory() as folder:
        lines += asyncio.run(of_packages(Path(folder)))
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
