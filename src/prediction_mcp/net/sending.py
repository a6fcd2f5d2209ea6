"""One request over HTTP: wait for tokens → sign → send → map errors → retry. For the clients of all platforms.

What is retried: a 429 always, because nothing happened; a lost connection, a time-out or a 5xx only where sending the
same thing twice is the same as sending it once (``idempotent``). Each try is made, and so signed, afresh. Waits have
full jitter. A platform brings its own classes of errors, its buckets, and what an answer means.

All tries together, waits and bodies included, end with the call's deadline (:mod:`.deadline`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import httpx
from loguru import logger
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from .deadline import request_seconds
from .errors import NotAnswered, PlatformError, TooMany
from .measured import Measured
from .outward import http_client

Query = Mapping[str, object]
"""Parameters by name; None leaves one out, a list repeats it."""

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
"""Seconds of silence; how long an answer may take altogether is the deadline's affair."""
MOST_IDLE = 20
CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=MOST_IDLE)
"""No number that requests which hang could use up: a cancel never waits for their connections."""
LONGEST_WAIT_S = 30.0
"""A request that would wait longer for its tokens is refused with a sentence instead."""
WORTH_SAYING_S = 2.0
_NOT_SENT = (
    httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError,
)  # fmt: skip
"""A proxy's refusal comes before the request leaves."""


