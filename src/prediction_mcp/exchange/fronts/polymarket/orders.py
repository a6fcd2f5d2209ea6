"""Orders: from signed bytes to the engine, and cancels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import ASK, BID, Order
from prediction_mcp.exchange.engine.order_checks import FOK, GTC, IOC
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.keeping import Delayed
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.kalshi.units import COUNT_UNITS, MICROS, PRICE_UNITS

from . import refusals, signing, wire
from .call import Call
from .refusals import BAD_PAYLOAD, RefusalError

Json = dict[str, Any]
MOST_ORDERS, MOST_CANCELS = 15, 3_000
TAKER_DELAY_MS = 150
LEAST_MARKET_BUY = MICROS
EARLY_S = 60
"""A good-till-date order ends that much before its expiration."""
MOST = 10**18


class Signed(msgspec.Struct, rename="camel"):
    """An order as its wallet signed it; amounts in millionths."""

    salt: int
    maker: str
    signer: str
    token_id: str
    maker_amount: str
    taker_amount: str
    side: Literal["BUY", "SELL"]
    expiration: str
    signature_type: Literal[0, 1, 2, 3]
    timestamp: str
    metadata: str
    builder: str
    signature: str


class Placement(msgspec.Struct, rename="camel"):
    order: Signed
    owner: str
    order_type: Literal["GTC", "GTD", "FOK", "FAK"] = "GTC"
    defer_exec: bool = False
    post_only: bool = False


# -- placing -------------------------------------------------------------------------------------------------------


def _number(text: str, most: int = MOST) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 78) or int(text) > most:
        raise RefusalError(BAD_PAYLOAD)
    return int(text)


def _check_doors(call: Call, placement: Placement) -> None:
    exchange = call.exchange
    if exchange.trading_disabled or exchange.down or exchange.paused:
        raise RefusalError(refusals.DISABLED, 503)
    if exchange.cancel_only:
        raise RefusalError(refusals.CANCEL_ONLY, 503)
    if call.now_ms < exchange.restarting_until_ms:
        raise RefusalError("Too Early", 425)
    if call.now_ms < exchange.post_only_until_ms and not placement.post_only:
        wait = (exchange.post_only_until_ms - call.now_ms) // 1000 + 1
        raise RefusalError(refusals.POST_ONLY_MODE, 503, code="post_only_mode", retry_after_seconds=wait)


def _identify(call: Call, placement: Placement, market: Market) -> tuple[str, Account]:
    """(the order's id, whose money it is about), once its signature is found right."""
    order, key = placement.order, call.credentials
    if placement.owner != key.key:
        raise RefusalError(refusals.WRONG_SIGNER)
    if not (signing.is_address(order.maker) and signing.is_address(order.signer)) or not 0 <= order.salt < 2**64:
        raise RefusalError(BAD_PAYLOAD)
    maker, signer = order.maker.lower(), order.signer.lower()
    metadata, builder = signing.from_hex(order.metadata), signing.from_hex(order.builder)
    if len(metadata) != 32 or len(builder) != 32:
        raise RefusalError(BAD_PAYLOAD)
    by_wallet = order.signature_type == 3
    if (order.signature_type == 0 and maker != signer) or signer != (maker if by_wallet else key.signer):
        raise RefusalError(refusals.WRONG_SIGNER)
    kind = "v2" if wire.is_v2(market) else "neg_risk" if market.event.exclusive else "v1"
    values = {
        "salt": order.salt, "maker": order.maker, "signer": order.signer,
        "tokenId": _number(order.token_id, 2**256 - 1), "makerAmount": _number(order.maker_amount),
        "takerAmount": _number(order.taker_amount), "side": 0 if order.side == "BUY" else 1,
        "signatureType": order.signature_type, "timestamp": _number(order.timestamp), "metadata": metadata,
        "builder": builder,
    }  # fmt: skip
    hashed = signing.struct_hash(signing.ORDER, values)
    order_id = signing.digest(signing.order_domain(kind), hashed)
    signature = signing.from_hex(order.signature)
    made = signing.order_signer(kind, hashed, order_id, order.maker, signature, order.signature_type)
    account = call.exchange.wallet(maker, key.signer) if made == key.signer else None
    if account is None:
        raise RefusalError(refusals.WRONG_SIGNER)
    return "0x" + order_id.hex(), account


def _terms(placement: Placement, market: Market, order_id: str) -> tuple[int, int, int]:
    """(token price in price units, count units, dollars in micros that a market buy spends, else 0)."""
    order = placement.order
    maker, taker = _number(order.maker_amount), _number(order.taker_amount)
    if not maker or not taker:
        raise RefusalError(BAD_PAYLOAD)
    dollars, shares = (maker, taker) if order.side == "BUY" else (taker, maker)
    is_market = placement.order_type in ("FOK", "FAK")
    price, left = divmod(dollars * PRICE_UNITS, shares)
    grid = market.grid
    if is_market and left:  # amounts of market orders are cut, so their price is near a tick, not on it
        near = [p for p in (grid.at_or_below(price), grid.at_or_above(price + 1)) if p is not None]
        price = min(near, key=lambda p: abs(p * shares - dollars * PRICE_UNITS), default=price)
        left = 0 if abs(price * shares - dollars * PRICE_UNITS) < shares else 1
    if left or price not in grid:
        shown = wire.decimal_text(dollars * 10**6 // shares, 10**6)
        raise RefusalError(
            f"order {order_id} is invalid. Price ({shown}) breaks minimum tick size rule: {wire.tick(market)}"
        )
    count = shares * COUNT_UNITS // MICROS
    if is_market:
        if order.side == "BUY" and dollars < LEAST_MARKET_BUY:
            raise RefusalError(f"invalid amount for a marketable BUY order (${wire.dollars(dollars)}), min size: $1")
        if not count:
            raise RefusalError("invalid maker amount")
        return price, count, dollars if order.side == "BUY" else 0
    if shares * COUNT_UNITS % MICROS:
        raise RefusalError("invalid taker amount" if order.side == "BUY" else "invalid maker amount")
    if count < wire.MIN_SIZE:
        least = wire.size(wire.MIN_SIZE)
        raise RefusalError(f"order {order_id} is invalid. Size ({wire.size(count)}) lower than the minimum: {least}")
    return price, count, 0


def _expiry(placement: Placement, now_ms: int) -> int:
    expiration = _number(placement.order.expiration, 10**11)
    if (placement.order_type == "GTD") != bool(expiration):
        raise RefusalError(refusals.BAD_EXPIRATION)
    if expiration and (expiration - EARLY_S) * 1000 <= now_ms:
        raise RefusalError(refusals.BAD_EXPIRATION)
    return (expiration - EARLY_S) * 1000 if expiration else 0


def _affordable(call: Call, market: Market, side: int, limit: int, dollars: int) -> int:
    """How many count units a market buy gets for its dollars: the book walked, and the limit for what isn't there."""
    book = call.exchange.engine.markets[market.ticker].book
    total, left = 0, dollars
    for yes_price, count in (book.asks if side == BID else book.bids).depth():
        price = yes_price if side == BID else PRICE_UNITS - yes_price
        if price > limit:
            break
        taken = min(count, left // price)
        total, left = total + taken, left - taken * price
        if taken < count:
            return total
    return total + left // limit


def place(call: Call) -> Json:
    return _place(call, call.decode(Placement))


def _place(call: Call, placement: Placement) -> Json:
    _check_doors(call, placement)
    order = placement.order
    found = call.exchange.by_token(order.token_id)
    if found is None:
        raise RefusalError("Invalid token id")
    market, first = found
    order_id, account = _identify(call, placement, market)
    if placement.post_only and placement.order_type not in ("GTC", "GTD"):
        raise RefusalError(BAD_PAYLOAD)
    price, count, dollars = _terms(placement, market, order_id)
    expires_ms = _expiry(placement, call.now_ms)
    state = call.exchange.engine.markets[market.ticker]
    if not state.is_open:
        raise RefusalError(refusals.NOT_READY)
    sells = order.side == "SELL"
    side = BID if (first != sells) else ASK
    yes_price = price if first else PRICE_UNITS - price
    crosses = state.book.crosses(side, yes_price)
    if crosses and not sells and not dollars and price * count < LEAST_MARKET_BUY:
        raise RefusalError(f"invalid amount for a marketable BUY order (${wire.dollars(price * count)}), min size: $1")
    time_in_force = {"FOK": FOK, "FAK": IOC}.get(placement.order_type, GTC)

    def submit(now_ms: int) -> Order:
        wanted = _affordable(call, market, side, price, dollars) if dollars else count
        return call.exchange.engine.submit(
            account, market.ticker, side, yes_price, wanted, now_ms, time_in_force=time_in_force,
            post_only=placement.post_only, expires_ms=expires_ms, client_order_id=order_id, order_id=order_id,
            sells=sells,
        )  # fmt: skip

    question = wire.question_of(market)
    delay = question.seconds_delay * 1000 or (TAKER_DELAY_MS if question.delays_takers else 0)
    if delay and crosses and not placement.post_only:
        return _delay(call, account, order_id, placement, delay, submit)
    return _submit(call, order_id, submit)


def _submit(call: Call, order_id: str, submit: Callable[[int], Order]) -> Json:
    before = call.exchange.engine.sequence
    try:
        order = submit(call.now_ms)
    except RejectionError as rejection:
        raise RefusalError(refusals.words_for(rejection, order_id)) from None
    if order.time_in_force == IOC and not order.filled:
        raise RefusalError(refusals.FAK_KILLED)
    first = next((f.seq for f in order.account.fills if f.order_id == order_id and f.seq > before), None)
    trades = [] if first is None else [call.exchange.engine.trade_id(first)]
    return wire.placed_json(order, "matched" if order.filled else "live", trades)


def _delay(
    call: Call, account: Account, order_id: str, placement: Placement, delay_ms: int, submit: Callable[[int], Order]
) -> Json:
    """Hold a marketable order back. What it comes to is told by its state, and by the user feed."""
    exchange = call.exchange
    if order_id in exchange.delayed or exchange.archive.is_used(account, order_id):
        raise RefusalError(f"order {order_id} is invalid. Duplicated.")

    def run(now_ms: int) -> None:
        try:
            submit(now_ms)
        except RejectionError as rejection:
            exchange.unmatched(order_id, refusals.words_for(rejection, order_id))

    exchange.delayed[order_id] = Delayed(call.now_ms + delay_ms, order_id, run)
    exchange.keep_delayed(account, order_id, msgspec.json.encode(placement))
    return {
        "success": True, "errorMsg": "", "orderID": order_id, "status": "delayed", "makingAmount": "",
        "takingAmount": "", "tradeIDs": [], "transactionsHashes": [],
    }  # fmt: skip


def place_many(call: Call) -> list[Json]:
    """Up to fifteen; each fails or succeeds by itself. A failure may carry ``success: true``: trap 3."""
    placements = call.decode(list[Placement])
    if len(placements) > MOST_ORDERS:
        raise RefusalError(f"Too many orders in payload: {len(placements)}, max allowed: {MOST_ORDERS}")
    if not placements:
        raise RefusalError(BAD_PAYLOAD)
    answers: list[Json] = []
    for placement in placements:
        try:
            answers.append(_place(call, placement))
        except RefusalError as refusal:
            if refusal.status != 400:
                raise
            answers.append({
                "success": True, "errorMsg": refusal.error, "orderID": "", "status": "", "makingAmount": "",
                "takingAmount": "", "tradeIDs": [], "transactionsHashes": [],
            })  # fmt: skip
    return answers


def is_taking(run: Callable[[Call], Any], body: bytes) -> bool:
    """Whether a request places an order that isn't post-only, which is what post-only mode refuses."""
    if run not in (place, place_many):
        return False
    batch = body if run is place_many else b"[" + body + b"]"
    try:
        return not all(one.post_only for one in msgspec.json.decode(batch, type=list[Placement]))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return True


# -- cancelling ----------------------------------------------------------------------------------------------------


def _cancel(call: Call, order_ids: list[str]) -> Json:
    own = {o.order_id: o for a in call.accounts() for o in a.orders.values() if o.status == "resting"}
    canceled, refused = [], {}
    for order_id in dict.fromkeys(order_ids):
        order = own.get(order_id)
        if order_id in call.exchange.delayed:
            refused[order_id] = refusals.WAITS
        elif order is None or order.status != "resting":
            refused[order_id] = refusals.GONE
        else:
            call.exchange.engine.cancel(order, call.now_ms)
            canceled.append(order_id)
    return {"canceled": canceled, "not_canceled": refused}


class OneCancel(msgspec.Struct, rename={"order_id": "orderID"}):
    order_id: str


class MarketCancel(msgspec.Struct):
    market: str = ""
    asset_id: str = ""


def cancel(call: Call) -> Json:
    return _cancel(call, [call.decode(OneCancel).order_id])


def cancel_many(call: Call) -> Json:
    order_ids = call.decode(list[str])
    if len(order_ids) > MOST_CANCELS:
        raise RefusalError(f"Too many orders in payload: {len(order_ids)}, max allowed: {MOST_CANCELS}")
    return _cancel(call, order_ids)


def cancel_all(call: Call) -> Json:
    return _cancel(call, [o.order_id for a in call.accounts() for o in a.orders.values() if o.status == "resting"])


def cancel_market(call: Call) -> Json:
    asked = call.decode(MarketCancel)
    listed = call.exchange.catalogue.markets
    return _cancel(call, [
        o.order_id
        for a in call.accounts()
        for o in a.orders.values()
        if o.status == "resting"
        and (not asked.market or wire.condition(listed[o.ticker]) == asked.market)
        and (not asked.asset_id or wire.token_of(listed[o.ticker], o) == asked.asset_id)
    ])  # fmt: skip
