"""Commands about what was traded, held, believed and owed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, cast

import typer

from prediction_mcp.net import deadline

from .output import REFUSED, show
from .progress import bar

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import BaseModel

    from prediction_mcp.desk.kalshi.account import Account
    from prediction_mcp.settings import Settings

T = TypeVar("T", bound="BaseModel")
TOO_LONG = "This took too long and was stopped: try again, or ask for less at once."
SYNC_S = 900.0
"""Seconds for commands that may read an account's whole history first; each of their requests has a read's limit."""
Json = Annotated[bool, typer.Option("--json", help="Nothing but JSON; see “prediction-mcp schema”.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="How many at most.")]
Cursor = Annotated[str | None, typer.Option(help="The cursor of the page before.")]
Since = Annotated[str | None, typer.Option(help="A day, a time, or 2h, yesterday.")]
Ticker = Annotated[str | None, typer.Option(help="Of this market only.")]
Words = Annotated[str, typer.Argument()]

portfolio = typer.Typer(help="What the account holds and is worth.", no_args_is_help=True)
tax = typer.Typer(help="Lots and a year's report; adds up, advises nothing.", no_args_is_help=True)
forecast = typer.Typer(help="What you believe, kept and scored.", no_args_is_help=True)
records = typer.Typer(help="The records themselves.", no_args_is_help=True)
Span = Literal["day", "week", "month", "year", "all"]
Method = Literal["fifo", "lifo", "hifo", "average", "named"]


def answer(work: Callable[[Account], Awaitable[T]], *, as_json: bool, seconds: float | None = None) -> T:
    """Do something with the account of the settings, and print what came.

    Args:
        seconds: how long it may take; without them as long as a read of a tool may.
    """
    from prediction_mcp.connection import open_account
    from prediction_mcp.logs import configure_logging
    from prediction_mcp.settings import load_settings

    settings = load_settings()
    configure_logging(settings.log_level)

    async def run() -> T:
        with bar(as_json=as_json) as told:
            async with (
                deadline.within(seconds or deadline.LIMITS.read, TOO_LONG),
                open_account(settings, told) as account,
            ):
                return await work(account)

    found = asyncio.run(run())
    show(found, as_json=as_json)
    return found


def _moment(text: str | None, account: Account) -> datetime | None:
    """A moment as people say it, in the user's zone. Raises SettingsError."""
    from datetime import datetime

    from prediction_mcp.desk import spoken

    return (
        None
        if text is None
        else heard("--since", text, lambda: spoken.moment(text, datetime.now(account.settings.zone)))
    )


def _ticker(text: str | None) -> str | None:
    from prediction_mcp.desk import spoken

    return None if text is None else spoken.ticker(text)


def heard(name: str, text: str, read: Callable[[], Any]) -> Any:
    """What a person wrote, understood. Raises SettingsError with what was wrong, which is a wrong call."""
    from prediction_mcp.settings import SettingsError

    try:
        return read()
    except ValueError as error:
        raise SettingsError(f"{name} must be {str(error).rstrip('.')}, not {text!r}.") from None


# -- the account -------------------------------------------------------------------------------------------------


@portfolio.command("summary")
def portfolio_summary(as_json: Json = False) -> None:
    """Cash, and positions at the bid, at the middle, at cost."""
    from prediction_mcp.desk.kalshi.portfolio.listing import value

    answer(value, as_json=as_json)


