"""A trailing stop, a bracket and a large order in slices, followed by hand: a real stdio server whose worker trades, a
real client whose user answers, and an exchange on which nothing moves but what this script moves.

make transcript
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport

from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from tests.automation.conftest import hold, quote
from tests.conftest import MARKET, Served

from .session import Json, Session, written

FILES = {"auto": "transcript-standing-2026-07-28.md", "legacy": "transcript-standing-handshake.md"}
INTRODUCTION = [
    "A real client and a real server over stdio with `TOOLSETS=automation`, whose worker does what is told here while",
    "the conversation goes on. The market is moved by hand and by nobody else: each move stands in brackets, what the",
    "server asked the user behind “asked”. Long lists and texts are cut here, not by the server.",
    "`make transcript` writes this page anew.",
]
PATIENCE_S = 150.0


class Followed(Session):
    """A session with a hand on the market."""

    served: Served

    def moves(self, bid: int, ask: int) -> None:
        """Everybody quotes this from now on."""
        quote(self.served, bid, ask)
        self.lines += ["", f"(The market is {bid}¢ bid, {ask}¢ asked.)"]

    async def until(self, so: Callable[[Json], bool]) -> None:
        """Wait until the newest standing order is as it should become."""
        end = time.monotonic() + PATIENCE_S
        while not so((await self.quietly("get_standing_orders", status="all"))["orders"][0]):
            if time.monotonic() > end:
                raise TimeoutError("the worker didn't do it")
            await asyncio.sleep(0.2)

    async def answer(self, message: str, *_: Any) -> ElicitResult[Any]:
        self.lines += ["", *(f"> {line}".rstrip() for line in f"asked: {message}".splitlines()), "", "**You:** Yes."]
        return ElicitResult(action="accept", content={"confirm": True})


def stop_at(cents: int) -> Callable[[Json], bool]:
    return lambda order: order.get("stop_at") == cents / 100


def is_done(order: Json) -> bool:
    return bool(order["state"] == "done")


async def play(ask: Followed) -> None:
    hold(ask.served, 40, 50)
    ask.moves(50, 52)
    ask.lines += ["", "(You hold 40 YES, bought at 50¢.)"]
    ask.say("Follow it up, and sell all of it once it is 5 cents below its best.")
    await ask("create_standing_order", kind="trailing_stop", ticker=MARKET, trail=5)
    for bid, stop in ((55, 50), (61, 56), (58, 56)):
        ask.moves(bid, bid + 2)
        await ask.until(stop_at(stop))
    await ask("get_standing_orders")
    ask.moves(56, 58)
    await ask.until(is_done)
    ask.say("What happened?")
    await ask("get_standing_orders", status="all")
    await ask("kalshi_get_fills", limit=2)

    hold(ask.served, 20, 56)
    ask.moves(56, 58)
    ask.lines += ["", "(You hold 20 YES again, bought at 56¢.)"]
    ask.say("Out at 50, or with a profit at 65, whichever comes first.")
    await ask("create_standing_order", kind="bracket", ticker=MARKET, stop=50, take=65)
    for bid in (52, 64):
        ask.moves(bid, bid + 2)
        await asyncio.sleep(1)
    await ask("get_standing_orders")
    ask.moves(65, 67)
    await ask.until(is_done)
    ask.moves(45, 47)
    ask.say("And the stop, now that it is below 50?")
    await ask("get_standing_orders", status="all", limit=1)
    await ask("kalshi_get_position", ticker=MARKET)

    ask.say("Buy 30 within a minute, in three slices, none dearer than 48.")
    await ask("create_standing_order", kind="twap", ticker=MARKET, count=30, minutes=1, slices=3, price=48)
    await ask.until(lambda order: order.get("filled") == 10)
    await ask("get_standing_orders")
    ask.moves(50, 52)
    await ask.until(lambda order: order.get("runs") == 2)
    ask.say("The second one bought nothing?")
    await ask("get_standing_orders")
    ask.moves(45, 47)
    await ask.until(is_done)
    await ask("get_standing_orders", status="all", limit=1)
    ask.say("How is the worker?")
    await ask("get_worker_status")


async def record(era: str) -> Followed:
    """One whole conversation in an era, on an exchange of its own."""
    left_out = ("KALSHI_", "PAPER_", "READ_", "POLYMARKET_", "CONFIRM", "TOOLSETS", "SAFETY_", "RECORDS_", "WORKER")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    exchange = Exchange(seed=1, scenario="small", read_lag_ms=0)
    member = exchange.add_member(tier="prestige")
    key_id, pem = exchange.issue_key(member)
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "key.pem"
        key.write_text(pem)
        key.chmod(0o600)
        async with serve(exchange, with_crowd=False) as url:
            env = {
                **clean, "KALSHI_ENV": "paper", "KALSHI_BASE_URL": url, "KALSHI_API_KEY_ID": key_id,
                "KALSHI_PRIVATE_KEY_PATH": str(key), "SAFETY_FOLDER": folder, "RECORDS_FOLDER": folder,
                "TOOLSETS": "automation", "CONFIRM": "over:1", "STANDING_EVERY": "1", "LOG_LEVEL": "ERROR",
            }  # fmt: skip
            transport = StdioTransport(sys.executable, ["-m", "prediction_mcp"], env=env, cwd=folder, keep_alive=False)
            session: Followed

            async def answer(message: str, *more: Any) -> ElicitResult[Any]:
                return await session.answer(message, *more)

            async with Client(transport, mode=era, elicitation_handler=answer) as client:
                head = f"# Standing orders, followed, protocol {client.session.protocol_version}"
                session = Followed(client, [head, "", *INTRODUCTION], prefix="")
                session.served = Served(exchange, url, member, key_id, pem)
                await play(session)
    return session


if __name__ == "__main__":
    asyncio.run(written(record, FILES))
