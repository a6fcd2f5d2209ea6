"""The exchange on disk: what is read back is what was there, to the last unit, in the same queue, and goes on alike."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from prediction_mcp.exchange.disk.archive import Where
from prediction_mcp.exchange.disk.store import Store, StoreBusyError, StoreError
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.groups import OrderGroup
from prediction_mcp.exchange.engine.ledger import Account, transfer
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.engine.order_checks import GTC, IOC
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.units import MICROS

NOW = 1_795_000_000_000


class Clock:
    def __init__(self, ms: int = NOW) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms


def order_state(order: Any) -> dict[str, Any]:
    state = {name: getattr(order, name) for name in type(order).__slots__ if name != "last_reason"}
    return state | {"account": order.account.account_id, "group": order.group and order.group.group_id}


def state_of(exchange: Exchange) -> dict[str, Any]:
    """Everything there is, as plain values: books in the sequence they would trade."""
    engine = exchange.engine
    members = [a for a in engine.accounts.values() if a.keeps_history and a.parent is None]
    return {
        "accounts": {
            a.account_id: (a.cash, a.held, a.deposited, a.number, a.netting, a.updated_ms, a.primary.account_id)
            for a in engine.accounts.values()
        },
        "holdings": {
            (a.account_id, ticker): {name: getattr(holding, name) for name in type(holding).__slots__}
            for a in engine.accounts.values()
            for ticker, holding in a.holdings.items()
            if not holding.is_idle
        },
        "books": {
            ticker: [[order_state(o) for o in side] for side in (state.book.bids, state.book.asks)]
            for ticker, state in engine.markets.items()
        },
        "markets": {
            ticker: (state.is_open, state.pool, state.open_interest, state.volume, state.last_price, list(state.trades))
            for ticker, state in engine.markets.items()
        },
        "orders": {m.account_id: [order_state(o) for o in exchange.archive.orders(m)] for m in members},
        "fills": {m.account_id: [(f.seq, f.price, f.fee) for f in exchange.archive.fills(m)] for m in members},
        "settled": {m.account_id: [(s.seq, s.revenue) for s in exchange.archive.settlements(m)] for m in members},
        "groups": {
            g.group_id: (g.limit, g.triggered, list(g.trades), sorted(g.orders)) for g in exchange.groups.values()
        },
        "listing": [
            (m.ticker, m.status, m.serial, m.result, m.legs, m.strike_type) for m in exchange.catalogue.markets.values()
        ],
        "worth": [e.fair.probabilities() for e in exchange.catalogue.events.values()],
        "fees": (engine.fees_collected, engine.sequence),
    }


def trade_at_random(exchange: Exchange, rng: random.Random, steps: int) -> None:
    """The member's own life, on a few markets, with everything that an order can go through."""
    engine, now = exchange.engine, exchange.clock()
    member = engine.accounts["you"]
    accounts = [member, *exchange.subaccounts(member)]
    tickers = [m.ticker for m in exchange.catalogue.markets.values() if m.status == "active"][:6]
    for _ in range(steps):
        account = rng.choice(accounts)
        mine = sorted((o for o in account.orders.values() if o.status == "resting"), key=lambda o: o.seq)
        try:
            match rng.randrange(8):
                case 0 if mine:
                    engine.cancel(rng.choice(mine), now)
                case 1 if mine:
                    order = rng.choice(mine)
                    engine.amend(
                        order, rng.randrange(1, 99) * 100, order.filled + rng.randrange(1, 900), now, side=order.side
                    )
                case 2 if mine:
                    order = rng.choice(mine)
                    engine.decrease(order, rng.randrange(order.remaining + 1), now)
                case 3:
                    group = OrderGroup(f"g{rng.random()}", account, rng.randrange(1, 50) * 100)
                    exchange.groups[group.group_id] = group
                    engine.tell_group(group, "created", now)
                case 4:
                    source, target = rng.sample(accounts, 2)
                    transfer(source, target, rng.randrange(1, 100) * 10_000, now)
                    exchange.changes.accounts[source] = exchange.changes.accounts[target] = None
                case _:
                    groups = sorted(
                        (g for g in exchange.groups.values() if g.account is account), key=lambda g: g.group_id
                    )
                    engine.submit(
                        account, rng.choice(tickers), rng.choice((BID, ASK)), rng.randrange(1, 99) * 100,
                        rng.randrange(1, 3_000), now, time_in_force=rng.choice((GTC, GTC, IOC)), stp="maker",
                        client_order_id=f"c{rng.random()}", group=rng.choice(groups) if groups else None,
                        expires_ms=0 if rng.random() < 0.8 else now + rng.randrange(1, 9_000_000),
                    )  # fmt: skip
        except RejectionError as rejection:
            assert rejection.code in ("insufficient_balance", "order_group_triggered", "invalid_order")


