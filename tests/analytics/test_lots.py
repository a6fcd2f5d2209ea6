"""Tax lots: by hand, by law, and against rp2, a program that others wrote."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.analytics.lots import METHODS, Book, Closed, Method, days_held, lots_of

START = datetime(2026, 1, 1, tzinfo=UTC)
ONE = 1_000_000


@dataclass(frozen=True)
class Row:
    """A fill or a settlement in millionths; the cash as the records reckon it."""

    key: str
    time: datetime
    contracts: int
    price: int
    fee: int
    cash: int
    is_settlement: bool = False


def story(steps: Sequence[tuple[int, int, int]], *, ends: int | None = None) -> list[Row]:
    """Rows from (signed contracts in hundredths, cents a YES, fee in millionths), a day apart; an end that YES pays."""
    rows, held = list[Row](), 0
    for day, (hundredths, cents, fee) in enumerate(steps):
        count, price = hundredths * 10_000, cents * 10_000
        after = held + count
        cash = -count * price // ONE + max(-held, 0) - max(-after, 0) - fee
        rows.append(Row(f"f{day}", START + timedelta(days=day), count, price, fee, cash))
        held = after
    if ends is not None and held:
        paid = held * ends // ONE if held > 0 else -held * (ONE - ends) // ONE
        rows.append(Row("end", START + timedelta(days=len(steps)), -held, ends, 0, paid, is_settlement=True))
    return rows


def book(rows: Sequence[Row], method: Method = "fifo", named: dict[str, dict[str, int]] | None = None) -> Book:
    return lots_of([("m", row) for row in rows], method, named)["m"]


def said(closed: Closed) -> tuple[str, str | None, float, float, float]:
    return closed.side, closed.opened_by, closed.contracts / ONE, closed.proceeds / ONE, closed.basis / ONE


# -- by hand -----------------------------------------------------------------------------------------------------

THREE = [(1000, 40, 20_000), (1000, 60, 20_000), (1000, 50, 20_000)]
"""10 at 40¢, 10 at 60¢, 10 at 50¢, two cents of fee each."""


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("fifo", [("f0", 10, 4.02), ("f1", 5, 3.01)]),
        ("lifo", [("f2", 10, 5.02), ("f1", 5, 3.01)]),
        ("hifo", [("f1", 10, 6.02), ("f2", 5, 2.51)]),
        ("average", [("f0", 10, 5.02), ("f1", 5, 2.51)]),  # all three cost 15.06: 50.2¢ each
    ],
)
def test_which_lots_a_sale_closes(method: Method, expected: list[tuple[str, int, float]]) -> None:
    """15 sold at 70¢ for a fee of 3¢: 10.47, shared by number."""
    closed = book(story([*THREE, (-1500, 70, 30_000)]), method).closed
    assert [(c.opened_by, c.contracts / ONE, c.basis / ONE) for c in closed] == expected
    assert [c.proceeds / ONE for c in closed] == [6.98, 3.49]
    assert sum(c.fees for c in closed) == 30_000 + 20_000 + 10_000


def test_lots_that_were_named_come_first_then_the_oldest() -> None:
    named = {"f3": {"f2": 8 * ONE, "f1": 2 * ONE}}
    closed = book(story([*THREE, (-1500, 70, 0)]), "named", named).closed
    assert [(c.opened_by, c.contracts / ONE) for c in closed] == [("f2", 8), ("f1", 2), ("f0", 5)]


def test_a_name_that_says_more_than_there_is_takes_what_is_there() -> None:
    named = {"f3": {"f2": 99 * ONE, "nothing": ONE}}
    closed = book(story([*THREE, (-1500, 70, 0)]), "named", named).closed
    assert [(c.opened_by, c.contracts / ONE) for c in closed] == [("f2", 10), ("f0", 5)]


def test_a_fill_that_flips_closes_and_opens() -> None:
    """10 YES at 40¢; 25 sold at 70¢ for 25¢ of fee: 10 close for 7.00 − 0.10, 15 NO open at 30¢ + 15¢."""
    made = book(story([(1000, 40, 0), (-2500, 70, 250_000)]))
    assert [said(c) for c in made.closed] == [("yes", "f0", 10, 6.9, 4)]
    (lot,) = made.lots
    assert (lot.side, lot.left / ONE, lot.left_basis / ONE) == ("no", 15, 4.65)


@pytest.mark.parametrize(("value", "proceeds"), [(ONE, 0), (0, 10), (250_000, 7.5)])
def test_a_settlement_closes_all(value: int, proceeds: float) -> None:
    """10 NO bought at 30¢: nothing when YES is right, $10 when NO is, 7.50 where YES pays a quarter."""
    made = book(story([(-1000, 70, 0)], ends=value))
    assert [said(c) for c in made.closed] == [("no", "f0", 10, proceeds, 3)]
    assert made.lots == []


def test_what_the_exchange_paid_for_unknown_fills_is_said_so() -> None:
    row = Row("end", START, -10 * ONE, ONE, 0, 10 * ONE, is_settlement=True)
    (closed,) = book([row]).closed
    assert (closed.acquired, closed.opened_by, closed.side, closed.gain) == (None, None, "yes", 10 * ONE)
    assert days_held(closed.acquired, closed.disposed.date()) is None


def test_a_lot_in_parts_loses_no_millionth() -> None:
    """7 contracts for 10 millionths of fee, sold one by one."""
    made = book(story([(700, 33, 10)] + [(-100, 40, 1)] * 7))
    assert sum(c.basis for c in made.closed) == 7 * 330_000 + 10
    assert made.lots == []


def test_days_are_counted_by_the_calendar() -> None:
    late, early = datetime(2026, 3, 1, 23, 59, tzinfo=UTC), datetime(2026, 3, 2, 0, 1, tzinfo=UTC)
    assert days_held(late.date(), early.date()) == 1


# -- by law ------------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.integers(-2000, 2000).filter(bool), st.integers(1, 99), st.integers(0, 900_000)), max_size=30
)


@given(STEPS, st.sampled_from(METHODS), st.sampled_from([None, 0, ONE, 250_000, 123_400]), st.randoms())
def test_gains_less_open_basis_are_the_cash(
    steps: list[tuple[int, int, int]], method: Method, ends: int | None, rng: Any
) -> None:
    rows = story(steps, ends=ends)
    named = {row.key: {other.key: rng.randrange(1, 9 * ONE) for other in rows[:4]} for row in rows}
    made = lots_of([("m", row) for row in rows], method, named).get("m", Book(method))
    assert sum(c.gain for c in made.closed) - sum(lot.left_basis for lot in made.lots) == sum(row.cash for row in rows)
    held = sum(row.contracts for row in rows)
    assert sum(lot.left if lot.side == "yes" else -lot.left for lot in made.lots) == held
    assert len({lot.side for lot in made.lots}) <= 1
    by_lot: dict[str | None, int] = defaultdict(int)
    for closed in made.closed:
        assert closed.contracts > 0
        by_lot[closed.opened_by] += closed.contracts
    assert all(by_lot[row.key] <= abs(row.contracts) for row in rows)


# -- against rp2 -------------------------------------------------------------------------------------------------

HISTORIES = 1_050
RP2: tuple[Method, ...] = ("fifo", "lifo", "hifo")


def _history(rng: random.Random) -> list[Row]:
    """Buys and sales of both sides with flips and an end; each fill's net worth is positive, as rp2 asks."""
    steps = [
        (rng.choice((-1, 1)) * rng.randrange(1, 40) * 100, rng.randrange(5, 96), rng.randrange(0, 8_000))
        for _ in range(rng.randrange(2, 25))
    ]
    return story(steps, ends=rng.choice((None, ONE, 0, 370_000)))


