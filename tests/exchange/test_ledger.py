"""Money between accounts and at a market's end, by hand: in micros, 1/100 contracts and 1/100 cents."""

from __future__ import annotations

import pytest

from prediction_mcp.exchange.engine.ledger import Account, Settlement, settle, transfer
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.kalshi.fees import GRID_CENT
from prediction_mcp.kalshi.units import MICROS

T = "TEST-1"
DOLLAR = MICROS


def account(cash: int = 10 * DOLLAR, held: int = 0, **more: object) -> Account:
    made = Account("ann", **more)  # type: ignore[arg-type]
    made.cash, made.held = cash, held
    return made


def with_position(position: int, cost: int, **more: object) -> Account:
    made = account(**more)  # type: ignore[arg-type]
    holding = made.holding(T)
    holding.position, holding.cost, holding.fees, holding.traded = position, cost, 7, 1
    return made


def test_a_transfer_moves_all_or_nothing() -> None:
    source, target = account(10 * DOLLAR, held=4 * DOLLAR), account(DOLLAR)
    transfer(source, target, 6 * DOLLAR, 77)
    assert (source.cash, target.cash) == (4 * DOLLAR, 7 * DOLLAR)
    assert source.updated_ms == target.updated_ms == 77
    for micros, code, text in (
        (1 * target.grid, "insufficient_balance", "the balance that orders don't need is less than the amount"),
        (0, "invalid_parameters", "the amount must be positive"),
        (-target.grid, "invalid_parameters", "the amount must be positive"),
        (target.grid + 1, "invalid_parameters", "the amount must be positive"),
    ):
        with pytest.raises(RejectionError) as refused:
            transfer(source, target, micros, 88)
        assert (refused.value.code, str(refused.value.details)) == (code, text)
    assert (source.cash, target.cash, source.updated_ms) == (4 * DOLLAR, 7 * DOLLAR, 77)
    source.held = 0
    transfer(source, target, target.grid, 99)
    assert source.cash == 4 * DOLLAR - target.grid


@pytest.mark.parametrize(
    ("position", "value", "owed"),
    [(500, 10_000, 5), (500, 0, 0), (-500, 10_000, 0), (-500, 0, 5), (-500, 2_500, "3.75")],
)
def test_settling_pays_what_the_end_says(position: int, value: int, owed: float | str) -> None:
    """Five contracts of a side that cost $2, with a fee of seven micros."""
    ann, dollars = with_position(position, 2 * DOLLAR), round(float(owed) * DOLLAR)
    assert settle(ann, T, "yes", value, 123, 9) == (dollars, 0)
    assert (ann.cash, ann.updated_ms, ann.holdings) == (10 * DOLLAR + dollars, 123, {})
    ended = ann.settled[T]
    assert (ended.realized, ended.cost, ended.position, ended.updated_ms) == (dollars - 2 * DOLLAR, 0, 0, 123)
    told = Settlement(ann, T, "yes", value, position, 2 * DOLLAR, dollars, 7, 123, 9)
    assert ann.settlements == [told]


def test_what_was_made_before_the_end_stays() -> None:
    ann = with_position(500, 2 * DOLLAR)
    ann.holdings[T].realized = 3 * DOLLAR
    settle(ann, T, "yes", 10_000, 1, 1)
    assert ann.settled[T].realized == 6 * DOLLAR


def test_what_is_off_the_grid_stays_with_the_exchange() -> None:
    """1/100 contract at 55.01¢ is 5,501 micros: a balance in cents gets none of it, one in 1/100 ¢ 5,500."""
    assert settle(with_position(1, 0, grid=GRID_CENT), T, "scalar", 5_501, 1, 1) == (5_501, 5_501)
    fine = with_position(1, 0)
    assert settle(fine, T, "scalar", 5_501, 1, 1) == (5_501, 5_501 % fine.grid)
    assert fine.cash == 10 * DOLLAR + 5_501 - 5_501 % fine.grid


def test_settling_frees_what_orders_held_and_tells_no_tales() -> None:
    ann = with_position(0, 0)
    holding = ann.holdings[T]
    holding.bid_cost, holding.bid_count, holding.slack = 3 * DOLLAR, 500, 20
    ann.held = 5 * DOLLAR
    assert settle(ann, T, "yes", 10_000, 1, 1) == (0, 0)
    assert (ann.held, ann.settlements) == (2 * DOLLAR - 20, [])
    assert T in ann.settled  # it traded there once
    assert settle(ann, "ELSEWHERE", "yes", 10_000, 1, 1) == (0, 0)
    crowd = with_position(100, 0, keeps_history=False)
    assert settle(crowd, T, "yes", 10_000, 1, 1) == (DOLLAR, 0)
    assert (crowd.settled, crowd.settlements, crowd.cash) == ({}, [], 11 * DOLLAR)
    ann.holding("OTHER")
    settle(ann, "OTHER", "yes", 10_000, 1, 1)
    assert "OTHER" not in ann.settled  # it never did there
