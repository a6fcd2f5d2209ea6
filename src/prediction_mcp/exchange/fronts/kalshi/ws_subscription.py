"""One subscription of a connection, and the channels there are."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol
from zlib import crc32

from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.world import outside
from prediction_mcp.exchange.world.clock import wall_clock_ms

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

    def scope(self) -> dict[str, int]:
        """Return what an answer about this subscription bears: its sid and, where the channel counts, the next seq.

        As recorded on production: ``ok`` 2, snapshot 3, ``ok`` 4, snapshot 5.
        """
        if self.channel not in SEQUENCED:
            return {"sid": self.sid}
        self.seq += 1
        return {"sid": self.sid, "seq": self.seq}

    def send(self, kind: bytes, body: bytes, command_id: int | None = None) -> None:
        """Push a message of this subscription, with its own sid and, where the channel has one, the next seq.

        ``command_id`` is the number of the command that it answers.
        """
        now = wall_clock_ms()
        if self.channel in SEQUENCED:
            self.seq += 1
            payload = b'{"type":"%b",%b"sid":%d,"seq":%d,"sending_ts_ms":%d,"msg":%b}' % (
                kind, b"" if command_id is None else b'"id":%d,' % command_id, self.sid, self.seq, now, body,
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
