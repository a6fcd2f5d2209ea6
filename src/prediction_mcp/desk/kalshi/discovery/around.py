"""What stands around the markets: rewards, targets, what goes on live, and what a number was expected to be."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from prediction_mcp.desk.results import Answer, ListAnswer, Minute, Number, Result
from prediction_mcp.kalshi.errors import InvalidRequestError, NotFoundError
from prediction_mcp.safety.text import clean, cut

from .. import lookup

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.events import ForecastPoint
    from prediction_mcp.kalshi.models.live_data import LiveData
    from prediction_mcp.kalshi.models.reference import IncentiveProgram, StructuredTarget

    from ..account import Account

CENTICENT = Decimal("0.0001")
MOST_ITEMS, MOST_DEEP, MOST_TEXT = 24, 6, 200
"""How much of what others send is passed on: entries of a list, levels, characters."""
MOST_POINTS = 200
PERIODS = {"1m": 1, "1h": 60, "1d": 1440}
HOUR_S, DAY_S = 3_600, 86_400
BACK_S = {"1m": 2 * HOUR_S, "1h": 2 * DAY_S, "1d": 60 * DAY_S}
"""How far back a forecast is read where nothing is said."""


class IncentiveLine(Result):
    """``reward`` is dollars for the whole program; ``size`` contracts that have to rest for it."""

    ticker: str
    kind: str
    says: str | None = None
    starts: Minute
    ends: Minute
    reward: Number
    size: Number | None = None
    most_each: Number | None = None
    paid_out: bool | None = None

    @classmethod
    def of(cls, item: IncentiveProgram) -> IncentiveLine:
        most = item.max_reward_per_account
        return cls(
            ticker=item.market_ticker,
            kind=item.incentive_type,
            says=cut(clean(item.incentive_description), MOST_TEXT) or None,
            starts=item.start_date,
            ends=item.end_date,
            reward=item.period_reward * CENTICENT,
            size=item.target_size_fp,
            most_each=None if most is None else most * CENTICENT,
            paid_out=item.paid_out or None,
        )


class IncentiveList(ListAnswer):
    incentives: list[IncentiveLine]


class TargetLine(Result):
    id: str
    name: str
    type: str
    details: dict[str, Any] | None = None

    @classmethod
    def of(cls, item: StructuredTarget) -> TargetLine:
        return cls(id=item.id, name=item.name, type=item.type, details=pruned(item.details) or None)


class TargetList(ListAnswer):
    targets: list[TargetLine]


class LiveAnswer(Answer):
    """What goes on; ``details`` differ by ``type`` and are the exchange's own, long lists cut to their end."""

    about: str
    type: str
    details: dict[str, Any]
    plays: list[Any] | None = None


class ForecastLine(Result):
    """The number at each percentile, at the end of a period."""

    time: Minute
    values: dict[str, Number]


class ForecastAnswer(Answer):
    """What an event's markets made of its number; newest last. ``now`` is the last line in words."""

    event: str
    interval: str
    count: int
    points: list[ForecastLine]
    now: str | None = None


async def incentives(
    account: Account, ticker: str | None, kind: str | None, status: str, limit: int, cursor: str | None
) -> IncentiveList:
    """Rewards for resting orders or trading; of one market where that is named."""
    name = None if ticker is None else (await lookup.market(account, ticker)).ticker
    page = await account.kalshi.reference.incentives(status=status, kind=kind, limit=limit, cursor=cursor)
    lines = [IncentiveLine.of(i) for i in page.incentive_programs if name is None or i.market_ticker == name]
    return IncentiveList(
        source=account.environment, count=len(lines), cursor=page.next_cursor or None, incentives=lines
    )


async def targets(
    account: Account,
    ids: Sequence[str] | None,
    kind: str | None,
    competition: str | None,
    limit: int,
    cursor: str | None,
) -> TargetList:
    """Teams, players, cities: who or what markets are about."""
    page = await account.kalshi.reference.structured_targets(
        ids=ids, kind=kind, competition=competition, page_size=limit, cursor=cursor
    )
    lines = [TargetLine.of(t) for t in page.structured_targets]
    return TargetList(source=account.environment, count=len(lines), cursor=page.cursor or None, targets=lines)


