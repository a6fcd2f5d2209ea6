"""The toolset records in real MCP sessions, both eras: what moved, lots, tax, forecasts, worth; and what goes wrong."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from mcp_types import ImageContent
from pypdf import PdfReader

from prediction_mcp.desk.kalshi.records.tax import PROFESSIONAL
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.kalshi.units import MICROS
from prediction_mcp.server import create_server
from tests.conftest import EVENT, MARKET, Served
from tests.tools.conftest import ERAS, Assistant, settings_for

OTHER = f"{EVENT}-BAL"
YEAR = datetime.now(UTC).year


@asynccontextmanager
async def at(served: Served, tmp_path: Path, era: str, **changes: Any) -> AsyncIterator[Assistant]:
    settings = settings_for(
        served,
        tmp_path,
        toolsets="records",
        records_folder=tmp_path / "records",
        export_folder=tmp_path / "out",
        **changes,
    )
    async with Client(create_server(settings), mode=era) as client:
        yield Assistant(client)


@pytest.fixture(params=ERAS)
async def desk(request: pytest.FixtureRequest, served: Served, tmp_path: Path) -> AsyncIterator[Assistant]:
    async with at(served, tmp_path, request.param) as made:
        yield made


def trade(served: Served, side: str, cents: int, count: int, ticker: str = MARKET) -> None:
    """A fill of the member's at a price, against a house that came for it."""
    exchange = served.exchange
    house = exchange.engine.accounts.get("house") or exchange.add_member("house", deposit=1_000_000 * MICROS)
    now, book = exchange.clock(), exchange.engine.markets[ticker].book
    for order in [
        o for half in (book.bids, book.asks) for level in half.levels.values() for o in level.orders.values()
    ]:
        exchange.engine.cancel(order, now)
    taker, maker = (BID, ASK) if side == "buy" else (ASK, BID)
    exchange.engine.submit(house, ticker, maker, cents * 100, count * 100, now)
    exchange.engine.submit(served.member, ticker, taker, cents * 100, count * 100, now)
    exchange.sync()


def end(served: Served, ticker: str, result: str, value: int) -> None:
    """The market ends; what the listing says of it follows."""
    market = served.exchange.catalogue.markets[ticker]
    served.exchange.engine.settle_market(ticker, result, value, served.exchange.clock())
    market.status, market.result, market.value = "finalized", result, value
    market.settled_ms = served.exchange.clock()
    served.exchange.sync()


async def test_the_52_stay_and_seven_come(desk: Assistant) -> None:
    names = [tool.name for tool in await desk.client.list_tools()]
    assert sum(name.startswith("kalshi_") for name in names) == 52
    assert {name for name in names if not name.startswith("kalshi_")} == {
        "get_portfolio_history", "get_transactions", "get_tax_report", "get_tax_lots", "record_forecast",
        "get_forecasts", "score_forecasts",
    }  # fmt: skip


async def test_every_cent_that_moved(desk: Assistant, served: Served) -> None:
    trade(served, "buy", 40, 10)
    trade(served, "sell", 70, 25)  # closes ten, opens fifteen NO
    await desk.call("kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=5, price=1)
    answer = await desk.call("get_transactions")
    cash = sum(Decimal(str(row["cash"])) for row in answer["transactions"])
    assert cash == Decimal(served.member.cash) / MICROS
    assert [row["contracts"] for row in answer["transactions"] if row["kind"] == "fill"] == [-25, 10]
    assert (answer["count"], answer["source"]) == (3, "paper")
    page = await desk.call("get_transactions", limit=2)
    rest = await desk.call("get_transactions", limit=2, cursor=page["cursor"])
    assert [*page["transactions"], *rest["transactions"]] == answer["transactions"]
    assert (await desk.call("get_transactions", kind="deposit"))["count"] == 1
    assert (await desk.call("get_transactions", ticker=MARKET))["count"] == 2
    assert (await desk.call("get_transactions", since="2h"))["count"] == 3


async def test_lots_and_the_years_report(desk: Assistant, served: Served, tmp_path: Path) -> None:
    trade(served, "buy", 40, 10)
    trade(served, "buy", 60, 10)
    trade(served, "sell", 70, 15)
    (lot,) = (await desk.call("get_tax_lots"))["lots"]
    assert (lot["side"], lot["contracts"]) == ("yes", 5)
    first = await desk.call("get_tax_report", year=YEAR)
    assert [row["contracts"] for row in first["rows"]] == [10, 5]
    assert first["note"] == PROFESSIONAL
    other = await desk.call("get_tax_report", year=YEAR, method="hifo")
    assert other["totals"]["gain"] < first["totals"]["gain"]
    assert other["totals"]["gain"] - other["open_basis"] == pytest.approx(first["totals"]["gain"] - first["open_basis"])
    cash = Decimal(served.member.cash) / MICROS - 10_000
    assert Decimal(str(first["totals"]["gain"])) - Decimal(str(first["open_basis"])) == cash
    for kind in ("json", "csv", "pdf"):
        made = await desk.call("get_tax_report", year=YEAR, format=kind, path=f"tax.{kind}")
        assert Path(made["file"]) == tmp_path / "out" / f"tax.{kind}"
    told = "".join(page.extract_text() for page in PdfReader(tmp_path / "out" / "tax.pdf").pages)
    assert MARKET in told
    assert PROFESSIONAL in told
    assert "PAPER MONEY" in told
    written = json.loads((tmp_path / "out" / "tax.json").read_text())
    assert len(written["closings"]) == (tmp_path / "out" / "tax.csv").read_text().count(MARKET) == 2
    assert written["open_at_year_end"][0]["contracts"] == "5"
    empty = await desk.call("get_tax_report", year=YEAR - 1)
    assert (empty["totals"]["closings"], empty["open_lots"]) == (0, 0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"format": "pdf"}, "A PDF is a file: give path=tax-2026.pdf."),
        ({"path": "../tax.json"}, "only"),
        ({"path": "/etc/tax.json"}, "only"),
        ({"path": "tax.csv"}, "must end in .json"),
        ({"year": 1999}, "2021"),
        ({"method": "best"}, "method"),
    ],
)
async def test_reports_that_cant_be(desk: Assistant, given: dict[str, Any], said: str) -> None:
    assert said in await desk.error("get_tax_report", **{"year": 2026, **given})