def _as_assets(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """YES and NO as two assets, bought and sold: what rp2 knows. A flip is a sale of one and a purchase of the other.

    Worth is net of the fee, which is shared by number as we do: rp2 puts fees on top, in its own way.
    """
    events, held = list[dict[str, Any]](), 0
    for row in rows:
        size = abs(row.contracts)
        closing = min(size, abs(held)) if held * row.contracts < 0 else 0
        fee = Decimal(row.fee * closing // size)
        for count, buys in ((closing, False), (size - closing, True)):
            if not count:
                continue
            side = "YES" if (row.contracts > 0) == buys else "NO"
            unit = row.price if side == "YES" else ONE - row.price
            gross = Decimal(count) * unit / ONE
            worth = gross - fee if not buys else gross + row.fee - fee
            events.append({"key": row.key, "time": row.time.isoformat(), "side": side, "buys": buys,
                           "count": str(Decimal(count) / ONE), "worth": str(worth / ONE)})  # fmt: skip
        held += row.contracts
    return events


@pytest.mark.long
def test_the_same_lots_as_rp2() -> None:
    """The program runs by itself, since importing it changes decimal arithmetic for everybody."""
    rng = random.Random(20261127)
    histories = [_history(rng) for _ in range(HISTORIES)]
    asked = [{"method": method, "events": _as_assets(rows)} for rows in histories for method in RP2]
    command = [sys.executable, str(Path(__file__).with_name("with_rp2.py"))]
    ran = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    answers = iter(json.loads(ran.stdout))
    compared = 0
    for rows in histories:
        for method in RP2:
            ours: dict[tuple[str, str | None], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
            for c in book(rows, method).closed:
                before, more = ours[c.key, c.opened_by], (c.contracts, c.basis, c.proceeds)
                ours[c.key, c.opened_by] = [a + Decimal(b) / ONE for a, b in zip(before, more, strict=True)]
            theirs = {(key, lot): [*map(Decimal, numbers)] for key, lot, *numbers in next(answers)}
            assert ours.keys() == theirs.keys()
            for at, numbers in ours.items():
                assert all(abs(a - b) < Decimal("0.00005") for a, b in zip(numbers, theirs[at], strict=True)), (
                    at,
                    method,
                )
                compared += 1
    assert compared > 10 * HISTORIES
