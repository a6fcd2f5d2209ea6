"""/portfolio/events/orders and /portfolio/orders: the life of an order. Rules: docs/kalshi.md, "Orders and reads"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import msgspec

from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import ASK, BID, Order
from prediction_mcp.exchange.engine.order_checks import FOK, GTC, IOC
from prediction_mcp.exchange.engine.rejection import EXCHANGE, RejectionError, invalid, not_found
from prediction_mcp.kalshi.units import format_count

from .. import wire
from ..call import Call, Json, count_of, expiry_of, price_of
from .groups import find_group
from .listing import cutoff_ms

MAX_CLIENT_ID = 128


class CreateOrder(msgspec.Struct, kw_only=True):
    """Body of a create request. Unknown fields are ignored, as the exchange does."""

    ticker: str
    side: str
    count: str
    price: str
    time_in_force: str
    self_trade_prevention_type: str
    client_order_id: str | None = None
    expiration_time: int | None = None
    post_only: bool | None = None
    reduce_only: bool | None = None
    cancel_order_on_pause: bool | None = None
    subaccount: int | None = None
    order_group_id: str | None = None
    exchange_index: int | None = None


class AmendOrder(msgspec.Struct, kw_only=True):
    ticker: str
    side: str
    price: str
    count: str
    client_order_id: str | None = None
    updated_client_order_id: str | None = None
    expiration_time: int | None = None
    exchange_index: int | None = None


class DecreaseOrder(msgspec.Struct, kw_only=True):
    reduce_by: str | None = None
    reduce_to: str | None = None
    market_ticker: str | None = None
    exchange_index: int | None = None


class BatchCreate(msgspec.Struct):
    orders: list[CreateOrder]


class CancelItem(msgspec.Struct, kw_only=True):
    order_id: str
    subaccount: int | None = None
    exchange_index: int | None = None
    market_ticker: str | None = None


class BatchCancel(msgspec.Struct):
    orders: list[CancelItem]


# -- writes ------------------------------------------------------------------------------------------------------


def _side(raw: str) -> int:
    if raw not in ("bid", "ask"):
        raise invalid("side", "must be bid or ask")
    return BID if raw == "bid" else ASK


def _check_trading(call: Call, ticker: str) -> None:
    market = call.exchange.catalogue.markets.get(ticker)
    if market is not None and market.status == "inactive":
        raise RejectionError("MARKET_NOT_ACTIVE", service=EXCHANGE)
    if not call.exchange.is_trading(0 if market is None else market.event.shard):
        raise RejectionError("trading_is_paused", status=409, service=EXCHANGE)


def _create(call: Call, body: CreateOrder) -> Json:
    call.check_shard(body.exchange_index)
    call.route(body.exchange_index, body.ticker)
    _check_trading(call, body.ticker)
    if body.time_in_force not in (GTC, IOC, FOK):
        raise invalid("time_in_force", f"must be one of {FOK}, {GTC}, {IOC}")
    if body.self_trade_prevention_type not in ("taker_at_cross", "maker"):
        raise invalid("self_trade_prevention_type", "must be taker_at_cross or maker")
    account = call.subaccount(body.subaccount)
    group = find_group(call, body.order_group_id, 400) if body.order_group_id else None
    if body.client_order_id is not None and len(body.client_order_id) > MAX_CLIENT_ID:
        raise invalid("client_order_id", f"takes at most {MAX_CLIENT_ID} characters")
    order = call.exchange.engine.submit(
        account,
        body.ticker,
        _side(body.side),
        price_of(body.price),
        count_of(body.count),
        call.now_ms,
        time_in_force=body.time_in_force,
        post_only=bool(body.post_only),
        reduce_only=bool(body.reduce_only),
        stp=body.self_trade_prevention_type,
        expires_ms=expiry_of(body.expiration_time) or 0,
        client_order_id=body.client_order_id or "",
        cancel_on_pause=bool(body.cancel_order_on_pause),
        group=group,
    )
    return wire.executed(order, order.filled, order.notional, order.fee_total)


def create(call: Call) -> Json:
    return _create(call, call.decode(CreateOrder))


def batch_create(call: Call) -> Json:
    """Each item succeeds or fails by itself."""
    return {"orders": [_each(partial(_create, call, body)) for body in call.decode(BatchCreate).orders]}


def cancel(call: Call) -> Json:
    """The order is looked for on the shard that is named or that ``market_ticker`` is on, by default on shard 0."""
    shard = call.route(call.integer("exchange_index"), call.text("market_ticker"))
    return _cancel(call, call.path["order_id"], call.owned(), shard)


def _cancel(call: Call, order_id: str, account: Account, shard: int) -> Json:
    order = call.order(account, order_id, shard)
    call.exchange.will_change(order)
    reduced = call.exchange.engine.cancel(order, call.now_ms)
    out: Json = {"order_id": order.order_id, "reduced_by": format_count(reduced), "ts_ms": call.now_ms}
    if order.client_order_id:
        out["client_order_id"] = order.client_order_id
    return out


def _cancel_item(call: Call, item: CancelItem) -> Json:
    call.check_shard(item.exchange_index)
    shard = call.route(item.exchange_index, item.market_ticker)
    return _cancel(call, item.order_id, call.subaccount(item.subaccount), shard)


def batch_cancel(call: Call) -> Json:
    """Each item succeeds or fails by itself; a failed one reduces by nothing."""
    return {
        "orders": [
            {"order_id": item.order_id, "reduced_by": "0.00", **_each(partial(_cancel_item, call, item))}
            for item in call.decode(BatchCancel).orders
        ]
    }


def _each(run: Callable[[], Json]) -> Json:
    try:
        return run()
    except RejectionError as rejection:
        return {"error": rejection.fields}


def cancel_all(call: Call) -> None:
    """On every shard. Raises RejectionError (503) if orders are left on one that is under maintenance."""
    only, down = call.only(), call.exchange.down_shards
    mine = [order for order in call.member.orders.values() if only is None or order.account.home is only]
    reached = [order for order in mine if order.account.shard not in down]
    for order in reached:
        call.exchange.will_change(order)
    call.exchange.engine.cancel_many(reached, call.now_ms)
    for order in mine:
        call.exchange.check_shard_up(order.account.shard)


def amend(call: Call) -> Json:
    body = call.decode(AmendOrder)
    order = call.order(call.owned(), shard=call.route(body.exchange_index, body.ticker))
    _check_trading(call, body.ticker)
    if body.ticker != order.ticker:
        raise invalid("ticker", "is not the order's market")
    if body.client_order_id and body.client_order_id != order.client_order_id:
        raise invalid("client_order_id", "is not the order's")
    call.exchange.will_change(order)
    filled, notional, fees, remaining = order.filled, order.notional, order.fee_total, order.remaining
    call.exchange.engine.amend(
        order,
        price_of(body.price),
        count_of(body.count),
        call.now_ms,
        side=_side(body.side),
        expires_ms=expiry_of(body.expiration_time),
        client_order_id=body.updated_client_order_id,
    )
    resized = order.remaining != remaining
    return wire.amended(
        order, order.filled - filled, order.notional - notional, order.fee_total - fees, resized=resized
    )


def decrease(call: Call) -> Json:
    body = call.decode(DecreaseOrder)
    order = call.order(call.owned(), shard=call.route(body.exchange_index, body.market_ticker))
    if (body.reduce_by is None) == (body.reduce_to is None):
        raise invalid("reduce_by, reduce_to", "exactly one must be given")
    if body.reduce_to is not None:
        remaining = count_of(body.reduce_to, "reduce_to")
    else:
        remaining = order.remaining - count_of(body.reduce_by or "", "reduce_by")
    call.exchange.will_change(order)
    call.exchange.engine.decrease(order, remaining, call.now_ms)
    out: Json = {
        "order_id": order.order_id,
        "remaining_count": format_count(order.remaining),
        "ts_ms": call.now_ms,
    }
    if order.client_order_id:
        out["client_order_id"] = order.client_order_id
    return out


# -- reads -------------------------------------------------------------------------------------------------------


def _select(call: Call, *, archived: bool) -> Iterator[Order]:
    where = (call.of_subaccount() if archived else call.of_shard()).add("ticker = ?", call.text("ticker"))
    status, lag = call.choice("status", ("resting", "canceled", "executed")), call.exchange.lag
    if not lag:
        where.add("status = ?", status)
    where.in_events(call.names("event_ticker", 100), call.exchange.catalogue.markets)
    where.within("created_ms", call.window("min_ts", "max_ts")).add("seq < ?", call.before_row)
    if archived:
        where.add("status <> 'resting'").add("updated_ms < ?", cutoff_ms(call))
    else:
        where.add("(status = 'resting' OR updated_ms >= ?)", cutoff_ms(call))
    found = call.exchange.archive.orders(call.member, where)
    if not lag:
        return found
    return (shown for order in found if status in (None, (shown := lag.read(order)).status))


def _page(call: Call, orders: Iterable[Order]) -> Json:
    page, cursor = call.page(orders, lambda order: order.seq, call.limit())
    return {"orders": [wire.order(o) for o in page], "cursor": cursor}


def orders(call: Call) -> Json:
    return _page(call, _select(call, archived=False))


def historical_orders(call: Call) -> Json:
    return _page(call, _select(call, archived=True))


def one_order(call: Call) -> Json:
    return {"order": wire.order(call.exchange.lag.read(call.order()))}


def _queue_position(call: Call, order: Order) -> str:
    return format_count(call.exchange.engine.markets[order.ticker].book.side(order.side).ahead_of(order))


def queue_position(call: Call) -> Json:
    order = call.order()
    if order.status != "resting":
        raise not_found(service=EXCHANGE)
    return {"queue_position_fp": _queue_position(call, order)}


def queue_positions(call: Call) -> Json:
    tickers, event = set(call.names("market_tickers")), call.text("event_ticker")
    only = call.only()
    listed = call.exchange.catalogue.markets
    return {
        "queue_positions": [
            {"order_id": o.order_id, "market_ticker": o.ticker, "queue_position_fp": _queue_position(call, o)}
            for o in call.member.orders.values()
            if o.status == "resting"
            and (only is None or o.account.home is only)
            and (not tickers or o.ticker in tickers)
            and (event is None or listed[o.ticker].event.ticker == event)
        ]
    }


def gone(call: Call) -> Json:
    raise RejectionError("deprecated_v1_order_endpoint", "Please switch to the V2 endpoints", 410)
