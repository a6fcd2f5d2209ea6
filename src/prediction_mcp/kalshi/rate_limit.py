"""The client's mirror of the account's token buckets, so that it waits instead of earning a 429.

Rules: docs/kalshi.md, "Rate limits". Two buckets for signed requests (read, write), one for the balance alone, and one
for public reads, whose limit Kalshi doesn't publish and which is therefore treated like the smallest account's. Where
that is dry, public reads are signed and paid for by the account, as long as half of its bucket is left.

Cancels go first and may use a reserve that other writes may not touch: getting out must never wait behind getting in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prediction_mcp.net.buckets import TokenBucket

if TYPE_CHECKING:
    from .shared_budget import SharedBucket

RATE_SHARE = 0.985
"""Share of the refill that is used: what arrives bunched up by the network must still fit the exchange's bucket."""
BURST_SHARE = 0.9
"""Share of the bucket that is used at once, for the same reason: a tenth of a second of slack."""
CANCEL_RESERVE = 0.2
"""Share of the write bucket that only cancels may use."""

BALANCE = "/portfolio/balance"
"""Has a bucket of its own, which holds one call and no burst."""
BALANCE_RATE_SHARE = 0.9

Lane = Literal["read", "write", "public", "balance"]


def _route(path: str) -> str:
    """A path template without its prefix and its parameters' names: how costs are looked up."""
    return re.sub(r"(\{[^/]*\}|:[^/]+|<[^/]*>)", "*", path.removeprefix("/trade-api/v2"))


BASIC_READ, BASIC_WRITE, DEFAULT_COST = 200, 100, 10
KNOWN_COSTS: dict[tuple[str, str], int] = {
    ("DELETE", "/portfolio/events/orders/*"): 2,
    ("DELETE", "/portfolio/events/orders"): 2,
    ("DELETE", "/portfolio/events/orders/batched"): 2,
    ("GET", "/portfolio/orders/*"): 2,
}
"""What is known before the exchange is asked."""


@dataclass(slots=True)
class RateLimiter:
    """The lanes with the cost of each endpoint. Starts as the smallest account and learns its own limits."""

    shared: Path | None = None
    """A folder: then the buckets lie in it, and all processes that name it take from the same ones."""
    buckets: dict[Lane, TokenBucket | SharedBucket] = field(default_factory=dict)
    default_cost: int = DEFAULT_COST
    costs: dict[tuple[str, str], int] = field(default_factory=lambda: dict(KNOWN_COSTS))
    tier: str = ""

    def __post_init__(self) -> None:
        basic: dict[Lane, int] = {"read": BASIC_READ, "write": BASIC_WRITE, "public": BASIC_READ}
        for lane, rate in basic.items():
            self.buckets.setdefault(lane, self._bucket(lane, *_usable(lane, rate, rate)))
        self.buckets.setdefault("balance", self._bucket("balance", _balance_rate(""), 1, 0))

    def _bucket(self, lane: Lane, rate: float, capacity: float, reserve: float) -> TokenBucket | SharedBucket:
        if self.shared is None:
            return TokenBucket(rate, capacity, reserve)
        from .shared_budget import SharedBucket  # loaded by who shares

        return SharedBucket(self.shared / lane, rate, capacity, reserve)

    def learn_limits(self, tier: str, read: tuple[int, int], write: tuple[int, int]) -> None:
        """Take over (refill rate, capacity) of the account's buckets, from ``/account/limits``."""
        self.tier = tier
        self.buckets["read"].configure(*_usable("read", *read))
        self.buckets["write"].configure(*_usable("write", *write))
        self.buckets["balance"].configure(_balance_rate(tier), 1, 0)

    def learn_costs(self, default: int, costs: Mapping[tuple[str, str], int]) -> None:
        """Take over the endpoints' costs, from ``/account/endpoint_costs``; keys are (method, path template)."""
        self.default_cost = default
        self.costs = {(method.upper(), _route(path)): cost for (method, path), cost in costs.items()}

    def lane(self, method: str, template: str, *, signed: bool) -> Lane:
        """The bucket that pays for a request."""
        if not signed:
            return "public"
        if template == BALANCE:
            return "balance"
        return "read" if method == "GET" else "write"

    def better_signed(self, cost: int) -> bool:
        """Whether a public read goes sooner signed, with half of the account's bucket left for its own."""
        read = self.buckets["read"]
        return self.buckets["public"].expected_wait(cost) > 0 and read.expected_wait(cost + read.capacity / 2) <= 0

    def cost(self, method: str, template: str, items: int = 1) -> int:
        """Tokens of a request; a batch is paid per item, and a look at the balance by itself."""
        if template == BALANCE:
            return 1
        cost = self.costs.get((method, _route(template)), self.default_cost)
        return cost * items if template.endswith("/batched") else cost


def _balance_rate(tier: str) -> float:
    """Looks at the balance a second: one in the two lowest tiers, five above."""
    return BALANCE_RATE_SHARE * (1 if tier in ("", "basic", "advanced") else 5)


def _usable(lane: str, rate: int, capacity: int) -> tuple[float, float, float]:
    usable = capacity * BURST_SHARE
    return rate * RATE_SHARE, usable, usable * CANCEL_RESERVE if lane == "write" else 0.0
