"""A token bucket: how fast a platform may be asked, kept on our side so that we wait instead of being refused.

Requests leave in the order they came; urgent ones go first and may use a reserve that others may not touch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class _Waiter:
    cost: float
    granted: asyncio.Future[None]


class TokenBucket:
    """Grants tokens in the order they were asked for; urgent callers first.

    Args:
        rate: tokens refilled a second.
        capacity: tokens held at most.
        reserve: tokens that only urgent callers may use.
        clock: seconds, monotonic; the event loop's unless a test brings its own.
    """

    def __init__(
        self, rate: float, capacity: float, reserve: float = 0.0, clock: Callable[[], float] | None = None
    ) -> None:
        self.rate = rate
        self.capacity = capacity
        self.reserve = reserve
        self._clock = clock
        self._tokens = capacity
        self._at: float | None = None
        self._urgent: deque[_Waiter] = deque()
        self._normal: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()

    def _refill(self) -> None:
        now = self._now()
        if self._at is not None:
            self._tokens = min(self.capacity, self._tokens + (now - self._at) * self.rate)
        self._at = now

    @property
    def tokens(self) -> float:
        """Tokens there are now."""
        self._refill()
        return self._tokens

    def configure(self, rate: float, capacity: float, reserve: float) -> None:
        """Take over new limits; what was spent stays spent."""
        self._refill()
        self._tokens = min(capacity, self._tokens + max(0.0, capacity - self.capacity))
        self.rate, self.capacity, self.reserve = rate, capacity, reserve

    def drain(self) -> None:
        """The exchange said 429: somebody else spends too, so start from empty."""
        self._refill()
        self._tokens = min(self._tokens, 0.0)

    def expected_wait(self, cost: float) -> float:
        """Seconds a normal request would wait if it were asked for now."""
        self._refill()
        ahead = sum(w.cost for w in self._urgent) + sum(w.cost for w in self._normal)
        needed = ahead + min(cost + self.reserve, self.capacity)
        return max(0.0, (needed - self._tokens) / self.rate)

    async def acquire(self, cost: float, *, urgent: bool = False) -> None:
        """Wait until ``cost`` tokens are ours. A cost above the capacity is granted from a full bucket, on credit."""
        waiter = _Waiter(cost, asyncio.get_running_loop().create_future())
        (self._urgent if urgent else self._normal).append(waiter)
        self._grant()
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.done() and not waiter.granted.cancelled():
                self._tokens += cost  # granted but never used
            self._grant()
            raise

    def _grant(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._refill()
        while self._urgent or self._normal:
            queue, floor = (self._urgent, 0.0) if self._urgent else (self._normal, self.reserve)
            waiter = queue[0]
            if waiter.granted.done():
                queue.popleft()
                continue
            needed = min(waiter.cost + floor, self.capacity)
            if self._tokens + 1e-9 < needed:
                wait = (needed - self._tokens) / self.rate
                self._timer = asyncio.get_running_loop().call_later(wait, self._grant)
                return
            self._tokens -= waiter.cost
            waiter.granted.set_result(None)
            queue.popleft()
