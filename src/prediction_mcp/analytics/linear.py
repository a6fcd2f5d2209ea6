"""A small linear programme in exact arithmetic: the simplex method with bounded variables.

Own code, where a library would be the rule: the solvers there are bring tens of megabytes of binaries for programmes of
some dozens of rows, and answer in floats, which a trade that must not lose can't be built on.
Source: Dantzig's method with upper bounds; the least index decides between equals (Bland), so that it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

Number = int | Fraction
"""Whole numbers stay whole as long as the pivots are 1 or −1, which they are for nearly all that is asked here."""
GREEDY = 200
"""Steps of steepest ascent before Bland's rule takes over, which is slower and can't go round in circles."""


def maximize(gains: Sequence[Number], rows: Sequence[Sequence[int]], bounds: Sequence[Number | None]) -> list[Number]:
    """The x with the greatest sum of gains × x under rows × x ≤ 0 and 0 ≤ x ≤ bounds; None is no bound.

    The origin fits, so there always is one. Raises ValueError where nothing bounds the sum.
    """
    count, number = len(gains), len(rows)
    table: list[list[Number]] = [list(row) for row in rows]
    right, reduced = list[Number]([0] * number), list(gains)
    outside, inside = list(range(count)), list(range(count, count + number))  # variables; the rows' slacks come last
    limits: list[Number | None] = [*bounds, *[None] * number]
    flipped = [False] * (count + number)  # counted down from its bound

    def flip_outside(j: int, bound: Number) -> None:
        flipped[outside[j]] ^= True
        for i in range(number):
            if table[i][j]:
                right[i] -= table[i][j] * bound
                table[i][j] = -table[i][j]
        reduced[j] = -reduced[j]

    def flip_inside(i: int, bound: Number) -> None:
        flipped[inside[i]] ^= True
        table[i] = [-value for value in table[i]]
        right[i] = bound - right[i]

    step = 0
    while True:
        step += 1
        better = [j for j in range(count) if reduced[j] > 0]
        if not better:
            break
        if step < GREEDY:
            j = max(better, key=lambda j: (reduced[j], -outside[j]))
        else:
            j = min(better, key=lambda j: outside[j])
        best, at, turn = limits[outside[j]], -1, None  # which row stops it, and the bound that its variable is at then
        for i in range(number):
            slope, bound = table[i][j], limits[inside[i]]
            if slope > 0:
                room, its_bound = _over(right[i], slope), None
            elif slope < 0 and bound is not None:
                room, its_bound = _over(bound - right[i], -slope), bound
            else:
                continue
            if best is None or room < best or (room == best and at >= 0 and inside[i] < inside[at]):
                best, at, turn = room, i, its_bound
        if best is None:
            raise ValueError("nothing bounds it")
        if at < 0:
            flip_outside(j, best)
            continue
        if turn is not None:
            flip_inside(at, turn)
        _pivot(table, right, reduced, at, j)
        outside[j], inside[at] = inside[at], outside[j]
    found = list[Number]([0] * (count + number))
    for i, variable in enumerate(inside):
        found[variable] = right[i]
    return [
        bound - found[v] if flipped[v] and bound is not None else found[v] for v, bound in enumerate(limits[:count])
    ]


def _over(value: Number, by: Number) -> Number:
    """Pivots are positive; for nearly all of them there is nothing to divide."""
    return value if by == 1 else Fraction(value) / by


def _pivot(table: list[list[Number]], right: list[Number], reduced: list[Number], at: int, j: int) -> None:
    """The variable of column j takes the place of the one of row ``at``."""
    pivot = table[at][j]
    row = [_over(value, pivot) if value else value for value in table[at]]
    row[j] = _over(1, pivot)
    share = _over(right[at], pivot)
    filled = [(k, value) for k, value in enumerate(row) if value]
    for i, other in enumerate(table):
        factor = other[j]
        if i != at and factor:
            other[j] = 0
            for k, value in filled:
                other[k] -= factor * value
            right[i] -= factor * share
    factor = reduced[j]
    reduced[j] = 0
    for k, value in filled:
        reduced[k] -= factor * value
    table[at], right[at] = row, share
