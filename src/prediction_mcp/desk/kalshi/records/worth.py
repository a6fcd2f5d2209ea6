"""Snapshots of the account, and their history."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from prediction_mcp.analytics.book import mid
from prediction_mcp.analytics.positions import mark
from prediction_mcp.records.worth import Held, Worth, Worths

from .. import lookup
from ..held import cash_of
from ..shards import margin_note_of
from .results import HistoryAnswer, HistoryPoint

if TYPE_CHECKING:
    from ..account import Account
    from .home import History

Period = Literal["day", "week", "month", "year", "all"]
DAYS: dict[str, int] = {"day": 1, "week": 7, "month": 30, "year": 365}
FRESH = timedelta(minutes=1)
"""A snapshot younger than this is new enough for prices."""
FIRST = "This is the first snapshot: one is kept whenever this is asked for, and a picture needs two."
POINTS, DRAWN = 24, 500
"""Points that an answer shows, and a picture."""
ZERO, CENT = Decimal(0), Decimal("0.01")


async def snapshot(history: History) -> Worth:
    """Value the account now and keep it; one of less than a minute ago is taken instead, if nothing moved since."""
    worths = Worths(history.ledger)
    (worth, held), last = await valued(history.account), await worths.last()
    if last is not None and timedelta(0) <= worth.time - last.time < FRESH and _moved(worth) == _moved(last):
        return last
    await worths.add(worth, held)
    return worth


def _moved(worth: Worth) -> tuple[Decimal, Decimal, Decimal]:
    """What orders and money change, and prices don't."""
    return worth.cash, worth.resting, worth.at_cost


async def valued(account: Account) -> tuple[Worth, list[Held]]:
    """Value of the account over all subaccounts and shards; a total is None where a position has no price."""
    portfolio = account.kalshi.portfolio
    cash, resting = await asyncio.gather(cash_of(account), portfolio.resting_value())
    mine = [
        (number, position)
        for number in cash.subaccounts
        async for position in portfolio.all_positions(count_filter="position", subaccount=number)
        if position.position_fp
    ]
    markets = await lookup.markets_of(account, {position.ticker for _, position in mine})
    held = list[Held]()
    for number, position in mine:
        count, cost = position.position_fp, position.market_exposure_dollars
        bid, ask = markets[position.ticker].yes_quotes if position.ticker in markets else (None, None)
        middle = None if bid is None or ask is None else mid(bid, ask)
        at_middle = None if middle is None else abs(count) * (middle if count > 0 else 1 - middle)
        held.append(Held(position.ticker, number, count, mark(count, cost, bid, ask).value, at_middle, cost))
    worth = Worth(
        datetime.now(UTC), cash.total, Decimal(resting.total_resting_order_value) * CENT,
        _total([h.at_bid for h in held]), _total([h.at_middle for h in held]), sum((h.at_cost for h in held), ZERO),
    )  # fmt: skip
    return worth, held


def _total(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, ZERO) if len(known) == len(values) else None


async def history_of(history: History, period: Period) -> tuple[HistoryAnswer, list[Worth]]:
    """How the account's worth went: the answer's few points, and all of them for a picture."""
    _, margin = await asyncio.gather(snapshot(history), margin_note_of(history.account))
    since = datetime.now(UTC) - timedelta(days=DAYS[period]) if period in DAYS else None
    worths = Worths(history.ledger)
    count, drawn = await worths.since(since, DRAWN)
    _, shown = (count, drawn) if count <= POINTS else await worths.since(since, POINTS)
    first, last = drawn[0], drawn[-1]
    change = None if first.total is None or last.total is None else last.total - first.total
    return HistoryAnswer(
        source=history.account.environment, period=period, snapshots=count, change=change,
        points=[_point(worth) for worth in shown],
        note=" ".join(filter(None, (FIRST if count == 1 else None, margin))) or None,
    ), drawn  # fmt: skip


def _point(worth: Worth) -> HistoryPoint:
    return HistoryPoint(
        at=worth.time, total=worth.total, cash=worth.cash, resting=worth.resting or None, at_bid=worth.at_bid,
        at_middle=worth.at_middle, at_cost=worth.at_cost,
    )  # fmt: skip
