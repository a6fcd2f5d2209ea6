"""Standing orders as people see, pause and end them: for tools and commands alike. Making one is a plan."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from prediction_mcp.kalshi.errors import InvalidRequestError, NotFoundError
from prediction_mcp.net.sides import Action, Side
from prediction_mcp.records.rules import CANCELLED, LIVE, PAUSED, Rule, Run

from ..alerts.service import place, works
from .kinds import EXITS, On, RuleKind, RuleSpec
from .plan import live_rule
from .results import RuleAnswer, RuleList, rule_line

if TYPE_CHECKING:
    from ..desk import Desk

SHOWN, SHOWN_OF_ONE = 3, 50
"""Runs that a list, and one rule, show."""
NOBODY = "No worker runs: nothing is sent before one does (WORKER=auto with the toolset, or “prediction-mcp worker”)."
READ_ONLY = "This server is read-only: standing orders are carried out by one that may write."


async def listed(
    desk: Desk, status: Literal["live", "all"], rule_id: int | None, limit: int, cursor: str | None
) -> RuleList:
    """Newest first, with their last runs; or one with more of them. Raises NotFoundError."""
    if rule_id is not None:
        rule = await desk.rules.get(rule_id)
        if rule is None:
            raise NotFoundError(f"There is no standing order {rule_id}.")
        rows, more, shown = [rule], False, SHOWN_OF_ONE
    else:
        rows = await desk.rules.page(None if status == "all" else list(LIVE), limit + 1, place(cursor))
        more, rows, shown = len(rows) > limit, rows[:limit], SHOWN
    runs: dict[int, list[Run]] = {}
    for run in await desk.rules.runs([rule.id for rule in rows], max(len(rows), 1) * shown * 2):
        mine = runs.setdefault(run.rule_id, [])
        if len(mine) < shown:
            mine.append(run)
    return RuleList(
        source=desk.environment,
        count=len(rows),
        orders=[rule_line(rule, runs.get(rule.id, ())) for rule in rows],
        cursor=str(rows[-1].id) if more else None,
        worker=await idle(desk) if any(rule.state == "active" for rule in rows) else None,
    )


async def idle(desk: Desk) -> str | None:
    """Why nothing would be sent now."""
    if not desk.account.policy.writes_allowed:
        return READ_ONLY
    return None if await works(desk) else NOBODY


async def pause(desk: Desk, rule_id: int) -> RuleAnswer:
    """Stop one until it is resumed; a run that is under way goes on. Raises NotFoundError, InvalidRequestError."""
    rule = await live_rule(desk, rule_id)
    if rule.state == PAUSED:
        raise InvalidRequestError(f"Standing order {rule_id} is paused already.")
    return await _ended(desk, rule, PAUSED, "paused", "Resume it with change_standing_order(resume=true).")


async def cancel(desk: Desk, rule_id: int) -> RuleAnswer:
    """End one for good. Raises NotFoundError, InvalidRequestError."""
    return await _ended(desk, await live_rule(desk, rule_id), CANCELLED, "cancelled", None)


async def _ended(desk: Desk, rule: Rule, state: str, status: str, note: str | None) -> RuleAnswer:
    """Write another state, whatever a worker writes meanwhile."""
    for _ in range(20):
        after = await desk.rules.change(rule, now=desk.clock(), state=state, said=f"{status} by you", due=None)
        if after is not None:
            last = await desk.rules.runs([rule.id], 1)
            if last and last[0].state == "claimed":
                note = f"A run is under way and may still trade. {note or ''}".strip()
            return RuleAnswer(source=desk.environment, status=status, order=rule_line(after), note=note)
        rule = await live_rule(desk, rule.id)
    raise InvalidRequestError(f"Standing order {rule.id} changes all the time: try again.")


def spec_as_asked(
    *, kind: RuleKind, ticker: str, side: Side, action: Action | None, on: On | None, every: str | None, **terms: Any
) -> RuleSpec:
    """The terms of a call, cents as dollars; what isn't said is as people mean it: exits sell and look at the bid.

    A recurring, entry or sliced order buys and an entry looks at the ask it would pay, unless they say otherwise.
    """
    does: Action = action or ("sell" if kind in EXITS else "buy")
    looked: On = on or ("ask" if does == "buy" else "bid")
    return RuleSpec(
        kind=kind, ticker=ticker, side=side, action=does, on=looked, every=every or "", **changes_as_asked(**terms)
    )


def changes_as_asked(**terms: Any) -> dict[str, Any]:
    """The terms that are given; prices in dollars, counts exact."""
    given = {name: value for name, value in terms.items() if value is not None}
    for name in ("price", "stop", "take", "trail", "at"):
        if name in given:
            given[name] = given[name] / 100
    if "count" in given:
        given["count"] = Decimal(given["count"])
    return given
