"""One request: sign → wait for tokens → send → map errors → retry. The only module that knows HTTP.

What is retried: a 429 always, because nothing happened; a lost connection, a time-out or a 5xx only where sending the
same thing twice is the same as sending it once (``idempotent``). Each try is signed afresh. Waits have full jitter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

import httpx
import orjson
from loguru import logger
from pydantic import BaseModel
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from .answers import error_for
from .auth import Signer
from .errors import BudgetSpentError, CredentialsError, KalshiError, RateLimitedError, SendError
from .parsing import M, parse, parsed
from .rate_limit import Lane, RateLimiter

Query = Mapping[str, object]
"""Parameters by name; None leaves one out, a list repeats it."""
Ids = Mapping[str, str]
"""What fills a path template's parameters."""

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
LOOPBACK = ("127.0.0.1", "::1", "localhost")
LONGEST_WAIT_S = 30.0
"""A request that would wait longer for its tokens is refused with a sentence instead."""
WORTH_SAYING_S = 2.0
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Transport:
    """HTTP to one base URL, with keep-alive, for one account or none.

    Args:
        base_url: up to and including ``/trade-api/v2``.
        signer: None for public reads only.
        limiter: the token buckets; shared by all users of the account in this process.
        max_tries: tries of one request, the first included.
        http: a client of your own, for tests; closed by :meth:`close` all the same.
    """

    def __init__(
        self,
        base_url: str,
        signer: Signer | None = None,
        limiter: RateLimiter | None = None,
        *,
        max_tries: int = 6,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.signer = signer
        self.limiter = limiter or RateLimiter()
        self._prefix = urlsplit(self.base_url).path
        self._max_tries = max_tries
        on_this_machine = urlsplit(self.base_url).hostname in LOOPBACK  # a proxy of the environment can't reach that
        self._http = http or httpx.AsyncClient(timeout=TIMEOUT, trust_env=not on_this_machine)

    async def close(self) -> None:
        await self._http.aclose()

    async def get(
        self, model: type[M], template: str, ids: Ids | None = None, *, signed: bool = False, query: Query | None = None
    ) -> M:
        """GET and parse."""
        content = await self.send("GET", template, ids, signed=signed, query=query)
        return parse(model, content, f"GET {template}")

    async def write(
        self,
        model: type[M],
        method: str,
        template: str,
        ids: Ids | None = None,
        *,
        query: Query | None = None,
        body: BaseModel | None = None,
        idempotent: bool = True,
        urgent: bool = False,
    ) -> M:
        """Write and parse. Raises as :meth:`send`, and for a refusal that came as a success."""
        content = await self.send(method, template, ids, query=query, body=body, idempotent=idempotent, urgent=urgent)
        return parsed(model, content or b"{}", f"{method} {template}")

    async def send(
        self,
        method: str,
        template: str,
        ids: Ids | None = None,
        *,
        signed: bool = True,
        query: Query | None = None,
        body: BaseModel | None = None,
        idempotent: bool = True,
        urgent: bool = False,
        items: int = 1,
    ) -> bytes:
        """One request with all its tries; returns the answer's body.

        Raises:
            KalshiError: the class says what happened. ``maybe_done`` on it is True when an earlier try was lost on the
                way, so that its effect is unknown.
        """
        if signed and self.signer is None:
            raise CredentialsError("This needs an API key and its private key.")
        path = template.format(**{name: quote(value, safe="") for name, value in (ids or {}).items()})
        content = orjson.dumps(body.model_dump(exclude_none=True)) if body is not None else None
        lane = self.limiter.lane(method, template, signed=signed)
        cost = self.limiter.cost(method, template, items)
        lost = False

        def may_retry(error: BaseException) -> bool:
            nonlocal lost
            if isinstance(error, RateLimitedError):
                self.limiter.buckets[lane].drain()
                return True
            if isinstance(error, SendError):
                lost = lost or error.sent
                return idempotent or not error.sent
            return False

        try:
            async for attempt in AsyncRetrying(
                stop=stop_after_attempt(self._max_tries),
                wait=wait_random_exponential(multiplier=0.25, max=8),
                retry=retry_if_exception(may_retry),
                before_sleep=_log_retry,
                reraise=True,
            ):
                with attempt:
                    self._check_wait(lane, cost, urgent=urgent)
                    await self.limiter.buckets[lane].acquire(cost, urgent=urgent)
                    return await self._try(method, path, query, content, signed=signed)
        except KalshiError as error:
            error.maybe_done = lost
            raise
        raise AssertionError("tenacity either returns or raises")

    def _check_wait(self, lane: Lane, cost: int, *, urgent: bool) -> None:
        """Waiting beats failing, but nobody should wait for minutes without being told."""
        wait = self.limiter.buckets[lane].expected_wait(cost)
        if wait > LONGEST_WAIT_S and not urgent:
            raise BudgetSpentError(
                f"The rate budget is used up for the next {wait:.0f} s by calls that wait already: try then."
            )
        if wait > WORTH_SAYING_S:
            logger.warning("waiting {:.1f} s for the account's rate budget", wait)

    async def _try(self, method: str, path: str, query: Query | None, content: bytes | None, *, signed: bool) -> bytes:
        headers = {"Content-Type": "application/json"} if content is not None else {}
        if signed and self.signer is not None:
            headers |= self.signer.headers(method, self._prefix + path)
        try:
            response = await self._http.request(
                method, self.base_url + path, params=_params(query), content=content, headers=headers
            )
        except httpx.RequestError as error:
            sent = not isinstance(error, _NOT_SENT)
            what = "didn't answer in time" if isinstance(error, httpx.TimeoutException) else "can't be reached"
            raise SendError(
                f"The exchange at {urlsplit(self.base_url).netloc} {what}: try again later.", sent=sent
            ) from error
        if response.is_success:
            return response.content
        raise error_for(response.status_code, response.content)


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
