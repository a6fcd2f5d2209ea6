"""What a newer specification changes, and what our client and exchange lack of it: ``make drift SPEC=…``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.conformance.contract import Lacks, client_lacks, exchange_lacks
from tests.conformance.schema import SDK_FILE
from tests.conformance.specification import Endpoint, Specification


async def report(newer: Path, kept: Path = SDK_FILE) -> list[str]:
    """Lines for a reader: what changed between the two files, then what is lacking of the newer one."""
    after = Specification(newer)
    lines = list(_changes(Specification(kept), after)) if kept.exists() else [f"nothing to hold it against at {kept}"]
    lines = lines or ["nothing changed"]
    for name, lacks in (("client", await client_lacks(after)), ("exchange", exchange_lacks(after))):
        lines += _lacking(name, lacks)
    return lines


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


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit("Give the file of a specification: make drift SPEC=openapi.yaml")
    print("\n".join(asyncio.run(report(Path(sys.argv[1])))))
