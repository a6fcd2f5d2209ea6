"""Ways round the limits and the rule for asking: by amending, by closing and reopening, by splitting.

The judge is the exchange's own ledger: what it holds back of the member's cash is what can be lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MARKET, Served
from tests.safety.conftest import ORDER, YES, Desk, Open, traded
from tests.safety.test_guard import journal

FREE = {"confirm": "never"}
OTHER = MARKET[:-3] + "BAL"
HELD = 2_000


def order(side: str, action: str, count: float, price: float | None = None, **more: Any) -> dict[str, Any]:
    given = {"ticker": MARKET, "side": side, "action": action, "count": count, **more}
    return given if price is None else {**given, "price": price}


def committed(served: Served) -> Decimal:
    """Dollars that the member can't use now: paid for positions, fees, and held for orders."""
    served.exchange.sync()
    return Decimal(served.member.deposited - served.member.available) / 1_000_000


async def tries(at: Desk, *calls: tuple[str, dict[str, Any]]) -> int:
    """Make every call, whatever came of the others; returns how many were carried out."""
    done = [await at.client.call_tool(tool, given, raise_on_error=False) for tool, given in calls]
    return sum(not d.is_error for d in done)


async def placed(at: Desk, **given: Any) -> str:
    return str((await at.call("kalshi_create_order", **given))["order_id"])


# -- amending ----------------------------------------------------------------------------------------------------

TIGHT = {**FREE, "order_cost": "5", "day_spent": "10"}


async def by_price(at: Desk, one: str) -> None:
    await tries(at, *(("kalshi_amend_order", {"order_id": one, "price": p}) for p in (5, 8, 10, 13)))


async def by_count(at: Desk, one: str) -> None:
    await tries(at, *(("kalshi_amend_order", {"order_id": one, "count": n}) for n in (60, 120, 240, 480)))


async def by_both(at: Desk, one: str) -> None:
    await tries(at, *(("kalshi_amend_order", {"order_id": one, "count": 40 * n, "price": 3 * n}) for n in (2, 3, 4)))


async def by_many_orders(at: Desk, one: str) -> None:
    """Each amendment is small; their sum isn't."""
    ids = [one]
    for _ in range(6):
        done = await at.client.call_tool("kalshi_create_order", order("yes", "buy", 40, 1), raise_on_error=False)
        if done.structured_content and not done.is_error:
            ids.append(done.structured_content["order_id"])
    await tries(at, *(("kalshi_amend_order", {"order_id": i, "price": p}) for p in (4, 8, 12) for i in ids))


async def by_up_and_down(at: Desk, one: str) -> None:
    """What goes down and up again must not be given back twice."""
    for _ in range(4):
        await tries(at, ("kalshi_amend_order", {"order_id": one, "count": 40, "price": 12}))
        await tries(at, ("kalshi_amend_order", {"order_id": one, "count": 1, "price": 1}))
        await tries(at, ("kalshi_create_order", order("yes", "buy", 40, 10)))
    await tries(at, ("kalshi_amend_order", {"order_id": one, "count": 40, "price": 12}))


async def by_all_at_once(at: Desk, one: str) -> None:
    other = await placed(at, **order("yes", "buy", 40, 1))
    await asyncio.gather(
        *(tries(at, ("kalshi_amend_order", {"order_id": i, "price": p})) for i in (one, other) for p in (6, 9, 12))
    )


async def by_the_other_side(at: Desk, one: str) -> None:
    sale = await placed(at, **order("no", "buy", 4, 80))
    await tries(at, *(("kalshi_amend_order", {"order_id": sale, "count": n}) for n in (6, 12, 40)))


@pytest.mark.parametrize(
    "way", [by_price, by_count, by_both, by_many_orders, by_up_and_down, by_all_at_once, by_the_other_side]
)
async def test_amending_spends_no_more(desk: Open, served: Served, way: Callable[[Desk, str], Awaitable[None]]) -> None:
    async with desk([], **TIGHT) as at:
        await way(at, await placed(at, **order("yes", "buy", 40, 1)))
    assert committed(served) <= 10
    for mine in served.member.orders.values():
        if mine.status == "resting":
            unit = mine.price if mine.side == 1 else 10_000 - mine.price
            assert mine.remaining * unit <= 5_000_000, mine


