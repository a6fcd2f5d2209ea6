"""The linear programme against a slow model that tries every corner, by either rule, and where the fast one circles."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

import pytest

from prediction_mcp.analytics import linear
from prediction_mcp.analytics.linear import Number, maximize


def corners(rows: Sequence[Sequence[int]], bounds: Sequence[int]) -> list[tuple[Fraction, ...]]:
    """Every point where as many limits meet as there are variables, and no limit is broken."""
    count = len(bounds)
    limits = [([Fraction(v) for v in row], Fraction(0)) for row in rows]
    for j, bound in enumerate(bounds):
        unit = [Fraction(int(k == j)) for k in range(count)]
        limits += [([-v for v in unit], Fraction(0)), (unit, Fraction(bound))]
    found = list[tuple[Fraction, ...]]()
    for chosen in combinations(limits, count):
        point = solved([row for row, _ in chosen], [right for _, right in chosen])
        if point and all(sum(a * x for a, x in zip(row, point, strict=True)) <= right for row, right in limits):
            found.append(point)
    return found


def solved(matrix: list[list[Fraction]], right: list[Fraction]) -> tuple[Fraction, ...] | None:
    """The one x with matrix × x = right, by elimination; None where there isn't one."""
    size = len(matrix)
    table = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for k in range(size):
        pivot = next((i for i in range(k, size) if table[i][k]), None)
        if pivot is None:
            return None
        table[k], table[pivot] = table[pivot], table[k]
        table[k] = [value / table[k][k] for value in table[k]]
        for i in range(size):
            if i != k:
                table[i] = [a - table[i][k] * b for a, b in zip(table[i], table[k], strict=True)]
    return tuple(row[-1] for row in table)


@pytest.mark.parametrize("greedy", [0, 1, 2, linear.GREEDY])
def test_it_finds_the_best_corner(greedy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "GREEDY", greedy)
    rng = random.Random(greedy)
    for _ in range(150):
        count, number = rng.randint(1, 4), rng.randint(0, 3)
        gains: list[Number] = [Fraction(rng.randint(-6, 9), rng.randint(1, 4)) for _ in range(count)]
        rows = [[rng.randint(-3, 3) for _ in range(count)] for _ in range(number)]
        bounds = [rng.randint(0, 5) for _ in range(count)]
        best = max(sum(g * x for g, x in zip(gains, point, strict=True)) for point in corners(rows, bounds))
        found = maximize(gains, rows, list(bounds))
        assert sum(g * x for g, x in zip(gains, found, strict=True)) == best
        assert all(0 <= x <= bound for x, bound in zip(found, bounds, strict=True))
        assert all(sum(a * x for a, x in zip(row, found, strict=True)) <= 0 for row in rows)


def test_where_steepest_ascent_goes_round_in_circles_it_ends() -> None:
    """Beale's example (1955), its rows times 4 and 2: by the largest gain alone it comes back to its start for ever."""
    gains: list[Number] = [Fraction(3, 4), -20, Fraction(1, 2), -6]
    found = maximize(gains, [[1, -32, -4, 36], [1, -24, -1, 6]], [None, None, 1, None])
    assert sum(g * x for g, x in zip(gains, found, strict=True)) == Fraction(5, 4)
    assert found == [1, 0, 1, 0]


def test_what_is_whole_stays_whole() -> None:
    """Fractions cost time: where every pivot is 1 there are none."""
    found = maximize([3, 2, 1], [[1, -1, 0], [0, 1, -1]], [4, 5, 3])
    assert found == [3, 3, 3]
    assert all(type(x) is int for x in found)


def test_what_nothing_bounds_is_said() -> None:
    with pytest.raises(ValueError, match="^nothing bounds it$"):
        maximize([Fraction(1), Fraction(1)], [[1, -1]], [None, None])
