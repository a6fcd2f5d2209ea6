"""A market whose fees are waived is free until the waiver ends, on the paper exchange and in every answer about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult

from prediction_mcp.desk.kalshi.analysis.arbitrage import find_arbitrage
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.server import create_server
from tests.conftest import EVENT, MARKET, Served, account_of
from tests.tools.conftest import Assistant, settings_for

DAY_MS = 86_400_000
BUY = {"ticker": MARKET, "side": "yes", "action": "buy", "count": 10, "price": 50}


def waive(served: Served, ms: int, *tickers: str) -> list[Market]:
    """Waive the fees of markets for so long, and have somebody quote 40¢ / 50¢ for YES in each."""
    exchange, found = served.exchange, list[Market]()
    now, crowd = exchange.clock(), exchange.crowd.takers[0]
    for ticker in tickers or (MARKET,):
        market = exchange.catalogue.markets[ticker]
        market.waiver_ms = now + ms
        exchange._waived.append(market)
        exchange._set_fees(market, now)
        book = exchange.engine.markets[ticker].book
        exchange.engine.cancel_many([*book.bids, *book.asks], now)
        exchange.engine.submit(crowd, ticker, BID, 4_000, 100_000, now)
        exchange.engine.submit(crowd, ticker, ASK, 5_000, 100_000, now)
        found.append(market)
    exchange.sync()
    return found


async def test_answers_say_that_it_is_free(assistant: Assistant, served: Served) -> None:
    (market,) = waive(served, DAY_MS)
    until = f"No fees until {datetime.fromtimestamp(market.waiver_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    cost = await assistant.call("kalshi_calculate_order_cost", **BUY)
    assert (cost["taker_fee"], cost["max_loss"], cost["break_even_probability"]) == (0, 5, 0.5)
    assert cost["note"].startswith(until)
    shown = await assistant.call("kalshi_get_market", ticker=MARKET)
    assert shown["fees_waived_until"][:16] == f"{datetime.fromtimestamp(market.waiver_ms / 1000, UTC):%Y-%m-%dT%H:%M}"
    assert shown["fee_multiplier"] == 1
    seen = await assistant.call("kalshi_simulate_order", **BUY)
    assert (seen["fee"], seen["pays"]) == (0, 5)
    assert seen["note"].startswith(until)
    checked = await assistant.call("kalshi_check_order_validity", **BUY)
    assert any(warning.startswith(until) for warning in checked["warnings"])
    assert Decimal(str(checked["worst_case"])) == Decimal("5.175"), "what rests may fill after the waiver"
    bought = await assistant.call("kalshi_create_order", **BUY)
    assert (bought["total"], bought["fee"]) == (5, 0)
    assert served.fills[-1].fee == 0


async def test_the_question_says_both(served: Served, tmp_path: Path) -> None:
    waive(served, DAY_MS)
    asked = list[str]()

    async def person(message: str, *_: Any) -> ElicitResult[Any]:
        asked.append(message)
        return ElicitResult(action="accept", content={"confirm": True})

    server = create_server(settings_for(served, tmp_path, confirm="always"))
    async with Client(server, elicitation_handler=person) as client:
        at = Assistant(client)
        await at.call("kalshi_create_order", **BUY)
        await at.call("kalshi_create_order", **BUY | {"order_type": "market"})
    rests, immediate = asked
    for text in asked:
        assert "No fees until" in text
        assert "fills after that pay them" in text
    assert "you lose $5.18, fees included" in rests
    assert "you lose $5, fees included" in immediate or "you lose $5.00, fees included" in immediate


@pytest.mark.parametrize("ms", [0, 60_000, 64 * 60_000])
async def test_a_waiver_that_is_over_or_ends_soon_saves_nothing(assistant: Assistant, served: Served, ms: int) -> None:
    waive(served, ms)
    cost = await assistant.call("kalshi_calculate_order_cost", **BUY)
    assert cost["taker_fee"] == 0.175
    assert "note" not in cost
    assert "fees_waived_until" not in await assistant.call("kalshi_get_market", ticker=MARKET)


async def test_the_exchange_charges_again_when_it_ends(served: Served, kalshi: KalshiClient) -> None:
    (market,) = waive(served, DAY_MS)
    exchange, member, now = served.exchange, served.member, served.exchange.clock()
    exchange.engine.submit(member, MARKET, BID, 5_000, 1_000, now)
    assert served.fills[-1].fee == 0
    listed = await kalshi.markets.get(MARKET)
    assert listed.fee_waiver_expiration_time == datetime.fromtimestamp(market.waiver_ms / 1000, UTC).replace(
        microsecond=market.waiver_ms % 1000 * 1000
    )
    exchange._apply_fees(market.waiver_ms - 1)
    assert exchange.engine.markets[MARKET].fees.worst(5_000, 1_000) == 0
    exchange._apply_fees(market.waiver_ms)
    assert not exchange._waived
    exchange.engine.submit(member, MARKET, BID, 5_000, 1_000, market.waiver_ms)
    assert served.fills[-1].fee == 175_000
    other = await kalshi.markets.get(MARKET[:-3] + "BAL")
    assert other.fee_waiver_expiration_time is None


async def test_a_trade_without_fees_is_riskless_where_one_with_them_is_not(
    served: Served, kalshi: KalshiClient
) -> None:
    """NO of every outcome but one: what it earns, a fee would eat."""
    event = served.exchange.catalogue.events[EVENT]
    tickers = [market.ticker for market in event.markets]
    account = await account_of(kalshi).open()
    crowd, now = served.exchange.crowd.takers[0], served.exchange.clock()
    for ms, found in ((0, 0), (DAY_MS, 1)):
        waive(served, ms, *tickers)
        for ticker in tickers:
            book = served.exchange.engine.markets[ticker].book
            served.exchange.engine.cancel_many([*book.bids, *book.asks], now)
        for ticker, bid in zip(tickers[:2], (5_000, 5_100), strict=True):
            served.exchange.engine.submit(crowd, ticker, BID, bid, 100_000, now)
        served.exchange.sync()
        answer = await find_arbitrage(account, EVENT, None, None, Decimal("0.1"))
        assert len(answer.found) == found, ms


@pytest.mark.everyday
def test_the_everyday_world_has_one() -> None:
    exchange = Exchange(seed=1, scenario="everyday")
    waived = [m for m in exchange.catalogue.markets.values() if m.waiver_ms]
    assert waived
    for market in waived:
        free = exchange.engine.markets[market.ticker].fees.worst(5_000, 1_000) == 0
        assert free is (exchange.clock() < market.waiver_ms)
    assert timedelta(milliseconds=max(m.waiver_ms for m in waived) - exchange.clock()) > timedelta(hours=1)
