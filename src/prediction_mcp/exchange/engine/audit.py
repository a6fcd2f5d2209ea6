"""Every law of the exchange, checked at once; for tests, benchmarks and a doubtful operator."""

from __future__ import annotations

from prediction_mcp.kalshi.units import PRICE_UNITS

from .engine import Engine


def audit(engine: Engine) -> None:
    """Check every law at once; for tests and for a doubtful operator.

    Raises:
        AssertionError: naming the law that doesn't hold.
    """
    cash = sum(a.cash for a in engine.accounts.values())
    deposited = sum(a.deposited for a in engine.accounts.values())
    pools = sum(m.pool for m in engine.markets.values())
    returned = sum(a.returned for a in engine.accounts.values())
    if cash + pools - returned + engine.fees_collected != deposited:
        raise AssertionError(f"money: {cash} + {pools} - {returned} + {engine.fees_collected} != {deposited}")
    for account in engine.accounts.values():
        required = sum(h.requirement() for h in account.holdings.values())
        required += sum(one.held for one in account.returns.values())
        if account.held != required or account.available < 0 or account.cash % account.grid:
            raise AssertionError(f"{account.account_id}: held {account.held} != {required}, cash {account.cash}")
    for ticker, market in engine.markets.items():
        positions = [a.holdings[ticker].position for a in engine.accounts.values() if ticker in a.holdings]
        longs = sum(p for p in positions if p > 0)
        if sum(positions) or market.pool != longs * PRICE_UNITS or market.open_interest != longs:
            raise AssertionError(f"{ticker}: positions {positions}, pool {market.pool}")
        bid, ask = market.book.bids.best, market.book.asks.best
        if bid is not None and ask is not None and bid >= ask:
            raise AssertionError(f"{ticker}: crossed, {bid} >= {ask}")
        for side in (market.book.bids, market.book.asks):
            for level in side.levels.values():
                if level.total != sum(o.remaining for o in level.orders.values()) or level.total <= 0:
                    raise AssertionError(f"{ticker}: a level's total is wrong")
