"""The second front, opened when somebody first asks for it: until then it costs nothing, not even its modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope, Send

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.simulation import Exchange

from ..connection import Connection

if TYPE_CHECKING:
    from starlette.routing import BaseRoute, Mount

    from prediction_mcp.exchange.second import PolymarketExchange

PREFIX = "/polymarket"


def second_file(first: Path) -> Path:
    """Where the front is kept whose neighbour is kept in a file."""
    return first.with_name(f"{first.stem}-polymarket{first.suffix}")


def _app(routes: Sequence[BaseRoute]) -> ASGIApp:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException

    from .door import failed, no_route

    handlers: Any = {HTTPException: no_route, Exception: failed}
    return Starlette(routes=routes, exception_handlers=handlers)


class Second:
    """The Polymarket front beside an exchange.

    Args:
        first: the Kalshi front's exchange, with which it shares the world and the clock.
        store: opens where it is kept; None keeps nothing.
        alone: an exchange that is open already, for who serves it without the other front.
    """

    def __init__(
        self, first: Exchange | None, store: Callable[[], Store] | None = None, alone: PolymarketExchange | None = None
    ) -> None:
        self._first = first
        self._store = store
        self._exchange = alone
        self._app: ASGIApp | None = None
        self._mounts: list[Mount] | None = None

    @property
    def open(self) -> list[PolymarketExchange]:
        """The exchange, if it is open."""
        return [] if self._exchange is None else [self._exchange]

    def exchange(self) -> PolymarketExchange:
        """The exchange, opened now if it wasn't. Raises StoreError where its file can't be used."""
        if self._exchange is None:
            from prediction_mcp.exchange.second import PolymarketExchange

            first = self._first
            if first is None:
                raise RuntimeError("a front that stands alone is given its exchange")
            store = self._store() if self._store is not None else None
            self._exchange = PolymarketExchange(first.seed, first.clock, store, first.catalogue.scenario, twin=first)
            self._exchange.with_crowd = first.with_crowd
            self._exchange.faults = first.faults
        return self._exchange

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Its services, below :data:`PREFIX`."""
        if self._app is None:
            self._app = _app(self._routes())
        await self._app(scope, receive, send)

    def root_app(self, service: str) -> ASGIApp:
        """One of its services, for the root of an address of its own."""
        (mounted,) = (mount for mount in self._routes() if mount.path == f"/{service}")
        return _app(mounted.routes)

    def _routes(self) -> list[Mount]:
        if self._mounts is None:
            from .door import mount

            self._mounts = mount(self.exchange())
        return self._mounts

    def connection(self, path: bytes, server_state: Any) -> Connection:
        """A connection of one of its feeds."""
        from .feed import connection_to
        from .hub import hub_of

        exchange = self.exchange()
        return connection_to(path, exchange, hub_of(exchange), server_state)

    def close(self) -> None:
        """Let go of its file."""
        if self._exchange is not None:
            self._exchange.sync()
            if self._exchange.store.is_durable:
                self._exchange.store.close()
