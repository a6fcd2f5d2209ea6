"""The commands of the WebSocket: subscribe, unsubscribe, update_subscription, list_subscriptions, and their errors.

Rules and codes: KALSHI.md, "WebSocket". One :class:`Commands` belongs to one connection.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import orjson

from .clock import wall_clock_ms
from .simulation import Exchange
from .ws_hub import CHANNELS, MARKETLESS, MEMBER_CHANNELS, SEQUENCED, Hub, Outlet, Subscription

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
    16: "Market not found",
    18: "Command timeout",
    25: "Subscription buffer overflow",
    26: "Subscription market limit exceeded",
    27: "Too many requests",
}


class CommandError(Exception):
    """A command that can't be carried out; nothing changed."""

    def __init__(self, code: int, **extra: str) -> None:
        super().__init__(ERRORS[code])
        self.code = code
        self.extra = extra


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
            answer: Json = {"type": "error", "msg": {"code": error.code, "msg": str(error), **error.extra}}
            if command_id is not None:
                answer = {"id": command_id, **answer}
            self._outlet.push(orjson.dumps(answer))

    def end(self, subscription: Subscription, code: int) -> None:
        """A subscription is over, by an error that is terminal for it."""
        self._hub.drop(subscription)
        if self.subscriptions.pop(subscription.sid, None) is not None:
            error = {"type": "error", "sid": subscription.sid, "msg": {"code": code, "msg": ERRORS[code]}}
            self._outlet.push(orjson.dumps(error))

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
        self._outlet.push(orjson.dumps({key: value for key, value in body.items() if value is not None}))

    # -- subscribe ---------------------------------------------------------------------------------------------

    def _subscribe(self, command_id: Any, params: Json) -> None:
        channels = params.get("channels")
        if not channels or not isinstance(channels, list):
            raise CommandError(3)
        if not all(isinstance(channel, str) and channel in CHANNELS for channel in channels):
            raise CommandError(8)
        if not self._outlet.may_read and MEMBER_CHANNELS & set(channels):
            raise CommandError(9)
        markets = self._markets(params)
        if "orderbook_delta" in channels and not markets:
            raise CommandError(14)
        for flag in ("use_yes_price", "send_initial_snapshot", "skip_ticker_ack"):
            if not isinstance(params.get(flag, False), bool):
                raise CommandError(11)
        for channel in dict.fromkeys(channels):
            self._open(command_id, channel, markets, params)

    def _open(self, command_id: Any, channel: str, markets: list[str], params: Json) -> None:
        """A channel asked for again is merged into the subscription that has it."""
        if channel in MARKETLESS:
            markets = []
        held = next((s for s in self.subscriptions.values() if s.channel == channel), None)
        if held is not None:
            new = self._extend(held, markets)
            self._ok(command_id, held)
        else:
            held = Subscription(self._next_sid, channel, self._outlet, use_yes_price=params.get("use_yes_price", False))
            new = self._extend(held, markets)
            self._next_sid += 1
            self.subscriptions[held.sid] = held
            self._answer({"id": command_id, "type": "subscribed", "msg": {"channel": channel, "sid": held.sid}})
        self._introduce(held, new, params)

    def _extend(self, subscription: Subscription, markets: list[str]) -> list[str]:
        if len(subscription.markets.keys() | set(markets)) > MAX_MARKETS:
            raise CommandError(26)
        return self._hub.add(subscription, markets)

    def _introduce(self, subscription: Subscription, markets: list[str], params: Json) -> None:
        if subscription.channel == "orderbook_delta":
            for ticker in markets:
                self._hub.snapshot(subscription, ticker)
        elif subscription.channel == "ticker" and params.get("send_initial_snapshot"):
            for ticker in markets:
                self._hub.send_ticker(subscription, ticker)

    def _ok(self, command_id: Any, subscription: Subscription) -> None:
        self._answer(
            {
                "id": command_id,
                "sid": subscription.sid,
                "seq": subscription.seq if subscription.channel in SEQUENCED else None,
                "type": "ok",
                "msg": {"market_tickers": list(subscription.markets)},
            }
        )

    def _markets(self, params: Json) -> list[str]:
        one, many = params.get("market_ticker"), params.get("market_tickers")
        if one is not None and many is not None:
            raise CommandError(11)
        tickers = [one] if one is not None else many or []
        if not isinstance(tickers, list) or not all(isinstance(t, str) for t in tickers):
            raise CommandError(11)
        for ticker in tickers:
            if ticker not in self._exchange.engine.markets:
                raise CommandError(16, market_ticker=ticker)
        return list(dict.fromkeys(tickers))

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
            self._answer({"id": command_id, "sid": sid, "seq": subscription.seq + 1, "type": "unsubscribed"})

    def _update(self, command_id: Any, params: Json) -> None:
        sid, sids = params.get("sid"), params.get("sids")
        named = [sid] if sid is not None else sids
        if not isinstance(named, list) or len(named) != 1 or (sid is not None and sids is not None):
            raise CommandError(12)
        subscription = self.subscriptions.get(named[0]) if isinstance(named[0], int) else None
        if subscription is None:
            raise CommandError(7)
        action = params.get("action")
        if not action:
            raise CommandError(15)
        if action not in ("add_markets", "delete_markets", "get_snapshot"):
            raise CommandError(13)
        markets = self._markets(params)
        if not markets:
            raise CommandError(14)
        if action == "get_snapshot":
            if subscription.channel != "orderbook_delta":
                raise CommandError(13)
            self._ok(command_id, subscription)
            self._introduce(subscription, markets, params)
        elif action == "add_markets":
            new = self._extend(subscription, markets)
            self._ok(command_id, subscription)
            self._introduce(subscription, new, params)
        else:
            self._hub.remove(subscription, markets)
            self._ok(command_id, subscription)
