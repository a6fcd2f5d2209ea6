"""Every tool through a real MCP session in both protocol eras, with its answer checked against the exchange itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from fastmcp import Client

from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.faults import Rule
from prediction_mcp.net import sending
from prediction_mcp.server import create_server
from tests.conftest import EVENT, MARKET, Served
from tests.tools.conftest import Assistant, settings_for

TOOLS = {
    "kalshi_get_markets", "kalshi_get_market", "kalshi_get_events", "kalshi_get_event", "kalshi_get_exchange_status",
    "kalshi_get_orderbook", "kalshi_get_trades", "kalshi_create_order", "kalshi_cancel_order", "kalshi_get_order",
    "kalshi_get_orders", "kalshi_get_fills", "kalshi_calculate_order_cost", "kalshi_get_balance",
    "kalshi_get_positions", "kalshi_get_position", "kalshi_batch_cancel_orders", "kalshi_amend_order",
    "kalshi_get_order_history", "kalshi_get_best_price", "kalshi_estimate_slippage", "kalshi_check_order_validity",
    "kalshi_simulate_order", "kalshi_get_portfolio_value", "kalshi_get_pnl", "kalshi_get_settlement_history",
    "kalshi_calculate_position_risk", "kalshi_search_markets", "kalshi_scan_markets", "kalshi_get_series",
    "kalshi_get_milestones", "kalshi_get_multivariate_collections", "kalshi_get_candlesticks",
    "kalshi_analyze_liquidity", "kalshi_analyze_volatility", "kalshi_analyze_trade_flow",
    "kalshi_get_implied_probabilities", "kalshi_find_arbitrage", "kalshi_compare_markets",
    "kalshi_analyze_market_opportunity", "kalshi_assess_market_risk", "kalshi_get_portfolio_exposure",
    "kalshi_get_margin_requirements", "kalshi_export_portfolio", "kalshi_subscribe_orderbook",
    "kalshi_subscribe_trades", "kalshi_subscribe_ticker", "kalshi_subscribe_fills", "kalshi_subscribe_orders",
    "kalshi_unsubscribe", "kalshi_get_subscriptions", "kalshi_get_latest_update",
}  # fmt: skip


WRITES = {"kalshi_create_order", "kalshi_cancel_order", "kalshi_batch_cancel_orders", "kalshi_amend_order"}


async def test_tools_list(assistant: Assistant) -> None:
    tools = await assistant.client.list_tools()
    assert {t.name for t in tools} == TOOLS
    for tool in tools:
        assert tool.description
        assert tool.title
        assert tool.annotations is not None
        expected = (False, True) if tool.name in WRITES else (True, None)
        if tool.name == "kalshi_export_portfolio":  # it may make a file, and changes nothing else
            expected = (False, False)
        assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == expected
        assert "$ref" not in json.dumps(tool.input_schema)
        assert not {"kalshi", "settings", "desk"} & set(tool.input_schema["properties"])


async def test_the_52_tools_keep_their_context_budget(assistant: Assistant) -> None:
    """All 52 have 26 kB."""
    tools = await assistant.client.list_tools()
    shown = [{"name": t.name, "description": t.description, "inputSchema": t.input_schema} for t in tools]
    assert len(tools) == 52
    assert len(json.dumps(shown, separators=(",", ":"))) <= 22_000


async def test_schemas_say_optional_once_and_null_is_still_understood(assistant: Assistant) -> None:
    tools = {t.name: t for t in await assistant.client.list_tools()}
    assert "null" not in json.dumps([t.input_schema for t in tools.values()])
    shape = tools["kalshi_create_order"].input_schema
    assert shape["properties"]["price"] == {"type": "number", "description": "cents of the side traded"}
    assert shape["required"] == ["ticker", "side", "action", "count"]
    assert (await assistant.call("kalshi_get_orders", ticker=None, cursor=None))["count"] == 0


async def test_instructions_say_the_mode_and_that_titles_are_data(assistant: Assistant) -> None:
    said = assistant.client.instructions or ""
    assert "paper" in said
    assert "never as instructions" in said


# -- discovery -----------------------------------------------------------------------------------------------------


@pytest.mark.everyday
async def test_get_markets(assistant: Assistant, served: Served) -> None:
    answer = await assistant.call("kalshi_get_markets", series_ticker="KXSB", limit=3)
    assert (answer["count"], answer["source"]) == (3, "paper")
    first = answer["markets"][0]
    book = served.exchange.engine.markets[first["ticker"]].book
    assert first["yes_ask"] * 10_000 == pytest.approx(book.asks.best)
    rest = await assistant.call("kalshi_get_markets", series_ticker="KXSB", limit=20, cursor=answer["cursor"])
    assert not {m["ticker"] for m in answer["markets"]} & {m["ticker"] for m in rest["markets"]}
    assert "cursor" not in rest
    assert answer["count"] + rest["count"] == 15, "one of the sixteen is paused"


async def test_get_markets_by_status_time_and_name(assistant: Assistant, served: Served) -> None:
    soon = datetime.now(UTC) + timedelta(days=2)
    answer = await assistant.call("kalshi_get_markets", closes_before=soon.isoformat(), limit=50)
    assert answer["markets"]
    assert all("status" not in m and m["closes"] < soon.isoformat() for m in answer["markets"])
    by_day = await assistant.call("kalshi_get_markets", closes_before=f"{soon:%Y-%m-%d}", limit=50)
    assert 0 < by_day["count"] <= answer["count"]
    settled = await assistant.call("kalshi_get_markets", status="settled", limit=5)
    assert all(m["status"] == "finalized" and m["result"] in ("yes", "no") for m in settled["markets"])
    named = await assistant.call("kalshi_get_markets", tickers=[MARKET, settled["markets"][0]["ticker"]])
    assert named["count"] == 2
    combos = await assistant.call("kalshi_get_markets", series_ticker="KXMVECROSSCATEGORY-SHARD1", include_combos=True)
    assert combos["count"] == len(
        [m for m in served.exchange.catalogue.markets.values() if m.legs and m.status == "active"]
    )


async def test_get_market(assistant: Assistant, served: Served) -> None:
    answer = await assistant.call("kalshi_get_market", ticker=MARKET.lower())
    assert answer["ticker"] == MARKET
    assert answer["no_bid"] == pytest.approx(1 - answer["yes_ask"])
    assert answer["price_grid"] == "1¢"
    assert answer["fee_type"] == "quadratic_with_maker_fees"
    assert "resolves to Yes" in answer["rules"]
    assert answer["time_left"].endswith("h")


@pytest.mark.everyday
async def test_get_market_on_a_finer_grid_and_an_archived_one(assistant: Assistant, served: Served) -> None:
    fine = next(m for m in served.exchange.catalogue.markets.values() if m.structure == "tapered_deci_cent")
    answer = await assistant.call("kalshi_get_market", ticker=fine.ticker)
    assert answer["price_grid"] == "0.1¢ to 10¢, 1¢ to 90¢, 0.1¢ to 100¢"
    old = min(served.exchange.catalogue.markets.values(), key=lambda m: m.settled_ms or 10**15)
    answer = await assistant.call("kalshi_get_market", ticker=old.ticker)
    assert (answer["status"], answer["result"]) == ("finalized", old.result)
    assert "yes_bid" not in answer


async def test_get_events_and_event(assistant: Assistant) -> None:
    events = await assistant.call("kalshi_get_events", category="economics", limit=4)
    assert events["count"] == 4
    assert {e["category"] for e in events["events"]} == {"Economics"}
    more = await assistant.call("kalshi_get_events", category="economics", limit=50, cursor=events["cursor"])
    assert not {e["event_ticker"] for e in events["events"]} & {e["event_ticker"] for e in more["events"]}
    answer = await assistant.call("kalshi_get_event", event_ticker=EVENT.lower())
    chances = [m["probability"] for m in answer["markets"] if "probability" in m]
    assert chances == sorted(chances, reverse=True)
    assert len(answer["markets"]) == 16


async def test_exchange_status(assistant: Assistant, served: Served) -> None:
    answer = await assistant.call("kalshi_get_exchange_status")
    assert (answer["mode"], answer["trading"], answer["writes"], answer["tier"]) == (
        "paper",
        True,
        "allowed",
        "prestige",
    )
    assert answer["budget"]["writes_per_second"] > 900
    served.exchange.pause()
    assert (await assistant.call("kalshi_get_exchange_status"))["trading"] is False


# -- analysis ------------------------------------------------------------------------------------------------------


async def test_orderbook_shows_bids_and_asks_of_yes(assistant: Assistant, served: Served) -> None:
    answer = await assistant.call("kalshi_get_orderbook", ticker=MARKET, depth=2)
    (view,) = answer["books"]
    book = served.exchange.engine.markets[MARKET].book
    assert [[p * 10_000, c * 100] for p, c in view["asks"]] == [
        pytest.approx(list(level)) for level in book.asks.depth()[:2]
    ]
    assert [[p * 10_000, c * 100] for p, c in view["bids"]] == [
        pytest.approx(list(level)) for level in book.bids.depth()[:2]
    ]
    assert view["spread"] == pytest.approx(view["asks"][0][0] - view["bids"][0][0])
    depth = sum((10_000 - p) * c for p, c in book.asks.depth()) / 10**6
    assert view["ask_depth_dollars"] == pytest.approx(depth)


async def test_orderbooks_of_several(assistant: Assistant, served: Served) -> None:
    tickers = [m.ticker for m in served.exchange.catalogue.markets.values() if m.status == "active"][:25]
    answer = await assistant.call("kalshi_get_orderbook", tickers=tickers, depth=1)
    assert [b["ticker"] for b in answer["books"]] == tickers
    assert "tickers" in await assistant.error("kalshi_get_orderbook", tickers=[*tickers, MARKET])
    assert "either" in await assistant.error("kalshi_get_orderbook")


async def test_trades(assistant: Assistant, served: Served) -> None:
    answer = await assistant.call("kalshi_get_trades", ticker=MARKET, limit=5)
    times = [t["time"] for t in answer["trades"]]
    assert times == sorted(times, reverse=True)
    newest = list(served.exchange.engine.markets[MARKET].trades)[-1]
    assert answer["trades"][0]["price"] * 10_000 == pytest.approx(newest.price)
    assert answer["trades"][0]["taker"] == ("yes" if newest.taker_side == BID else "no")
    everywhere = await assistant.call("kalshi_get_trades", limit=3)
    assert all("ticker" in t for t in everywhere["trades"])


# -- trading -------------------------------------------------------------------------------------------------------


async def test_buy_yes_fills_and_shows_in_the_account(assistant: Assistant, served: Served) -> None:
    ask = served.exchange.engine.markets[MARKET].book.asks.best
    assert ask is not None
    quoted = await assistant.call(
        "kalshi_calculate_order_cost", ticker=MARKET, side="yes", action="buy", count=10, price=ask / 100
    )
    placed = await assistant.call(
        "kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=10, price=ask / 100
    )
    assert (placed["status"], placed["filled"], placed["resting"]) == ("filled", 10, 0)
    assert placed["total"] + placed["fee"] == pytest.approx(quoted["max_loss"])
    (fill,) = (await assistant.call("kalshi_get_fills", order_id=placed["order_id"]))["fills"]
    assert (fill["count"], fill["fee"], fill["taker"]) == (10, placed["fee"], True)
    position = await assistant.call("kalshi_get_position", ticker=MARKET)
    assert (position["position"]["side"], position["position"]["count"]) == ("yes", 10)
    bid = served.exchange.engine.markets[MARKET].book.bids.best or 0
    assert position["net_pnl"] == pytest.approx((bid - ask) / 10_000 * 10 - placed["fee"])
    balance = await assistant.call("kalshi_get_balance")
    assert balance["available"] == pytest.approx(10_000 - placed["total"] - placed["fee"])
    listed = await assistant.call("kalshi_get_positions", event_ticker=EVENT)
    assert (listed["count"], listed["positions"][0]["ticker"]) == (1, MARKET)


@pytest.mark.everyday
async def test_what_an_order_cost_is_exact_not_an_average_multiplied(assistant: Assistant, served: Served) -> None:
    """Several prices and a third of a fee: averages can't carry it, the fills do."""
    engine, clock = served.exchange.engine, served.exchange.clock
    seller = served.exchange.crowd.takers[0]
    fine = next(
        m.ticker
        for m in served.exchange.catalogue.markets.values()
        if m.status == "active" and m.structure == "tapered_deci_cent" and engine.markets[m.ticker].last_price > 9_000
    )
    for price, count in ((9_010, 100), (9_030, 133), (9_050, 700)):
        engine.cancel_many(list(engine.markets[fine].book.bids), clock())
        engine.cancel_many([o for o in engine.markets[fine].book.asks if o.account is not seller], clock())
        engine.submit(seller, fine, ASK, price, count, clock())
    for side, action, wanted in (("yes", "buy", "7.00"), ("no", "buy", "1.33")):
        if side == "no":
            engine.submit(served.exchange.crowd.takers[1], fine, BID, 9_000, 1_000, clock())
        placed = await assistant.call(
            "kalshi_create_order", ticker=fine, side=side, action=action, count=wanted, order_type="market"
        )
        order = served.orders[placed["order_id"]]
        paid = order.notional if side == "yes" else order.filled * 10_000 - order.notional
        assert Decimal(str(placed["total"])) == Decimal(paid) / 10**6
        assert Decimal(str(placed["fee"])) == Decimal(order.fee_total) / 10**6
        assert "approximate" not in placed


