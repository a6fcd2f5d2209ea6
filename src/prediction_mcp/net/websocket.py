"""Open a platform's WebSocket: keep-alive, limits, the pause before each new try, and the reason why a try failed."""

from __future__ import annotations

import logging
import random
import socket
import ssl
from collections.abc import Generator, Iterable

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from .outward import websocket_options

SILENCE_S = 30.0
"""Without a sign of life for this long a connection is dead: ours are pings each third of it."""
OPEN_S, CLOSE_S = 10.0, 1.0
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 5.0
"""However long a platform was away, it is tried again within some six seconds of its return."""
STEADY_S = 10.0
"""A connection that stood for this long makes the next pause a short one again."""
LARGEST_MESSAGE = 2**24
"""Bytes; a snapshot of a deep book passes websockets' own bound of a mebibyte."""
MOST_WAITING = 4_096
"""Messages read from the network before the reader gets to them."""
LOG = logging.getLogger(__name__)
LOG.setLevel(logging.INFO)
"""At DEBUG websockets writes every frame and header, the keys in them too, into whatever log a program has set up."""


class Opening(connect):
    """websockets' own, which goes nowhere else: a redirect would get the signed headers, and is an answer to report."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def opening(url: str, headers: Iterable[tuple[str, str]] = (), *, pings: bool = True) -> connect:
    """Return what opens one connection when it is awaited. ``headers`` are read at each handshake."""
    return Opening(
        url,
        additional_headers=headers,
        open_timeout=OPEN_S,
        ping_interval=SILENCE_S / 3 if pings else None,
        ping_timeout=SILENCE_S * 2 / 3 if pings else None,
        close_timeout=CLOSE_S,
        max_size=LARGEST_MESSAGE,
        max_queue=MOST_WAITING,
        compression=None,
        logger=LOG,
        **websocket_options(url),
    )


def delays() -> Generator[float]:
    """Seconds before each new try: nearly none, then 1, 2, 4, 5, 5 …, each with up to a quarter more or less."""
    yield FIRST_DELAY_S * random.uniform(0, 0.5)  # noqa: S311 - to spread clients, not to keep a secret
    delay = FIRST_DELAY_S
    while True:
        yield delay * random.uniform(0.75, 1.25)  # noqa: S311
        delay = min(delay * 2, LONGEST_DELAY_S)


def reason_of(error: Exception) -> str:
    """Return why a connection ended or couldn't be opened, in a few words without any address or key."""
    match error:
        case InvalidStatus():
            return f"refused with status {error.response.status_code}"
        case InvalidMessage() | EOFError():
            return "cut in the middle of the handshake"
        case ConnectionClosed():
            code = error.rcvd.code if error.rcvd is not None else 1006
            return f"cut with code {code}"
        case TimeoutError():
            return f"no answer in {OPEN_S:.0f} s"
        case socket.gaierror():
            return "the host's name can't be resolved"
        case ssl.SSLError():
            return f"TLS failed: {error.reason or 'no reason given'}"
        case OSError() if error.strerror:
            return error.strerror.lower()
    return type(error).__name__
