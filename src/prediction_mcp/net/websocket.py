"""Opening a platform's WebSocket: how it is kept alive, how long a new try waits, and where trying is no use."""

from __future__ import annotations

import logging
import random
from collections.abc import Generator, Iterable
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

SILENCE_S = 30.0
"""Without a sign of life for this long a connection is dead: ours are pings each third of it."""
CLOSE_S = 1.0
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 60.0
LARGEST_MESSAGE = 2**24
"""Bytes; a snapshot of a deep book passes websockets' own bound of a mebibyte."""
MOST_WAITING = 4_096
"""Messages read from the network before the reader gets to them."""
LOG = logging.getLogger(__name__)
LOG.setLevel(logging.INFO)
"""At DEBUG websockets writes every frame and header, the keys in them too, into whatever log a program has set up."""


def opening(url: str, headers: Iterable[tuple[str, str]] = (), *, pings: bool = True) -> connect:
    """websockets' own: awaited it is one connection, iterated one after the other for as long as trying helps.

    ``headers`` are read anew at each handshake.
    """
    on_this_machine = urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
    options: dict[str, Any] = {"proxy": None} if on_this_machine else {}
    return connect(
        url,
        additional_headers=headers,
        reconnect_delays=delays,
        process_exception=passing,
        ping_interval=SILENCE_S / 3 if pings else None,
        ping_timeout=SILENCE_S * 2 / 3 if pings else None,
        close_timeout=CLOSE_S,
        max_size=LARGEST_MESSAGE,
        max_queue=MOST_WAITING,
        compression=None,
        logger=LOG,
        **options,
    )


def delays() -> Generator[float]:
    """Seconds before each new try: 1, 2, 4 … 60, each with up to half of it more or less."""
    delay = FIRST_DELAY_S
    while True:
        yield delay * random.uniform(0.5, 1.5)  # noqa: S311 - to spread clients, not to keep a secret
        delay = min(delay * 2, LONGEST_DELAY_S)


def passing(error: Exception) -> Exception | None:
    """Whether another try may help: not where the key is refused."""
    if isinstance(error, InvalidStatus):
        return None if error.response.status_code in (429, 500, 502, 503, 504) else error
    return None if isinstance(error, OSError | TimeoutError | EOFError | ConnectionClosed) else error
