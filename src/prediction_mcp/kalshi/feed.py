"""The WebSocket: one connection for everything that is watched, kept right through whatever happens to it.

:meth:`Feed.watch` writes down what is wanted, and every connection is brought in line with it: channels subscribed,
markets added and removed, in batches. After a lost connection everything is subscribed again; a book counts as right
only after a snapshot of that connection. Snapshots and subscriptions are asked for again by
:class:`~prediction_mcp.net.retrying.Retrier` alone. Rules: docs/kalshi.md, "WebSocket".
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
from prediction_mcp.net.retrying import ANSWER_S, Retrier

from .auth import Signer
from .commands import Commands, batches
from .errors import AuthenticationError, ExchangeUnavailableError, KalshiError
from .feed_errors import AgainError, UnknownMarketsError, error_of
from .feed_reader import Answer, Listener, Reader, Subscription
from .models.feed import Channel, Error, Ok, Subscribed
from .orderbook import LiveBook
from .websocket import opening, reason_of, refusal, unreachable

PER_MARKET = frozenset({"orderbook_delta", "ticker", "trade"})
"""Channels that are subscribed market by market; the others tell everything about the account."""
TRIES = 3
"""How often a command is sent that the exchange wants to have later."""
_TERMINAL = (10, 25)


class Feed(Kept):
    """The live feed of one account.

    Args:
        url: of the WebSocket, see :func:`.websocket.url_of`.
        signer: the key; the feed wants one for public channels too.
        listener: called with every message.
        on_reconnect: called after a lost connection was opened again and all was subscribed again.
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
        self._snapshots = Retrier(self._ask_snapshots, self._no_snapshot)
        self._channels = Retrier(self._subscribe_again)

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
            gone = await self._bring_in_line(channel)
            if mine := [name for name in names if name in gone]:
                raise UnknownMarketsError(mine)
        except BaseException:
            await self.unwatch(channel, tickers)
            raise

    async def unwatch(self, channel: Channel, tickers: Iterable[str] = ()) -> None:
        """Take back one want of each; what isn't wanted any more is unsubscribed."""
        wanted = self._wanted.get(channel)
        if wanted is None:
            return
        for name in list(dict.fromkeys(tickers)) or [""]:
            wanted[name] -= 1
            if wanted[name] <= 0:
                del wanted[name]
                if channel == "orderbook_delta":
                    self.books.pop(name, None)
                    self._snapshots.forget(name)
        if not wanted:
            del self._wanted[channel]
            self._channels.forget(channel)
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
            given_up = self.state == "failed" or (book is not None and book.state == "failed")
            if given_up or not await self.change_before(deadline):
                reason = (
                    "not watched" if book is None else self.problem or book.reason or "its snapshot didn't come yet"
                )
                raise self.failure or ExchangeUnavailableError(
                    f"There is no live book of {ticker} now ({reason}): ask again or read it by REST."
                )

    async def close(self) -> None:
        self._wanted.clear()
        await self._snapshots.close()
        await self._channels.close()
        await super().close()

    @property
    def problem(self) -> str | None:
        """Why the connection is missing or a channel isn't subscribed; None while all is well."""
        unsubscribed = "; ".join(f"{name} isn't subscribed: {why}" for name, why in self._channels.failures().items())
        return super().problem or unsubscribed or None

    # -- the connection ----------------------------------------------------------------------------------------

    def is_wanted(self) -> bool:
        return bool(self._wanted)

    def opening(self) -> connect:
        return opening(self.url, self._signer)

    def read(self, frame: bytes) -> None:
        self._reader.receive(frame)

    async def resume(self, *, again: bool) -> None:
        """After a lost connection subscribe all that is wanted; on the first one :meth:`watch` does."""
        if again:
            await self._subscribe_again(list(self._wanted))

    def lost(self) -> None:
        self._held.clear()
        self._snapshots.drop_all()
        self._channels.drop_all()
        self._reader.lost()
        self._commands.lost()

    def refusal(self, error: Exception) -> KalshiError | None:
        return refusal(error)

    def reason_of(self, error: Exception) -> str:
        return reason_of(error)

    def unreachable(self, reason: str) -> KalshiError:
        return unreachable(reason)

    # -- commands ----------------------------------------------------------------------------------------------

    async def _command(self, cmd: str, **params: Any) -> Any:
        """Send a command and wait for its answer; send it again where the exchange was too busy for it."""
        socket = self._socket  # the next connection has other subscriptions under the same numbers
        for attempt in range(1, TRIES):
            try:
                return await self._commands.send(socket, cmd, params)
            except AgainError:
                await asyncio.sleep(attempt / 2)
        return await self._commands.send(socket, cmd, params)

    async def _bring_in_line(self, channel: Channel) -> set[str]:
        """Make the connection hold of a channel exactly what is wanted; return the wanted markets that don't exist.

        A market that is gone keeps no other from being watched.
        """
        lock = self._locks.setdefault(channel, asyncio.Lock())
        async with lock:
            wanted = self._wanted.get(channel)
            held = self._held.get(channel)
            if not wanted:
                if held is not None:
                    self._forget(channel)
                    await self._command("unsubscribe", sids=[held.sid])
                return set()
            whole = channel not in PER_MARKET or "" in wanted
            if held is not None and held.whole != whole:
                self._forget(channel)
                await self._command("unsubscribe", sids=[held.sid])
                held = None
            if whole:
                if held is None:
                    await self._subscribe(channel, [])
                return set()
            names, gone = set(wanted), set[str]()
            for batch in batches(sorted(names - (held.markets if held else set()))):
                gone |= await self._add(channel, batch)
            held = self._held.get(channel)
            for batch in batches(sorted((held.markets if held else set()) - names)):
                if held is not None:
                    held.markets.difference_update(batch)
                    await self._command(
                        "update_subscription", sid=held.sid, action="delete_markets", market_tickers=batch
                    )
            return gone

    async def _add(self, channel: Channel, batch: list[str]) -> set[str]:
        """Add markets to a channel; return those that the exchange doesn't know."""
        held = self._held.get(channel)
        try:
            if held is None:
                await self._subscribe(channel, batch)
            else:
                held.markets.update(batch)
                await self._command("update_subscription", sid=held.sid, action="add_markets", market_tickers=batch)
        except UnknownMarketsError as error:
            if held is not None:
                held.markets.difference_update(batch)
            gone = set(batch) & set(error.tickers)
            if not gone:
                raise
            for name in gone & self.books.keys() if channel == "orderbook_delta" else ():
                self._no_snapshot(name, error.message)
            left = [name for name in batch if name not in gone]
            return gone | (await self._add(channel, left) if left else set())
        for name in batch if channel == "orderbook_delta" else ():
            if name in self.books and self.books[name].state != "live":
                self._snapshots.need(name, "its snapshot didn't come", after_s=ANSWER_S)
        return set()

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
            answer = await self._command("subscribe", **params)
            if isinstance(answer, Ok) and not held.sid:  # merged into a subscription whose answer came too late
                self._has_sid(held, answer.sid, answer.seq)
        except BaseException:
            if not held.sid and self._held.get(channel) is held:
                del self._held[channel]
            raise

    def _has_sid(self, held: Subscription, sid: int, seq: int) -> None:
        held.sid, held.seq, held.answered = sid, seq, -1
        self._reader.by_sid[sid] = held

    def _forget(self, channel: Channel) -> None:
        held = self._held.pop(channel, None)
        if held is not None:
            self._reader.by_sid.pop(held.sid, None)

    async def _subscribe_again(self, channels: list[str]) -> None:
        """Bring channels in line after a lost connection or subscription; a refused key isn't tried again."""
        socket = self._socket
        for channel in [name for name in self._wanted if name in channels]:
            try:
                await self._bring_in_line(channel)
            except KalshiError as error:
                logger.warning("{} can't be watched now: {}", channel, error)
                if isinstance(error, AuthenticationError):
                    self._channels.forget(channel)
                elif socket is self._socket:  # else the next connection subscribes it
                    self._channels.need(channel, error.message, after_s=1.0)
            else:
                if channel in self._held:  # it didn't end again meanwhile
                    self._channels.right(channel)

    async def _ask_snapshots(self, tickers: list[str]) -> None:
        """Ask once for the snapshots of books that are subscribed; the others come with their subscription."""
        held = self._held.get("orderbook_delta")
        if held is None or not held.sid:
            return
        for batch in batches([ticker for ticker in tickers if ticker in held.markets]):
            self.counters["resyncs"] += 1
            params = {"sid": held.sid, "action": "get_snapshot", "market_tickers": batch}
            try:
                await self._commands.send(self._socket, "update_subscription", params)
            except UnknownMarketsError as error:
                for name in self.books.keys() & set(error.tickers):
                    held.markets.discard(name)
                    self._snapshots.forget(name)
                    self._no_snapshot(name, error.message)
                raise

    def _no_snapshot(self, ticker: str, reason: str) -> None:
        if ticker in self.books:
            self.books[ticker].doubt(reason, "failed")
            self.counters["failed_books"] += 1
            self.changed()

    # -- reports of the reader ---------------------------------------------------------------------------------

    def doubted(self, tickers: list[str], reason: str) -> None:
        self.changed()
        for ticker in tickers:
            self._snapshots.need(ticker, reason)

    def repaired(self, ticker: str) -> None:
        self.changed()
        self._snapshots.right(ticker)

    def missed(self) -> None:
        if self._on_reconnect is not None:  # what was missed is read as after a lost connection
            self._on_reconnect()

    def answered(self, message: Answer) -> None:
        """The answer to a command, or an error of a subscription."""
        if isinstance(message, Subscribed):
            channel: Any = message.msg.channel
            held = self._held.get(channel)
            if held is not None:
                self._has_sid(held, message.msg.sid, 0)
        waited_for = self._commands.answer(message.id, error_of(message) if isinstance(message, Error) else message)
        if not waited_for and isinstance(message, Error) and not message.id:
            self._ended(message)

    def _ended(self, message: Error) -> None:
        """Handle an error that isn't an answer: where it is terminal, its channel is subscribed again."""
        self.counters["errors"] += 1
        held = self._reader.by_sid.get(message.sid)
        if message.msg.code not in _TERMINAL or held is None:
            logger.warning("the live feed sent error {}: {}", message.msg.code, message.msg.msg)
            return
        self._forget(held.channel)
        reason = f"its subscription ended with error {message.msg.code}"
        if held.channel == "orderbook_delta":
            self._snapshots.drop_all()
            self._reader.stale(reason)
        self.changed()
        self._channels.need(held.channel, reason)
