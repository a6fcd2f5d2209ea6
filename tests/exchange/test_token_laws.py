"""Both kinds of members on one book: who nets YES and NO, and who holds tokens. Money and tokens from a slow model."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from prediction_mcp.exchange.engine import tokens
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.engine import Engine
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.engine.order_checks import FOK, GTC, IOC
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.kalshi.fees import GRID_DIRECT
from prediction_mcp.kalshi.units import CENT_GRID, MICROS, PRICE_UNITS
from prediction_mcp.polymarket.fees import TakerFees

who = st.integers(0, 3)
which = st.integers(0, 2)
sides = st.sampled_from([BID, ASK])
prices = st.integers(20, 60).map(lambda cents: cents * 100)
counts = st.one_of(st.integers(1, 30).map(lambda n: n * 100), st.integers(1, 999))


class Laws(RuleBasedStateMachine):
    """Three markets of a neg-risk event; accounts 0 and 1 hold tokens, 2 and 3 net. The model knows only the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine()
        self.listed = self.now = self.calm = 0
        self.halves: dict[int, list[tokens.Half]] = defaultdict(list)
        self.engine.traded = lambda seq, *half: self.halves[seq].append(tokens.Half(*half))
        self.accounts = [
            self.engine.add_account(Account(f"a{i}", grid=1 if i < 2 else GRID_DIRECT, tokens=i < 2)) for i in range(4)
        ]
        for account in self.accounts:
            account.deposit(60 * MICROS)
        self.cash = [Fraction(60)] * 2
        self.tokens: list[dict[tuple[str, str], int]] = [defaultdict(int), defaultdict(int)]
        self.read = [0, 0]
        self._list()

    def _list(self) -> None:
        self.listed += 1
        self.tickers = tuple(f"E{self.listed}-{letter}" for letter in "ABC")
        for ticker in self.tickers:
            exclusive = (f"E{self.listed}", self.tickers)
            self.engine.add_market(ticker, CENT_GRID, TakerFees(500_000_000), exclusive=exclusive)

    def _take_in(self) -> None:
        """What the model makes of the fills that came, by their orders: dollars for tokens or tokens for dollars."""
        for i in (0, 1):
            account = self.accounts[i]
            for fill in account.fills[self.read[i] :]:
                order = account.orders[fill.order_id]
                yes = (fill.side == BID) != order.sells
                price = Fraction(fill.price if yes else PRICE_UNITS - fill.price, PRICE_UNITS)
                worth = price * Fraction(fill.count, 100)
                sign = -1 if order.sells else 1
                self.cash[i] -= sign * worth + Fraction(fill.fee, MICROS)
                self.tokens[i][fill.ticker, "yes" if yes else "no"] += sign * fill.count
            self.read[i] = len(account.fills)

    @rule(owner=who, market=which, side=sides, price=prices, count=counts, sells=st.booleans(),
          tif=st.sampled_from([GTC, GTC, GTC, IOC, FOK]))  # fmt: skip
    def submit(self, owner: int, market: int, side: int, price: int, count: int, sells: bool, tif: str) -> None:
        account, ticker = self.accounts[owner], self.tickers[market]
        self.now += 1
        self.calm += 1
        try:
            order = self.engine.submit(
                account, ticker, side, price, count, self.now, time_in_force=tif, sells=sells and owner < 2
            )
        except RejectionError as rejection:
            assert rejection.code in ("insufficient_balance", "fill_or_kill_insufficient_resting_volume")
            return
        assert order.notional * side <= order.price * order.filled * side
        self._take_in()

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        resting = [o for a in self.accounts for o in a.orders.values() if o.status == "resting"]
        if resting:
            self.now += 1
            self.engine.cancel(data.draw(st.sampled_from(resting)), self.now)

    @rule(owner=st.integers(0, 1), market=which, count=counts)
    def split(self, owner: int, market: int, count: int) -> None:
        ticker, fits = self.tickers[market], Fraction(count, 100) <= self.cash[owner]
        self.now += 1
        if not fits:
            with pytest.raises(RejectionError, match="not enough balance"):
                tokens.split(self.engine, self.accounts[owner], ticker, count, self.now)
            return
        tokens.split(self.engine, self.accounts[owner], ticker, count, self.now)
        self.cash[owner] -= Fraction(count, 100)
        for outcome in ("yes", "no"):
            self.tokens[owner][ticker, outcome] += count

    @rule(owner=st.integers(0, 1), market=which, count=counts)
    def merge(self, owner: int, market: int, count: int) -> None:
        ticker = self.tickers[market]
        self.now += 1
        try:
            tokens.merge(self.engine, self.accounts[owner], ticker, count, self.now)
        except RejectionError:
            return
        self.cash[owner] += Fraction(count, 100)
        for outcome in ("yes", "no"):
            self.tokens[owner][ticker, outcome] -= count
            assert self.tokens[owner][ticker, outcome] >= 0

    @rule(owner=st.integers(0, 1), chosen=st.sets(which, min_size=1), count=counts)
    def convert(self, owner: int, chosen: set[int], count: int) -> None:
        """One NO of each of k outcomes is k − 1 dollars and a YES of each other one."""
        turned = [self.tickers[i] for i in sorted(chosen)]
        self.now += 1
        try:
            tokens.convert(self.engine, self.accounts[owner], turned, count, self.now)
        except RejectionError:
            return
        self.cash[owner] += Fraction(count, 100) * (len(turned) - 1)
        for ticker in self.tickers:
            if ticker in turned:
                self.tokens[owner][ticker, "no"] -= count
                assert self.tokens[owner][ticker, "no"] >= 0
            else:
                self.tokens[owner][ticker, "yes"] += count

    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        """A trade fails on its way into the chain: it is as if it had never been, or stays whole."""
        trades = [seq for seq, halves in self.halves.items() if halves[0].order.ticker in self.tickers]
        if not trades:
            return
        self.now += 1
        halves = self.halves.pop(data.draw(st.sampled_from(sorted(trades)[-5:])))
        fees = self.engine.fees_collected
        if not tokens.take_back(self.engine, halves, self.now):
            assert self.engine.fees_collected == fees
            return
        assert self.engine.fees_collected == fees - sum(half.fee for half in halves)
        for order, price, count, fee in ((h.order, h.price, h.count, h.fee) for h in halves):
            if (i := self.accounts.index(order.account)) < 2:
                yes = (order.side == BID) != order.sells
                worth = Fraction(price if yes else PRICE_UNITS - price, PRICE_UNITS) * Fraction(count, 100)
                sign = -1 if order.sells else 1
                self.cash[i] += sign * worth + Fraction(fee, MICROS)
                self.tokens[i][order.ticker, "yes" if yes else "no"] -= sign * count

    @precondition(lambda self: self.calm > 15)
    @rule(winner=which, early=st.booleans())
    def end(self, winner: int, early: bool) -> None:
        """The event ends; tokens are redeemed at once or stay, and a new event is listed."""
        self.now += 1
        self.calm = 0
        for i, ticker in enumerate(self.tickers):
            self.engine.settle_market(ticker, "", PRICE_UNITS if i == winner else 0, self.now)
        for owner in (0, 1):
            for i, ticker in enumerate(self.tickers):
                self._redeem(owner, ticker, Fraction(int(i == winner)), now=early)
        self._list()

    def _redeem(self, owner: int, ticker: str, payout: Fraction, *, now: bool) -> None:
        held = self.tokens[owner][ticker, "yes"], self.tokens[owner][ticker, "no"]
        if not now:
            return
        if not any(held):
            with pytest.raises(RejectionError):
                tokens.redeem(self.engine, self.accounts[owner], ticker, self.now)
            return
        got = tokens.redeem(self.engine, self.accounts[owner], ticker, self.now)
        worth = Fraction(held[0], 100) * payout + Fraction(held[1], 100) * (1 - payout)
        assert Fraction(got, MICROS) == worth
        self.cash[owner] += worth
        self.tokens[owner][ticker, "yes"] = self.tokens[owner][ticker, "no"] = 0

    @invariant()
    def every_law_holds(self) -> None:
        audit(self.engine)

    @invariant()
    def money_and_tokens_are_the_models(self) -> None:
        self._take_in()
        for i in (0, 1):
            assert self.cash[i] * MICROS == self.accounts[i].cash
            held = {
                (ticker, outcome): lot.count
                for ticker, holding in tokens.tokens_of(self.accounts[i])
                for outcome, lot in (("yes", holding.yes), ("no", holding.no))
                if lot.count
            }
            assert held == {key: count for key, count in self.tokens[i].items() if count}


