"""``/health`` and ``/metrics`` over HTTP: for the MCP server and for a worker alike."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from prediction_mcp.net.errors import PlatformError
from prediction_mcp.settings import SettingsError

from . import metrics
from .health import Health, health

if TYPE_CHECKING:
    from pydantic import SecretStr

    from .attending import Attendant
    from .desk import Desk
    from .worker import Worker

FRESH_S = 3.0
Page = Callable[[Request], Awaitable[Response]]


def may_see(request: Request, token: SecretStr | None) -> bool:
    """Whether a request brings the server's token; without one nobody does."""
    given = request.headers.get("authorization", "")
    return token is not None and hmac.compare_digest(given.encode(), f"Bearer {token.get_secret_value()}".encode())


def pages(
    desk: Callable[[], Awaitable[Desk]], token: SecretStr | None, attendant: Attendant | None = None
) -> dict[str, Page]:
    """The pages by path. What is private (why something is wrong, the account's worth) takes the token.

    Args:
        desk: opens the account, where it isn't yet.
        attendant: of the worker in this process.
    """

    looking, looked = asyncio.Lock(), list[tuple[float, Health]]()

    async def look() -> Health:
        """Not more often than every few seconds, whoever asks: each look is a request to the exchange."""
        async with looking:
            now = time.monotonic()
            if not looked or now - looked[-1][0] > FRESH_S:
                looked[:] = [(now, await health(await desk(), None if attendant is None else attendant.feed_state))]
            return looked[-1][1]

    async def show_health(request: Request) -> Response:
        if request.url.path.endswith("/live"):
            return JSONResponse({"state": "ok"})
        try:
            found = await look()
        except PlatformError:  # why, is for who brings the token: at the command line, or in the log
            return JSONResponse({"state": "down", "ready": False}, 503)
        shown = found.model_dump(mode="json")
        if not may_see(request, token):
            shown = {"state": found.state, "ready": found.ready, "parts": {p.name: p.state for p in found.parts}}
        return JSONResponse(shown, 200 if found.ready else 503)

    async def show_metrics(request: Request) -> Response:
        try:
            mine = await desk()
            text = await metrics.text(mine, attendant, private=may_see(request, token))
        except (PlatformError, SettingsError) as error:
            return PlainTextResponse(f"{error}\n", 503)
        return Response(text, media_type=metrics.CONTENT_TYPE)

    return {"/health": show_health, "/health/live": show_health, "/metrics": show_metrics}


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process is the worker's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def served(worker: Worker, host: str, port: int) -> AsyncIterator[str]:
    """Serve a worker's pages; yields their address. Raises OSError where the port can't be had."""

    async def desk() -> Desk:
        return worker.desk

    token = worker.desk.account.settings.http_token
    routes = [Route(path, page) for path, page in pages(desk, token, worker.attendant).items()]
    with socket.create_server((host, port)) as bound:
        config = uvicorn.Config(Starlette(routes=routes), log_config=None, access_log=False, lifespan="off")
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            yield f"http://{host}:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
