"""The engine's rules, one by one, with numbers worked out by hand."""

from __future__ import annotations

import pytest

from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.engine import Engine
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import ASK, BID, Order
from prediction_mcp.exchange.engine.order_checks import FOK, GTC, IOC
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.kalshi.fees import GRID_CENT, FeeSchedule
from prediction_mcp.kalshi.units import CENT_GRID, MICROS

T = "TEST-1"


class World:
    """One market, three members with $1,000 each; prices in cents, counts in contracts."""

    def __init__(self, fee_type: str = "quadratic", multiplier: str = "1") -> None:
        self.engine = Engine()
        self.engine.add_market(T, CENT_GRID, FeeSchedule.of(fee_type, multiplier))
        self.ann, self.bob, self.cid = (self.engine.add_account(Account(n)) for n in ("ann", "bob", "cid"))
        for account in (self.ann, self.bob, self.cid):
            account.deposit(1_000 * MICROS)
        self.now = 1_000

    def bid(self, who: Account, cents: int, count: float, **options: object) -> Order:
        return self._submit(who, BID, cents, count, **options)

    def ask(self, who: Account, cents: int, count: float, **options: object) -> Order:
        return self._submit(who, ASK, cents, count, **options)

    def _submit(self, who: Account, side: int, cents: int, count: float, **options: object) -> Order:
        self.now += 1
        order = self.engine.submit(who, T, side, cents * 100, round(count * 100), self.now, **options)  # type: ignore[arg-type]
        audit(self.engine)
        return order

    @property
    def book(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        book = self.engine.markets[T].book
        return ([(p // 100, c // 100) for p, c in side.depth()] for side in (book.bids, book.asks))  # type: ignore[return-value]


@pytest.fixture
def world() -> World:
    return World()


def cash(account: Account) -> float:
    return account.cash / MICROS


# -- priority ------------------------------------------------------------------------------------------------------


def test_better_prices_trade_first_then_older_orders(world: World) -> None:
    late = world.ask(world.ann, 41, 5)
    first = world.ask(world.ann, 40, 5)
    second = world.ask(world.bob, 40, 5)
    world.bid(world.cid, 41, 7)
    assert (first.filled, second.filled, late.filled) == (500, 200, 0)
    assert first.status == "executed"


def test_a_trade_is_made_at_the_resting_price(world: World) -> None:
    world.ask(world.ann, 40, 5)
    taker = world.bid(world.bob, 60, 5)
    assert taker.notional == 40 * 100 * 500


def test_what_crosses_only_in_part_rests_with_the_rest(world: World) -> None:
    world.ask(world.ann, 40, 3)
    order = world.bid(world.bob, 40, 10)
    assert (order.filled, order.remaining, order.status) == (300, 700, "resting")
    bids, asks = world.book
    assert (bids, asks) == ([(40, 7)], [])


# -- time in force -------------------------------------------------------------------------------------------------


def test_immediate_or_cancel_never_rests(world: World) -> None:
    world.ask(world.ann, 40, 3)
    order = world.bid(world.bob, 40, 10, time_in_force=IOC)
    assert (order.filled, order.remaining, order.status) == (300, 0, "canceled")
    assert world.bob.held == 0


def test_fill_or_kill_takes_all_or_nothing(world: World) -> None:
    world.ask(world.ann, 40, 3)
    world.ask(world.cid, 41, 3)
    with pytest.raises(RejectionError) as killed:
        world.bid(world.bob, 41, 7, time_in_force=FOK, client_order_id="once")
    assert (killed.value.code, killed.value.status) == ("fill_or_kill_insufficient_resting_volume", 409)
    assert (world.bob.held, world.bob.orders) == (0, {})
    with pytest.raises(RejectionError, match="order_already_exists"):  # the kill has used its id up
        world.bid(world.bob, 41, 6, time_in_force=FOK, client_order_id="once")
    filled = world.bid(world.bob, 41, 6, time_in_force=FOK)
    assert (filled.filled, filled.status) == (600, "executed")


def test_fill_or_kill_does_not_count_own_orders(world: World) -> None:
    world.ask(world.ann, 40, 3)
    world.ask(world.bob, 41, 3)
    for stp in ("maker", "taker_at_cross"):
        with pytest.raises(RejectionError, match="fill_or_kill"):
            world.bid(world.bob, 41, 6, time_in_force=FOK, stp=stp)


def test_an_order_expires_at_its_second(world: World) -> None:
    order = world.bid(world.ann, 40, 5, expires_ms=5_000)
    assert world.engine.expire(4_999) == []
    assert world.engine.expire(5_000) == [order]
    assert (order.status, world.ann.held) == ("canceled", 0)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"expires_ms": 500}, "invalid_order"),
        ({"expires_ms": 9_000, "time_in_force": IOC}, "invalid_order"),
        ({"post_only": True, "time_in_force": FOK}, "invalid_order"),
        ({"reduce_only": True, "time_in_force": GTC}, "invalid_order"),
        ({"reduce_only": True, "time_in_force": IOC}, "invalid_order"),
    ],
)
def test_flags_that_contradict_each_other(world: World, options: dict[str, object], code: str) -> None:
    with pytest.raises(RejectionError) as caught:
        world.bid(world.ann, 40, 5, **options)
    assert caught.value.code == code
    assert not world.ann.orders


