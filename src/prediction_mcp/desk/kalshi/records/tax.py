"""A year's report for an accountant: every closing, its totals, and what was still open at the year's end."""

from __future__ import annotations

import asyncio
import csv
import io
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

from prediction_mcp.analytics.lots import Method, days_held, lots_of
from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.net.words import printed
from prediction_mcp.records.columns import from_micros, from_moment, to_moment
from prediction_mcp.records.shelf import KeptClosing, KeptLot, groups

from ... import files
from .lots import closings_of, known_method, lots_in, refresh
from .results import TaxAnswer, TaxLine, Totals
from .syncing import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
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
            from_micros(sum(map(attrgetter(name), self.closings))) for name in ("proceeds", "basis", "fees")
        )
        return Totals(closings=len(self.closings), proceeds=proceeds, basis=basis, fees=fees, gain=proceeds - basis)

    @property
    def open_basis(self) -> Decimal:
        return sum((lot.basis for lot in self.open_lots), ZERO)

    @property
    def unknown(self) -> int:
        """Closings for which the exchange lists no fill: their basis is put at nothing."""
        return sum(one.acquired is None for one in self.closings)

    def day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def dated(self) -> Iterator[tuple[KeptClosing, date | None, date]]:
        """Every closing with the days on which it was acquired, where that is known, and disposed of."""
        if not self.closings:
            return
        day = _days(self.zone, self.closings)
        for one in self.closings:
            yield one, None if one.acquired is None else day(one.acquired), day(one.disposed)


def _days(zone: ZoneInfo, closings: Sequence[KeptClosing]) -> Callable[[int], date]:
    """What day a moment of these closings is in the zone: looked up, for working each out takes five times as long."""
    moments = [moment for one in closings for moment in (one.acquired, one.disposed) if moment is not None]
    first, last = (from_moment(moment).astimezone(zone).date() for moment in (min(moments), max(moments)))
    days = [first + timedelta(number) for number in range((last - first).days + 1)]
    midnights = [to_moment(datetime.combine(day, time(), zone)) for day in days]
    return lambda moment: days[bisect_right(midnights, moment) - 1]


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
        InvalidRequestError: too many rows to be returned, no path for a PDF or no extra for it, a path that can't be.
    """
    if path is None and kind == "pdf":
        raise InvalidRequestError(f"A PDF is a file: give path=tax-{year}.pdf.")
    if kind == "pdf" and find_spec("fpdf") is None:
        raise InvalidRequestError("A PDF needs the extra: install prediction-mcp[data], or take csv.")
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
    return found.model_copy(update={"rows": [_line(*one) for one in made.dated()]})


def _line(one: KeptClosing, acquired: date | None, disposed: date) -> TaxLine:
    return TaxLine(
        what=one.ticker, side=one.side, subaccount=one.subaccount or None,
        acquired=None if acquired is None else acquired.isoformat(), disposed=disposed.isoformat(),
        contracts=from_micros(one.contracts), proceeds=from_micros(one.proceeds), basis=from_micros(one.basis),
        fees=from_micros(one.fees), gain=from_micros(one.gain), days_held=days_held(acquired, disposed),
    )  # fmt: skip


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
             "acquired": made.day(lot.acquired).isoformat(), "contracts": printed(lot.contracts),
             "basis": printed(lot.basis)}
            for lot in made.open_lots
        ],
    }  # fmt: skip
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)


def rows(made: Report) -> Iterator[tuple[str | int | None, ...]]:
    """A row for each closing, amounts as exact text."""
    written = cache(date.isoformat)  # a year has few days, and many closings
    for (ticker, subaccount, side, _, _, *amounts), acquired, disposed in made.dated():
        contracts, proceeds, basis, fees = amounts
        yield (
            ticker, side, subaccount, None if acquired is None else written(acquired), written(disposed),
            *[printed(from_micros(units)) for units in (contracts, proceeds, basis, fees, proceeds - basis)],
            days_held(acquired, disposed),
        )  # fmt: skip


def _csv(made: Report) -> bytes:
    """Closings, then a line of totals. What others wrote (tickers) begins no formula in a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((files.harmless(str(row[0])), *row[1:]) for row in rows(made))
    totals = made.totals
    writer.writerow([
        "total", "", "", "", "", "", printed(totals.proceeds), printed(totals.basis), printed(totals.fees),
        printed(totals.gain), "",
    ])  # fmt: skip
    return text.getvalue().encode()
