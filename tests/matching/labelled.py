"""The labelled pairs, as the matcher takes them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from prediction_mcp.matching.listing import Listing, Strike

FILE = Path(__file__).with_name("labels.toml")
RELATIONS = {
    "=": "identity", "~": "complement", "<": "subset", ">": "superset", "x": "disjoint", "o": "overlap", "?": "unknown",
}  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """``apart`` are the pairs that were kept aside while the matcher was made: every third family."""

    name: str
    one: Listing
    other: Listing
    relation: str
    differs: str
    apart: bool


def pairs() -> Iterator[Pair]:
    for number, family in enumerate(tomllib.loads(FILE.read_text())["family"]):
        for line in family["pairs"]:
            which, sign, *differs = line.split()
            one, other = family["k"][which[0]], family["p"][which[1]]
            yield Pair(
                f"{family['name']} {which}", _first(family, which[0], one), _second(family, which[1], other),
                RELATIONS[sign], " ".join(differs), number % 3 == 2,
            )  # fmt: skip


def _first(family: dict[str, Any], key: str, made: dict[str, Any]) -> Listing:
    strike = None
    if "strike" in made:
        low, high = (Decimal(str(made[end])) if end in made else None for end in ("low", "high"))
        strike = Strike(made["strike"], low, high)
    return Listing(
        "kalshi", f"{family['name']}-{key}", made["title"], made["rules"], option=made["outcome"],
        category=family["category"], closes=made["closes"], exclusive=family.get("exclusive", False), strike=strike,
        sources=(made["source"],) if "source" in made else (), early=made.get("early", ""),
    )  # fmt: skip


def _second(family: dict[str, Any], key: str, made: dict[str, Any]) -> Listing:
    ends: datetime = made["ends"]
    first, second = made.get("outcomes", ["Yes", "No"])
    return Listing(
        "polymarket", f"{family['name']}-{key}", made["question"], made["rules"], option=made.get("group", ""),
        outcomes=(first, second), category=family["category"], closes=ends,
        exclusive=family.get("exclusive", False) and "group" in made,
    )  # fmt: skip