def test_post_only_is_refused_when_it_would_trade(world: World) -> None:
    world.ask(world.ann, 40, 3)
    with pytest.raises(RejectionError, match="post only cross") as caught:
        world.bid(world.bob, 40, 1, post_only=True)
    assert caught.value.code == "invalid_order"
    assert world.bid(world.bob, 39, 1, post_only=True).status == "resting"


# -- self-trade prevention -----------------------------------------------------------------------------------------


def test_taker_at_cross_stops_the_taker_at_its_own_order(world: World) -> None:
    world.ask(world.bob, 39, 2)
    own = world.ask(world.ann, 40, 3)
    order = world.bid(world.ann, 41, 10)
    assert (order.filled, order.status) == (200, "canceled")
    assert own.status == "resting"


def test_maker_prevention_removes_the_own_order_and_goes_on(world: World) -> None:
    own = world.ask(world.ann, 40, 3)
    world.ask(world.bob, 41, 2)
    order = world.bid(world.ann, 41, 10, stp="maker")
    assert own.status == "canceled"
    assert (order.filled, order.remaining, order.status) == (200, 800, "resting")


# -- reduce only ---------------------------------------------------------------------------------------------------


def test_reduce_only_is_capped_by_the_position(world: World) -> None:
    world.ask(world.ann, 40, 5)
    world.bid(world.bob, 40, 5)
    world.bid(world.cid, 38, 50)
    order = world.ask(world.bob, 38, 20, reduce_only=True, time_in_force=IOC)
    assert (order.initial, order.filled) == (500, 500)
    assert world.bob.holdings[T].position == 0


# -- amend, decrease, cancel ---------------------------------------------------------------------------------------


def queue(world: World, order: Order) -> int:
    return world.engine.markets[T].book.side(order.side).ahead_of(order)


def test_only_a_smaller_count_keeps_the_place(world: World) -> None:
    first, second = world.bid(world.ann, 40, 10), world.bid(world.bob, 40, 10)
    assert (queue(world, first), queue(world, second)) == (0, 1_000)
    world.engine.amend(first, 4_000, 500, 2_000, side=BID)
    assert (queue(world, first), queue(world, second)) == (0, 500)
    world.engine.amend(first, 4_000, 800, 2_001, side=BID)
    assert (queue(world, first), queue(world, second)) == (1_000, 0)
    world.engine.amend(second, 4_100, 1_000, 2_002, side=BID)
    assert (queue(world, first), queue(world, second)) == (1_000, 0)
    audit(world.engine)


