"""Collateral of exclusive outcomes: returned at once, taken back later; in the end all have what they had before."""

from __future__ import annotations

import random
from pathlib import Path

import httpx
import pytest

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.engine import Engine
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import ASK, BID, Order
from prediction_mcp.exchange.engine.order_checks import GTC, IOC
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.units import CENT_GRID, MICROS
from tests.conftest import Served

DOLLAR = MICROS
TICKERS = ("E-A", "E-B", "E-C", "E-D")
FREE = FeeSchedule.of("quadratic", 0)
NOW = 1_795_000_000_000


def market_of(*, netting: bool, cash: int = 100 * DOLLAR, fees: FeeSchedule = FREE) -> tuple[Engine, Account, Account]:
    """Four markets that exclude each other, an account that nets or doesn't, and one that takes the other side."""
    engine = Engine()
    for ticker in TICKERS:
        engine.add_market(ticker, CENT_GRID, fees, exclusive=("E", TICKERS))
    ann, bob = (engine.add_account(Account(name, netting=netting and name == "ann")) for name in ("ann", "bob"))
    ann.deposit(cash)
    bob.deposit(10_000 * DOLLAR)
    return engine, ann, bob


def buy_no(engine: Engine, ann: Account, bob: Account, ticker: str, cents: int, contracts: int) -> None:
    """NO at so many cents: bob bids YES at the rest of the dollar."""
    engine.submit(bob, ticker, BID, 10_000 - cents * 100, contracts * 100, 1)
    engine.submit(ann, ticker, ASK, 10_000 - cents * 100, contracts * 100, 1, time_in_force=IOC)
    audit(engine)


def test_the_example_of_the_exchanges_help_pages() -> None:
    """NO of one at 60¢ and of another at 70¢: a dollar comes back, 30¢ are at risk."""
    for winner, gets in ((None, 1), ("E-A", 0), ("E-B", 0), ("E-C", 1)):
        engine, ann, bob = market_of(netting=True)
        buy_no(engine, ann, bob, "E-A", 60, 1)
        assert (ann.cash, ann.returned) == (99_400_000, 0)
        buy_no(engine, ann, bob, "E-B", 70, 1)
        assert (ann.cash, ann.returned, ann.available) == (99_700_000, DOLLAR, 99_700_000)
        for ticker in TICKERS:
            engine.settle_market(ticker, "yes" if ticker == winner else "no", 10_000 if ticker == winner else 0, 2)
            audit(engine)
        assert (ann.cash - 99_700_000, ann.returned) == (gets * DOLLAR, 0)


def test_all_but_the_largest_are_returned() -> None:
    """Of 5, 3 and 9 contracts 8 dollars; the fourth with 12 makes it 17."""
    engine, ann, bob = market_of(netting=True)
    for ticker, contracts, returned in (("E-A", 5, 0), ("E-B", 3, 3), ("E-C", 9, 8), ("E-D", 12, 17)):
        buy_no(engine, ann, bob, ticker, 50, contracts)
        assert ann.returned == returned * DOLLAR
    engine.submit(bob, "E-D", ASK, 4_000, 500, 3)
    engine.submit(ann, "E-D", BID, 4_000, 500, 3, time_in_force=IOC)  # five of the largest: 7 and 9 are left
    audit(engine)
    assert ann.returned == (5 + 3 + 9 + 7 - 9) * DOLLAR


def test_what_was_returned_has_to_be_there_to_sell() -> None:
    """With the money spent, a position whose collateral came back can't be sold: as the exchange warns."""
    engine, ann, bob = market_of(netting=True, cash=1_301_000)
    buy_no(engine, ann, bob, "E-A", 60, 1)
    buy_no(engine, ann, bob, "E-B", 70, 1)
    assert ann.cash == DOLLAR + 1_000
    engine.submit(bob, "E-C", ASK, 8_000, 100, 2)
    engine.submit(ann, "E-C", BID, 8_000, 100, 2, time_in_force=IOC)
    assert ann.available == 201_000
    with pytest.raises(RejectionError) as refused:  # YES at 40¢ closes the NO, brings 60¢ and takes the dollar back
        engine.submit(ann, "E-A", BID, 4_000, 100, 3)
    assert refused.value.code == "insufficient_balance"
    audit(engine)
    ann.deposit(DOLLAR)
    engine.submit(ann, "E-A", BID, 100, 100, 3)
    assert (ann.available, ann.returned, ann.returns["E"].held) == (201_000 - ann.grid * 2, DOLLAR, DOLLAR)
    engine.submit(bob, "E-A", ASK, 100, 100, 3)
    audit(engine)
    assert (ann.available, ann.returned, ann.holdings["E-A"].position) == (1_191_000, 0, 0)


