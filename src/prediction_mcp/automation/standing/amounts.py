"""How much a run trades: for an amount of dollars, as a slice of a whole, and what a rule costs at worst."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from prediction_mcp.analytics.costs import order_cost
from prediction_mcp.analytics.sizing import Bought, affordable, slice_of
from prediction_mcp.kalshi.errors import InvalidOrderError
from prediction_mcp.net.words import cents

from . import timing
from .kinds import MOST_RUNS, RuleSpec

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.account import Account
    from prediction_mcp.kalshi.fees import FeeSchedule
    from prediction_mcp.kalshi.models.markets import Market
    from prediction_mcp.records.rules import Rule

ZERO, ONE = Decimal(0), Decimal(1)
DEAREST = ONE
"""What a contract costs at most where a rule names no price: with the fee, which shrinks towards it, a dollar."""


def cost_of(schedule: FeeSchedule | None, price: Decimal, count: Decimal) -> Decimal:
    """Dollars that contracts bought at a price cost with fees; without a formula for the fee their whole dollars."""
    if not count or schedule is None:
        return count
    return order_cost(schedule, price, count, buying=True).max_loss


async def for_dollars(account: Account, market: Market, spec: RuleSpec, dollars: Decimal) -> Bought | None:
    """The most whole contracts that an amount buys in the book as it is now, none dearer than the rule's price.

    None where it isn't enough for one. Raises InvalidOrderError where nobody sells.
    """
    book = await account.kalshi.markets.orderbook(market.ticker)
    _, schedule = await account.fees.of(market)
    levels = book.levels(spec.side, "buy")
    if not levels or (spec.price is not None and levels[0][0] > spec.price):
        limit = f" at {cents(spec.price)} or less" if spec.price is not None else ""
        raise InvalidOrderError(f"Nobody sells {spec.side} of {market.ticker}{limit} now: nothing was sent.")
    return affordable(levels, dollars, lambda price, count: cost_of(schedule, price, count), spec.price)


def slice_now(rule: Rule, spec: RuleSpec, volume: Decimal) -> Decimal:
    """The contracts of the slice that is due; ``volume`` is what the market traded in all."""
    left = (spec.count or ZERO) - rule.filled
    before = rule.seen.get("volume")
    traded = None if before is None else volume - Decimal(before)
    return slice_of(left, spec.slices - int(rule.seen.get("slices", 0)), traded, spec.share)


def runs_of(spec: RuleSpec, start: datetime, until: datetime | None) -> int | None:
    """How many runs a recurring rule can have; None where nothing ends it, or later than can be counted."""
    if until is None:
        return spec.max_runs
    most = MOST_RUNS if spec.max_runs is None else spec.max_runs
    found = timing.count_until(spec.every, spec.start or start, until, most + 1)
    return found if found <= most else spec.max_runs


def worst_of(spec: RuleSpec, schedule: FeeSchedule | None, runs: int | None) -> Decimal | None:
    """Dollars that a rule can spend in all, fees included; zero for what only sells what is held, None for no bound."""
    if spec.action == "sell":
        return ZERO
    price = spec.price or DEAREST
    if schedule is not None:
        schedule = schedule.through(None)  # its runs may come after a waiver
    if spec.kind in ("entry", "twap"):
        count = spec.count or ZERO
        parts = spec.slices if spec.kind == "twap" else 1
        return cost_of(schedule, price, count) + Decimal("0.01") * parts  # a fee is rounded up once an order
    each = spec.dollars if spec.dollars is not None else cost_of(schedule, price, spec.count or ZERO)
    bounds = [] if spec.max_total is None else [spec.max_total]
    if runs is not None:
        bounds.append(each * runs)
    return min(bounds) if bounds else None
