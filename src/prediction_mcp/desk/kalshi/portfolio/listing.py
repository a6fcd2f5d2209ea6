"""Positions by page, and what all of them are worth."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from prediction_mcp.desk.results import more

from .. import lookup
from ..held import positions_of
from ..shards import margin_note_of
from .account_results import PortfolioValue
from .results import BalanceAnswer, PositionLine, PositionList

if TYPE_CHECKING:
    from ..account import Account

_SETTLEMENT = {"open": "unsettled", "settled": "settled", "all": "all"}


async def positions(
    account: Account,
    ticker: str | None,
    event_ticker: str | None,
    status: Literal["open", "settled", "all"],
    limit: int,
    cursor: str | None,
) -> PositionList:
    """A page of positions with what they are worth at the best bid."""
    page = await account.kalshi.portfolio.positions(
        ticker=ticker.strip().upper() if ticker else None,
        event_ticker=event_ticker.strip().upper() if event_ticker else None,
        settlement_status=_SETTLEMENT[status],
        count_filter="position" if status == "open" else None,
        limit=limit,
        cursor=cursor,
    )
    markets = await lookup.markets_of(account, (p.ticker for p in page.market_positions if p.position_fp))
    lines = [PositionLine.of(p, markets.get(p.ticker)) for p in page.market_positions]
    return PositionList.of(lines, more(page), account.environment)


async def balance(account: Account) -> BalanceAnswer:
    """Free cash of the primary account, and the exchange's value of its positions."""
    found, note = await asyncio.gather(account.kalshi.portfolio.balance(), margin_note_of(account))
    return BalanceAnswer.of(found, account.environment, note)


async def value(account: Account) -> PortfolioValue:
    """Cash and positions of the primary account, valued three ways."""
    held, note = await asyncio.gather(positions_of(account), margin_note_of(account))
    markets = await lookup.markets_of(account, (p.ticker for p in held))
    found = await account.kalshi.portfolio.balance()
    return PortfolioValue.of(found, held, markets, account.environment).model_copy(update={"note": note})
