"""A year's report for an accountant: every closing, its totals, and what was still open at the year's end."""

from __future__ import annotations

import asyncio
import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from prediction_mcp.analytics.lots import Method, days_held, lots_of
from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.net.words import printed
from prediction_mcp.records.shelf import KeptClosing, KeptLot, groups

from ... import files
from .lots import closings_of, known_method, lots_in, refresh
from .results import TaxAnswer, TaxLine, Totals
from .syncing import sync

if TYPE_CHECKING:
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from .home import History

Format = Literal["json", "csv", "pdf"]
INLINE = 40
"""Rows that are returned at most; more are for files."""
PAGED = 10_000
"""Rows of a PDF at most: some 370 pages."""
FIRST, LAST = 2021, 2200
ZERO = Decimal(0)
PROFESSIONAL = "How event contracts are taxed is a question for a professional: this report only adds up."
COLUMNS = (
    "what", "side", "subaccount", "acquired", "disposed", "contracts", "proceeds", "basis", "fees", "gain", "days_held",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """A year by one method; times in the zone in which its days are counted."""

    year: int
    method: Method
    environment: str
    zone: ZoneInfo
    made: datetime
    closings: list[KeptClosing]
    open_lots: list[KeptLot]

    @property
    def totals(self) -> Totals:
        proceeds, basis, fees = (
            sum((getattr(one, name) for one in self.closings), ZERO) for name in ("proceeds", "basis", "fees")
        )
        return Totals(closings=len(self.closings), proceeds=proceeds, basis=basis, fees=fees, gain=proceeds - basis)

    @property
    def open_basis(self) -> Decimal:
        return sum((lot.basis for lot in self.open_lots), ZERO)

    @property
    def unknown(self) -> int:
        """Closings for which the exchange lists no fill: their basis is put at nothing."""
        return sum(one.acquired is None for one in self.closings)

    def local(self, moment: datetime | None) -> datetime | None:
        return None if moment is None else moment.astimezone(self.zone)


async def report(history: History, year: int, method: str | None, zone: ZoneInfo) -> Report:
    """The year's report, from the records as they are.

    Raises:
        InvalidRequestError: no such method, or a year that can't be.
    """
    if not FIRST <= year <= LAST:
        raise InvalidRequestError(f"year must lie between {FIRST} and {LAST}, not {year}.")
    chosen = None if method is None else known_method(method)
    shelf = await refresh(history)
    own = known_method(await shelf.method())
    by = chosen or own
    since, until = (datetime(number, 1, 1, tzinfo=zone).astimezone(UTC) for number in (year, year + 1))
    now, environment = datetime.now(UTC), history.account.environment
    closings = await shelf.closings(since, until) if by == own else None
    if closings is not None and await shelf.is_last(until):
        return Report(year, by, environment, zone, now, closings, await shelf.open_lots())
    trades, named = await shelf.trades(until), await shelf.named()
    books = await asyncio.to_thread(lots_of, groups(trades), by, named)
    if closings is None:
        closings = closings_of(books, trades, since, until)
    return Report(year, by, environment, zone, now, closings, lots_in(books, trades))


async def answer(
    history: History, year: int, method: str | None, kind: Format, path: str | None, zone: ZoneInfo, folder: Path
) -> TaxAnswer:
    """The report in a few words, its rows where they are few, and the file where one is wanted.

    Raises:
        InvalidRequestError: too many rows to be returned, no path for a PDF, a path that can't be.
    """
    if path is None and kind == "pdf":
        raise InvalidRequestError(f"A PDF is a file: give path=tax-{year}.pdf.")
    target = None if path is None else files.place(path, kind, folder)
    await sync(history)
    made = await report(history, year, method, zone)
    if kind == "pdf" and len(made.closings) > PAGED:
        raise InvalidRequestError(f"{len(made.closings):,} rows are no reading: give format=csv.")
    found = TaxAnswer(
        source=made.environment, year=year, method=made.method, timezone=str(zone), totals=made.totals,
        open_lots=len(made.open_lots), open_basis=made.open_basis,
        unknown_basis=made.unknown or None, note=PROFESSIONAL,
    )  # fmt: skip
    if target is not None:
        data = await asyncio.to_thread(encode, made, kind)
        await asyncio.to_thread(files.write_new, target, data)
        return found.model_copy(update={"file": str(target)})
    if len(made.closings) > INLINE:
        raise InvalidRequestError(
            f"The report has {len(made.closings):,} rows: give path=tax-{year}.{kind} and it is written to {folder}."
        )
    if kind == "csv":
        return found.model_copy(update={"csv": encode(made, kind).decode()})
    return found.model_copy(update={"rows": [_line(made, one) for one in made.closings]})


def _line(made: Report, one: KeptClosing) -> TaxLine:
    acquired, disposed = made.local(one.acquired), one.disposed.astimezone(made.zone)
    return TaxLine(
        what=one.ticker, side=one.side, subaccount=one.subaccount or None, acquired=_day(acquired),
        disposed=disposed.date().isoformat(), contracts=one.contracts, proceeds=one.proceeds, basis=one.basis,
        fees=one.fees, gain=one.proceeds - one.basis, days_held=days_held(acquired, disposed),
    )  # fmt: skip


def _day(moment: datetime | None) -> str | None:
    return None if moment is None else moment.date().isoformat()


def encode(made: Report, kind: Format) -> bytes:
    """The report as a file's bytes; amounts in json and csv are exact."""
    if kind == "pdf":
        from .tax_pdf import pages

        return pages(made)
    if kind == "csv":
        return _csv(made)
    import orjson

    whole = {
        "year": made.year, "method": made.method, "account": made.environment, "timezone": str(made.zone),
        "made": made.made.isoformat(timespec="seconds"), "note": PROFESSIONAL,
        "totals": {name: printed(value) if isinstance(value, Decimal) else value
                   for name, value in made.totals.model_dump().items()},
        "closings": [dict(zip(COLUMNS, row, strict=True)) for row in rows(made)],
        "open_at_year_end": [
            {"what": lot.ticker, "side": lot.side, "subaccount": lot.subaccount,
             "acquired": _day(made.local(lot.acquired)), "contracts": printed(lot.contracts),
             "basis": printed(lot.basis)}
            for lot in made.open_lots
        ],
    }  # fmt: skip
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)


def rows(made: Report) -> list[tuple[str | int | None, ...]]:
    """A row for each closing, amounts as exact text."""
    found = list[tuple[str | int | None, ...]]()
    for one in made.closings:
        acquired, disposed = made.local(one.acquired), one.disposed.astimezone(made.zone)
        found.append((
            one.ticker, one.side, one.subaccount, _day(acquired), _day(disposed), printed(one.contracts),
            printed(one.proceeds), printed(one.basis), printed(one.fees), printed(one.proceeds - one.basis),
            days_held(acquired, disposed),
        ))  # fmt: skip
    return found


def _csv(made: Report) -> bytes:
    """Closings, then a line of totals. What others wrote (tickers) begins no formula in a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((files.harmless(str(what)), *others) for what, *others in rows(made))
    totals = made.totals
    writer.writerow([
        "total", "", "", "", "", "", printed(totals.proceeds), printed(totals.basis), printed(totals.fees),
        printed(totals.gain), "",
    ])  # fmt: skip
    return text.getvalue().encode()
