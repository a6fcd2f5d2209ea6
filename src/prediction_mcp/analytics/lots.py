"""Tax lots: which contracts a sale or a settlement closed, what they had cost, what they brought. Pure, exact.

Fees are in both: those of opening raise the basis, those of closing lower the proceeds. Amounts are split to the
millionth of a dollar, the last part taking what is left, so nothing is lost or made. The law:

    gains of all closings − basis of what is open  =  cash of all fills and settlements
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol

Method = Literal["fifo", "lifo", "hifo", "average", "named"]
METHODS: tuple[Method, ...] = ("fifo", "lifo", "hifo", "average", "named")
SCALE = 10**12


class Traded(Protocol):
    """A fill or a settlement in millionths: signed contracts (YES above zero), cash after the fee, price of a YES."""

    @property
    def key(self) -> str: ...
    @property
    def is_settlement(self) -> bool: ...
    @property
    def time(self) -> datetime: ...
    @property
    def contracts(self) -> int: ...
    @property
    def price(self) -> int: ...
    @property
    def fee(self) -> int: ...
    @property
    def cash(self) -> int: ...


@dataclass(slots=True, eq=False)
class Lot:
    """Contracts of one side that one fill opened; millionths. ``basis`` has ``fees`` in it."""

    key: str
    side: Literal["yes", "no"]
    acquired: datetime
    contracts: int
    basis: int
    fees: int
    number: int
    left: int = 0
    left_basis: int = 0
    left_fees: int = 0

    def take(self, count: int) -> tuple[int, int]:
        """(basis, fees) of so many of its contracts, which are gone then."""
        basis, fees = self.left_basis * count // self.left, self.left_fees * count // self.left
        self.left -= count
        self.left_basis -= basis
        self.left_fees -= fees
        return basis, fees


@dataclass(frozen=True, slots=True)
class Closed:
    """Part of a lot that was closed; millionths. ``acquired`` is None where the exchange lists no fill for it."""

    key: str
    opened_by: str | None
    side: Literal["yes", "no"]
    acquired: datetime | None
    disposed: datetime
    contracts: int
    proceeds: int
    basis: int
    fees: int

    @property
    def gain(self) -> int:
        return self.proceeds - self.basis


@dataclass(slots=True)
class Book:
    """The lots of one market and subaccount.

    Args:
        method: which lot a closing takes first. ``named`` takes what ``named`` says, then the oldest.
        named: contracts (millionths) by the closing's key and the opening's.
    """

    method: Method
    named: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    side: Literal["yes", "no"] = "yes"
    closed: list[Closed] = field(default_factory=list)
    _heap: list[tuple[tuple[float, int], Lot]] = field(default_factory=list)
    _open: dict[str, Lot] = field(default_factory=dict)
    _count: int = 0
    _numbers: int = 0

    @property
    def lots(self) -> list[Lot]:
        """What is open, oldest first."""
        return sorted((lot for lot in self._open.values() if lot.left), key=lambda lot: (lot.acquired, lot.number))

    def trade(self, row: Traded) -> None:
        """Close what is held on the other side, open the rest; a settlement only closes."""
        size = abs(row.contracts)
        if not size:
            return
        side: Literal["yes", "no"] = "yes" if row.contracts > 0 else "no"
        closing = min(size, self._count) if side != self.side else 0
        if row.is_settlement:
            self._settle(row, size, side)
            return
        unit = row.price if side == "no" else 1_000_000 - row.price  # what closing a contract of the other side brings
        gross = closing * unit // 1_000_000
        fee = row.fee * closing // size
        if closing:
            self._close(row, closing, gross - fee, fee)
        if (opened := size - closing) > 0:
            self.side = side
            self._add(row, side, opened, gross - fee - row.cash, row.fee - fee)

    def _settle(self, row: Traded, size: int, side: Literal["yes", "no"]) -> None:
        closing = min(size, self._count) if side != self.side else 0
        paid = row.cash * closing // size
        if closing:
            self._close(row, closing, paid, 0)
        if size > closing:  # the exchange paid for contracts whose fills it doesn't list
            other: Literal["yes", "no"] = "no" if side == "yes" else "yes"
            self.closed.append(Closed(row.key, None, other, None, row.time, size - closing, row.cash - paid, 0, 0))

    def _add(self, row: Traded, side: Literal["yes", "no"], count: int, basis: int, fees: int) -> None:
        self._numbers += 1
        lot = Lot(row.key, side, row.time, count, basis, fees, self._numbers, count, basis, fees)
        self._open[row.key] = lot
        self._count += count
        since = row.time.timestamp()
        first = {"lifo": (-since, -lot.number), "hifo": (-(basis * SCALE // count), lot.number)}
        heapq.heappush(self._heap, (first.get(self.method, (since, lot.number)), lot))

    def _close(self, row: Traded, count: int, proceeds: int, fee: int) -> None:
        """Take ``count`` contracts out of the lots, sharing proceeds and fee among them by their number."""
        if self.method == "average":
            self._level()
        parts, left = list[tuple[Lot, int]](), count
        for key, wanted in self.named.get(row.key, {}).items() if self.method == "named" else ():
            lot = self._open.get(key)
            if lot is not None and (taken := min(wanted, lot.left, left)) > 0:
                parts.append((lot, taken))
                left -= taken
        taken_already = {id(lot): taken for lot, taken in parts}
        skipped = list[tuple[tuple[float, int], Lot]]()
        while left:
            first = self._heap[0]
            lot = first[1]
            there = lot.left - taken_already.get(id(lot), 0)
            taken = min(there, left)
            if taken:
                parts.append((lot, taken))
                left -= taken
            if taken == there:
                heapq.heappop(self._heap)
                if id(lot) in taken_already:
                    skipped.append(first)
        done = 0
        for lot, taken in parts:
            basis, fees = lot.take(taken)
            before, done = done, done + taken
            got = proceeds * done // count - proceeds * before // count
            paid = fee * done // count - fee * before // count
            self.closed.append(
                Closed(row.key, lot.key, lot.side, lot.acquired, row.time, taken, got, basis, fees + paid)
            )
            if not lot.left:
                self._open.pop(lot.key, None)
        for one in skipped:
            if one[1].left:
                heapq.heappush(self._heap, one)
        self._count -= count

    def _level(self) -> None:
        """Average cost: every open contract cost the same."""
        lots = self.lots
        count, basis, fees = self._count, sum(lot.left_basis for lot in lots), sum(lot.left_fees for lot in lots)
        done = 0
        for lot in lots:
            before, done = done, done + lot.left
            lot.left_basis = basis * done // count - basis * before // count
            lot.left_fees = fees * done // count - fees * before // count


def lots_of(
    rows: Iterable[tuple[str, Traded]], method: Method, named: Mapping[str, Mapping[str, int]] | None = None
) -> dict[str, Book]:
    """The books of every group (a market in a subaccount), from rows in the sequence of their cash."""
    books: dict[str, Book] = defaultdict(lambda: Book(method, named or {}))
    for group, row in rows:
        books[group].trade(row)
    return dict(books)


def days_held(acquired: date | None, disposed: date) -> int | None:
    """Days from that of acquiring to that of disposing; None where the first isn't known."""
    return None if acquired is None else (disposed - acquired).days
