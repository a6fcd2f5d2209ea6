"""Every tool that reads, played from its cassette without a network: the whole answer is the one that was stored."""

from __future__ import annotations

import json
import re
import socket
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from prediction_mcp.server import create_server
from prediction_mcp.settings import load_settings

from . import recording

CASES = sorted(path.name.removesuffix(".answer.json") for path in recording.FOLDER.glob("*.answer.json"))
LONGEST = 25_000
"""Bytes of an answer that nobody asked to be long."""


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a cassette is played without a network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("tool", CASES)
async def test_the_answer_is_the_stored_one(tool: str, tmp_path: Path) -> None:
    case = recording.load(tool)
    cassette = recording.recorder("none").use_cassette(str(recording.FOLDER / f"{tool}.json"))
    with recording.stopped_at(datetime.fromisoformat(case["at"])), cassette as played:
        said = await recording.answer(recording.playing(case, tmp_path), tool, case["arguments"])
        assert played.all_played, "the tool asks for less than it did: record it anew"
    kept = {k: v for k, v in case.items() if k in ("answer", "error", "blocks")}
    assert json.loads(json.dumps(said)) == kept
    assert len(json.dumps(said)) <= LONGEST


async def test_every_reading_tool_has_a_cassette() -> None:
    async with Client(create_server(load_settings(paper_keep=False))) as client:
        tools = await client.list_tools()
    assert set(CASES) == {t.name for t in tools if recording.is_read(t)}


@pytest.mark.parametrize("tool", CASES)
def test_no_cassette_names_an_account(tool: str) -> None:
    text = (recording.FOLDER / f"{tool}.json").read_text() + (recording.FOLDER / f"{tool}.answer.json").read_text()
    assert not re.search(
        r"KALSHI-ACCESS|PRIVATE KEY|127\.0\.0\.1|localhost|kalshi\.com|kalshi\.co\b", text, re.IGNORECASE
    )
    for interaction in json.loads((recording.FOLDER / f"{tool}.json").read_text())["interactions"]:
        assert interaction["request"]["headers"] == {}
        assert set(interaction["response"]["headers"]) <= {"content-type"}
        body = json.loads(interaction["response"]["body"]["string"] or "null")
        assert body == recording.scrub(body)


def test_the_scrubber_by_hand() -> None:
    body = {"user_id": "u-1", "fills": [{"creator_id": "c", "order_id": "o", "user_id": ""}]}
    assert recording.scrub(body) == {
        "user_id": "scrubbed",
        "fills": [{"creator_id": "scrubbed", "order_id": "o", "user_id": ""}],
    }


@pytest.mark.usefixtures("no_network")
async def test_a_changed_request_is_noticed(tmp_path: Path) -> None:
    """The test above can fail: another argument isn't on the tape."""
    case = recording.load("kalshi_get_trades")
    cassette = recording.recorder("none").use_cassette(str(recording.FOLDER / "kalshi_get_trades.json"))
    with recording.stopped_at(datetime.fromisoformat(case["at"])), cassette:
        said = await recording.answer(
            recording.playing(case, tmp_path), "kalshi_get_trades", {**case["arguments"], "limit": 11}
        )
    assert "error" in said
