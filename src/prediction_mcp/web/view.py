"""What the page shows, read at one moment. A part that can't be read says why; the others are there all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from loguru import logger

from prediction_mcp.net.deadline import within
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.safety.index import QUICK_S
from prediction_mcp.safety.journal import JournalError
from prediction_mcp.safety.told import SHOWN, told
from prediction_mcp.settings import SettingsError

if TYPE_CHECKING:
    from prediction_mcp.automation.alerts.service import AlertList
    from prediction_mcp.desk.kalshi.account import Account
    from prediction_mcp.desk.kalshi.portfolio.account_results import PortfolioValue
    from prediction_mcp.desk.kalshi.portfolio.results import PositionList
    from prediction_mcp.desk.kalshi.trading.results import OrderList

T = TypeVar("T")
ROWS = 50
LINES = 15
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """What was read, or why it couldn't be."""

    found: T | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    lane: str
    tokens: int
    capacity: int


@dataclass(frozen=True, slots=True)
class JournalLine:
    at: str
    what: str
    said: str


@dataclass(frozen=True, slots=True)
class View:
    mode: str
    real_money: bool
    worth: Part[PortfolioValue]
    positions: Part[PositionList]
    orders: Part[OrderList]
    alerts: Part[AlertList] | None
    budget: list[Budget]
    feed: str
    halted: str | None
    journal: Part[list[JournalLine]]


async def look(account: Account) -> View:
    """Read everything at once. Raises PlatformError where the account can't be opened."""
    from prediction_mcp.desk.kalshi.portfolio.listing import positions, value
    from prediction_mcp.desk.kalshi.trading.history import orders

    await account.open()
    alerts = "automation" in account.settings.chosen_toolsets
    found = await asyncio.gather(
        _read(lambda: value(account)),
        _read(lambda: positions(account, None, None, "open", ROWS, None)),
        _read(lambda: orders(account, None, "resting", ROWS, None)),
        _read(lambda: _alerts(account)) if alerts else _nothing(),
    )
    buckets = account.kalshi.transport.limiter.buckets
    return View(
        mode=account.settings.describe(), real_money=account.environment == "live",
        worth=found[0], positions=found[1], orders=found[2], alerts=found[3] if alerts else None,
        budget=[Budget(lane, int(bucket.tokens), int(bucket.capacity)) for lane, bucket in buckets.items()],
        feed=account.feeds.state, halted=account.halted_by(), journal=journal_of(account),
    )  # fmt: skip


async def _nothing() -> Part[Any]:
    return Part()


async def _alerts(account: Account) -> AlertList:
    from prediction_mcp.automation.alerts.service import listed
    from prediction_mcp.automation.desk import Desk

    return await listed(Desk(account), "active", ROWS, None)


async def _read(read: Callable[[], Awaitable[T]]) -> Part[T]:
    try:
        async with within(PATIENCE_S, f"No answer within {PATIENCE_S:.0f} s."):
            return Part(await read())
    except (PlatformError, SettingsError) as error:
        return Part(problem=str(error))
    except Exception as error:  # noqa: BLE001 - the brakes must be there whatever is the matter with a table
        logger.exception("a part of the page can't be read")
        return Part(problem=f"It failed: {type(error).__name__}.")


def journal_of(account: Account) -> Part[list[JournalLine]]:
    """Its newest lines, newest first."""
    home = account.settings.safety_home
    if home is None or not home.exists():
        return Part([])
    try:
        lines = [line for line in account.records(QUICK_S).lines() if line["what"] in SHOWN]
    except JournalError as error:
        return Part(problem=str(error))
    return Part([JournalLine(str(line.get("at"))[:19], line["what"], told(line)) for line in lines[: -LINES - 1 : -1]])
