"""The official SDK runs the whole life of an order and reads every endpoint; its own models accept every answer.

The SDK is installed apart by ``make conformance``; here it only judges.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from prediction_mcp.exchange.access import KeyAlgorithm
from prediction_mcp.exchange.engine.matching import ASK, BID
from tests.conftest import MARKET, Served

SDK = Path(__file__).parents[2] / ".conformance"
pytestmark = pytest.mark.conformance


@pytest.fixture(params=["ed25519", "rsa"])
async def sdk(request: pytest.FixtureRequest, served: Served, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """The SDK's client, signed in with a key of each kind."""
    monkeypatch.setattr(sys, "path", [str(SDK), *sys.path])
    from kalshi_python_async import Configuration, KalshiClient

    algorithm: KeyAlgorithm = request.param
    key_id, pem = served.exchange.issue_key(served.member, algorithm)
    configuration = Configuration(host=served.url)
    configuration.api_key_id, configuration.private_key_pem = key_id, pem
    client = KalshiClient(configuration)
    yield client
    await client.close()


class Whose(StrEnum):
    """The SDK sends the value of an enum; everything else sends its text."""

    SELF = "self"


def got() -> dict[str, Any]:
    """Parameters that a list of quotes needs: those on our own RFQs, of the last hours."""
    now = int(time.time())
    return {"rfq_user_filter": Whose.SELF, "min_ts": now - 3_600, "max_ts": now + 3_600}


def _order(**changes: Any) -> dict[str, Any]:
    return {
        "ticker": MARKET, "side": "bid", "count": "5.00", "price": "0.0100", "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross", "client_order_id": str(uuid.uuid4()), **changes,
    }  # fmt: skip


async def test_the_whole_life_of_an_order(sdk: Any, served: Served) -> None:
    orders, portfolio = sdk._orders_api, sdk._portfolio_api
    book = served.exchange.engine.markets[MARKET].book
    ask = book.asks.best
    assert ask is not None

    # It rests, is read, amended, decreased and cancelled.
    placed = await orders.create_order_v2(**_order())
    assert (placed.fill_count, placed.remaining_count) == ("0.00", "5.00")
    read = (await orders.get_order(placed.order_id)).order
    assert (read.status, read.book_side, read.outcome_side, read.yes_price_dollars) == (
        "resting",
        "bid",
        "yes",
        "0.0100",
    )
    assert float((await orders.get_order_queue_position(placed.order_id)).queue_position_fp) > 0
    assert len((await orders.get_order_queue_positions(market_tickers=MARKET)).queue_positions) == 1
    amended = await orders.amend_order_v2(placed.order_id, ticker=MARKET, side="bid", price="0.0100", count="4.00")
    assert amended.remaining_count == "4.00"
    assert (await orders.decrease_order_v2(placed.order_id, reduce_by="1.00")).remaining_count == "3.00"
    assert (await orders.cancel_order_v2(placed.order_id, market_ticker=MARKET)).reduced_by == "3.00"
    assert (await orders.get_order(placed.order_id)).order.status == "canceled"

    # One that is filled: buying NO is an ask in the book.
    bought = await orders.create_order_v2(
        **_order(price=f"0.{ask:04d}", count="2.50", time_in_force="immediate_or_cancel")
    )
    assert (bought.fill_count, bought.average_fill_price) == ("2.50", f"0.{ask:04d}")
    (fill,) = (await portfolio.get_fills(order_id=bought.order_id)).fills
    assert (fill.count_fp, fill.is_taker, fill.book_side) == ("2.50", True, "bid")
    (position,) = (await portfolio.get_positions(ticker=MARKET)).market_positions
    assert position.position_fp == "2.50"
    assert (await portfolio.get_balance()).balance < 1_000_000

    # Batches, and the end of everything.
    batch = await orders.batch_create_orders_v2(orders=[_order(), _order(), _order(price="0.0005")])
    assert [item.error is None for item in batch.orders] == [True, True, False]
    assert (await portfolio.get_portfolio_resting_order_total_value()).total_resting_order_value > 0
    done = await orders.batch_cancel_orders_v2(orders=[{"order_id": batch.orders[0].order_id}, {"order_id": "none"}])
    assert [item.reduced_by for item in done.orders] == ["5.00", "0.00"]
    await orders.cancel_all_orders()
    assert not (await orders.get_orders(status="resting")).orders
    assert len((await orders.get_orders(ticker=MARKET)).orders) == 4