@pytest.mark.parametrize("seed", range(4))
def test_what_is_read_back_is_what_was_there(tmp_path: Path, seed: int) -> None:
    """The file is copied as a crash would leave it, while the exchange goes on; both go on and stay the same."""
    rng, clock = random.Random(seed), Clock()
    exchange = Exchange(seed, clock, Store(tmp_path / "a.db"), "small")
    member = exchange.add_member()
    for _ in range(2):
        exchange.add_subaccount(member)
    for round_ in range(6):
        trade_at_random(exchange, rng, 60)
        clock.ms += rng.choice((250, 60_000, 6 * 3_600_000))
        exchange.advance(with_crowd=round_ % 2 == 0)
    for name in ("a.db", "a.db-wal"):
        shutil.copy(tmp_path / name, tmp_path / name.replace("a", "b", 1))

    other = Exchange(99, Clock(clock.ms), Store(tmp_path / "b.db"))
    assert state_of(other) == state_of(exchange)
    assert (other.seed, other.catalogue.scenario) == (seed, "small")
    for one in (exchange, other):
        trade_at_random(one, random.Random(5), 150)
        one.sync()
        audit(one.engine)
    assert state_of(other) == state_of(exchange)
    for one in (exchange, other):
        one.store.close()


def test_an_order_that_is_over_leaves_memory_and_can_be_read(tmp_path: Path) -> None:
    exchange = Exchange(1, Clock(), Store(tmp_path / "x.db"), "small")
    member = exchange.add_member()
    ticker = next(m.ticker for m in exchange.catalogue.markets.values() if m.status == "active")
    engine = exchange.engine
    for i in range(300):
        order = engine.submit(member, ticker, BID, 100, 100, NOW, client_order_id=f"id{i}")
        engine.cancel(order, NOW)
    exchange.sync()
    assert [member.orders, member.by_client_id, member.fills] == [{}, {}, []]
    assert len([*exchange.archive.orders(member)]) == 300
    assert len([*exchange.archive.orders(member, Where().add("status = ?", "canceled"))]) == 300
    with pytest.raises(RejectionError, match="order_already_exists"):
        engine.submit(member, ticker, BID, 100, 100, NOW, client_order_id="id7")


def test_an_amended_id_stays_used(tmp_path: Path) -> None:
    """An order created as A and amended to B must refuse a late retry of the creation, also after it is over."""
    exchange = Exchange(1, Clock(), Store(tmp_path / "x.db"), "small")
    member, engine = exchange.add_member(), exchange.engine
    ticker = next(m.ticker for m in exchange.catalogue.markets.values() if m.status == "active")
    order = engine.submit(member, ticker, BID, 100, 100, NOW, client_order_id="A")
    exchange.sync()
    engine.amend(order, 100, 50, NOW, side=BID, client_order_id="B")
    engine.cancel(order, NOW)
    exchange.sync()
    for used in ("A", "B"):
        with pytest.raises(RejectionError, match="order_already_exists"):
            engine.submit(member, ticker, BID, 100, 100, NOW, client_order_id=used)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    first = Store(tmp_path / "x.db")
    with pytest.raises(StoreBusyError, match="in use by another process"):
        Store(tmp_path / "x.db")
    first.close()
    Store(tmp_path / "x.db").close()


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("These are not the books you are looking for." * 50)
    with pytest.raises(StoreError, match="not a paper exchange"):
        Store(tmp_path / "text.db")
    newer = Store(tmp_path / "newer.db")
    newer.db.execute("PRAGMA user_version = 77")
    newer.close()
    with pytest.raises(StoreError, match="has version 77"):
        Store(tmp_path / "newer.db")
    with pytest.raises(StoreError, match="can't be opened"):
        Store(tmp_path / "no" / "such" / "folder.db")


def test_money_that_does_not_add_up_is_not_traded_on(tmp_path: Path) -> None:
    exchange = Exchange(1, Clock(), Store(tmp_path / "x.db"), "small")
    exchange.add_member()
    exchange.store.db.execute("UPDATE accounts SET cash = cash + 100 WHERE account_id = 'you'")
    exchange.store.close()
    with pytest.raises(StoreError, match=r"doesn't add up \(money"):
        Exchange(1, Clock(), Store(tmp_path / "x.db"))