EXAMPLES = max(100, settings().max_examples)
Laws.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=60)
TestTokenLaws = Laws.TestCase


def test_orders_in_several_markets_share_the_same_dollars_until_one_fills() -> None:
    """Hand-worked: $10 stand behind two bids of $8; when one fills the other is cancelled."""
    engine = Engine()
    ann, bob = (engine.add_account(Account(n, grid=1, tokens=n == "ann")) for n in ("ann", "bob"))
    ann.deposit(10 * MICROS)
    bob.deposit(100 * MICROS)
    for ticker in ("A", "B"):
        engine.add_market(ticker, CENT_GRID, TakerFees(0))
    first = engine.submit(ann, "A", BID, 4_000, 2_000, 1)
    second = engine.submit(ann, "B", BID, 4_000, 2_000, 2)
    with pytest.raises(RejectionError, match="not enough balance / allowance"):
        engine.submit(ann, "A", ASK, 4_000, 1_000, 3)  # 10 NO at 60 cents: $14 within one market
    engine.submit(bob, "A", ASK, 4_000, 2_000, 4)
    assert (first.status, second.status, second.last_reason) == ("executed", "canceled", "BalanceCancel")
    assert (ann.cash, ann.holdings["A"].position) == (2 * MICROS, 2_000)
    audit(engine)


