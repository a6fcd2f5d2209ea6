"""What each fill and each settlement did to the cash of an account: pure, exact.

The law: deposits + the sum of all changes = free cash + what resting orders hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .pnl import Ending, Execution

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Change:
    """``cash`` in dollars after fees, ``position`` in contracts afterwards (YES above zero, NO below)."""

    of: Execution | Ending
    cash: Decimal
    position: Decimal


def changes(fills: Iterable[Execution], endings: Iterable[Ending]) -> list[Change]:
    """Every fill and settlement with what it did to the cash, oldest first.

    A settlement comes after the fills of its moment.

    YES and NO are one book, so a fill at YES price p that moves the signed position from a to b pays (a − b) × p and
    pays in or gets back a dollar for each contract by which the NO side grows or shrinks. Settled at v, YES pays v
    and NO pays 1 − v.
    """
    position: dict[str, Decimal] = defaultdict(lambda: ZERO)
    done = list[Change]()
    events: list[tuple[datetime, int, Execution | Ending]] = [(f.time, 0, f) for f in fills]
    events += [(e.time, 1, e) for e in endings]
    for _, _, event in sorted(events, key=lambda item: item[:2]):
        before = position[event.ticker]
        if isinstance(event, Ending):
            after, fee, price = ZERO, ZERO, event.value
        else:
            signed = event.count if event.book_side == "bid" else -event.count
            after, fee, price = before + signed, event.fee, event.price
        cash = (before - after) * price + max(-before, ZERO) - max(-after, ZERO) - fee
        position[event.ticker] = after
        done.append(Change(event, cash, after))
    return done
