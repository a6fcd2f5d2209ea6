"""Orders through the whole server while everything breaks: none twice, none lost, limits held, each story told.

The exchange cuts a fifth of the connections (half of them after it did what was asked), answers 5 % with 429 and 5 %
with 503, and is killed with SIGKILL and started again; so is the MCP server. ``--chaos 2000`` for the whole proof.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from mcp_types import TextContent

from prediction_mcp.analytics.cashflow import changes
from prediction_mcp.desk.kalshi.guarded import Guarded
from prediction_mcp.desk.kalshi.portfolio.reading import execution
from prediction_mcp.kalshi.auth import signer_from_file
from prediction_mcp.kalshi.client import KalshiClient
from prediction_mcp.safety.limits import at_risk
from prediction_mcp.safety.plan import Resting, Standing
from prediction_mcp.safety.records import Records
from prediction_mcp.safety.recovery import settle
from tests.conftest import account_of

CALLERS = 8
FAULTS = ("cut_before@0.1", "cut_after@0.1", "429@0.05", "503@0.05")
MARKET_LIMIT = Decimal(12)
A_DAY_FOR_EACH = Decimal("0.5")
"""Dollars of the day's limit for each order: towards the end it is reached."""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Faulty:
    """``prediction-mcp exchange`` with a store and faults, at one address, killed and started again."""

    store: Path
    port: int = field(default_factory=free_port)
    kills: int = 0
    process: asyncio.subprocess.Process | None = None
    key_id: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/trade-api/v2"

    @property
    def key(self) -> Path:
        return self.store.with_suffix(".pem")

    async def start(self, faults: tuple[str, ...] = FAULTS) -> None:
        options = [
            "--store",
            str(self.store),
            "--port",
            str(self.port),
            "--tier",
            "prestige",
            "--scenario",
            "small",
            "--quiet",
        ]
        for fault in faults:
            options += ["--fault", fault]
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "prediction_mcp", "exchange", *options, stdout=asyncio.subprocess.PIPE
        )
        assert self.process.stdout is not None
        told = {}
        for _ in range(4):
            line = (await self.process.stdout.readline()).decode()
            told[line[:15].strip()] = line[15:].strip()
        self.key_id = told["key id"]

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        self.kills += 1


@dataclass
class Server:
    """The MCP server as a process of its own over stdio; killed, and started again by the next call."""

    exchange: Faulty
    safety: Path
    day_limit: Decimal
    kills: int = 0
    client: Any = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("KALSHI_", "PAPER_"))}
        return clean | {
            "KALSHI_ENV": "paper", "KALSHI_BASE_URL": self.exchange.url, "KALSHI_API_KEY_ID": self.exchange.key_id,
            "KALSHI_PRIVATE_KEY_PATH": str(self.exchange.key), "SAFETY_FOLDER": str(self.safety),
            "LIMIT_MARKET_EXPOSURE": str(MARKET_LIMIT), "LIMIT_DAY_SPENT": str(self.day_limit), "LOG_LEVEL": "ERROR",
        }  # fmt: skip

    async def get(self) -> Any:
        async with self._lock:
            if self.client is None:
                transport = StdioTransport(
                    sys.executable, ["-m", "prediction_mcp"], env=self.environment(), keep_alive=False
                )
                self.client = await self._stack.enter_async_context(Client(transport, timeout=60))
            return self.client

    async def kill(self) -> None:
        """SIGKILL to the child that holds the newest journal lock: the server's process."""
        async with self._lock:
            if self.client is None:
                return
            for pid in children(os.getpid()):
                if pid != (self.exchange.process.pid if self.exchange.process else 0):
                    os.kill(pid, 9)
            self.client = None
            self.kills += 1


def children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(entry.name))
    return found


@dataclass
class Told:
    """What callers were told of their orders."""

    placed: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)


async def caller(server: Server, told: Told, work: AsyncIterator[dict[str, Any]]) -> None:
    async for order in work:
        mine = order["client_order_id"]
        try:
            client = await server.get()
            said = await client.call_tool("kalshi_create_order", order, raise_on_error=False)
        except Exception as error:
            told.silent.add(mine)
            if isinstance(error, AssertionError):
                raise
            continue
        if said.is_error:
            told.failed[mine] = " ".join(block.text for block in said.content if isinstance(block, TextContent))
        else:
            assert said.structured_content is not None
            told.placed[mine] = said.structured_content["order_id"]


