"""Any sequence of orders, cancels, amends and settlements: the engine against a slow model that is obviously right."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.engine import Engine
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import ASK, BID, Order
from prediction_mcp.exchange.engine.order_checks import FOK, GTC, IOC
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.kalshi.fees import GRID_CENT, GRID_DIRECT, FeeSchedule
from prediction_mcp.kalshi.units import CENT_GRID, MICROS

who = st.integers(0, 3)
sides = st.sampled_from([BID, ASK])
prices = st.integers(44, 56).map(lambda cents: cents * 100)
counts = st.one_of(st.integers(1, 30).map(lambda n: n * 100), st.integers(1, 999))


@dataclass
class Slow:
    """An order of the model: a plain list of them is the whole book."""

    order: Order
    owner: int
    side: int
    price: int
    left: int
    age: int


class Laws(RuleBasedStateMachine):
    """The model matches by sorting a list; money is recomputed from the fills with fractions."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine()
        self.ticker = ""
        self.listed = 0
        self._list()
        self.accounts = [
            self.engine.add_account(Account(f"a{i}", grid=GRID_CENT if i == 3 else GRID_DIRECT)) for i in range(4)
        ]
        for account in self.accounts:
            account.deposit(60 * MICROS)
        self.slow: list[Slow] = []
        self.age = 0
        self.now = 0
        self.calm = 0

    def _list(self) -> None:
        self.listed += 1
        self.ticker = f"LAW-{self.listed}"
        self.engine.add_market(self.ticker, CENT_GRID, FeeSchedule.of("quadratic_with_maker_fees"))

    def _expected(
        self, owner: int, side: int, price: int, count: int, stp: str
    ) -> tuple[list[tuple[Slow, int]], int, bool]:
        """(matches, what is left, whether the taker was stopped) by sorting the whole book."""
        opposite = sorted((s for s in self.slow if s.side != side), key=lambda s: (side * s.price, s.age))
        matches: list[tuple[Slow, int]] = []
        for other in opposite:
            if not count or (side * other.price) > side * price:
                break
            if other.owner == owner:
                if stp == "taker_at_cross":
                    return matches, count, True
                continue
            taken = min(count, other.left)
            matches.append((other, taken))
            count -= taken
        return matches, count, False

    @rule(
        owner=who, side=sides, price=prices, count=counts,
        tif=st.sampled_from([GTC, GTC, GTC, IOC, FOK]), stp=st.sampled_from(["taker_at_cross", "maker"]),
    )  # fmt: skip
    def submit(self, owner: int, side: int, price: int, count: int, tif: str, stp: str) -> None:
        _, left, stopped = self._expected(owner, side, price, count, stp)
        self.now += 1
        self.calm += 1
        fills_before = [len(a.fills) for a in self.accounts]
        try:
            order = self.engine.submit(
                self.accounts[owner], self.ticker, side, price, count, self.now, time_in_force=tif, stp=stp
            )
        except RejectionError as rejection:
            if rejection.code != "insufficient_balance":
                assert rejection.code == "fill_or_kill_insufficient_resting_volume"
                assert tif == FOK
                assert left or stopped
            assert [len(a.fills) for a in self.accounts] == fills_before
            return
        assert not (tif == FOK and (left or stopped))
        expected = count - left
        if order.filled != expected:  # a purse that ran dry over rounding fees stops an order early, never late
            assert order.filled < expected
        assert order.notional * side <= order.price * order.filled * side
        self._sync(order, owner, side, price)

    def _sync(self, order: Order, owner: int, side: int, price: int) -> None:
        if order.status == "resting" and order not in [s.order for s in self.slow]:
            self.age += 1
            self.slow.append(Slow(order, owner, side, price, order.remaining, self.age))
        for other in self.slow:
            other.left = other.order.remaining
        self.slow = [s for s in self.slow if s.order.status == "resting"]

    @precondition(lambda self: self.slow)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(self.slow))
        self.now += 1
        assert self.engine.cancel(chosen.order, self.now) == chosen.left
        self.slow.remove(chosen)

    @precondition(lambda self: self.slow)
    @rule(data=st.data(), price=prices, extra=counts)
    def amend(self, data: st.DataObject, price: int, extra: int) -> None:
        chosen = data.draw(st.sampled_from(self.slow))
        order = chosen.order
        was = (order.price, order.remaining, order.initial)
        self.now += 1
        try:
            self.engine.amend(order, price, order.filled + extra, self.now, side=order.side)
        except RejectionError as rejection:
            assert rejection.code == "insufficient_balance"
            assert (order.price, order.remaining, order.initial) == was
            return
        if price != was[0] or extra > was[1]:
            self.slow.remove(chosen)
        self._sync(order, chosen.owner, order.side, price)

    @precondition(lambda self: self.calm > 15)
    @rule(value=st.sampled_from([0, 10_000, 3_700, 1]))
    def settle(self, value: int) -> None:
        """The market ends; a new one is listed, and what people have left goes on."""
        self.now += 1
        self.engine.settle_market(self.ticker, "scalar", value, self.now)
        self.slow.clear()
        self.calm = 0
        assert self.engine.markets[self.ticker].pool == 0
        assert all(account.held == 0 and not account.holdings for account in self.accounts)
        self._list()

    @invariant()
    def every_law_holds(self) -> None:
        audit(self.engine)

    @invariant()
    def the_book_is_the_models_book(self) -> None:
        book = self.engine.markets[self.ticker].book
        for side, real in ((BID, book.bids), (ASK, book.asks)):
            mine = sorted((s for s in self.slow if s.side == side), key=lambda s: (-side * s.price, s.age))
            assert [o.order_id for o in real] == [s.order.order_id for s in mine]

    @invariant()
    def cash_is_what_the_fills_say(self) -> None:
        """Deposits, fills and settlements, added up with fractions from the records a member can read."""
        for account in self.accounts:
            cash = Fraction(60)
            positions: dict[str, int] = defaultdict(int)
            for fill in account.fills:
                position = positions[fill.ticker]
                signed = fill.count if fill.side == BID else -fill.count
                yes, contracts = Fraction(fill.price, 10_000), Fraction(fill.count, 100)
                closing = min(contracts, Fraction(abs(position), 100)) if position * signed < 0 else Fraction(0)
                paid = yes if signed > 0 else 1 - yes
                cash += closing * (1 - paid) - (contracts - closing) * paid - Fraction(fill.fee, MICROS)
                positions[fill.ticker] += signed
            cash += sum((Fraction(s.revenue, MICROS) for s in account.settlements), Fraction(0))
            assert cash * MICROS == account.cash
            held = {ticker: holding.position for ticker, holding in account.holdings.items() if holding.position}
            assert held == {t: p for t, p in positions.items() if p and t == self.ticker}


EXAMPLES = max(120, settings().max_examples)
"""120, or as many as the profile asks for: ``--hypothesis-profile=thorough`` takes 210,000 steps."""
Laws.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=60)
TestLaws = Laws.TestCase
