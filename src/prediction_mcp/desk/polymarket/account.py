"""One wallet at Polymarket: its clients, live books and guard. An object, never a global.

Reading needs no key. The wallet is loaded, and an API key made or derived, by what first needs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from prediction_mcp.polymarket.errors import InvalidRequestError, PermissionDeniedError, UnusableKeyError
from prediction_mcp.safety.limits import Limits
from prediction_mcp.safety.policy import Policy

from .catalogue import Catalogue
from .realtime import Feeds, Listener, Nobody

if TYPE_CHECKING:
    from prediction_mcp.polymarket import PolymarketAccount, PolymarketClient
    from prediction_mcp.polymarket.wallet import Wallet
    from prediction_mcp.safety.guard import Guard
    from prediction_mcp.safety.records import Records
    from prediction_mcp.settings import Settings

    from ..both import Both


@dataclass(frozen=True, slots=True)
class Access:
    """Where Polymarket is, and how its wallet is had: addresses by service, "ws" for the feeds."""

    urls: dict[str, str]
    wallet: Callable[[], Wallet]


class Account:
    """The wallet that the settings name.

    Args:
        settings: mode, policy, limits.
        connect: says where Polymarket is; what it opened is closed with the account.
        records: the journal, one for both platforms.
        both: what the guard asks of both platforms.
        listener: told what watched feeds say.
    """

    def __init__(
        self,
        settings: Settings,
        connect: Callable[[], AbstractAsyncContextManager[Access]],
        records: Callable[..., Records],
        both: Callable[[], Both],
        listener: Listener | None = None,
    ) -> None:
        self.settings = settings
        self.policy = Policy.of_polymarket(settings)
        self.feeds = Feeds(self, listener or Nobody())
        keeps = settings.polymarket_env != "paper"  # a paper exchange is small and may be another one tomorrow
        self.catalogue = Catalogue(settings.cache_folder / "catalogue-polymarket.db" if keeps else None)
        self._connect = connect
        self._records = records
        self._both = both
        self._stack = AsyncExitStack()
        self._lock = asyncio.Lock()
        self._access: Access | None = None
        self._client: PolymarketClient | None = None
        self._trader: PolymarketAccount | None = None
        self._guard: Guard | None = None
        self._wallet: Wallet | None = None
        self._is_allowed = False

    @property
    def environment(self) -> str:
        """paper or live."""
        return self.settings.polymarket_env

    @property
    def source(self) -> str:
        """Where an answer comes from."""
        return f"polymarket {self.environment}"

    @property
    def access(self) -> Access:
        if self._access is None:
            raise RuntimeError("the account isn't open")
        return self._access

    @property
    def polymarket(self) -> PolymarketClient:
        """The client of an account that was opened."""
        if self._client is None:
            raise RuntimeError("the account isn't open")
        return self._client

    async def open(self) -> Self:
        """Find out where Polymarket is, once; no key is touched."""
        if self._client is None:
            async with self._lock:
                if self._client is None:
                    from prediction_mcp.polymarket import PolymarketClient

                    self._access = await self._stack.enter_async_context(self._connect())
                    self._client = await self._stack.enter_async_context(PolymarketClient(self._access.urls))
        return self

    @property
    def has_wallet(self) -> bool:
        return self.settings.has_wallet

    def wallet(self) -> Wallet:
        """Raises UnusableKeyError where there is none, MissingExtraError where the extra isn't installed."""
        if not self.has_wallet:
            raise UnusableKeyError(
                "There is no wallet: set POLYMARKET_PRIVATE_KEY_PATH to a file of yours that holds its private key."
            )
        if self._wallet is None:
            self._wallet = self.access.wallet()
        return self._wallet

    @property
    def address(self) -> str:
        """The wallet's, in lower case as the public record has it."""
        return self.wallet().address.lower()

    @property
    def key(self) -> str:
        """The API key's name; "" before the first call of :meth:`trader`."""
        return "" if self._trader is None else self._trader.api_key.key

    async def trader(self) -> PolymarketAccount:
        """The wallet at the order book; the first call has its API key made or derived."""
        await self.open()
        if self._trader is None:
            async with self._lock:
                if self._trader is None:
                    from prediction_mcp.polymarket import PolymarketAccount
                    from prediction_mcp.polymarket.account import api_key

                    wallet, url = self.wallet(), self.access.urls["clob"]
                    try:
                        key = await api_key(wallet, url)
                    except InvalidRequestError:  # this wallet never had one
                        key = await api_key(wallet, url, new=True)
                    self._trader = PolymarketAccount(wallet, key, url)
        return self._trader

    async def require_place(self) -> None:
        """Before the first order: whether orders are taken from here. Raises PermissionDeniedError."""
        if self._is_allowed:
            return
        place = await (await self.open()).polymarket.may_trade()
        if place.blocked:
            where = f" ({place.country})" if place.country else ""
            raise PermissionDeniedError(f"Polymarket takes no orders from where this machine is{where}: reading works.")
        self._is_allowed = True

    @property
    def guard(self) -> Guard:
        """What stands in front of the writes: journal, switch and limits are those of both platforms."""
        if self._guard is None:
            from prediction_mcp.safety.guard import Guard

            self._guard = Guard(self.policy, Limits.of(self.settings), self._records, self._both())
        return self._guard

    async def close(self) -> None:
        await self.feeds.close()
        await self.catalogue.close()
        if self._guard is not None:
            await self._guard.close()
        if self._trader is not None:
            await self._trader.close()
        await self._stack.aclose()