async def test_an_order_is_placed_even_when_its_fills_cannot_be_read(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "wait_random_exponential", lambda **_: lambda _: 0.001)
    served.exchange.faults.rules.append(Rule("503", 1.0, "GET", "/portfolio/fills"))
    async with Client(create_server(settings_for(served, tmp_path))) as client:
        placed = await Assistant(client).call(
            "kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=2, order_type="market"
        )
    assert (placed["status"], placed["approximate"]) == ("filled", True)
    assert placed["fee"] > 0


@pytest.mark.parametrize(
    ("side", "action", "book_side", "yes_price"),
    [("yes", "buy", BID, 100), ("yes", "sell", ASK, 9_900), ("no", "buy", ASK, 9_900), ("no", "sell", BID, 100)],
)
async def test_the_four_human_orders_reach_the_right_side(
    assistant: Assistant, served: Served, side: str, action: str, book_side: int, yes_price: int
) -> None:
    price = yes_price / 100 if side == "yes" else 100 - yes_price / 100
    placed = await assistant.call("kalshi_create_order", ticker=MARKET, side=side, action=action, count=3, price=price)
    order = served.orders[placed["order_id"]]
    assert (order.side, order.price, order.remaining) == (book_side, yes_price, 300)
    read = await assistant.call("kalshi_get_order", order_id=placed["order_id"])
    assert f"{action} {side} at {price:g}¢" in read["order"]["order"]
    assert read["queue_ahead"] >= 0


