"""From what the engine does to what subscribers read: each message is written once and shared by all who get it.

A frame differs between subscribers only in ``sid`` and ``seq``, so a message's body is encoded once and those two
numbers are put in front of it. Frames wait in their connection until the current step of the event loop is over and
leave in one write.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

import orjson

from prediction_mcp.exchange.engine.groups import OrderGroup
from prediction_mcp.exchange.engine.ledger import Account, Fill, Holding
from prediction_mcp.exchange.engine.market_state import Trade
from prediction_mcp.exchange.engine.matching import BID, Order
from prediction_mcp.exchange.engine.negotiation import Quote, Rfq, communications_id
from prediction_mcp.exchange.world import outside
from prediction_mcp.exchange.world.clock import wall_clock_ms
from prediction_mcp.exchange.world.listed import Catalogue, Event, Market
from prediction_mcp.kalshi.units import MICROS, PRICE_UNITS, format_count, format_dollars, format_price

from . import wire
from .ws_batches import BatchMessages

if TYPE_CHECKING:
    from prediction_mcp.exchange.simulation import Exchange

Json = dict[str, Any]
VALUE_CHANNELS: dict[str, tuple[str, ...]] = {
    "cfbenchmarks_value": tuple(outside.INDICES),
    "cfbenchmarks_value_5hz": outside.QUICK,
    "pyth_value": tuple(outside.UNDERLYINGS),
}
"""Channels of values from outside, with the names each has."""
SEQUENCED = frozenset(
    {"orderbook_delta", "trade", "market_lifecycle_v2", "multivariate_market_lifecycle", "order_group_updates",
     "communications", *VALUE_CHANNELS}
)  # fmt: skip
"""Channels whose messages carry ``seq``."""
MEMBER_CHANNELS = frozenset({"fill", "user_orders", "market_positions", "order_group_updates", "communications"})
"""Channels that tell a member about itself."""
MARKETLESS = frozenset(
    {"order_group_updates", "communications", "market_lifecycle_v2", "multivariate_market_lifecycle", *VALUE_CHANNELS}
)
"""Channels that aren't about single markets: market tickers given with them mean nothing."""
LEFT_OUT = frozenset({"type", "no_price_dollars", "action", "cancel_order_on_pause"})
"""Fields of an order that REST shows and the feed doesn't."""
CHANNELS = SEQUENCED | MEMBER_CHANNELS | {"ticker"}
ALL_VALUES = "all"


class Outlet(Protocol):
    """Where a subscription's frames go: a connection."""

    account: Account
    may_read: bool
    """Whether the key that opened it has the scope to read about its member."""

    def push(self, payload: bytes) -> None: ...

    def faults(self) -> list[str]:
        """The kinds of fault that strike the next message."""
        ...

    def drop(self) -> None:
        """Cut the connection."""
        ...

    def abandon(self) -> None:
        """Cut the connection, and what waits with it."""
        ...

    def end(self, subscription: Subscription) -> None:
        """End one subscription with error 10, which is terminal for it."""
        ...


@dataclass(slots=True, eq=False)
class Subscription:
    """One channel of one connection; ``whole`` means all markets, or all values.

    ``names`` are the values from outside that it asked for. ``only_own``, ``shards`` and ``shard`` are of the channel
    communications: its own requests only, and which part of everybody's.
    """

    sid: int
    channel: str
    outlet: Outlet
    markets: dict[str, None] = field(default_factory=dict)
    use_yes_price: bool = False
    seq: int = 0
    whole: bool = False
    short_answers: bool = False
    names: dict[str, None] = field(default_factory=dict)
    only_own: bool = False
    shards: int = 1
    shard: int = 0

    def wants(self, name: str) -> bool:
        """Whether it asked for a value from outside."""
        return self.whole or name in self.names

    def has_part(self, key: str) -> bool:
        """Whether its shard is the one that a market or batch falls into."""
        return self.shards == 1 or crc32(key.encode()) % self.shards == self.shard

    def send(self, kind: bytes, body: bytes) -> None:
        """Push a message of this subscription, with its own sid and, where the channel has one, the next seq."""
        now = wall_clock_ms()
        if self.channel in SEQUENCED:
            self.seq += 1
            payload = b'{"type":"%b","sid":%d,"seq":%d,"sending_ts_ms":%d,"msg":%b}' % (
                kind, self.sid, self.seq, now, body,
            )  # fmt: skip
        else:
            payload = b'{"type":"%b","sid":%d,"sending_ts_ms":%d,"msg":%b}' % (kind, self.sid, now, body)
        faults = self.outlet.faults()
        if faults:
            self._send_faulty(payload, faults)
        else:
            self.outlet.push(payload)

    def _send_faulty(self, payload: bytes, faults: list[str]) -> None:
        if "feed_error" in faults:
            self.outlet.end(self)
            return
        if "feed_unknown" in faults:
            self.outlet.push(b'{"type":"weather_on_mars","sid":%d,"msg":{"dust":true}}' % self.sid)
        if "feed_skip" not in faults:
            self.outlet.push(payload)
        if "feed_twice" in faults:
            self.outlet.push(payload)
        if "feed_drop" in faults:
            self.outlet.drop()


