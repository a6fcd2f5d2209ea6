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

    server = _Server(
        uvicorn.Config(
            create_app(exchange, [Mount(SECOND, beside.app)]),
            http=_Http,
            ws=cast("Any", feed),  # its types ask for a class, its code calls it
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    clock = asyncio.create_task(_run_clock(exchange, beside, with_crowd=with_crowd))
    clock.add_done_callback(_report_failure)
    try:
        while not server.started:
            if serving.done():
                await serving
                raise RuntimeError("the paper exchange stopped before it had started")
            await asyncio.sleep(0.002)
        exchange.address = f"http://{host if ':' not in host else f'[{host}]'}:{bound.getsockname()[1]}"
        yield f"{exchange.address}{PREFIX}"
    finally:
        clock.cancel()
        server.end()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        bound.close()
        beside.close()


def _report_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.opt(exception=error).error("the paper exchange's clock stopped: its markets stand still")
