"""Whether everything that is needed is there: each part ok, degraded or down, with what is the matter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

from prediction_mcp.desk.kalshi.discovery.status import pause_of
from prediction_mcp.desk.results import Answer, Result
from prediction_mcp.net.deadline import within
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.safety.index import QUICK_S
from prediction_mcp.safety.journal import JournalError

from .alerts.service import NOBODY, works

if TYPE_CHECKING:
    from .desk import Desk

State = Literal["ok", "degraded", "down"]
PATIENCE_S = 5.0
"""How long a part may take to answer."""
NO_REDIS = "Redis doesn't answer at REDIS_URL"
NEEDED = frozenset({"exchange"})
"""Without these nothing can be answered; without the others something is missing."""


class Part(Result):
    name: str
    state: State
    said: str | None = None


class Health(Answer):
    """``ready``: what is asked can be answered; ``state`` is the worst that matters."""

    state: State
    ready: bool
    parts: list[Part]


Looked = tuple[State, str | None]


async def health(desk: Desk, feed: str | None = None) -> Health:
    """Look at every part at once; ``feed`` is the state of this worker's own, where it has one."""
    looks: dict[str, Callable[[], Awaitable[Looked]]] = {
        "exchange": lambda: _exchange(desk), "database": lambda: _database(desk), "worker": lambda: _worker(desk),
        "budget": lambda: _budget(desk), "journal": lambda: _journal(desk),
    }  # fmt: skip
    if desk.account.settings.redis_url is not None:
        looks["redis"] = lambda: _redis(desk)
    found = await asyncio.gather(*(_looked(look) for look in looks.values()))
    parts = [Part(name=name, state=state, said=said) for name, (state, said) in zip(looks, found, strict=True)]
    if feed is not None:
        live = feed in ("live", "idle", "none")
        parts.append(Part(name="feed", state="ok" if live else "degraded", said=None if live else f"it is {feed}"))
    ready = all(part.state != "down" for part in parts if part.name in NEEDED)
    worst: State = "down" if not ready else "degraded" if any(p.state != "ok" for p in parts) else "ok"
    return Health(source=desk.environment, state=worst, ready=ready, parts=parts)


async def _looked(look: Callable[[], Awaitable[Looked]]) -> Looked:
    try:
        async with within(PATIENCE_S, f"no answer within {PATIENCE_S:.0f} s"):
            return await look()
    except (PlatformError, JournalError) as error:
        return "down", str(error)


async def _exchange(desk: Desk) -> Looked:
    pause = pause_of(await desk.account.kalshi.exchange.status())
    return ("ok", None) if pause is None else ("degraded", pause)


async def _database(desk: Desk) -> Looked:
    await desk.workers.jobs()
    return "ok", None


async def _worker(desk: Desk) -> Looked:
    if not await works(desk):
        return "degraded", NOBODY
    failing = [job for job in await desk.workers.jobs() if job.failures]
    if failing:
        return "degraded", "; ".join(f"{job.name} failed {job.failures} times in a row: {job.said}" for job in failing)
    return "ok", None


async def _budget(desk: Desk) -> Looked:
    low = [lane for lane, bucket in desk.account.kalshi.transport.limiter.buckets.items() if bucket.tokens <= 0]
    return ("degraded", f"calls of {', '.join(low)} wait for the rate limit") if low else ("ok", None)


async def _journal(desk: Desk) -> Looked:
    halted = desk.account.halted_by()
    if halted is not None:
        return "degraded", f"trading is halted {halted}"
    home = desk.account.settings.safety_home
    if home is None or not home.exists():
        return "ok", None
    records = desk.account.records(QUICK_S)
    left = len(records.unsettled())
    return ("degraded", f"{left} writes have no known outcome yet") if left else ("ok", None)


async def _redis(desk: Desk) -> Looked:
    from prediction_mcp.net.caching import answers

    url = desk.account.settings.redis_url
    assert url is not None  # noqa: S101 - asked for only where it is set
    return ("ok", None) if await answers(url.get_secret_value(), PATIENCE_S) else ("down", NO_REDIS)
