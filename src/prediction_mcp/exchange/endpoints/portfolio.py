"""/portfolio: balance, positions, fills, settlements."""

from __future__ import annotations

from collections.abc import Iterable

from prediction_mcp.kalshi.units import PRICE_UNITS, format_dollars

from .. import wire
from ..call import Call, Json, invalid
from ..ledger import Holding
from .listing import cutoff_ms


def _subaccount(call: Call) -> None:
    if call.integer("subaccount", 0, 0, 63):
        raise invalid("subaccount", "no such subaccount")


def balance(call: Call) -> Json:
    """``portfolio_value`` is what the open positions are worth at the last traded prices."""
    _subaccount(call)
    value = 0
    for ticker, holding in call.member.holdings.items():
        last = call.exchange.engine.markets[ticker].last_price
        value += holding.position * last if holding.position > 0 else -holding.position * (PRICE_UNITS - last)
    return wire.balance(call.member, value)


def resting_value(call: Call) -> Json:
    held = call.member.held
    return {
        "total_resting_order_value": wire.cents(held),
        "resting_order_value_breakdown": [{"exchange_index": wire.EXCHANGE_INDEX, "balance": format_dollars(held)}],
    }


# -- positions ---------------------------------------------------------------------------------------------------


def _positions(call: Call, found: Iterable[tuple[str, Holding]]) -> Json:
    ticker, event = call.text("ticker"), call.text("event_ticker")
    counted = set(call.names("count_filter"))
    if counted - {"position", "total_traded"}:
        raise invalid("count_filter", "takes position and total_traded")
    listed = call.exchange.catalogue.markets
    chosen = [
        (t, h)
        for t, h in found
        if h.traded
        and (ticker is None or t == ticker)
        and (event is None or listed[t].event.ticker == event)
        and ("position" not in counted or h.position)
    ]
    page, cursor = call.page_listing(chosen, call.limit())
    by_event: dict[str, list[Holding]] = {}
    for t, h in page:
        by_event.setdefault(listed[t].event.ticker, []).append(h)
    return {
        "market_positions": [wire.position(t, h) for t, h in page],
        "event_positions": [wire.event_position(t, h) for t, h in by_event.items()],
        "cursor": cursor,
    }


def positions(call: Call) -> Json:
    _subaccount(call)
    status = call.choice("settlement_status", ("unsettled", "settled", "all")) or "unsettled"
    cutoff = cutoff_ms(call)
    found: list[tuple[str, Holding]] = []
    if status != "settled":
        found += call.member.holdings.items()
    if status != "unsettled":
        found += [(t, h) for t, h in call.member.settled.items() if h.updated_ms >= cutoff]
    return _positions(call, found)


def historical_positions(call: Call) -> Json:
    cutoff = cutoff_ms(call)
    return _positions(call, [(t, h) for t, h in call.member.settled.items() if h.updated_ms < cutoff])


# -- fills and settlements ---------------------------------------------------------------------------------------


def _fills(call: Call, *, archived: bool) -> Json:
    ticker, order_id = call.text("ticker"), call.text("order_id")
    wanted, cutoff = call.within("min_ts", "max_ts"), cutoff_ms(call)
    found = (
        f
        for f in reversed(call.member.fills)
        if (f.ts_ms < cutoff) == archived
        and (ticker is None or f.order.ticker == ticker)
        and (order_id is None or f.order.order_id == order_id)
        and wanted(f.ts_ms)
    )
    page, cursor = call.page(found, lambda fill: fill.seq, call.limit())
    return {"fills": [wire.fill(f) for f in page], "cursor": cursor}


def fills(call: Call) -> Json:
    return _fills(call, archived=False)


def historical_fills(call: Call) -> Json:
    return _fills(call, archived=True)


def settlements(call: Call) -> Json:
    ticker, event = call.text("ticker"), call.text("event_ticker")
    wanted, cutoff = call.within("min_ts", "max_ts"), cutoff_ms(call)
    listed = call.exchange.catalogue.markets
    found = (
        s
        for s in reversed(call.member.settlements)
        if s.ts_ms >= cutoff
        and (ticker is None or s.ticker == ticker)
        and (event is None or listed[s.ticker].event.ticker == event)
        and wanted(s.ts_ms)
    )
    page, cursor = call.page(found, lambda settlement: settlement.seq, call.limit())
    return {"settlements": [wire.settlement(s, listed[s.ticker].event.ticker) for s in page], "cursor": cursor}
