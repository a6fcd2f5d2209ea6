"""Transactions and lots, read from the records after they were brought up to date."""

from __future__ import annotations

import base64
import binascii
import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.net.words import printed
from prediction_mcp.records.columns import from_moment, to_moment

from ... import files
from .lots import known_method, refresh
from .results import Check, LotLine, LotList, SyncDone, TransactionLine, TransactionList, summed
from .syncing import check, sync

if TYPE_CHECKING:
    from .home import History

EXPORTED = (
    "id", "time", "kind", "subaccount", "ticker", "order_id", "contracts", "price", "fee", "cash",
)  # fmt: skip
DIGITS = 18
"""Of a row's number, which is of 64 bits."""
Kind = Literal["fill", "settlement", "deposit", "withdrawal", "transfer"]


async def transactions(
    history: History, since: datetime | None, kind: Kind | None, ticker: str | None, limit: int, cursor: str | None
) -> TransactionList:
    """A page of what moved, newest first. Raises InvalidRequestError for a cursor of another list."""
    before = None if cursor is None else _place(cursor)
    until, waiting = await _upto(history) if before else await _synced(history)
    rows = await history.ledger.page(since=since, kind=kind, ticker=ticker, before=before, limit=limit + 1)
    page = rows[:limit]
    more = f"{to_moment(page[-1].time)}:{page[-1].id}" if len(rows) > limit else None
    found = TransactionList(
        source=history.account.environment, count=len(page),
        cursor=None if more is None else base64.urlsafe_b64encode(more.encode()).decode(), up_to=until,
        waiting=waiting, transactions=[TransactionLine.of(row) for row in page],
    )  # fmt: skip
    return found.within(since)


def _place(cursor: str) -> tuple[datetime, int]:
    try:
        moment, _, number = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        if len(number) > DIGITS:
            raise ValueError(number)
        return from_moment(int(moment)), int(number)
    except (ValueError, OverflowError, OSError, binascii.Error):
        raise InvalidRequestError("cursor must be the one of the page before.") from None


async def _synced(history: History) -> tuple[datetime, str | None]:
    """Up to when everything is here now, and what waits."""
    done = await sync(history)
    if done.waiting is None:
        return done.until, None
    return done.until, f"A settlement of {done.waiting:%Y-%m-%d %H:%M} UTC waits for fills that aren't listed yet."


async def _upto(history: History) -> tuple[datetime, str | None]:
    """The same for a page that goes on: the list is as its first page had it."""
    known = await history.ledger.progress()
    return min(known.values(), default=datetime.now(UTC)), None


async def lots(history: History, ticker: str | None, limit: int) -> LotList:
    """What is open, by the account's method, oldest first."""
    await sync(history)
    shelf = await refresh(history)
    found = await shelf.open_lots(ticker)
    return LotList(
        source=history.account.environment, count=len(found), method=await shelf.method(), basis=summed(found),
        lots=[LotLine.of(lot) for lot in found[:limit]],
    )  # fmt: skip


async def choose(history: History, method: str) -> LotList:
    """Choose how lots are taken, for the whole account; returns the lots as they are then."""
    shelf = await refresh(history)
    await shelf.choose(known_method(method))
    return await lots(history, None, 20)


async def name(history: History, closing: str, opening: str, contracts: Decimal) -> None:
    """Name the lot of a closing. Raises InvalidRequestError, UnknownRecordError."""
    if contracts < 0:
        raise InvalidRequestError("contracts must be 0 (take it back) or more.")
    await (await refresh(history)).name(closing, opening, contracts)


async def checked(history: History) -> Check:
    """Bring up to date and hold against the cash."""
    found = await check(history)
    return Check(
        source=history.account.environment, adds_up=not found.missing, rows=found.rows, recorded=found.recorded,
        free=found.free, resting=found.resting, paid_back_early=found.returned or None,
        missing=found.missing or None, up_to=found.until, where=history.database.where,
    )  # fmt: skip


async def synced(history: History) -> SyncDone:
    """Bring up to date."""
    done = await sync(history)
    return SyncDone(
        source=history.account.environment, new=done.rows, rows=await history.ledger.count(), up_to=done.until,
        where=history.database.where,
    )  # fmt: skip


async def exported(history: History, kind: Literal["json", "csv"]) -> bytes:
    """Every transaction, oldest first, numbers as exact text."""
    await sync(history)
    rows = await history.ledger.page(limit=None)
    shown = [
        {
            "id": row.exchange_id, "time": row.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "kind": row.kind, "subaccount": row.subaccount, "ticker": files.harmless(row.ticker),
            "order_id": row.order_id,
            "contracts": printed(row.contracts), "price": None if row.price is None else printed(row.price),
            "fee": printed(row.fee), "cash": printed(row.cash),
        }
        for row in reversed(rows)
    ]  # fmt: skip
    if kind == "csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, EXPORTED, lineterminator="\n")
        writer.writeheader()
        writer.writerows(shown)
        return text.getvalue().encode()
    import orjson

    return orjson.dumps(shown, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