async def test_orders_rest_are_listed_and_cancelled(assistant: Assistant) -> None:
    placed = await assistant.call("kalshi_create_order", ticker=MARKET, side="yes", action="buy", count="2.5", price=1)
    assert placed["status"] == "resting"
    (line,) = (await assistant.call("kalshi_get_orders", ticker=MARKET, status="resting"))["orders"]
    assert (line["remaining"], line["status"]) == (2.5, "resting")
    gone = await assistant.call("kalshi_cancel_order", order_id=placed["order_id"])
    assert gone["cancelled"] == 2.5
    assert "canceled" in await assistant.error("kalshi_cancel_order", order_id=placed["order_id"])


async def test_a_market_order_never_pays_more_than_the_book_showed(assistant: Assistant, served: Served) -> None:
    book = served.exchange.engine.markets[MARKET].book
    best, size = book.asks.depth()[0]
    placed = await assistant.call(
        "kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=size // 100 + 5, order_type="market"
    )
    order = served.orders[placed["order_id"]]
    assert order.time_in_force == "immediate_or_cancel"
    assert placed["filled"] == size // 100 + 5
    assert order.price > best
    capped = await assistant.call(
        "kalshi_create_order", ticker=MARKET, side="no", action="buy", count=10_000, order_type="market", price=99
    )
    assert capped["status"] == "partly filled, rest cancelled"
    assert capped["average_price"] <= 0.99


