"""How much an account may ask of the exchange: its tier, its buckets, and what earns more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prediction_mcp.desk.results import Answer, Number, Result

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.account import BucketLimit

    from ..account import Account


class BucketLine(Result):
    """Tokens: what a second brings, what the bucket holds, what is in it now; a plain request costs 10."""

    a_second: int
    bucket: int
    now: int


class TierLine(Result):
    """Contracts in 30 days that earn a tier, and that keep it."""

    tier: str
    earned_by: Number
    kept_by: Number


class LimitsOfAccount(Answer):
    tier: str
    reads: BucketLine
    writes: BucketLine
    traded_30_days: Number | None = None
    tiers: list[TierLine] | None = None
    granted: list[str] | None = None


async def account_limits(account: Account) -> LimitsOfAccount:
    """The exchange's own figures, with what this server's mirror says is left."""
    resource, buckets = account.kalshi.account, account.kalshi.limiter.buckets
    limits, (progress, *_) = await resource.limits(), [*await resource.volume_progress(), None]
    goals = [] if progress is None else progress.goals
    return LimitsOfAccount(
        source=account.environment,
        tier=limits.usage_tier,
        reads=_line(limits.read, buckets["read"].tokens),
        writes=_line(limits.write, buckets["write"].tokens),
        traded_30_days=None if progress is None else progress.trailing_30d_volume_fp,
        tiers=[TierLine(tier=g.level, earned_by=g.earn_volume_goal_fp, kept_by=g.keep_volume_goal_fp) for g in goals]
        or None,
        granted=[f"{g.level} ({g.source})" for g in limits.grants] or None,
    )


def _line(limit: BucketLimit, tokens: float) -> BucketLine:
    return BucketLine(a_second=limit.refill_rate, bucket=limit.bucket_capacity, now=int(tokens))