async def live_data(
    account: Account, event_ticker: str | None, milestone_id: str | None, city: str | None, *, plays: bool
) -> LiveAnswer:
    """What goes on at an event, a milestone, or a city's weather.

    Raises:
        InvalidRequestError: not exactly one of the three was given.
        NotFoundError: nothing live is known of it.
    """
    if sum(given is not None for given in (event_ticker, milestone_id, city)) != 1:
        raise InvalidRequestError("Give exactly one of event_ticker, milestone_id and city.")
    live = account.kalshi.live_data
    if city is not None:
        index = await live.weather(_word(city), last_sec=HOUR_S)
        points = [[p.t // 1000, None if p.v is None else float(p.v)] for p in index.timeseries]
        details = pruned({"units": index.units, "time_and_value": points})
        return LiveAnswer(source=account.environment, about=index.city, type="weather", details=details)
    if milestone_id is not None:
        return await _of_milestone(account, milestone_id, await live.milestone(milestone_id), plays=plays)
    event = await lookup.event(account, event_ticker or "")
    page = await account.kalshi.reference.milestones(related_event_ticker=event.event_ticker, limit=1)
    if page.milestones:
        milestone = page.milestones[0]
        return await _of_milestone(account, milestone.title, await live.milestone(milestone.id), plays=plays)
    try:
        found = await live.event(event.event_ticker)
    except NotFoundError:
        raise NotFoundError(f"Nothing live is known of {event.event_ticker}.", status=404) from None
    return LiveAnswer(
        source=account.environment, about=event.event_ticker, type=found.type, details=pruned(found.details)
    )


async def _of_milestone(account: Account, title: str, found: LiveData, *, plays: bool) -> LiveAnswer:
    shown: list[Any] | None = None
    if plays:
        stats = await account.kalshi.live_data.game_stats(found.milestone_id)
        periods = (stats.pbp.periods if stats.pbp else None) or []
        shown = _pruned([event for period in periods for event in period.events or []], 0)
    return LiveAnswer(
        source=account.environment, about=title, type=found.type, details=pruned(found.details), plays=shown
    )


async def forecast(
    account: Account,
    event_ticker: str,
    percentiles: Sequence[Decimal],
    interval: str,
    start: datetime | None,
    end: datetime | None,
) -> ForecastAnswer:
    """What an event's markets made of its number over time, at percentiles (0 to 100).

    Raises:
        InvalidRequestError: a percentile or the window isn't one.
    """
    if not all(0 <= p < 100 for p in percentiles):
        raise InvalidRequestError("Percentiles are from 0 to below 100; 50 is the median.")
    event = await lookup.event(account, event_ticker)
    until = int(time.time() if end is None else end.timestamp())
    since = until - BACK_S[interval] if start is None else int(start.timestamp())
    if since >= until:
        raise InvalidRequestError("start lies before end.")
    period = PERIODS[interval]
    since = max(since, until - MOST_POINTS * period * 60)
    history = await account.kalshi.events.forecast_history(
        event.event_ticker,
        series_ticker=event.series_ticker,
        percentiles=[int(p * 100) for p in percentiles],
        start_ts=since,
        end_ts=until,
        period_interval=1 if period == 1 else 60 if period == 60 else 1440,
    )
    points = [_line(point) for point in history[-MOST_POINTS:]]
    return ForecastAnswer(
        source=account.environment,
        event=event.event_ticker,
        interval=interval,
        count=len(points),
        points=points,
        now=_in_words(history[-1]) if history else None,
    )


def _line(point: ForecastPoint) -> ForecastLine:
    values = {f"{Decimal(p.percentile) / 100:f}": p.numerical_forecast for p in point.percentile_points}
    at = datetime.fromtimestamp(point.end_period_ts).astimezone()
    return ForecastLine(time=at, values=values)


def _in_words(point: ForecastPoint) -> str:
    return ", ".join(
        f"{Decimal(p.percentile) / 100:f} %: {cut(clean(p.formatted_forecast), MOST_TEXT)}"
        for p in point.percentile_points
    )


def _word(text: str) -> str:
    """A name as addresses have it. Raises InvalidRequestError; none of the text is repeated."""
    word = text.strip().lower().replace(" ", "-")
    if not word.replace("-", "").replace("_", "").isalnum() or not word.isascii():
        raise InvalidRequestError("That is no city's name as the exchange has them, like nyc or chicago.")
    return word


def pruned(details: dict[str, Any] | None) -> dict[str, Any]:
    """What others sent, no longer and no deeper than a reader wants."""
    found = _pruned(details or {}, 0)
    return found if isinstance(found, dict) else {}


def _pruned(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return cut(clean(value), MOST_TEXT)
    if isinstance(value, list):
        return [] if depth > MOST_DEEP else [_pruned(item, depth + 1) for item in value[-MOST_ITEMS:]]
    if isinstance(value, dict):
        if depth > MOST_DEEP:
            return {}
        return {
            cut(clean(str(name)), MOST_TEXT): _pruned(item, depth + 1)
            for name, item in list(value.items())[:MOST_ITEMS]
            if item is not None
        }
    return value
