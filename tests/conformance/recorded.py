"""What Kalshi's demo exchange really answered in June 2026, when it lies beside the checkout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "shared" / "kalshi" / "recorded"
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
    for file in FOLDER.glob("*.meta.json"):
        meta, name = json.loads(file.read_text()), file.name.removesuffix(".meta.json")
        answer = FOLDER / f"{name}.json"
        if answer.exists():
            made = Recorded(
                name,
                meta["method"],
                meta["path"].removeprefix("/trade-api/v2"),
                meta["auth"],
                meta.get("request_body"),
                meta["status"],
                json.loads(answer.read_text()),
            )
            found.append((meta.get("recorded_at_epoch_ms", 1 << 60), made))
    return [made for _, made in sorted(found, key=lambda item: (item[0], item[1].name))]


def feeds() -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The WebSocket recordings by name: the command that subscribed, and the frames."""
    out = {}
    for file in sorted(FOLDER.glob("*.jsonl")):
        meta = json.loads((FOLDER / f"{file.stem}.meta.json").read_text())
        frames = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
        out[file.stem] = (meta["subscribe_cmd"], frames)
    return out