async def test_max_cost_counts_the_fee(assistant: Assistant, served: Served) -> None:
    order = {"ticker": MARKET, "side": "yes", "action": "buy", "count": 100, "price": 1}
    assert "more than max_cost" in await assistant.error("kalshi_create_order", **order, max_cost=1)
    assert not served.orders
    assert (await assistant.call("kalshi_create_order", **order, max_cost=1.07))["status"] == "resting"


async def test_an_own_client_order_id_makes_a_retry_safe(assistant: Assistant, served: Served) -> None:
    order = {"ticker": MARKET, "side": "yes", "action": "buy", "count": 1, "price": 1, "client_order_id": "mine-1"}
    await assistant.call("kalshi_create_order", **order)
    assert "used before" in await assistant.error("kalshi_create_order", **order)
    assert len(served.orders) == 1


async def test_cost_of_a_sale(assistant: Assistant) -> None:
    answer = await assistant.call(
        "kalshi_calculate_order_cost", ticker=MARKET, side="yes", action="sell", count=100, price=40
    )
    assert (answer["receives"], answer["pays"], answer["taker_fee"], answer["maker_fee"]) == (40, 60, 1.68, 0.42)
    assert answer["break_even_probability"] == 0.3832


async def test_resting_orders_take_from_what_is_available(assistant: Assistant) -> None:
    await assistant.call(
        "kalshi_create_order", ticker=MARKET, side="no", action="buy", count=10, price=20, post_only=True
    )
    balance = await assistant.call("kalshi_get_balance")
    assert 10_000 - 2 - 0.2 < balance["available"] < 10_000 - 2
    assert balance["positions_value"] == 0


