"""/portfolio: balance, positions, fills, settlements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from prediction_mcp.exchange.disk.archive import Where
from prediction_mcp.exchange.engine.ledger import Holding, Returned
from prediction_mcp.kalshi.units import PRICE_UNITS, format_dollars

from .. import wire
from ..call import Call, Json
from .listing import cutoff_ms


def balance(call: Call) -> Json:
    """``portfolio_value`` is what the open positions are worth at the last traded prices.

    Both are of all shards together, or of the one that the query names; the breakdown is always of all, but for a key
    that is bound to a subaccount, which gets none.
    """
    account, index = call.owned(), call.integer("exchange_index", None, 0)
    accounts = [*account.shards.values()] if index is None else [account.on(index)]
    value = -sum(one.returned for one in accounts)
    for ticker, holding in (item for one in accounts for item in one.holdings.items()):
        last = call.exchange.engine.markets[ticker].last_price
        value += holding.position * last if holding.position > 0 else -holding.position * (PRICE_UNITS - last)
    split = {} if call.locked is not None else {"balance_breakdown": wire.breakdown(account)}
    return wire.balance(accounts, value) | split


def resting_value(call: Call) -> Json:
    """Over all of the member's subaccounts."""
    held: Counter[int] = Counter()
    for account in (call.member, *call.exchange.subaccounts(call.member)):
        held.update({one.shard: one.held for one in account.in_use})
    return {
        "total_resting_order_value": wire.cents(held.total()),
        "resting_order_value_breakdown": [
            {"exchange_index": shard, "balance": format_dollars(held[shard])} for shard in sorted(held)
        ],
    }


# -- positions ---------------------------------------------------------------------------------------------------


def _positions(call: Call, found: Iterable[tuple[str, Holding]], returns: Mapping[str, Returned]) -> Json:
    ticker, event = call.text("ticker"), call.text("event_ticker")
    counted = set(call.names("count_filter"))
    if counted - {"position", "total_traded"}:
        raise call.refuse("count_filter", "oneof")
    listed, returned = call.exchange.catalogue.markets, {event: one.amount for event, one in returns.items()}
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
        "market_positions": [wire.position(t, listed[t].event.shard, h) for t, h in page],
        "event_positions": [wire.event_position(t, h, returned.get(t, 0)) for t, h in by_event.items()],
        "cursor": cursor,
    }


def positions(call: Call) -> Json:
    account, index = call.owned(), call.integer("exchange_index", None, 0)
    accounts = [one for shard, one in sorted(account.shards.items()) if index in (None, shard)]
    status = call.choice("settlement_status", ("unsettled", "settled", "all")) or "unsettled"
    cutoff = cutoff_ms(call)
    found: list[tuple[str, Holding]] = []
    if status != "settled":
        found += [item for one in accounts for item in one.holdings.items()]
    if status != "unsettled":
        found += call.exchange.archive.settled_positions(accounts, Where().add("updated_ms >= ?", cutoff))
    return _positions(call, found, {event: back for one in accounts for event, back in one.returns.items()})


def historical_positions(call: Call) -> Json:
    old = Where().add("updated_ms < ?", cutoff_ms(call))
    return _positions(call, call.exchange.archive.settled_positions(call.owned().shards.values(), old), {})


# -- fills and settlements ---------------------------------------------------------------------------------------


def _fills(call: Call, *, archived: bool) -> Json:
    where = call.of_shard().add("ticker = ?", call.text("ticker")).add("order_id = ?", call.text("order_id"))
    where.within("ts_ms", call.window("min_ts", "max_ts")).add("seq < ?", call.before_row)
    where.add(f"ts_ms {'<' if archived else '>='} ?", cutoff_ms(call))
    page, cursor = call.page(call.exchange.archive.fills(call.member, where), lambda fill: fill.seq, call.limit())
    return {"fills": [wire.fill(f) for f in page], "cursor": cursor}


def fills(call: Call) -> Json:
    return _fills(call, archived=False)


def historical_fills(call: Call) -> Json:
    return _fills(call, archived=True)


def settlements(call: Call) -> Json:
    """All of them, however old: by the specification none moves behind the cutoff, and there is no list of old ones."""
    listed = call.exchange.catalogue.markets
    where = call.of_subaccount().add("ticker = ?", call.text("ticker"))
    where.within("ts_ms", call.window("min_ts", "max_ts")).add("seq < ?", call.before_row)
    where.in_events(call.names("event_ticker", 10), listed)
    found = call.exchange.archive.settlements(call.member, where)
    page, cursor = call.page(found, lambda settlement: settlement.seq, call.limit())
    return {"settlements": [wire.settlement(s, listed[s.ticker].event.ticker) for s in page], "cursor": cursor}
