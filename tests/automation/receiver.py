"""A web server on loopback that takes messages as webhooks, Discord and Slack send them, and may be down or slow."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.safety.test_chaos import free_port


class Receiver:
    """``status`` is what it answers, ``wait`` how long it takes; what it took with 200 it keeps."""

    def __init__(self) -> None:
        self.port = free_port()
        self.status, self.wait = 200, 0.0
        self.bodies: list[dict[str, Any]] = []
        self.refused = 0
        routes = [Route("/{rest:path}", self._take, methods=["POST"])]
        config = uvicorn.Config(Starlette(routes=routes), port=self.port, log_level="critical", lifespan="off")
        self._server = uvicorn.Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """As apprise has a webhook of JSON."""
        return f"json://127.0.0.1:{self.port}/hook"

    @property
    def messages(self) -> list[tuple[str, str]]:
        """(title, text) of each."""
        return [(body.get("title", ""), body.get("message", "")) for body in self.bodies]

    @property
    def heard(self) -> Counter[tuple[str, str]]:
        return Counter(self.messages)

    async def _take(self, request: Request) -> Response:
        body = json.loads(await request.body())
        await asyncio.sleep(self.wait)
        if self.status != 200:
            self.refused += 1
            return JSONResponse({"error": "no"}, self.status)
        self.bodies.append(body)
        return Response("ok") if request.url.path.startswith("/slack") else JSONResponse({})  # Slack's own answer

    async def __aenter__(self) -> Receiver:
        self._task = asyncio.create_task(self._server.serve())
        while not self._server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.02)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task
