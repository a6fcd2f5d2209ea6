"""What the exchange says moved, as it comes in; and what each of it did to the cash.

The law: the sum of all changes is the account's cash, whatever sequence the fills arrive in. YES and NO are one book,
so a fill at YES price p that moves the signed position from a to b pays (a − b) × p and pays in, or gets back, a dollar
for each contract by which the NO side grows or shrinks. That telescopes: a fill that comes late changes which row
carries a dollar, never the sum.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

Kind = Literal["fill", "settlement", "deposit", "withdrawal", "transfer"]
KINDS: tuple[Kind, ...] = ("fill", "settlement", "deposit", "withdrawal", "transfer")
ZERO = Decimal(0)
GRID = Decimal("0.0001")
"""What a settlement pays is cut to this: balances of direct members sit on it (Kalshi's fee rounding rules)."""

Held = MutableMapping[tuple[str, int], Decimal]
"""Signed contracts by market and subaccount."""


class FillEntry(NamedTuple):
    """One fill: ``contracts`` signed, YES above zero; ``price`` dollars a YES; ``fee`` dollars."""

    exchange_id: str
    time: datetime
    ticker: str
    subaccount: int
    contracts: Decimal
    price: Decimal
    fee: Decimal
    order_id: str = ""


@dataclass(frozen=True, slots=True)
class SettlementEntry:
    """A market's end: what one YES paid, and how many of each side the exchange says it paid, over all subaccounts."""

    exchange_id: str
    time: datetime
    ticker: str
    value: Decimal
    yes: Decimal
    no: Decimal


@dataclass(frozen=True, slots=True)
class MoneyEntry:
    """A deposit, a withdrawal or one end of a transfer between subaccounts: ``cash`` is signed and after ``fee``."""

    kind: Literal["deposit", "withdrawal", "transfer"]
    exchange_id: str
    time: datetime
    cash: Decimal
    fee: Decimal = ZERO
    subaccount: int = 0


Entry = FillEntry | SettlementEntry | MoneyEntry


class Row(NamedTuple):
    """One row of the transactions, as it is written."""

    kind: Kind
    exchange_id: str
    subaccount: int
    time: datetime
    ticker: str
    contracts: Decimal
    price: Decimal | None
    fee: Decimal
    cash: Decimal
    order_id: str = ""


def fill_row(entry: FillEntry, held: Held) -> Row:
    """A fill with its cash, by what is held before it; ``held`` is brought forward."""
    at = (entry.ticker, entry.subaccount)
    before = held.get(at, ZERO)
    after = before + entry.contracts
    cash = -entry.contracts * entry.price + max(-before, ZERO) - max(-after, ZERO) - entry.fee
    held[at] = after
    return Row(
        "fill", entry.exchange_id, entry.subaccount, entry.time, entry.ticker, entry.contracts, entry.price, entry.fee,
        cash, entry.order_id,
    )  # fmt: skip


def settlement_rows(entry: SettlementEntry, held: Held) -> list[Row] | None:
    """A settlement, a row for each subaccount that held; None where what is held isn't what the exchange paid.

    The exchange names no subaccount: which had how many is known from their fills.
    """
    mine = {at: count for at, count in held.items() if at[0] == entry.ticker and count}
    yes = sum((count for count in mine.values() if count > 0), ZERO)
    no = sum((-count for count in mine.values() if count < 0), ZERO)
    if (yes, no) != (entry.yes, entry.no):
        return None
    rows = list[Row]()
    for (ticker, subaccount), count in mine.items():
        rows.append(_settled(entry, subaccount, count))
        held[ticker, subaccount] = ZERO
    return rows


def settlement_as_told(entry: SettlementEntry, held: Held) -> list[Row]:
    """A settlement as the exchange tells it, where the fills before it aren't all known: one row of the primary."""
    held[entry.ticker, 0] = held.get((entry.ticker, 0), ZERO) - entry.yes + entry.no
    sides = [_settled(entry, 0, count) for count in (entry.yes, -entry.no) if count]
    if not sides:
        return []
    contracts, cash = sum((s.contracts for s in sides), ZERO), sum((s.cash for s in sides), ZERO)
    return [sides[0]._replace(contracts=contracts, cash=cash)]


def _settled(entry: SettlementEntry, subaccount: int, count: Decimal) -> Row:
    each = entry.value if count > 0 else 1 - entry.value
    owed = abs(count) * each
    return Row(
        "settlement", entry.exchange_id, subaccount, entry.time, entry.ticker, -count, entry.value, ZERO,
        owed - owed % GRID,
    )  # fmt: skip


def money_row(entry: MoneyEntry) -> Row:
    return Row(entry.kind, entry.exchange_id, entry.subaccount, entry.time, "", ZERO, None, entry.fee, entry.cash)
