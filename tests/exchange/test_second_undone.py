"""A step of the second front that is undone: what waited on accounts of before does nothing, faults stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.faults import Rule
from prediction_mcp.exchange.keeping import Delayed
from prediction_mcp.exchange.second import PolymarketExchange
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock

START_MS = 1_795_500_000_000


@pytest.mark.parametrize("kind", [Exchange, PolymarketExchange])
def test_faults_stay_in_force(kind: type[Exchange], tmp_path: Path) -> None:
    exchange = kind(7, Clock(START_MS, speed=0), Store(tmp_path / "x.db"), "small")
    faults = exchange.faults
    faults.rules.append(Rule("503"))
    exchange.undo()
    assert exchange.faults is faults
    assert [rule.kind for rule in exchange.faults.rules] == ["503"]
    exchange.store.close()
    again = kind(8, Clock(START_MS, speed=0), Store(tmp_path / "x.db"), "small")
    assert again.faults.seed == 7
    again.store.close()


def test_a_trade_that_was_to_fail_takes_no_money_afterwards(tmp_path: Path) -> None:
    clock = Clock(START_MS, speed=0)
    exchange = PolymarketExchange(1, clock, Store(tmp_path / "x.db"), "small")
    one, other = exchange.wallet("0x1", "0x1"), exchange.wallet("0x2", "0x2")
    assert one is not None
    assert other is not None
    market = next(m for m in exchange.catalogue.markets.values() if m.status == "active")
    engine, now = exchange.engine, clock()
    book = engine.markets[market.ticker].book
    engine.cancel_many([*book.bids, *book.asks], now)
    exchange.faults.rules.append(Rule("trade_fails"))
    engine.submit(one, market.ticker, BID, 4_000, 1_000, now)
    engine.submit(other, market.ticker, ASK, 4_000, 1_000, now)
    exchange.sync()
    ran: list[int] = []
    exchange.delayed["0x3"] = Delayed(now + 100, "0x3", ran.append)
    exchange.undo()
    cash = {a.account_id: a.cash for a in exchange.engine.accounts.values()}
    clock.step(10_000)
    exchange.advance(with_crowd=False)
    assert ran == []
    assert {a.account_id: a.cash for a in exchange.engine.accounts.values()} == cash
    assert not exchange.failed
    audit(exchange.engine)
    exchange.store.close()
