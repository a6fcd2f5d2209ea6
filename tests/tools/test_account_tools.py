"""Portfolio and order tools through a real session in both eras, with figures worked out from the book."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from prediction_mcp.analytics.pnl import Execution, fifo
from prediction_mcp.desk.kalshi.portfolio.account_results import pnl_answer
from prediction_mcp.exchange.engine.matching import ASK, BID
from tests.conftest import MARKET, Served
from tests.tools.conftest import Assistant


def exact(value: Any) -> Decimal:
    return Decimal(str(value))


def best(served: Served, ticker: str = MARKET) -> tuple[Decimal, Decimal]:
    book = served.exchange.engine.markets[ticker].book
    assert book.bids.best is not None
    assert book.asks.best is not None
    return Decimal(book.bids.best) / 10_000, Decimal(book.asks.best) / 10_000


async def buy(assistant: Assistant, count: int, **options: Any) -> dict[str, Any]:
    order = {"ticker": MARKET, "side": "yes", "action": "buy", "count": count, "order_type": "market"}
    return await assistant.call("kalshi_create_order", **(order | options))


async def test_value_and_profit_after_a_purchase(assistant: Assistant, served: Served) -> None:
    bid, ask = best(served)
    done = await buy(assistant, 10)
    fee = exact(done["fee"])
    value = await assistant.call("kalshi_get_portfolio_value")
    assert exact(value["positions_at_cost"]) == 10 * ask
    assert exact(value["positions_at_bid"]) == 10 * bid
    assert exact(value["positions_at_mid"]) == 5 * (bid + ask)
    assert exact(value["cash"]) == 10_000 - 10 * ask - fee
    pnl = await assistant.call("kalshi_get_pnl")
    assert (exact(pnl["realized"]), exact(pnl["fees"])) == (-fee, fee)
    assert exact(pnl["unrealized"]) == 10 * (bid - ask)
    assert "difference" not in pnl
    sold = await assistant.call(
        "kalshi_create_order", ticker=MARKET, side="yes", action="sell", count=4, order_type="market"
    )
    pnl = await assistant.call("kalshi_get_pnl", period="day")
    assert exact(pnl["realized"]) == 4 * (bid - ask) - fee - exact(sold["fee"])
    assert exact(pnl["exchange_realized"]) == 4 * (bid - ask)
    assert len(pnl["days"]) == 1


async def test_the_fees_of_a_period_are_those_of_the_period() -> None:
    """Bought a month ago for a fee of a dollar, sold today for a dime."""
    now = datetime.now(UTC)
    lots = fifo(
        [
            Execution("A", "bid", Decimal("0.5"), Decimal(10), Decimal(1), now - timedelta(days=40)),
            Execution("A", "ask", Decimal("0.5"), Decimal(10), Decimal("0.1"), now),
        ],
        [],
    )
    for period, realized, fees in (("day", "-0.1", "0.1"), ("all", "-1.1", "1.1")):
        answer = pnl_answer(lots, {}, Decimal(0), cast("Any", period), "paper")
        assert (answer.realized, answer.fees) == (Decimal(realized), Decimal(fees))
        assert (answer.markets[0].realized, answer.markets[0].fees) == (Decimal(realized), Decimal(fees))


async def test_profit_of_a_settled_market_and_its_settlement(assistant: Assistant, served: Served) -> None:
    _, ask = best(served)
    fee = exact((await buy(assistant, 10))["fee"])
    served.exchange.engine.settle_market(MARKET, "yes", 10_000, served.exchange.clock())
    (line,) = (answer := await assistant.call("kalshi_get_settlement_history"))["settlements"]
    assert (line["held"], line["revenue"], exact(line["profit"])) == ("10 yes", 10, 10 - 10 * ask - fee)
    assert answer["profit"] == line["profit"]
    pnl = await assistant.call("kalshi_get_pnl", ticker=MARKET)
    assert exact(pnl["realized"]) == 10 - 10 * ask - fee
    assert exact((await assistant.call("kalshi_get_portfolio_value"))["cash"]) == 10_000 + exact(pnl["realized"])


async def test_the_risk_of_a_position(assistant: Assistant, served: Served) -> None:
    bid, ask = best(served)
    fee = exact((await buy(assistant, 10))["fee"])
    risk = await assistant.call("kalshi_calculate_position_risk", ticker=MARKET, my_probability=0.9)
    assert (exact(risk["max_loss"]), exact(risk["max_gain"])) == (10 * ask + fee, 10 - 10 * ask - fee)
    assert exact(risk["exit_value"]) == 10 * bid
    assert exact(risk["kelly_share"]) == round((Decimal("0.9") - ask) / (1 - ask), 4)
    assert "no open position" in await assistant.error("kalshi_calculate_position_risk", ticker=MARKET[:-3] + "BAL")


async def test_exposure_nets_what_excludes_each_other(assistant: Assistant, served: Served) -> None:
    """NO of two clubs: only one can win, so one of the two dollars a pair always comes back."""
    other = MARKET[:-3] + "BAL"
    cost = Decimal(0)
    for ticker in (MARKET, other):
        done = await buy(assistant, 10, ticker=ticker, side="no")
        cost += exact(done["total"])
    answer = await assistant.call("kalshi_get_portfolio_exposure")
    (line,) = answer["groups"]
    assert (exact(line["cost"]), exact(answer["max_loss"])) == (cost, cost - 10)
    assert answer["netted"] == 10
    for by in ("category", "series", "expiry"):
        assert (await assistant.call("kalshi_get_portfolio_exposure", by=by))["max_loss"] == answer["max_loss"]
    margin = await assistant.call("kalshi_get_margin_requirements")
    assert exact(margin["paid_for_positions"]) == cost
    assert (margin["resting_orders"], margin["positions"]) == (0, 2)


@pytest.mark.everyday
async def test_that_one_outcome_happens_is_not_taken_for_granted(assistant: Assistant, served: Served) -> None:
    """YES of every club can lose everything: a listing may lack the winner. YES of ranges without a gap can't."""
    final = served.exchange.catalogue.markets[MARKET].event
    weather = next(
        e for e in served.exchange.catalogue.events.values()
        if e.series.ticker == "KXHIGHCHI" and all(m.status == "active" for m in e.markets)
    )  # fmt: skip
    engine, now, crowd = served.exchange.engine, served.exchange.clock(), served.exchange.crowd.takers[0]
    for ticker in [m.ticker for m in (*final.markets, *weather.markets) if m.status == "active"]:
        engine.submit(crowd, ticker, ASK, 9_900, 100, now)  # so that every outcome is offered by somebody
        engine.submit(served.member, ticker, BID, 9_900, 100, now, time_in_force="immediate_or_cancel")
    groups = (await assistant.call("kalshi_get_portfolio_exposure"))["groups"]
    lines = {line["group"].split(":")[0]: line for line in groups}
    assert lines[final.ticker]["max_loss"] == lines[final.ticker]["cost"]
    sure = lines[weather.ticker]
    assert sure["positions"] == len(weather.markets)
    assert exact(sure["max_loss"]) == exact(sure["cost"]) - 1


