"""The feeds' connections: market and user. Text PING is answered by PONG, whatever else has stopped."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
from websockets.http11 import Request

from prediction_mcp.exchange.second import PolymarketExchange

from ..connection import Connection
from . import wire
from .hub import Hub
from .opening import PREFIX

Json = dict[str, Any]
MARKET, USER, SPORTS = f"{PREFIX}/ws/market", f"{PREFIX}/ws/user", f"{PREFIX}/ws/sports"
MOST_TOKENS = 2_000


class Auth(msgspec.Struct, rename="camel"):
    api_key: str
    secret: str
    passphrase: str


class Command(msgspec.Struct):
    type: str = ""
    operation: str = ""
    assets_ids: list[str] = []
    markets: list[str] | None = None
    custom_feature_enabled: bool | None = None
    initial_dump: bool = True
    auth: Auth | None = None


class _Feed(Connection):
    """What both have: keep-alive, faults, and the end of who doesn't keep up."""

    path = ""

    def __init__(self, exchange: PolymarketExchange, hub: Hub, server_state: Any) -> None:
        super().__init__(server_state)
        self._exchange = exchange
        self._hub = hub
        self._is_frozen = False

    def _open(self, request: Request) -> None:
        path = request.path.partition("?")[0].rstrip("/")
        if path not in (self.path, self.path.removeprefix(PREFIX)):
            self._refuse(404, {"error": "not found"})
        elif self._accept(request):
            self._welcome()

    def _hear(self, data: bytes) -> None:
        if data.strip() in (b"PING", b"ping"):
            self._write(b"PONG" if data.strip() == b"PING" else b"pong")
            return
        try:
            command = msgspec.json.decode(data, type=Command)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            self._write(b"INVALID OPERATION")
            return
        self._obey(command)

    def _obey(self, command: Command) -> None:
        raise NotImplementedError

    def tell(self, message: Json) -> None:
        """Send a frame, unless a fault has it otherwise."""
        payload = orjson.dumps(message)
        faults = [] if self._is_frozen else self._exchange.faults.for_message()
        if "feed_freeze" in faults:
            self._is_frozen = True
        if self._is_frozen or "feed_skip" in faults:
            return
        if "feed_unknown" in faults:
            self.push(b'{"event_type":"weather_on_mars","dust":true}')
        self.push(payload)
        if "feed_twice" in faults:
            self.push(payload)
        if "feed_drop" in faults:
            self.drop()

    def _too_slow(self) -> None:
        self.close(1008, "too slow")


class MarketFeed(_Feed):
    """Books, changes and trades of tokens; with ``custom_feature_enabled`` tops, new markets and resolutions too."""

    path = MARKET

    def __init__(self, exchange: PolymarketExchange, hub: Hub, server_state: Any) -> None:
        super().__init__(exchange, hub, server_state)
        self.tokens: set[str] = set()
        self.custom = False

    def _obey(self, command: Command) -> None:
        if command.custom_feature_enabled is not None:
            self.custom = command.custom_feature_enabled
        if command.operation == "unsubscribe":
            self.tokens -= set(command.assets_ids)
            return
        if command.type not in ("market", "MARKET") and command.operation != "subscribe":
            self._write(b"INVALID OPERATION")
            return
        self._hub.listeners.add(self)
        new = [token for token in dict.fromkeys(command.assets_ids) if token not in self.tokens]
        new = new[: MOST_TOKENS - len(self.tokens)]
        self.tokens |= set(new)
        found = self._hub.first_books(new)
        if found and command.initial_dump and "feed_deltas" not in self._exchange.faults.for_message():
            self.push(orjson.dumps(found))  # an array: the first frame of a subscription is one

    def _gone(self) -> None:
        self._hub.listeners.discard(self)


class UserFeed(_Feed):
    """Orders and trades of a key's wallets. A key that isn't one hears nothing: there is no acknowledgement."""

    path = USER

    def __init__(self, exchange: PolymarketExchange, hub: Hub, server_state: Any) -> None:
        super().__init__(exchange, hub, server_state)
        self.signer = self.key = ""
        self.markets: set[str] | None = None

    def _obey(self, command: Command) -> None:
        if command.auth is not None:
            known = self._exchange.credentials.get(command.auth.api_key)
            if known is None or (known.secret, known.passphrase) != (command.auth.secret, command.auth.passphrase):
                self.close(1008, "unauthorized")
                return
            self.signer, self.key = known.signer, known.key
            self.markets = set(command.markets) if command.markets else None  # none named is all
            self._hub.owners.add(self)
        elif not self.key:
            self._write(b"INVALID OPERATION")
        elif command.operation == "subscribe":
            wanted = set(command.markets or ())
            self.markets = wanted if self.markets is None else self.markets | wanted
        elif command.operation == "unsubscribe" and self.markets is not None:
            self.markets -= set(command.markets or ())

    def _gone(self) -> None:
        self._hub.owners.discard(self)


class SportsFeed(_Feed):
    """Games as they stand, one frame each at the beginning: nothing is asked for."""

    path = SPORTS

    def _open(self, request: Request) -> None:
        super()._open(request)
        for market in self._exchange.catalogue.markets.values():
            question = wire.question_of(market)
            if question.game_start_ms and market.status == "active":
                away, home = wire.outcomes(market)
                live = question.game_start_ms <= self._exchange.clock()
                self.push(orjson.dumps({
                    "gameId": market.serial, "leagueAbbreviation": market.event.series.ticker, "awayTeam": away,
                    "homeTeam": home, "status": "inprogress" if live else "scheduled", "live": live, "ended": False,
                    "score": "0-0",
                }))  # fmt: skip

    def _obey(self, command: Command) -> None:
        """There is nothing to ask for."""

    def _gone(self) -> None:
        """Nobody has to be told."""


def connection_to(path: bytes, exchange: PolymarketExchange, hub: Hub, server_state: Any) -> Connection:
    """The feed of a path; the market feed for one that there isn't, which then says so."""
    kinds = {feed.path.encode(): feed for feed in (UserFeed, SportsFeed)}
    return kinds.get(path.rstrip(b"/"), MarketFeed)(exchange, hub, server_state)
