"""Polymarket's writes through the whole server while everything breaks: none twice, none lost, limits held.

Orders that rest, trade at once, are held back by the exchange, and their cancels. The same blows as in test_chaos.py,
and Polymarket's own: 425 while the engine restarts. ``--chaos 1000`` for the whole proof.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from prediction_mcp.desk.polymarket.guarded import Guarded
from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.fronts.polymarket.opening import second_file
from prediction_mcp.kalshi.units import PRICE_UNITS
from prediction_mcp.polymarket import PolymarketAccount, PolymarketClient
from prediction_mcp.polymarket.account import api_key
from prediction_mcp.polymarket.models import Market
from prediction_mcp.polymarket.wallet import Wallet
from prediction_mcp.safety.records import Records
from prediction_mcp.safety.recovery import settle
from tests.conformance.polymarket import urls_of
from tests.safety.test_chaos import Faulty, Server, called

if TYPE_CHECKING:
    from prediction_mcp.desk.polymarket.account import Account
    from prediction_mcp.polymarket.limits import Service

CALLERS = 8
FAULTS = ("cut_before@0.1", "cut_after@0.1", "429@0.05", "503@0.05", "425@0.03")
MARKET_LIMIT = Decimal(25)
A_DAY_FOR_EACH = Decimal("0.7")
KEY = f"{11:064x}"
WALLET = Wallet(KEY).address.lower()


@dataclass
class Told:
    """What callers were told."""

    placed: dict[str, str] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    silent: int = 0


async def caller(server: Server, told: Told, work: AsyncIterator[dict[str, Any]]) -> None:
    """Orders one after the other; now and then one that rests is cancelled."""
    rng, mine = random.Random(7), list[str]()
    async for order in work:
        answer = await called(server, "polymarket_create_order", order)
        if answer is None:
            told.silent += 1
        elif isinstance(answer, str):
            told.failed.append(answer)
        else:
            assert answer["order_id"] not in told.placed
            told.placed[answer["order_id"]] = answer["status"]
            mine.append(answer["order_id"])
        if mine and rng.random() < 0.2:
            order_id = mine.pop(rng.randrange(len(mine)))
            answer = await called(server, "polymarket_cancel_order", {"order_id": order_id})
            if isinstance(answer, dict):
                told.cancelled.update(o["order_id"] for o in answer["orders"] if "error" not in o)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc").exists(), reason="kills processes by what /proc says")
async def test_nothing_twice_nothing_lost(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    number = request.config.getoption("--chaos")
    kills = max(number // 200, 2)
    key = tmp_path / "wallet.key"
    key.write_text(KEY)
    key.chmod(0o600)
    exchange = Faulty(tmp_path / "exchange.db")
    await exchange.start(())
    rng, sent = random.Random(5), 0
    async with PolymarketClient(where(exchange)) as client:
        listed = [m async for m in client.markets(closed=False) if m.accepting_orders]
    await exchange.kill()
    await exchange.start(FAULTS)
    base = exchange.url.removesuffix("/trade-api/v2")
    more = {
        "TOOLSETS": "polymarket", "POLYMARKET_ENV": "paper", "POLYMARKET_BASE_URL": f"{base}/polymarket",
        "POLYMARKET_PRIVATE_KEY_PATH": str(key),
    }  # fmt: skip
    server, told = Server(exchange, tmp_path / "safety", number * A_DAY_FOR_EACH, more), Told()

    async def orders() -> AsyncIterator[dict[str, Any]]:
        nonlocal sent
        while sent < number:
            sent += 1
            yield order(rng, rng.choice(listed))

    calling = [asyncio.create_task(caller(server, told, orders())) for _ in range(CALLERS)]
    for blow in range(1, kills + 1):
        while sent < blow * number // (kills + 1) and not all(task.done() for task in calling):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await exchange.kill()
        if blow % 2:
            await server.kill()
        await asyncio.sleep(rng.random() / 2)
        await exchange.start(FAULTS)
    await asyncio.gather(*calling)
    assert told.placed, told.failed[:9]
    await server.kill()
    await exchange.kill()
    kept = Kept.of(second_file(exchange.store))
    await exchange.start(())
    report = await judge(exchange, server, told, sent, kept, listed)
    sys.stdout.write(f"\n{report}, exchange killed {exchange.kills}, server killed {server.kills} times\n")
    await exchange.kill()


@dataclass(frozen=True)
class Kept:
    """What the exchange's own file has of the wallet, read while nobody has it open. Fees aren't in ``spent``.

    ``killed`` are those of the orders that were refused since they had nothing to trade with.
    """

    orders: set[str]
    killed: set[str]
    held: set[str]
    spent: Decimal

    @classmethod
    def of(cls, file: Path) -> Kept:
        db = sqlite3.connect(file)
        rows = db.execute(
            "SELECT order_id, filled = 0 AND time_in_force = 'immediate_or_cancel' FROM orders WHERE account_id = ?",
            [WALLET],
        ).fetchall()
        held = {row[0] for row in db.execute("SELECT key FROM extras WHERE kind = 'held'")}
        buys = db.execute(
            "SELECT fills.side, fills.price, fills.count FROM fills JOIN orders USING (order_id)"
            " WHERE fills.account_id = ? AND NOT orders.sells",
            [WALLET],
        )
        spent = sum(((p if side == BID else PRICE_UNITS - p) * n for side, p, n in buys), 0)
        db.close()
        orders, killed = {row[0] for row in rows}, {row[0] for row in rows if row[1]}
        return cls(orders, killed, held, Decimal(spent).scaleb(-6))


def where(exchange: Faulty) -> dict[Service, str]:
    urls = urls_of(exchange.url)
    return {"gamma": urls["gamma"], "clob": urls["clob"], "data": urls["data"]}


class Alone:
    """As much of the desk's account as asks what became of an order."""

    def __init__(self, trader: PolymarketAccount) -> None:
        self._trader = trader

    async def trader(self) -> PolymarketAccount:
        return self._trader