@portfolio.command("positions")
def portfolio_positions(
    status: Annotated[Literal["open", "settled", "all"], typer.Option()] = "open",
    ticker: Ticker = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """What is held."""
    from prediction_mcp.desk.kalshi.portfolio.listing import positions

    answer(lambda account: positions(account, _ticker(ticker), None, status, limit, cursor), as_json=as_json)


@portfolio.command("history")
def portfolio_history(
    period: Annotated[Span, typer.Option()] = "month",
    picture: Annotated[Path | None, typer.Option(help="Write a PNG here; never over another file.")] = None,
    as_json: Json = False,
) -> None:
    """What the account was worth; keeps a snapshot of now."""
    from prediction_mcp.desk.kalshi.records import pictures
    from prediction_mcp.desk.kalshi.records.results import HistoryAnswer
    from prediction_mcp.desk.kalshi.records.worth import history_of

    async def work(account: Account) -> HistoryAnswer:
        found, worths = await history_of(account.history, period)
        if picture is not None and len(worths) >= pictures.FEWEST:
            write(picture, await pictures.worth_picture(worths, f"Worth of the account, {account.environment}"))
        return found

    answer(work, as_json=as_json, seconds=SYNC_S)


def orders(
    ticker: Ticker = None,
    status: Annotated[Literal["resting", "canceled", "executed"] | None, typer.Option()] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """Orders that rest and those that are over, newest first."""
    from prediction_mcp.desk.kalshi.trading.history import orders as listed

    answer(lambda account: listed(account, _ticker(ticker), status, limit, cursor), as_json=as_json)


def fills(
    ticker: Ticker = None, since: Since = None, limit: Limit = 20, cursor: Cursor = None, as_json: Json = False
) -> None:
    """Trades of yours, newest first, with fees."""
    from prediction_mcp.desk.kalshi.trading.history import fills as listed

    answer(
        lambda account: listed(account, _ticker(ticker), None, _moment(since, account), limit, cursor),
        as_json=as_json,
    )


def transactions(
    since: Since = None,
    kind: Annotated[Literal["fill", "settlement", "deposit", "withdrawal", "transfer"] | None, typer.Option()] = None,
    ticker: Ticker = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """Every cent that moved, newest first."""
    from prediction_mcp.desk.kalshi.records.kept import transactions as listed

    answer(
        lambda account: listed(account.history, _moment(since, account), kind, _ticker(ticker), limit, cursor),
        as_json=as_json,
        seconds=SYNC_S,
    )


# -- taxes -------------------------------------------------------------------------------------------------------


@tax.command("report")
def tax_report(
    year: Annotated[int, typer.Argument(min=2021, max=2200)],
    method: Annotated[Method | None, typer.Option(help="Instead of the account's own.")] = None,
    kind: Annotated[Literal["json", "csv", "pdf"], typer.Option("--format", help="Of the file.")] = "json",
    path: Annotated[str | None, typer.Option(help="A new file's name, in the exports folder.")] = None,
    as_json: Json = False,
) -> None:
    """A year's closings with proceeds, basis and gain."""
    from prediction_mcp.desk.kalshi.records.tax import answer as report

    answer(
        lambda account: report(
            account.history, year, method, kind, path, account.settings.zone, account.settings.exports
        ),
        as_json=as_json,
        seconds=SYNC_S,
    )


@tax.command("lots")
def tax_lots(ticker: Ticker = None, limit: Limit = 50, as_json: Json = False) -> None:
    """What is open, when it was acquired and what it cost."""
    from prediction_mcp.desk.kalshi.records.kept import lots

    answer(lambda account: lots(account.history, _ticker(ticker), limit), as_json=as_json, seconds=SYNC_S)


@tax.command("method")
def tax_method(method: Annotated[Method, typer.Argument()], as_json: Json = False) -> None:
    """Choose how lots are taken, for the whole account."""
    from prediction_mcp.desk.kalshi.records.kept import choose

    answer(lambda account: choose(account.history, method), as_json=as_json, seconds=SYNC_S)


@tax.command("name")
def tax_name(
    closing: Annotated[str, typer.Argument(help="Id of the fill or settlement that closes.")],
    opening: Annotated[str, typer.Argument(help="Id of the fill that opened the lot.")],
    contracts: Annotated[str, typer.Argument(help="How many; 0 takes it back.")],
    as_json: Json = False,
) -> None:
    """Say which lot a closing takes; holds with the method “named”."""
    from prediction_mcp.desk import spoken
    from prediction_mcp.desk.kalshi.records.kept import lots, name
    from prediction_mcp.desk.kalshi.records.results import LotList

    count = cast("Decimal", heard("contracts", contracts, lambda: spoken.number(contracts)))

    async def work(account: Account) -> LotList:
        await name(account.history, closing, opening, count)
        return await lots(account.history, None, 50)

    answer(work, as_json=as_json, seconds=SYNC_S)


# -- forecasts ---------------------------------------------------------------------------------------------------


@forecast.command("add")
def forecast_add(
    ticker: Words,
    probability: Annotated[str, typer.Argument(help="Of YES: 0.7, 70%.")],
    note: Annotated[str, typer.Option(help="Why; 500 letters.")] = "",
    as_json: Json = False,
) -> None:
    """Keep what you believe beside the market's price of now."""
    from prediction_mcp.desk import spoken
    from prediction_mcp.desk.kalshi.records.forecasts import record

    believed = cast("Decimal", heard("probability", probability, lambda: spoken.probability(probability)))
    answer(lambda account: record(account.history, spoken.ticker(ticker), believed, note), as_json=as_json)


@forecast.command("list")
def forecast_list(
    status: Annotated[Literal["open", "settled", "all"], typer.Option()] = "all",
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """What you believed, newest first."""
    from prediction_mcp.desk.kalshi.records.forecasts import listed

    answer(lambda account: listed(account.history, status, limit, cursor), as_json=as_json)


@forecast.command("score")
def forecast_score(
    since: Since = None,
    category: Annotated[str | None, typer.Option()] = None,
    picture: Annotated[Path | None, typer.Option(help="Write a PNG here; never over another file.")] = None,
    as_json: Json = False,
) -> None:
    """How good it was, once markets ended."""
    from prediction_mcp.desk.kalshi.records import pictures
    from prediction_mcp.desk.kalshi.records.forecasts import score
    from prediction_mcp.desk.kalshi.records.results import ScoreAnswer

    async def work(account: Account) -> ScoreAnswer:
        found, bins = await score(account.history, _moment(since, account), category)
        if picture is not None and bins:
            write(picture, await pictures.reliability_picture(bins, f"{found.forecasts} forecasts"))
        return found

    answer(work, as_json=as_json, seconds=SYNC_S)


# -- the records themselves --------------------------------------------------------------------------------------


@records.command("check")
def records_check(as_json: Json = False) -> None:
    """Whether all rows add up to the account's cash; exit code 1 where they don't."""
    from prediction_mcp.desk.kalshi.records.kept import checked

    found = answer(lambda account: checked(account.history), as_json=as_json, seconds=SYNC_S)
    if not found.adds_up:
        raise typer.Exit(REFUSED)


@records.command("sync")
def records_sync(as_json: Json = False) -> None:
    """Read what is new from the exchange."""
    from prediction_mcp.desk.kalshi.records.kept import synced

    answer(lambda account: synced(account.history), as_json=as_json, seconds=SYNC_S)


@records.command("where")
def records_where(as_json: Json = False) -> None:
    """Where the records lie and which revision their tables have."""
    from prediction_mcp.records.database import Database
    from prediction_mcp.settings import load_settings

    from .shapes import Where

    place = place_of(load_settings())

    async def look() -> Where:
        async with Database(place) as database:
            there = database.file is None or database.file.exists()
            size = database.file.stat().st_size if database.file is not None and there else None
            return Where(
                where=database.where, there=there, revision=await database.revision() if there else None, bytes=size
            )

    show(asyncio.run(look()), as_json=as_json)


@records.command("export")
def records_export(
    path: Annotated[Path | None, typer.Argument(help="A new file; stdout without it.")] = None,
    kind: Annotated[Literal["json", "csv"], typer.Option("--format")] = "json",
    as_json: Json = False,
) -> None:
    """All transactions, oldest first, exact to the millionth of a dollar. With --json: always as JSON."""
    from prediction_mcp.connection import open_account
    from prediction_mcp.desk.kalshi.records.kept import exported
    from prediction_mcp.settings import load_settings

    async def work() -> bytes:
        async with open_account(load_settings()) as account:
            return await exported(account.history, "json" if as_json else kind)

    data = asyncio.run(work())
    if path is None:
        sys.stdout.buffer.write(data)
    else:
        write(path, data)


def write(path: Path, data: bytes) -> None:
    """Write a new file of the user's. Raises SettingsError where it is there or can't be."""
    from prediction_mcp.desk.files import write_new
    from prediction_mcp.kalshi.errors import InvalidRequestError
    from prediction_mcp.settings import SettingsError

    try:
        write_new(path.expanduser(), data)
    except InvalidRequestError as error:
        raise SettingsError(str(error)) from None


def place_of(settings: Settings) -> Path | str:
    """Where the records lie. Raises SettingsError where there are none."""
    from prediction_mcp.desk.kalshi.records import home
    from prediction_mcp.settings import SettingsError

    found = home.place_of(settings)
    if found is None:
        raise SettingsError("PAPER_KEEP is false, so there are no records outside the session.")
    return found
