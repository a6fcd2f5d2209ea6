"""What a wallet's server watches at Polymarket: subscriptions over the market and the user feed, counted and ended."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from prediction_mcp.desk.results import Number
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.net.words import cents, printed
from prediction_mcp.polymarket.errors import InvalidRequestError
from prediction_mcp.safety.text import clean, cut

from . import lookup
from .subscriptions import SHOWN, Callback, Kind, Status, Subscribed, Subscription, SubscriptionLine

if TYPE_CHECKING:
    from prediction_mcp.polymarket.feed import Feed
    from prediction_mcp.polymarket.frames import MarketFrame
    from prediction_mcp.polymarket.orderbook import TokenBook
    from prediction_mcp.polymarket.own import UserOrder, UserTrade
    from prediction_mcp.polymarket.user_feed import UserFeed

    from .account import Account
    from .lookup import Side

BOOK_URI = "polymarket://markets/{slug}/orderbook"
_BOOK = re.compile(BOOK_URI.format(slug="([^/]+)"))
PORTFOLIO_URI = "polymarket://portfolio"
STATUS_URI = "polymarket://websocket-status"
MOST, NAMED = 100, 60


class Listener(Protocol):
    """Who is told what is watched."""

    def said(self, subscription: str, channel: str, name: str, text: str, *, alert: bool) -> None:
        """Something came; with ``alert`` it is worth being told unasked."""

    def touch(self, uri: str) -> None:
        """What a resource shows has changed."""


class Nobody:
    """A listener where nobody listens."""

    def said(self, subscription: str, channel: str, name: str, text: str, *, alert: bool) -> None: ...
    def touch(self, uri: str) -> None: ...


class Feeds:
    """What an account watches, from the first subscription on."""

    def __init__(self, account: Account, listener: Listener) -> None:
        self._account = account
        self._listener = listener
        self._market: Feed | None = None
        self._user: UserFeed | None = None
        self._numbers = itertools.count(1)
        self.subscriptions: dict[str, Subscription] = {}
        self._slugs: dict[str, str] = {}
        """Slug of a watched token's market, for the resource that shows its book."""
        self._for_resources: dict[str, list[Subscription]] = {}
        self._tokens_of: dict[str, list[str]] = {}
        self._questions: dict[str, str] = {}

    # -- what is watched -----------------------------------------------------------------------------------------

    @property
    def market(self) -> Feed:
        """The market feed; made by what first needs it."""
        if self._market is None:
            from prediction_mcp.polymarket.feed import Feed

            url = f"{self._account.access.urls['ws']}/market"
            self._market = Feed(self._account.polymarket, url, self._heard, self._turned, self._turned)
        return self._market

    async def _user_feed(self) -> UserFeed:
        if self._user is None:
            from prediction_mcp.polymarket.user_feed import UserFeed

            trader = await self._account.trader()
            url = f"{self._account.access.urls['ws']}/user"
            self._user = UserFeed(trader.api_key, trader, url, self._order, self._trade, self._turned, self._turned)
        return self._user

    def know(self, side: Side) -> None:
        """Remember a market's words, for news of own orders in it."""
        self._questions[side.condition] = cut(clean(side.market.question), NAMED)

    def book(self, token: str) -> TokenBook | None:
        """A watched book that is right at this moment; None where it must be read."""
        found = None if self._market is None else self._market.books.get(token)
        return found if found is not None and found.state == "live" else None

    async def watch_tokens(self, kind: Kind, sides: Sequence[Side], callback: Callback, depth: int = 0) -> Subscription:
        """Prices or books of outcomes. Raises what the feed raises; then nothing is watched."""
        names = {side.token: _name(side) for side in sides}
        made = self._made(kind, names, callback, depth)
        for side in sides:
            self._slugs[side.token] = side.market.slug or ""
        await self.market.watch(names)
        self.subscriptions[made.id] = made
        return made

    async def watch_resolutions(self, sides: Sequence[Side], callback: Callback) -> Subscription:
        names = {side.condition: cut(clean(side.market.question), NAMED) for side in sides}
        made = self._made("resolution", names, callback, 0)
        tokens = [token for side in sides for token in side.market.token_ids]
        await self.market.watch(tokens)
        await self.market.watch_resolutions(names)
        self._tokens_of[made.id] = tokens
        self.subscriptions[made.id] = made
        return made

    async def watch_own(self, kind: Kind, sides: Sequence[Side], callback: Callback) -> Subscription:
        """Own orders or trades, of some markets or all."""
        names = {side.condition: cut(clean(side.market.question), NAMED) for side in sides}
        made = self._made(kind, names, callback, 0)
        await (await self._user_feed()).watch()
        self.subscriptions[made.id] = made
        return made

    def _made(self, kind: Kind, names: dict[str, str], callback: Callback, depth: int) -> Subscription:
        if len(self.subscriptions) >= MOST:
            raise InvalidRequestError(f"{MOST} subscriptions are the most: end some first.")
        started = kind not in ("prices", "orderbook")
        return Subscription(f"p{next(self._numbers)}", kind, frozenset(names), names, callback, depth, started)

    async def unwatch(self, subscription_id: str) -> Subscription:
        """End a subscription. Raises InvalidRequestError where there is none."""
        made = self._named(subscription_id)
        del self.subscriptions[subscription_id]
        if made.kind in ("prices", "orderbook"):
            await self.market.unwatch(made.keys)
        elif made.kind == "resolution":
            self.market.unwatch_resolutions(made.keys)
            await self.market.unwatch(self._tokens_of.pop(made.id))
        elif self._user is not None:
            self._user.unwatch()
        return made

    def _named(self, subscription_id: str) -> Subscription:
        made = self.subscriptions.get(subscription_id)
        if made is None:
            raise InvalidRequestError("There is no such subscription: polymarket_get_realtime_status lists them.")
        return made

    async def wanted(self, uri: str) -> None:
        """Somebody listens to a resource: watch what it shows."""
        await self._account.open()
        watches: list[Subscription] = []
        if (named := _BOOK.fullmatch(uri)) is not None:
            side = await lookup.side(self._account, named[1], None)
            watches.append(await self.watch_tokens("orderbook", [side], "log"))
        elif uri == PORTFOLIO_URI:
            watches.append(await self.watch_own("trades", [], "log"))
        self._for_resources.setdefault(uri, []).extend(watches)

    async def unwanted(self, uri: str) -> None:
        """Nobody does any more."""
        held = self._for_resources.get(uri)
        if held:
            await self.unwatch(held.pop().id)

    async def close(self) -> None:
        self.subscriptions.clear()
        if self._market is not None:
            await self._market.close()
        if self._user is not None:
            await self._user.close()

    # -- what comes ----------------------------------------------------------------------------------------------

    def _turned(self) -> None:
        self._listener.touch(STATUS_URI)

    def _heard(self, frame: MarketFrame) -> None:
        if frame.name == "market_resolved":
            won = clean(frame.winning_outcome)
            self._tell("resolution", frame.market, f"resolved{f': “{won}” won' if won else ''}")
            return
        tokens = {c.asset_id for c in frame.price_changes} or {frame.asset_id}
        for token in tokens:
            if token in self._slugs:
                self._listener.touch(BOOK_URI.format(slug=self._slugs[token]))
            if frame.name == "last_trade_price":
                self._tell("prices", token, f"traded {frame.size} at {_cents(frame.price)}")
            elif frame.name == "tick_size_change":
                self._tell("prices", token, f"tick is now {_cents(frame.new_tick_size)}")
            elif frame.name in ("book", "price_change"):
                book = self.book(token)
                if book is not None:
                    self._tell_book(token, book)

    def _order(self, order: UserOrder) -> None:
        filled = "" if order.size_matched is None else f", {printed(order.size_matched)} filled"
        self._tell("orders", order.market, f"order {order.id[:10]} {order.type.lower()}{filled}")
        self._listener.touch(PORTFOLIO_URI)

    def _trade(self, trade: UserTrade) -> None:
        """One update for each own order that the trade filled, at its own side, size and price."""
        totals: dict[tuple[str, str, str], tuple[Decimal, Decimal]] = {}
        for fill in trade.fills(self._account.wallet().address, self._account.key):
            name = fill.order_id, fill.side, fill.outcome
            size, dollars = totals.get(name, (Decimal(0), Decimal(0)))
            totals[name] = size + fill.size, dollars + fill.size * fill.price
        role = "maker" if trade.trader_side == "MAKER" else "taker"
        status = trade.status.lower()
        for (_, side, outcome), (size, dollars) in totals.items():
            price = cents(round(dollars / size, 6)) if size else "?"
            said = f"{side.lower()} {printed(size)} “{clean(outcome)}” at {price} as {role}: {status}"
            self._tell("trades", trade.market, said)
        if not totals:
            self._tell("trades", trade.market, f"traded as {role}, without saying what: {status}")
        self._listener.touch(PORTFOLIO_URI)

    def _tell(self, kind: Kind, key: str, text: str) -> None:
        for made in self._watching(kind, key):
            self._report(made, key, text)

    def _tell_book(self, token: str, book: TokenBook) -> None:
        """Best prices where they changed, and the levels that changed within each subscription's depth."""
        for made in self._watching("prices", token):
            if made.log.is_new(token, _top(book)):
                self._report(made, token, _top(book))
        for made in self._watching("orderbook", token):
            text = made.book_update(token, *book.depth(made.depth))
            if text is not None:
                self._report(made, token, text)

    def _watching(self, kind: Kind, key: str) -> list[Subscription]:
        made = self.subscriptions.values()
        return [m for m in made if m.kind == kind and m.started and (not m.keys or key in m.keys)]

    def _start(self, made: Subscription) -> None:
        """Report updates from now on: changes against the books as they are."""
        for token in () if made.started else made.keys:
            book = self.book(token)
            if book is not None and made.kind == "prices":
                made.log.is_new(token, _top(book))
            elif book is not None:
                made.book_update(token, *book.depth(made.depth))
        made.started = True

    def _report(self, made: Subscription, key: str, text: str) -> None:
        name = made.names.get(key) or self._questions.get(key, key[:12])
        made.log.add(f"{name}: {text}")
        self._listener.said(made.id, made.kind, name, text, alert=made.callback == "notification")
        self._listener.touch(STATUS_URI)

    # -- answers -------------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        if self._market is None or not self._market.connections:
            return "idle"
        states = {connection.state for connection in self._market.connections}
        return "live" if states == {"live"} else ", ".join(sorted(states))

    def status(self, subscription_id: str | None = None, count: int = SHOWN) -> Status:
        """State, counters and subscriptions, each with its newest updates; or one of them with more of its updates."""
        chosen = list(self.subscriptions.values()) if subscription_id is None else [self._named(subscription_id)]
        books = list(self._market.books.values()) if self._market is not None else []
        counters = dict(self._market.counters) if self._market is not None else {}
        if self._user is not None:
            counters |= {f"user_{name}": count for name, count in self._user.counters.items()}
        return Status(
            source=self._account.source,
            feed=self.state,
            user_feed="idle" if self._user is None else self._user.state,
            problem="; ".join(f.problem for f in (self._market, self._user) if f is not None and f.problem) or None,
            connections=0 if self._market is None else len(self._market.connections),
            books=len(books),
            doubtful=sum(book.state != "live" for book in books),
            counters=counters,
            subscriptions=[SubscriptionLine.of_subscription(made, count) for made in chosen],
        )

    async def subscribed(self, made: Subscription) -> Subscribed:
        """The answer to a subscription: with the books' best prices where they are right by now."""
        prices: dict[str, list[Number | None]] | None = None
        if made.kind in ("prices", "orderbook"):
            prices = {}
            for token in made.keys:
                try:
                    book = await self.market.book(token, 2.0)
                except PlatformError:
                    prices[made.names[token]] = [None, None]
                else:
                    bids, asks = book.depth(1)
                    prices[made.names[token]] = [bids[0][0] if bids else None, asks[0][0] if asks else None]
        note = "Prices are [best bid, best ask]." if prices else None
        if made.kind == "orderbook":
            note = f"{note or ''} Updates name changed levels among the best {made.depth} of each side.".strip()
        self._start(made)
        own = self._user if made.kind in ("orders", "trades") else None
        state = self.state if own is None else own.state
        return Subscribed(
            source=self._account.source, subscription_id=made.id, what=made.kind, of=sorted(made.names.values()),
            callback=made.callback, feed=state, prices=prices, note=note,
        )  # fmt: skip


def _name(side: Side) -> str:
    return f"{cut(clean(side.market.question), NAMED)} / {clean(side.name)}"


def _cents(value: str | float) -> str:
    try:
        return cents(Decimal(str(value)))
    except ArithmeticError:
        return "?"


def _top(book: TokenBook) -> str:
    return f"{_units(book.best_bid)} bid, {_units(book.best_ask)} ask"


def _units(units: int) -> str:
    return cents(Decimal(units).scaleb(-4)) if 0 < units < 10_000 else "nothing"