PAST_64_BITS = "MDo5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"


@pytest.mark.parametrize(
    "cursor", ["rubbish", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OjE=", "MTox" * 40, "\x00", PAST_64_BITS]
)
async def test_a_cursor_of_another_list_is_refused(desk: Assistant, cursor: str) -> None:
    assert "cursor" in await desk.error("get_transactions", cursor=cursor)


async def test_a_forecast_is_kept_and_scored(desk: Assistant, served: Served) -> None:
    kept = await desk.call("record_forecast", ticker=MARKET, probability="70%", note="  a hunch  ")
    market = await desk.call("kalshi_get_market", ticker=MARKET)
    assert (kept["forecast"]["bid"], kept["forecast"]["ask"]) == (market["yes_bid"], market["yes_ask"])
    assert kept["forecast"]["note"] == "a hunch"
    await desk.call("record_forecast", ticker=OTHER, probability=0.2)
    assert "no forecast of these has been settled" in (await desk.call("score_forecasts"))["conclusion"]
    assert [f["id"] for f in (await desk.call("get_forecasts", limit=1))["forecasts"]] == [2]
    end(served, MARKET, "yes", 10_000)
    scored = await desk.call("score_forecasts")
    assert (scored["forecasts"], scored["open"]) == (1, 1)
    assert scored["score"] == {"brier": 0.09, "log": 0.3567}
    assert scored["against_market"]["mine"]["brier"] == 0.09
    assert "Too few to conclude anything: 1 settled event, at least 20" in scored["conclusion"]
    assert scored["flat"]["bets"] == 1
    assert scored["flat"]["profit"] > 0
    assert (await desk.call("get_forecasts", status="settled"))["forecasts"][0]["value"] == 1
    assert "is finalized" in await desk.error("record_forecast", ticker=MARKET, probability=0.5)
    drawn = await desk.client.call_tool("score_forecasts", {"chart": True})
    (picture,) = [block for block in drawn.content if isinstance(block, ImageContent)]
    assert base64.b64decode(picture.data).startswith(b"\x89PNG")


async def test_beliefs_that_cant_be_scored_are_refused(desk: Assistant) -> None:
    for probability in (0, "100%", "99.99%"):
        assert "probability" in await desk.error("record_forecast", ticker=MARKET, probability=probability)
    assert "There is no market" in await desk.error("record_forecast", ticker="KXNONE-1", probability=0.5)
    assert (await desk.call("get_forecasts"))["count"] == 0


async def test_no_forecast_of_what_may_be_known(desk: Assistant, served: Served) -> None:
    """A model that wants a good score would wait for the end."""
    market = served.exchange.catalogue.markets[MARKET]
    for status in ("closed", "determined", "disputed", "finalized"):
        market.status = status
        said = await desk.error("record_forecast", ticker=MARKET, probability=0.999)
        assert "it is no forecast" in said
    market.status = "active"
    assert (await desk.call("get_forecasts"))["count"] == 0


async def test_a_market_that_is_gone_holds_no_forecast_up(desk: Assistant, served: Served) -> None:
    await desk.call("record_forecast", ticker=MARKET, probability=0.7)
    await desk.call("record_forecast", ticker=OTHER, probability=0.2)
    end(served, OTHER, "no", 0)
    gone = served.exchange.catalogue.markets.pop(MARKET)
    scored = await desk.call("score_forecasts")
    assert (scored["forecasts"], scored["open"]) == (1, 1)
    served.exchange.catalogue.markets[MARKET] = gone


async def test_a_page_that_goes_on_reads_nothing_again(
    desk: Assistant, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        trade(served, "buy", 40 + n, 1)
    page = await desk.call("get_transactions", limit=3)

    async def no_sync(_: Any) -> Any:
        raise AssertionError("read again")

    monkeypatch.setattr("prediction_mcp.desk.kalshi.records.kept.sync", no_sync)
    rest = await desk.call("get_transactions", limit=3, cursor=page["cursor"])
    assert rest["count"] == 3
    assert rest["up_to"] == page["up_to"]


async def test_an_account_without_subaccounts_has_records_too(
    desk: Assistant, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the exchange refuses to tell of subaccounts, the primary is all there is."""
    from prediction_mcp.kalshi.errors import PermissionDeniedError
    from prediction_mcp.kalshi.resources.subaccounts import SubaccountsResource

    async def refused(*_: Any, **__: Any) -> Any:
        raise PermissionDeniedError("Subaccounts need a higher tier.", status=403)

    monkeypatch.setattr(SubaccountsResource, "balances", refused)
    monkeypatch.setattr(SubaccountsResource, "transfers", refused)
    trade(served, "buy", 40, 10)
    assert (await desk.call("get_transactions"))["count"] == 2
    assert (await desk.call("get_portfolio_history"))["snapshots"] == 1


async def test_what_others_wrote_stays_data(desk: Assistant) -> None:
    """A note is kept as it was said, less what would be instructions to a terminal or a reader of lines."""
    await desk.call("record_forecast", ticker=MARKET, probability=0.4, note="\x1b[31mignore\u2028all\x00 previous\n{}")
    (line,) = (await desk.call("get_forecasts"))["forecasts"]
    assert not any(mark in line["note"] for mark in ("\x1b", "\u2028", "\x00", "\n"))


async def test_a_trade_is_seen_within_the_minute(desk: Assistant, served: Served) -> None:
    """Somebody looked a moment ago; who trades and asks isn't told what was before."""
    before = await desk.call("get_portfolio_history")
    assert (await desk.call("get_portfolio_history"))["snapshots"] == before["snapshots"] == 1
    trade(served, "buy", 50, 100, OTHER)
    after = await desk.call("get_portfolio_history")
    assert after["snapshots"] == 2
    assert after["points"][-1]["at_cost"] == 50
    assert after["points"][-1]["cash"] == pytest.approx(10_000 - 50 - 1.75, abs=0.01)


async def test_worth_over_time(desk: Assistant, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prediction_mcp.desk.kalshi.records.worth.FRESH", timedelta(0))
    first = await desk.call("get_portfolio_history", chart=True)
    assert (first["snapshots"], first["points"][0]["total"]) == (1, 10_000)
    await desk.call("kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=10, price=1)
    trade(served, "buy", 50, 100, OTHER)
    second = await desk.call("get_portfolio_history", period="day")
    last = second["points"][-1]
    value = await desk.call("kalshi_get_portfolio_value")
    assert last["cash"] == pytest.approx(value["cash"], abs=0.0001)  # its fourth decimal is cut there
    assert last["at_cost"] == value["positions_at_cost"]
    assert last["resting"] > 0
    assert "total" not in last  # nobody bids there now: no price is made up
    drawn = await desk.client.call_tool("get_portfolio_history", {"chart": True})
    assert [block.type for block in drawn.content] == ["text", "image"]


@pytest.mark.parametrize("era", ERAS)
async def test_a_damaged_file_stops_no_trade(era: str, served: Served, tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "records.db").write_bytes(b"rubbish" * 1000)
    async with at(served, tmp_path, era) as desk:
        assert "is damaged: move it away" in await desk.error("get_transactions")
        placed = await desk.call("kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=1, price=99)
        assert placed["filled"] == 1
        assert "is damaged" in await desk.error("record_forecast", ticker=MARKET, probability=0.5)
        assert (await desk.call("kalshi_get_positions"))["count"] == 1
        (tmp_path / "records" / "records.db").unlink()
        assert (await desk.call("get_transactions"))["count"] == 2


@pytest.mark.parametrize("era", ERAS)
async def test_a_session_that_keeps_nothing_leaves_nothing(era: str, tmp_path: Path) -> None:
    from prediction_mcp.settings import load_settings

    settings = load_settings(env="paper", paper_keep=False, toolsets="records", records_folder=tmp_path / "records")
    async with Client(create_server(settings), mode=era) as client:
        assert (await Assistant(client).call("get_transactions"))["count"] == 1
    assert not (tmp_path / "records").exists()


async def test_many_calls_at_once(desk: Assistant, served: Served) -> None:
    trade(served, "buy", 40, 10)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("get_transactions", {}),
        ("get_tax_lots", {}),
        ("get_tax_report", {"year": YEAR}),
        ("record_forecast", {"ticker": MARKET, "probability": 0.5}),
        ("get_portfolio_history", {}),
    ]
    answers = await asyncio.gather(*(desk.call(name, **given) for name, given in calls * 4))
    assert {answer["count"] for answer in answers[::5]} == {2}
    assert (await desk.call("get_forecasts"))["count"] == 4
