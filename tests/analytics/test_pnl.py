"""Profit and loss: by hand, and against the exchange's own ledger over random histories, to the last unit."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.analytics.cashflow import changes
from prediction_mcp.analytics.pnl import Ending, Execution, fifo
from prediction_mcp.analytics.risk import Held, exposure, kelly, kelly_size
from prediction_mcp.exchange.engine.engine import Engine
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.engine.order_checks import GTC, IOC
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.units import CENT_GRID, MICROS

D = Decimal


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def fill(side: str, price: str, count: str, day: int, fee: str = "0", ticker: str = "T") -> Execution:
    return Execution(ticker, side, D(price), D(count), D(fee), at(day))  # type: ignore[arg-type]


def test_first_in_first_out_by_hand() -> None:
    """Buy 10 @0.40 and 10 @0.50, sell 15 @0.60: (0.20 × 10) + (0.10 × 5) = 2.50; 5 @0.50 stay."""
    lots = fifo(
        [fill("bid", "0.40", "10", 1, "0.2"), fill("bid", "0.50", "10", 2), fill("ask", "0.60", "15", 3, "0.1")], []
    )["T"]
    assert (lots.realized, lots.fees, lots.count, lots.cost, lots.side) == (D("2.50"), D("0.3"), D(5), D("2.50"), "yes")
    assert dict(lots.by_day) == {at(1).date(): D("-0.2"), at(2).date(): D(0), at(3).date(): D("2.40")}


def test_through_zero_to_the_other_side() -> None:
    """Hold 4 YES @0.30, sell 10 YES @0.70: 4 × 0.40 = 1.60 made, and 6 NO @0.30 stay; they end well: + 6 × 0.70."""
    lots = fifo([fill("bid", "0.30", "4", 1), fill("ask", "0.70", "10", 2)], [])["T"]
    assert (lots.realized, lots.side, lots.count, lots.cost) == (D("1.60"), "no", D(6), D("1.80"))
    ended = fifo([fill("bid", "0.30", "4", 1), fill("ask", "0.70", "10", 2)], [Ending("T", D(0), at(5))])["T"]
    assert (ended.realized, ended.count) == (D("1.60") + D("4.20"), D(0))


def test_a_scalar_ending_pays_its_share() -> None:
    lots = fifo([fill("bid", "0.40", "10", 1)], [Ending("T", D("0.47"), at(2)), Ending("U", D(1), at(2))])
    assert lots["T"].realized == D("0.70")
    assert "U" not in lots


@pytest.mark.parametrize("seed", range(25))
def test_the_sum_is_the_change_of_the_account(seed: int) -> None:
    """realized − fees − cost of what is open = change of cash, exactly, whatever was traded and however it ended."""
    rng, engine = random.Random(seed), Engine()
    ann, bob = (engine.add_account(Account(name)) for name in ("ann", "bob"))
    for account in (ann, bob):
        account.deposit(5_000 * MICROS)
    tickers = [f"R-{i}" for i in range(4)]
    for ticker in tickers:
        engine.add_market(ticker, CENT_GRID, FeeSchedule.of("quadratic_with_maker_fees"))
    now = 1_795_000_000_000
    for _ in range(400):
        now += 3_600_000
        try:
            engine.submit(
                rng.choice((ann, bob)), rng.choice(tickers), rng.choice((BID, ASK)), rng.randrange(30, 70) * 100,
                rng.randrange(1, 900), now, time_in_force=rng.choice((GTC, IOC)), stp="maker",
            )  # fmt: skip
        except RejectionError as rejection:
            assert rejection.code == "insufficient_balance"
    for ticker, value in zip(tickers[:3], (0, 10_000, 4_700), strict=True):
        engine.settle_market(ticker, "scalar", value, now + 1)
    for account in (ann, bob):
        done = [
            Execution(
                f.ticker, "bid" if f.side == BID else "ask", D(f.price) / 10_000, D(f.count) / 100, D(f.fee) / MICROS,
                datetime.fromtimestamp(f.ts_ms / 1000, UTC),
            )
            for f in account.fills
        ]  # fmt: skip
        ends = [
            Ending(s.ticker, D(s.value) / 10_000, datetime.fromtimestamp(s.ts_ms / 1000, UTC))
            for s in account.settlements
        ]
        rng.shuffle(ends)
        lots = fifo(done, ends).values()
        realized, fees, cost = (sum((getattr(lot, n) for lot in lots), D(0)) for n in ("realized", "fees", "cost"))
        assert realized - fees - cost == D(account.cash) / MICROS - 5_000
        flow = changes(done, ends)
        assert sum((c.cash for c in flow), D(0)) == D(account.cash) / MICROS - 5_000
        last = {c.of.ticker: c.position for c in flow}
        assert {t: p for t, p in last.items() if p} == {
            t: D(h.position) / 100 for t, h in account.holdings.items() if h.position
        }
        assert sum((net for lot in lots for net in lot.by_day.values()), D(0)) == realized - fees


def test_cash_flow_by_hand() -> None:
    """Buy 10 YES at 40¢, sell 15 at 60¢: 10 close for $6, 5 open NO at 40¢ for $2; NO wins and pays $5."""
    at = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    flow = changes(
        [
            Execution("A", "ask", D("0.6"), D(15), D("0.2"), at[1]),
            Execution("A", "bid", D("0.4"), D(10), D("0.1"), at[0]),
        ],
        [Ending("A", D(0), at[2])],
    )
    assert [(c.cash, c.position) for c in flow] == [(D("-4.1"), D(10)), (D("3.8"), D(-5)), (D(5), D(0))]


def test_kelly_by_hand() -> None:
    """Belief 60 % at 50¢: b = 1, f = 0.6 − 0.4 = 0.2. No edge, no bet."""
    assert kelly(D("0.6"), D("0.5")) == D("0.2")
    assert kelly(D("0.5"), D("0.5")) == kelly(D("0.4"), D("0.5")) == 0
    for belief, price in ((D("1.1"), D("0.5")), (D("0.5"), D(0)), (D("0.5"), D(1))):
        with pytest.raises(ValueError, match="strictly between"):
            kelly(belief, price)


def test_kelly_walks_the_book_by_hand() -> None:
    """Belief 60 %, $100: at 50¢ 40 are wanted (f = 0.2), 10 are offered; then at 55¢, which leaves $95 and 10 held:

    (0.6 × 0.45 × 95 − 0.4 × 0.55 × 105) / (0.55 × 0.45) = 10.3, so 10 more; at 62¢ nothing is worth it.
    """
    offers = [(D("0.50"), D(10)), (D("0.55"), D(30)), (D("0.62"), D(99))]
    free = kelly_size(D("0.6"), offers, D(100), lambda _: D(0))
    assert (free.contracts, free.cost) == (D(20), D("10.5"))
    assert kelly_size(D("0.6"), offers[:1], D(100), lambda _: D(0)).contracts == 10
    assert kelly_size(D("0.6"), [(D("0.5"), D(999))], D(100), lambda _: D(0)).contracts == 40
    assert kelly_size(D("0.6"), offers, D(100), lambda _: D("0.1")).contracts == 0
    assert kelly_size(D("0.6"), offers, D(0), lambda _: D(0)).average is None


@given(
    st.integers(2, 98),
    st.lists(st.tuples(st.integers(2, 97), st.integers(1, 60)), min_size=1, max_size=5),
    st.integers(1, 200),
    st.integers(0, 3),
)
def test_kelly_is_the_best_of_all_sizes(chance: int, levels: list[tuple[int, int]], cash: int, fee: int) -> None:
    """Slow model: the growth of every number of contracts, one by one."""
    belief = D(chance) / 100
    offers = sorted((D(p) / 100, D(n)) for p, n in dict(levels).items())
    found = kelly_size(belief, offers, D(cash), lambda _: D(fee) / 100)
    prices = [p + D(fee) / 100 for p, n in offers for _ in range(int(n))]

    def growth(n: int) -> float:
        left = float(D(cash) - sum(prices[:n], D(0)))
        if left <= 0 or any(p >= 1 for p in prices[:n]):
            return -math.inf
        return float(belief) * math.log(left + n) + float(1 - belief) * math.log(left)

    best = max(range(len(prices) + 1), key=growth)
    assert growth(int(found.contracts)) >= growth(best) - 1e-9


def test_exclusive_outcomes_are_netted_by_hand() -> None:
    """10 NO of A for 6 and 10 NO of B for 7: one can end YES, so at least 10 come back: at worst 3 are lost."""
    held = [Held("A", D(-10), D(6)), Held("B", D(-10), D(7))]
    assert exposure(held, exclusive=False).max_loss == 13
    netted = exposure(held, exclusive=True)
    assert [netted.max_loss, netted.max_gain] == [3, 7]
    assert exposure(held, exclusive=True, one_must_happen=True).max_gain == -3
    assert exposure([], exclusive=True).max_loss == 0


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 9)), min_size=1, max_size=5), st.booleans(), st.booleans())
def test_exposure_is_the_worst_of_all_ends(
    positions: list[tuple[int, int]], exclusive: bool, one_must_happen: bool
) -> None:
    """Against a slow model that tries every end there is."""
    held = [Held(str(i), D(n), D(c)) for i, (n, c) in enumerate(positions)]
    number = len(held)
    ends = []
    for bits in range(2**number):
        right = [bool(bits >> i & 1) for i in range(number)]
        if exclusive and (sum(right) > 1 or (one_must_happen and not any(right))):
            continue
        ends.append(sum((h.pays(yes=r) for h, r in zip(held, right, strict=True)), D(0)) - sum(c for _, c in positions))
    found = exposure(held, exclusive=exclusive, one_must_happen=one_must_happen)
    assert (found.max_loss, found.max_gain) == (-min(ends), max(ends))
