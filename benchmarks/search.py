"""Searching the catalogue: 30,000 markets, and 300,000 with combos; time a query, and memory while it fills.

The reference in the same run is a scan of the same titles for the same words.

    python benchmarks/search.py
"""

from __future__ import annotations

import random
import resource
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from prediction_mcp.catalogue.index import Index
from prediction_mcp.desk.kalshi.catalogue import listed, listed_series
from prediction_mcp.kalshi.models.markets import ComboLeg, Market
from prediction_mcp.kalshi.models.series import Series

SUBJECTS = (
    "Bitcoin price",
    "Ethereum price",
    "Highest temperature in",
    "Rain in",
    "Fed decision in",
    "CPI in",
    "Winner of",
)
PLACES = ("NYC", "Chicago", "Miami", "Austin", "Denver", "Seattle", "Boston", "Dallas", "Atlanta", "Phoenix")
QUERIES = (
    "fed rate december", "will it rain in nyc tomorrow", "btc above 100k", "KXS12-00", "bitcon price",
    "temperature chicago", "winner boston", "cpi november", "ethereum 3000", "decision",
)  # fmt: skip
PAGE = 1_000


def markets(number: int, *, combos: bool) -> list[Market]:
    rng, now = random.Random(number), datetime.now(UTC)
    made = []
    for i in range(number):
        day = now + timedelta(hours=rng.randrange(1, 2_000))
        title = f"{rng.choice(SUBJECTS)} {rng.choice(PLACES)} on {day:%b %d, %Y}?"
        three = ",".join(f"yes {rng.choice(PLACES)}" for _ in range(3))
        made.append(
            Market(
                ticker=f"{'KXMVE' if combos else 'KXS'}{i % 300}-{i:06d}",
                event_ticker=f"KXS{i % 300}-{i // 8}",
                title=three if combos else title,
                yes_sub_title=f"Above ${rng.randrange(1, 200) * 1_000:,}",
                status="active",
                close_time=day,
                volume_24h_fp=Decimal(int(rng.lognormvariate(4, 2))),
                mve_selected_legs=[ComboLeg(market_ticker="A", side="yes")] if combos else None,
            )
        )
    return made


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000


def measure(index: Index, *, combos: bool) -> tuple[float, float]:
    """(median, worst) milliseconds of the queries, each asked five times after a first time."""
    times = []
    for query in QUERIES:
        index.search(query, combos=combos)
        for _ in range(5):
            start = time.perf_counter()
            index.search(query, combos=combos)
            times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times), max(times)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        index = Index(Path(folder) / "catalogue.db")
        index.put_series(
            [
                listed_series(Series(ticker=f"KXS{i}", title="A series", category="Economics", tags=["Fed"]))
                for i in range(300)
            ]
        )
        plain = markets(30_000, combos=False)
        before, start = peak_mb(), time.perf_counter()
        for at in range(0, len(plain), PAGE):
            index.put_markets(listed(m, index.series()) for m in plain[at : at + PAGE])
        print(
            f"30,000 markets indexed in {time.perf_counter() - start:.1f} s, {peak_mb() - before:.0f} MB more at peak"
        )
        median, worst = measure(index, combos=False)
        print(f"search at 30,000: median {median:.1f} ms, worst {worst:.1f} ms")
        start = time.perf_counter()
        for query in QUERIES:
            words = query.split()
            sorted((m for m in plain if all(w in m.title.lower() for w in words)), key=lambda m: m.volume_24h_fp)
        print(
            f"reference: scanning the titles for the words: {(time.perf_counter() - start) * 1e3 / len(QUERIES):.1f} ms"
        )
        before, start = peak_mb(), time.perf_counter()
        for at in range(0, 270_000, 30_000):
            batch = [m.model_copy(update={"ticker": f"{m.ticker}-{at}"}) for m in markets(30_000, combos=True)]
            for page in range(0, len(batch), PAGE):
                index.put_markets(listed(m, index.series()) for m in batch[page : page + PAGE])
        print(
            f"270,000 combos more in {time.perf_counter() - start:.0f} s, {peak_mb() - before:.0f} MB more at the peak"
        )
        for combos in (False, True):
            median, worst = measure(index, combos=combos)
            print(
                f"search at 300,000, combos {'in' if combos else 'out'}: median {median:.1f} ms, worst {worst:.1f} ms"
            )


if __name__ == "__main__":
    main()
