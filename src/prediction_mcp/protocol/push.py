"""Updates that reach the client by themselves: log notifications, and "this resource changed", in both protocol eras.

FastMCP 4.1 has no call for the second, so two handlers are registered on the layer below it (a private name; a test
fails loudly when it moves): ``resources/subscribe`` for the handshake era, ``subscriptions/listen`` for 2026-07-28.
Log notifications reach handshake clients only: since 2026-07-28 they are part of an answer, and alerts are in
``kalshi://feeds/status``. All is gathered and sent once a second at most, so that a conversation can't be flooded.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import anyio
import mcp_types
from loguru import logger
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from prediction_mcp.desk.kalshi.realtime.feeds import BOOK_URI, PORTFOLIO_URI
from prediction_mcp.net import deadline

if TYPE_CHECKING:
    from fastmcp import FastMCP
    from mcp.server.connection import Connection
    from mcp.server.context import ServerRequestContext
    from mcp.server.session import ServerSession

    from prediction_mcp.realtime.events import Channel
    from prediction_mcp.realtime.watcher import Watch

BEAT_S = 1.0
MESSAGES = 3
"""Log notifications of one beat; the rest is gathered for the next."""
ALERT, UPDATE = "notice", "info"
"""Levels of log messages."""
ALERTS = 20
"""Alerts that the status keeps."""
FEEDS_URI = "kalshi://feeds/status"
_OF_ACCOUNT = ("fills", "orders")


@dataclass(frozen=True, slots=True)
class Message:
    """A log message that waits for the next beat."""

    logger: str
    data: dict[str, Any]
    is_alert: bool


class Push:
    """What is to be told, and to whom."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self._handler = ListenHandler(self.bus)
        self.alerts: deque[dict[str, Any]] = deque(maxlen=ALERTS)
        self.suppressed = 0
        self._owners: weakref.WeakValueDictionary[str, Connection] = weakref.WeakValueDictionary()  # by watch
        self._listening: dict[str, weakref.WeakSet[Connection]] = {}  # by URI, handshake era
        self._watched = set[tuple[str, int]]()  # (URI, connection) for which something is watched
        self._streams: dict[str, int] = {}  # by URI, 2026-07-28
        self._messages: dict[tuple[str, str], Message] = {}
        self._touched: set[str] = set()
        self._beat: asyncio.Task[None] | None = None

    # -- what happens ------------------------------------------------------------------------------------------

    def belongs_to(self, subscription: str, session: ServerSession) -> None:
        """Log notifications of a watch go to the connection that asked for it, where it takes them unasked."""
        if session.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            self._owners[subscription] = _connection(session)

    def forget(self, subscription: str) -> None:
        self._owners.pop(subscription, None)

    def alert(self, watch: Watch, ticker: str, text: str) -> None:
        """Something is worth a word; later ones of the same market take the place of earlier ones."""
        if text:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            self.alerts.append({"at": at, "subscription": watch.id, "ticker": ticker, "said": text})
        if text or watch.notify != "off":
            self.touch(FEEDS_URI)
            about = {"subscription": watch.id, "channel": watch.channel, "ticker": ticker}
            self._queue("kalshi", about, text, alert=bool(text))

    def said(self, subscription: str, channel: str, name: str, text: str, *, alert: bool) -> None:
        """An update of a Polymarket subscription; an ``alert`` is kept for the status and sent before other updates."""
        if alert:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            self.alerts.append({"at": at, "subscription": subscription, "market": name, "said": text})
            self.touch(FEEDS_URI)
        self._queue("polymarket", {"subscription": subscription, "channel": channel, "market": name}, text, alert=alert)

    def _queue(self, logger: str, about: dict[str, str], text: str, *, alert: bool) -> None:
        """Queue a log message where the subscription's client takes them; it replaces the same market's waiting one."""
        subscription, _, name = about.values()
        if subscription not in self._owners:
            return
        before = self._messages.get((subscription, name))
        data: dict[str, Any] = {**about, "updates": (before.data["updates"] if before else 0) + 1}
        said = text or (before.data.get("said") if before else None)
        if said:
            data["said"] = said
        self._messages[subscription, name] = Message(logger, data, alert or (before is not None and before.is_alert))
        self._wake()

    def delivery(self, subscription: str, *, unasked: bool, alert: bool, uri: str, tool: str) -> str:
        """Return how a subscription's own client gets its updates, which depends on its protocol version."""
        if not unasked:
            return f"Nothing is sent unasked: call {tool}."
        if subscription in self._owners:
            level = ALERT if alert else UPDATE
            return f"Log messages (level {level}), {MESSAGES} a second at most, each market's newest; all with {tool}."
        return f"This client's protocol version has no log messages: listen to {uri}, or call {tool}."

    def touched(self, channel: Channel, ticker: str) -> None:
        """An update came: the resources that show it have changed."""
        if channel == "orderbook":
            self.touch(BOOK_URI.format(ticker=ticker))
        elif channel in _OF_ACCOUNT:
            self.touch(PORTFOLIO_URI)

    def turned(self) -> None:
        """The state of the feed, or what is watched, is another one."""
        self.touch(FEEDS_URI)

    def touch(self, uri: str) -> None:
        if uri in self._listening or uri in self._streams:
            self._touched.add(uri)
            self._wake()

    # -- sending -----------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        if self._beat is None or self._beat.done():
            self._beat = deadline.background(self._send())

    async def _send(self) -> None:
        """Send what was gathered, a beat apart, until there is nothing more."""
        while self._messages or self._touched:
            for uri in sorted(self._touched):
                self._touched.discard(uri)
                await self._changed(uri)
            urgent = sorted(self._messages, key=lambda key: not self._messages[key].is_alert)
            for key in urgent[:MESSAGES]:
                await self._log(self._messages.pop(key))
            self.suppressed += len(self._messages)
            await asyncio.sleep(BEAT_S)

    async def _log(self, message: Message) -> None:
        connection = self._owners.get(message.data["subscription"])
        if connection is not None:
            level = ALERT if message.is_alert else UPDATE
            content = {"level": level, "logger": message.logger, "data": message.data}
            await connection.outbound.notify("notifications/message", content)

    async def _changed(self, uri: str) -> None:
        await self.bus.publish(ResourceUpdated(uri=uri))
        for connection in list(self._listening.get(uri, ())):
            await connection.outbound.notify("notifications/resources/updated", {"uri": uri})

    async def close(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beat

    # -- who listens -------------------------------------------------------------------------------------------

    async def stream(
        self,
        ctx: ServerRequestContext[Any, Any],
        params: mcp_types.SubscriptionsListenRequestParams,
        audience: Audience,
    ) -> mcp_types.SubscriptionsListenResult:
        """One ``subscriptions/listen`` stream (2026-07-28), for as long as its client reads it."""
        watched = set[str]()
        uris = set(map(str, params.notifications.resource_subscriptions or ()))
        try:
            for uri in uris:
                self._streams[uri] = self._streams.get(uri, 0) + 1
                if await _safely(audience.wanted, uri):
                    watched.add(uri)
            return await self._handler(ctx, params)
        finally:
            for uri in uris:
                left = self._streams.pop(uri, 1) - 1
                if left:
                    self._streams[uri] = left
            with anyio.CancelScope(shield=True):  # the stream may end by being cancelled: its watches go all the same
                for uri in watched:
                    await _safely(audience.unwanted, uri)

    async def subscribe(self, uri: str, session: ServerSession, audience: Audience) -> None:
        """``resources/subscribe`` (handshake era); once or twice is the same, and it ends with its connection."""
        connection, listening = _connection(session), self._listening.setdefault(uri, weakref.WeakSet())
        if connection in listening:
            return
        listening.add(connection)
        known: set[str] = connection.state.setdefault(_LEAVES, set())
        if uri not in known:
            known.add(uri)
            connection.exit_stack.push_async_callback(self._leave, uri, connection, audience)
        if await _safely(audience.wanted, uri):
            self._watched.add((uri, id(connection)))

    async def unsubscribe(self, uri: str, session: ServerSession, audience: Audience) -> None:
        """``resources/unsubscribe`` (handshake era)."""
        await self._leave(uri, _connection(session), audience)

    async def _leave(self, uri: str, connection: Connection, audience: Audience) -> None:
        listening = self._listening.get(uri)
        if listening is not None:
            listening.discard(connection)
            if not listening:
                del self._listening[uri]
        if (uri, id(connection)) in self._watched:
            self._watched.discard((uri, id(connection)))
            await _safely(audience.unwanted, uri)


_LEAVES = "prediction-mcp: resources that are left when the connection ends"


def _connection(session: ServerSession) -> Connection:
    """The connection under a session, which is made anew for each request."""
    return session._connection


class Audience(Protocol):
    """The session whose resources are listened to."""

    @property
    def push(self) -> Push: ...
    async def wanted(self, uri: str) -> None: ...
    async def unwanted(self, uri: str) -> None: ...


def install(server: FastMCP, audience: Callable[[], Audience | None]) -> None:
    """Serve both ways of listening; ``audience`` is the session of the server's present life."""

    def there() -> Audience:
        found = audience()
        if found is None:
            raise MCPError(mcp_types.INTERNAL_ERROR, "The server isn't running.")
        return found

    async def listen(
        ctx: ServerRequestContext[Any, Any], params: mcp_types.SubscriptionsListenRequestParams
    ) -> mcp_types.SubscriptionsListenResult:
        return await there().push.stream(ctx, params, there())

    async def subscribe(
        ctx: ServerRequestContext[Any, Any], params: mcp_types.SubscribeRequestParams
    ) -> mcp_types.EmptyResult:
        await there().push.subscribe(str(params.uri), ctx.session, there())
        return mcp_types.EmptyResult()

    async def unsubscribe(
        ctx: ServerRequestContext[Any, Any], params: mcp_types.UnsubscribeRequestParams
    ) -> mcp_types.EmptyResult:
        await there().push.unsubscribe(str(params.uri), ctx.session, there())
        return mcp_types.EmptyResult()

    low = server._mcp_server
    low.add_request_handler("subscriptions/listen", mcp_types.SubscriptionsListenRequestParams, listen)
    low.add_request_handler("resources/subscribe", mcp_types.SubscribeRequestParams, subscribe)
    low.add_request_handler("resources/unsubscribe", mcp_types.UnsubscribeRequestParams, unsubscribe)


async def _safely(step: Callable[[str], Awaitable[None]], uri: str) -> bool:
    """Whether it went well; a resource that can't be watched now is still listened to: it may become so."""
    try:
        async with deadline.within(deadline.LIMITS.read, "The exchange didn't answer in time."):
            await step(uri)
    except Exception as error:  # noqa: BLE001 - the listener's stream must not end for it
        logger.warning("{} can't be watched now: {}", uri, error)
        return False
    return True