@pytest.mark.skipif(not Path("/proc").exists(), reason="kills processes by what /proc says")
async def test_nothing_twice_nothing_lost(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    number = request.config.getoption("--chaos")
    kills = max(number // 200, 2)
    exchange = Faulty(tmp_path / "exchange.db")
    await exchange.start(())
    rng = random.Random(5)
    async with KalshiClient(exchange.url, signer_from_file(exchange.key_id, exchange.key)) as kalshi:
        listed = (await kalshi.markets.list(status="open", limit=1000)).markets
    tickers = sorted(m.ticker for m in listed if 0 < m.yes_bid_dollars < m.yes_ask_dollars < 1)
    await exchange.kill()
    await exchange.start()
    server, told, sent = Server(exchange, tmp_path / "safety", number * A_DAY_FOR_EACH), Told(), 0

    async def orders() -> AsyncIterator[dict[str, Any]]:
        nonlocal sent
        while sent < number:
            sent += 1
            yield {
                "ticker": rng.choice(tickers),
                "side": rng.choice(("yes", "no")),
                "action": rng.choice(("buy", "buy", "sell")),
                "count": rng.randrange(1, 4),
                "price": rng.randrange(2, 98),
                "client_order_id": f"chaos-{sent}",
            }

    calling = [asyncio.create_task(caller(server, told, orders())) for _ in range(CALLERS)]
    for blow in range(1, kills + 1):
        while sent < blow * number // (kills + 1) and not all(task.done() for task in calling):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await exchange.kill()
        if blow % 2:
            await server.kill()
        await asyncio.sleep(rng.random() / 2)
        await exchange.start()
    await asyncio.gather(*calling)
    await server.kill()
    await exchange.kill()
    await exchange.start(())
    report = await judge(exchange, server, told)
    sys.stdout.write(f"\n{report}, exchange killed {exchange.kills}, server killed {server.kills} times\n")
    await exchange.kill()


async def judge(exchange: Faulty, server: Server, told: Told) -> str:
    """Hold what callers were told, what the journal says and what the exchange has against each other."""
    (folder,) = server.safety.iterdir()
    records = Records(folder)
    async with KalshiClient(exchange.url, signer_from_file(exchange.key_id, exchange.key)) as kalshi:
        settled = await settle(records, Guarded(account_of(kalshi)))
        orders = [o async for o in kalshi.orders.all() if o.client_order_id.startswith("chaos-")]
        positions = [p async for p in kalshi.portfolio.all_positions(count_filter="position")]
        fills = [f async for f in kalshi.portfolio.all_fills()]
    there = Counter(o.client_order_id for o in orders)
    assert max(there.values()) == 1, "an order is there twice"
    by_id = {o.client_order_id: o for o in orders}
    lost = [mine for mine, order_id in told.placed.items() if mine not in by_id or by_id[mine].order_id != order_id]
    assert not lost, f"told they were placed, and they aren't: {lost}"

    db = sqlite3.connect(folder / "safety.db")
    state = dict(db.execute("SELECT client_order_id, state FROM intents WHERE kind = 'order'").fetchall())
    assert set(state.values()) <= {"done", "refused"}, "a story without an end"
    assert {mine for mine, end in state.items() if end == "done"} == set(by_id), "the journal and the exchange differ"
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines() if line.endswith("}")]
    intents = {line["id"]: line["request"]["client_order_id"] for line in lines if line["what"] == "intent"}
    assert sorted(intents.values()) == sorted(state), "every order that left has its line"
    assert set(intents) <= {line["id"] for line in lines if line["what"] == "outcome"}
    assert set(by_id) <= set(intents.values()), "an order left without a line"

    opened = -sum((c.cash for c in changes(map(execution, fills), ()) if c.cash < 0), Decimal(0))
    resting = [o for o in orders if o.status == "resting"]
    held = {p.ticker: p for p in positions}
    committed = Decimal(0)
    for ticker in {o.ticker for o in resting} | set(held):
        mine = [Resting(o.book_side, o.yes_price_dollars, o.remaining_count_fp) for o in resting if o.ticker == ticker]
        cost = held[ticker].market_exposure_dollars if ticker in held else Decimal(0)
        worst = at_risk(Standing(held[ticker].position_fp if ticker in held else Decimal(0), cost, tuple(mine)))
        assert worst <= MARKET_LIMIT, ticker
        committed += worst - cost
    assert opened + committed <= server.day_limit
    records.close()
    refused = sum("limit is" in text for text in told.failed.values())
    return (
        f"{len(state)} orders left, {len(orders)} are there, {len(told.placed)} acknowledged, {len(told.failed)} failed"
        f", {refused} of them at a limit, {len(told.silent)} never answered, {settled} settled at the end; "
        f"${opened:.2f} spent and ${committed:.2f} committed of ${server.day_limit}"
    )