@lru_cache(maxsize=8192)
def market_id(ticker: str) -> str:
    """A market's UUID, always the same for its ticker."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, ticker))


class Hub:
    """Hears the engine and tells the subscribers. An :class:`~.market_state.Observer`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._by_market: dict[str, dict[str, dict[Subscription, None]]] = {channel: {} for channel in CHANNELS}
        self._to_all: dict[str, dict[Subscription, None]] = {channel: {} for channel in CHANNELS}
        self._changed: dict[str, int] = {}
        self.outlets: set[Outlet] = set()
        self._clock = wall_clock_ms() << 10
        """The exchange clock of books: one more with each change of a level, and further on after a restart."""
        self._clocks: dict[str, int] = {}
        self._begun = self._clock
        self._told_ms = 0
        self.batches = BatchMessages(self._communicate)
        exchange.engine.observer = self

    def start_anew(self) -> None:
        """The exchange was read back from its disk: who listened listens to what is no more, and must connect again."""
        self._exchange.engine.observer = self
        for outlet in list(self.outlets):
            outlet.abandon()
        self._changed.clear()

    # -- who listens -------------------------------------------------------------------------------------------

    def add(self, subscription: Subscription, markets: Iterable[str]) -> list[str]:
        """Add markets to a subscription (none: all markets); returns those that are new to it.

        One that has all of them keeps all. Of values from outside it gets those that it names.
        """
        markets = list(markets)
        if subscription.whole or not markets:
            self.remove(subscription, list(subscription.markets))
            subscription.whole = subscription.whole or subscription.channel not in VALUE_CHANNELS
            self._to_all[subscription.channel][subscription] = None
            return []
        new = [ticker for ticker in markets if ticker not in subscription.markets]
        for ticker in new:
            subscription.markets[ticker] = None
            self._by_market[subscription.channel].setdefault(ticker, {})[subscription] = None
        return new

    def remove(self, subscription: Subscription, markets: Iterable[str]) -> None:
        """Take markets out of a subscription; one that had some never widens to all by losing them."""
        for ticker in markets:
            if subscription.markets.pop(ticker, self) is not self:
                listeners = self._by_market[subscription.channel][ticker]
                del listeners[subscription]
                if not listeners:
                    del self._by_market[subscription.channel][ticker]

    def drop(self, subscription: Subscription) -> None:
        """End a subscription."""
        self.remove(subscription, list(subscription.markets))
        self._to_all[subscription.channel].pop(subscription, None)

    def forget(self, ticker: str) -> None:
        """A market has left the listing."""
        self._clocks.pop(ticker, None)

    def audience(self, channel: str, ticker: str) -> list[Subscription]:
        """Who hears of a market on a channel."""
        return list(self._listeners(channel, ticker))

    def _listeners(self, channel: str, ticker: str) -> Iterable[Subscription]:
        yield from self._by_market[channel].get(ticker, ())
        yield from self._to_all[channel]

    def _to_member(self, channel: str, kind: bytes, account: Account, ticker: str, body: Json) -> None:
        listeners = [s for s in self._listeners(channel, ticker) if s.outlet.account is account.primary]
        if listeners:
            encoded = orjson.dumps(body)
            for subscription in listeners:
                subscription.send(kind, encoded)

    # -- what the engine tells ---------------------------------------------------------------------------------

    def level(self, order: Order, price: int, delta: int, now_ms: int) -> None:
        ticker = order.ticker
        self._clock += 1
        self._clocks[ticker] = self._clock
        self._touch(ticker, now_ms)
        listeners = self._by_market["orderbook_delta"].get(ticker)
        if not listeners:
            return
        bodies: dict[tuple[bool, bool], bytes] = {}
        for subscription in tuple(listeners):  # sending may end a subscription
            variant = (subscription.use_yes_price, subscription.outlet.account is order.account.primary)
            if variant not in bodies:
                bodies[variant] = self._delta(order, price, delta, now_ms, yes_price=variant[0], own=variant[1])
            subscription.send(b"orderbook_delta", bodies[variant])

    def _delta(self, order: Order, price: int, delta: int, now_ms: int, *, yes_price: bool, own: bool) -> bytes:
        is_yes = order.side == BID
        body: Json = {
            "market_ticker": order.ticker,
            "market_id": market_id(order.ticker),
            "clock": self._clock,
            "price_dollars": format_price(price if is_yes or yes_price else PRICE_UNITS - price),
            "delta_fp": format_count(delta),
            "side": "yes" if is_yes else "no",
            "ts": wire.moment(now_ms),
            "ts_ms": now_ms,
        }
        if own:
            if order.client_order_id:
                body["client_order_id"] = order.client_order_id
            if order.account.number:
                body["subaccount"] = order.account.number
        return orjson.dumps(body)

    def trade(self, ticker: str, trade: Trade) -> None:
        self._touch(ticker, trade.ts_ms)
        listeners = list(self._listeners("trade", ticker))
        if not listeners:
            return
        shown = wire.trade(trade, ticker, self._exchange.engine.trade_id(trade.seq))
        shown["market_ticker"] = shown.pop("ticker")
        del shown["created_time"]
        shown |= {"taker_side": shown["taker_outcome_side"], "ts": trade.ts_ms // 1000, "ts_ms": trade.ts_ms}
        body = orjson.dumps(shown)
        for subscription in listeners:
            subscription.send(b"trade", body)

    def fill(self, fill: Fill, holding: Holding) -> None:
        side = "yes" if fill.side == BID else "no"
        body: Json = {
            "trade_id": fill.fill_id,
            "order_id": fill.order_id,
            "market_ticker": fill.ticker,
            "exchange_index": wire.EXCHANGE_INDEX,
            "is_taker": fill.is_taker,
            "side": side,
            "action": "buy",
            "purchased_side": side,
            "outcome_side": side,
            "book_side": "bid" if fill.side == BID else "ask",
            "yes_price_dollars": format_price(fill.price),
            "count_fp": format_count(fill.count),
            "fee_cost": format_dollars(fill.fee),
            "post_position_fp": format_count(holding.position),
            "ts": fill.ts_ms // 1000,
            "ts_ms": fill.ts_ms,
            "subaccount": fill.account.number,
        }
        if fill.client_order_id:
            body["client_order_id"] = fill.client_order_id
        self._to_member("fill", b"fill", fill.account, fill.ticker, body)
        self._position(fill.account, fill.ticker, holding)

    def group(self, group: OrderGroup, event_type: str, now_ms: int) -> None:
        body: Json = {"event_type": event_type, "order_group_id": group.group_id, "ts_ms": now_ms}
        if event_type in ("created", "limit_updated"):
            body["contracts_limit_fp"] = format_count(group.limit)
        self._to_member("order_group_updates", b"order_group_updates", group.account, "", body)

    # -- requests for quotes -----------------------------------------------------------------------------------

    def _communicate(
        self,
        kind: bytes,
        body: Json,
        only: tuple[Account, ...] = (),
        *,
        creator: Account | None = None,
        part: str = "",
    ) -> None:
        """Tell everybody on the channel, or only the members concerned, each with its own subaccount.

        ``creator`` made the request that it is about, for those who want to hear of their own alone; ``part`` is what
        shards go by, the market unless something else is given.
        """
        for subscription in list(self._to_all["communications"]):
            if not subscription.has_part(part or body["market_ticker"]):
                continue
            if subscription.only_own and creator is not None and creator.primary is not subscription.outlet.account:
                continue
            own = next((a for a in only if a.primary is subscription.outlet.account), None)
            if not only:
                subscription.send(kind, orjson.dumps(body))
            elif own is not None:
                subscription.send(kind, orjson.dumps({**body, "subaccount": own.number} if own.number else body))

    def rfq_created(self, rfq: Rfq) -> None:
        body = self._rfq(rfq) | {"created_ts": wire.moment(rfq.created_ms)}
        if rfq.market.legs:
            body["mve_collection_ticker"] = rfq.market.event.collection
            body["mve_selected_legs"] = wire.legs(rfq.market)
        self._communicate(b"rfq_created", body, creator=rfq.account)

    def rfq_deleted(self, rfq: Rfq, now_ms: int) -> None:
        self._communicate(b"rfq_deleted", self._rfq(rfq) | {"deleted_ts": wire.moment(now_ms)}, creator=rfq.account)

    @staticmethod
    def _rfq(rfq: Rfq) -> Json:
        body: Json = {
            "id": rfq.rfq_id,
            "creator_id": communications_id(None if rfq.obscured else rfq.account),
            "market_ticker": rfq.market.ticker,
            "event_ticker": rfq.market.event.ticker,
        }
        if rfq.target_cost:
            body["target_cost_dollars"] = format_dollars(rfq.target_cost)
        else:
            body["contracts_fp"] = format_count(rfq.contracts)
        return body

    def quote(self, kind: str, quote: Quote) -> None:
        """A quote was created or accepted: for its two parties."""
        rfq = quote.rfq
        body = self._parties(quote) | {
            "event_ticker": rfq.market.event.ticker,
            "yes_bid_dollars": format_price(quote.yes_bid),
            "no_bid_dollars": format_price(quote.no_bid),
            "yes_contracts_offered_fp": format_count(quote.count("yes")),
            "no_contracts_offered_fp": format_count(quote.count("no")),
        }
        if rfq.target_cost:
            body["rfq_target_cost_dollars"] = format_dollars(rfq.target_cost)
        if quote.accepted_side is not None:
            body["accepted_side"] = quote.accepted_side
            body["contracts_accepted_fp"] = format_count(quote.count(quote.accepted_side))
        else:
            body["created_ts"] = wire.moment(quote.created_ms)
        self._communicate(kind.encode(), body, (quote.account, rfq.account))

    def quote_executed(self, quote: Quote, maker: Order, taker: Order) -> None:
        """A quote's orders were placed: each party hears of its own."""
        for order in (maker, taker):
            body = self._parties(quote) | {
                "order_id": order.order_id,
                "client_order_id": order.client_order_id,
                "executed_ts": wire.moment(quote.executed_ms),
            }
            if quote.rfq.batch_id:
                body["rfq_batch_id"] = quote.rfq.batch_id
            self._communicate(b"quote_executed", body, (order.account,), part=quote.rfq.batch_id)

    @staticmethod
    def _parties(quote: Quote) -> Json:
        return {
            "quote_id": quote.quote_id,
            "rfq_id": quote.rfq.rfq_id,
            "quote_creator_id": communications_id(quote.account),
            "rfq_creator_id": communications_id(None if quote.rfq.obscured else quote.rfq.account),
            "market_ticker": quote.rfq.market.ticker,
        }

    def settled(self, account: Account, ticker: str, holding: Holding) -> None:
        self._position(account, ticker, holding)

    def _position(self, account: Account, ticker: str, holding: Holding) -> None:
        body: Json = {
            "user_id": account.user_id,
            "market_ticker": ticker,
            "position_fp": format_count(holding.position),
            "position_cost_dollars": format_dollars(holding.cost),
            "realized_pnl_dollars": format_dollars(holding.realized),
            "fees_paid_dollars": format_dollars(holding.fees),
            "position_fee_cost_dollars": format_dollars(holding.fees),
            "volume_fp": format_count(holding.contracts),
            "subaccount": account.number,
        }
        self._to_member("market_positions", b"market_position", account, ticker, body)

    def order(self, order: Order) -> None:
        shown = wire.order(order)
        body = {key: value for key, value in shown.items() if key not in LEFT_OUT}
        body |= {
            "side": body["outcome_side"],
            "is_yes": body["outcome_side"] == "yes",
            "created_ts_ms": order.created_ms,
            "last_updated_ts_ms": order.updated_ms,
        }
        if order.last_reason:
            body["last_update_reason"] = order.last_reason
        if order.expires_ms:
            body["expiration_ts_ms"] = order.expires_ms
        self._to_member("user_orders", b"user_order", order.account, order.ticker, body)

    # -- what is listed ----------------------------------------------------------------------------------------

    def event_listed(self, event: Event) -> None:
        """An event is new."""
        body: Json = {
            "event_ticker": event.ticker,
            "exchange_index": wire.EXCHANGE_INDEX,
            "title": event.title,
            "subtitle": event.sub_title,
            "collateral_return_type": "MECNET" if event.exclusive else "",
            "series_ticker": event.series.ticker,
        }
        if event.strike_ms is not None:
            body["strike_date"] = event.strike_ms // 1000
        self._to_lifecycle(bool(event.collection), b"event_lifecycle", body)

    def event_fees(self, event: Event) -> None:
        """An event's own fees were set, or taken back."""
        multiplier = None if event.fee_multiplier is None else float(event.fee_multiplier)
        body = {
            "event_ticker": event.ticker,
            "fee_type_override": event.fee_type,
            "fee_multiplier_override": multiplier,
        }
        self._to_lifecycle(False, b"event_fee_update", body)

    def lifecycle(self, market: Market, event_type: str, **details: Any) -> None:
        """A market moved on in its life. Combos have a channel of their own."""
        body = {"market_ticker": market.ticker, "exchange_index": wire.EXCHANGE_INDEX, "event_type": event_type}
        if event_type == "created":
            body |= wire.created(market)
        combo = bool(market.legs)
        kind = b"multivariate_market_lifecycle" if combo else b"market_lifecycle_v2"
        self._to_lifecycle(combo, kind, body | details)

    def _to_lifecycle(self, combo: bool, kind: bytes, body: Json) -> None:
        listeners = self._to_all["multivariate_market_lifecycle" if combo else "market_lifecycle_v2"]
        if listeners:
            encoded = orjson.dumps(body)
            for subscription in list(listeners):
                subscription.send(kind, encoded)

    # -- values from outside -----------------------------------------------------------------------------------

    def tell_values(self, now_ms: int) -> None:
        """Send the values of this moment to whoever wants them: the slow ones once in a second."""
        new_second = now_ms // 1000 != self._told_ms // 1000
        if now_ms <= self._told_ms:
            return
        self._told_ms = now_ms
        second = now_ms // 1000 * 1000
        if new_second:
            self._tell_values("cfbenchmarks_value", outside.index_message, second)
            self._tell_values("pyth_value", outside.underlying_message, second)
        self._tell_values("cfbenchmarks_value_5hz", outside.quick_message, now_ms)

    def _tell_values(self, channel: str, message: Callable[[str, int, Catalogue], Json], at_ms: int) -> None:
        listeners = list(self._to_all[channel])
        for name in VALUE_CHANNELS[channel] if listeners else ():
            wanting = [subscription for subscription in listeners if subscription.wants(name)]
            if wanting:
                body = orjson.dumps(message(name, at_ms, self._exchange.catalogue))
                for subscription in wanting:
                    subscription.send(channel.encode(), body)

    # -- snapshots and tickers ---------------------------------------------------------------------------------

    def snapshot(self, subscription: Subscription, ticker: str) -> None:
        """Send the whole book of a market as it is now; takes the next seq."""
        book = self._exchange.engine.markets[ticker].book
        body: Json = {
            "market_ticker": ticker,
            "market_id": market_id(ticker),
            "clock": self._clocks.get(ticker, self._begun),
        }
        yes = [[format_price(p), format_count(c)] for p, c in reversed(book.bids.depth())]
        asks = book.asks.depth()
        no_prices = [(p if subscription.use_yes_price else PRICE_UNITS - p, c) for p, c in asks]
        no = [[format_price(p), format_count(c)] for p, c in sorted(no_prices)]
        if yes:
            body["yes_dollars_fp"] = yes
        if no:
            body["no_dollars_fp"] = no
        subscription.send(b"orderbook_snapshot", orjson.dumps(body))

    def send_ticker(self, subscription: Subscription, ticker: str) -> None:
        """Send the ticker of a market as it is now."""
        subscription.send(b"ticker", self._ticker(ticker, self._exchange.clock()))

    def _touch(self, ticker: str, now_ms: int) -> None:
        """A ticker has changed: tell once when the current step of the event loop is over, however often it did."""
        if not self._to_all["ticker"] and ticker not in self._by_market["ticker"]:
            return
        if not self._changed:
            asyncio.get_running_loop().call_soon(self._tell_tickers)
        self._changed[ticker] = now_ms

    def _tell_tickers(self) -> None:
        changed, self._changed = self._changed, {}
        for ticker, now_ms in changed.items():
            body = self._ticker(ticker, now_ms)
            for subscription in list(self._listeners("ticker", ticker)):
                subscription.send(b"ticker", body)

    def _ticker(self, ticker: str, now_ms: int) -> bytes:
        state = self._exchange.engine.markets[ticker]
        shown = wire.quotes(state)
        last = state.trades[-1].count if state.trades else 0
        return orjson.dumps(
            {
                "market_ticker": ticker,
                "market_id": market_id(ticker),
                "price_dollars": format_price(state.last_price),
                "yes_bid_dollars": shown["yes_bid_dollars"],
                "yes_ask_dollars": shown["yes_ask_dollars"],
                "yes_bid_size_fp": shown["yes_bid_size_fp"],
                "yes_ask_size_fp": shown["yes_ask_size_fp"],
                "volume_fp": format_count(state.volume),
                "open_interest_fp": format_count(state.open_interest),
                "last_trade_size_fp": format_count(last),
                "dollar_volume": state.volume * PRICE_UNITS // MICROS,
                "dollar_open_interest": state.open_interest * PRICE_UNITS // MICROS,
                "ts": now_ms // 1000,
                "ts_ms": now_ms,
                "time": wire.moment(now_ms),
            }
        )
