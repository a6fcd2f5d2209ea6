"""The WebSocket: one connection for everything that is watched, kept right through whatever happens to it.

What is wanted is written down (:meth:`Feed.watch`), and every connection is brought in line with it: channels
subscribed, markets added and taken away, in batches. A lost connection is made again by websockets' own iterator, and
then everything is subscribed anew; a book counts as right only after a snapshot of that connection. Rules:
docs/kalshi.md, "WebSocket".
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from loguru import logger
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from prediction_mcp.net.kept import GRACE_S, Kept

from .auth import Signer
from .commands import Commands, NoAnswerError, batches
from .errors import ExchangeUnavailableError, KalshiError, NotFoundError
from .feed_errors import AgainError, error_of
from .feed_reader import Answer, Listener, Reader, Subscription
from .models.feed import Channel, Error, Subscribed
from .orderbook import LiveBook
from .websocket import not_opened, opening

PER_MARKET = frozenset({"orderbook_delta", "ticker", "trade"})
"""Channels that are subscribed market by market; the others tell everything about the account."""
TRIES = 3
_TERMINAL = (10, 25)

ASKED = 5
"""How often a snapshot is asked for that doesn't come."""


class Feed(Kept):
    """The live feed of one account.

    Args:
        url: of the WebSocket, see :func:`.websocket.url_of`.
        signer: the key; the feed wants one for public channels too.
        listener: told every message.
        on_reconnect: called after a lost connection was made again and all was subscribed anew.
        on_state: called when the connection came, went or failed.
        use_yes_price: ask for NO levels in YES prices; both conventions are understood.
    """

    def __init__(
        self,
        url: str,
        signer: Signer,
        listener: Listener | None = None,
        on_reconnect: Callable[[], None] | None = None,
        on_state: Callable[[], None] | None = None,
        *,
        use_yes_price: bool = True,
        grace_s: float = GRACE_S,
    ) -> None:
        super().__init__(on_reconnect, on_state, grace_s)
        self.url = url
        self.books: dict[str, LiveBook] = {}
        self._signer = signer
        self._use_yes_price = use_yes_price
        self._wanted: dict[Channel, Counter[str]] = {}  # "" is the whole exchange
        self._held: dict[Channel, Subscription] = {}
        self._commands = Commands[Answer]("The live feed")
        self._locks: dict[Channel, asyncio.Lock] = {}
        self._reader = Reader(self.books, self.counters, self, listener)

    # -- what is wanted ----------------------------------------------------------------------------------------

    async def watch(self, channel: Channel, tickers: Iterable[str] = ()) -> None:
        """Want a channel, of some markets or of all; wants add up. Returns when the exchange has said yes.

        Raises:
            NotFoundError: there is no such market; then it isn't wanted any more.
            AuthenticationError, ExchangeUnavailableError: the feed can't be had.
        """
        names = list(dict.fromkeys(tickers)) or [""]
        wanted = self._wanted.setdefault(channel, Counter())
        wanted.update(names)
        if channel == "orderbook_delta":
            for name in names:
                self.books.setdefault(name, LiveBook(name, yes_price=self._use_yes_price))
        self.start()
        try:
            await self.connected()
            await self._bring_in_line(channel)
        except BaseException:
            await self.unwatch(channel, tickers)
            raise

    async def unwatch(self, channel: Channel, tickers: Iterable[str] = ()) -> None:
        """Take back one want of each; what nobody wants any more is unsubscribed."""
        wanted = self._wanted.get(channel)
        if wanted is None:
            return
        for name in list(dict.fromkeys(tickers)) or [""]:
            wanted[name] -= 1
            if wanted[name] <= 0:
                del wanted[name]
                if channel == "orderbook_delta":
                    self._reader.drop(name)
        if not wanted:
            del self._wanted[channel]
        if self._socket is not None:
            with contextlib.suppress(KalshiError, WebSocketException):  # a connection that ends takes it all back
                await self._bring_in_line(channel)
        self.release()

    async def book(self, ticker: str, patience_s: float = 3.0) -> LiveBook:
        """A watched market's book once it is right. Raises ExchangeUnavailableError when it isn't in time."""
        deadline = time.monotonic() + patience_s
        while True:
            book = self.books.get(ticker)
            if book is not None and book.state == "live":
                return book
            if self.state == "failed" or not await self.change_before(deadline):
                state = book.state if book is not None else "not watched"
                raise self.failure or ExchangeUnavailableError(
                    f"The live book of {ticker} is {state}: its snapshot didn't come yet; ask again or read it by REST."
                )

    async def close(self) -> None:
        self._wanted.clear()
        await super().close()

    # -- the connection ----------------------------------------------------------------------------------------

    def is_wanted(self) -> bool:
        return bool(self._wanted)

    def opening(self) -> connect:
        return opening(self.url, self._signer)

    def read(self, frame: bytes) -> None:
        self._reader.receive(frame)

    async def resume(self, *, again: bool) -> None:
        """After a lost connection: subscribe all that is wanted. On the first one who wants it does."""
        for channel in list(self._wanted) if again else []:
            try:
                await self._bring_in_line(channel, lenient=True)
            except KalshiError as error:
                logger.warning("{} can't be watched again now: {}", channel, error)

    def lost(self) -> None:
        self._held.clear()
        self._reader.lost()
        self._commands.lost()

    def not_opened(self, error: Exception) -> KalshiError:
        return not_opened(error)

    def unreachable(self) -> KalshiError:
        return ExchangeUnavailableError("The live feed can't be reached now; it goes on trying.")

    # -- commands ----------------------------------------------------------------------------------------------

    async def _command(self, cmd: str, **params: Any) -> Any:
        """Send a command and wait for its answer; one that came too late or too often is sent again."""
        for attempt in range(1, TRIES):
            try:
                return await self._commands.send(self._socket, cmd, params)
            except NoAnswerError:
                pass
            except AgainError:
                await asyncio.sleep(attempt / 2)
        return await self._commands.send(self._socket, cmd, params)

    async def _bring_in_line(self, channel: Channel, *, lenient: bool = False) -> None:
        """Make the connection hold of a channel exactly what is wanted."""
        lock = self._locks.setdefault(channel, asyncio.Lock())
        async with lock:
            wanted = self._wanted.get(channel)
            held = self._held.get(channel)
            if not wanted:
                if held is not None:
                    self._forget(channel)
                    await self._command("unsubscribe", sids=[held.sid])
                return
            whole = channel not in PER_MARKET or "" in wanted
            if held is not None and held.whole != whole:
                self._forget(channel)
                await self._command("unsubscribe", sids=[held.sid])
                held = None
            if whole:
                if held is None:
                    await self._subscribe(channel, [])
                return
            names = set(wanted)
            for batch in batches(sorted(names - (held.markets if held else set()))):
                await self._add(channel, batch, lenient=lenient)
            held = self._held.get(channel)
            for batch in batches(sorted((held.markets if held else set()) - names)):
                if held is not None:
                    held.markets.difference_update(batch)
                    await self._command(
                        "update_subscription", sid=held.sid, action="delete_markets", market_tickers=batch
                    )

    async def _add(self, channel: Channel, batch: list[str], *, lenient: bool) -> None:
        """Add markets to a channel. ``lenient``: one that is gone meanwhile doesn't keep the others from coming."""
        held = self._held.get(channel)
        try:
            if held is None:
                await self._subscribe(channel, batch)
                return
            held.markets.update(batch)
            await self._command("update_subscription", sid=held.sid, action="add_markets", market_tickers=batch)
        except NotFoundError as error:
            if held is not None:
                held.markets.difference_update(batch)
            if not lenient:
                raise
            if len(batch) == 1:
                logger.warning("{} can't be watched any more: {}", batch[0], error)
                self.counters["gone"] += 1
                return
            for name in batch:
                await self._add(channel, [name], lenient=True)

    async def _subscribe(self, channel: Channel, markets: list[str]) -> None:
        params: dict[str, Any] = {"channels": [channel]}
        if markets:
            params["market_tickers"] = markets
        if channel == "orderbook_delta":
            params["use_yes_price"] = self._use_yes_price
        if channel == "ticker" and markets:
            params["send_initial_snapshot"] = True
        held = self._held[channel] = Subscription(channel, markets=set(markets), whole=not markets)
        try:
            await self._command("subscribe", **params)
        except BaseException:
            if not held.sid and self._held.get(channel) is held:
                del self._held[channel]
            raise

    def _forget(self, channel: Channel) -> None:
        held = self._held.pop(channel, None)
        if held is not None:
            self._reader.by_sid.pop(held.sid, None)

    # -- what the reader asks for ------------------------------------------------------------------------------

    def wants_snapshots(self, held: Subscription, tickers: list[str], after_s: float) -> None:
        self.spawn(self._ask_snapshots(held, tickers, after_s))

    async def _ask_snapshots(self, held: Subscription, tickers: list[str], after_s: float) -> None:
        """Ask until the exchange has said yes, or the subscription is over."""
        self.counters["resyncs"] += 1
        await asyncio.sleep(after_s)
        for batch in batches(tickers):
            for attempt in range(ASKED):
                still = [t for t in batch if t in held.markets]
                if not still or self._reader.by_sid.get(held.sid) is not held:
                    break
                try:
                    await self._command(
                        "update_subscription", sid=held.sid, action="get_snapshot", market_tickers=still
                    )
                    break
                except KalshiError as error:
                    logger.warning("no snapshot of {} markets yet: {}", len(still), error)
                    await asyncio.sleep(attempt + 1)

    def missed(self) -> None:
        if self._on_reconnect is not None:  # what was missed is asked for as after a lost connection
            self._on_reconnect()

    def answered(self, message: Answer) -> None:
        """The answer to a command, or an error of a subscription."""
        if isinstance(message, Subscribed):
            channel: Any = message.msg.channel
            held = self._held.get(channel)
            if held is not None:
                held.sid, held.seq = message.msg.sid, 0
                self._reader.by_sid[held.sid] = held
        waited_for = self._commands.answer(message.id, error_of(message) if isinstance(message, Error) else message)
        if not waited_for and isinstance(message, Error) and not message.id:
            self._ended(message)

    def _ended(self, message: Error) -> None:
        """An error that isn't an answer: where it is terminal, its channel is subscribed anew."""
        self.counters["errors"] += 1
        held = self._reader.by_sid.get(message.sid)
        if message.msg.code not in _TERMINAL or held is None:
            logger.warning("the live feed says error {}: {}", message.msg.code, message.msg.msg)
            return
        self._forget(held.channel)
        if held.channel == "orderbook_delta":
            self._reader.stale()
        self.changed()
        self.spawn(self._bring_in_line(held.channel, lenient=True))
