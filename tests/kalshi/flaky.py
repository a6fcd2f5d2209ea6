"""A network that loses things: wraps the real HTTP transport and loses what the script says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import httpx

Fault = Literal[
    "ok", "lost before", "lost after", "429", "503", "503 after", "garbage after", "refused", "bad gzip after"
]


class Flaky(httpx.AsyncBaseTransport):
    """Takes one fault per request that ``matches``; after the script everything goes through.

    "before" and "after" say whether the exchange got the request before the answer was lost.
    """

    def __init__(self, script: list[Fault], matches: Callable[[httpx.Request], bool] = lambda _: True) -> None:
        self._real = httpx.AsyncHTTPTransport()
        self._script = script
        self._matches = matches
        self.seen: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self._matches(request):
            return await self._real.handle_async_request(request)
        self.seen.append(request)
        fault = self._script.pop(0) if self._script else "ok"
        if fault == "lost before":
            raise httpx.ReadError("connection reset", request=request)
        if fault == "429":
            return httpx.Response(429, json={"error": "too many requests"}, request=request)
        if fault == "refused":
            return httpx.Response(400, json={"code": "insufficient_balance", "message": "x"}, request=request)
        if fault == "503":
            return httpx.Response(503, json={"code": "unavailable", "message": "x"}, request=request)
        response = await self._real.handle_async_request(request)
        if fault == "ok":
            return response
        await response.aread()
        if fault == "bad gzip after":
            headers = {"content-encoding": "gzip"}
            return httpx.Response(201, headers=headers, stream=httpx.ByteStream(b"no gzip"), request=request)
        if fault == "503 after":
            return httpx.Response(503, text="<html>gateway</html>", request=request)
        if fault == "garbage after":
            return httpx.Response(response.status_code, text='{"order_id": ', request=request)
        raise httpx.ReadError("connection reset", request=request)

    async def aclose(self) -> None:
        await self._real.aclose()


def is_create(request: httpx.Request) -> bool:
    return request.method == "POST" and request.url.path.endswith("/portfolio/events/orders")
