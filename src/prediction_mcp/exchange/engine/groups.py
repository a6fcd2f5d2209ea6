"""Order groups: a limit on the contracts that a member's orders may trade together within a rolling window.

Rule: docs/kalshi.md, "Orders and reads". The trade that reaches the limit is carried out whole; then every order of
the group is cancelled and new ones are refused until the group is reset.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ledger import Account
    from .matching import Order

WINDOW_MS = 15_000
MAX_GROUPS = 100_000
"""Groups one member can have."""


@dataclass(slots=True, eq=False)
class OrderGroup:
    """Orders that stop together. ``limit`` is in count units; ``orders`` holds those that rest."""

    group_id: str
    account: Account
    limit: int
    triggered: bool = False
    orders: dict[str, Order] = field(default_factory=dict)
    trades: deque[tuple[int, int]] = field(default_factory=deque)
    total: int = 0
    deleted: bool = False

    def matched(self, count: int, now_ms: int) -> bool:
        """Count a trade; returns whether the window's total has reached the limit."""
        self.trades.append((now_ms, count))
        self.total += count
        return self.is_spent(now_ms)

    def is_spent(self, now_ms: int) -> bool:
        """Whether what traded within the window reaches the limit."""
        while self.trades and self.trades[0][0] <= now_ms - WINDOW_MS:
            self.total -= self.trades.popleft()[1]
        return self.total >= self.limit

    def reset(self) -> None:
        """Forget what traded and take orders again."""
        self.trades.clear()
        self.total = 0
        self.triggered = False
