"""``kill -9`` under load: what was acknowledged is there after the restart, nothing is there twice, and money adds up.

Six kills by default; ``--kills 50`` for the whole proof.
"""

from __future__ import annotations

import asyncio
import random
import sys
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.kalshi.auth import KeySigner, signer_from_file

CLIENTS = 4
DEPOSIT = Decimal(10_000)
ORDERS = "/portfolio/events/orders"


@dataclass
class Books:
    """What the clients know: what they sent, and what they were told."""

    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    acknowledged: dict[str, str] = field(default_factory=dict)  # client_order_id -> order_id
    cancelled: set[str] = field(default_factory=set)  # order_ids whose cancel was acknowledged
    loaded: asyncio.Event = field(default_factory=asyncio.Event)  # an order was acknowledged since the last start


class Program:
    """``prediction-mcp exchange`` with a store, started again and again."""

    def __init__(self, store: Path, seed: int) -> None:
        self.store = store
        self._seed = seed
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""
        self.key_id = ""

    async def start(self) -> None:
        command = ("-m", "prediction_mcp", "exchange", "--store", str(self.store), "--tier", "prestige")
        options = ("--scenario", "small", "--seed", str(self._seed), "--deposit", str(DEPOSIT))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *command, *options, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        told = {}
        for _ in range(4):
            line = (await self._process.stdout.readline()).decode()
            told[line[:15].strip()] = line[15:].strip()
        self.url, self.key_id = told["base URL"], told["key id"]

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()  # SIGKILL: it can't do a thing about it
            await self._process.wait()
            self._process = None

    @property
    def signer(self) -> KeySigner:
        return signer_from_file(self.key_id, self.store.with_suffix(".pem"))


class Trader:
    """Orders and cancels without end, until the connection breaks."""

    def __init__(self, program: Program, books: Books, rng: random.Random, tickers: list[str]) -> None:
        self.signer = program.signer
        self.http = httpx.AsyncClient(base_url=program.url, trust_env=False, timeout=60)
        self._books = books
        self._rng = rng
        self._tickers = tickers

    async def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        headers = self.signer.headers(method, f"/trade-api/v2{path}")
        return await self.http.request(method, path, json=body, headers=headers)

    async def pause(self, *, on: bool) -> None:
        url = str(self.http.base_url).replace("/trade-api/v2/", "/paper/faults")
        answer = await self.http.put(url, json={"paused": on}, headers={"x-paper-control": "1"})
        assert answer.is_success

    async def run(self) -> None:
        rng, mine = self._rng, list[str]()
        try:
            while True:
                if mine and rng.random() < 0.3:
                    order_id = mine.pop(rng.randrange(len(mine)))
                    answer = await self.send("DELETE", f"{ORDERS}/{order_id}")
                    if answer.status_code == 200:
                        self._books.cancelled.add(order_id)
                    continue
                body = {
                    "ticker": rng.choice(self._tickers), "side": rng.choice(("bid", "ask")),
                    "count": f"{rng.randrange(1, 400) / 100:.2f}", "price": f"0.{rng.randrange(1, 99):02d}00",
                    "time_in_force": rng.choice(("good_till_canceled", "immediate_or_cancel")),
                    "self_trade_prevention_type": "maker", "client_order_id": str(uuid.UUID(int=rng.getrandbits(128))),
                }  # fmt: skip
                self._books.sent[body["client_order_id"]] = body
                answer = await self.send("POST", ORDERS, body)
                if answer.status_code == 201:
                    self._books.acknowledged[body["client_order_id"]] = answer.json()["order_id"]
                    self._books.loaded.set()
                    mine.append(answer.json()["order_id"])
                else:
                    assert answer.status_code == 400, answer.text
                    del self._books.sent[body["client_order_id"]]  # refused: no order
        except httpx.TransportError:
            return  # the process is dead; what became of the last request, nobody knows
        finally:
            await self.http.aclose()


async def paged(trader: Trader, path: str) -> list[dict[str, Any]]:
    """All of a list, page by page."""
    name, found, cursor = path.rsplit("/", 1)[1], list[dict[str, Any]](), ""
    while True:
        headers = trader.signer.headers("GET", f"/trade-api/v2{path}")
        page = (await trader.http.get(path, params={"limit": 1000, "cursor": cursor}, headers=headers)).json()
        found += page[name]
        cursor = page["cursor"]
        if not cursor:
            return found


