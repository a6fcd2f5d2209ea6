"""Reads that are a little behind: the orders of a member as they were before their last change.

Recorded of the demo exchange: 360 ms after a cancel was acknowledged the order still read as resting, while a second
cancel of it got 404. What writes decide on is never behind.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from .engine.matching import Order
from .world.clock import wall_clock_ms

READ_LAG_MS = 150
"""How long an order reads as before, unless a fault rule says otherwise."""


@dataclass(slots=True)
class ReadLag:
    """Orders that were changed by their member less than ``milliseconds`` of real time ago."""

    milliseconds: int = READ_LAG_MS
    _before: dict[str, tuple[int, Order]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether any order reads as it was."""
        return self._forget(wall_clock_ms())

    def _forget(self, now: int) -> bool:
        """Let go of those whose time is over; returns whether any is left."""
        while self._before:
            order_id, (until, _) = next(iter(self._before.items()))
            if until > now:
                return True
            del self._before[order_id]
        return False

    def remember(self, order: Order, milliseconds: int | None) -> None:
        """An order is about to be changed; ``milliseconds`` is a fault's own lag."""
        lag, now = self.milliseconds if milliseconds is None else milliseconds, wall_clock_ms()
        self._forget(now)  # who only writes must not fill the memory
        if lag and order.order_id not in self._before:
            self._before[order.order_id] = (now + lag, copy.copy(order))

    def read(self, order: Order) -> Order:
        """The order as a read shows it now."""
        if not self:
            return order
        until, before = self._before.get(order.order_id, (0, order))
        return before if until > wall_clock_ms() else order
