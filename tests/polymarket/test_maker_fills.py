"""A wallet's own part of a trade: as maker its orders among ``maker_orders``, never the taker's side and size.

Judge: the recorded user frame (ws_user_trade_2025-11), whose taker sells 15 into three resting buys of two wallets.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from prediction_mcp.polymarket.own import OwnFill, UserTrade
from tests.facts import load

RECORDED = load("polymarket/samples/ws_user_trade_2025-11")
ANN = ("0xa3d82ed56f4c68d2328fb8c29e568ba2caf7d7c8", "a93a3d32-74fa-dd2b-4b67-98bfa6fc5cb5")
BOB = ("0x0f6e2b19c81549aeb3e5812d4118f325502a3288", "f2da51b7-de2d-3b02-e3fe-71dfb14aa16e")
YES, NO = "7" * 40, "8" * 40


def parts_of(trade: UserTrade, wallet: str, key: str) -> list[tuple[str, str, Decimal, Decimal]]:
    return [(f.side, f.outcome, f.size, f.price) for f in trade.fills(wallet, key)]


@pytest.mark.parametrize(
    ("who", "parts"),
    [
        (ANN, [("BUY", "Yes", Decimal(5), Decimal("0.4")), ("BUY", "Yes", Decimal(5), Decimal("0.3"))]),
        (BOB, [("BUY", "Yes", Decimal(5), Decimal("0.35"))]),
        (("0x" + "0" * 40, "another key"), []),
    ],
)
def test_a_maker_has_its_own_orders_in_a_recorded_trade(who: tuple[str, str], parts: list[Any]) -> None:
    trade = UserTrade.model_validate(RECORDED)
    assert trade.trader_side == "MAKER"
    assert parts_of(trade, *who) == parts
    assert parts_of(trade, who[0].upper().replace("0X", "0x"), "") == parts
    assert not any(fill.is_taker for fill in trade.fills(*who))
    mine = {m["order_id"] for m in RECORDED["maker_orders"] if m["owner"] == who[1]}
    assert {fill.order_id for fill in trade.fills(*who)} == mine


def test_a_taker_trades_at_its_makers_prices() -> None:
    trade = UserTrade.model_validate({**RECORDED, "trader_side": "TAKER"})
    prices = [Decimal("0.4"), Decimal("0.35"), Decimal("0.3")]
    assert parts_of(trade, *ANN) == [("SELL", "Yes", Decimal(5), price) for price in prices]
    assert {fill.order_id for fill in trade.fills(*ANN)} == {RECORDED["taker_order_id"]}


def maker(asset: str, side: str, price: str, size: str, **more: Any) -> dict[str, Any]:
    return {
        "order_id": "0x1", "owner": "k", "maker_address": "0x5", "matched_amount": size, "price": price,
        "asset_id": asset, "outcome": "Yes" if asset == YES else "No", "side": side, **more,
    }  # fmt: skip


def trade_of(*makers: dict[str, Any], size: str, **more: Any) -> UserTrade:
    return UserTrade.model_validate(
        {"id": "t", "asset_id": YES, "side": "BUY", "size": size, "price": "0.55", "outcome": "Yes", "status": "MINED",
         "taker_order_id": "0x9", "trader_side": "TAKER", "maker_orders": list(makers), **more}
    )  # fmt: skip


def test_a_maker_of_the_other_outcome_leaves_its_rest_to_the_taker() -> None:
    """A mint: the maker buys No at 48¢, the taker Yes at 52¢; the other maker sells Yes at 55¢."""
    trade = trade_of(maker(NO, "BUY", "0.48", "3"), maker(YES, "SELL", "0.55", "7"), size="10")
    assert parts_of(trade, "0x9", "") == [
        ("BUY", "Yes", Decimal(3), Decimal("0.52")),
        ("BUY", "Yes", Decimal(7), Decimal("0.55")),
    ]


@pytest.mark.parametrize(
    "makers",
    [(), (maker(YES, "SELL", "0.5", "3"),), (maker(YES, "SELL", "", "10"),), (maker(YES, "SELL", "0.5", ""),)],
)
def test_makers_that_dont_add_up_leave_the_trades_own_price(makers: tuple[dict[str, Any], ...]) -> None:
    (fill,) = trade_of(*makers, size="10").fills("0x9", "")
    assert fill == OwnFill(
        order_id="0x9", asset_id=YES, outcome="Yes", side="BUY", price=Decimal("0.55"), size=Decimal(10), is_taker=True
    )


def test_an_order_without_an_address_is_known_by_its_key() -> None:
    trade = trade_of(maker(NO, "BUY", "0.48", "3", maker_address=""), size="3", trader_side="MAKER")
    assert parts_of(trade, "0x9", "k") == [("BUY", "No", Decimal(3), Decimal("0.48"))]
    assert parts_of(trade, "0x9", "") == []
