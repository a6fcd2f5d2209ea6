"""From what the engine does to what Polymarket's feeds say: books and changes of the market feed, orders and trades.

Changes of levels are gathered while a step lasts and told as one ``price_change`` for a market, with both tokens' rows
and absolute sizes; there is no sequence number (that is the feed's own lack). Everything is public by market but what
the user feed says, which goes to the key's own connections.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from prediction_mcp.exchange.engine import tokens
from prediction_mcp.exchange.engine.groups import OrderGroup
from prediction_mcp.exchange.engine.ledger import Account, Fill, Holding
from prediction_mcp.exchange.engine.market_state import Trade
from prediction_mcp.exchange.engine.matching import BID, Order
from prediction_mcp.exchange.keeping import CONFIRMED_MS, Held, chain_status
from prediction_mcp.exchange.second import PolymarketExchange
from prediction_mcp.exchange.token_trades import TokenTrade
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.kalshi.units import PRICE_UNITS

from . import books, wire

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]


class Listener(Protocol):
    """A connection of the market feed."""

    custom: bool
    tokens: set[str]

    def tell(self, message: Json) -> None: ...


class Owner(Protocol):
    """A connection of the user feed."""

    signer: str
    key: str
    markets: set[str] | None

    def tell(self, message: Json) -> None: ...


class Hub:
    """Hears the engine and tells the feeds. An :class:`~.market_state.Observer`."""

    def __init__(self, exchange: PolymarketExchange) -> None:
        self._exchange = exchange
        self._levels: dict[str, dict[tuple[int, int], None]] = {}
        self._trades: dict[str, list[Trade]] = {}
        self._tops: dict[str, tuple[int | None, int | None]] = {}
        self._open_trades: dict[str, tuple[TokenTrade, str]] = {}
        """Members' trades that aren't final yet by their id, each with the status that was sent last, if any."""
        self._is_due = False
        self.listeners: set[Listener] = set()
        self.owners: set[Owner] = set()
        exchange.feed = self
        exchange.engine.observer = self

    def start_anew(self) -> None:
        """The exchange was read back from its disk: what was heard may not be true; everybody connects again."""
        self._exchange.engine.observer = self
        self._levels.clear()
        self._trades.clear()
        self._open_trades.clear()
        for one in [*self.listeners, *self.owners]:
            abandon = getattr(one, "abandon", None)
            if abandon is not None:
                abandon()

    # -- what the engine tells ---------------------------------------------------------------------------------

    def level(self, order: Order, price: int, delta: int, now_ms: int) -> None:
        if self.listeners:
            self._levels.setdefault(order.ticker, {})[order.side, price] = None
            self._soon()

    def trade(self, ticker: str, trade: Trade) -> None:
        if self.listeners:
            self._trades.setdefault(ticker, []).append(trade)
            self._soon()

    def matched(self, trade: TokenTrade) -> None:
        """Send a member's trade at the end of the step: until then it may meet more orders."""
        self._open_trades[trade.trade_id] = trade, ""
        self._soon()

    def fill(self, fill: Fill, holding: Holding) -> None:
        """Sent as a part of its trade: :meth:`matched`."""

    def order(self, order: Order) -> None:
        if not self.owners:
            return
        if order.status == "resting":
            kind = "UPDATE" if order.filled else "PLACEMENT"
        else:
            kind = "UPDATE" if order.status == "executed" else "CANCELLATION"
        self._tell_order(order, kind)

    def group(self, group: OrderGroup, event_type: str, now_ms: int) -> None:
        """There are no groups here."""

    def settled(self, account: Account, ticker: str, holding: Holding) -> None:
        """Told as the market's resolution."""

    def _soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self.flush)

    # -- market feed -------------------------------------------------------------------------------------------

    def _audience(self, market: Market) -> list[Listener]:
        ours = set(wire.tokens_of(market))
        return [one for one in self.listeners if one.tokens & ours]

    def flush(self) -> None:
        """Say what has changed since the last time."""
        self._is_due = False
        for trade_id, (matched, told) in self._open_trades.items():
            if not told:
                self._open_trades[trade_id] = matched, "MATCHED"
                self._tell_trade(matched, "MATCHED")
        changed, self._levels = self._levels, {}
        traded, self._trades = self._trades, {}
        now = self._exchange.clock()
        for ticker in dict.fromkeys([*traded, *changed]):
            market = self._exchange.catalogue.markets.get(ticker)
            if market is None:
                continue
            audience = self._audience(market)
            if not audience:
                continue
            if ticker in changed:
                self._send(audience, self._price_change(market, changed[ticker], now))
            for trade in traded.get(ticker, ()):
                self._send(audience, self._last_trade(market, trade))
            if ticker in traded:
                for first in (True, False):
                    self._send_book(audience, market, now, first=first)
            self._tell_top(audience, market, now)

    def _send(self, audience: Iterable[Listener], message: Json) -> None:
        for one in list(audience):
            one.tell(message)

    def _send_book(self, audience: list[Listener], market: Market, now: int, *, first: bool) -> None:
        state, token = self._exchange.engine.markets[market.ticker], wire.tokens_of(market)[0 if first else 1]
        interested = [one for one in audience if token in one.tokens]
        if interested:
            self._send(interested, {"event_type": "book", **wire.book_json(market, state, now, first=first)})

    def first_books(self, wanted: Iterable[str]) -> list[Json]:
        """Books that a subscription begins with: with tick and last price, which later ones lack."""
        found, now = [], self._exchange.clock()
        for token in wanted:
            known = self._exchange.by_token(token)
            if known is None or wire.is_resolved(known[0]):
                continue
            market, first = known
            state = self._exchange.engine.markets[market.ticker]
            body = {
                "event_type": "book",
                **wire.book_json(market, state, now, first=first),
                "tick_size": wire.tick(market),
            }
            if state.last_price:
                body["last_trade_price"] = wire.price(wire.last_price(state, first=first))
            found.append(body)
        return found

    def _price_change(self, market: Market, levels: Iterable[tuple[int, int]], now: int) -> Json:
        state = self._exchange.engine.markets[market.ticker]
        rows = []
        for first in (True, False):
            token, (bid, ask) = wire.tokens_of(market)[0 if first else 1], books.best(state, first=first)
            tops = {"best_bid": wire.price(bid) if bid else "0", "best_ask": wire.price(ask) if ask else "1"}
            for side, price in levels:
                resting = state.book.side(side).levels.get(side * price)
                is_bid = (side == BID) == first
                rows.append({
                    "asset_id": token, "price": wire.price(price if first else PRICE_UNITS - price),
                    "size": "0" if resting is None else wire.size(resting.total), "side": "BUY" if is_bid else "SELL",
                    "hash": "", **tops,
                })  # fmt: skip
        return {
            "event_type": "price_change",
            "market": wire.condition(market),
            "price_changes": rows,
            "timestamp": str(now),
        }

    def _last_trade(self, market: Market, trade: Trade) -> Json:
        first = trade.taker_side == BID
        return {
            "event_type": "last_trade_price", "market": wire.condition(market),
            "asset_id": wire.tokens_of(market)[0 if first else 1], "side": "BUY", "size": wire.size(trade.count),
            "price": wire.price(trade.price if first else PRICE_UNITS - trade.price), "fee_rate_bps": "1000",
            "timestamp": str(trade.ts_ms),
            "transaction_hash": wire.transaction_hash(self._exchange.engine.trade_id(trade.seq)),
        }  # fmt: skip

    def _tell_top(self, audience: list[Listener], market: Market, now: int) -> None:
        state = self._exchange.engine.markets[market.ticker]
        top = books.best(state, first=True)
        if self._tops.get(market.ticker) == top:
            return
        self._tops[market.ticker] = top
        for first in (True, False):
            bid, ask = books.best(state, first=first)
            token = wire.tokens_of(market)[0 if first else 1]
            message = {
                "event_type": "best_bid_ask", "market": wire.condition(market), "asset_id": token,
                "best_bid": wire.price(bid) if bid else "0", "best_ask": wire.price(ask) if ask else "1",
                "spread": wire.price((ask or PRICE_UNITS) - (bid or 0)), "timestamp": str(now),
            }  # fmt: skip
            self._send([one for one in audience if one.custom and token in one.tokens], message)

    def tick_changed(self, market: Market, old: str) -> None:
        now = self._exchange.clock()
        for token in wire.tokens_of(market):
            message = {
                "event_type": "tick_size_change", "market": wire.condition(market), "asset_id": token,
                "old_tick_size": old, "new_tick_size": wire.tick(market), "timestamp": str(now),
            }  # fmt: skip
            self._send([one for one in self.listeners if token in one.tokens], message)

    def lifecycle(self, market: Market, event_type: str) -> None:
        """A market was listed, or has been resolved: told to all who asked for such news, of whatever market."""
        if event_type not in ("created", "resolved"):
            return
        wanting = [one for one in self.listeners if one.custom]
        if not wanting:
            return
        event, now = market.event, self._exchange.clock()
        message: Json = {
            "event_type": "new_market" if event_type == "created" else "market_resolved",
            "id": wire.market_id(market), "market": wire.condition(market), "assets_ids": list(wire.tokens_of(market)),
            "timestamp": str(now), "tags": [event.series.ticker],
        }  # fmt: skip
        if event_type == "created":
            message |= {
                "question": market.title, "slug": market.ticker, "description": market.rules,
                "outcomes": list(wire.outcomes(market)), "condition_id": wire.condition(market), "active": True,
                "order_price_min_tick_size": wire.tick(market),
                "group_item_title": wire.question_of(market).group_title, "sports_market_type": "", "line": "",
                "game_start_time": "",
                "event_message": {"id": wire.event_id(event), "ticker": event.ticker, "slug": event.ticker,
                                  "title": event.title, "description": market.rules},
            }  # fmt: skip
            if not wire.is_v2(market):
                message["clob_token_ids"] = list(wire.tokens_of(market))
        elif market.value in (0, PRICE_UNITS):
            winner = 0 if market.value else 1
            message |= {
                "winning_asset_id": wire.tokens_of(market)[winner], "winning_outcome": wire.outcomes(market)[winner],
            }  # fmt: skip
        self._send(wanting, message)

    # -- user feed ---------------------------------------------------------------------------------------------

    def _owners(self, account: Account, market: Market) -> list[Owner]:
        signer, condition = self._exchange.wallets.get(account.account_id), wire.condition(market)
        return [o for o in self.owners if o.signer == signer and (o.markets is None or condition in o.markets)]

    def _tell_order(self, order: Order, kind: str) -> None:
        market = self._exchange.catalogue.markets[order.ticker]
        for owner in self._owners(order.account, market):
            owner.tell(order_frame(self._exchange, market, order, kind, owner.key))

    def unmatched(self, order_id: str, held: Held) -> None:
        """An order that was held back came to nothing."""
        for owner in [o for o in self.owners if o.signer == self._exchange.wallets.get(held.wallet)]:
            owner.tell({
                "event_type": "order", "type": "CANCELLATION", "id": order_id, "owner": owner.key,
                "status": "UNMATCHED", "market": "", "asset_id": "", "side": "BUY", "original_size": "",
                "size_matched": "", "price": "", "created_at": "", "timestamp": str(self._exchange.clock()),
            })  # fmt: skip

    def _tell_trade(self, trade: TokenTrade, status: str) -> None:
        """Send a step of a trade to everyone who took part, once per connection."""
        exchange, market = self._exchange, self._exchange.catalogue.markets[trade.ticker]
        wallets = {trade.taker.wallet, *(maker.wallet for maker in trade.makers)}
        signers = {exchange.wallets[wallet] for wallet in wallets if wallet in exchange.wallets}
        now, condition = exchange.clock(), wire.condition(market)
        for owner in self.owners:
            if owner.signer in signers and (owner.markets is None or condition in owner.markets):
                body = wire.trade_json(exchange, trade, owner, now)
                owner.tell({
                    **body, "event_type": "trade", "type": "TRADE", "status": status, "owner": owner.key,
                    "trade_owner": body["owner"], "timestamp": str(now),
                })  # fmt: skip

    def settle_trades(self, now_ms: int) -> None:
        """Tell of trades that have come further on their way into the chain."""
        for trade_id, (trade, told) in list(self._open_trades.items()):
            failed = self._exchange.has_failed(trade_id)
            status = chain_status(trade.matched_ms, now_ms, failed=failed)
            if told and status != told and self.owners:
                steps = ("MINED", "CONFIRMED") if not failed else ("RETRYING", "FAILED")
                for step in steps[(told in steps) : steps.index(status) + 1]:
                    self._tell_trade(trade, step)
            if now_ms - trade.matched_ms >= CONFIRMED_MS:
                del self._open_trades[trade_id]
            elif told:
                self._open_trades[trade_id] = trade, status


