"""The exchange's state and this server's, in words."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.models.exchange import ExchangeStatus, Schedule, TradingHours
from prediction_mcp.kalshi.rate_limit import DEFAULT_COST
from prediction_mcp.settings import Settings

from .market_results import Budget, ExchangeState

EASTERN = ZoneInfo("America/New_York")
WHOLE_DAY = [("00:00", "24:00")]


def exchange_state(
    status: ExchangeStatus,
    schedule: Schedule,
    kalshi: KalshiClient,
    settings: Settings,
    now: datetime,
    halted: str | None,
) -> ExchangeState:
    return ExchangeState(
        source=settings.env,
        active=status.exchange_active,
        trading=status.trading_active,
        resumes=status.exchange_estimated_resume_time,
        hours_today_et=_hours(schedule, now),
        next_maintenance=_maintenance(schedule, now),
        mode=settings.env,
        account="signed in" if kalshi.has_key else "no key: public market data only",
        writes="allowed" if settings.writes_allowed and kalshi.has_key else "refused",
        confirmation=_asks(settings) if settings.writes_allowed else None,
        halted=halted,
        tier=kalshi.limiter.tier,
        budget=_budget(kalshi),
    )


def _asks(settings: Settings) -> str:
    over = settings.confirm_over
    return "never" if over is None else "always" if not over else f"above ${over}"


def _hours(schedule: Schedule, now: datetime) -> str | None:
    """Today's sessions in US Eastern time, or "all day"."""
    today = now.astimezone(EASTERN)
    for week in schedule.standard_hours:
        if week.start_time <= now < week.end_time:
            sessions: list[TradingHours] = getattr(week, today.strftime("%A").lower())
            spans = [(s.open_time, s.close_time) for s in sessions]
            return "all day" if spans == WHOLE_DAY else ", ".join(f"{a}-{b}" for a, b in spans) or "closed"
    return None


def _maintenance(schedule: Schedule, now: datetime) -> str | None:
    coming = sorted((w.start_datetime, w.end_datetime) for w in schedule.maintenance_windows if w.end_datetime > now)
    if not coming:
        return None
    start, end = (moment.astimezone(EASTERN) for moment in coming[0])
    return f"{start:%a %b %d %H:%M}-{end:%H:%M} ET"


def _budget(kalshi: KalshiClient) -> Budget:
    buckets = kalshi.limiter.buckets
    read = buckets["read" if kalshi.has_key else "public"]
    write = buckets["write"]
    return Budget(
        reads_now=int(read.tokens // DEFAULT_COST),
        reads_per_second=int(read.rate // DEFAULT_COST),
        writes_now=int(write.tokens // DEFAULT_COST),
        writes_per_second=int(write.rate // DEFAULT_COST),
    )
