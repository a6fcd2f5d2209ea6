"""What a tool can ask for with ``Depends``: the client, the environment, the policy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from fastmcp.server.dependencies import get_context

from prediction_mcp.catalogue.fill import Catalogue
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.safety.limits import Limits
from prediction_mcp.safety.policy import Policy
from prediction_mcp.settings import Settings

from .live import Live
from .lookup import FeeCache
from .push import Push

if TYPE_CHECKING:
    from prediction_mcp.realtime.watcher import Watcher
    from prediction_mcp.safety.guard import Guard
    from prediction_mcp.safety.records import Records


class Session:
    """One server's connection to the exchange, opened by the first call that needs it."""

    def __init__(self, settings: Settings, connect: Callable[[], AbstractAsyncContextManager[KalshiClient]]) -> None:
        self.settings = settings
        self.policy = policy_of(settings)
        self.fees = FeeCache()
        self.live = Live()
        self._guard: Guard | None = None
        self._records: Records | None = None
        keeps = settings.env != "paper"  # a paper exchange is small and may be another one tomorrow
        self.catalogue = Catalogue(settings.cache_folder / f"catalogue-{settings.env}.db" if keeps else None)
        self._connect = connect
        self._stack = AsyncExitStack()
        self._lock = asyncio.Lock()
        self._client: KalshiClient | None = None

    async def kalshi(self) -> KalshiClient:
        """The client; the first call connects. Raises KalshiError when the credentials can't be used."""
        if self._client is None:
            async with self._lock:
                if self._client is None:
                    self._client = await self._stack.enter_async_context(self._connect())
        return self._client

    @property
    def push(self) -> Push:
        return self.live.push

    async def wanted(self, uri: str) -> None:
        """Somebody listens to a resource: watch what it shows."""
        await self.live.wanted(await self.kalshi(), uri)

    async def unwanted(self, uri: str) -> None:
        """Nobody does any more."""
        await self.live.unwanted(uri)

    @property
    def guard(self) -> Guard:
        """What stands in front of the writes; made by the first one."""
        if self._guard is None:
            from prediction_mcp.safety.guard import Guard

            self._guard = Guard(self.policy, limits_of(self.settings), self.records, self.kalshi)
        return self._guard

    def records(self) -> Records:
        """The journal of this account; opened by the first write."""
        if self._records is None:
            from prediction_mcp.safety.records import Records

            home = self.settings.safety_home
            if home is None:
                home = Path(self._stack.enter_context(TemporaryDirectory(prefix="prediction-mcp-")))
            self._records = Records(home)
        return self._records

    def halted_by(self) -> str | None:
        """Who pulled the kill switch and when, if anybody did. Looking makes no files."""
        home = self.settings.safety_home
        if self._records is None and (home is None or not (home / "safety.db").exists()):
            return None
        halted = self.records().halted()
        return None if halted is None else f"by {halted['by']} at {halted['at']}"

    async def close(self) -> None:
        await self.live.close()
        await self.catalogue.close()
        if self._guard is not None:
            await self._guard.close()
        if self._records is not None:
            self._records.close()
        await self._stack.aclose()


def get_session() -> Session:
    return cast("Session", get_context().lifespan_context["session"])


async def get_kalshi() -> KalshiClient:
    return await get_session().kalshi()


def get_catalogue() -> Catalogue:
    return get_session().catalogue


async def report_progress(known: int, expected: int | None) -> None:
    """Tell the client how far long work has come, if it asked to be told."""
    await get_context().report_progress(known, expected)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a tool that watches needs, in one parameter."""

    kalshi: KalshiClient
    settings: Settings
    live: Live

    @property
    def watcher(self) -> Watcher:
        return self.live.watcher(self.kalshi)


async def get_desk() -> Desk:
    session = get_session()
    return Desk(await session.kalshi(), session.settings, session.live)


def get_settings() -> Settings:
    return get_session().settings


def get_guard() -> Guard:
    return get_session().guard


def policy_of(settings: Settings) -> Policy:
    """What the settings say about writing and asking."""
    return Policy(
        environment=settings.env,
        writes_allowed=settings.writes_allowed,
        why_not=settings.why_read_only,
        confirm_over=settings.confirm_over,
        fallback=settings.fallback,
        tolerance=settings.confirm_tolerance_cents / 100,
        patience_s=settings.confirm_timeout,
    )


def limits_of(settings: Settings) -> Limits:
    """The settings' limits: ceilings that nothing loosens."""
    return Limits(
        order_contracts=settings.limit_order_contracts,
        order_cost=settings.limit_order_cost,
        price_band_cents=settings.limit_price_band_cents,
        day_spent=settings.limit_day_spent,
        day_orders=settings.limit_day_orders,
        minute_orders=settings.limit_minute_orders,
        market_exposure=settings.limit_market_exposure,
        event_exposure=settings.limit_event_exposure,
        cash_reserve=settings.cash_reserve,
        day_loss=settings.limit_day_loss,
        allow_series=settings.allowed_series,
        deny_series=settings.denied_series,
    )
