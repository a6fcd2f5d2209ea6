"""How fast Polymarket may be asked: one bucket a service, and one more for the paths that have a limit of their own.

Limits count by address over ten seconds (documentation, September 2026), and mostly slow down rather than refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prediction_mcp.net.buckets import TokenBucket

Service = str
WINDOW_S = 10
SHARE = 0.9
"""Of a limit that is used: others may share the address."""
LIMITS: dict[Service, dict[str, int]] = {
    "gamma": {"": 4000, "/events": 500, "/markets": 300, "/public-search": 350},
    "clob": {
        "": 9000,
        "/book": 1500,
        "/price": 1500,
        "/midpoint": 1500,
        "/books": 500,
        "/midpoints": 500,
        "/spreads": 500,
        "/prices-history": 1000,
        "/tick-size": 200,
        "/order": 5000,
        "/orders": 2000,
        "/cancel-all": 250,
    },
    "data": {"": 800, "/v2/trades": 300, "/v2/positions": 200},
    "site": {"": 100},
}
"""Requests in ten seconds by the path's beginning; "" counts all of a service."""


@dataclass(frozen=True, slots=True)
class All:
    """Several buckets that a request has to pass, one after another."""

    buckets: tuple[TokenBucket, ...]

    def expected_wait(self, cost: float) -> float:
        return max(bucket.expected_wait(cost) for bucket in self.buckets)

    async def acquire(self, cost: float, *, urgent: bool = False) -> None:
        for bucket in self.buckets:
            await bucket.acquire(cost, urgent=urgent)

    def drain(self) -> None:
        for bucket in self.buckets:
            bucket.drain()


class Limits:
    """The buckets of all services; one for all clients of an address. ``clock`` as of a token bucket."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._buckets = {
            (service, path): TokenBucket(count * SHARE / WINDOW_S, count * SHARE / WINDOW_S, clock=clock)
            for service, paths in LIMITS.items()
            for path, count in paths.items()
        }

    def of(self, service: Service, path: str) -> All:
        """What a request has to pass: the narrowest first."""
        return All(tuple(self._buckets[service, prefix] for prefix in _prefixes(service, path)))


def _prefixes(service: Service, path: str) -> Iterable[str]:
    fitting = [p for p in LIMITS[service] if p == "" or path == p or path.startswith(p + "/")]
    return sorted(fitting, key=len, reverse=True)
