"""What a tool can ask for with ``Depends``: the client, the environment, the policy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import cast

from fastmcp.server.dependencies import get_context

from prediction_mcp.catalogue.fill import Catalogue
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.safety.policy import Policy
from prediction_mcp.settings import Settings


class Session:
    """One server's connection to the exchange, opened by the first call that needs it."""

    def __init__(self, settings: Settings, connect: Callable[[], AbstractAsyncContextManager[KalshiClient]]) -> None:
        self.settings = settings
        self.policy = Policy(settings.env, settings.writes_allowed)
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

    async def close(self) -> None:
        await self.catalogue.close()
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


def get_settings() -> Settings:
    return get_session().settings


def get_policy() -> Policy:
    return get_session().policy
