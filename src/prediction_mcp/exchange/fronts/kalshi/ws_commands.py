"""The commands of the WebSocket: subscribe, unsubscribe, update_subscription, list_subscriptions, and their errors.

Rules and codes: docs/kalshi.md, "WebSocket". One :class:`Commands` belongs to one connection.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import orjson

from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import wall_clock_ms

from .ws_hub import Hub
from .ws_subscription import (
    ALL_VALUES,
    CHANNELS,
    MARKETLESS,
    MEMBER_CHANNELS,
    VALUE_CHANNELS,
    Outlet,
    Subscription,
    market_id,
)

Json = dict[str, Any]
MAX_MARKETS = 10_000
"""Markets one subscription can hold."""
COMMANDS_PER_SECOND = 100

ERRORS: dict[int, str] = {
    1: "Unable to process message",
    2: "Params required",
    3: "Channels required",
    4: "Subscription IDs required",
    5: "Unknown command",
    7: "Unknown subscription ID",
    8: "Unknown channel name",
    9: "Authentication required",
    10: "Channel error",
    11: "Invalid parameter",
    12: "Exactly one subscription ID is required",
    13: "Unsupported action",
    14: "Market Ticker required",
    15: "Action required",
    18: "Command timeout",
    19: "shard_factor must be > 0",
    20: "shard_factor is required when shard_key is set",
    21: "shard_key must be >= 0 and < shard_factor",
    22: "shard_factor must be <= 100",
    24: "Index IDs required",
    25: "Subscription buffer overflow",
    26: "Subscription market limit exceeded",
    27: "Too many requests",
    28: "Underlying tickers required",
}
"""6, 16 and 17 are retired: nothing sends them."""
MAX_SHARDS = 100
MARKET_PARAMETERS = ("market_ticker", "market_tickers", "market_id", "market_ids")
IDS_ON = frozenset({"ticker"})
"""Channels whose markets may be named by their UUIDs."""
VALUE_PARAMETERS = {
    "cfbenchmarks_value": ("index_ids", 24, "indices", "indexlist", "cfbenchmarks_value_indexlist"),
    "cfbenchmarks_value_5hz": ("index_ids", 24, "indices", "indexlist", "cfbenchmarks_value_5hz_indexlist"),
    "pyth_value": ("underlying_tickers", 28, "underlyings", "underlying_list", "pyth_value_underlying_list"),
}
"""Of a channel of values: its parameter, the error when that is missing, and the words of its actions and list."""


class CommandError(Exception):
    """A command that can't be carried out; nothing changed. ``extra`` are further fields of the error's ``msg``."""

    def __init__(self, code: int, **extra: str | list[str]) -> None:
        super().__init__(ERRORS[code])
        self.code = code
        self.extra = extra
        self.about: Subscription | None = None


class Commands:
    """The subscriptions of one connection."""

    def __init__(self, exchange: Exchange, hub: Hub, outlet: Outlet) -> None:
        self._exchange = exchange
        self._hub = hub
        self._outlet = outlet
        self._next_sid = 1
        self._recent: deque[int] = deque(maxlen=COMMANDS_PER_SECOND)
        self.subscriptions: dict[int, Subscription] = {}

    def handle(self, text: bytes) -> None:
        """Carry out one command and push its answers."""
        command_id: Any = None
        try:
            try:
                command = orjson.loads(text)
            except orjson.JSONDecodeError:
                raise CommandError(1) from None
            if not isinstance(command, dict):
                raise CommandError(1)
            command_id = command.get("id")
            self._check_rate()
            if self._exchange.faults.rules and self._exchange.faults.for_command():
                raise CommandError(18)
            self._run(command_id, command)
        except CommandError as error:
            where = error.about.scope() if error.about is not None else {}
            message = {"code": error.code, "msg": str(error), **error.extra}
            self._answer({"id": command_id, "type": "error", **where, "msg": message})

    def end(self, subscription: Subscription, code: int) -> None:
        """A subscription is over, by an error that is terminal for it."""
        self._hub.drop(subscription)
        if self.subscriptions.pop(subscription.sid, None) is not None:
            self._answer({"type": "error", **subscription.scope(), "msg": {"code": code, "msg": ERRORS[code]}})

    def close(self) -> None:
        """The connection is gone."""
        for subscription in self.subscriptions.values():
            self._hub.drop(subscription)
        self.subscriptions.clear()

    def _check_rate(self) -> None:
        now = wall_clock_ms()
        if len(self._recent) == COMMANDS_PER_SECOND and now - self._recent[0] < 1_000:
            raise CommandError(27)
        self._recent.append(now)

    def _run(self, command_id: Any, command: Json) -> None:
        name, params = command.get("cmd"), command.get("params")
        if name == "list_subscriptions":
            held = [{"channel": s.channel, "sid": s.sid} for s in self.subscriptions.values()]
            self._answer({"id": command_id, "type": "ok", "msg": held})
            return
        steps = {"subscribe": self._subscribe, "unsubscribe": self._unsubscribe, "update_subscription": self._update}
        if not isinstance(name, str) or name not in steps:
            raise CommandError(5)
        if not isinstance(params, dict):
            raise CommandError(2)
        steps[name](command_id, params)

    def _answer(self, body: Json) -> None:
        stamped = {key: value for key, value in body.items() if value is not None}
        self._outlet.push(orjson.dumps(stamped | {"sending_ts_ms": wall_clock_ms()}))

    # -- subscribe ---------------------------------------------------------------------------------------------

    def _subscribe(self, command_id: Any, params: Json) -> None:
        channels = params.get("channels")
        if not channels or not isinstance(channels, list):
            raise CommandError(3)
        if not all(isinstance(channel, str) and channel in CHANNELS for channel in channels):
            raise CommandError(8)
        if not self._outlet.may_read and MEMBER_CHANNELS & set(channels):
            raise CommandError(9)
        named = self._names_markets(params)
        if named and not set(channels) - MARKETLESS:
            markets: list[str] = []  # they mean nothing there
        else:
            markets = self._markets(params, ids_allowed=set(channels) - MARKETLESS <= IDS_ON)
        if "orderbook_delta" in channels and not markets:
            raise CommandError(14)
        if named and not markets and set(channels) - MARKETLESS:
            raise CommandError(11)  # an empty list of markets isn't all of them
        for flag in ("use_yes_price", "send_initial_snapshot", "skip_ticker_ack"):
            if not isinstance(params.get(flag, False), bool):
                raise CommandError(11)
        if params.get("user_filter", "") not in ("", "self"):
            raise CommandError(11)
        shards = _shards(params)
        values = {channel: _values(channel, params) for channel in channels if channel in VALUE_CHANNELS}
        opened: list[tuple[Subscription, list[str]]] = []
        for channel in dict.fromkeys(channels):
            held, new = self._open(command_id, channel, markets, params)
            opened.append((held, new))
            if channel in values:
                _select(held, values[channel])
            elif channel == "communications":
                held.only_own = params.get("user_filter") == "self"
                held.shards, held.shard = shards
        for held, new in opened:  # as recorded: first all that is subscribed, then what it begins with
            self._introduce(held, new, params)

    def _open(self, command_id: Any, channel: str, markets: list[str], params: Json) -> tuple[Subscription, list[str]]:
        """Subscribe one channel; returns it and the markets that are new to it.

        A channel asked for again is merged into the subscription that has it.
        """
        if channel in MARKETLESS:
            markets = []
        held = next((s for s in self.subscriptions.values() if s.channel == channel), None)
        if held is not None:
            held.short_answers = params.get("skip_ticker_ack", held.short_answers)
            new = self._extend(held, markets)
            self._ok(command_id, held)
        else:
            held = Subscription(self._next_sid, channel, self._outlet, use_yes_price=params.get("use_yes_price", False))
            held.short_answers = params.get("skip_ticker_ack", False)
            new = self._extend(held, markets)
            self._next_sid += 1
            self.subscriptions[held.sid] = held
            self._answer({"id": command_id, "type": "subscribed", "msg": {"channel": channel, "sid": held.sid}})
        return held, new

    def _extend(self, subscription: Subscription, markets: list[str]) -> list[str]:
        if len(subscription.markets.keys() | set(markets)) > MAX_MARKETS:
            raise CommandError(26)
        return self._hub.add(subscription, markets)

    def _introduce(
        self, subscription: Subscription, markets: list[str], params: Json, command_id: int | None = None
    ) -> None:
        if subscription.channel == "orderbook_delta":
            for ticker in markets:
                self._hub.snapshot(subscription, ticker, command_id)
        elif subscription.channel == "ticker" and params.get("send_initial_snapshot"):
            for ticker in markets:
                self._hub.send_ticker(subscription, ticker)

    def _ok(self, command_id: Any, subscription: Subscription) -> None:
        held: Json = {}
        if not subscription.short_answers:
            held["market_tickers"] = sorted(subscription.markets)  # as recorded on production
            if subscription.channel in IDS_ON:
                held["market_ids"] = [market_id(ticker) for ticker in held["market_tickers"]]
        self._confirm(command_id, subscription, held)

    def _confirm(self, command_id: Any, subscription: Subscription, held: Json) -> None:
        self._answer({"id": command_id, "type": "ok", **subscription.scope(), "msg": held})

    @staticmethod
    def _names_markets(params: Json) -> bool:
        return any(params.get(f"market_{name}") is not None for name in ("ticker", "tickers", "id", "ids"))

    def _markets(self, params: Json, *, ids_allowed: bool) -> list[str]:
        """The markets that a command names, by ticker or, where that is allowed, by UUID."""
        given = {name: params[name] for name in MARKET_PARAMETERS if params.get(name) is not None}
        if len(given) > 1 or (not ids_allowed and given.keys() & {"market_id", "market_ids"}):
            raise CommandError(11)
        for name, value in given.items():
            named = [value] if name in ("market_ticker", "market_id") else value
            if not isinstance(named, list) or not all(isinstance(item, str) for item in named):
                raise CommandError(11)
            known = self._exchange.engine.markets
            by_id = {market_id(ticker): ticker for ticker in known} if name in ("market_id", "market_ids") else {}
            tickers = [by_id.get(item.lower(), item) if by_id else item for item in named]
            if unknown := [ticker for ticker in tickers if ticker not in known]:
                raise CommandError(11, market_ticker=unknown[0], market_tickers=unknown)
            return list(dict.fromkeys(tickers))
        return []

    # -- unsubscribe and update --------------------------------------------------------------------------------

    def _unsubscribe(self, command_id: Any, params: Json) -> None:
        sids = params.get("sids")
        if not sids or not isinstance(sids, list):
            raise CommandError(4)
        if not all(isinstance(sid, int) and sid in self.subscriptions for sid in sids):
            raise CommandError(7)
        for sid in dict.fromkeys(sids):
            subscription = self.subscriptions.pop(sid)
            self._hub.drop(subscription)
            # the schema requires a seq here on channels without one, too
            self._answer({"id": command_id, "type": "unsubscribed", "seq": 1, **subscription.scope()})

    def _update(self, command_id: Any, params: Json) -> None:
        sid, sids = params.get("sid"), params.get("sids")
        named = [sid] if sid is not None else sids
        if not isinstance(named, list) or len(named) != 1 or (sid is not None and sids is not None):
            raise CommandError(12)
        subscription = self.subscriptions.get(named[0]) if isinstance(named[0], int) else None
        if subscription is None:
            raise CommandError(7)
        try:
            self._change(command_id, subscription, params)
        except CommandError as error:
            error.about = subscription
            raise

    def _change(self, command_id: Any, subscription: Subscription, params: Json) -> None:
        action = params.get("action")
        if not action:
            raise CommandError(15)
        if subscription.channel in VALUE_CHANNELS:
            self._change_values(command_id, subscription, action, params)
            return
        if action not in ("add_markets", "delete_markets", "get_snapshot"):
            raise CommandError(13)
        if subscription.channel in MARKETLESS:
            raise CommandError(13)
        markets = self._markets(params, ids_allowed=subscription.channel in IDS_ON)
        if not markets:
            raise CommandError(14)
        if action == "get_snapshot":
            if subscription.channel != "orderbook_delta":
                raise CommandError(13)
            self._ok(command_id, subscription)
            self._introduce(subscription, markets, params, command_id if isinstance(command_id, int) else None)
        elif action == "add_markets":
            new = self._extend(subscription, markets)
            self._ok(command_id, subscription)
            self._introduce(subscription, new, params)
        else:
            self._hub.remove(subscription, markets)
            self._ok(command_id, subscription)

    def _change_values(self, command_id: Any, subscription: Subscription, action: object, params: Json) -> None:
        """More or fewer values of a channel, or which there are."""
        parameter, missing, words, listing, list_type = VALUE_PARAMETERS[subscription.channel]
        if action == listing:
            self._answer(
                {
                    "id": command_id,
                    "type": list_type,
                    **subscription.scope(),
                    "msg": {parameter: list(VALUE_CHANNELS[subscription.channel])},
                }
            )
            return
        if action not in (f"subscribe_{words}", f"unsubscribe_{words}"):
            raise CommandError(13)
        names = _values(subscription.channel, params)
        if not names:
            raise CommandError(missing)
        if action == f"subscribe_{words}":
            _select(subscription, names)
        else:
            for name in names:
                subscription.names.pop(name, None)
            if ALL_VALUES in names:
                subscription.whole = False
        held = [ALL_VALUES] if subscription.whole else list(subscription.names)
        self._confirm(command_id, subscription, {parameter: held})


def _shards(params: Json) -> tuple[int, int]:
    """(number of shards, the one that is wanted) of the channel communications."""
    factor, key = params.get("shard_factor"), params.get("shard_key")
    if any(value is not None and (not isinstance(value, int) or isinstance(value, bool)) for value in (factor, key)):
        raise CommandError(11)
    if factor is None:
        if key is not None:
            raise CommandError(20)
        return 1, 0
    if factor <= 0:
        raise CommandError(19)
    if factor > MAX_SHARDS:
        raise CommandError(22)
    if not 0 <= (key or 0) < factor:
        raise CommandError(21)
    return factor, key or 0


def _values(channel: str, params: Json) -> list[str]:
    """The values that a command names; names that aren't any are kept out, since a feed may begin later."""
    names = params.get(VALUE_PARAMETERS[channel][0]) or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CommandError(11)
    if len(names) > MAX_MARKETS:
        raise CommandError(26)
    return names


def _select(subscription: Subscription, names: list[str]) -> None:
    if ALL_VALUES in names:
        subscription.whole = True
    subscription.names.update(dict.fromkeys(name for name in names if name in VALUE_CHANNELS[subscription.channel]))
