"""Profit and loss from the records: fills, settlements and fees, first in, first out.

The law that binds it to the account, to the last unit, over any history without gaps:

    realized − fees − cost of what is open  =  change of cash by trading and settlement
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

ZERO, ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill: ``count`` contracts at a YES price in dollars; a bid buys YES, an ask buys NO at 1 − price."""

    ticker: str
    book_side: Literal["bid", "ask"]
    price: Decimal
    count: Decimal
    fee: Decimal
    time: datetime
    id: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """A market's settlement: what one YES paid, in dollars."""

    ticker: str
    value: Decimal
    time: datetime


@dataclass(slots=True)
class Lots:
    """One market: open lots of one side, oldest first, and what was made of the closed ones."""

    side: Literal["yes", "no"] = "yes"
    lots: deque[list[Decimal]] = field(default_factory=deque)  # [contracts, dollars a contract]
    realized: Decimal = ZERO
    fees: Decimal = ZERO
    by_day: dict[date, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))  # after fees
    fees_by_day: dict[date, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    fills: int = 0

    @property
    def count(self) -> Decimal:
        return sum((lot[0] for lot in self.lots), ZERO)

    @property
    def cost(self) -> Decimal:
        """Dollars paid for what is open, fees apart."""
        return sum((count * unit for count, unit in self.lots), ZERO)

    def trade(self, execution: Execution) -> None:
        """Close the oldest lots of the other side, then open with what is left."""
        side: Literal["yes", "no"] = "yes" if execution.book_side == "bid" else "no"
        unit = execution.price if side == "yes" else ONE - execution.price
        left = execution.count
        made = ZERO
        if self.lots and self.side != side:
            made, left = self._close(left, ONE - unit)
        if left:
            self.side = side
            self.lots.append([left, unit])
        self.realized += made
        self.fees += execution.fee
        self.by_day[execution.time.date()] += made - execution.fee
        self.fees_by_day[execution.time.date()] += execution.fee
        self.fills += 1

    def settle(self, ending: Ending) -> None:
        """Everything open ends at what it pays."""
        if self.lots:
            made, _ = self._close(self.count, ending.value if self.side == "yes" else ONE - ending.value)
            self.realized += made
            self.by_day[ending.time.date()] += made

    def _close(self, count: Decimal, proceeds: Decimal) -> tuple[Decimal, Decimal]:
        """(profit, contracts left over) of ending ``count`` contracts for ``proceeds`` dollars each, oldest first."""
        made = ZERO
        while count and self.lots:
            lot = self.lots[0]
            taken = min(count, lot[0])
            made += taken * (proceeds - lot[1])
            count -= taken
            if taken == lot[0]:
                self.lots.popleft()
            else:
                lot[0] -= taken
        return made, count


def fifo(executions: Iterable[Execution], endings: Iterable[Ending]) -> dict[str, Lots]:
    """The lots of every market, from records in any sequence; a fill at the moment of a settlement comes before it."""
    steps: list[tuple[datetime, int, Execution | Ending]] = [(e.time, 0, e) for e in executions]
    steps += [(e.time, 1, e) for e in endings]
    steps.sort(key=lambda step: step[:2])
    markets: dict[str, Lots] = defaultdict(Lots)
    for _, _, step in steps:
        if isinstance(step, Execution):
            markets[step.ticker].trade(step)
        elif step.ticker in markets:
            markets[step.ticker].settle(step)
    return dict(markets)