def test_a_full_disk_forgets_nothing(tmp_path: Path) -> None:
    """A commit that fails is undone whole; the next one writes it all."""
    exchange = Exchange(1, Clock(), Store(tmp_path / "x.db"), "small")
    member, engine = exchange.add_member(), exchange.engine
    ticker = next(m.ticker for m in exchange.catalogue.markets.values() if m.status == "active")
    (pages,) = exchange.store.db.execute("PRAGMA page_count").fetchone()
    exchange.store.db.execute(f"PRAGMA max_page_count = {pages}")

    def fill_the_disk() -> None:
        for i in range(3_000):
            engine.submit(member, ticker, BID, 100, 1, NOW, client_order_id=f"id{i}")
            exchange.sync()

    with pytest.raises(StoreError, match="can't be written to disk"):
        fill_the_disk()
    placed = len(member.orders)
    exchange.store.db.execute("PRAGMA max_page_count = 1000000")
    exchange.sync()
    assert len([*exchange.archive.orders(member)]) == placed
    exchange.store.close()
    again = Exchange(1, Clock(), Store(tmp_path / "x.db"))
    assert len(again.engine.accounts["you"].orders) == placed


def test_an_exchange_that_died_before_its_first_commit_begins_anew(tmp_path: Path) -> None:
    """Nothing of it was written, so there is no exchange without its markets."""
    store = Store(tmp_path / "x.db")
    store.begin(7, "small", NOW)
    store.close()
    exchange = Exchange(3, Clock(), Store(tmp_path / "x.db"), "small")
    assert (exchange.seed, len(exchange.catalogue.markets) > 20) == (3, True)


def test_fees_that_change_while_old_markets_leave(tmp_path: Path) -> None:
    """On the day of a change every event of the series is marked, and some of them are let go of in the same step."""
    clock = Clock()
    exchange = Exchange(1, clock, Store(tmp_path / "x.db"))
    for days in (9, 11, 70, 100):
        clock.ms = NOW + days * 86_400_000
        exchange.advance(with_crowd=False)
    exchange.store.close()
    again = Exchange(1, clock, Store(tmp_path / "x.db"))
    assert len(again.catalogue.markets) == len(exchange.catalogue.markets)


