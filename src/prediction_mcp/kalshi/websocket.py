"""Opening the exchange's WebSocket: where it is, signed, how it is kept alive, and what a refusal means.

:mod:`.feed` and :mod:`.raw_feed` use what is opened here. Rules: docs/kalshi.md, "WebSocket".
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from .auth import Signer
from .errors import AuthenticationError, ExchangeUnavailableError, KalshiError

PATH = "/trade-api/ws/v2"
HOSTS = {
    "external-api.kalshi.com": "external-api-ws.kalshi.com",
    "external-api.demo.kalshi.co": "external-api-ws.demo.kalshi.co",
}
"""Where the WebSocket of a REST host is, when it isn't the same host."""
ANSWER_S = 10.0
"""How long the answer to a command is waited for."""
SILENCE_S = 30.0
"""Without a sign of life for this long a connection is dead: ours are pings each third of it."""
CLOSE_S = 1.0
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 60.0
LARGEST_MESSAGE = 2**24
"""Bytes; a snapshot of a deep book passes websockets' own bound of a mebibyte."""
MOST_WAITING = 4_096
"""Messages read from the network before the reader gets to them."""


def url_of(base_url: str) -> str:
    """The WebSocket's URL for a REST base URL."""
    parts = urlsplit(base_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    host = HOSTS.get(parts.hostname or "", parts.hostname or "")
    return f"{scheme}://{host}{f':{parts.port}' if parts.port else ''}{PATH}"


def opening(url: str, signer: Signer) -> connect:
    """websockets' own: awaited it is one connection, iterated one after the other for as long as trying helps."""
    on_this_machine = urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
    options: dict[str, Any] = {"proxy": None} if on_this_machine else {}
    return connect(
        url,
        additional_headers=_Signed(signer),  # read anew at each handshake
        reconnect_delays=delays,
        process_exception=_passing,
        ping_interval=SILENCE_S / 3,
        ping_timeout=SILENCE_S * 2 / 3,
        close_timeout=CLOSE_S,
        max_size=LARGEST_MESSAGE,
        max_queue=MOST_WAITING,
        compression=None,
        **options,
    )


def delays() -> Generator[float]:
    """Seconds before each new try: 1, 2, 4 … 60, each with up to half of it more or less."""
    delay = FIRST_DELAY_S
    while True:
        yield delay * random.uniform(0.5, 1.5)  # noqa: S311 - to spread clients, not to keep a secret
        delay = min(delay * 2, LONGEST_DELAY_S)


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


def _passing(error: Exception) -> Exception | None:
    """Whether another try may help: not where the key is refused."""
    if isinstance(error, InvalidStatus):
        return None if error.response.status_code in (429, 500, 502, 503, 504) else error
    return None if isinstance(error, OSError | TimeoutError | EOFError | ConnectionClosed) else error
