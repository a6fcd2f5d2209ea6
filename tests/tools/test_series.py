"""A series is what the exchange names: fees, candlesticks, exposure and terms of one whose name has a hyphen."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

import prediction_mcp
from prediction_mcp.desk.kalshi.analysis.reading import candles
from prediction_mcp.desk.kalshi.discovery.terms import contract_terms
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.tickers import likely_event, likely_series, prefixes
from tests.conftest import Served, account_of
from tests.facts import load
from tests.hyphened import BEGINNING, SERIES, list_hyphened
from tests.tools.conftest import Assistant

COLLECTIONS = load("kalshi/production/combo_collections")
SOURCE = Path(prediction_mcp.__file__).parent


@pytest.mark.parametrize("collection", COLLECTIONS.values(), ids=lambda c: c["series_ticker"])
async def test_a_combo_is_of_its_collections_series(collection: dict[str, Any]) -> None:
    """Recorded on production: KXMVECROSSCATEGORY-SHARD1 among them. A second combo asks for nothing more."""
    asked = list[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"multivariate_contract": collection})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    async with KalshiClient("https://kalshi.example/trade-api/v2", http=http) as client:
        account = await account_of(client).open()
        for code in ("S2026AB", "S2026CD"):
            event = f"{collection['series_ticker']}-{code}"
            combo = Market(
                ticker=f"{event}-1", event_ticker=event, status="active",
                mve_collection_ticker=collection["collection_ticker"],
            )  # fmt: skip
            assert await account.series.of(combo) == collection["series_ticker"]
    assert len(asked) == 1


async def test_terms_are_those_of_the_series(served: Served, kalshi: KalshiClient) -> None:
    event = list_hyphened(served)
    account = await account_of(kalshi).open()
    for named in (SERIES, event.ticker, event.markets[0].ticker):
        assert (await contract_terms(account, named, 0)).series == SERIES


async def test_candlesticks_are_asked_of_the_series(served: Served) -> None:
    asked, event, now = list[str](), list_hyphened(served), datetime.now(UTC)

    async def note(request: httpx.Request) -> None:
        asked.append(request.url.path)

    http = httpx.AsyncClient(event_hooks={"request": [note]})
    async with KalshiClient(served.url, served.signer, http=http) as client:
        account = await account_of(client).open()
        market = await client.markets.get(event.markets[0].ticker)
        await candles(account, market, now - timedelta(hours=1), now, "1m")
    assert asked[-1] == f"/trade-api/v2/series/{SERIES}/markets/{market.ticker}/candlesticks"


async def test_fees_of_a_series_with_a_hyphen(served: Served, kalshi: KalshiClient) -> None:
    """At 50¢ a contract costs 0.0175 in KXCROSS and half of it in KXCROSS-SHARD1."""
    event = list_hyphened(served)
    account = await account_of(kalshi).open()
    market = await kalshi.markets.get(event.markets[0].ticker)
    series, fees = await account.fees.of(market)
    assert series.ticker == await account.series.of(market) == SERIES
    assert fees is not None
    assert fees.fee(Decimal("0.5"), Decimal(100), is_taker=True) == Decimal("0.875")


async def test_tools_name_the_series(assistant: Assistant, served: Served) -> None:
    event = list_hyphened(served)
    ticker = event.markets[0].ticker
    order = {"ticker": ticker, "side": "yes", "action": "buy", "count": 1, "price": 99, "order_type": "market"}
    bought = await assistant.call("kalshi_create_order", **order)
    half = FeeSchedule.of("quadratic", "0.5").fee(Decimal(str(bought["average_price"])), Decimal(1), is_taker=True)
    assert Decimal(str(bought["fee"])) == half
    exposure = await assistant.call("kalshi_get_portfolio_exposure", by="series")
    assert [group["group"] for group in exposure["groups"]] == [SERIES]
    near = await assistant.error("kalshi_get_market", ticker=f"{event.ticker}-T11")
    assert ticker in near


def test_guesses_are_guesses() -> None:
    assert prefixes("KXA-B-C") == ["KXA-B-C", "KXA-B", "KXA"]
    assert likely_event("KXA-B-C") == "KXA-B"
    assert likely_event("KXA") == ""
    assert likely_series(f"{SERIES}-26DEC-T1", {SERIES, BEGINNING}) == SERIES
    assert likely_series(f"{BEGINNING}-26DEC-T1", {SERIES, BEGINNING}) == BEGINNING
    assert likely_series("KXB-1", {SERIES}) == ""


CUTS = {"split", "rsplit", "partition", "rpartition"}
MAY_CUT = {"kalshi/tickers.py", "exchange/world/questions.py"}
"""The one place for guesses from tickers; and the paper front's slugs, which are words joined by hyphens."""


def test_no_ticker_is_taken_apart_elsewhere() -> None:
    """A hyphen cut is a series or an event guessed from a text."""
    found = set[str]()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            first = node.args[0] if node.args else None
            if node.func.attr in CUTS and isinstance(first, ast.Constant) and first.value == "-":
                found.add(file.relative_to(SOURCE).as_posix())
    assert found == MAY_CUT