def test_off_is_off_and_what_was_returned_stays_until_it_is_due() -> None:
    engine, ann, bob = market_of(netting=False)
    buy_no(engine, ann, bob, "E-A", 50, 5)
    buy_no(engine, ann, bob, "E-B", 50, 5)
    assert ann.returned == 0
    ann.netting = True
    buy_no(engine, ann, bob, "E-C", 50, 1)
    assert ann.returned == 6 * DOLLAR
    ann.netting = False
    buy_no(engine, ann, bob, "E-D", 50, 5)
    assert ann.returned == 6 * DOLLAR, "no more"
    for ticker in TICKERS:
        engine.settle_market(ticker, "no", 0, 4)
        audit(engine)
    assert ann.returned == 0
    assert ann.cash == 100 * DOLLAR + 16 * 500_000


def test_yes_and_lone_markets_are_left_alone() -> None:
    engine, ann, bob = market_of(netting=True)
    engine.add_market("X", CENT_GRID, FREE)
    buy_no(engine, ann, bob, "X", 50, 5)
    for ticker in TICKERS[:2]:
        engine.submit(bob, ticker, ASK, 5_000, 500, 1)
        engine.submit(ann, ticker, BID, 5_000, 500, 1)
    audit(engine)
    assert (ann.returned, ann.returns) == (0, {})


def test_ends_that_contradict_each_other_cost_the_exchange() -> None:
    """Two YES in an event of which there is at most one: what was returned can't be taken back from anybody."""
    engine, ann, bob = market_of(netting=True)
    for ticker in TICKERS[:2]:
        buy_no(engine, ann, bob, ticker, 50, 5)
    for ticker in TICKERS:
        engine.settle_market(ticker, "yes", 10_000, 2)
        audit(engine)
    assert (ann.cash, ann.returned, engine.fees_collected) == (100 * DOLLAR, 0, -5 * DOLLAR)


class Life:
    """The same random life in an engine that returns collateral and in one that doesn't."""

    def __init__(self, seed: int, *, netting: bool, cash: int) -> None:
        self.rng = random.Random(seed)
        self.engine = Engine()
        for ticker in TICKERS:
            self.engine.add_market(
                ticker, CENT_GRID, FeeSchedule.of("quadratic_with_maker_fees", 1), exclusive=("E", TICKERS)
            )
        self.members = [self.engine.add_account(Account(f"m{n}", netting=netting and n < 3)) for n in range(4)]
        for member in self.members:
            member.deposit(cash)
        self.refused = 0

    def step(self) -> None:
        rng, engine = self.rng, self.engine
        account = rng.choice(self.members)
        mine = sorted((o for o in account.orders.values() if o.status == "resting"), key=lambda o: o.seq)
        kind, side, price = rng.randrange(10), rng.choice((BID, ASK)), rng.randrange(35, 66) * 100
        ticker, count, chosen = rng.choice(TICKERS), rng.randrange(1, 900), rng.random()
        order: Order | None = mine[int(chosen * len(mine))] if mine else None
        try:
            if kind == 0 and order is not None:
                engine.cancel(order, 1)
            elif kind == 1 and order is not None:
                engine.amend(order, price, order.filled + count, 1, side=order.side)
            elif kind == 2 and order is not None:
                engine.decrease(order, int(chosen * order.remaining), 1)
            else:
                tif = IOC if kind == 3 else GTC
                engine.submit(account, ticker, side, price, count, 1, time_in_force=tif, stp="maker")
        except RejectionError as rejection:
            assert rejection.code == "insufficient_balance"
            self.refused += 1

    def end(self) -> list[int]:
        order = list(TICKERS)
        self.rng.shuffle(order)
        winner = self.rng.choice([None, *TICKERS])
        for ticker in order:
            self.engine.settle_market(ticker, "yes" if ticker == winner else "no", 10_000 * (ticker == winner), 2)
            audit(self.engine)
        assert not any(one.amount for m in self.members for one in m.returns.values())
        return [member.cash for member in self.members]


