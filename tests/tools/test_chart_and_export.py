"""The chart as a picture, and the statement as a file: read back with the libraries that others would use."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastmcp import Client
from mcp_types import ImageContent, TextContent
from PIL import Image, ImageColor

from prediction_mcp.desk import colours, files
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.server import create_server
from tests.conftest import MARKET, Served
from tests.tools.conftest import ERAS, Assistant, settings_for

TRADE: dict[str, Any] = {"ticker": MARKET, "order_type": "market"}


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """WCAG 2: (lighter + 0.05) / (darker + 0.05) of relative luminances."""

    def luminance(colour: tuple[int, ...]) -> float:
        parts = [c / 255 for c in colour[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


async def test_a_chart_comes_beside_the_numbers(assistant: Assistant) -> None:
    asked = {"ticker": MARKET, "interval": "1d", "start": "2020-01-01"}
    plain = await assistant.call("kalshi_get_candlesticks", **asked)
    drawn = await assistant.client.call_tool("kalshi_get_candlesticks", {**asked, "chart": True})
    text, picture = drawn.content
    assert isinstance(text, TextContent)
    assert isinstance(picture, ImageContent)
    assert picture.mime_type == "image/png"
    assert drawn.structured_content is not None
    for numbers in (drawn.structured_content, json.loads(text.text)):
        assert numbers["rows"] == plain["rows"]
    image = Image.open(io.BytesIO(base64.b64decode(picture.data)))
    assert image.size == (880, 495)
    rgba = image.convert("RGBA")
    assert rgba.getchannel("A").getextrema() == (255, 255)  # its own ground, on any theme
    seen = {colour for _, colour in rgba.getcolors(1_000_000) or []}
    for colour in (colours.GROUND, colours.LINE, colours.BAND, colours.BARS):
        assert (*ImageColor.getrgb(colour), 255) in seen
    assert len(picture.data) < 100_000


def test_colours_can_be_read() -> None:
    ground = ImageColor.getrgb(colours.GROUND)
    for colour, least in ((colours.INK, 7), (colours.QUIET, 4.5), (colours.LINE, 4.5), (colours.BARS, 3)):
        assert contrast(ImageColor.getrgb(colour), ground) > least, colour


async def test_nothing_to_draw_is_said(assistant: Assistant) -> None:
    said = await assistant.error("kalshi_get_candlesticks", ticker=MARKET, end="2001-01-01", chart=True)
    assert "no trades in that time" in said


@pytest.fixture(params=ERAS)
async def trader(request: pytest.FixtureRequest, served: Served, tmp_path: Path) -> AsyncIterator[Assistant]:
    """Bought, turned around from YES to NO, left an order resting, and saw a market settle."""
    settings = settings_for(served, tmp_path, export_folder=tmp_path / "exports")
    async with Client(create_server(settings), mode=request.param) as client:
        one = Assistant(client)
        await one.call("kalshi_create_order", **TRADE, side="yes", action="buy", count="7.5")
        await one.call("kalshi_create_order", **TRADE, side="yes", action="sell", count=2)
        await one.call("kalshi_create_order", **TRADE, side="no", action="buy", count=30)
        await one.call("kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=5, price=1)
        other = MARKET[:-3] + "BAL"
        await one.call("kalshi_create_order", **TRADE | {"ticker": other}, side="no", action="buy", count=3)
        served.exchange.engine.settle_market(other, "yes", 10_000, served.exchange.clock())
        yield one


async def test_the_statement_adds_up_to_the_last_unit(trader: Assistant, served: Served) -> None:
    answer = await trader.call("kalshi_export_portfolio", format="csv")
    rows = list(csv.DictReader(io.StringIO(answer["csv"])))
    assert sum(Decimal(row["cash"]) for row in rows if row["cash"]) == Decimal(served.member.cash) / 1_000_000
    assert "unexplained" not in answer
    kinds = [row["record"] for row in rows]
    assert kinds[0] == "deposit"
    assert kinds.count("settlement") == 1
    assert kinds[-1] == "position"
    fills = [row for row in rows if row["record"] == "fill"]
    assert len(fills) == len(served.fills)
    assert [fills[0]["action"], fills[0]["side"]] == ["buy", "yes"]
    assert {(row["action"], row["side"]) for row in fills[1:]} >= {("sell", "yes"), ("buy", "no")}
    held = served.member.holdings[MARKET].position
    assert Decimal(rows[-1]["position_after"]) == Decimal(held) / 100
    assert [f["position_after"] for f in fills if f["ticker"] == MARKET][-1] == rows[-1]["position_after"]


async def test_three_formats_say_the_same(trader: Assistant, tmp_path: Path) -> None:
    answers = {
        kind: await trader.call("kalshi_export_portfolio", format=kind, path=f"deep/all.{kind}")
        for kind in ("json", "csv", "parquet")
    }
    folder = tmp_path / "exports" / "deep"
    assert {Path(a["file"]) for a in answers.values()} == set(folder.iterdir())
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    said = json.loads((folder / "all.json").read_text())
    lines = list(csv.DictReader((folder / "all.csv").open()))
    table = pq.read_table(folder / "all.parquet")
    assert str(table.schema.field("cash").type) == "decimal128(18, 6)"
    cells = table.to_pylist()
    assert len(said) == len(lines) == len(cells) == answers["csv"]["rows"]
    for one, other, third in zip(said, lines, cells, strict=True):
        if one["record"] == "position":
            continue  # its time is that of the export
        assert one == {k: v for k, v in other.items() if v != ""}
        assert {k: Decimal(v) for k, v in one.items() if k in ("cash", "fee", "price")} == {
            k: v for k, v in third.items() if k in ("cash", "fee", "price") and v is not None
        }


async def test_files_are_new_and_in_their_folder(trader: Assistant, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    await trader.call("kalshi_export_portfolio", path="once")
    before = (folder / "once.csv").read_bytes()
    (folder / "away").symlink_to(tmp_path)
    (folder / "dangling.csv").symlink_to(folder / "elsewhere.csv")
    for path, said in (
        ("x" * 300 + ".csv", "can't be a file's name (File name too long)"),
        ("a\x00b.csv", "can't be a file's name"),
        ("once.csv", "never overwritten"),
        ("../out.csv", "only"),
        ("away/out.csv", "only"),
        (str(tmp_path / "out.csv"), "only"),
        ("out.txt", "must end in .csv"),
        ("once.csv/deeper.csv", "can't be made"),
    ):
        assert said in await trader.error("kalshi_export_portfolio", format="csv", path=path), path
    assert "give a path" in await trader.error("kalshi_export_portfolio", format="parquet")
    assert (folder / "once.csv").read_bytes() == before
    assert not list(tmp_path.glob("out*"))


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    target = files.place("a", "csv", tmp_path)
    target.write_text("mine")
    with pytest.raises(Exception, match="there already"):
        files.write_new(target, b"yours")
    assert target.read_text() == "mine"


async def test_a_long_statement_asks_for_a_path(trader: Assistant, served: Served) -> None:
    maker = served.exchange.crowd.makers[0]
    for _ in range(320):
        for side in (BID, ASK):
            served.exchange.engine.submit(maker, MARKET, ASK if side == BID else BID, 5_000, 100, 1)
            served.exchange.engine.submit(served.member, MARKET, side, 5_000, 100, served.exchange.clock())
    served.exchange.sync()
    assert "give path=portfolio.csv" in await trader.error("kalshi_export_portfolio", format="csv")
    answer = await trader.call("kalshi_export_portfolio", format="csv", path="long")
    assert answer["rows"] > 200


async def test_read_only_servers_export_too(served: Served, tmp_path: Path) -> None:
    settings = settings_for(served, tmp_path, read_only=True, export_folder=tmp_path / "exports")
    async with Client(create_server(settings)) as client:
        answer = await client.call_tool("kalshi_export_portfolio", {"format": "json"})
    assert answer.structured_content is not None
    assert answer.structured_content["statement"][0]["record"] == "deposit"


async def test_transfers_are_read(kalshi: KalshiClient) -> None:
    (deposit,) = [d async for d in kalshi.portfolio.all_deposits()]
    assert deposit.status == "applied"
    assert [w async for w in kalshi.portfolio.all_withdrawals()] == []


async def test_parquet_without_its_extra_is_refused(trader: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prediction_mcp.desk.kalshi.portfolio.export.find_spec", lambda _: None)
    said = await trader.error("kalshi_export_portfolio", format="parquet", path="all.parquet")
    assert said == "Parquet needs the extra: install prediction-mcp[data], or take csv."