def test_mint_and_merge_between_two_that_hold_tokens() -> None:
    """Hand-worked: a buyer of YES at 40 and one of NO at 60 make a pair; their sales end it."""
    engine = Engine()
    ann, bob = (engine.add_account(Account(n, grid=1, tokens=True)) for n in ("ann", "bob"))
    for account in (ann, bob):
        account.deposit(10 * MICROS)
    market = engine.add_market("A", CENT_GRID, TakerFees(0))
    engine.submit(ann, "A", BID, 4_000, 1_000, 1)
    engine.submit(bob, "A", ASK, 4_000, 1_000, 2)
    assert (ann.cash, bob.cash, market.pool) == (6 * MICROS, 4 * MICROS, 10 * MICROS)
    with pytest.raises(RejectionError, match="not enough balance"):
        engine.submit(ann, "A", ASK, 5_000, 1_001, 3, sells=True)
    engine.submit(ann, "A", ASK, 5_000, 1_000, 4, sells=True)
    engine.submit(bob, "A", BID, 5_000, 1_000, 5, sells=True)
    assert (ann.cash, bob.cash, market.pool) == (11 * MICROS, 9 * MICROS, 0)
    audit(engine)


def test_a_market_that_is_void_pays_half_a_dollar_for_each_token() -> None:
    engine = Engine()
    ann = engine.add_account(Account("ann", grid=1, tokens=True))
    ann.deposit(10 * MICROS)
    market = engine.add_market("A", CENT_GRID, TakerFees(0))
    tokens.split(engine, ann, "A", 500, 1)
    engine.settle_market("A", "", 5_000, 2)
    assert (ann.cash, market.pool) == (5 * MICROS, 5 * MICROS)
    audit(engine)
    assert tokens.redeem(engine, ann, "A", 3) == 5 * MICROS
    assert (ann.cash, market.pool) == (10 * MICROS, 0)
    audit(engine)
