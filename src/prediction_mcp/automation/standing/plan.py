"""A new rule, or other terms for one, as a plan: what a person is shown, its worst case in all, and says yes to."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from prediction_mcp.analytics.book import walk
from prediction_mcp.desk.kalshi import lookup
from prediction_mcp.desk.kalshi.held import cash_of, position_in
from prediction_mcp.desk.kalshi.trading.entry import check_open
from prediction_mcp.desk.kalshi.trading.funding import shard_of
from prediction_mcp.desk.results import MONEY
from prediction_mcp.kalshi.errors import InvalidOrderError, InvalidRequestError, NotFoundError
from prediction_mcp.net.words import cents, printed
from prediction_mcp.records.rules import ACTIVE, LIVE, PAUSED, Rule
from prediction_mcp.safety.plan import Done, Plan, Terms
from prediction_mcp.safety.text import quoted

from . import amounts
from .kinds import EXITS, RuleSpec, checked_spec, described
from .results import RuleAnswer, rule_line
from .timing import next_due
from .triggers import spec_of

if TYPE_CHECKING:
    from prediction_mcp.kalshi.fees import FeeSchedule
    from prediction_mcp.kalshi.models.markets import Market

    from ..desk import Desk

MOST = 2_000
"""Rules of one account that may be at work."""
ZERO = Decimal(0)
CHANGES = ("count", "dollars", "price", "stop", "take", "trail", "at", "max_runs", "max_total", "until")
_SMALLER = ("count", "dollars", "max_runs", "max_total", "until")
"""Terms of which less is less at stake."""


async def plan_rule(desk: Desk, spec: RuleSpec, until: datetime | None) -> MakeRule:
    """A new standing order.

    Raises:
        InvalidOrderError, MarketClosedError, NotFoundError: one sentence about the first thing that is wrong.
    """
    spec = checked_spec(spec, bounded=until is not None)
    market = await lookup.market(desk.account, spec.ticker)
    check_open(market)
    now = desk.clock()
    if until is not None and until <= now:
        raise InvalidOrderError("until lies in the past.")
    if len(await desk.rules.active()) >= MOST:
        raise InvalidRequestError(f"{MOST} standing orders are the most: cancel some first.")
    if spec.kind in EXITS and await _held(desk, spec) <= 0:
        raise InvalidOrderError(f"You hold no {spec.side} of {market.ticker}: there is nothing to sell.")
    spec = spec.model_copy(update={"ticker": market.ticker, "title": market.name[:160]})
    _, schedule = await desk.account.fees.of(market)
    worst = amounts.worst_of(spec, schedule, amounts.runs_of(spec, now, until) if spec.kind == "recurring" else None)
    if worst is None:
        raise InvalidOrderError("Say where it ends: until, max_runs, or max_total (dollars in all).")
    return MakeRule(desk, spec, until, market, worst)


async def _held(desk: Desk, spec: RuleSpec) -> Decimal:
    net = sum((p.position_fp for p in await position_in(desk.account, spec.ticker)), ZERO)
    return net if spec.side == "yes" else -net


class MakeRule(Plan[RuleAnswer]):
    kind = "arrangement"
    lasts = True
    loose = frozenset({"key"})

    def __init__(self, desk: Desk, spec: RuleSpec, until: datetime | None, market: Market, worst: Decimal) -> None:
        self._desk, self._spec, self._until, self._market, self._worst = desk, spec, until, market, worst
        self.terms = {
            "key": uuid.uuid4().hex, "kind": spec.kind, "ticker": spec.ticker, "rule": spec.stored,
            "until": None if until is None else until.isoformat(), "worst": str(worst),
        }  # fmt: skip

    async def send(self, terms: Terms) -> RuleAnswer:
        """Write the rule; a second time with the same key it is there already."""
        desk, now = self._desk, self._desk.clock()
        spec = RuleSpec.model_validate({**terms["rule"], "kind": terms["kind"], "ticker": terms["ticker"]})
        until = None if terms["until"] is None else datetime.fromisoformat(terms["until"])
        seen: dict[str, Any] = {"worst": terms["worst"]}
        if spec.kind == "twap":
            seen["volume"] = str(self._market.volume_fp)
        if spec.kind == "recurring":
            start = spec.start or now
            spec = spec.model_copy(update={"start": start})
            due = next_due(spec.every, start, max(now, start) - timedelta(microseconds=1))
        else:
            due = now if spec.kind == "twap" else None
        await desk.rules.add(
            terms["key"], spec.kind, spec.ticker, spec.stored, seen, until=until, due=due, now=now
        )  # fmt: skip
        rule = await desk.rules.by_key(terms["key"])
        if rule is None:
            raise NotFoundError("The standing order isn't in the database: it was removed at once.")
        return RuleAnswer(source=desk.environment, status="made", order=rule_line(rule))

    async def words(self) -> str:
        return await words(self._desk, self._spec, self._until, self._market, self._worst, "Standing order: ")

    def done(self, result: RuleAnswer) -> Done:
        return Done(f"made standing order {result.order.id}")


async def words(desk: Desk, spec: RuleSpec, until: datetime | None, market: Market, worst: Decimal, lead: str) -> str:
    """A rule for the person who decides: what, of which market, until when, what it does at worst."""
    lines = [f"{lead}{described(spec)}.", f"Market: “{quoted(market.name)}” ({market.ticker})."]
    limit = f"at {cents(spec.price)} or better" if spec.price is not None else "at any price that is quoted then"
    lines.append(f"Each order trades at once {limit}; what isn't filled is cancelled. Nobody is asked again.")
    if spec.max_runs is not None or spec.max_total is not None or until is not None:
        ends = [
            f"after {spec.max_runs} runs" if spec.max_runs is not None else "",
            f"when ${printed(spec.max_total)} are spent" if spec.max_total is not None else "",
            f"on {until:%Y-%m-%d %H:%M} UTC" if until is not None else "",
        ]
        lines.append(f"It ends {' or '.join(filter(None, ends))}.")
    if spec.action == "buy":
        lines.append(f"At worst it spends ${worst:,.2f} in all, fees included, and all of that is lost.")
        there, cash = shard_of(market), (await cash_of(desk.account)).by_shard()
        if any(amount for shard, amount in cash.items() if shard != there):
            lines.append(f"Cash that shard {there} lacks for an order is moved there from others before it.")
    else:
        lines.append(await _brings(desk, spec))
    lines.append(f"It runs only while a worker runs, and is no order at the exchange. {MONEY[desk.environment]}")
    return "\n".join(lines)


async def _brings(desk: Desk, spec: RuleSpec) -> str:
    """What selling brings at worst, and what it would bring now."""
    held = await _held(desk, spec)
    count = min(held, spec.count) if spec.count is not None and spec.kind != "recurring" else held
    floor = f"at least ${count * spec.price:,.2f} before fees" if spec.price is not None else "next to nothing"
    book = await desk.account.kalshi.markets.orderbook(spec.ticker)
    now = walk(book.levels(spec.side, "sell"), count, buying=False)
    thin = "" if now.filled == count else f", and only {printed(now.filled)} of {printed(count)} have buyers"
    return (
        f"At worst what is sold brings {floor}: a thin book may hold no better price in that moment. "
        f"Now it would bring ${now.cost:,.2f}{thin}."
    )


# -- other terms -----------------------------------------------------------------------------------------------------


async def plan_change(desk: Desk, rule_id: int, changes: Mapping[str, Any], *, resume: bool) -> ChangeRule:
    """Other terms for a rule, or its going on after a pause.

    Raises:
        NotFoundError, InvalidOrderError: there is no such rule, or it can't be so.
    """
    rule = await live_rule(desk, rule_id)
    given = {name: value for name, value in changes.items() if value is not None}
    if not given and not resume:
        raise InvalidRequestError(f"Nothing to change: give one of {', '.join(CHANGES)}, or resume=true.")
    if resume and rule.state != PAUSED:
        raise InvalidRequestError(f"Standing order {rule_id} isn't paused.")
    until = given.pop("until", rule.until)
    before = spec_of(rule)
    spec = checked_spec(before.model_copy(update=given), bounded=until is not None)
    if until is not None and until <= desk.clock():
        raise InvalidOrderError("until lies in the past.")
    market = await lookup.market(desk.account, rule.ticker)
    check_open(market)
    _, schedule = await desk.account.fees.of(market)
    worst = _worst(spec, schedule, rule, until)
    return ChangeRule(desk, rule, spec, until, market, worst, resume=resume)


def _worst(spec: RuleSpec, schedule: FeeSchedule | None, rule: Rule, until: datetime | None) -> Decimal:
    runs = amounts.runs_of(spec, rule.created, until) if spec.kind == "recurring" else None
    worst = amounts.worst_of(spec, schedule, runs)
    if worst is None:
        raise InvalidOrderError("Say where it ends: until, max_runs, or max_total (dollars in all).")
    return worst


def lessens(before: RuleSpec, after: RuleSpec, was: datetime | None, until: datetime | None) -> bool:
    """Whether only terms changed of which less is less at stake, and each to less."""
    old, new = {**before.stored, "until": was}, {**after.stored, "until": until}
    changed = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
    if any(name not in _SMALLER for name in changed):
        return False
    for name in changed:
        a = was if name == "until" else getattr(before, name)
        b = until if name == "until" else getattr(after, name)
        if b is None or (a is not None and b > a):
            return False
    return not (after.action == "sell" and "count" in changed)


class ChangeRule(Plan[RuleAnswer]):
    kind = "arrangement"

    def __init__(
        self,
        desk: Desk,
        rule: Rule,
        spec: RuleSpec,
        until: datetime | None,
        market: Market,
        worst: Decimal,
        *,
        resume: bool,
    ) -> None:
        self._desk, self._rule, self._spec, self._market = desk, rule, spec, market
        self._until, self._worst, self._resume = until, worst, resume
        less = not resume and lessens(spec_of(rule), spec, rule.until, until)
        self.lasts, self.lessens = not less, less
        self.terms = {
            "standing_order": rule.id, "ticker": rule.ticker, "rule": spec.stored, "resume": resume,
            "until": None if until is None else until.isoformat(), "worst": str(worst),
        }  # fmt: skip

    async def send(self, terms: Terms) -> RuleAnswer:
        desk, rule, now = self._desk, self._rule, self._desk.clock()
        until = None if terms["until"] is None else datetime.fromisoformat(terms["until"])
        values: dict[str, Any] = {
            "spec": terms["rule"], "until": until, "seen": {**rule.seen, "worst": terms["worst"]},
        }  # fmt: skip
        if terms["resume"]:
            values |= {"state": ACTIVE, "said": "", "due": resumed(rule, self._spec, now)}
        after = await desk.rules.change(rule, now=now, **values)
        if after is None:
            raise InvalidRequestError("A run changed this standing order meanwhile: nothing was changed, try again.")
        return RuleAnswer(source=desk.environment, status="changed", order=rule_line(after))

    async def words(self) -> str:
        verb = "Resume standing order" if self._resume else "Change standing order"
        lead = f"{verb} {self._rule.id}, now: "
        return await words(self._desk, self._spec, self._until, self._market, self._worst, lead)

    def done(self, result: RuleAnswer) -> Done:
        return Done(f"changed standing order {result.order.id}")


def resumed(rule: Rule, spec: RuleSpec, now: datetime) -> datetime | None:
    """When a rule that was paused is due next: what fell due meanwhile is past."""
    if spec.kind == "recurring":
        return next_due(spec.every, spec.start or rule.created, now)
    if spec.kind == "twap":
        return now
    return now if "triggered" in rule.seen else None


async def live_rule(desk: Desk, rule_id: int) -> Rule:
    """A rule that isn't over. Raises NotFoundError, InvalidRequestError."""
    rule = await desk.rules.get(rule_id)
    if rule is None:
        raise NotFoundError(f"There is no standing order {rule_id}: see get_standing_orders.")
    if rule.state not in LIVE:
        raise InvalidRequestError(f"Standing order {rule_id} is {rule.state} already.")
    return rule
