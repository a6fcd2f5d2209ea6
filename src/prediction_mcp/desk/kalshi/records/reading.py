"""What the exchange tells of an account's money, as entries for the records."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from prediction_mcp.kalshi.errors import PermissionDeniedError
from prediction_mcp.kalshi.models.portfolio import Fill, Settlement, Transfer
from prediction_mcp.records.entries import Entry, FillEntry, MoneyEntry, SettlementEntry

from ..settled import settled_value

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.money import SubaccountTransfer

    from ..account import Account

CENT = Decimal("0.01")
NEVER, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)
UNDER_WAY_S = 90 * 86_400
"""How long a deposit may take: it stands in the list where it was begun."""


class TooManyError(Exception):
    """More fills in a stretch of time than are read at once; carries how many seconds the read ones cover."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds} s")
        self.seconds = seconds


async def traded(account: Account, low: int, high: int | None, most: int | None) -> list[Entry]:
    """Every fill and settlement from ``low`` on, up to ``high`` (Unix seconds), both inclusive.

    The live list is read first: what moves behind the archive's cutoff meanwhile is then in the archive's.

    Raises:
        TooManyError: there are more than ``most`` fills.
    """
    window: dict[str, Any] = {"min_ts": low, "max_ts": high}
    portfolio = account.kalshi.portfolio
    live = await _some(portfolio.all_fills(**window), most)
    old = await _some(portfolio.all_fills(**window, historical=True), most)
    settled = [s async for s in portfolio.all_settlements(**window)]
    fills = {(fill.fill_id, fill.subaccount_number): fill for fill in (*live, *old)}
    oldest_first = reversed(fills.values())  # fills of one moment follow each other as they happened
    return [*map(fill_entry, oldest_first), *await settlement_entries(account, settled)]


async def _some(fills: AsyncIterator[Fill], most: int | None) -> list[Fill]:
    found = list[Fill]()
    async for fill in fills:
        found.append(fill)
        if most is not None and len(found) > most:
            raise TooManyError((_time(found[0].created_time) - _time(fill.created_time)).total_seconds())
    return found


def fill_entry(fill: Fill) -> FillEntry:
    """One fill: a bid buys YES, an ask sells it or buys NO; the sign says which."""
    signed = fill.count_fp if fill.book_side == "bid" else -fill.count_fp
    return FillEntry(
        fill.fill_id, _time(fill.created_time), fill.ticker, fill.subaccount_number or 0, signed,
        fill.yes_price_dollars, fill.fee_cost, fill.order_id,
    )  # fmt: skip


async def settlement_entries(account: Account, settled: Iterable[Settlement]) -> list[SettlementEntry]:
    """One entry a market, whether the exchange tells it in one row or in one a subaccount.

    ``fee_cost`` of a settlement are the fees of its fills again, so it isn't taken off.
    """
    grouped: dict[str, list[Settlement]] = defaultdict(list)
    for row in settled:
        grouped[f"{row.ticker}@{row.settled_time.isoformat()}"].append(row)
    first = [rows[0] for rows in grouped.values()]
    values = await asyncio.gather(*(settled_value(account, row) for row in first))
    return [
        SettlementEntry(
            name, _time(rows[0].settled_time), rows[0].ticker, value,
            sum((row.yes_count_fp for row in rows), Decimal(0)), sum((row.no_count_fp for row in rows), Decimal(0)),
        )
        for (name, rows), value in zip(grouped.items(), values, strict=True)
    ]  # fmt: skip


async def moved(account: Account, since: datetime, overlap_s: float) -> list[Entry]:
    """Deposits, withdrawals and transfers between subaccounts that may have come about since a moment."""
    portfolio = account.kalshi.portfolio
    begun = since.timestamp() - UNDER_WAY_S
    entries = list[Entry]()
    for kind, listed in (("deposit", portfolio.all_deposits()), ("withdrawal", portfolio.all_withdrawals())):
        sign = 1 if kind == "deposit" else -1
        async for one in _until(listed, begun):
            if one.status == "applied":
                cash, fee = (sign * one.amount_cents - one.fee_cents) * CENT, one.fee_cents * CENT
                at = _moment(one.finalized_ts or one.created_ts)
                entries.append(MoneyEntry("deposit" if sign > 0 else "withdrawal", one.id, at, cash, fee))
    async for sent in _transfers(account, since.timestamp() - overlap_s):
        cash, at = sent.amount_cents * CENT, _moment(sent.created_ts)
        for number, change in ((sent.from_subaccount, -cash), (sent.to_subaccount, cash)):
            entries.append(MoneyEntry("transfer", sent.transfer_id, at, change, subaccount=number))
    return entries


async def _until(listed: AsyncIterator[Transfer], begun: float) -> AsyncIterator[Transfer]:
    async for one in listed:
        if one.created_ts < begun:
            return
        yield one


async def _transfers(account: Account, begun: float) -> AsyncIterator[SubaccountTransfer]:
    try:
        async for one in account.kalshi.subaccounts.all_transfers():
            if one.created_ts < begun:
                return
            yield one
    except PermissionDeniedError:  # an account that may have no subaccounts has moved nothing between them
        return


def _time(moment: datetime | None) -> datetime:
    """A moment as it is kept: none, or one that can't be (year 1 is how some programs say nothing), is 1970."""
    if moment is None:
        return NEVER
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware if NEVER <= aware < LATEST else NEVER


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC) if 0 <= seconds < LATEST.timestamp() else NEVER
