"""One account at Kalshi: its client, fees, catalogue, live books, guard and records. An object, never a global.

Nothing is opened before it is needed: the client with the first request, the journal with the first write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

from prediction_mcp.safety.limits import Limits
from prediction_mcp.safety.policy import Policy

from ..catalogue import Progress
from .catalogue import Catalogue
from .fees import FeeCache
from .realtime.feeds import Feeds, Listener, Nobody
from .series import SeriesNames

if TYPE_CHECKING:
    from prediction_mcp.kalshi import KalshiClient
    from prediction_mcp.records.database import Database
    from prediction_mcp.safety.guard import Guard
    from prediction_mcp.safety.records import Records
    from prediction_mcp.settings import Settings

    from ..both import Both
    from .records.home import History


class Account:
    """An account as the settings name it.

    Args:
        settings: mode, policy, limits, folders.
        connect: makes the client, which is closed with the account.
        listener: told what watched feeds say.
        progress: told how far long work has come.
    """

    def __init__(
        self,
        settings: Settings,
        connect: Callable[[], AbstractAsyncContextManager[KalshiClient]],
        listener: Listener | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.settings = settings
        self.policy = Policy.of(settings)
        self.series = SeriesNames(self)
        self.fees = FeeCache(self)
        self.feeds = Feeds(self, listener or Nobody())
        self.progress = progress
        keeps = settings.env != "paper"  # a paper exchange is small and may be another one tomorrow
        self.catalogue = Catalogue(settings.cache_folder / f"catalogue-{settings.env}.db" if keeps else None)
        self._connect = connect
        self._stack = AsyncExitStack()
        self._lock = asyncio.Lock()
        self._client: KalshiClient | None = None
        self._guard: Guard | None = None
        self._records: Records | None = None
        self._history: History | None = None
        self.database: Database | None = None
        """The database that other accounts of this process use, too, and that is closed by who opened it."""
        self.beside: Callable[[], Both] | None = None
        """What the guard asks of both platforms, where another account is served beside this one."""

    @property
    def environment(self) -> str:
        """paper, demo or live."""
        return self.settings.env

    @property
    def is_open(self) -> bool:
        """Whether it is connected."""
        return self._client is not None

    @property
    def kalshi(self) -> KalshiClient:
        """The client of an account that was opened."""
        if self._client is None:
            raise RuntimeError("the account isn't open")
        return self._client

    async def open(self) -> Self:
        """Connect, once. Raises KalshiError when the credentials can't be used."""
        if self._client is None:
            async with self._lock:
                if self._client is None:
                    self._client = await self._stack.enter_async_context(self._connect())
        return self

    @property
    def guard(self) -> Guard:
        """What stands in front of the writes; made by the first one."""
        if self._guard is None:
            from prediction_mcp.safety.guard import Guard

            from .guarded import Guarded

            guarded = Guarded(self) if self.beside is None else self.beside()
            self._guard = Guard(self.policy, Limits.of(self.settings), self.records, guarded)
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

    @property
    def history(self) -> History:
        """The database of what was traded, held and believed; made by the first call that needs it."""
        if self._history is None:
            from .records.home import History

            self._history = History(self)
        return self._history

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

    async def report(self, known: int, expected: int | None) -> None:
        """Tell how far long work has come, if anybody wants to know."""
        if self.progress is not None:
            await self.progress(known, expected)

    async def close(self) -> None:
        await self.feeds.close()
        await self.catalogue.close()
        if self._guard is not None:
            await self._guard.close()
        if self._records is not None:
            self._records.close()
        if self._history is not None:
            await self._history.close()
        await self._stack.aclose()
