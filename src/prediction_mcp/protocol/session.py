"""What a tool can ask for with ``Depends``: the client, the environment, the policy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from fastmcp.server.dependencies import get_context

from prediction_mcp.catalogue.fill import Catalogue
from prediction_mcp.desk.kalshi.lookup import FeeCache
from prediction_mcp.desk.kalshi.realtime.feeds import Live
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.safety.limits import Limits
from prediction_mcp.safety.policy import Policy
from prediction_mcp.settings import Settings

from .push import Push

if TYPE_CHECKING:
    from prediction_mcp.realtime.watcher import Watcher
    from prediction_mcp.safety.guard import Guard
    from prediction_mcp.safety.records import Records


class Session:
    """One server's connection to the exchange, opened by the first call that needs it."""

    def __init__(self, settings: Settings, connect: Callable[[], AbstractAsyncContextManager[KalshiClient]]) -> None:
        self.settings = settings
        self.policy = Policy.of(settings)
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

            self._guard = Guard(self.policy, Limits.of(self.settings), self.records, self.kalshi)
        return self._guard

    def records(self, patience_s: float = 10.0) -> Records:
        """The journal of this account; opened by the first write. Raises JournalError where it can't be used."""
        if self._records is None:
            from prediction_mcp.safety.records import Records

            home = self.settings.safety_home
            if home is None:
                home = Path(self._stack.enter_context(TemporaryDirectory(prefix="prediction-mcp-")))
            self._records = Records(home, patience_s)
        return self._records

    def halted_by(self) -> str | None:
        """Who pulled the kill switch and when, if anybody did. Looking makes no files."""
        from prediction_mcp.safety.journal import JournalError

        home = self.settings.safety_home
        if self._records is None and (home is None or not home.exists()):
            return None
        try:
            halted = self.records(patience_s=0.3).halted()
        except JournalError as error:
            return f"perhaps: {error}"
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


def get_live() -> Live:
    return get_session().live


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


def local_now() -> datetime:
    """This moment in the user's time zone: where words like "yesterday" are read."""
    try:
        return datetime.now(get_session().settings.zone)
    except (RuntimeError, KeyError):  # read outside of a call
        return datetime.now(UTC)


def get_guard() -> Guard:
    return get_session().guard