def order_frame(exchange: PolymarketExchange, market: Market, order: Order, kind: str, key: str) -> Json:
    """An order's frame. A killed one carries "" where numbers belong, and its reason as a status: trap 7."""
    killed = kind == "CANCELLATION" and order.time_in_force == "fill_or_kill" and not order.filled
    status = wire.STATUS[order.status]
    if kind == "CANCELLATION":
        status = wire.REASONS.get(order.last_reason, "CANCELED")
    return {
        "event_type": "order", "type": kind, "id": order.order_id, "owner": key, "order_owner": key,
        "market": wire.condition(market), "asset_id": wire.token_of(market, order), "side": wire.side_of(order),
        "original_size": wire.size(order.initial), "size_matched": "" if killed else wire.size(order.filled),
        "price": wire.price(tokens.unit_price(order, order.price)), "outcome": wire.outcome_of(market, order),
        "order_type": wire.order_type(order), "status": status, "associate_trades": None,
        "created_at": "" if killed else str(order.created_ms // 1000), "expiration": wire.expiration(order),
        "maker_address": order.account.account_id, "timestamp": str(exchange.clock()),
    }  # fmt: skip


def hub_of(exchange: PolymarketExchange) -> Hub:
    """The hub of an exchange; from now on the feeds are told what happens."""
    return exchange.feed or Hub(exchange)