@pytest.mark.parametrize(
    ("limit", "change"),
    [
        ({"order_contracts": 50}, {"count": 51}),
        ({"order_cost": "5"}, {"count": 60, "price": 9}),
        ({"price_band_cents": "11.5"}, {"price": 1}),
        ({"market_exposure": "3"}, {"price": 9}),
        ({"event_exposure": "3"}, {"price": 9}),
        ({"cash_reserve": "9999"}, {"price": 9}),
        ({"day_orders": 1}, {"price": 2}),
        ({"minute_orders": 1}, {"price": 2}),
        ({"deny_series": "KXSB"}, {"price": 2}),
        ({"allow_series": "KXGDP"}, {"price": 2}),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) and len(v) == 1 else "",
)
async def test_each_limit_holds_for_amendments(
    desk: Open, served: Served, limit: dict[str, Any], change: dict[str, Any]
) -> None:
    async with desk([], **FREE) as at:
        one = await placed(at, **order("yes", "buy", 40, 3))
    async with desk([], **FREE, **limit) as at:
        said = await at.error("kalshi_amend_order", order_id=one, **change)
        assert any(word in said for word in ("limit", "reserve", "denied", "may trade"))
    assert committed(served) <= Decimal("1.3")


async def test_amending_gives_back_what_it_frees(desk: Open, served: Served) -> None:
    async with desk([], **FREE, day_spent="4") as at:
        one = await placed(at, **order("yes", "buy", 40, 9))
        assert "is spent today" in await at.error("kalshi_create_order", **order("yes", "buy", 40, 5))
        await at.call("kalshi_amend_order", order_id=one, count=20)
        await at.call("kalshi_amend_order", order_id=one, price=4)
        await at.call("kalshi_create_order", **order("yes", "buy", 40, 5))
        await at.call("kalshi_cancel_order", order_id=one)
        await at.call("kalshi_create_order", **order("yes", "buy", 40, 3))
    assert committed(served) <= 4


# -- closing, and opening again ----------------------------------------------------------------------------------

THIRTY = {**FREE, "order_cost": "30", "day_spent": "30"}


async def with_a_reduce_only_sale(at: Desk, served: Served) -> None:
    await tries(at, ("kalshi_create_order", order("yes", "sell", HELD, 1, reduce_only=True)))


async def with_a_market_sale(at: Desk, served: Served) -> None:
    await tries(at, ("kalshi_create_order", order("yes", "sell", HELD, order_type="market")))


async def with_the_other_side(at: Desk, served: Served) -> None:
    await tries(at, ("kalshi_create_order", order("no", "buy", HELD, 89)))


async def with_small_sales(at: Desk, served: Served) -> None:
    await tries(at, *(("kalshi_create_order", order("yes", "sell", HELD / 20, order_type="market")),) * 20)


async def with_a_second_server(at: Desk, served: Served) -> None:
    """Closed elsewhere (the website), then one more order through this server."""
    sold = served.exchange.engine.submit(served.member, MARKET, -1, 500, HELD * 100, served.exchange.clock())
    assert sold.filled == HELD * 100
    served.exchange.sync()
    assert await tries(at, ("kalshi_create_order", {**ORDER, "ticker": OTHER, "count": 1, "price": 1})) == 0


async def with_an_amended_sale(at: Desk, served: Served) -> None:
    """The resting sale is amended to more than is held."""
    (one,) = (o.order_id for o in served.member.orders.values() if o.status == "resting")
    await tries(at, *(("kalshi_amend_order", {"order_id": one, "count": HELD + n}) for n in (500, 1_000)))


@pytest.mark.parametrize(
    "way",
    [
        with_a_reduce_only_sale, with_a_market_sale, with_the_other_side, with_small_sales, with_a_second_server,
        with_an_amended_sale,
    ],
)  # fmt: skip
async def test_a_closing_sale_never_opens_beyond_the_limits(
    desk: Open, served: Served, way: Callable[[Desk, Served], Awaitable[None]]
) -> None:
    """2,000 held and a sale of them at 60¢ rests; then the position is closed otherwise: the sale would open $800."""
    async with desk([], **FREE) as at:
        await placed(at, **order("yes", "buy", HELD, order_type="market"))
    spent = committed(served)
    async with desk([], **{**THIRTY, "day_spent": str(spent + 30)}) as at:
        await placed(at, **order("yes", "sell", HELD, 60))
        await way(at, served)
        elsewhere = way is with_a_second_server
    held = served.member.holdings[MARKET].position
    resting = sum(o.remaining for o in served.member.orders.values() if o.status == "resting" and o.side == -1)
    opens = Decimal(max(resting - max(held, 0), 0)) / 100 * Decimal("0.4")
    assert elsewhere or opens <= 30


