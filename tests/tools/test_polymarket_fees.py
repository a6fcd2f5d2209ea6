"""Fees reported are fees paid, in both eras: the judges are the exchange's ledger and fractions computed here."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from prediction_mcp.polymarket import PolymarketAccount
from prediction_mcp.polymarket.errors import UnavailableError
from prediction_mcp.polymarket.own import Placed
from prediction_mcp.polymarket.wallet import Wallet
from tests.tools.test_polymarket import Desk
from tests.tools.test_polymarket_realtime import desk, empty_book, stranger

__all__ = ["desk"]
WALLET = Wallet(f"{7:064x}").address.lower()
STEP = Fraction(1, 100_000)


def exact(number: float) -> Decimal:
    return Decimal(str(number))


def cash(desk: Desk) -> Decimal:
    return Decimal(desk.exchange.engine.accounts[WALLET].cash) / 10**6


def fee_of(rate: Fraction, fills: list[tuple[str, int]]) -> Decimal:
    """Each fill by itself: shares × rate × price × (1 − price), half up at the fifth decimal."""
    total = Fraction(0)
    for price, shares in fills:
        whole = shares * rate * Fraction(price) * (1 - Fraction(price))
        total += (whole / STEP + Fraction(1, 2)).__floor__() * STEP
    return Decimal(total.numerator) / Decimal(total.denominator)


async def spread(desk: Desk, levels: list[tuple[str, int]], side: str) -> str:
    """A market in which only these levels rest: sells of Yes, or buys of it."""
    slug = await empty_book(desk)
    async with stranger(desk) as other:
        for price, size in levels:
            if side == "SELL":  # buying No is offering Yes
                await other.place(slug, "BUY", str(1 - Decimal(price)), size, first=False)
            else:
                await other.place(slug, "BUY", price, size)
    return slug


async def rate_of(desk: Desk, slug: str) -> Fraction:
    return Fraction(str((await desk.call("polymarket_get_market", market=slug))["fee_rate"]))


async def test_an_orders_fee_is_the_sum_over_its_fills(desk: Desk) -> None:
    levels = [("0.11", 137), ("0.35", 61), ("0.58", 903)]
    slug = await spread(desk, levels, "SELL")
    wanted = fee_of(await rate_of(desk, slug), levels)
    seen = await desk.call(
        "polymarket_simulate_order", market=slug, outcome="Yes", action="buy", size=1101, price=60, order_type="GTC"
    )
    before = exact((await desk.call("polymarket_get_balance"))["cash"])
    made = await desk.call("polymarket_create_order", market=slug, outcome="Yes", action="buy", size=1101, price=60)
    dollars = sum((Decimal(price) * size for price, size in levels), Decimal(0))
    assert (exact(made["fee"]), exact(made["total"])) == (wanted, dollars)
    assert before - cash(desk) == dollars + wanted
    assert exact(seen["fee"]) == wanted
    at_average = fee_of(await rate_of(desk, slug), [(str(dollars / 1101), 1101)])
    assert at_average - wanted > Decimal("0.5")  # what was reported before


async def test_a_sales_fee_too_and_makers_pay_none(desk: Desk) -> None:
    slug = await spread(desk, [("0.40", 50), ("0.22", 50)], "BUY")
    rate = await rate_of(desk, slug)
    resting = await desk.call("polymarket_create_order", market=slug, outcome="Yes", action="buy", size=100, price=41)
    assert "fee" not in resting
    async with stranger(desk, 11) as other:
        await other.place(slug, "BUY", "0.59", 100, first=False)
    sold = await desk.call("polymarket_create_order", market=slug, outcome="Yes", action="sell", size=100, price=20)
    assert exact(sold["fee"]) == fee_of(rate, [("0.40", 50), ("0.22", 50)])
    rows = (await desk.call("polymarket_get_activity", market=slug))["activity"]
    assert [row["side"] for row in rows if row["what"] == "trade"][-1] == "BUY"
    assert "fee" not in rows[-1]


async def test_activity_adds_up_to_cash(desk: Desk) -> None:
    slug = await spread(desk, [("0.13", 77), ("0.29", 31), ("0.47", 250)], "SELL")
    order = {"market": slug, "outcome": "Yes"}
    await desk.call("polymarket_create_order", **order, action="buy", size=301, price=50)
    await desk.call("polymarket_create_order", **order, action="buy", size=40, price=45)
    async with stranger(desk, 11) as other:
        await other.place(slug, "BUY", "0.55", 25, first=False)
        await other.place(slug, "BUY", "0.31", 60)
        await other.place(slug, "BUY", "0.27", 60)
    await desk.call("polymarket_create_order", **order, action="sell", size=100, price=20)
    found = await desk.call("polymarket_search_markets", query="bitcoin up or down", limit=20)
    soon = next(m["slug"] for m in found["markets"] if "updown" in m["slug"] and m["status"] == "trading")
    for outcome in ("Up", "Down"):
        await desk.call(
            "polymarket_create_order", market=soon, outcome=outcome, action="buy", dollars=3, order_type="FAK"
        )
    for _ in range(10):
        desk.live(180)
    await desk.call("polymarket_redeem_positions", market=soon)
    answer = await desk.call("polymarket_get_activity", limit=100)
    assert "note" not in answer
    assert sum(added(row) for row in answer["activity"]) == cash(desk)
    assert cash(desk) == exact((await desk.call("polymarket_get_balance"))["cash"])
    assert sum("fee" in row for row in answer["activity"]) >= 4


def added(row: dict[str, Any]) -> Decimal:
    """What a row of activity did to cash."""
    dollars, fee = exact(row["dollars"]), exact(row.get("fee", 0))
    if row["what"] == "trade":
        return dollars - fee if row["side"] == "SELL" else -dollars - fee
    return {"deposit": dollars, "redeem": dollars, "merge": dollars, "split": -dollars}[row["what"]]


async def test_a_fee_that_cant_be_read_is_that_of_the_average_with_a_note(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise UnavailableError("away.", sent=True)

    slug = await spread(desk, [("0.11", 100), ("0.59", 100)], "SELL")
    monkeypatch.setattr(PolymarketAccount, "recent_trades", away)
    made = await desk.call("polymarket_create_order", market=slug, outcome="Yes", action="buy", size=200, price=60)
    assert exact(made["fee"]) == fee_of(await rate_of(desk, slug), [("0.35", 200)])
    assert "can't be read yet" in made["note"]


async def test_a_lost_answer_costs_what_its_trades_say(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the order's state is known then: its own price was reported, though it traded at better ones."""
    levels = [("0.20", 50), ("0.30", 50)]
    slug = await spread(desk, levels, "SELL")
    real = PolymarketAccount.place

    async def lost(self: PolymarketAccount, order: Any) -> Placed:
        await real(self, order)
        return Placed(success=True, error_msg="", order_id=order.id, status="matched")

    monkeypatch.setattr(PolymarketAccount, "place", lost)
    made = await desk.call("polymarket_create_order", market=slug, outcome="Yes", action="buy", size=100, price=60)
    assert (made["filled"], made["total"]) == (100, 25)
    assert exact(made["fee"]) == fee_of(await rate_of(desk, slug), levels)


