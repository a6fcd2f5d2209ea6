"""Exchange objects as Polymarket's JSON has them. Figures of the catalogue are JSON numbers, written exactly."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol

import orjson

from prediction_mcp.exchange.engine import tokens
from prediction_mcp.exchange.engine.market_state import MarketState
from prediction_mcp.exchange.engine.matching import BID, Order
from prediction_mcp.exchange.keeping import chain_status
from prediction_mcp.exchange.second import PolymarketExchange
from prediction_mcp.exchange.token_trades import Part, TokenTrade
from prediction_mcp.exchange.world import questions
from prediction_mcp.exchange.world.listed import Event, Market, Question, Series
from prediction_mcp.kalshi.units import COUNT_UNITS, MICROS, PRICE_UNITS
from prediction_mcp.polymarket.fees import TakerFees

Json = dict[str, Any]


class Reader(Protocol):
    """Reader of a trade: an API key and the address that signs with it."""

    @property
    def signer(self) -> str: ...

    @property
    def key(self) -> str: ...


MIN_SIZE = 5 * COUNT_UNITS
condition, is_v2, tokens_of = questions.condition_of, questions.is_v2, questions.tokens_of
MARKET_IDS, EVENT_IDS = 500_000, 20_000
"""Numbers that listing numbers are added to."""


def decimal_text(units: int, scale: int) -> str:
    """``units`` of ``1/scale`` as the shortest decimal: "0.5", "12"."""
    sign, units = ("-", -units) if units < 0 else ("", units)
    whole, part = divmod(units, scale)
    digits = str(part).rjust(len(str(scale)) - 1, "0").rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


@lru_cache(maxsize=16384)
def price(units: int) -> str:
    return decimal_text(units, PRICE_UNITS)


@lru_cache(maxsize=16384)
def size(units: int) -> str:
    return decimal_text(units, COUNT_UNITS)


def dollars(micros: int) -> str:
    return decimal_text(micros, MICROS)


def number(text: str) -> orjson.Fragment:
    """A decimal as a JSON number."""
    return orjson.Fragment(text)


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def question_of(market: Market) -> Question:
    if market.question is None:
        raise ValueError(f"{market.ticker} isn't a market of this front")
    return market.question


def market_id(market: Market) -> str:
    return str(MARKET_IDS + market.serial)


def question_id(market: Market) -> str:
    return "0x" + hashlib.sha256(f"question/{market.ticker}".encode()).hexdigest()


def event_id(event: Event) -> str:
    return str(EVENT_IDS + event.serial)


def tag_id(series: Series) -> str:
    return str(100 + int.from_bytes(hashlib.sha256(series.ticker.encode()).digest()[:2]))


def version(event: Event) -> str:
    """The protocol of an event's markets: it says where their outcome ids stand."""
    return "v2" if is_v2(event.markets[0]) else "v1"


def outcomes(market: Market) -> tuple[str, str]:
    return market.yes_sub_title, market.no_sub_title


def is_resolved(market: Market) -> bool:
    return "resolved" in question_of(market).statuses


# -- catalogue -----------------------------------------------------------------------------------------------------


