"""What a run came to, in words and for its rule: when it is due next, why it is over, what a person hears. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from prediction_mcp.net.words import cents, printed
from prediction_mcp.records.outbox import Importance, Message
from prediction_mcp.records.rules import DONE, PAUSED, End, Rule, Run

from ..notices.wording import harmless
from . import timing
from .kinds import EXITS, TRIGGERED, RuleSpec

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.trading.results import Placed

GRACE = timedelta(minutes=5)
"""A run that is older when somebody comes to it is skipped and told."""
BACKOFF_S = (5, 10, 30, 60, 300, 900, 3_600)
"""Seconds between the tries of a rule whose price was reached and whose order was refused."""
TOLD = frozenset({1, 10, 100, 1_000})
"""Of tries that failed in a row these are told."""
ZERO = Decimal(0)


def ended(placed: Placed, spec: RuleSpec) -> End:
    count = placed.filled + placed.resting + (placed.cancelled or ZERO)
    return end_of(spec, placed.order_id, count, placed.filled, placed.total or ZERO, placed.fee or ZERO)


def end_of(spec: RuleSpec, order_id: str, count: Decimal, filled: Decimal, total: Decimal, fee: Decimal) -> End:
    verb = "bought" if spec.action == "buy" else "sold"
    if not filled:
        return End("done", f"nothing of {printed(count)} could be {verb}", order_id)
    average = (total / filled).quantize(Decimal("0.0001"))
    money = f"${total + fee:,.2f} with fees" if spec.action == "buy" else f"${total - fee:,.2f} after fees"
    of = "" if filled == count else f" of {printed(count)}"
    said = f"{verb} {printed(filled)}{of} {spec.side} at {cents(average)} for {money}"
    return End("done", said, order_id, total + fee if spec.action == "buy" else ZERO, filled, whole=filled == count)


# -- what comes after a run ------------------------------------------------------------------------------------------


def after(rule: Rule, spec: RuleSpec, end: End, now: datetime) -> dict[str, Any]:
    """Columns of the rule after a run: when it is due next, or why it is over."""
    filled, spent = rule.filled + end.filled, rule.spent + end.spent
    if end.state == "skipped" and spec.kind != "recurring":
        return {"state": PAUSED, "due": None, "said": end.said, "seen": _without(rule.seen, "triggered", "tries")}
    if spec.kind == "recurring":
        return _after_recurring(rule, spec, spent, now)
    if spec.kind == "twap":
        return _after_slice(rule, spec, end, filled, now)
    if (spec.count is not None and filled >= spec.count) or (spec.kind in EXITS and end.whole):
        return {"state": DONE, "due": None, "said": "done"}
    if end.state == "done" and spec.kind == "entry":  # the rest waits for its price again
        return {"due": None, "seen": _without(rule.seen, "triggered", "tries")}
    tries = 0 if end.filled else int(rule.seen.get("tries", 0)) + 1
    wait = timedelta(seconds=BACKOFF_S[min(tries, len(BACKOFF_S) - 1)])
    return {"due": now + wait, "seen": {**rule.seen, "tries": tries}}


def _without(seen: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in seen.items() if name not in names}


def _after_recurring(rule: Rule, spec: RuleSpec, spent: Decimal, now: datetime) -> dict[str, Any]:
    start, due = spec.start or rule.created, rule.due or now
    _, last = timing.missed(spec.every, start, due, now - GRACE) if now - due > GRACE else (1, due)
    following = timing.next_due(spec.every, start, last)
    sent = rule.runs + 1
    if spec.max_runs is not None and sent >= spec.max_runs:
        return {"state": DONE, "due": None, "said": f"all {spec.max_runs} runs are over"}
    if spec.max_total is not None and spec.max_total - spent < Decimal("0.01"):
        return {"state": DONE, "due": None, "said": f"${spec.max_total:,.2f} is spent"}
    if following is None or (rule.until is not None and following > rule.until):
        return {"state": DONE, "due": None, "said": "its time is over"}
    return {"due": following}


def _after_slice(rule: Rule, spec: RuleSpec, end: End, filled: Decimal, now: datetime) -> dict[str, Any]:
    done = int(rule.seen.get("slices", 0)) + 1
    seen = {**rule.seen, "slices": done}
    if spec.count is not None and filled >= spec.count:
        return {"state": DONE, "due": None, "seen": seen, "said": f"all {printed(spec.count)} are traded"}
    if done >= spec.slices:
        said = f"{printed(filled)} of {printed(spec.count or ZERO)} traded when its time was over"
        return {"state": DONE, "due": None, "seen": seen, "said": said}
    return {"due": max((rule.due or now) + spec.step, now), "seen": seen}


def told(rule: Rule, spec: RuleSpec, run: Run, end: End, values: dict[str, Any]) -> list[Message]:
    """What a person hears of a run: each that traded or was skipped, refusals in a row now and then, and its end."""
    tries = int(values.get("seen", {}).get("tries", 0))
    over = values.get("state") in (DONE, PAUSED)
    if end.state != "skipped" and not end.filled and not over and spec.kind in TRIGGERED and tries not in TOLD:
        return []
    why = (rule.seen.get("triggered") or {}).get("said")
    parts = [f"{harmless(rule.ticker)} “{harmless(spec.title)}”: {end.said}"]
    if why:
        parts.append(f"since {why}")
    if over:
        parts.append(f"the rule is {values['state']}: {values.get('said') or end.said}")
    elif spec.kind in EXITS and not end.filled:
        parts.append("it is tried again")
    title = f"Standing order {rule.id} ({spec.kind.replace('_', ' ')}), run {run.number}: {end.state}"
    importance: Importance = "high" if spec.kind in EXITS else "normal"
    return [Message(f"run:{run.id}", title, f"{'; '.join(parts)}.", importance)]