class Bucket(Protocol):
    """Tokens of a rate limit, in this process or shared by several."""

    def expected_wait(self, cost: float) -> float: ...

    async def acquire(self, cost: float, *, urgent: bool = False) -> None: ...

    def drain(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Request:
    """One try: what is sent where. ``path`` follows the base address and is quoted already."""

    method: str
    path: str
    query: Query | None = None
    content: bytes | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Meanings:
    """A platform's own errors: an answer that isn't a success, no usable answer, a wait or a request that is too long.

    ``not_answered`` takes the sentence and whether the request may have reached the platform.
    """

    refused: Callable[[int, bytes], PlatformError]
    not_answered: Callable[[str, bool], PlatformError]
    budget_spent: Callable[[str], PlatformError]
    unsendable: Callable[[str], PlatformError]


class Sender:
    """HTTP to one base URL, with keep-alive.

    Args:
        base_url: what every path follows.
        who: as sentences name the other side ("The exchange").
        meanings: the platform's errors.
        max_tries: tries of one request, the first included.
        http: a client of your own, for tests; closed by :meth:`close` all the same.
    """

    def __init__(
        self, base_url: str, who: str, meanings: Meanings, *, max_tries: int = 6, http: httpx.AsyncClient | None = None
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._who = who
        self._meanings = meanings
        self._max_tries = max_tries
        self.measured = Measured()
        self._http = http or http_client(self.base_url, timeout=TIMEOUT, limits=CONNECTIONS)

    async def close(self) -> None:
        await self._http.aclose()

    async def send(
        self,
        made: Callable[[], Request],
        bucket: Bucket,
        cost: float,
        *,
        writes: bool = False,
        idempotent: bool = True,
        urgent: bool = False,
        name: str = "",
    ) -> bytes:
        """One request with all its tries; returns the answer's body. ``made`` makes each try afresh.

        Under its ``name`` each try is counted in ``measured``.

        Raises:
            PlatformError: the class says what happened. ``maybe_done`` on it is True when an earlier try was lost on
                the way, so that its effect is unknown.
        """
        lost: NotAnswered | None = None
        loop, paid = asyncio.get_running_loop(), False
        if not (seconds := request_seconds(writes=writes)):
            raise self._meanings.not_answered("The call's time was over before this could be sent: try again.", False)
        ends = loop.time() + seconds

        def may_retry(error: BaseException) -> bool:
            nonlocal lost
            if isinstance(error, TooMany):
                bucket.drain()
                return True
            if isinstance(error, NotAnswered):
                lost = error if error.sent else lost
                return idempotent or not error.sent
            return False

        def stops(state: RetryCallState) -> bool:
            return state.attempt_number >= self._max_tries or loop.time() + state.upcoming_sleep >= ends

        try:
            async for attempt in AsyncRetrying(
                stop=stops,
                wait=wait_random_exponential(multiplier=0.25, max=8),
                retry=retry_if_exception(may_retry),
                before_sleep=_log_retry,
                reraise=True,
            ):
                with attempt:
                    paid = False
                    await self._granted(bucket, cost, ends, urgent=urgent)
                    paid = True
                    return await self._measured(made(), name, ends)
        except PlatformError as error:
            told = error if paid or lost is None else lost  # what was lost matters more than a budget that is used up
            told.maybe_done = lost is not None
            raise told from error.__cause__
        raise AssertionError("tenacity either returns or raises")

    async def _granted(self, bucket: Bucket, cost: float, ends: float, *, urgent: bool) -> None:
        """Wait for tokens. Raises ``budget_spent`` where that takes too long."""
        wait = bucket.expected_wait(cost)
        if wait > LONGEST_WAIT_S and not urgent:
            raise self._meanings.budget_spent(
                f"The rate budget is used up for the next {wait:.0f} s by calls that wait already: try then."
            )
        if wait > WORTH_SAYING_S:
            logger.warning("waiting {:.1f} s for the rate budget", wait)
        try:
            async with asyncio.timeout_at(ends):
                await bucket.acquire(cost, urgent=urgent)
        except TimeoutError:
            raise self._meanings.budget_spent(
                "The rate budget was used up by other calls for as long as this one could wait: try again."
            ) from None

    async def _measured(self, request: Request, name: str, ends: float) -> bytes:
        begun = time.monotonic()
        try:
            content = await self._try(request, ends)
        except PlatformError as error:
            self.measured.note(name, error, time.monotonic() - begun)
            raise
        self.measured.note(name, None, time.monotonic() - begun)
        return content

    async def _try(self, request: Request, ends: float) -> bytes:
        headers = {"Content-Type": "application/json"} if request.content is not None else {}
        left = _Leaving()
        try:
            async with asyncio.timeout_at(ends) as timer:
                response = await self._http.request(
                    request.method,
                    self.base_url + request.path,
                    params=_params(request.query),
                    content=request.content,
                    headers={**headers, **(request.headers or {})},
                    extensions={"trace": left},
                )
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise self._unanswered("didn't answer in time", sent=left.began) from error
        except httpx.RequestError as error:
            sent = not isinstance(error, _NOT_SENT)
            what = "didn't answer in time" if isinstance(error, httpx.TimeoutException) else "can't be reached"
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                what = "shows a certificate that isn't trusted here (SSL_CERT_FILE, or a proxy)"
            raise self._unanswered(what, sent=sent) from error
        except httpx.InvalidURL:
            raise self._meanings.unsendable("That is too much for one request: ask for less at once.") from None
        self.measured.heard(response.headers.get("date"))
        if response.is_success:
            return response.content
        raise self._meanings.refused(response.status_code, response.content)

    def _unanswered(self, what: str, *, sent: bool) -> PlatformError:
        return self._meanings.not_answered(
            f"{self._who} at {urlsplit(self.base_url).netloc} {what}: try again later.", sent
        )


class _Leaving:
    """httpx's trace of one request: whether any byte of it may have left, which a cut-off doesn't say by itself."""

    def __init__(self) -> None:
        self.began = False

    async def __call__(self, event: str, _: Mapping[str, object]) -> None:
        self.began = self.began or event.endswith("send_request_headers.started")


def _params(query: Query | None) -> dict[str, str | int | list[str]] | None:
    if not query:
        return None
    made: dict[str, str | int | list[str]] = {}
    for name, value in query.items():
        if value is None:
            continue
        if isinstance(value, bool):
            made[name] = "true" if value else "false"
        elif isinstance(value, str | int):
            made[name] = value
        elif isinstance(value, Sequence):
            made[name] = [str(item) for item in value]
        else:
            raise TypeError(f"{name} can't be a query parameter: {type(value).__name__}")
    return made


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.info("try {} failed ({}), again in {:.2f} s", state.attempt_number, error, state.upcoming_sleep)
