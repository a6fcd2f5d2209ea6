"""Alerts as people make, see and end them: for tools and commands alike."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from prediction_mcp.desk.kalshi import lookup
from prediction_mcp.desk.results import Answer, Minute, Number, Result, Second
from prediction_mcp.kalshi.errors import InvalidRequestError, NotFoundError
from prediction_mcp.records.outbox import Importance

from ..board import Figure
from .kinds import MOST, AlertKind, AlertSpec, described, made
from .telling import spec_of

if TYPE_CHECKING:
    from prediction_mcp.records.watching import AlertRow, Firing

    from ..desk import Desk

SHOWN = 3
"""Firings of an alert that a list shows."""
NOBODY = "Nothing looks at alerts now: no worker runs (WORKER=auto with the toolset, or “prediction-mcp worker”)."


class FiringLine(Result):
    at: Second
    said: str


class AlertLine(Result):
    """``fired`` counts; ``firings`` are the newest."""

    id: int
    kind: str
    what: str
    state: str
    market: str | None = None
    repeats_after_minutes: Number | None = None
    until: Minute | None = None
    importance: str | None = None
    note: str | None = None
    fired: int | None = None
    firings: list[FiringLine] | None = None


class AlertAnswer(Answer):
    status: str
    alert: AlertLine
    note: str | None = None


class AlertList(Answer):
    count: int
    alerts: list[AlertLine]
    cursor: str | None = None
    note: str | None = None


async def create(
    desk: Desk,
    kind: AlertKind,
    ticker: str | None,
    value: Decimal | None,
    *,
    on: Figure = "middle",
    words: str | None = None,
    order_id: str | None = None,
    repeat_minutes: int | None = None,
    until: datetime | None = None,
    importance: Importance = "normal",
    note: str = "",
) -> AlertAnswer:
    """Make one.

    Raises:
        InvalidRequestError, NotFoundError: one sentence about what is missing, can't be, or isn't there.
    """
    now = desk.clock()
    if until is not None and until <= now:
        raise InvalidRequestError("until lies in the past.")
    spec = made(
        kind, ticker, value, words, order_id, on=on, importance=importance, note=note,
        pause_s=None if repeat_minutes is None else repeat_minutes * 60,
    )  # fmt: skip
    if spec.ticker:
        market = await lookup.market(desk.account, spec.ticker)
        spec = spec.model_copy(update={"ticker": market.ticker, "title": market.name[:160]})
        if market.status == "finalized":
            raise InvalidRequestError(f"{market.ticker} is settled: nothing more happens there.")
    seen = {"row": await desk.account.history.ledger.last_row()} if kind == "order_filled" else {}
    alert_id = await desk.alerts.add(spec.kind, spec.ticker, stored(spec), seen, until, now, MOST)
    if alert_id is None:
        raise InvalidRequestError(f"{MOST} alerts are the most: delete some first.")
    row = await desk.alerts.get(alert_id)
    if row is None:
        raise NotFoundError(f"The alert {alert_id} isn't in the database: it was removed at once.")
    return AlertAnswer(source=desk.environment, status="watched", alert=line(row), note=await unwatched(desk))


def stored(spec: AlertSpec) -> dict[str, object]:
    """A spec as the row's column has it: kind and market stand in their own."""
    return {name: value for name, value in spec.stored.items() if name not in ("kind", "ticker")}


def line(row: AlertRow, firings: list[Firing] | None = None) -> AlertLine:
    spec = spec_of(row)
    return AlertLine(
        id=row.id,
        kind=row.kind,
        what=described(spec),
        state=row.state,
        market=spec.title or None,
        repeats_after_minutes=None if spec.pause_s is None else Decimal(spec.pause_s) / 60,
        until=row.until,
        importance=spec.importance if spec.importance != "normal" else None,
        note=spec.note or None,
        fired=row.fired or None,
        firings=[FiringLine(at=f.time, said=f.said) for f in firings or ()] or None,
    )


async def listed(desk: Desk, status: Literal["active", "all"], limit: int, cursor: str | None) -> AlertList:
    """Newest first."""
    rows = await desk.alerts.page(None if status == "all" else ["active"], limit + 1, place(cursor))
    more, rows = len(rows) > limit, rows[:limit]
    told: dict[int, list[Firing]] = {}
    for firing in await desk.alerts.firings([row.id for row in rows], limit * SHOWN * 4):
        mine = told.setdefault(firing.alert_id, [])
        if len(mine) < SHOWN:
            mine.append(firing)
    return AlertList(
        source=desk.environment,
        count=len(rows),
        alerts=[line(row, told.get(row.id)) for row in rows],
        cursor=str(rows[-1].id) if more else None,
        note=await unwatched(desk) if any(row.state == "active" for row in rows) else None,
    )


def place(cursor: str | None) -> int | None:
    """Raises InvalidRequestError for a cursor that isn't one of ours."""
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise InvalidRequestError("That is no cursor of this list: leave it out to begin anew.")
    return int(cursor)


async def delete(desk: Desk, alert_id: int) -> AlertAnswer:
    """End one. Raises NotFoundError, InvalidRequestError."""
    row = await desk.alerts.get(alert_id)
    if row is None:
        raise NotFoundError(f"There is no alert {alert_id}: see get_alerts.")
    if not await desk.alerts.delete(alert_id):
        raise InvalidRequestError(f"The alert {alert_id} is {row.state} already.")
    row = await desk.alerts.get(alert_id) or row
    return AlertAnswer(source=desk.environment, status="deleted", alert=line(row))


async def unwatched(desk: Desk) -> str | None:
    """A word where no worker was seen lately."""
    return None if await works(desk) else NOBODY


async def works(desk: Desk) -> bool:
    """Whether a worker was seen within the last minutes."""
    now = desk.clock()
    return any(now - worker.seen < timedelta(minutes=3) for worker in await desk.workers.all())
