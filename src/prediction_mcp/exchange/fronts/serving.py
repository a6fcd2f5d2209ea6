"""The exchange on a loopback socket: one HTTP server and one task that moves time, inside the caller's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Generator
from typing import Any, cast

import uvicorn
from loguru import logger
from starlette.routing import Mount
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from prediction_mcp.exchange.disk.store import StoreError, UnstorableError
from prediction_mcp.exchange.simulation import Exchange

from .connection import Connection, Switch
from .kalshi.api import PREFIX, TRANSPORT, create_app
from .kalshi.ws import FeedConnection
from .kalshi.ws_hub import hub_of
from .polymarket.opening import PREFIX as SECOND
from .polymarket.opening import Second

STEP_SECONDS = 0.25
"""Real time between two steps of the crowd."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, since the process belongs to whoever started it; it sleeps until it ends.

    uvicorn looks ten times a second whether it should; here it is told. The date of its answers moves once a second.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 1.0)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class _Http(HttpToolsProtocol):
    """uvicorn's HTTP, leaving the connection in the request's scope: a fault may have to cut it."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, object]", self.scope)[TRANSPORT] = self.transport


def _loopback_socket(host: str, port: int) -> socket.socket:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise ValueError(f"{host!r} is not an IP address; the paper exchange listens on 127.0.0.1 or ::1") from None
    if not address.is_loopback:
        raise ValueError(f"the paper exchange listens on loopback only, not on {host}")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named: without it each answer waits 40 ms
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((str(address), port))
    except OSError:
        bound.close()
        raise
    return bound


async def _run_clock(exchange: Exchange, second: Second, *, with_crowd: bool) -> None:
    while True:
        for one in (exchange, *second.open):
            _advance(one, with_crowd=with_crowd)
        await asyncio.sleep(STEP_SECONDS)


def _advance(exchange: Exchange, *, with_crowd: bool) -> None:
    try:
        exchange.advance(with_crowd=with_crowd)
    except StoreError as error:  # what happened is kept, and written as soon as the disk takes it
        logger.error("{}", error)
    except UnstorableError as error:
        logger.error("a step of the paper exchange was undone: {}", error)
        exchange.undo()


@contextlib.asynccontextmanager
async def serve(
    exchange: Exchange,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    with_crowd: bool = True,
    second: Second | None = None,
) -> AsyncIterator[str]:
    """Serve the exchange while the context is open; yields its REST base URL.

    Args:
        host: a loopback address. Anything else raises ValueError.
        port: 0 takes a free one.
        with_crowd: False keeps the simulated members still, for tests that want a quiet book.
        second: the Polymarket front beside it; without one it gets one that ends with the process.
    """
    bound = _loopback_socket(host, port)
    exchange.with_crowd = with_crowd
    hub, beside = hub_of(exchange), second or Second(exchange)

    def feed(config: Any, server_state: Any, app_state: Any) -> Switch:
        def choose(path: bytes) -> Connection:
            if path.startswith(SECOND.encode()):
                return beside.connection(path, server_state)
            return FeedConnection(exchange, hub, server_state)

        return Switch(choose)

    clock = asyncio.create_task(_run_clock(exchange, beside, with_crowd=with_crowd))
    clock.add_done_callback(_report_failure)
    try:
        async with _listening(create_app(exchange, [Mount(SECOND, beside.app)]), feed, bound) as address:
            exchange.address = address
            yield f"{address}{PREFIX}"
    finally:
        clock.cancel()
        beside.close()


@contextlib.asynccontextmanager
async def serve_roots(second: Second, first_port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[dict[str, str]]:
    """Serve Gamma, CLOB and Data API each at the root of a port of its own, beside :func:`serve`.

    For clients that join absolute paths to an address. The feeds are below ``/ws`` of each port.

    Args:
        first_port: of Gamma, the next two of the others; 0 takes free ones.

    Yields:
        The address of each service: gamma, clob, data.
    """

    def feed(config: Any, server_state: Any, app_state: Any) -> Switch:
        return Switch(lambda path: second.connection(SECOND.encode() + path, server_state))

    async with contextlib.AsyncExitStack() as stack:
        addresses = {}
        for number, service in enumerate(("gamma", "clob", "data")):
            bound = _loopback_socket(host, first_port + number if first_port else 0)
            listening = _listening(second.root_app(service), feed, bound)
            addresses[service] = await stack.enter_async_context(listening)
        yield addresses


@contextlib.asynccontextmanager
async def _listening(app: Any, feed: Any, bound: socket.socket) -> AsyncIterator[str]:
    """Serve an app on a bound socket, which is closed at the end; yields its address, without a path."""
    server = _Server(
        uvicorn.Config(
            app,
            http=_Http,
            ws=feed,  # its types ask for a class, its code calls what it gets
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            if serving.done():
                await serving
                raise RuntimeError("the paper exchange stopped before it had started")
            await asyncio.sleep(0.002)
        host, port, *_ = bound.getsockname()
        yield f"http://{host if ':' not in host else f'[{host}]'}:{port}"
    finally:
        server.end()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        bound.close()


def _report_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.opt(exception=error).error("the paper exchange's clock stopped: its markets stand still")
