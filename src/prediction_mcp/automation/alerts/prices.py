"""Alerts on prices: kept on the board, told when a quote turns them, looked back at after a gap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from loguru import logger

from prediction_mcp.desk.kalshi import lookup
from prediction_mcp.desk.kalshi.analysis.reading import candles
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.realtime.events import Quote
from prediction_mcp.records.watching import ACTIVE

from ..board import Board, Turn, figure_of
from .kinds import OF_PRICE, AlertSpec, reached, watcher_of
from .telling import expire, spec_of, turned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prediction_mcp.kalshi.models.markets import Candlestick
    from prediction_mcp.records.watching import AlertRow

    from ..desk import Desk

FURTHEST = timedelta(days=7)
"""How far a gap is looked back into, a minute a candle."""
UNSEEN = ("spread_under", "volume_over")
"""Kinds that candles don't show: a spread's lowest is of no one moment, a volume holds on and is seen now."""


class PriceAlerts:
    """The alerts of an account that quotes decide."""

    def __init__(self, desk: Desk, board: Board) -> None:
        self.desk, self.board = desk, board
        self.rows: dict[int, AlertRow] = {}

    def take(self, rows: Iterable[AlertRow]) -> set[str]:
        """What is active now; conditions that nobody changed keep what they saw. The markets of the others."""
        anew = set[str]()
        fresh = {row.id: row for row in rows if row.kind in OF_PRICE}
        for alert_id in self.rows.keys() - fresh.keys():
            self.board.drop(("alert", alert_id))
        for alert_id, row in fresh.items():
            known = self.rows.get(alert_id)
            if known is None or known.version != row.version:
                self._put(row)
                anew.add(row.ticker)
        self.rows = fresh
        return anew

    def _put(self, row: AlertRow) -> None:
        self.board.put(watcher_of(row.id, spec_of(row), row.seen))

    async def on(self, turn: Turn) -> None:
        """A condition turned: write it down, and go on with what is written."""
        alert_id = turn.watcher.key[1]
        row = self.rows.get(alert_id)
        if row is None or self.board.get(turn.watcher.key) is None:
            return
        after = None if await expire(self.desk, row) else await self._told(row, turn.value, true=turn.true)
        if after is None:  # somebody else wrote it, or its time is over
            after = await self.desk.alerts.get(alert_id)
        if after is None or after.state != ACTIVE:
            self.rows.pop(alert_id, None)
            self.board.drop(("alert", alert_id))
        elif after is not row:
            self.rows[alert_id] = after
            self._put(after)

    async def _told(
        self, row: AlertRow, value: Decimal, *, true: bool, since: datetime | None = None
    ) -> AlertRow | None:
        spec = spec_of(row)
        if spec.kind != "price_moved":
            return await turned(self.desk, row, true=true, said=reached(spec, value), since=since)
        anchor = row.seen.get("anchor")
        if anchor is None:
            return await self.desk.alerts.write(row, {**row.seen, "anchor": str(value)})
        said = reached(spec, value, Decimal(anchor))
        after = await turned(self.desk, row, true=true, said=said, since=since, anchor=str(value))
        if after is None or after is row or after.state != ACTIVE:
            return after
        return await turned(self.desk, after, true=False, said="")  # from the new anchor on it is to move again

    # -- what happened while nothing ran ---------------------------------------------------------------------------

    async def look_back(self, since: datetime) -> None:
        """Tell what was true for a while since a moment, with its time, as far as minute candles show it."""
        now = self.desk.clock()
        since = max(since, now - FURTHEST)
        for ticker in sorted({row.ticker for row in self.rows.values()}):
            mine = [row for row in self.rows.values() if row.ticker == ticker and row.kind not in UNSEEN]
            waiting = [row for row in mine if not row.seen.get("true")]
            if not waiting:
                continue
            try:
                market = await lookup.market(self.desk.account, ticker)
                sticks = await candles(self.desk.account, market, since.replace(second=0, microsecond=0), now, "1m")
            except PlatformError as error:
                logger.warning("what {} did while nothing ran can't be read: {}", ticker, error)
                continue
            for row in waiting:
                found = first_reached(spec_of(row), row.seen, sticks, max(since, row.created))
                if found is not None:
                    await self._catch_up(row, *found)

    async def _catch_up(self, row: AlertRow, at: datetime, value: Decimal) -> None:
        after = await self._told(row, value, true=True, since=at)
        if after is not None and after.state == ACTIVE:
            self.rows[row.id] = after
            self._put(after)
        else:
            self.rows.pop(row.id, None)
            self.board.drop(("alert", row.id))


def first_reached(
    spec: AlertSpec, seen: dict[str, Any], sticks: Iterable[Candlestick], since: datetime
) -> tuple[datetime, Decimal] | None:
    """(end of the minute, value) at which a condition first held in candles that ended after a moment."""
    watcher = watcher_of(0, spec, seen)
    if spec.kind == "price_moved" and "anchor" not in seen:
        return None
    for stick in sticks:
        end = datetime.fromtimestamp(stick.end_period_ts, UTC)
        for quote in _quotes(stick) if end > since else ():
            value = figure_of(quote, watcher.figure)
            if value is not None and watcher.holds(value):
                return end, value
    return None


def _quotes(stick: Candlestick) -> list[Quote]:
    """The lowest and the highest prices of a minute; those of bid and ask needn't be of one moment."""
    price, bid, ask = stick.price, stick.yes_bid, stick.yes_ask
    return [
        Quote(price.low_dollars, bid.low_dollars, ask.low_dollars),
        Quote(price.high_dollars, bid.high_dollars, ask.high_dollars),
    ]
