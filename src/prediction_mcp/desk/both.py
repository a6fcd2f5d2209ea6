"""What a guard asks of both platforms at once: one switch, one journal, dollars counted together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from prediction_mcp.safety.plan import Done, Look, Standing

if TYPE_CHECKING:
    from prediction_mcp.safety.intents import Intent

TOOLS = "polymarket_"
"""How the names of tools begin that write at Polymarket."""
MARKET = "pm:"
"""How its markets are named in the journal: this, and the condition id."""


class Platform(Protocol):
    """A platform's account behind the guard, as :class:`prediction_mcp.safety.guard.Account` asks of it."""

    async def resting(self) -> Mapping[str, Decimal] | None: ...
    async def cancel_all(self) -> None: ...
    async def standing(self, ticker: str) -> Standing: ...
    async def made(self, look: Look) -> Mapping[str, Decimal]: ...
    async def elsewhere(self, look: Look) -> Decimal: ...
    async def fate(self, intent: Intent) -> Done | str: ...

    @property
    def is_there(self) -> bool:
        """Whether there is an account that could hold or order anything."""

    async def now(self) -> Look:
        """The account's money now, for a limit that counts both."""


class Both:
    """The accounts of both platforms."""

    def __init__(self, kalshi: Platform, polymarket: Platform) -> None:
        self._kalshi, self._polymarket = kalshi, polymarket

    @property
    def _there(self) -> list[Platform]:
        return [one for one in (self._kalshi, self._polymarket) if one.is_there]

    async def resting(self) -> Mapping[str, Decimal] | None:
        found: dict[str, Decimal] = {}
        for one in self._there:
            orders = await one.resting()
            if orders is None:
                return None
            found |= orders
        return found

    async def cancel_all(self) -> None:
        """On each, whatever is the matter with the other; then what was is raised."""
        problems = await asyncio.gather(*(one.cancel_all() for one in self._there), return_exceptions=True)
        for problem in problems:
            if problem is not None:
                raise problem

    async def standing(self, ticker: str) -> Standing:
        return await (self._polymarket if ticker.startswith(MARKET) else self._kalshi).standing(ticker)

    def _own(self, look: Look) -> tuple[Platform, list[Platform]]:
        own = self._polymarket if look.platform == "polymarket" else self._kalshi
        return own, [one for one in self._there if one is not own]

    async def made(self, look: Look) -> Mapping[str, Decimal]:
        own, others = self._own(look)
        made = dict(await own.made(look))
        for other in others:
            made |= await other.made(await other.now())
        return made

    async def elsewhere(self, look: Look) -> Decimal:
        """Cash at the other platform."""
        _, others = self._own(look)
        return sum([(await other.now()).cash or Decimal(0) for other in others], Decimal(0))

    async def fate(self, intent: Intent) -> Done | str:
        there = intent.tool.startswith(TOOLS) or intent.ticker.startswith(MARKET)
        return await (self._polymarket if there else self._kalshi).fate(intent)
