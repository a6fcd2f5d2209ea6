"""What the tools say of standing orders."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from prediction_mcp.desk.results import Answer, Minute, Number, Result, Second
from prediction_mcp.records.rules import Rule, Run

from .triggers import best_so_far, spec_of


class RunLine(Result):
    """``state`` is done, skipped, refused, or claimed while a worker is at it."""

    number: int
    due: Second
    state: str
    said: str | None = None
    order_id: str | None = None
    filled: Number | None = None


class RuleLine(Result):
    """Dollars of the side traded, contracts. ``worst`` is what it can spend in all, ``stop_at`` a trailing stop now."""

    id: int
    kind: str
    ticker: str
    what: str
    state: str
    next_due: Minute | None = None
    until: Minute | None = None
    runs: int | None = None
    filled: Number | None = None
    spent: Number | None = None
    worst: Number | None = None
    stop_at: Number | None = None
    triggered: str | None = None
    said: str | None = None
    last_runs: list[RunLine] | None = None


class RuleAnswer(Answer):
    status: str
    order: RuleLine
    note: str | None = None


class RuleList(Answer):
    count: int
    orders: list[RuleLine]
    cursor: str | None = None
    worker: str | None = None


def rule_line(rule: Rule, runs: Sequence[Run] = ()) -> RuleLine:
    from .kinds import described

    spec = spec_of(rule)
    worst = Decimal(rule.seen["worst"]) if "worst" in rule.seen else None
    return RuleLine(
        id=rule.id,
        kind=rule.kind,
        ticker=rule.ticker,
        what=described(spec),
        state=rule.state,
        next_due=rule.due if rule.state == "active" else None,
        until=rule.until,
        runs=rule.runs or None,
        filled=rule.filled or None,
        spent=rule.spent or None,
        worst=worst or None,
        stop_at=best_so_far(spec, rule.seen),
        triggered=(rule.seen.get("triggered") or {}).get("said"),
        said=rule.said or None,
        last_runs=[run_line(run) for run in runs] or None,
    )


def run_line(run: Run) -> RunLine:
    return RunLine(
        number=run.number, due=run.time, state=run.state, said=run.said or None, order_id=run.order_id or None,
        filled=run.filled or None,
    )  # fmt: skip