async def test_every_read_is_accepted_by_the_sdks_models(sdk: Any, served: Served) -> None:
    exchange, now = served.exchange, int(time.time())
    engine = exchange.engine
    held = next(m for m in exchange.catalogue.markets.values() if m.status == "active" and m.event.exclusive)
    engine.submit(served.member, held.ticker, BID, engine.markets[held.ticker].book.asks.best or 9_900, 300, now * 1000)
    engine.submit(served.member, held.ticker, ASK, 9_900, 100, now * 1000, client_order_id="mine")
    engine.settle_market(held.ticker, "yes", 10_000, exchange.clock())
    old = next(
        m for m in exchange.catalogue.markets.values() if m.settled_ms and m.settled_ms < (now - 31 * 86_400) * 1000
    )
    series, event = MARKET.split("-", maxsplit=1)[0], MARKET.rsplit("-", 1)[0]
    window = {"start_ts": now - 20 * 86_400, "end_ts": now, "period_interval": 60}

    status = await sdk._exchange_api.get_exchange_status()
    assert status.trading_active
    assert (await sdk._exchange_api.get_exchange_schedule()).schedule.standard_hours
    assert (await sdk._exchange_api.get_user_data_timestamp()).as_of_time
    assert (await sdk._account_api.get_account_api_limits()).write.refill_rate == 11_520  # +20 % since September
    assert (await sdk._account_api.get_account_endpoint_costs()).default_cost == 10

    market = sdk._market_api
    assert len((await market.get_series_list(include_volume=True)).series) >= 12
    assert (await market.get_series(series)).series.ticker == series
    seen, cursor = 0, None
    while True:
        page = await market.get_markets(limit=150, cursor=cursor)
        seen, cursor = seen + len(page.markets), page.cursor
        if not cursor:
            break
    archived = len((await sdk._historical_api.get_historical_markets()).markets)
    assert seen + archived == len(exchange.catalogue.markets)
    for status_filter in ("unopened", "open", "closed", "settled"):
        assert (await market.get_markets(status=status_filter, limit=5)).markets
    assert (await market.get_market(MARKET)).market.ticker == MARKET
    assert (await market.get_market_orderbook(MARKET)).orderbook_fp.yes_dollars
    assert (await market.get_market_orderbook("NOPE")).orderbook_fp.yes_dollars == []
    assert len((await market.get_market_orderbooks([MARKET, held.ticker])).orderbooks) == 2
    assert (await market.get_trades(limit=10)).trades
    assert (await market.get_market_candlesticks(series, MARKET, **window)).candlesticks
    assert (await market.batch_get_market_candlesticks(MARKET, **window)).markets

    events = sdk._events_api
    assert (await events.get_events(with_nested_markets=True, limit=10)).events[0].markets
    assert (await events.get_event(event)).event.event_ticker == event
    assert (await events.get_event_metadata(event)).market_details
    assert (await events.get_market_candlesticks_by_event(event, series, **window)).market_tickers
    assert (await events.get_multivariate_events(with_nested_markets=True)).events[0].markets

    historical = sdk._historical_api
    assert (await historical.get_historical_cutoff()).market_settled_ts
    assert (await historical.get_historical_market(old.ticker)).market.status == "finalized"
    assert (await historical.get_market_candlesticks_historical(old.ticker, 0, now, 60)).candlesticks
    assert (await historical.get_trades_historical(limit=5)).trades
    assert (await historical.get_historical_orders()).orders == []
    assert (await historical.get_fills_historical()).fills == []
    assert (await historical.get_historical_positions()).market_positions == []

    portfolio = sdk._portfolio_api
    (settlement,) = (await portfolio.get_settlements()).settlements
    assert (settlement.market_result, settlement.yes_count_fp, settlement.revenue) == ("yes", "3.00", 300)
    assert (await portfolio.get_positions(settlement_status="settled")).market_positions[0].realized_pnl_dollars
    assert (await portfolio.get_fills()).fills[0].fee_cost


async def test_refusals_reach_the_sdk_as_its_own_exceptions(sdk: Any, served: Served) -> None:
    from kalshi_python_async.exceptions import BadRequestException, ConflictException, NotFoundException

    with pytest.raises(BadRequestException, match=r"\(400\)"):  # it reads flat error bodies only
        await sdk._orders_api.create_order_v2(**_order(price="0.0150"))
    with pytest.raises(NotFoundException):
        await sdk._market_api.get_market("NOPE")
    order = _order()
    await sdk._orders_api.create_order_v2(**order)
    with pytest.raises(ConflictException):
        await sdk._orders_api.create_order_v2(**order)


async def test_the_sdks_signature_is_ours(sdk: Any, served: Served) -> None:
    """Our exchange checks the SDK's signatures in every test here; and it refuses the SDK with a foreign key."""
    from kalshi_python_async.exceptions import UnauthorizedException

    sdk.kalshi_auth.key_id = served.key_id  # right signature, somebody else's key id
    with pytest.raises(UnauthorizedException):
        await sdk._portfolio_api.get_balance()
