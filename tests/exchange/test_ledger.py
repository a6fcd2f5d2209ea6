"""Money between accounts and at a market's end, by hand: in micros, 1/100 contracts and 1/100 cents."""

from __future__ import annotations

import uuid

import pytest

from prediction_mcp.exchange.engine.ledger import (
    Account,
    Holding,
    Settlement,
    book_fill,
    revenue_of,
    settle,
    transfer,
)
from prediction_mcp.exchange.engine.matching import ASK, BID
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


def test_a_holding_begins_with_nothing() -> None:
    assert {name: getattr(Holding(), name) for name in Holding.__slots__} == dict.fromkeys(Holding.__slots__, 0)
    assert Holding().is_idle


def test_what_resting_orders_may_need() -> None:
    """Per side the cost less a dollar a contract that closes, never below nothing; rounding held apart."""
    for position, bids, asks, slack, needed in (
        (0, (300, 5), (700, 5), 3, 1_003),
        (-3, (50_000, 5), (0, 0), 0, 20_000),  # three close, a dollar (10,000 price units) each
        (-9, (50_000, 5), (700, 5), 2, 702),  # five close, all that are asked for
        (3, (300, 5), (50_000, 5), 0, 20_300),
        (9, (300, 5), (50_000, 5), 2, 302),
        (1, (0, 0), (10_001, 1), 0, 1),
        (1, (0, 0), (10_002, 1), 0, 2),
        (-1, (10_001, 1), (0, 0), 0, 1),
        (1, (0, 0), (9_000, 1), 7, 7),
        (-1, (9_000, 1), (0, 0), 7, 7),
    ):
        holding = Holding()
        holding.position, holding.slack = position, slack
        (holding.bid_cost, holding.bid_count), (holding.ask_cost, holding.ask_count) = bids, asks
        assert holding.requirement() == needed, (position, bids, asks)


def test_a_subaccount_has_its_members_orders_and_name() -> None:
    ann = account()
    second = Account("ann/2", number=2, parent=ann)
    assert second.orders is ann.orders
    assert second.by_client_id is ann.by_client_id
    assert second.fills is ann.fills
    assert second.settlements is ann.settlements
    assert (second.primary, second.user_id) == (ann, ann.user_id)
    assert ann.user_id == str(uuid.uuid5(uuid.NAMESPACE_OID, "ann"))


def test_a_deposit_is_positive_and_on_the_grid() -> None:
    ann = account(0, grid=GRID_CENT)
    ann.deposit(GRID_CENT)
    assert (ann.cash, ann.deposited) == (GRID_CENT, GRID_CENT)
    for micros in (0, -GRID_CENT, GRID_CENT + 1, 1):
        with pytest.raises(ValueError, match="^a deposit must be positive and on the account's balance grid$"):
            ann.deposit(micros)
    assert (ann.cash, ann.deposited) == (GRID_CENT, GRID_CENT)
    finest = account(0, grid=1)
    finest.deposit(1)
    assert finest.cash == 1


def test_fills_one_after_another() -> None:
    """Five YES at 40¢, three more at 50¢, six sold at 70¢, five more: three of NO are left. Micros, fees apart."""
    ann = account(100 * DOLLAR)
    holding = ann.holding(T)
    seen = list[tuple[int, ...]]()
    for side, price, count, fee in (
        (BID, 4_000, 500, 11),
        (BID, 5_000, 300, 7),
        (ASK, 7_000, 600, 5),
        (ASK, 8_000, 500, 3),
    ):
        change = book_fill(ann, holding, side, price, count, fee)
        seen.append((change, holding.position, holding.cost, holding.realized, holding.fees, holding.traded))
    assert seen == [
        (2_000_000, 500, 2_000_000, 0, 11, 2_000_000),
        (1_500_000, 800, 3_500_000, 0, 18, 3_500_000),
        (-4_200_000, 200, 875_000, 1_575_000, 23, 5_300_000),
        (-1_600_000 + 600_000, -300, 600_000, 2_300_000, 26, 6_300_000),
    ]
    assert holding.contracts == 1_900
    assert ann.cash == 100 * DOLLAR - 3_500_000 + 4_200_000 + 1_000_000 - 26


@pytest.mark.parametrize(
    ("position", "side", "price", "count", "moved"),
    [
        (0, BID, 4_000, 100, -400_000), (0, ASK, 4_000, 100, -600_000), (500, BID, 4_000, 100, -400_000),
        (500, ASK, 4_000, 100, 400_000), (-500, BID, 4_000, 100, 600_000), (-500, ASK, 4_000, 100, -600_000),
        (40, ASK, 4_000, 100, 160_000 - 360_000), (-40, BID, 4_000, 100, 240_000 - 240_000),
        (1, ASK, 4_000, 100, 4_000 - 594_000), (1, ASK, 4_000, 1, 4_000), (-1, BID, 4_000, 1, 6_000),
    ],
)  # fmt: skip
def test_what_a_fill_moves_is_told_before_and_then_done(
    position: int, side: int, price: int, count: int, moved: int
) -> None:
    ann = with_position(position, 0)
    holding = ann.holdings[T]
    assert revenue_of(holding, side, price, count) == moved
    assert book_fill(ann, holding, side, price, count, 0) == -moved
    assert ann.cash == 10 * DOLLAR + moved
