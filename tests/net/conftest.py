"""Short limits, so that what never comes is waited for a moment only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from prediction_mcp.kalshi.resources import fates, orders
from prediction_mcp.net import deadline
from prediction_mcp.polymarket import account
from tests.conftest import Served
from tests.net.slow import Slow, slowed

SHORT = deadline.LIMITS.scaled(0.08)
"""A read of 2 seconds, a write of 3.6."""


@pytest.fixture
def shorten(monkeypatch: pytest.MonkeyPatch) -> Callable[[], deadline.Limits]:
    """Call it once everything is open: what a first call loads would take longer than the short limits."""

    def take() -> deadline.Limits:
        monkeypatch.setattr(deadline, "LIMITS", SHORT)
        for module in (fates, orders, account):
            monkeypatch.setattr(module, "ASK_AGAIN_AFTER", (0.0, 0.05))
        return SHORT

    return take


@pytest.fixture
async def slow(served: Served) -> AsyncIterator[tuple[Slow, Served]]:
    """A slow server before the exchange, and the exchange as it is reached through it."""
    async with slowed(served.url) as (server, url):
        yield server, Served(served.exchange, url, served.member, served.key_id, served.pem)