def test_deposits_and_transfers_are_recorded(tmp_path: Path) -> None:
    exchange = Exchange(1, Clock(), Store(tmp_path / "x.db"), "small")
    member = exchange.add_member(deposit=50 * MICROS)
    exchange.deposit(member, 25 * MICROS)
    exchange.sync()
    exchange.store.close()
    again = Exchange(1, Clock(), Store(tmp_path / "x.db"))
    you = again.engine.accounts["you"]
    assert isinstance(you, Account)
    assert [done.micros // MICROS for _, done in again.archive.deposits(you)] == [25, 50]
    assert you.cash == 75 * MICROS


def negotiated(exchange: Exchange) -> dict[str, Any]:
    """Every request with its quotes, as plain values."""

    def plain(thing: Any) -> dict[str, Any]:
        state = {name: getattr(thing, name) for name in type(thing).__slots__ if name not in ("quotes", "rfq")}
        return state | {
            "account": thing.account.account_id,
            "market": getattr(thing, "market", None) and thing.market.ticker,
        }

    return {
        rfq.rfq_id: plain(rfq) | {"quotes": [plain(quote) for quote in rfq.quotes.values()]}
        for rfq in exchange.negotiations.rfqs.values()
    }


@pytest.mark.parametrize("seed", range(3))
def test_requests_for_quotes_survive_a_crash_at_any_step(tmp_path: Path, seed: int) -> None:
    """After each step the file is what a crash would leave; both go on and end alike: traded, void or called off."""
    rng, clock = random.Random(seed), Clock()
    exchange = Exchange(seed, clock, Store(tmp_path / "a.db"), "small")
    ann, bob = exchange.add_member("ann"), exchange.add_member("bob")
    markets = [m for m in exchange.catalogue.markets.values() if m.status == "active"][:4]
    talk = exchange.negotiations
    for step in range(120):
        open_rfqs = [rfq for rfq in talk.rfqs.values() if rfq.status == "open"]
        quotes = [quote for rfq in open_rfqs for quote in rfq.quotes.values()]
        try:
            match rng.randrange(9):
                case 0 if open_rfqs and rng.random() < 0.3:
                    talk.withdraw(rng.choice(open_rfqs), clock.ms)
                case 1 | 2 if quotes:
                    talk.accept(rng.choice(quotes), rng.choice(("yes", "no")), clock.ms)
                case 3 | 4 if quotes:
                    for quote in quotes:
                        if quote.status == "accepted":
                            talk.confirm(quote, clock.ms)
                case 5 if quotes and rng.random() < 0.3:
                    talk.withdraw_quote(rng.choice(quotes), clock.ms)
                case 6 | 7 if open_rfqs:
                    bids = (rng.randrange(0, 45) * 100, rng.randrange(0, 45) * 100)
                    talk.quote(bob, rng.choice(open_rfqs), *bids, clock.ms, post_only=rng.random() < 0.1)
                case _:
                    rests, market = rng.random() < 0.3, rng.choice(markets)
                    if rng.random() < 0.5:
                        talk.ask(ann, market, clock.ms, contracts=500, rest_remainder=rests)
                    else:
                        talk.ask(ann, market, clock.ms, target_cost=3 * MICROS, rest_remainder=rests)
        except RejectionError:
            pass
        clock.ms += rng.choice((250, 250, 4_000, 16_000))
        exchange.advance(with_crowd=False)
        if step % 12 == 0:
            for name in ("a.db", "a.db-wal"):
                shutil.copy(tmp_path / name, tmp_path / name.replace("a", f"b{step}", 1))
            other = Exchange(99, Clock(clock.ms), Store(tmp_path / f"b{step}.db"))
            assert negotiated(other) == negotiated(exchange)
            other.clock.ms += 60_000  # type: ignore[attr-defined]
            other.advance(with_crowd=False)
            assert not [
                q for r in other.negotiations.rfqs.values() for q in r.quotes.values() if q.status == "confirmed"
            ]
            fresh = other.negotiations.ask(
                other.engine.accounts["bob"], other.catalogue.markets[markets[0].ticker], clock.ms, contracts=100
            )
            assert fresh.serial > max(rfq.serial for rfq in other.negotiations.rfqs.values() if rfq is not fresh)
            audit(other.engine)
            other.store.close()
    assert {rfq.reason for rfq in talk.rfqs.values()} >= {"executed", "deleted"}
    exchange.store.close()


def test_a_quote_that_was_confirmed_before_a_crash_is_traded_after_it(tmp_path: Path) -> None:
    clock = Clock()
    exchange = Exchange(1, clock, Store(tmp_path / "a.db"), "small")
    ann, bob = exchange.add_member("ann"), exchange.add_member("bob")
    market = next(m for m in exchange.catalogue.markets.values() if m.status == "active")
    book = exchange.engine.markets[market.ticker].book
    exchange.engine.cancel_many([*book.bids, *book.asks], clock.ms)
    rfq = exchange.negotiations.ask(ann, market, clock.ms, contracts=700)
    quote = exchange.negotiations.quote(bob, rfq, 0, 5_500, clock.ms)
    exchange.negotiations.accept(quote, "no", clock.ms)
    exchange.negotiations.confirm(quote, clock.ms)
    exchange.sync()
    exchange.store.db.close()  # as a crash leaves it
    clock.ms += 16_000
    other = Exchange(99, clock, Store(tmp_path / "a.db"))
    other.advance(with_crowd=False)
    assert other.negotiations.quotes[quote.quote_id].status == "executed"
    assert [other.engine.accounts[n].holding(market.ticker).position for n in ("ann", "bob")] == [700, -700]
    other.store.close()


def test_requests_that_are_over_for_long_leave_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prediction_mcp.exchange.engine.negotiation.KEPT", 3)
    clock = Clock()
    exchange = Exchange(1, clock, Store(tmp_path / "a.db"), "small")
    ann = exchange.add_member("ann")
    market = next(m for m in exchange.catalogue.markets.values() if m.status == "active")
    for _ in range(6):
        exchange.negotiations.withdraw(exchange.negotiations.ask(ann, market, clock.ms, contracts=100), clock.ms)
        exchange.sync()
    assert exchange.store.db.execute("SELECT count(*) FROM rfqs").fetchone() == (3,)
    exchange.store.close()


WITHOUT_SHARDS = (
    "ALTER TABLE deposits DROP COLUMN status;"
    " ALTER TABLE accounts DROP COLUMN shard; ALTER TABLE transfers DROP COLUMN client_id;"
    " CREATE TABLE allocations (account_id TEXT PRIMARY KEY, percent INTEGER NOT NULL, reservation TEXT NOT NULL)"
    " STRICT; "
)
WITHOUT_TOKENS = (
    "ALTER TABLE accounts DROP COLUMN tokens; ALTER TABLE orders DROP COLUMN sells;"
    " ALTER TABLE positions DROP COLUMN lots; DROP TABLE extras; "
)


def test_a_file_of_the_version_before_is_brought_up(tmp_path: Path) -> None:
    exchange = Exchange(1, Clock(), Store(tmp_path / "a.db"), "small", sharded=False)
    exchange.add_member("ann")
    older = f"DROP TABLE rfqs; DROP TABLE returns; {WITHOUT_SHARDS} {WITHOUT_TOKENS} PRAGMA user_version = 2;"
    exchange.store.db.executescript(older)
    exchange.store.close()
    other = Exchange(99, Clock(), Store(tmp_path / "a.db"))
    market = next(m for m in other.catalogue.markets.values() if m.status == "active")
    other.negotiations.ask(other.engine.accounts["ann"], market, NOW, contracts=100)
    other.sync()
    assert other.store.db.execute("SELECT count(*) FROM rfqs").fetchone() == (1,)
    other.store.close()
