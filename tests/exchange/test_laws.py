"""Any sequence of orders, cancels, amends, transfers and settlements on three shards: the engine against a slow model.

The model is obviously right: it matches by sorting a list, and adds money up with fractions.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.engine import Engine
from prediction_mcp.exchange.engine.ledger import Account, transfer
from prediction_mcp.exchange.engine.matching import ASK, BID, Order
from prediction_mcp.exchange.engine.order_checks import FOK, GTC, IOC
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.kalshi.fees import GRID_CENT, GRID_DIRECT, FeeSchedule
from prediction_mcp.kalshi.units import CENT_GRID, MICROS

who = st.integers(0, 3)
SHARDS = (0, 1, 2)
shards = st.sampled_from(SHARDS)
sides = st.sampled_from([BID, ASK])
prices = st.integers(44, 56).map(lambda cents: cents * 100)
counts = st.one_of(st.integers(1, 30).map(lambda n: n * 100), st.integers(1, 999))


@dataclass
class Slow:
    """An order of the model: a plain list of them is the whole book."""

    order: Order
    ticker: str
    owner: int
    side: int
    price: int
    left: int
    age: int


class Laws(RuleBasedStateMachine):
    """A market on each shard; each of four members has money on all of them, and moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine()
        self.tickers: dict[int, str] = {}
        self.listed = 0
        for shard in SHARDS:
            self._list(shard)
        self.accounts = [
            self.engine.add_account(Account(f"a{i}", grid=GRID_CENT if i == 3 else GRID_DIRECT)) for i in range(4)
        ]
        for account in self.accounts:
            account.deposit(60 * MICROS)
        self.slow: list[Slow] = []
        self.age = 0
        self.now = 0
        self.calm = 0
        self.own = {(owner, shard): Fraction(0 if shard else 60) for owner in range(4) for shard in SHARDS}
        """Dollars of deposits and transfers, by member and shard."""
        for owner in range(4):
            for shard in SHARDS[1:]:
                self.move(owner, 0, shard, 20 * MICROS)

    def _list(self, shard: int) -> None:
        self.listed += 1
        self.tickers[shard] = f"LAW-{self.listed}"
        self.engine.add_market(self.tickers[shard], CENT_GRID, FeeSchedule.of("quadratic_with_maker_fees"), shard=shard)

    def _expected(
        self, owner: int, ticker: str, side: int, price: int, count: int, stp: str
    ) -> tuple[list[tuple[Slow, int]], int, bool]:
        """(matches, what is left, whether the taker was stopped) by sorting the whole book."""
        book = [s for s in self.slow if s.ticker == ticker]
        opposite = sorted((s for s in book if s.side != side), key=lambda s: (side * s.price, s.age))
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

    @rule(owner=who, here=shards, there=shards, micros=st.integers(1, 400).map(lambda n: n * 100_000))
    def move(self, owner: int, here: int, there: int, micros: int) -> None:
        """Money moves between shards if as much is free where it is, and stays where it is if not."""
        source, target = (self.engine.on_shard(self.accounts[owner], shard) for shard in (here, there))
        before = sum(account.cash for account in self.accounts[owner].shards.values())
        free = source.available
        try:
            transfer(source, target, micros, self.now)
        except RejectionError as rejection:
            assert rejection.code == "insufficient_balance"
            assert free < micros
        else:
            assert free >= micros
            self.own[owner, here] -= Fraction(micros, MICROS)
            self.own[owner, there] += Fraction(micros, MICROS)
        assert sum(account.cash for account in self.accounts[owner].shards.values()) == before

    @rule(
        owner=who, shard=shards, side=sides, price=prices, count=counts,
        tif=st.sampled_from([GTC, GTC, GTC, IOC, FOK]), stp=st.sampled_from(["taker_at_cross", "maker"]),
    )  # fmt: skip
    def submit(self, owner: int, shard: int, side: int, price: int, count: int, tif: str, stp: str) -> None:
        ticker = self.tickers[shard]
        _, left, stopped = self._expected(owner, ticker, side, price, count, stp)
        free = self.engine.on_shard(self.accounts[owner], shard).available
        self.now += 1
        self.calm += 1
        fills_before = [len(a.fills) for a in self.accounts]
        try:
            order = self.engine.submit(
                self.accounts[owner], ticker, side, price, count, self.now, time_in_force=tif, stp=stp
            )
        except RejectionError as rejection:
            if rejection.code == "insufficient_balance":  # only where the money on this shard may not be enough
                unit = price if side == BID else 10_000 - price
                assert free < (unit + 400) * count + 10 * GRID_CENT
            else:
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
        assert order.account is self.accounts[owner].shards[self.engine.markets[order.ticker].shard]
        if order.status == "resting" and order not in [s.order for s in self.slow]:
            self.age += 1
            self.slow.append(Slow(order, order.ticker, owner, side, price, order.remaining, self.age))
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
    @rule(shard=shards, value=st.sampled_from([0, 10_000, 3_700, 1]))
    def settle(self, shard: int, value: int) -> None:
        """A market ends; a new one is listed on its shard, and what people have left there goes on."""
        self.now += 1
        ticker = self.tickers[shard]
        self.engine.settle_market(ticker, "scalar", value, self.now)
        self.slow = [s for s in self.slow if s.ticker != ticker]
        self.calm = 0
        assert self.engine.markets[ticker].pool == 0
        there = [account.shards[shard] for account in self.accounts]
        assert all(account.held == 0 and not account.holdings for account in there)
        self._list(shard)

    @invariant()
    def every_law_holds(self) -> None:
        audit(self.engine)

    @invariant()
    def the_book_is_the_models_book(self) -> None:
        for ticker in self.tickers.values():
            book = self.engine.markets[ticker].book
            for side, real in ((BID, book.bids), (ASK, book.asks)):
                mine = [s for s in self.slow if (s.ticker, s.side) == (ticker, side)]
                mine.sort(key=lambda s: (-s.side * s.price, s.age))
                assert [o.order_id for o in real] == [s.order.order_id for s in mine]

    @invariant()
    def cash_is_what_the_records_say(self) -> None:
        """On each shard: deposits, transfers, fills and settlements there, added up with fractions."""
        shard_of = {ticker: market.shard for ticker, market in self.engine.markets.items()}
        for owner, account in enumerate(self.accounts):
            cash = {shard: self.own[owner, shard] for shard in SHARDS}
            positions: dict[str, int] = defaultdict(int)
            for fill in account.fills:
                position = positions[fill.ticker]
                signed = fill.count if fill.side == BID else -fill.count
                yes, contracts = Fraction(fill.price, 10_000), Fraction(fill.count, 100)
                closing = min(contracts, Fraction(abs(position), 100)) if position * signed < 0 else Fraction(0)
                paid = yes if signed > 0 else 1 - yes
                moved = closing * (1 - paid) - (contracts - closing) * paid - Fraction(fill.fee, MICROS)
                cash[shard_of[fill.ticker]] += moved
                positions[fill.ticker] += signed
            for settlement in account.settlements:
                cash[shard_of[settlement.ticker]] += Fraction(settlement.revenue, MICROS)
            assert cash == {shard: Fraction(one.cash, MICROS) for shard, one in account.shards.items()}
            for shard, one in account.shards.items():
                held = {ticker: holding.position for ticker, holding in one.holdings.items() if holding.position}
                assert held == {t: p for t, p in positions.items() if p and t == self.tickers[shard]}


EXAMPLES = max(120, settings().max_examples)
"""120, or as many as the profile asks for: ``--hypothesis-profile=thorough`` takes 210,000 steps."""
Laws.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=60)
TestLaws = Laws.TestCase
