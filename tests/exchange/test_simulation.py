"""The exchange as a whole: what it lists, that it is seeded, and that markets live and end."""

from __future__ import annotations

import pytest

from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.history import candles
from prediction_mcp.exchange.world.listed import STATUS_FILTER

NOW = 1_795_000_000_000
HOUR = 3_600_000


class Clock:
    def __init__(self) -> None:
        self.ms = NOW

    def __call__(self) -> int:
        return self.ms


def shape(exchange: Exchange) -> list[object]:
    markets = exchange.engine.markets
    return [(t, m.book.bids.depth(), m.book.asks.depth(), m.volume, len(m.trades)) for t, m in markets.items()]


def test_the_listing_is_as_large_as_promised() -> None:
    catalogue = Exchange(clock=Clock()).catalogue
    assert len(catalogue.series) >= 12
    assert len(catalogue.events) >= 40
    assert len(catalogue.markets) >= 300
    assert len([m for m in catalogue.markets.values() if m.grid.ranges[0].step < 100]) >= 2
    assert any(m.legs for m in catalogue.markets.values())


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_all_life_cycle_states_are_there_at_any_hour(hour: int) -> None:
    clock = Clock()
    clock.ms += hour * HOUR
    exchange = Exchange(seed=hour, clock=clock)
    markets = exchange.catalogue.markets.values()
    promised = {"initialized", "active", "inactive", "closed", "determined", "disputed", "amended", "finalized"}
    assert promised <= {m.status for m in markets}
    assert {s for members in STATUS_FILTER.values() for s in members} == promised
    decided = {"determined", "disputed", "amended", "finalized"}
    assert all(bool(m.result) == (m.status in decided) for m in markets)


def test_the_same_seed_gives_the_same_exchange_over_time() -> None:
    shapes = []
    for seed in (7, 7, 8):
        clock = Clock()
        exchange = Exchange(seed, clock=clock)
        for _ in range(50):
            clock.ms += 250
            exchange.advance()
        shapes.append(shape(exchange))
    assert shapes[0] == shapes[1]
    assert shapes[0] != shapes[2]


def test_books_are_two_sided_and_trades_keep_coming() -> None:
    clock = Clock()
    exchange = Exchange(clock=clock)
    before = sum(m.volume for m in exchange.engine.markets.values())
    for _ in range(400):
        clock.ms += 250
        exchange.advance()
    active = [m for m in exchange.catalogue.markets.values() if m.status == "active"]
    books = [exchange.engine.markets[m.ticker].book for m in active]
    assert sum(1 for b in books if b.bids.best and b.asks.best) > 0.8 * len(books)
    assert sum(m.volume for m in exchange.engine.markets.values()) > before
    audit(exchange.engine)


def test_outcomes_that_exclude_each_other_sum_to_about_one() -> None:
    exchange = Exchange(clock=Clock())
    for event in exchange.catalogue.events.values():
        if event.exclusive and all(m.status == "active" for m in event.markets):
            assert sum(event.fair.probabilities()) == pytest.approx(1, abs=0.06)


def test_markets_close_are_decided_and_pay() -> None:
    """A member who holds every outcome of an exclusive event gets exactly one dollar back for each set."""
    clock = Clock()
    exchange = Exchange(clock=clock)
    member = exchange.add_member("ann")
    event = next(
        e
        for e in exchange.catalogue.events.values()
        if e.exclusive and e.series.ticker == "KXHIGHNY" and all(m.status == "active" for m in e.markets)
    )
    for market in event.markets:
        book = exchange.engine.markets[market.ticker].book
        assert book.asks.best is not None
        exchange.engine.submit(member, market.ticker, BID, book.asks.best, 500, clock.ms)
    assert len(member.holdings) == len(event.markets)
    spent = member.deposited - member.cash
    while event.markets[0].status != "finalized":
        clock.ms += 6 * HOUR
        exchange.advance(with_crowd=False)
        audit(exchange.engine)
    assert [m.result for m in event.markets].count("yes") == 1
    assert member.cash == member.deposited - spent + 5 * 1_000_000
    assert len([*exchange.archive.settlements(member)]) == len(event.markets)
    assert len([*exchange.archive.settled_positions([member])]) == len(event.markets)
    assert not exchange.engine.markets[event.markets[0].ticker].is_open


def test_combos_are_decided_by_their_legs() -> None:
    clock = Clock()
    exchange = Exchange(clock=clock)
    combos = [m for m in exchange.catalogue.markets.values() if m.legs]
    for _ in range(60):
        clock.ms += 4 * HOUR
        exchange.advance(with_crowd=False)
    decided = [m for m in combos if m.status == "finalized"]
    assert decided
    for combo in decided:
        legs = [exchange.catalogue.markets[ticker].result for _, ticker, _ in combo.legs]
        assert combo.result == ("yes" if all(result == "yes" for result in legs) else "no")


def test_candlesticks_are_the_tape_summed_up() -> None:
    exchange = Exchange(clock=Clock())
    state = exchange.engine.markets["KXSB-27-ARI"]
    tape = list(state.trades)
    start, end = tape[0].ts_ms // 1000 - 86_400, tape[-1].ts_ms // 1000 + 86_400
    for minutes in (1, 60, 1440):
        made = candles(tape, start, end, minutes)
        assert sum(c.volume for c in made) == sum(t.count for t in tape)
        assert all(c.low <= (c.open_price or 0) <= c.high and c.low <= (c.close_price or 0) <= c.high for c in made)
        assert all(c.end_ts % (minutes * 60) == 0 for c in made)
        assert made[0].previous is None
        assert [c.previous for c in made[1:]] == [c.close_price for c in made[:-1]]
        hand = [t for t in tape if made[0].end_ts - minutes * 60 < t.ts_ms / 1000 <= made[0].end_ts]
        assert (made[0].open_price, made[0].high) == (hand[0].price, max(t.price for t in hand))
