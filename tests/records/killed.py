"""One sync in a process of its own, which dies between two statements when it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.desk.kalshi.records.syncing import sync
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.auth import signer_from_pem
from prediction_mcp.settings import load_settings


def account_at(url: str, key_id: str, pem: str, place: str) -> Account:
    """An account at an exchange, whose records lie at a place."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[KalshiClient]:
        async with KalshiClient(url, signer_from_pem(key_id, pem)) as client:
            await client.learn_limits()
            yield client

    chosen: dict[str, Any] = {"database_url": place} if "://" in place else {"records_folder": Path(place)}
    return Account(load_settings(env="paper", **chosen), connect)


def run(url: str, key_id: str, pem: str, place: str, dies_at: int | None) -> None:
    """Sync; before the statement (or the commit) of that number the process ends as by a power cut."""
    count = 0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1
        if count == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", counted)
    event.listen(Engine, "commit", counted)

    async def work() -> None:
        account = await account_at(url, key_id, pem, place).open()
        try:
            await sync(account.history)
        finally:
            await account.close()

    asyncio.run(work())
