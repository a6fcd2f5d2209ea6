"""The second front's crowd: as the first one's, with opinions of its own."""

from __future__ import annotations

import math
from collections.abc import Collection

from prediction_mcp.kalshi.units import PRICE_UNITS

from ..world.fair import clamp
from ..world.latent import wander
from ..world.listed import Market
from .agents import Crowd

OPINION = 0.12
"""How far its log odds lie from the other's, about."""
OPINION_PERIOD_MS = 40 * 60_000


class OtherCrowd(Crowd):
    """Members with opinions of their own: near the other front's, never quite the same."""

    grid = 1
    now_ms = 0

    def step(self, now_ms: int, halted: Collection[int] = ()) -> None:
        self.now_ms = now_ms
        super().step(now_ms, halted)

    def open_market(self, market: Market, now_ms: int, open_interest: int) -> None:
        self.now_ms = max(self.now_ms, now_ms)
        super().open_market(market, now_ms, open_interest)

    def fair_price(self, market: Market) -> int:
        p = clamp(market.event.fair.probabilities()[market.event.markets.index(market)])
        odds = math.log(p / (1 - p)) + OPINION * wander(market.ticker, self.now_ms, OPINION_PERIOD_MS)
        return self._on_grid(market.grid, round(PRICE_UNITS / (1 + math.exp(-odds))))
