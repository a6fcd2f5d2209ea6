"""Documents that a platform points to, fetched with the caution that somebody else's address deserves."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from urllib.parse import urljoin, urlsplit

import httpx

from .deadline import within
from .errors import MissingError, PlatformError
from .outward import http_client

MOST_BYTES = 8 << 20
MOST_REDIRECTS = 3
TIMEOUT_S = 15.0
REDIRECTS = (301, 302, 303, 307, 308)


class DocumentError(PlatformError):
    """A document can't be had; the message says why. Nothing was changed anywhere."""


async def fetch(url: str, *, trusted: str = "", most: int = MOST_BYTES) -> bytes:
    """A document's content.

    Only over https, and only from the internet: an address that a listing names must not make this machine ask its own
    network. ``trusted`` is a base URL that the user chose (a paper exchange's), whose host and port aren't checked.

    Raises:
        DocumentError: the address isn't one to ask, the answer is no document or is longer than ``most`` bytes.
        MissingError: there is none.
        DeadlineError: it didn't come whole within ``TIMEOUT_S``.
    """
    async with within(TIMEOUT_S, f"{_host(url)} takes too long: try again later."):
        return await _followed(url, trusted, most)


async def _followed(url: str, trusted: str, most: int) -> bytes:
    own = _is_trusted(url, trusted)  # a proxy of the environment can't reach an exchange on this machine
    async with http_client(url, follows=not own, timeout=TIMEOUT_S) as http:
        for _ in range(MOST_REDIRECTS + 1):
            await _check(url, trusted)
            try:
                async with http.stream("GET", url) as answer:
                    if answer.status_code in REDIRECTS and "location" in answer.headers:
                        url = urljoin(url, answer.headers["location"])
                        continue
                    if answer.status_code in (403, 404):
                        raise MissingError(f"There is no document at {_host(url)} any more ({answer.status_code}).")
                    if not answer.is_success:
                        raise DocumentError(f"{_host(url)} answered {answer.status_code}: try again later.")
                    return await _read(answer, most)
            except httpx.HTTPError as error:
                raise DocumentError(f"{_host(url)} can't be reached ({type(error).__name__}): try again.") from error
    raise DocumentError(f"{_host(url)} leads on and on: nothing was read.")


async def _read(answer: httpx.Response, most: int) -> bytes:
    content = bytearray()
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > most:
            raise DocumentError(f"The document is longer than {most >> 20} MiB: nothing was read.")
    return bytes(content)


async def _check(url: str, trusted: str) -> None:
    """Raises DocumentError for an address that isn't to be asked."""
    parts = urlsplit(url)
    if _is_trusted(url, trusted):
        return
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.port not in (None, 443):
        raise DocumentError("The document's address isn't a plain https one: nothing was read.")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, 443, type=socket.SOCK_STREAM)
    except OSError:
        raise DocumentError(f"{_host(url)} isn't known: try again later.") from None
    if not all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_global for *_, address in found):
        raise DocumentError(f"{_host(url)} isn't on the internet: nothing was read.")


def _is_trusted(url: str, trusted: str) -> bool:
    return bool(trusted) and urlsplit(url)[:2] == urlsplit(trusted)[:2]


def _host(url: str) -> str:
    return urlsplit(url).hostname or "The document's host"
