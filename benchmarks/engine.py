"""How many orders a second the engine takes in process: adds, cancels and matches mixed, ledger and fees included.

The reference in the same run is the least any engine in Python must do for the same stream: look the price level up
in a dict and append to or remove from its queue; no matching, no money.

    python benchmarks/engine.py [operations]
"""

from __future__ import annotations

import random
import sys
import time
from collections import OrderedDict

from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.engine import Engine
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import ASK, BID, Order
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.units import CENT_GRID, MICROS

MARKETS = 20
ACCOUNTS = 50
Operation = tuple[str, int, int, int, int, int]


def script(operations: int, seed: int) -> list[Operation]:
    """(kind, account, market, side, price, count): 55 % rest or cross near the middle, 45 % cancel the oldest own."""
    rng = random.Random(seed)
    made: list[Operation] = []
    for _ in range(operations):
        side = BID if rng.random() < 0.5 else ASK
        offset = rng.choice((-300, -200, -100, 0, 0, 100))  # one third of the orders reach the other side
        price = 5000 + side * offset
        kind = "cancel" if rng.random() < 0.45 else "add"
        made.append((kind, rng.randrange(ACCOUNTS), rng.randrange(MARKETS), side, price, rng.randrange(1, 50) * 100))
    return made


def run_engine(operations: list[Operation]) -> tuple[float, Engine]:
    engine = Engine()
    fees = FeeSchedule.of("quadratic_with_maker_fees")
    tickers = [f"BENCH-{i}" for i in range(MARKETS)]
    for ticker in tickers:
        engine.add_market(ticker, CENT_GRID, fees)
    accounts = [engine.add_account(Account(f"a{i}", keeps_history=False)) for i in range(ACCOUNTS)]
    for account in accounts:
        account.deposit(10_000_000 * MICROS)
    live: list[list[Order]] = [[] for _ in accounts]
    start = time.perf_counter()
    for kind, who, where, side, price, count in operations:
        mine = live[who]
        if kind == "cancel":
            while mine:
                order = mine.pop()
                if order.status == "resting":
                    engine.cancel(order, 0)
                    break
        else:
            mine.append(engine.submit(accounts[who], tickers[where], side, price, count, 0))
    return time.perf_counter() - start, engine


def run_reference(operations: list[Operation]) -> float:
    levels: dict[tuple[int, int], OrderedDict[int, int]] = {}
    live: list[list[tuple[tuple[int, int], int]]] = [[] for _ in range(ACCOUNTS)]
    start = time.perf_counter()
    for seq, (kind, who, where, side, price, count) in enumerate(operations):
        if kind == "cancel":
            if live[who]:
                key, number = live[who].pop()
                levels[key].pop(number, None)
        else:
            key = (where, side * price)
            levels.setdefault(key, OrderedDict())[seq] = count
            live[who].append((key, seq))
    return time.perf_counter() - start


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    operations = script(count, seed=7)
    run_engine(operations[: count // 10])
    seconds, engine = run_engine(operations)
    reference = run_reference(operations)
    trades = sum(len(m.trades) for m in engine.markets.values())
    matched = sum(m.volume for m in engine.markets.values()) / 100
    audit(engine)
    print(f"engine: {count / seconds:,.0f} orders/s ({count:,} operations, {matched:,.0f} contracts matched)")
    print(f"reference (dict and queue only): {count / reference:,.0f} operations/s; tape holds {trades:,} trades")
    print("audit: money conserved, no book crossed, collateral exact")


if __name__ == "__main__":
    main()
