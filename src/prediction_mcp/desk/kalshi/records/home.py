"""The records of an account: its database, opened by the first call that needs it."""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from prediction_mcp.records.database import Database
from prediction_mcp.records.ledger import Identity, Ledger

if TYPE_CHECKING:
    from prediction_mcp.settings import Settings

    from ..account import Account


class History:
    """What is kept of one account. Nothing is opened or made before something is asked of it."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._stack = AsyncExitStack()
        self.database = account.database or Database(self._place())
        self.ledger = Ledger(self.database, identity(account))

    def _place(self) -> Path | str:
        place = place_of(self.account.settings)
        if place is not None:
            return place
        return Path(self._stack.enter_context(TemporaryDirectory(prefix="prediction-mcp-"))) / "records.db"

    async def close(self) -> None:
        if self.account.database is None:
            await self.database.close()
        await self._stack.aclose()


def place_of(settings: Settings) -> Path | str | None:
    """DATABASE_URL, or the file in the user's folder; None where the session leaves nothing behind."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return settings.records_file


def identity(account: Account) -> Identity:
    """The account by platform, environment and key id. A new key begins new records."""
    signer = account.kalshi.transport.signer
    key = f"{account.settings.base_url or ''}/{signer.key_id if signer else ''}"
    return Identity("kalshi", account.environment, hashlib.sha256(key.encode()).hexdigest()[:32])
