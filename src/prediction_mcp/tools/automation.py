"""Automation: what is watched and traded while nobody looks."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from fastmcp.dependencies import Depends
from pydantic import Field

from prediction_mcp.automation.alerts.kinds import AlertKind
from prediction_mcp.automation.alerts.service import AlertAnswer, AlertList
from prediction_mcp.automation.board import Figure
from prediction_mcp.automation.desk import Desk
from prediction_mcp.automation.standing.kinds import On, RuleKind
from prediction_mcp.automation.standing.results import RuleAnswer, RuleList
from prediction_mcp.automation.status import WorkerStatus
from prediction_mcp.protocol.annotations import ENDS, FORGETS, KEEPS_EACH, PLACES, READS
from prediction_mcp.protocol.confirmed import confirmed
from prediction_mcp.protocol.parameters import Action, Cents, Deadline, Limit, Price, Quantity, Side, Ticker, Word
from prediction_mcp.protocol.session import get_automation, get_known_automation
from prediction_mcp.protocol.toolset import Toolset
from prediction_mcp.safety.plan import Plan

ALERTS_URI = "kalshi://alerts"

mcp = Toolset()

Id = Annotated[int, Field(ge=1, le=2**53)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


@mcp.tool(title="Make an alert", annotations=KEEPS_EACH, tags={"automation"})
async def create_alert(
    kind: Annotated[AlertKind, Word],
    ticker: Ticker | None = None,
    value: Quantity | None = None,
    on: Annotated[Figure, Word] = "middle",
    words: Annotated[str, Field(max_length=200)] | None = None,
    order_id: Annotated[str, Field(max_length=100)] | None = None,
    repeat_minutes: Annotated[int, Field(ge=0, le=525_600)] | None = None,
    until: Deadline | None = None,
    importance: Annotated[Literal["low", "normal", "high"], Word] = "normal",
    note: Annotated[str, Field(max_length=300)] = "",
    desk: Desk = Depends(get_known_automation),
) -> AlertAnswer:
    """Tell your user once something is so; once, unless repeat_minutes.

    value: cents (prices, spread, arbitrage), contracts (volume), dollars (account), hours (closes_within), seconds
    (feed_down). words: of a new_market's title; for arbitrage an event, series or category.
    """
    from prediction_mcp.automation.alerts.service import create

    return await create(
        desk, kind, ticker, value, on=on, words=words, order_id=order_id, repeat_minutes=repeat_minutes, until=until,
        importance=importance, note=note,
    )  # fmt: skip


@mcp.tool(title="Alerts", annotations=READS, tags={"automation"})
async def get_alerts(
    status: Annotated[Literal["active", "all"], Word] = "active",
    limit: Limit = 20,
    cursor: str | None = None,
    desk: Desk = Depends(get_automation),
) -> AlertList:
    """Alerts with their last firings, newest first."""
    from prediction_mcp.automation.alerts.service import listed

    return await listed(desk, status, limit, cursor)


@mcp.tool(title="End an alert", annotations=FORGETS, tags={"automation"})
async def delete_alert(alert_id: Id, desk: Desk = Depends(get_known_automation)) -> AlertAnswer:
    """End an alert."""
    from prediction_mcp.automation.alerts.service import delete

    return await delete(desk, alert_id)


@mcp.tool(title="Make a standing order", annotations=PLACES, tags={"automation", "write"})
@confirmed
async def create_standing_order(
    kind: Annotated[RuleKind, Word],
    ticker: Ticker,
    side: Side = "yes",
    action: Action | None = None,
    count: Count | None = None,
    dollars: Quantity | None = None,
    price: Cents | None = None,
    stop: Price | None = None,
    take: Price | None = None,
    trail: Price | None = None,
    trigger: Price | None = None,
    rising: bool = False,
    on: Annotated[On, Word] | None = None,
    hold_seconds: Annotated[int, Field(ge=0, le=86_400)] = 0,
    every: Annotated[str, Field(max_length=60)] | None = None,
    max_runs: Count | None = None,
    max_total: Quantity | None = None,
    minutes: Annotated[int, Field(ge=1, le=43_200)] | None = None,
    slices: Annotated[int, Field(ge=2, le=1_000)] | None = None,
    share: Annotated[float, Field(gt=0, le=1)] | None = None,
    until: Deadline | None = None,
    desk: Desk = Depends(get_automation),
) -> Plan[Any]:
    """A rule that trades later; your user says yes to all of it once. price: worst accepted.

    recurring: every (1d, cron in UTC), count or dollars, and until, max_runs or max_total ($). stop_loss: stop;
    take_profit: take; bracket: both; trailing_stop: trail; these sell what is held. entry: trigger (or below; rising:
    or above), count. twap: count, minutes, slices, share of volume. on: price looked at, of the side.
    """
    from prediction_mcp.automation.standing.plan import plan_rule
    from prediction_mcp.automation.standing.service import spec_as_asked

    spec = spec_as_asked(
        kind=kind, ticker=ticker, side=side, action=action, count=count, dollars=dollars, price=price, stop=stop,
        take=take, trail=trail, at=trigger, rising=rising, on=on, hold_s=hold_seconds, every=every, max_runs=max_runs,
        max_total=max_total, over_s=None if minutes is None else minutes * 60, slices=slices,
        share=None if share is None else Decimal(str(share)),
    )  # fmt: skip
    return await plan_rule(desk, spec, until)


@mcp.tool(title="Standing orders", annotations=READS, tags={"automation"})
async def get_standing_orders(
    status: Annotated[Literal["live", "all"], Word] = "live",
    standing_order_id: Id | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    desk: Desk = Depends(get_automation),
) -> RuleList:
    """Standing orders with their last runs; one by id with more of them."""
    from prediction_mcp.automation.standing.service import listed

    return await listed(desk, status, standing_order_id, limit, cursor)


@mcp.tool(title="Change a standing order", annotations=PLACES, tags={"automation", "write"})
@confirmed
async def change_standing_order(
    standing_order_id: Id,
    resume: bool = False,
    count: Count | None = None,
    dollars: Quantity | None = None,
    price: Cents | None = None,
    stop: Price | None = None,
    take: Price | None = None,
    trail: Price | None = None,
    trigger: Price | None = None,
    max_runs: Count | None = None,
    max_total: Quantity | None = None,
    until: Deadline | None = None,
    desk: Desk = Depends(get_automation),
) -> Plan[Any]:
    """Other terms, or go on after a pause. Smaller ones need no new yes."""
    from prediction_mcp.automation.standing.plan import plan_change
    from prediction_mcp.automation.standing.service import changes_as_asked

    changes = changes_as_asked(
        count=count, dollars=dollars, price=price, stop=stop, take=take, trail=trail, at=trigger, max_runs=max_runs,
        max_total=max_total, until=until,
    )  # fmt: skip
    return await plan_change(desk, standing_order_id, changes, resume=resume)


@mcp.tool(title="Pause a standing order", annotations=ENDS, tags={"automation"})
async def pause_standing_order(standing_order_id: Id, desk: Desk = Depends(get_known_automation)) -> RuleAnswer:
    """Stop it until it is resumed."""
    from prediction_mcp.automation.standing.service import pause

    return await pause(desk, standing_order_id)


@mcp.tool(title="End a standing order", annotations=ENDS, tags={"automation"})
async def cancel_standing_order(standing_order_id: Id, desk: Desk = Depends(get_known_automation)) -> RuleAnswer:
    """End it for good."""
    from prediction_mcp.automation.standing.service import cancel

    return await cancel(desk, standing_order_id)


@mcp.tool(title="The worker", annotations=READS, tags={"automation"})
async def get_worker_status(desk: Desk = Depends(get_automation)) -> WorkerStatus:
    """Whether anything works while nobody looks, how its jobs go, and which channels messages take."""
    from prediction_mcp.automation.status import status

    return await status(desk)


@mcp.provider.resource(ALERTS_URI, name="alerts", title="Alerts", mime_type="application/json")
async def alerts(desk: Desk = Depends(get_automation)) -> str:
    """What is watched, and what fired of late."""
    from prediction_mcp.automation.alerts.service import listed

    return (await listed(desk, "all", 50, None)).model_dump_json()