def test_amend_counts_what_is_filled_already(world: World) -> None:
    order = world.bid(world.ann, 40, 10)
    world.ask(world.bob, 40, 4)
    world.engine.amend(order, 4_000, 600, 2_000, side=BID)
    assert (order.filled, order.remaining, order.initial) == (400, 200, 600)
    with pytest.raises(RejectionError, match="filled already"):
        world.engine.amend(order, 4_000, 400, 2_001, side=BID)


def test_an_amend_that_crosses_trades(world: World) -> None:
    world.ask(world.bob, 45, 4)
    order = world.bid(world.ann, 40, 10)
    world.engine.amend(order, 4_500, 1_000, 2_000, side=BID)
    assert (order.filled, order.remaining) == (400, 600)
    audit(world.engine)


def test_an_amend_that_cannot_be_paid_leaves_the_order_where_it_was(world: World) -> None:
    order, other = world.bid(world.ann, 40, 10), world.bid(world.bob, 40, 10)
    held = world.ann.held
    with pytest.raises(RejectionError) as caught:
        world.engine.amend(order, 9_000, 10_000_000, 2_000, side=BID)
    assert caught.value.code == "insufficient_balance"
    assert (order.price, order.remaining, world.ann.held, queue(world, other)) == (4_000, 1_000, held, 1_000)
    audit(world.engine)


def test_an_amend_never_changes_the_side(world: World) -> None:
    order = world.bid(world.ann, 40, 10)
    with pytest.raises(RejectionError, match="side"):
        world.engine.amend(order, 4_000, 500, 2_000, side=ASK)


def test_decrease_to_nothing_is_a_cancel(world: World) -> None:
    order = world.bid(world.ann, 40, 10)
    world.engine.decrease(order, 400, 2_000)
    assert (order.remaining, order.initial) == (400, 400)
    with pytest.raises(RejectionError):
        world.engine.decrease(order, 500, 2_001)
    world.engine.decrease(order, 0, 2_002)
    assert (order.status, world.ann.held) == ("canceled", 0)


def test_what_does_not_rest_cannot_be_cancelled(world: World) -> None:
    order = world.bid(world.ann, 40, 10)
    assert world.engine.cancel(order, 2_000) == 1_000
    with pytest.raises(RejectionError, match="not_found"):
        world.engine.cancel(order, 2_001)


# -- money ---------------------------------------------------------------------------------------------------------


def test_a_bought_contract_that_wins_pays_a_dollar(world: World) -> None:
    """100 YES at 40¢: 40 + fee 0.07·100·0.4·0.6 = 1.68. The seller's 60 are at risk, makers pay no fee."""
    world.ask(world.ann, 40, 100)
    world.bid(world.bob, 40, 100)
    assert cash(world.bob) == pytest.approx(1_000 - 40 - 1.68)
    assert cash(world.ann) == 940
    world.engine.settle_market(T, "yes", 10_000, 9_000)
    assert cash(world.bob) == pytest.approx(1_000 + 60 - 1.68)
    assert cash(world.ann) == 940
    (settlement,) = world.bob.settlements
    assert (settlement.position, settlement.revenue, settlement.cost) == (10_000, 100 * MICROS, 40 * MICROS)
    assert world.bob.settled[T].realized == 60 * MICROS
    audit(world.engine)


def test_yes_and_no_net_to_a_dollar(world: World) -> None:
    """Bob buys YES at 40 and sells it at 55: he has 15¢ a contract and no position, and his collateral is free."""
    world.ask(world.ann, 40, 100)
    world.bid(world.bob, 40, 100)
    world.bid(world.cid, 55, 100)
    world.ask(world.bob, 55, 100)
    fees = world.bob.holdings[T].fees / MICROS
    assert world.bob.holdings[T].position == 0
    assert world.bob.holdings[T].realized == 15 * MICROS
    assert cash(world.bob) == pytest.approx(1_015 - fees)