async def test_a_closing_sale_at_once_is_sent_reduce_only(desk: Open, served: Served, tmp_path: Path) -> None:
    async with desk([], **FREE, day_spent="50") as at:
        await placed(at, **order("yes", "buy", 10, order_type="market"))
        await placed(at, **order("yes", "sell", 10, order_type="market"))
        await placed(at, **order("yes", "buy", 10, order_type="market"))
        assert "limit" in await at.error("kalshi_create_order", **order("yes", "sell", 80, order_type="market"))
    sent = [line["request"].get("reduce_only") for line in journal(served, tmp_path) if line["what"] == "intent"]
    assert sent == [None, True, None]


async def test_the_question_says_what_a_sale_displaces(desk: Open, served: Served) -> None:
    async with desk([YES] * 3) as at:
        await placed(at, **order("yes", "buy", 10, order_type="market"))
        await placed(at, **order("yes", "sell", 10, 60))
        await placed(at, **order("yes", "sell", 10, 1, reduce_only=True))
    assert "open then, for $4" in at.person.asked[-1]


# -- under the threshold -------------------------------------------------------------------------------------------

OVER = {"confirm": "over:50"}


async def given_away(at: Desk) -> dict[str, Any]:
    await placed(at, **order("yes", "buy", HELD, order_type="market"))
    return order("yes", "sell", HELD, 1)


async def given_away_in_two_sides(at: Desk) -> dict[str, Any]:
    await placed(at, **order("yes", "buy", HELD, order_type="market"))
    return order("no", "buy", HELD, 99)


async def bought_back(at: Desk) -> dict[str, Any]:
    await placed(at, **order("no", "buy", 200, order_type="market"))
    return order("yes", "buy", 200, 99)


async def reduced(at: Desk) -> dict[str, Any]:
    await placed(at, **order("yes", "buy", HELD, order_type="market"))
    return order("yes", "sell", HELD, 1, reduce_only=True)


async def opened_cheaply(at: Desk) -> dict[str, Any]:
    return order("yes", "sell", 80, order_type="market")


@pytest.mark.parametrize("way", [given_away, given_away_in_two_sides, bought_back, reduced, opened_cheaply])
async def test_giving_away_is_asked_about(
    desk: Open, served: Served, way: Callable[[Desk], Awaitable[dict[str, Any]]]
) -> None:
    async with desk([], **FREE) as at:
        wanted = await way(at)
    now = time.time()
    async with desk([YES], **OVER) as at:
        with pytest.MonkeyPatch.context() as patch:  # what went before is another hour's
            patch.setattr("prediction_mcp.safety.records.time.time", lambda: now + 7_200)
            await at.call("kalshi_create_order", **wanted)
    assert len(at.person.asked) == 1


async def test_twenty_small_orders_are_asked_about(desk: Open, served: Served) -> None:
    async with desk([YES] * 20, **OVER) as at:
        for _ in range(20):
            await placed(at, **order("yes", "buy", 40, 10))
    unasked = 20 - len(at.person.asked)
    assert unasked <= 12
    assert len(at.person.asked) >= 8


async def test_twenty_small_orders_at_once_are_asked_about(desk: Open, served: Served) -> None:
    async with desk([YES] * 20, **OVER) as at:
        await asyncio.gather(*(placed(at, **order("yes", "buy", 40, 10)) for _ in range(20)))
    assert len(at.person.asked) >= 8


async def test_two_servers_share_the_threshold(desk: Open, served: Served) -> None:
    async with desk([YES] * 20, **OVER) as one, desk([YES] * 20, **OVER) as two:
        for _ in range(10):
            await placed(one, **order("yes", "buy", 40, 10))
            await placed(two, **order("yes", "buy", 40, 10))
    assert len(one.person.asked) + len(two.person.asked) >= 8


async def test_amendments_share_the_threshold(desk: Open, served: Served) -> None:
    async with desk([YES] * 20, **OVER) as at:
        one = await placed(at, **order("yes", "buy", 40, 1))
        for count in range(60, 520, 60):
            await at.call("kalshi_amend_order", order_id=one, count=count, price=10)
    assert at.person.asked


async def test_a_refused_order_does_not_count(desk: Open, served: Served) -> None:
    async with desk([], **OVER) as at:
        for _ in range(20):
            assert "may not trade at once" in (
                await at.error("kalshi_create_order", **order("yes", "buy", 40, 50, post_only=True))
            )
    assert traded(served) == 0
    assert at.person.asked == []
