"""How long the arithmetic takes: profit over 100,000 fills. The reference in the same run only adds the fills up.

python benchmarks/analytics.py [fills]
"""

from __future__ import annotations

import random
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from prediction_mcp.analytics.pnl import Execution, fifo

MARKETS = 500


def history(fills: int) -> list[Execution]:
    rng, start = random.Random(1), datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Execution(
            f"BENCH-{rng.randrange(MARKETS)}",
            rng.choice(("bid", "ask")),
            Decimal(rng.randrange(1, 99)) / 100,
            Decimal(rng.randrange(1, 5_000)) / 100,
            Decimal(rng.randrange(1, 900)) / 10_000,
            start + timedelta(minutes=i),
        )
        for i in range(fills)
    ]


def main() -> None:
    fills = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    done = history(fills)
    start = time.perf_counter()
    lots = fifo(done, [])
    took = time.perf_counter() - start
    start = time.perf_counter()
    total = sum((e.price * e.count + e.fee for e in done), Decimal(0))
    plain = time.perf_counter() - start
    realized = sum((lot.realized for lot in lots.values()), Decimal(0))
    print(f"P&L of {fills:,} fills in {len(lots)} markets: {took:.2f} s (realized ${realized:,.2f})")
    print(f"reference: price × count + fee of the same fills: {plain:.2f} s (${total:,.2f})")


if __name__ == "__main__":
    main()
