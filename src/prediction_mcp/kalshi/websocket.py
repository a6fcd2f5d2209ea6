"""Open the exchange's WebSocket: its address, its signed handshake, and the meaning of a refusal.

For :mod:`.feed` and :mod:`.raw_feed`. Rules: docs/kalshi.md, "WebSocket".
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from prediction_mcp.net import websocket

from .answers import error_for, read_refusal
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
    """Return the opening of a signed connection, see :func:`prediction_mcp.net.websocket.opening`."""
    return websocket.opening(url, _Signed(signer))


def refusal(error: Exception) -> KalshiError | None:
    """Return the error of a refused key, and None for all that another try may mend.

    A 401 is read with its code: a clock that is off comes right, and other services send 401 for reasons of their own.
    """
    if not isinstance(error, InvalidStatus) or error.response.status_code != 401:
        return None
    meaning = error_for(401, bytes(error.response.body or b""))
    if meaning.code not in ("", "authentication_error", "unauthorized") and not meaning.code.endswith("from_headers"):
        return None
    return AuthenticationError(
        f"The exchange refused the key for the live feed. {meaning.message}", status=401, code=meaning.code
    )


def reason_of(error: Exception) -> str:
    """Return why a connection can't be had, with the exchange's own words where it sent some."""
    reason = websocket.reason_of(error)
    if isinstance(error, InvalidStatus) and (said := read_refusal(bytes(error.response.body or b""))) is not None:
        reason += f" ({said.said[:100]})"
    return reason


def unreachable(reason: str) -> KalshiError:
    """Return the error for a feed that can't be had now."""
    return ExchangeUnavailableError(f"The live feed can't be reached now ({reason}): try again in a moment.")


class _Signed:
    """Headers of the handshake, signed each time they are read: a signature is good for seconds."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._signer.headers("GET", PATH).items())
