"""The worker within a server that an assistant started: begun once the server answers, ended with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from loguru import logger

if TYPE_CHECKING:
    from .session import Session

BEGIN_S = 1.0
"""The first answers of a server wait for no worker."""
AGAIN_S = 30.0
"""When one that couldn't begin is tried again."""


@asynccontextmanager
async def working(session: Session) -> AsyncIterator[None]:
    """A worker as long as the block lasts, unless WORKER=off or another process of this user works."""
    settings = session.settings
    wanted = settings.worker == "on" or (settings.worker == "auto" and "automation" in settings.chosen_toolsets)
    if not wanted:
        yield
        return
    task = asyncio.create_task(_work(session))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _work(session: Session) -> None:
    await asyncio.sleep(BEGIN_S)
    while True:
        try:
            from prediction_mcp.automation.home import work

            await work(await session.account.open(), "server")
        except Exception as error:  # noqa: BLE001 - the server goes on without a worker, and says so
            logger.warning("no worker runs in this server: {}", error)
        await asyncio.sleep(AGAIN_S)