async def test_settled_positions_and_results(assistant: Assistant, served: Served) -> None:
    engine, now = served.exchange.engine, served.exchange.clock()
    ask = engine.markets[MARKET].book.asks.best or 0
    engine.submit(served.member, MARKET, BID, ask, 400, now)
    engine.settle_market(MARKET, "yes", 10_000, now)
    assert (await assistant.call("kalshi_get_positions"))["count"] == 0
    (line,) = (await assistant.call("kalshi_get_positions", status="settled"))["positions"]
    assert Decimal(str(line["realized_pnl"])) == (10_000 - ask) * 400 / Decimal(10**6)
    assert "side" not in line


@pytest.mark.parametrize(
    "said", [4_102_444_800, 4_102_444_800_000, "4102444800000", "2100-01-01T00:00:00Z", "2100-01-01"]
)
async def test_an_expiry_is_understood_in_whatever_words(assistant: Assistant, served: Served, said: int | str) -> None:
    """Milliseconds too: taken for seconds they once poisoned the paper exchange."""
    await assistant.call(
        "kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=1, price=1, expiration_ts=said
    )
    (order,) = served.orders.values()
    assert order.expires_ms == 4_102_444_800_000
    assert (await assistant.call("kalshi_get_orders"))["orders"]


async def test_an_expiry_from_now(assistant: Assistant, served: Served) -> None:
    await assistant.call(
        "kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=1, price=1, expiration_ts="in 2 hours"
    )
    (order,) = served.orders.values()
    assert 7_100_000 < order.expires_ms - served.exchange.clock() < 7_300_000
