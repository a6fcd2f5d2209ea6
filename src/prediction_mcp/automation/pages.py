"""``/health`` and ``/metrics`` over HTTP: for the MCP server and for a worker alike."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

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
    from .crew import Crew, Member
    from .desk import Desk
    from .worker import Worker

FRESH_S = 3.0
Page = Callable[[Request], Awaitable[Response]]


def may_see(request: Request, token: SecretStr | None) -> bool:
    """Whether a request brings the server's token; without one nobody does."""
    given = request.headers.get("authorization", "")
    return token is not None and hmac.compare_digest(given.encode(), f"Bearer {token.get_secret_value()}".encode())


class Looking:
    """Health that is looked at no more often than every few seconds, whoever asks: a look is a request to the exchange.

    Args:
        desk: opens the account, where it isn't yet.
        attendant: of the worker in this process.
    """

    def __init__(self, desk: Callable[[], Awaitable[Desk]], attendant: Attendant | None = None) -> None:
        self.desk, self.attendant = desk, attendant
        self._lock, self._found = asyncio.Lock(), list[tuple[float, Health]]()

    async def look(self) -> Health:
        async with self._lock:
            now = time.monotonic()
            if not self._found or now - self._found[-1][0] > FRESH_S:
                state = None if self.attendant is None else self.attendant.feed_state
                self._found[:] = [(now, await health(await self.desk(), state))]
            return self._found[-1][1]


def pages(
    desk: Callable[[], Awaitable[Desk]], token: SecretStr | None, attendant: Attendant | None = None
) -> dict[str, Page]:
    """The pages by path. What is private (why something is wrong, the account's worth) takes the token.

    Args:
        desk: opens the account, where it isn't yet.
        attendant: of the worker in this process.
    """
    looking = Looking(desk, attendant)

    async def show_health(request: Request) -> Response:
        if request.url.path.endswith("/live"):
            return JSONResponse({"state": "ok"})
        try:
            found = await looking.look()
        except PlatformError:  # why, is for who brings the token: at the command line, or in the log
            return JSONResponse({"state": "down", "ready": False}, 503)
        return JSONResponse(_shown(found, private=may_see(request, token)), 200 if found.ready else 503)

    async def show_metrics(request: Request) -> Response:
        try:
            mine = await desk()
            text = await metrics.text(mine, attendant, private=may_see(request, token))
        except (PlatformError, SettingsError) as error:
            return PlainTextResponse(f"{error}\n", 503)
        return Response(text, media_type=metrics.CONTENT_TYPE)

    return {"/health": show_health, "/health/live": show_health, "/metrics": show_metrics}


def crew_pages(crew: Crew, token: SecretStr | None) -> dict[str, Page]:
    """The same of many accounts, each by its name; ready as long as one of them is."""
    kept: WeakKeyDictionary[Worker, Looking] = WeakKeyDictionary()

    def looking(worker: Worker) -> Looking:
        async def desk() -> Desk:
            return worker.desk

        return kept.setdefault(worker, Looking(desk, worker.attendant))

    async def look(member: Member, *, private: bool) -> dict[str, Any]:
        if member.worker is None:
            return {"state": "down", "ready": False} | ({"said": member.problem} if private else {})
        try:
            return _shown(await looking(member.worker).look(), private=private)
        except PlatformError as error:
            return {"state": "down", "ready": False} | ({"said": str(error)} if private else {})

    async def show_health(request: Request) -> Response:
        if request.url.path.endswith("/live"):
            return JSONResponse({"state": "ok"})
        members, private = list(crew.members.values()), may_see(request, token)
        found = await asyncio.gather(*(look(member, private=private) for member in members))
        ready = any(one["ready"] for one in found) or not found
        state = "down" if not ready else "ok" if all(one["state"] == "ok" for one in found) else "degraded"
        accounts = {member.name: one for member, one in zip(members, found, strict=True)}
        return JSONResponse({"state": state, "ready": ready, "accounts": accounts}, 200 if ready else 503)

    async def show_metrics(request: Request) -> Response:
        try:
            text = await metrics.crew_text(crew, private=may_see(request, token))
        except SettingsError as error:
            return PlainTextResponse(f"{error}\n", 503)
        return Response(text, media_type=metrics.CONTENT_TYPE)

    return {"/health": show_health, "/health/live": show_health, "/metrics": show_metrics}


def worker_pages(worker: Worker) -> dict[str, Page]:
    """The pages of a worker of one account."""

    async def desk() -> Desk:
        return worker.desk

    return pages(desk, worker.desk.account.settings.http_token, worker.attendant)


def _shown(found: Health, *, private: bool) -> dict[str, Any]:
    if private:
        return found.model_dump(mode="json")
    return {"state": found.state, "ready": found.ready, "parts": {part.name: part.state for part in found.parts}}


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process is the worker's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def served(shown: Mapping[str, Page], host: str, port: int) -> AsyncIterator[str]:
    """Serve pages; yields their address. Raises OSError where the port can't be had."""
    routes = [Route(path, page) for path, page in shown.items()]
    with socket.create_server((host, port)) as bound:
        config = uvicorn.Config(Starlette(routes=routes), log_config=None, access_log=False, lifespan="off")
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            yield f"http://{host}:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
