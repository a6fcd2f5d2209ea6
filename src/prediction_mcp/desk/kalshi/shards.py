"""Cash by shard for answers and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from prediction_mcp.desk.results import Number, Result
from prediction_mcp.kalshi.cash import DEFAULT_SHARD, CashBalances


class ShardCash(Result):
    """Free dollars on one shard of the exchange."""

    shard: int
    cash: Number


def split_of(cash: Mapping[int, Decimal]) -> list[ShardCash] | None:
    """Cash by shard; None where all of it is on the default shard."""
    held = {shard: amount for shard, amount in cash.items() if amount}
    if not held.keys() - {DEFAULT_SHARD}:
        return None
    return [ShardCash(shard=shard, cash=amount) for shard, amount in held.items()]


def said_by_shard(cash: Mapping[int, Decimal]) -> str:
    """Cash by shard in words: "$12.00 on shard 0 and $0.50 on shard 2"."""
    parts = [f"${amount:,.2f} on shard {shard}" for shard, amount in cash.items() if amount]
    return " and ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else parts[0] if parts else "no cash"


def margin_note(cash: CashBalances) -> str | None:
    """That money for perpetuals and margin isn't counted; None where the account has none."""
    if not cash.margin:
        return None
    return f"Not counted: perpetuals and margin (subaccount 64), which hold ${cash.margin:,.2f} of cash."