async def test_activity_is_read_without_the_order_book(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    slug = await spread(desk, [("0.20", 50)], "SELL")
    await desk.call("polymarket_create_order", market=slug, outcome="Yes", action="buy", size=50, price=60)

    async def away(*_: Any, **__: Any) -> Any:
        raise UnavailableError("away.", sent=True)

    monkeypatch.setattr(PolymarketAccount, "trades", away)
    answer = await desk.call("polymarket_get_activity")
    assert [row["what"] for row in answer["activity"]] == ["trade", "deposit"]
    assert answer["note"] == "The fee of 1 trades isn't known."


async def test_positions_and_value_carry_the_fees_of_their_own_outcome(desk: Desk) -> None:
    """A market's fees were shown with both outcomes, so twice."""
    slug = await empty_book(desk)
    async with stranger(desk) as other:
        await other.place(slug, "BUY", "0.70", 40, first=False)  # Yes is offered at 30¢
        await other.place(slug, "BUY", "0.20", 90)  # and No at 80¢
    fees = {}
    for outcome, size, price in (("Yes", 40, 30), ("No", 90, 80)):
        made = await desk.call(
            "polymarket_create_order", market=slug, outcome=outcome, action="buy", size=size, price=price
        )
        fees[outcome] = made["fee"]
    assert fees["Yes"] != fees["No"]
    held = (await desk.call("polymarket_get_positions"))["positions"]
    assert {row["outcome"]: row["fees"] for row in held} == fees
    value = await desk.call("polymarket_get_portfolio_value")
    assert exact(value["fees"]) == sum(map(exact, fees.values()))
    assert 10_000 - exact(value["cash"]) == sum(exact(row["cost"]) + exact(row["fees"]) for row in held)
