"""The analysis tools through a real session in both eras, held against the books and tapes of the exchange."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.world.listed import Series
from prediction_mcp.exchange.world.listings import Listing, ladder_event
from tests.conftest import EVENT, MARKET, Served
from tests.tools.conftest import Assistant
from tests.tools.test_account_tools import best, exact

OTHER = MARKET[:-3] + "BAL"


async def test_candlesticks_are_the_tape(assistant: Assistant, served: Served) -> None:
    answer = await assistant.call("kalshi_get_candlesticks", ticker=MARKET, interval="1d", start="2020-01-01")
    tape = served.exchange.engine.markets[MARKET].trades
    assert answer["volume"] * 100 == sum(t.count for t in tape)
    assert exact(answer["rows"][-1][4]) == Decimal(tape[-1].price) / 10_000
    old = next(
        m for m in served.exchange.catalogue.markets.values() if m.ticker.startswith("KXHIGHNY") and m.settled_ms
    )
    archived = await assistant.call("kalshi_get_candlesticks", ticker=old.ticker, interval="1h", start="2020-01-01")
    assert archived["count"] > 0
    assert "before end" in await assistant.error("kalshi_get_candlesticks", ticker=MARKET, start="2999-01-01")


async def test_liquidity_volatility_and_flow(assistant: Assistant, served: Served) -> None:
    bid, ask = best(served)
    liquid = await assistant.call("kalshi_analyze_liquidity", ticker=MARKET, size=10)
    assert exact(liquid["spread"]) == ask - bid
    assert exact(liquid["round_trip_cost"]) == 10 * (ask - bid) + exact(liquid["round_trip_fees"])
    assert 0 <= liquid["score"] <= 100
    moves = await assistant.call("kalshi_analyze_volatility", ticker=MARKET, window="60d")
    assert 0 < moves["low"] <= moves["high"] < 1
    assert moves["daily"] > 0
    served.exchange.engine.submit(
        served.exchange.crowd.takers[0], MARKET, BID, round(ask * 10_000), 500, served.exchange.clock()
    )
    flow = await assistant.call("kalshi_analyze_trade_flow", ticker=MARKET, window="1h")
    assert (flow["taken_yes"] - flow["taken_no"]) / flow["contracts"] == pytest_approx(flow["imbalance"])
    assert flow["taken_yes"] >= 5
    assert "looks like 24h" in await assistant.error("kalshi_analyze_trade_flow", ticker=MARKET, window="yesterday")
    assert "longer window" in await assistant.error("kalshi_analyze_volatility", ticker=quiet(served), window="1h")


def quiet(served: Served) -> str:
    """A market without a recent trade."""
    now = served.exchange.clock()
    return next(
        m.ticker
        for m in served.exchange.catalogue.markets.values()
        if m.status == "active"
        and (trades := served.exchange.engine.markets[m.ticker].trades)
        and trades[-1].ts_ms < now - 2 * 3_600_000
    )


def pytest_approx(value: float) -> Any:
    import pytest

    return pytest.approx(value, abs=1e-3)


@pytest.mark.everyday
async def test_what_prices_imply(assistant: Assistant, served: Served) -> None:
    final = await assistant.call("kalshi_get_implied_probabilities", event_ticker=EVENT)
    assert sum(exact(o["probability"]) for o in final["outcomes"]) == pytest_approx(1)
    assert [o["probability"] for o in final["outcomes"]] == sorted(
        (o["probability"] for o in final["outcomes"]), reverse=True
    )
    coin = next(
        e for e in served.exchange.catalogue.events.values()
        if e.series.ticker == "KXBTCD" and all(m.status == "active" for m in e.markets)
    )  # fmt: skip
    ladder = await assistant.call("kalshi_get_implied_probabilities", event_ticker=coin.ticker)
    assert sum(r["probability"] for r in ladder["ranges"]) == pytest_approx(1)
    assert float(coin.markets[0].floor_strike or 0) < ladder["median"] < float(coin.markets[-1].floor_strike or 0)


@pytest.mark.everyday
async def test_arbitrage_is_found_and_pays(assistant: Assistant, served: Served) -> None:
    """Bids that sum to more than a dollar are made; the legs it names are then bought, and every end pays."""
    engine, now = served.exchange.engine, served.exchange.clock()
    weather = next(
        e for e in served.exchange.catalogue.events.values()
        if e.series.ticker == "KXHIGHNY" and all(m.status == "active" for m in e.markets)
    )  # fmt: skip
    nothing = await assistant.call("kalshi_find_arbitrage", event_ticker=weather.ticker)
    assert nothing["found"] == []
    for market in weather.markets:
        book = engine.markets[market.ticker].book
        engine.cancel_many([*book.bids, *book.asks], now)
        engine.submit(served.exchange.crowd.takers[0], market.ticker, BID, 2_500, 4_000, now)
    (line,) = (await assistant.call("kalshi_find_arbitrage", event_ticker=weather.ticker))["found"]
    assert (line["kind"], line["count"]) == ("sell_all", 40)
    assert exact(line["profit"]) == 5 * 40 - exact(line["cost"]) - exact(line["fees"])
    for leg in line["legs"]:
        side, ticker = leg["buy"].split()
        await assistant.call(
            "kalshi_create_order", ticker=ticker, side=side, action="buy", count=leg["count"], price=leg["limit"] * 100
        )
    spent = Decimal(served.member.deposited - served.member.cash) / 10**6
    assert 5 * 40 - spent >= exact(line["profit"]) - Decimal("0.001")
    everywhere = await assistant.call("kalshi_find_arbitrage", min_edge_cents=1)
    assert everywhere["scanned_events"] > 40
    assert "one of event_ticker" in await assistant.error(
        "kalshi_find_arbitrage", event_ticker=EVENT, category="Sports"
    )


@pytest.mark.everyday
async def test_a_broken_ladder_is_found(assistant: Assistant, served: Served) -> None:
    engine, now = served.exchange.engine, served.exchange.clock()
    coin = next(
        e for e in served.exchange.catalogue.events.values()
        if e.series.ticker == "KXETHD" and all(m.status == "active" for m in e.markets)
    )  # fmt: skip
    low, high = coin.markets[4], coin.markets[5]
    ether = [e for e in served.exchange.catalogue.events.values() if e.series.ticker.startswith("KXETH")]
    for market in (m for event in ether for m in event.markets if m.ticker in engine.markets):  # the only broken one
        book = engine.markets[market.ticker].book
        engine.cancel_many([*book.bids, *book.asks], now)
    crowd = served.exchange.crowd.takers[0]
    engine.submit(crowd, low.ticker, ASK, 4_000, 3_000, now)
    engine.submit(crowd, high.ticker, BID, 5_000, 2_000, now)
    found_all = await assistant.call("kalshi_find_arbitrage", series_ticker="KXETHD")
    line = next(line for line in found_all["found"] if line["event_ticker"] == coin.ticker)
    legs = {leg["buy"]: leg for leg in line["legs"]}
    assert exact(legs[f"no {high.ticker}"]["count"]) == 20
    assert exact(legs[f"yes {low.ticker}"]["limit"]) == Decimal("0.4")
    assert exact(line["profit"]) >= 20 * Decimal("0.1") - Decimal("0.7")  # fees of 1.75¢ and 1.68¢ a contract
    assert "exchange's word" in found_all["stands_on"]


@pytest.mark.everyday
async def test_one_number_in_two_events_is_found(assistant: Assistant, served: Served) -> None:
    """Two series ask about one price with other strikes; neither by itself leaves anything, both together do."""
    exchange, now = served.exchange, served.exchange.clock()
    coin = next(
        e for e in exchange.catalogue.events.values()
        if e.series.ticker == "KXETHD" and all(m.status == "active" for m in e.markets)
    )  # fmt: skip
    first = coin.markets[0]
    opens, closes, decides = (datetime.fromtimestamp(t / 1000, UTC) for t in (now, first.close_ms, first.decide_ms))
    fine = Series("KXETHFINE", "Ethereum price, fine", "Crypto", ["ETH"], "daily", coin.series.source)
    for title, alike in ((coin.title, True), ("Another question altogether?", False)):
        event = ladder_event(
            Listing(fine, f"T{int(alike)}", title, "", opens, closes, decides),
            float(coin.markets[4].floor_strike or 0) + 25, 1, 3, "${}", random.Random(1), "linear_cent",
        )  # fmt: skip
        exchange.list_event(event)
        engine = exchange.engine
        lower, middle = coin.markets[4], event.markets[1]
        for market in (*coin.markets, *event.markets):
            book = engine.markets[market.ticker].book
            engine.cancel_many([*book.bids, *book.asks], now)
        crowd = exchange.crowd.takers[0]
        engine.submit(crowd, lower.ticker, ASK, 4_000, 3_000, now)
        engine.submit(crowd, middle.ticker, BID, 5_000, 2_000, now)  # more than the lower strike is offered at
        answer = await assistant.call("kalshi_find_arbitrage", category="Crypto")
        found = {line["event_ticker"]: line for line in answer["found"]}
        together = [line for name, line in found.items() if event.ticker in name.split(" + ")]
        if not alike:
            assert together == []
            continue
        (line,) = together
        assert coin.ticker in line["event_ticker"]
        legs = {leg["buy"]: leg for leg in line["legs"]}
        assert exact(legs[f"no {middle.ticker}"]["count"]) == 20
        assert exact(legs[f"yes {lower.ticker}"]["count"]) >= 20
        assert "one number" in answer["stands_on"]
        engine.cancel_many([*engine.markets[lower.ticker].book.asks], now)


async def test_comparison_brief_and_risks(assistant: Assistant, served: Served) -> None:
    bid, ask = best(served)
    side_by_side = await assistant.call("kalshi_compare_markets", tickers=[MARKET, OTHER], window="30d")
    assert [m["ticker"] for m in side_by_side["markets"]] == [MARKET, OTHER]
    assert -1 <= side_by_side["pairs"][0]["correlation"] <= 1
    assert "two different" in await assistant.error("kalshi_compare_markets", tickers=[MARKET, MARKET])
    brief = await assistant.call("kalshi_analyze_market_opportunity", ticker=MARKET, my_probability=0.9)
    assert (brief["best_side"], exact(brief["price"])) == ("yes", ask)
    assert exact(brief["edge"]) == Decimal("0.9") - ask - exact(brief["fee_per_contract"])
    assert 0 < brief["kelly_contracts"] <= brief["kelly_if_all_at_price"]
    assert ask < exact(brief["kelly_average"]) < Decimal("0.9")
    against = await assistant.call("kalshi_analyze_market_opportunity", ticker=MARKET, my_probability=0.001)
    assert (against["best_side"], exact(against["price"])) == ("no", 1 - bid)
    level = await assistant.call(
        "kalshi_analyze_market_opportunity", ticker=MARKET, my_probability=float((bid + ask) / 2)
    )
    assert level["what_must_be_true"].startswith("No edge")
    risks = await assistant.call("kalshi_assess_market_risk", ticker=MARKET)
    assert [r["risk"] for r in risks["risks"]] == ["liquidity", "time", "jumps", "early close", "settlement", "fees"]
    assert all(r["evidence"] for r in risks["risks"])
