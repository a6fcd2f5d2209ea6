"""One request of Kalshi's: what is signed, which bucket pays, what an answer means. The sending is `net.sending`'s."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import orjson
from pydantic import BaseModel

from prediction_mcp.net.sending import Meanings, Query, Request, Sender

from .answers import error_for
from .auth import Signer
from .errors import (
    AuthenticationError,
    BudgetSpentError,
    CredentialsError,
    InvalidRequestError,
    PermissionDeniedError,
    SendError,
)
from .kinds import KINDS
from .parsing import M, parse, parsed
from .rate_limit import RateLimiter

if TYPE_CHECKING:
    import httpx

    from prediction_mcp.net.caching import ReadCache
    from prediction_mcp.net.measured import Measured

Ids = Mapping[str, str]
"""What fills a path template's parameters."""
MEANINGS = Meanings(
    error_for, lambda sentence, sent: SendError(sentence, sent=sent), BudgetSpentError, InvalidRequestError
)


class Transport:
    """HTTP to one base URL, with keep-alive, for one account or none.

    Args:
        base_url: up to and including ``/trade-api/v2``.
        signer: None for public reads only.
        limiter: the token buckets; shared by all users of the account in this process.
        max_tries: tries of one request, the first included.
        http: a client of your own, for tests; closed by :meth:`close` all the same.
        cache: answers that are kept for a moment, for reads that may be answered so; closed with this.
    """

    def __init__(
        self,
        base_url: str,
        signer: Signer | None = None,
        limiter: RateLimiter | None = None,
        *,
        max_tries: int = 6,
        http: httpx.AsyncClient | None = None,
        cache: ReadCache | None = None,
    ) -> None:
        self.signer = signer
        self.cache = cache
        self.limiter = limiter or RateLimiter()
        self._sender = Sender(base_url, "The exchange", MEANINGS, max_tries=max_tries, http=http)
        self.base_url = self._sender.base_url
        self._prefix = urlsplit(self.base_url).path
        self._key_reads: bool | None = None
        """Whether the key may read, as was seen: True once it did, False once a public read was refused it."""

    @property
    def measured(self) -> Measured:
        """What requests came to so far."""
        return self._sender.measured

    async def close(self) -> None:
        if self.cache is not None:
            await self.cache.close()
        await self._sender.close()

    async def get(
        self, model: type[M], template: str, ids: Ids | None = None, *, signed: bool = False, query: Query | None = None
    ) -> M:
        """GET and parse."""

        def meant(content: bytes) -> M:
            return parse(model, content, f"GET {template}")

        def read() -> Awaitable[bytes]:
            return self.send("GET", template, ids, signed=signed, query=query)

        if self.cache is None or (kind := KINDS.get(template)) is None:
            return meant(await read())
        given = {**(ids or {}), **{name: value for name, value in (query or {}).items() if value is not None}}
        name = f"{template}?{sorted((key, str(value)) for key, value in given.items())}"
        return await self.cache.through(kind, name, read, meant)

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
        sent = orjson.dumps(body.model_dump(exclude_none=True)) if body is not None else None
        cost = self.limiter.cost(method, template, items)
        lent = not signed and self._key_reads is True and self.limiter.better_signed(cost)
        signed = signed or lent
        bucket = self.limiter.buckets[self.limiter.lane(method, template, signed=signed)]

        def made() -> Request:
            headers = self.signer.headers(method, self._prefix + path) if signed and self.signer is not None else None
            return Request(method, path, query, sent, headers)

        try:
            content = await self._sender.send(
                made, bucket, cost, writes=method != "GET", idempotent=idempotent, urgent=urgent,
                name=f"{method} {template}",
            )  # fmt: skip
            if signed and method == "GET" and self._key_reads is None:
                self._key_reads = True
            return content
        except (AuthenticationError, PermissionDeniedError):
            if not lent:
                raise
            self._key_reads = False  # what anybody may read isn't lost with a key
            return await self.send(method, template, ids, signed=False, query=query)
        finally:
            if self.cache is not None and method != "GET":  # also where no answer came: it may have been done
                self.cache.changed()
