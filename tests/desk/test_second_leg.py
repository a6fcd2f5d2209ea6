"""How dear the second leg may get: whatever is bought at that price, the pair loses what was allowed at most."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.analytics.gap import gap
from prediction_mcp.desk.across.compare import Seen
from prediction_mcp.desk.across.desk import Pairing
from prediction_mcp.desk.across.gaps import Found
from prediction_mcp.desk.across.trading import _limit_of, _thinner_first
from prediction_mcp.desk.shapes import Book
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.matching.verdict import Fact, Verdict
from tests.analytics.test_gap import There

from .test_pairs import ONE, OTHER

HERE = FeeSchedule.of("quadratic", Decimal(1))
LEVELS = st.lists(
    st.tuples(st.integers(1, 99), st.integers(1, 400)), min_size=1, max_size=4, unique_by=lambda level: level[0]
)


def found(asks: list[tuple[int, int]], bids: list[tuple[int, int]], fees: Any = HERE) -> Found | None:
    """Yes of the first, no of the second."""
    rows = [[(Decimal(p) / 100, Decimal(n)) for p, n in sorted(side)] for side in (asks, bids)]
    seen = (Seen(ONE, Book([], rows[0]), fees), Seen(OTHER, Book(rows[1][::-1], []), There("0.05")))
    made = gap(seen[0].offer(0), seen[1].offer(1), Decimal(1_000))
    return None if made is None else Found(None, (0, 1), made, seen)  # type: ignore[arg-type]


@given(LEVELS, LEVELS, st.sampled_from(("0", "0.5", "1", "25", "9999")), st.sampled_from(("0.01", "0.1")))
def test_the_loss_is_bounded(asks: list[tuple[int, int]], bids: list[tuple[int, int]], loss: str, tick: str) -> None:
    made = found(asks, bids)
    if made is None:
        return
    for second in (0, 1):
        market = replace(made.seen[second].market, tick=Decimal(tick))
        seen = list(made.seen)
        seen[second] = replace(seen[second], market=market)
        limit = _limit_of(replace(made, seen=(seen[0], seen[1])), second, Decimal(loss))
        planned, count = made.gap.legs[second].limit, made.gap.count
        assert planned <= limit < 1
        if limit > planned:
            assert limit % Decimal(tick) == 0
            worst = made.gap.legs[1 - second].total + limit * count + seen[second].fees.fee(limit, count, is_taker=True)
            assert count - worst >= -Decimal(loss)


def test_the_thinner_one_goes_first() -> None:
    made = found([(40, 20)], [(55, 30)])
    assert made is not None
    assert _thinner_first(made) == (0, 1)
    made = found([(40, 20)], [(55, 7)])
    assert made is not None
    assert _thinner_first(made) == (1, 0)


def test_only_what_isnt_known_or_differs_beside_the_relation_lets_two_markets_part() -> None:
    """Above 2.8 and 2.8 or less are opposites because their numbers differ; that alone parts nothing."""

    def pairing(states: dict[str, str], judged: Any = None) -> Pairing:
        facts = tuple(Fact(name, states.get(name, "equal")) for name in ("entity", "threshold", "source", "void rule"))  # type: ignore[arg-type]
        return Pairing(ONE, OTHER, Verdict("complement", "complement", facts, "high"), judged, holds=judged is not None)

    assert not pairing({}).may_part
    assert not pairing({"threshold": "different"}).may_part
    assert pairing({"threshold": "different"}, judged=object()).may_part
    assert pairing({"void rule": "unknown"}).may_part
    assert pairing({"source": "different"}).may_part