def middle(market: Market, state: MarketState) -> int:
    """What the catalogue shows as the first outcome's price."""
    if is_resolved(market):
        return market.value
    bid, ask = state.book.bids.best, state.book.asks.best
    if bid is not None and ask is not None:
        return (bid + ask) // 2
    return state.last_price or (bid or ask or PRICE_UNITS // 2)


def market_json(exchange: PolymarketExchange, market: Market, *, with_event: bool = True) -> Json:
    """A market as Gamma lists it: lists are strings that hold JSON."""
    state, question, event = exchange.engine.markets[market.ticker], question_of(market), market.event
    shown, fees = middle(market, state), event.fees
    bid, ask = state.book.bids.best, state.book.asks.best
    closed = is_resolved(market)
    liquidity = sum(count for side in (state.book.bids, state.book.asks) for _, count in side.depth()[:5])
    volume, resting = size(state.volume), size(liquidity)
    body: Json = {
        "id": market_id(market), "question": market.title, "conditionId": condition(market), "slug": market.ticker,
        "version": version(market.event), "description": market.rules, "category": event.series.category,
        "groupItemTitle": question.group_title, "startDate": iso(market.open_ms), "endDate": iso(market.close_ms),
        "createdAt": iso(market.created_ms), "updatedAt": iso(market.updated_ms),
        "outcomes": _list(outcomes(market)), "outcomePrices": _list((price(shown), price(PRICE_UNITS - shown))),
        "marketMakerAddress": "", "active": not question.placeholder, "closed": closed,
        "archived": False, "acceptingOrders": state.is_open and not closed, "enableOrderBook": True,
        "negRisk": event.exclusive,
        "orderMinSize": MIN_SIZE // COUNT_UNITS, "orderPriceMinTickSize": number(tick(market)),
        "secondsDelay": question.seconds_delay, "clearBookOnStart": question.clear_on_start,
        "volume": volume, "volumeNum": number(volume), "volumeClob": number(volume), "volume24hr": number(volume),
        "liquidity": resting, "liquidityNum": number(resting), "liquidityClob": number(resting),
        "lastTradePrice": number(price(state.last_price)), "resolutionSource": event.series.source[0],
        "questionID": question_id(market),
        "umaResolutionStatuses": _list(tuple(question.statuses)),
        "umaResolutionStatus": question.statuses[-1] if question.statuses else "",
        "resolutionStatus": "resolved" if closed else "active" if market.status == "active" else "inactive",
        "feesEnabled": isinstance(fees, TakerFees) and fees.rate > 0, "feeType": event.series.fee_type,
        "makerBaseFee": 1000, "takerBaseFee": 1000,
    }  # fmt: skip
    if is_v2(market):
        body["positionIds"] = tokens_of(market)
    else:
        body["clobTokenIds"] = _list(tokens_of(market))
    if bid is not None:
        body["bestBid"] = number(price(bid))
    if ask is not None:
        body["bestAsk"] = number(price(ask))
    if bid is not None and ask is not None:
        body["spread"] = number(price(ask - bid))
    if isinstance(fees, TakerFees) and fees.rate:
        body["feeSchedule"] = {
            "exponent": fees.exponent, "rate": number(rate(fees)), "takerOnly": True, "rebateRate": number("0.2"),
        }  # fmt: skip
    if question.game_start_ms:
        body["gameStartTime"] = iso(question.game_start_ms).replace("T", " ").replace("Z", "+00")
        body["sportsMarketType"] = "moneyline"
    if closed:
        body["closedTime"] = iso(question.changed_ms).replace("T", " ").replace("Z", "+00")
    if with_event:
        body["events"] = [{"id": event_id(event), "slug": event.ticker, "title": event.title}]
    return body


def _list(values: tuple[str, ...]) -> str:
    return orjson.dumps(values).decode()


def rate(fees: TakerFees) -> str:
    return decimal_text(fees.rate, 10**10)


def tick(market: Market) -> str:
    return market.structure


def event_json(exchange: PolymarketExchange, event: Event, *, with_markets: bool = True) -> Json:
    """An event as Gamma lists it. Outcomes without a name stand in it too, inactive."""
    first = event.markets[0]
    closed = all(is_resolved(market) for market in event.markets)
    volume = size(sum(exchange.engine.markets[m.ticker].volume for m in event.markets))
    body: Json = {
        "id": event_id(event), "ticker": event.ticker, "slug": event.ticker, "title": event.title,
        "version": version(event), "description": first.rules, "category": event.series.category,
        "startDate": iso(first.open_ms), "endDate": iso(first.close_ms), "creationDate": iso(first.created_ms),
        "createdAt": iso(first.created_ms), "updatedAt": iso(first.updated_ms), "active": True, "closed": closed,
        "archived": False, "restricted": True,
        "negRisk": event.exclusive, "enableNegRisk": event.exclusive, "negRiskAugmented": event.augmented,
        "volume": number(volume), "volume24hr": number(volume),
        "openInterest": number(size(sum(exchange.engine.markets[m.ticker].open_interest for m in event.markets))),
        "tags": [tag_json(event.series)],
        "series": [series_json(event.series)] if event.series.frequency != "custom" else [],
    }  # fmt: skip
    if event.exclusive:
        body["negRiskMarketID"] = "0x" + hashlib.sha256(f"neg-risk/{event.ticker}".encode()).hexdigest()
    if with_markets:
        body["markets"] = [market_json(exchange, market, with_event=False) for market in event.markets]
    return body


def tag_json(series: Series) -> Json:
    return {"id": tag_id(series), "label": series.title, "slug": series.ticker}


def series_json(series: Series) -> Json:
    recurrence = "15m" if series.frequency == "fifteen_min" else "daily"
    return {
        "id": tag_id(series), "ticker": series.ticker, "slug": series.ticker, "title": series.title,
        "seriesType": "single", "recurrence": recurrence, "active": True, "closed": False, "archived": False,
    }  # fmt: skip


# -- the order book ------------------------------------------------------------------------------------------------


def levels(state: MarketState, *, first: bool) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(bids, asks) of a token as (price, count), best first: the second token's book mirrors the first's."""
    bids, asks = state.book.bids.depth(), state.book.asks.depth()
    if first:
        return bids, asks
    return [(PRICE_UNITS - p, c) for p, c in asks], [(PRICE_UNITS - p, c) for p, c in bids]


def book_json(market: Market, state: MarketState, now_ms: int, *, first: bool) -> Json:
    """A token's book, **worst first**, as REST and feed have it."""
    bids, asks = levels(state, first=first)
    body: Json = {
        "market": condition(market), "asset_id": tokens_of(market)[0 if first else 1], "timestamp": str(now_ms),
        "bids": [{"price": price(p), "size": size(c)} for p, c in reversed(bids)],
        "asks": [{"price": price(p), "size": size(c)} for p, c in reversed(asks)],
    }  # fmt: skip
    body["hash"] = hashlib.sha1(orjson.dumps(body), usedforsecurity=False).hexdigest()
    return body


def last_price(state: MarketState, *, first: bool) -> int:
    return state.last_price if first or not state.last_price else PRICE_UNITS - state.last_price


def full_book_json(market: Market, state: MarketState, now_ms: int, *, first: bool) -> Json:
    """With the terms that only REST, and the first book of a subscription, tell."""
    return {
        **book_json(market, state, now_ms, first=first),
        "min_order_size": size(MIN_SIZE), "tick_size": tick(market), "neg_risk": market.event.exclusive,
        "last_trade_price": price(last_price(state, first=first)) if state.last_price else "",
    }  # fmt: skip


def terms_json(market: Market) -> Json:
    """What orders are held against."""
    question, fees = question_of(market), market.event.fees
    body: Json = {
        "t": [{"t": t, "o": o} for t, o in zip(tokens_of(market), outcomes(market), strict=True)],
        "c": condition(market), "mts": number(tick(market)), "mos": MIN_SIZE // COUNT_UNITS,
        "nr": market.event.exclusive, "mbf": 1000, "tbf": 1000,
    }  # fmt: skip
    if isinstance(fees, TakerFees) and fees.rate:
        body["fd"] = {"r": number(rate(fees)), "e": fees.exponent, "to": True}
    if question.delays_takers:
        body["itode"] = True
    if question.seconds_delay:
        body["sd"] = question.seconds_delay
    if question.game_start_ms:
        body["gst"] = iso(question.game_start_ms)
    return body


# -- orders and trades ---------------------------------------------------------------------------------------------


def side_of(order: Order) -> str:
    return "SELL" if order.sells else "BUY"


def token_of(market: Market, order: Order) -> str:
    return tokens_of(market)[0 if tokens.is_yes(order) else 1]


def outcome_of(market: Market, order: Order) -> str:
    return outcomes(market)[0 if tokens.is_yes(order) else 1]


def order_type(order: Order) -> str:
    if order.time_in_force == "fill_or_kill":
        return "FOK"
    if order.time_in_force == "immediate_or_cancel":
        return "FAK"
    return "GTD" if order.expires_ms else "GTC"


def expiration(order: Order) -> str:
    """What was asked for: the exchange ends it a minute earlier."""
    return str(order.expires_ms // 1000 + 60) if order.expires_ms else "0"


STATUS = {"resting": "LIVE", "executed": "MATCHED", "canceled": "CANCELED"}
REASONS = {
    "ExpiryCancel": "CANCELED_EXPIRED_ORDER",
    "BalanceCancel": "CANCELED_NOT_ENOUGH_BALANCE",
    "MarginCancel": "CANCELED_NOT_ENOUGH_BALANCE",
    "CloseCancel": "CANCELED_MARKET_RESOLVED",
}


def order_json(exchange: PolymarketExchange, order: Order, owner: str) -> Json:
    market = exchange.catalogue.markets[order.ticker]
    return {
        "id": order.order_id, "status": STATUS[order.status], "owner": owner,
        "maker_address": order.account.account_id, "market": condition(market), "asset_id": token_of(market, order),
        "side": side_of(order), "original_size": size(order.initial), "size_matched": size(order.filled),
        "price": price(tokens.unit_price(order, order.price)), "outcome": outcome_of(market, order),
        "expiration": expiration(order), "order_type": order_type(order), "associate_trades": [],
        "created_at": order.created_ms // 1000,
    }  # fmt: skip


def transaction_hash(trade_id: str) -> str:
    return "0x" + hashlib.sha256(f"transaction/{trade_id}".encode()).hexdigest()


def stranger(name: str) -> tuple[str, str, str]:
    """(order id, wallet, API key) to show for an order or an account of the crowd."""
    made = hashlib.sha256(f"stranger/{name}".encode()).hexdigest()
    return "0x" + made, "0x" + made[:40], f"{made[:8]}-{made[8:12]}-4{made[13:16]}-8{made[17:20]}-{made[20:32]}"


def own_price(part: Part, yes_price: int) -> int:
    """Price of a part's own outcome where YES costs ``yes_price``."""
    return yes_price if part.yes else PRICE_UNITS - yes_price


def _owner(exchange: PolymarketExchange, part: Part, reader: Reader) -> tuple[str, str, str]:
    """(order id, wallet, API key) of an order in a trade."""
    if not part.wallet:
        return stranger(part.order_id)
    signer = exchange.wallets.get(part.wallet)
    if signer == reader.signer:
        return part.order_id, part.wallet, reader.key
    keys = (made.key for made in exchange.credentials.values() if made.signer == signer)
    return part.order_id, part.wallet, next(keys, "")


def trade_json(exchange: PolymarketExchange, trade: TokenTrade, reader: Reader, now_ms: int) -> Json:
    """A trade for one of its parties. All but ``maker_orders`` is about the taker; ``price`` is the taker's limit.

    Source: Polymarket's documentation of trades.
    """
    market, taker = exchange.catalogue.markets[trade.ticker], trade.taker
    ids, labels = tokens_of(market), outcomes(market)
    makers = []
    for maker in trade.makers:
        order_id, wallet, owner = _owner(exchange, maker, reader)
        makers.append({
            "order_id": order_id, "owner": owner, "maker_address": wallet, "matched_amount": size(maker.count),
            "side": "SELL" if maker.sells else "BUY", "price": price(own_price(maker, maker.price)),
            "asset_id": ids[0 if maker.yes else 1], "outcome": labels[0 if maker.yes else 1], "fee_rate_bps": "0",
        })  # fmt: skip
    order_id, wallet, owner = _owner(exchange, taker, reader)
    status = chain_status(trade.matched_ms, now_ms, failed=exchange.has_failed(trade.trade_id))
    return {
        "id": trade.trade_id, "taker_order_id": order_id, "market": condition(market),
        "asset_id": ids[0 if taker.yes else 1], "side": "SELL" if taker.sells else "BUY", "size": size(taker.count),
        "fee_rate_bps": "0", "price": price(own_price(taker, taker.price)), "status": f"TRADE_STATUS_{status}",
        "match_time": str(trade.matched_ms // 1000), "last_update": str(now_ms // 1000),
        "outcome": labels[0 if taker.yes else 1], "bucket_index": 0, "owner": owner, "maker_address": wallet,
        "transaction_hash": transaction_hash(trade.trade_id), "maker_orders": makers,
        "trader_side": "TAKER" if exchange.wallets.get(taker.wallet) == reader.signer else "MAKER",
    }  # fmt: skip


def placed_json(order: Order, status: str, trade_ids: list[str]) -> Json:
    """The answer to an order: dollars and shares as its side has them, "" where nothing traded."""
    shares, cost = size(order.filled), dollars(order.taker_cost) if not order.sells else dollars(_proceeds(order))
    making, taking = (shares, cost) if order.sells else (cost, shares)
    traded = order.filled > 0
    return {
        "success": True, "errorMsg": "", "orderID": order.order_id, "status": status,
        "makingAmount": making if traded else "", "takingAmount": taking if traded else "",
        "tradeIDs": trade_ids, "transactionsHashes": [transaction_hash(t) for t in trade_ids],
    }  # fmt: skip


def _proceeds(order: Order) -> int:
    yes = order.notional
    return yes if order.side != BID else PRICE_UNITS * order.filled - yes
