"""What a key's wallets have at the order book: orders, trades, balances, and that their owner is still there."""

from __future__ import annotations

from typing import Any

import msgspec

from prediction_mcp.exchange.disk.archive import Where
from prediction_mcp.exchange.engine.matching import Order
from prediction_mcp.exchange.keeping import Held
from prediction_mcp.kalshi.units import COUNT_UNITS, MICROS, PRICE_UNITS

from . import signing, wire
from .call import LAST_PAGE, Call
from .orders import Placement
from .refusals import RefusalError

Json = dict[str, Any]
ALLOWANCE = str(2**256 - 1)
PAGE = 100
MARKET_NEEDED_FROM_MS = 1_797_206_400_000
"""14 December 2026, from when open orders of a token are asked for with its market too (official SDK 0.20.0)."""


def find(call: Call, order_id: str) -> Order | None:
    """An order of the caller's, wherever it is by now."""
    for account in call.accounts():
        order = account.orders.get(order_id)
        if order is not None:
            return order
        stored = next(iter(call.exchange.archive.orders(account, Where().add("order_id = ?", order_id))), None)
        if stored is not None:
            return stored
    return None


def one_order(call: Call) -> Json:
    order_id = call.path["order_id"]
    order = find(call, order_id)
    if order is not None:
        return wire.order_json(call.exchange, order, call.credentials.key)
    held = call.exchange.held.get(order_id)
    if held is not None and held.wallet in [a.account_id for a in call.accounts()]:
        return _held_json(call, order_id, held)
    raise RefusalError("order not found", 404)


def _held_json(call: Call, order_id: str, held: Held) -> Json:
    """An order that is held back, or was and then came to nothing."""
    signed = msgspec.json.decode(held.body, type=Placement).order
    found = call.exchange.by_token(signed.token_id)
    if found is None:
        raise RefusalError("order not found", 404)
    market, first = found
    maker, taker = int(signed.maker_amount), int(signed.taker_amount)
    dollars, shares = (maker, taker) if signed.side == "BUY" else (taker, maker)
    return {
        "id": order_id, "status": held.status, "owner": call.credentials.key, "maker_address": held.wallet,
        "market": wire.condition(market), "asset_id": signed.token_id, "side": signed.side,
        "original_size": wire.size(shares * COUNT_UNITS // MICROS), "size_matched": "0",
        "price": wire.price(dollars * PRICE_UNITS // shares), "outcome": wire.outcomes(market)[0 if first else 1],
        "expiration": signed.expiration, "order_type": "GTC", "associate_trades": [], "created_at": call.now_ms // 1000,
    }  # fmt: skip


def _page(call: Call, rows: list[Json]) -> Json:
    chunk, cursor = call.page(rows, PAGE, call.query.get("next_cursor"))
    return {"data": chunk, "next_cursor": cursor or LAST_PAGE, "limit": PAGE, "count": len(chunk)}


def open_orders(call: Call) -> Json:
    wanted = {name: call.query.get(name) or None for name in ("id", "market", "asset_id")}
    if wanted["asset_id"] and not wanted["market"] and call.now_ms >= MARKET_NEEDED_FROM_MS:
        raise RefusalError("market is required when asset_id is provided")
    rows = [
        wire.order_json(call.exchange, order, call.credentials.key)
        for account in call.accounts()
        for order in account.orders.values()
        if order.status == "resting"
    ]
    return _page(call, [row for row in rows if all(v is None or row[name] == v for name, v in wanted.items())])


def trades(call: Call) -> Json:
    """The caller's trades, newest first; ``maker_address`` picks those in which a wallet of the caller's took part."""
    maker = call.query.get("maker_address")
    wallets = [a.account_id for a in call.accounts() if maker is None or a.account_id == maker.lower()]
    after, before = (call.number(name, most, 10**11) * 1000 for name, most in (("after", 0), ("before", 10**11)))
    rows = [
        wire.trade_json(call.exchange, trade, call.credentials, call.now_ms)
        for trade in call.exchange.trades.of(wallets)
        if after <= trade.matched_ms < before
    ]
    token_id = call.query.get("asset_id")
    wanted = {name: call.query.get(name) for name in ("id", "market")}
    return _page(call, [
        row for row in rows
        if all(v is None or row[name] == v for name, v in wanted.items())
        and (token_id is None or token_id in (row["asset_id"], *(maker["asset_id"] for maker in row["maker_orders"])))
    ])  # fmt: skip


def balance_allowance(call: Call) -> Json:
    """Of the wallet of the ``signature_type``; one that was never used has what it will begin with."""
    kind, token_id = call.query.get("asset_type"), call.query.get("token_id")
    account = call.account()
    if call.query.get("signature_type") in ("1", "2", "3"):
        others = [a for a in call.accounts() if a is not account]
        account = others[0] if others else account
    if kind == "COLLATERAL":
        amount = account.cash
    elif kind in ("CONDITIONAL", "CONDITIONAL-V2"):
        found = call.exchange.by_token(token_id or "")
        if found is None or wire.is_v2(found[0]) != (kind == "CONDITIONAL-V2"):
            raise RefusalError("Invalid token id")
        holding = account.holdings.get(found[0].ticker)
        lot = getattr(holding, "yes" if found[1] else "no", None)
        amount = 0 if lot is None else lot.count * MICROS // COUNT_UNITS
    else:
        raise RefusalError("assetAddress invalid")
    return {"balance": str(amount), "allowances": {c: ALLOWANCE for _, c in signing.EXCHANGES.values()}}


class Beat(msgspec.Struct):
    heartbeat_id: str | None = ""


def heartbeat(call: Call) -> Json:
    key = call.credentials.key
    made = call.exchange.beat(key, call.decode(Beat).heartbeat_id or "", call.now_ms)
    if made is None:
        due = call.exchange.beats[key][0]
        raise RefusalError("Invalid Heartbeat ID", error_msg="Invalid Heartbeat ID", heartbeat_id=due)
    return {"heartbeat_id": made, "error_msg": ""}
