"""Now and then the crowd slips, so that who looks for riskless trades finds one; no book breaks by it."""

from __future__ import annotations

from decimal import Decimal

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock


def test_a_chance_opens_and_closes() -> None:
    """Minutes of an exchange with its crowd: the lower strike is offered below what the higher one is bid, at times."""
    clock = Clock(speed=0)
    exchange = Exchange(3, clock, Store(), "everyday")
    open_now = opened = closed = 0
    for _ in range(2_400):
        clock.step(1_000)
        exchange.advance()
        slip = exchange.crowd._slip
        if slip is None:
            closed += open_now
            open_now = 0
            continue
        if not open_now and slip.order.status == "resting":
            open_now, opened = 1, opened + 1
            rungs = sorted(slip.market.event.markets, key=lambda m: m.floor_strike or Decimal(0))
            higher = rungs[rungs.index(slip.market) + 1]
            bid = exchange.engine.markets[higher.ticker].book.bids.best
            assert bid is not None
            assert slip.order.price + 350 < bid  # more than both fees, which are 1.75¢ at most
    assert opened >= 2
    assert closed >= 1
    audit(exchange.engine)
