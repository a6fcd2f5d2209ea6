"""Three processes of one user on one account: what they use of its budget together, and whether any of it earns a 429.

A paper exchange of the smallest tier in a process of its own; three processes read and write as fast as they are let,
one of them is killed a third of the way, and cancels are timed among them. The reference is the account's own refill;
beside it the same with a budget for each process alone, as it was.

    python benchmarks/shared_budget.py [seconds]
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from loguru import logger

from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.auth import signer_from_pem
from prediction_mcp.kalshi.errors import NotFoundError, RateLimitedError
from prediction_mcp.kalshi.resources.orders import ORDERS
from prediction_mcp.net.sending import Sender

REFILL = {"read": 200, "write": 100}
NONE = "00000001-0000-4000-8000-0000000fffff"
SETTLE_S = 2.0
"""The burst at the beginning is left out."""


def exchange(pipe: Connection) -> None:
    async def run() -> None:
        made = Exchange(seed=1, scenario="small", read_lag_ms=0)
        key = made.issue_key(made.add_member(tier="basic"))
        async with serve(made, with_crowd=False) as url:
            pipe.send((url, *key))
            await asyncio.to_thread(pipe.recv)

    asyncio.run(run())


def worker(url: str, key: str, pem: str, folder: str | None, seconds: float, pipe: Connection) -> None:
    """Reads, writes and cancels as fast as the buckets let it; tells (when, what, tokens) of each answer."""

    logger.disable("prediction_mcp")

    async def run() -> None:
        real = Sender._try

        async def watched(self: Sender, *args: Any, **kwargs: Any) -> bytes:
            try:
                return await real(self, *args, **kwargs)
            except RateLimitedError:
                pipe.send((time.monotonic(), "429", 1))
                raise

        Sender._try = watched  # type: ignore[method-assign]
        until = time.monotonic() + seconds
        async with KalshiClient(url, signer_from_pem(key, pem), budget=Path(folder) if folder else None) as kalshi:

            async def reads() -> None:
                while time.monotonic() < until:
                    with contextlib.suppress(RateLimitedError):
                        await kalshi.portfolio.positions(limit=1)
                    pipe.send((time.monotonic(), "read", 10))

            async def writes() -> None:
                while time.monotonic() < until:
                    with contextlib.suppress(NotFoundError, RateLimitedError):
                        await kalshi.transport.send("DELETE", "/portfolio/order_groups/{id}", {"id": NONE})
                    pipe.send((time.monotonic(), "write", 10))

            async def cancels() -> None:
                while time.monotonic() < until:
                    started = time.monotonic()
                    with contextlib.suppress(NotFoundError, RateLimitedError):
                        await kalshi.transport.send("DELETE", ORDERS + "/{id}", {"id": NONE}, urgent=True)
                    pipe.send((time.monotonic(), "cancel", 2))
                    pipe.send((time.monotonic(), "wait", time.monotonic() - started))
                    await asyncio.sleep(1)

            await asyncio.gather(*(reads() for _ in range(3)), *(writes() for _ in range(2)), cancels())

    asyncio.run(run())


def listen(pipe: Connection, events: list[tuple[float, str, float]]) -> None:
    """Keep what a worker tells, until it ends or is killed."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            events.append(pipe.recv())


def measure(seconds: float, *, shared: bool) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=exchange, args=(theirs,))
    server.start()
    url, key, pem = ours.recv()
    events = list[tuple[float, str, float]]()
    with tempfile.TemporaryDirectory() as folder:
        listeners, workers = [], []
        for _ in range(3):
            mine, its = context.Pipe()
            process = context.Process(target=worker, args=(url, key, pem, folder if shared else None, seconds, its))
            process.start()
            its.close()
            workers.append(process)
            listeners.append(threading.Thread(target=listen, args=(mine, events)))
            listeners[-1].start()
        time.sleep(seconds * 2 / 3)
        workers[0].kill()
        for process in workers:
            process.join()
        for listener in listeners:
            listener.join()
    ours.send(None)
    server.join()
    reads = [at for at, what, _ in events if what == "read"]
    first, last = min(reads) + SETTLE_S, max(reads)
    used = {
        lane: sum(tokens for at, what, tokens in events if what in names and first < at <= last) / (last - first)
        for lane, names in (("read", {"read"}), ("write", {"write", "cancel"}))
    }
    waits = sorted(took for _, what, took in events if what == "wait")
    refused = sum(what == "429" for _, what, _ in events)
    who, read, write = "one budget for all" if shared else "a budget for each", used["read"], used["write"]
    print(
        f"{who:>18}: {read / REFILL['read']:.1%} of reading and {write / REFILL['write']:.1%} of writing used; "
        f"a cancel takes {waits[len(waits) // 2] * 1000:.0f} ms (p50), {waits[-1] * 1000:.0f} ms at most; "
        f"{refused} answers 429"
    )


if __name__ == "__main__":
    logger.disable("prediction_mcp")
    length = float(sys.argv[1]) if len(sys.argv) > 1 else 15.0
    print(
        f"reference: the account's refill, {REFILL['read']} tokens of reading and {REFILL['write']} of writing a second"
    )
    measure(length, shared=True)
    measure(length, shared=False)
