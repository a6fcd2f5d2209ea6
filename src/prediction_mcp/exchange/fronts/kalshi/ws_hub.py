"""From what the engine does to what subscribers read: each message is written once and shared by all who get it.

A frame differs between subscribers only in ``sid`` and ``seq``, so a message's body is encoded once and those two
numbers are put in front of it. Frames wait in their connection until the current step of the event loop is over and
leave in one write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import orjson

from prediction_mcp.exchange.engine.groups import OrderGroup
from prediction_mcp.exchange.engine.ledger import Account, Fill, Holding
from prediction_mcp.exchange.engine.market_state import Trade
from prediction_mcp.exchange.engine.matching import BID, Order
from prediction_mcp.exchange.world import outside
from prediction_mcp.exchange.world.clock import wall_clock_ms
from prediction_mcp.exchange.world.listed import Catalogue, Event, Market
from prediction_mcp.kalshi.units import MICROS, PRICE_UNITS, format_count, format_dollars, format_price

from . import wire, wire_market
from .ws_batches import BatchMessages
from .ws_quotes import QuoteMessages
from .ws_subscription import (
    CHANNELS,
    LEFT_OUT,
    VALUE_CHANNELS,
    Outlet,
    Subscription,
    market_id,
)

if TYPE_CHECKING:
    from prediction_mcp.exchange.simulation import Exchange

Json = dict[str, Any]


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
        self.quotes = QuoteMessages(self._communicate)
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
        shown = wire_market.trade(trade, ticker, self._exchange.engine.trade_id(trade.seq))
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
            "exchange_index": fill.account.shard,
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
            "exchange_index": event.shard,
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
        body: Json = {"market_ticker": market.ticker, "event_type": event_type}
        if event_type == "created":
            body |= wire_market.created(market)
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

    def snapshot(self, subscription: Subscription, ticker: str, command_id: int | None = None) -> None:
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
        subscription.send(b"orderbook_snapshot", orjson.dumps(body), command_id)

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
        shown = wire_market.quotes(state)
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


def hub_of(exchange: Exchange) -> Hub:
    """The hub of an exchange; from now on WebSocket subscribers are told what happens."""
    if exchange.hub is None:
        exchange.hub = Hub(exchange)
    return exchange.hub
