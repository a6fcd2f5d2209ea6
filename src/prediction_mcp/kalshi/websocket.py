"""Opening the exchange's WebSocket: where it is, signed, and what a refusal means.

:mod:`.feed` and :mod:`.raw_feed` use what is opened here. Rules: docs/kalshi.md, "WebSocket".
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from prediction_mcp.net import websocket

from .auth import Signer
from .errors import AuthenticationError, ExchangeUnavailableError, KalshiError

PATH = "/trade-api/ws/v2"
HOSTS = {
    "external-api.kalshi.com": "external-api-ws.kalshi.com",
    "external-api.demo.kalshi.co": "external-api-ws.demo.kalshi.co",
}
"""Where the WebSocket of a REST host is, when it isn't the same host."""


def url_of(base_url: str) -> str:
    """The WebSocket's URL for a REST base URL."""
    parts = urlsplit(base_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    host = HOSTS.get(parts.hostname or "", parts.hostname or "")
    return f"{scheme}://{host}{f':{parts.port}' if parts.port else ''}{PATH}"


def opening(url: str, signer: Signer) -> connect:
    """The connections of :func:`prediction_mcp.net.websocket.opening`, signed."""
    return websocket.opening(url, _Signed(signer))


def not_opened(error: Exception) -> KalshiError:
    """What it means that a connection can't be had."""
    if not isinstance(error, InvalidStatus):
        return ExchangeUnavailableError(f"The live feed can't be opened: {error}.")
    status = error.response.status_code
    if status in (401, 403):
        return AuthenticationError("The exchange refused the key for the live feed.", status=status)
    return ExchangeUnavailableError(f"The exchange refused the live feed with status {status}.", status=status)


class _Signed:
    """Headers of the handshake, signed anew each time they are read: a signature is good for seconds."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._signer.headers("GET", PATH).items())