async def check(program: Program, books: Books, rng: random.Random, tickers: list[str]) -> None:
    """After a restart: the orders are those that were told, each once; the balance is what the fills say."""
    trader = Trader(program, books, rng, tickers)
    try:
        orders = await paged(trader, "/portfolio/orders")
        by_client_id = Counter(order["client_order_id"] for order in orders)
        assert set(by_client_id.values()) <= {1}, "an order is there twice"
        there = {order["client_order_id"]: order for order in orders}
        lost = [c for c, order_id in books.acknowledged.items() if there.get(c, {}).get("order_id") != order_id]
        assert not lost, f"{len(lost)} acknowledged orders are lost"
        assert set(there) <= set(books.sent), "an order is there that nobody sent"
        revived = [o for o in orders if o["order_id"] in books.cancelled and o["status"] == "resting"]
        assert not revived, "a cancelled order rests again"
        for client_order_id in set(books.sent) - set(books.acknowledged):  # unknown fate: ask by sending again
            answer = await trader.send("POST", ORDERS, books.sent[client_order_id])
            assert answer.status_code == (409 if client_order_id in there else 201), answer.text
        await trader.pause(on=True)  # several reads are compared: nothing may move between them
        orders = await paged(trader, "/portfolio/orders")
        assert len(orders) == len({o["client_order_id"] for o in orders}) == len(books.sent)
        books.acknowledged = {o["client_order_id"]: o["order_id"] for o in orders}
        await check_money(trader, orders)
        await trader.pause(on=False)
    finally:
        await trader.http.aclose()


async def check_money(trader: Trader, orders: list[dict[str, Any]]) -> None:
    """Balance and positions worked out from deposits, fills and settlements, in decimals."""
    fills = sorted(await paged(trader, "/portfolio/fills"), key=lambda fill: fill["trade_id"])
    filled = defaultdict[str, Decimal](Decimal)
    cash, positions = DEPOSIT, defaultdict[str, Decimal](Decimal)
    for fill in fills:
        count, yes = Decimal(fill["count_fp"]), Decimal(fill["yes_price_dollars"])
        signed = count if fill["book_side"] == "bid" else -count
        held = positions[fill["ticker"]]
        closing = min(count, abs(held)) if held * signed < 0 else Decimal(0)
        unit = yes if signed > 0 else 1 - yes
        cash += closing * (1 - unit) - (count - closing) * unit - Decimal(fill["fee_cost"])
        positions[fill["ticker"]] += signed
        filled[fill["order_id"]] += count
    for settled in await paged(trader, "/portfolio/settlements"):
        positions[settled["ticker"]] = Decimal(0)
        cash += Decimal(settled["revenue"]) / 100
    balance = Decimal((await trader.send("GET", "/portfolio/balance")).json()["balance_dollars"])
    value = (await trader.send("GET", "/portfolio/summary/total_resting_order_value")).json()
    held_for_orders = Decimal(value["resting_order_value_breakdown"][0]["balance"])
    assert 0 <= cash - held_for_orders - balance < Decimal("0.0001")  # balances are cut off after four decimals
    listed = (await trader.send("GET", "/portfolio/positions")).json()["market_positions"]
    told = {p["ticker"]: Decimal(p["position_fp"]) for p in listed}
    assert {t: p for t, p in told.items() if p} == {t: p for t, p in positions.items() if p}
    assert {o["order_id"]: Decimal(o["fill_count_fp"]) for o in orders if Decimal(o["fill_count_fp"])} == filled


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    made = Program(tmp_path / "kill.db", seed=3)
    yield made
    await made.kill()


@pytest.mark.long
async def test_killed_under_load(program: Program, request: pytest.FixtureRequest) -> None:
    kills, rng, books = request.config.getoption("--kills"), random.Random(11), Books()
    await program.start()
    async with httpx.AsyncClient(base_url=program.url, trust_env=False) as http:
        listed = (await http.get("/markets", params={"series_ticker": "KXSB", "status": "open"})).json()["markets"]
    tickers = [market["ticker"] for market in listed][:5]
    for _ in range(kills):
        books.loaded.clear()
        traders = [
            asyncio.create_task(Trader(program, books, random.Random(rng.getrandbits(64)), tickers).run())
            for _ in range(CLIENTS)
        ]
        async with asyncio.timeout(60):
            await books.loaded.wait()  # however slow the machine, it dies under load
        await asyncio.sleep(rng.uniform(0, 0.5))
        await program.kill()
        await asyncio.gather(*traders)
        await program.start()
        await check(program, books, rng, tickers)
    await program.kill()
    exchange = Exchange(clock=Clock(), store=Store(program.store))
    audit(exchange.engine)
    exchange.store.close()
    sys.stderr.write(f"{kills} kills, {len(books.sent)} orders, {len(books.cancelled)} cancels acknowledged\n")
