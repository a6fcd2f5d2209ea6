"""Writes through the whole server while everything breaks: none twice, none lost, limits held, each story told.

Single orders, batches, requests for quotes that are taken, transfers between subaccounts.

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
    more: tuple[str, ...] = ()
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
            *(() if faults else ("--quiet",)),  # the crowd quotes while it is attacked, and is still while it is judged
        ]
        options += self.more
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
    more: dict[str, str] = field(default_factory=dict)
    kills: int = 0
    client: Any = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("KALSHI_", "POLYMARKET_", "PAPER_"))}
        return clean | {
            "KALSHI_ENV": "paper", "KALSHI_BASE_URL": self.exchange.url, "KALSHI_API_KEY_ID": self.exchange.key_id,
            "KALSHI_PRIVATE_KEY_PATH": str(self.exchange.key), "SAFETY_FOLDER": str(self.safety),
            "TOOLSETS": "advanced", "LIMIT_MARKET_EXPOSURE": str(MARKET_LIMIT), "LIMIT_DAY_SPENT": str(self.day_limit),
            "LOG_LEVEL": "ERROR",
        } | self.more  # fmt: skip

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
    taken: dict[str, str] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)


async def caller(server: Server, told: Told, work: AsyncIterator[list[dict[str, Any]]]) -> None:
    """One order by itself, several as a batch; now and then money is moved and a quote is asked for and taken."""
    rng, done = random.Random(7), 0
    async for orders in work:
        done += 1
        if done % 4 == 2:
            await move_money(server, told)
        if done % 4 == 1:
            await take_a_quote(server, told, orders[0]["ticker"], rng.choice(("yes", "no")))
        names = [order["client_order_id"] for order in orders]
        single = len(orders) == 1
        tool, arguments = (
            ("kalshi_create_order", orders[0]) if single else ("kalshi_batch_create_orders", {"orders": orders})
        )
        answer = await called(server, tool, arguments)
        if answer is None:
            told.silent.update(names)
        elif isinstance(answer, str):
            told.failed.update(dict.fromkeys(names, answer))
        else:
            for name, line in zip(names, [answer] if single else answer["orders"], strict=True):
                if "order_id" in line:
                    told.placed[name] = line["order_id"]
                else:
                    told.failed[name] = line["error"]


async def called(server: Server, tool: str, arguments: dict[str, Any]) -> dict[str, Any] | str | None:
    """The answer, the error in words, or None where nobody answered."""
    try:
        client = await server.get()
        said = await client.call_tool(tool, arguments, raise_on_error=False)
    except AssertionError:
        raise
    except Exception:  # noqa: BLE001 - the server was killed, or its connection cut
        return None
    if said.is_error:
        return " ".join(block.text for block in said.content if isinstance(block, TextContent))
    answer: dict[str, Any] = said.structured_content
    return answer


async def move_money(server: Server, told: Told) -> None:
    answer = await called(
        server, "kalshi_transfer_between_subaccounts", {"from_subaccount": 0, "to_subaccount": 1, "amount": "0.01"}
    )
    if isinstance(answer, dict):
        told.moved.add(answer["transfer_id"])


async def take_a_quote(server: Server, told: Told, ticker: str, side: str) -> None:
    asked = await called(server, "kalshi_create_rfq", {"ticker": ticker, "count": 2, "replace": True})
    if not isinstance(asked, dict):
        return
    for _ in range(4):
        await asyncio.sleep(0.3)  # the crowd answers four times a second
        listed = await called(server, "kalshi_get_quotes", {"rfq_id": asked["rfq_id"], "status": "open"})
        for quote in listed["quotes"] if isinstance(listed, dict) else ():
            if f"buy_{side}" in quote:
                answer = await called(server, "kalshi_accept_quote", {"quote_id": quote["quote_id"], "side": side})
                if isinstance(answer, dict):
                    told.taken[quote["quote_id"]] = side
                return


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc").exists(), reason="kills processes by what /proc says")
async def test_nothing_twice_nothing_lost(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    number = request.config.getoption("--chaos")
    kills = max(number // 200, 2)
    exchange = Faulty(tmp_path / "exchange.db")
    await exchange.start(())
    rng = random.Random(5)
    async with KalshiClient(exchange.url, signer_from_file(exchange.key_id, exchange.key)) as kalshi:
        await kalshi.subaccounts.create()
        listed = (await kalshi.markets.list(status="open", limit=1000)).markets
    tickers = sorted(m.ticker for m in listed if None not in m.yes_quotes)
    await exchange.kill()
    await exchange.start()
    server, told, sent = Server(exchange, tmp_path / "safety", number * A_DAY_FOR_EACH), Told(), 0

    def order() -> dict[str, Any]:
        nonlocal sent
        sent += 1
        return {
            "ticker": rng.choice(tickers),
            "side": rng.choice(("yes", "no")),
            "action": rng.choice(("buy", "buy", "sell")),
            "count": rng.randrange(1, 4),
            "price": rng.randrange(2, 98),
            "client_order_id": f"chaos-{sent}",
        }

    async def orders() -> AsyncIterator[list[dict[str, Any]]]:
        while sent < number:
            yield [order() for _ in range(min(rng.choice((1, 1, 1, 2, 4)), number - sent))]

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
        transfers = [t.transfer_id async for t in kalshi.subaccounts.all_transfers()]
        quotes = {quote_id: await kalshi.communications.quote(quote_id) for quote_id in told.taken}
    there = Counter(o.client_order_id for o in orders)
    assert max(there.values()) == 1, "an order is there twice"
    by_id = {o.client_order_id: o for o in orders}
    lost = [mine for mine, order_id in told.placed.items() if mine not in by_id or by_id[mine].order_id != order_id]
    assert not lost, f"told they were placed, and they aren't: {lost}"

    db = sqlite3.connect(folder / "safety.db")
    ends = db.execute("SELECT DISTINCT kind, state FROM intents WHERE kind IN ('deal', 'arrangement')").fetchall()
    assert {state for _, state in ends} <= {"done", "refused"}, "a story without an end"
    for quote_id, side in told.taken.items():
        quote = quotes[quote_id]
        assert quote.accepted_side == ("no" if side == "yes" else "yes"), "told it was taken, and it wasn't"
        traded = [f for f in fills if f.order_id == quote.rfq_creator_order_id and quote.status == "executed"]
        assert sum(f.count_fp for f in traded) <= quote.count(quote.accepted_side or "yes"), "a quote was traded twice"
    moves = db.execute(
        "SELECT json_extract(request, '$.client_transfer_id'), state FROM intents"
        " WHERE tool = 'kalshi_transfer_between_subaccounts'"
    ).fetchall()
    assert len(set(transfers)) == len(transfers), "money moved twice"
    assert told.moved <= set(transfers), "told it was moved, and it wasn't"
    assert {mine for mine, state in moves if state == "done"} == set(transfers), "the journal and the exchange differ"

    state = dict(db.execute("SELECT client_order_id, state FROM intents WHERE kind = 'order'").fetchall())
    assert set(state.values()) <= {"done", "refused"}, "a story without an end"
    assert {mine for mine, end in state.items() if end == "done"} == set(by_id), "the journal and the exchange differ"
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines() if line.endswith("}")]
    written = [line for line in lines if line["what"] == "intent" and line["kind"] == "order"]
    intents = {line["id"]: line["request"]["client_order_id"] for line in written}
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
        f"{len(told.taken)} quotes taken, {sum(q.status == 'executed' for q in quotes.values())} of them traded; "
        f"{len(transfers)} transfers, {len(told.moved)} acknowledged; "
        f"${opened:.2f} spent and ${committed:.2f} committed of ${server.day_limit}"
    )
