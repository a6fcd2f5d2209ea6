"""Answers and frames that Kalshi's demo exchange sent in June 2026."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.facts import load, names

FOLDER = "kalshi/recorded"
MARKET = "KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP"
"""The market that was traded in."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request with its answer."""

    name: str
    method: str
    path: str
    auth: str
    body: dict[str, Any] | None
    status: int
    answer: dict[str, Any]


def requests() -> list[Recorded]:
    """All REST requests in the sequence they were made."""
    found: list[tuple[int, Recorded]] = []
    answers = set(names(FOLDER))
    for name, meta in load(f"{FOLDER}/requests").items():
        if f"{FOLDER}/{name}" in answers and "method" in meta:
            made = Recorded(
                name,
                meta["method"],
                meta["path"].removeprefix("/trade-api/v2"),
                meta["auth"],
                meta.get("request_body"),
                meta["status"],
                load(f"{FOLDER}/{name}"),
            )
            found.append((meta.get("recorded_at_epoch_ms", 1 << 60), made))
    return [made for _, made in sorted(found, key=lambda item: (item[0], item[1].name))]


def feeds() -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The WebSocket recordings by name: the command that subscribed, and the frames."""
    asked = load(f"{FOLDER}/requests")
    return {
        name.rsplit("/", 1)[-1]: (asked[name.rsplit("/", 1)[-1]]["subscribe_cmd"], load(name))
        for name in names(FOLDER)
        if name.startswith(f"{FOLDER}/ws__")
    }