def order(rng: random.Random, market: Market) -> dict[str, Any]:
    """An order that could be meant: most rest, some trade, some are too dear or sell what isn't there."""
    made: dict[str, Any] = {
        "market": market.slug, "outcome": rng.choice(market.outcomes).name,
        "action": rng.choice(("buy",) * 6 + ("sell",)), "order_type": rng.choice(("GTC", "GTC", "FAK")),
    }  # fmt: skip
    if made["order_type"] == "FAK" and made["action"] == "buy":
        return made | {"dollars": rng.randrange(1, 4), "price": 97}
    return made | {"size": rng.randrange(5, 9), "price": rng.randrange(2, 98)}


async def judge(exchange: Faulty, server: Server, told: Told, sent: int, kept: Kept, listed: list[Market]) -> str:
    """Hold what callers were told, what the journal says and what the exchange has against each other."""
    (folder,) = server.safety.iterdir()
    wallet, urls = Wallet(KEY), urls_of(exchange.url)
    trader = PolymarketAccount(wallet, await api_key(wallet, urls["clob"]), urls["clob"])
    records = Records(folder)
    late = await settle(records, Guarded(cast("Account", Alone(trader))))
    assert not late
    records.close()
    db = sqlite3.connect(folder / "safety.db")
    state = dict(db.execute("SELECT client_order_id, state FROM intents WHERE kind = 'order'").fetchall())
    assert set(state.values()) <= {"done", "refused"}, "a story without an end"
    assert len(state) <= sent, "an order was made twice"
    done = {order_id for order_id, end in state.items() if end == "done"}
    assert kept.orders - kept.killed <= done, "the exchange has orders that the journal doesn't know"
    assert done <= kept.orders | kept.held, "the journal has orders that the exchange doesn't know"
    assert set(told.placed) <= done, "told they were placed, and they aren't"
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines() if line.endswith("}")]
    intents = {
        i["id"]: i["request"]["client_order_id"] for i in lines if i["what"] == "intent" and i["kind"] == "order"
    }
    assert sorted(intents.values()) == sorted(state), "every order that left has its line"
    assert set(intents) <= {line["id"] for line in lines if line["what"] == "outcome"}
    resting = await trader.open_orders()
    assert told.cancelled.isdisjoint({o.id for o in resting}), "told it was cancelled, and it rests"
    committed = Decimal(0)
    async with PolymarketClient(where(exchange)) as client:
        rows = await client.positions(wallet.address)
        for condition in {o.market for o in resting} | {row.condition_id for row in rows}:
            first = next(m.token_ids[0] for m in listed if m.condition_id == condition)
            own = [row for row in rows if row.condition_id == condition]
            buys = [o for o in resting if o.market == condition and o.side == "BUY"]
            for second in (False, True):  # what is lost if the other outcome turns out right
                cost = sum((row.total_cost_usdc for row in own if bool(row.outcome_index) == second), Decimal(0))
                rests = sum((o.price * (o.original_size - o.size_matched) for o in buys
                             if (o.asset_id != first) == second), Decimal(0))  # fmt: skip
                assert cost + rests <= MARKET_LIMIT, (condition, second)
                committed += rests
    assert kept.spent + committed <= server.day_limit
    await trader.close()
    refused = sum("limit is" in text for text in told.failed)
    reasons = Counter(re.sub(r"[^a-z ]+", "…", text.lower())[:50] for text in told.failed).most_common(12)
    return (
        f"{len(state)} orders left, {len(kept.orders)} are there, {len(kept.killed)} of them found nothing to trade "
        f"with, {len(kept.held)} held back; {len(told.placed)} acknowledged, {len(told.failed)} failed, {refused} of "
        f"them at a limit, {told.silent} never answered, {len(told.cancelled)} cancelled; "
        f"${kept.spent:.2f} spent and ${committed:.2f} committed of ${server.day_limit}; {reasons}"
    )