async def test_best_price_and_slippage(assistant: Assistant, served: Served) -> None:
    bid, ask = best(served)
    price = await assistant.call("kalshi_get_best_price", ticker=MARKET)
    assert (exact(price["yes_bid"]), exact(price["yes_ask"]), exact(price["no_ask"])) == (bid, ask, 1 - bid)
    levels = served.exchange.engine.markets[MARKET].book.asks.depth()
    (first, size), (second, _) = levels[:2]
    count = size // 100 + 10
    slip = await assistant.call("kalshi_estimate_slippage", ticker=MARKET, side="yes", action="buy", count=count)
    paid = Decimal(first * (size // 100) + second * 10) / 10_000
    assert exact(slip["average"]) == round(paid / count, 6)
    assert (exact(slip["worst"]), slip["levels"]) == (Decimal(second) / 10_000, 2)
    sold = await assistant.call("kalshi_estimate_slippage", ticker=MARKET, side="no", action="buy", count=1)
    assert exact(sold["best"]) == 1 - bid  # who buys NO hits the YES bids
    huge = await assistant.call("kalshi_estimate_slippage", ticker=MARKET, side="yes", action="buy", count=10_000_000)
    assert huge["unfilled"] > 0


async def test_a_simulation_is_what_then_happens(assistant: Assistant, served: Served) -> None:
    for order in (
        {"side": "yes", "action": "buy", "count": 25, "price": 99},
        {"side": "yes", "action": "sell", "count": 40, "order_type": "market"},  # through zero to NO
        {"side": "no", "action": "sell", "count": 5, "order_type": "market"},
        {"side": "yes", "action": "buy", "count": 7, "price": 1},
    ):
        told = await assistant.call("kalshi_simulate_order", ticker=MARKET, **order)
        done = await assistant.call("kalshi_create_order", ticker=MARKET, **order)
        assert (told["filled"], told.get("resting", 0)) == (done["filled"], done["resting"])
        if done["filled"]:
            balance = await assistant.call("kalshi_get_balance")
            assert abs(exact(told["available_after"]) - exact(balance["available"])) <= Decimal("0.001")
            held = served.member.holdings[MARKET].position
            assert told["position_after"] * 100 == held
            assert abs(exact(told["fee"]) - exact(done["fee"])) <= Decimal("0.001")


async def test_validity_says_everything_at_once(assistant: Assistant) -> None:
    fine = await assistant.call(
        "kalshi_check_order_validity", ticker=MARKET, side="yes", action="buy", count=1, price=2
    )
    assert fine["ok"]
    poor = await assistant.call(
        "kalshi_check_order_validity", ticker=MARKET, side="yes", action="buy", count=1_000_000, price=60
    )
    assert not poor["ok"]
    assert "more than the account has: $10,000.00 on shard 0" in poor["errors"][0]
    assert any("above the best ask" in warning for warning in poor["warnings"])
    cross = await assistant.call(
        "kalshi_check_order_validity", ticker=MARKET, side="yes", action="buy", count=1, price=99, post_only=True
    )
    assert "post_only" in cross["errors"][0]
    closing = await assistant.call(
        "kalshi_check_order_validity", ticker=MARKET, side="yes", action="sell", count=1, price=50, reduce_only=True
    )
    assert "no position" in closing["errors"][0]
    off = await assistant.call(
        "kalshi_check_order_validity", ticker=MARKET, side="yes", action="buy", count=1, price=1.5
    )
    assert "nearest it takes" in off["errors"][0]
    await assistant.call("kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=1, price=2)
    own = await assistant.call(
        "kalshi_check_order_validity", ticker=MARKET, side="yes", action="sell", count=1, price=1
    )
    assert any("your own resting order" in warning for warning in own["warnings"])


async def test_amending(assistant: Assistant, served: Served) -> None:
    placed = await assistant.call("kalshi_create_order", ticker=MARKET, side="no", action="buy", count=10, price=5)
    order_id = placed["order_id"]
    smaller = await assistant.call("kalshi_amend_order", order_id=order_id, count=6)
    assert (smaller["remaining"], smaller["keeps_queue_position"]) == (6, True)
    moved = await assistant.call("kalshi_amend_order", order_id=order_id, price=6)
    assert (moved["order"], moved["keeps_queue_position"]) == ("buy no at 6¢ (= sell yes at 94¢)", False)
    assert (moved["remaining"], moved.get("filled_now")) == (6, None)  # the exchange answers null for both
    served.exchange.engine.submit(served.exchange.crowd.takers[0], MARKET, BID, 9_400, 200, served.exchange.clock())
    refilled = await assistant.call("kalshi_amend_order", order_id=order_id, count=9)
    assert refilled["remaining"] == 9  # count is what stays open, whatever was filled before
    assert served.orders[order_id].initial == 900 + served.orders[order_id].filled
    assert "a count, a price, or both" in await assistant.error("kalshi_amend_order", order_id=order_id)
    assert "already" in await assistant.error("kalshi_amend_order", order_id=order_id, price=6)
    await assistant.call("kalshi_cancel_order", order_id=order_id)
    assert "is canceled" in await assistant.error("kalshi_amend_order", order_id=order_id, count=1)


async def test_cancelling_several_and_the_history(assistant: Assistant, served: Served) -> None:
    other = MARKET[:-3] + "BAL"
    ids = [
        (await assistant.call("kalshi_create_order", ticker=t, side="yes", action="buy", count=2, price=1))["order_id"]
        for t in (MARKET, MARKET, MARKET, other, other)
    ]
    for odd, said in (("nonsense", "2. of the order_ids isn't an order of this"), ("no\n\nid", "is no order id")):
        assert said in await assistant.error("kalshi_batch_cancel_orders", order_ids=[ids[0], odd])
    some = await assistant.call("kalshi_batch_cancel_orders", order_ids=[ids[0]])
    assert (some["cancelled"], some["contracts"]) == (1, 2)
    gone = await assistant.call("kalshi_batch_cancel_orders", order_ids=[ids[0], ids[1]])
    assert (gone["cancelled"], gone["failed"]) == (1, 1)
    again = await assistant.call("kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=2, price=1)
    ids.append(again["order_id"])
    assert (await assistant.call("kalshi_batch_cancel_orders", ticker=MARKET))["cancelled"] == 2
    rest = await assistant.call("kalshi_batch_cancel_orders", all=True)
    assert (rest["cancelled"], rest["contracts"]) == (2, 4)
    assert "exactly one" in await assistant.error("kalshi_batch_cancel_orders")
    assert "exactly one" in await assistant.error("kalshi_batch_cancel_orders", ticker=MARKET, all=True)
    for order_id in ids[:2]:  # old ones lie behind the archive's cutoff
        served.exchange.store.db.execute(
            "UPDATE orders SET updated_ms = updated_ms - ? WHERE order_id = ?", (40 * 86_400_000, order_id)
        )
    seen, cursor = list[str](), None
    while True:
        page = await assistant.call("kalshi_get_order_history", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [o["order_id"] for o in page["orders"]]
        cursor = page.get("cursor")
        if cursor is None:
            break
    assert sorted(seen) == sorted(ids)
    assert seen[-2:] == [ids[1], ids[0]]


async def test_a_sold_position_shows_in_the_engine_as_it_was_simulated(assistant: Assistant, served: Served) -> None:
    """Selling what is held receives; the exchange's own ledger agrees."""
    await buy(assistant, 5)
    before = served.member.cash
    told = await assistant.call(
        "kalshi_simulate_order", ticker=MARKET, side="yes", action="sell", count=5, order_type="market"
    )
    assert "pays" not in told
    await assistant.call("kalshi_create_order", ticker=MARKET, side="yes", action="sell", count=5, order_type="market")
    change = Decimal(served.member.cash - before) / 10**6
    assert change == exact(told["receives"]) - exact(told["fee"])
    assert ASK == -BID
