"""Order groups and subaccounts: each rule with numbers by hand."""

from __future__ import annotations

import pytest

from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.engine import Engine
from prediction_mcp.exchange.engine.groups import OrderGroup
from prediction_mcp.exchange.engine.ledger import Account, transfer
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.engine.order_checks import IOC
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.units import CENT_GRID, MICROS

T = "GROUP-1"


class World:
    def __init__(self) -> None:
        self.engine = Engine()
        self.engine.add_market(T, CENT_GRID, FeeSchedule.of("quadratic"))
        self.ann, self.bob = (self.engine.add_account(Account(name)) for name in ("ann", "bob"))
        self.sub = self.engine.add_account(Account("ann/1", number=1, parent=self.ann))
        for account in (self.ann, self.bob):
            account.deposit(1_000 * MICROS)
        self.group = OrderGroup("g", self.ann, 10 * 100)

    def rest(self, count: int, price: int = 5_000, **options: object) -> object:
        return self.engine.submit(self.ann, T, BID, price, count * 100, 0, group=self.group, **options)  # type: ignore[arg-type]

    def hit(self, count: int, now_ms: int, account: Account | None = None, price: int = 4_000) -> int:
        order = self.engine.submit(account or self.bob, T, ASK, price, count * 100, now_ms, time_in_force=IOC)
        return order.filled // 100


@pytest.fixture
def world() -> World:
    return World()


def test_the_trade_that_reaches_the_limit_is_the_last(world: World) -> None:
    """Limit 10. Three orders of 6 rest; a taker of 18 takes the first (6) and the second (12 ≥ 10), not the third."""
    orders = [world.rest(6) for _ in range(3)]
    assert world.hit(18, 1) == 12
    assert [o.status for o in orders] == ["executed", "executed", "canceled"]  # type: ignore[attr-defined]
    assert world.group.triggered
    assert not world.group.orders
    with pytest.raises(RejectionError, match="no orders until it is reset"):
        world.rest(1)
    world.group.reset()
    world.rest(1)
    audit(world.engine)


def test_the_window_rolls(world: World) -> None:
    """6 at 0 s and 6 at 15 s never come together; 6 at 15 s and 6 at 29.999 s do."""
    world.rest(30)
    assert world.hit(6, 0) == 6
    assert world.hit(6, 15_000) == 6
    assert not world.group.triggered
    assert world.hit(6, 29_999) == 6
    assert world.group.triggered
    assert world.hit(6, 30_000) == 0


def test_a_taker_of_the_group_stops_too(world: World) -> None:
    """Bob offers 4 × 4; ann's group order for 16 gets 12 and is cancelled with 4 left, and so is her resting one."""
    for _ in range(4):
        world.engine.submit(world.bob, T, ASK, 6_000, 400, 0)
    resting = world.rest(5, 1_000)
    order = world.rest(16, 6_000)
    assert (order.filled, order.status, order.remaining) == (1_200, "canceled", 0)  # type: ignore[attr-defined]
    assert resting.status == "canceled"  # type: ignore[attr-defined]
    audit(world.engine)


def test_an_amend_that_trades_counts(world: World) -> None:
    world.engine.submit(world.bob, T, ASK, 6_000, 2_000, 0)
    order = world.rest(15, 1_000)
    world.engine.amend(order, 6_000, 1_500, 1, side=BID)  # type: ignore[arg-type]
    assert order.filled == 1_500  # type: ignore[attr-defined]
    assert world.group.triggered
    audit(world.engine)


def test_triggered_by_hand(world: World) -> None:
    orders = [world.rest(1), world.rest(2)]
    world.engine.trigger(world.group, 5)
    assert {o.status for o in orders} == {"canceled"}  # type: ignore[attr-defined]
    assert world.ann.held == 0


def test_a_subaccount_has_its_own_money_and_the_members_records(world: World) -> None:
    with pytest.raises(RejectionError, match="insufficient_balance"):
        world.engine.submit(world.sub, T, BID, 5_000, 100, 0)
    transfer(world.ann, world.sub, 20 * MICROS, 0)
    order = world.engine.submit(world.sub, T, BID, 5_000, 100, 0, client_order_id="x")
    assert world.ann.orders[order.order_id] is order
    with pytest.raises(RejectionError, match="order_already_exists"):
        world.engine.submit(world.ann, T, BID, 5_000, 100, 0, client_order_id="x")
    with pytest.raises(RejectionError, match="less than the amount"):
        transfer(world.sub, world.ann, 20 * MICROS, 0)  # some of it is held for the order
    assert world.hit(1, 1) == 1
    assert (world.sub.holdings[T].position, T in world.ann.holdings) == (100, False)
    assert [fill.account for fill in world.ann.fills] == [world.sub]
    audit(world.engine)


def test_a_member_does_not_trade_with_its_own_subaccount(world: World) -> None:
    transfer(world.ann, world.sub, 20 * MICROS, 0)
    world.engine.submit(world.sub, T, BID, 5_000, 100, 0)
    assert world.hit(1, 1, world.ann) == 0


@pytest.mark.parametrize("amount", [0, -1, 50])
def test_a_transfer_is_positive_and_on_the_grid(world: World, amount: int) -> None:
    with pytest.raises(RejectionError, match="must be positive"):
        transfer(world.ann, world.sub, amount, 0)