def test_a_scalar_result_splits_the_dollar(world: World) -> None:
    world.ask(world.ann, 40, 100)
    world.bid(world.bob, 40, 100)
    world.engine.settle_market(T, "scalar", 3_700, 9_000)
    assert cash(world.bob) == pytest.approx(1_000 - 40 - 1.68 + 37)
    assert cash(world.ann) == 940 + 63
    audit(world.engine)


def test_closing_orders_need_no_collateral(world: World) -> None:
    """All of Bob's money is in YES; he can still offer them all, but not more than the proceeds can carry."""
    world.ask(world.ann, 50, 1_900)
    world.bid(world.bob, 50, 1_900)
    free = world.bob.available
    assert free < 32 * MICROS, "less than the fee of the sale: its proceeds pay that"
    world.ask(world.bob, 60, 1_900)
    assert free - world.bob.available == 200, "only the grid units for rounding are held"
    with pytest.raises(RejectionError) as caught:  # 1,900 × 60¢ come in; 3,000 more would take 3,000 × 40¢
        world.ask(world.bob, 60, 3_000)
    assert caught.value.code == "insufficient_balance"
    world.bid(world.cid, 60, 1_600)
    assert world.bob.holdings[T].position == 300 * 100


def test_the_last_cent_can_be_spent_but_not_more(world: World) -> None:
    """1,000 at 50¢ is 500 + fee 17.50; the exchange also holds two grid units for rounding."""
    afford = world.bid(world.ann, 50, 1_932)
    assert afford.status == "resting"
    with pytest.raises(RejectionError):
        world.bid(world.ann, 1, 100)


def test_a_fill_never_costs_more_than_its_limit(world: World) -> None:
    for cents in (35, 38, 40):
        world.ask(world.ann, cents, 10)
    order = world.bid(world.bob, 40, 30)
    assert order.notional <= 40 * 100 * order.filled
    assert order.notional == (35 + 38 + 40) * 100 * 1_000


def test_balances_stay_on_the_cent_grid() -> None:
    world = World("quadratic_with_maker_fees")
    world.bob.grid = GRID_CENT
    world.ask(world.ann, 37, 3.33)
    world.bid(world.bob, 37, 3.33)
    assert world.bob.cash % GRID_CENT == 0


def test_rounding_that_eats_the_purse_ends_the_order_not_the_exchange() -> None:
    """Many tiny fills on a cent grid cost a cent each; an order whose owner can't pay that is cancelled."""
    world = World()
    poor = world.engine.add_account(Account("poor", grid=GRID_CENT))
    poor.deposit(MICROS // 2)
    order = world.bid(poor, 4, 8)
    for _ in range(400):
        if order.status != "resting":
            break
        world.ask(world.ann, 4, 0.01)
    assert order.status == "canceled"
    assert poor.cash >= 0
    audit(world.engine)


def test_closing_a_market_cancels_what_rests_and_refuses_the_rest(world: World) -> None:
    order = world.bid(world.ann, 40, 10)
    world.engine.close_market(T, 5_000)
    assert (order.status, world.ann.held) == ("canceled", 0)
    with pytest.raises(RejectionError) as caught:
        world.bid(world.ann, 40, 10)
    assert caught.value.code == "MARKET_INACTIVE"


def test_a_client_order_id_is_used_once(world: World) -> None:
    world.bid(world.ann, 40, 1, client_order_id="x")
    with pytest.raises(RejectionError) as caught:
        world.bid(world.ann, 40, 1, client_order_id="x")
    assert caught.value.status == 409
    assert world.bid(world.bob, 40, 1, client_order_id="x").status == "resting"


@pytest.mark.parametrize(("cents", "count"), [(0, 1), (100, 1), (-5, 1), (50, 0), (50, -1)])
def test_impossible_prices_and_counts(world: World, cents: int, count: int) -> None:
    with pytest.raises(RejectionError):
        world.bid(world.ann, cents, count)
    assert not world.ann.orders