@pytest.mark.parametrize("seed", range(12))
def test_in_the_end_everybody_has_what_they_had_without_it(seed: int) -> None:
    with_it, without = (Life(seed, netting=netting, cash=100_000 * DOLLAR) for netting in (True, False))
    saw = 0
    for _ in range(250):
        for life in (with_it, without):
            life.step()
        audit(with_it.engine)
        for mine, theirs in zip(with_it.members, without.members, strict=True):
            assert mine.cash - mine.returned == theirs.cash
        saw += any(m.returned for m in with_it.members)
    assert saw > 50
    assert with_it.refused == without.refused == 0
    assert with_it.end() == without.end()


@pytest.mark.parametrize("seed", range(12))
def test_nobody_ever_owes_the_exchange(seed: int) -> None:
    """Little money, so that orders are refused for it; the audit holds cash and what is free against nothing."""
    life = Life(seed, netting=True, cash=12 * DOLLAR)
    for _ in range(400):
        life.step()
        audit(life.engine)
    assert life.refused > 10
    life.end()


def test_it_survives_a_crash(tmp_path: Path) -> None:
    exchange = Exchange(1, lambda: NOW, Store(tmp_path / "a.db"), "small")
    ann, bob = exchange.add_member("ann"), exchange.add_member("bob")
    ann.netting = True
    event = next(e for e in exchange.catalogue.events.values() if e.exclusive and e.markets[0].status == "active")
    for market in event.markets[:3]:
        book = exchange.engine.markets[market.ticker].book
        exchange.engine.cancel_many([*book.bids, *book.asks], NOW)
        exchange.engine.submit(bob, market.ticker, BID, 5_000, 500, NOW)
        exchange.engine.submit(ann, market.ticker, ASK, 5_000, 500, NOW)
    exchange.engine.submit(ann, event.markets[0].ticker, BID, 100, 300, NOW)
    assert (ann.returned, ann.returns[event.ticker].held) == (10 * DOLLAR, 3 * DOLLAR)
    exchange.sync()
    exchange.store.db.close()
    other = Exchange(99, lambda: NOW, Store(tmp_path / "a.db"))
    again = other.engine.accounts["ann"]
    assert (again.cash, again.held, again.returned) == (ann.cash, ann.held, ann.returned)
    audit(other.engine)
    other.engine.cancel_many(list(again.orders.values()), NOW)
    for market in event.markets:
        other.engine.settle_market(market.ticker, "no", 0, NOW)
    other.sync()
    assert again.returned == 0
    assert other.store.db.execute("SELECT count(*) FROM returns").fetchone() == (0,)
    other.store.close()


async def test_over_rest(served: Served, kalshi: KalshiClient) -> None:
    exchange, member = served.exchange, served.member
    await kalshi.subaccounts.set_netting(0, enabled=True)
    assert (await kalshi.subaccounts.netting())[0].enabled
    event = next(e for e in exchange.catalogue.events.values() if e.exclusive and e.markets[0].status == "active")
    async with httpx.AsyncClient(base_url=served.url) as http:
        read = (await http.get(f"/events/{event.ticker}")).json()["event"]
    assert (read["collateral_return_type"], read["mutually_exclusive"]) == ("MECNET", True)
    other = exchange.add_member("other")
    for market in event.markets[:2]:
        book = exchange.engine.markets[market.ticker].book
        exchange.engine.cancel_many([*book.bids, *book.asks], exchange.clock())
        exchange.engine.submit(other, market.ticker, BID, 4_000, 1_000, exchange.clock())
        exchange.engine.submit(member, market.ticker, ASK, 4_000, 1_000, exchange.clock())
    exchange.sync()
    fees = sum(fill.fee for fill in served.fills)
    balance = await kalshi.portfolio.balance()
    assert balance.balance_dollars * MICROS == 10_000 * MICROS - 12 * MICROS - fees + 10 * MICROS
    page = await kalshi.portfolio.positions()
    assert [p.market_exposure_dollars for p in page.market_positions] == [6, 6]
    assert [p.event_exposure_dollars for p in page.event_positions] == [2], "twelve less the ten that came back"
    assert balance.portfolio_value == 200, "two NO of ten contracts at 60¢ each, less what came back"
