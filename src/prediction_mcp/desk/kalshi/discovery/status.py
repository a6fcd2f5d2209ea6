"""The exchange's state and this server's, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from prediction_mcp.kalshi.models.exchange import ExchangeStatus, Schedule, ShardStatus, TradingHours
from prediction_mcp.kalshi.rate_limit import DEFAULT_COST
from prediction_mcp.safety.text import clean, cut

from .market_results import Budget, ExchangeState

if TYPE_CHECKING:
    from prediction_mcp.kalshi import KalshiClient
    from prediction_mcp.net.caching import ReadCache
    from prediction_mcp.safety.policy import Policy

    from ..account import Account


EASTERN = ZoneInfo("America/New_York")
DESCRIBED = 60
"""Characters of a shard's description."""
WHOLE_DAY = [("00:00", "24:00")]


async def exchange_state(account: Account) -> ExchangeState:
    """Whether the exchange runs and trades, and what this account may do there."""
    kalshi, policy, now = account.kalshi, account.policy, datetime.now(UTC)
    status, schedule = await kalshi.exchange.status(), await kalshi.exchange.schedule()
    return ExchangeState(
        source=account.environment,
        active=any(shard.exchange_active for shard in status.shards),
        trading=len(status.paused) < len(status.shards),
        paused=[shard_name(shard) for shard in status.paused] or None,
        resumes=status.exchange_estimated_resume_time,
        hours_today_et=_hours(schedule, now),
        next_maintenance=_maintenance(schedule, now),
        mode=account.environment,
        account="signed in" if kalshi.has_key else "no key: public market data only",
        writes="allowed" if policy.writes_allowed and kalshi.has_key else "refused",
        confirmation=_asks(policy) if policy.writes_allowed else None,
        halted=account.halted_by(),
        tier=kalshi.limiter.tier,
        kept=_kept(kalshi.transport.cache),
        budget=_budget(kalshi),
    )


def shard_name(shard: ShardStatus) -> str:
    """A shard by number and the exchange's own description: "shard 2 (crypto)"."""
    described = cut(clean(shard.description), DESCRIBED)
    return f"shard {shard.exchange_index} ({described})" if described else f"shard {shard.exchange_index}"


def pause_of(status: ExchangeStatus) -> str | None:
    """Which part of the exchange takes no orders, in words; None where every shard takes them."""
    paused = status.paused
    if not paused:
        return None
    if len(paused) == len(status.shards):
        return "the exchange takes no orders now"
    return f"{', '.join(map(shard_name, paused))} {'takes' if len(paused) == 1 else 'take'} no orders now"


def _kept(cache: ReadCache | None) -> dict[str, str] | None:
    """Hits of the cache by kind."""
    if cache is None or not cache.hits:
        return None
    return {kind: f"{hits} of {hits + cache.misses[kind]}" for kind, hits in cache.hits.items()}


def _asks(policy: Policy) -> str:
    over = policy.confirm_over
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
