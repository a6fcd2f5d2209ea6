"""Where a user's worker lives: one process of a machine works, others wait until it is gone, whatever ended it.

With Redis there is nothing to own: all work, and share.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from loguru import logger

from .worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from prediction_mcp.desk.kalshi.account import Account

STANDBY_S = 2.0
"""How often one that waits looks whether the place is free."""
LOCK, READER = "worker.lock", "worker-reads.lock"
"""A worker that may not write carries out no rules, so it keeps none from working that may."""


async def work(
    account: Account,
    within: str,
    waiting: Callable[[], None] = lambda: None,
    begun: Callable[[], None] = lambda: None,
    made: Callable[[Worker], AbstractAsyncContextManager[None]] = lambda _: nullcontext(),
) -> None:
    """Work for an account until cancelled, once no other process of this machine does.

    Args:
        account: open.
        within: where this worker lives: server or worker.
        waiting: called where another one works.
        begun: called when this one does.
        made: what goes on beside the worker as long as it works, like its pages.
    """
    home = account.settings.safety_home
    if account.settings.redis_url is not None or home is None:
        begun()
        await _run(Worker(account, within), made)
        return
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock, said = FileLock(home / (LOCK if account.policy.writes_allowed else READER)), False
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            if not said:
                said = True
                waiting()
            await asyncio.sleep(STANDBY_S)
        except OSError as error:
            logger.warning("whether another worker runs can't be told ({}): none runs here", error)
            await asyncio.sleep(STANDBY_S)
    try:
        begun()
        await _run(Worker(account, within), made)
    finally:
        lock.release()


async def _run(worker: Worker, made: Callable[[Worker], AbstractAsyncContextManager[None]]) -> None:
    async with made(worker):
        await worker.run()
