"""Answers that are kept for a moment, in memory or in a Redis that several servers share.

Nothing is taken from it unless the work at hand allows it (:func:`allowing`): what an order is decided on never does.
What was taken says since when it was true, so that an answer can say so.

Keys carry a number that grows with each order of ours and each fill: what was read before is never found again, also
where its reading ended after. For some seconds after that nothing of the account is kept, since reads lag. No order
waits for it: the number is raised beside, and this process takes nothing from the cache until that is done.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeVar

from loguru import logger

from .deadline import background
from .errors import PlatformError

if TYPE_CHECKING:
    from cashews import Cache

T = TypeVar("T")
Kind = Literal["prices", "balances", "market data", "portfolio", "transactions", "series"]
LIFE_S: Mapping[Kind, float] = {
    "prices": 10, "balances": 30, "market data": 60, "portfolio": 60, "transactions": 300, "series": 3600,
}  # fmt: skip
"""How long an answer of each kind is good for."""
SHARED: frozenset[Kind] = frozenset({"market data", "series"})
"""The same for every account, and nothing that an order changes."""
LAG_S = 12
"""Seconds after an order or a fill in which reads may still be as before."""
LATER_S = 2.0
"""The library takes half a second to load: that waits until the first answers are out."""
AGAIN_S = 30.0
"""How long a store that failed is left alone."""
LONGEST = 100_000
"""Bytes of an answer that is kept."""
MEMORY = "mem://?size=400"
"""So at most 40 MB."""


@dataclass(slots=True)
class Reading:
    """What a piece of work took from the cache: since when the oldest of it was true."""

    oldest: float | None = None


_reading: ContextVar[Reading | None] = ContextVar("reading", default=None)


@contextmanager
def allowing() -> Iterator[Reading]:
    """Within this block reads may be answered from the cache."""
    reading = Reading()
    token = _reading.set(reading)
    try:
        yield reading
    finally:
        _reading.reset(token)


def oldest() -> datetime | None:
    """Since when what was taken from the cache is true; None where nothing was."""
    reading = _reading.get()
    return None if reading is None or reading.oldest is None else datetime.fromtimestamp(reading.oldest, UTC)


@dataclass
class ReadCache:
    """The cache of one account.

    Args:
        platform: names what is the same for all accounts; account: names this one. Neither may hold a secret.
        url: of a Redis; memory without it.
    """

    platform: str
    account: str
    url: str | None = None
    hits: Counter[str] = field(default_factory=Counter)
    misses: Counter[str] = field(default_factory=Counter)
    _store: Cache | None = None
    _work: set[asyncio.Task[None]] = field(default_factory=set)
    _loads: bool = False
    _rises: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _closed_until: float = 0.0

    async def through(
        self, kind: Kind, name: str, read: Callable[[], Awaitable[bytes]], parse: Callable[[bytes], T]
    ) -> T:
        """An answer, parsed: from the cache where that is allowed and it is there, else read and kept.

        What lies in the cache and can't be parsed is no answer: it is read anew.
        """
        reading = _reading.get()
        if reading is not None and self._store is None:
            self._load()
        if reading is None or self._store is None or self._rises or time.monotonic() < self._closed_until:
            return parse(await read())
        if (key := await self._key(kind, name)) is None:
            return parse(await read())
        if (found := await self._get(key, kind)) is not None:
            moment, body = found
            with suppress(PlatformError):
                answer = parse(body)
                self.hits[kind] += 1
                reading.oldest = moment if reading.oldest is None else min(moment, reading.oldest)
                return answer
        self.misses[kind] += 1
        began = time.time()
        body = await read()
        if len(body) <= LONGEST:
            await self._try(lambda store: store.set(key, b"%.6f " % began + body, expire=LIFE_S[kind]))
        return parse(body)

    def changed(self) -> None:
        """Something of the account changed: forget what was read of it, and what orders may have changed."""
        if self.url is None and self._store is None:
            return  # nothing was kept yet
        self._rises += 1
        self._beside(self._raise())

    async def _raise(self) -> None:
        try:
            await self._open()
            number, quiet = self._names()
            quieted = await self._try(lambda store: store.set(quiet, b"1", expire=LAG_S))
            if quieted is None or await self._try(lambda store: store.incr(number)) is None:
                self._closed_until = time.monotonic() + LIFE_S["portfolio"]  # until what is kept is too old anyway
        finally:
            self._rises -= 1

    def _beside(self, work: Coroutine[None, None, None]) -> None:
        task = background(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def settled(self) -> None:
        """Wait until what goes on beside is done: the library's loading, a change that is told."""
        await asyncio.gather(*self._work)

    async def close(self) -> None:
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        if self._store is not None:
            with suppress(Exception):  # a store that failed can't be closed well
                await self._store.close()
            self._store = None

    # -- the store -----------------------------------------------------------------------------------------------

    def _names(self) -> tuple[str, str]:
        return f"prediction-mcp/{self.account}/number", f"prediction-mcp/{self.account}/quiet"

    async def _key(self, kind: Kind, name: str) -> str | None:
        """Where an answer is kept; None where none may be, or the store fails."""
        if kind in SHARED:
            return f"prediction-mcp/{self.platform}/{name}"
        number, quiet = self._names()
        found = await self._try(lambda store: store.get_many(number, quiet))
        if found is None or (found[1] is not None and kind != "transactions"):
            return None
        return f"prediction-mcp/{self.account}/{found[0] or 0}/{name}"

    async def _get(self, key: str, kind: Kind) -> tuple[float, bytes] | None:
        """What is kept, with since when it is true; None for what isn't there, or says a time that can't be."""
        kept = await self._try(lambda store: store.get(key))
        if not isinstance(kept, bytes):
            return None
        text, _, body = kept.partition(b" ")
        try:
            moment = float(text)
        except ValueError:  # somebody else's words: they are no answer
            return None
        age = time.time() - moment  # the clock may have jumped, too
        return (moment, body) if -1 < age <= LIFE_S[kind] + 1 else None

    def _load(self) -> None:
        if not self._loads:
            self._loads = True
            self._beside(self._later())

    async def _later(self) -> None:
        await asyncio.sleep(LATER_S)
        await self._open()

    async def _open(self) -> None:
        async with self._lock:
            if self._store is None:
                self._store = await asyncio.to_thread(_made, self.url or MEMORY)
                await self._try(_initialised)

    async def _try(self, ask: Callable[[Cache], Awaitable[T]]) -> T | None:
        """Ask the store; one that fails is left alone for a while and stops nothing."""
        if self._store is None:
            return None
        try:
            async with asyncio.timeout(1.0):
                return await ask(self._store)
        except Exception as error:  # noqa: BLE001 - whatever a store does, reading goes on without it
            self._closed_until = time.monotonic() + AGAIN_S
            logger.warning("the cache isn't used for {:.0f} s: {}", AGAIN_S, type(error).__name__)
            return None


async def _initialised(store: Cache) -> bool:
    await store.init()
    return True


def _made(url: str) -> Cache:
    """A store that keeps bytes and nothing that could run: what lies in a Redis may be anybody's."""
    from cashews import Cache

    store = Cache()
    if url == MEMORY:
        store.setup(url, pickle_type="null")
    else:
        store.setup(url, pickle_type="null", suppress=False)
    return store


async def answers(url: str, patience_s: float) -> bool:
    """Whether a Redis answers."""
    import redis.asyncio as redis

    client = redis.from_url(url, socket_connect_timeout=patience_s, socket_timeout=patience_s)
    try:
        await client.ping()
    except (redis.RedisError, OSError):
        return False
    finally:
        await client.aclose()
    return True
