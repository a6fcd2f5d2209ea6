"""A server that is killed between the transfer and the order: the money stays, the order is sent never or once."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.safety.test_chaos import children

from .double import CRYPTO, Cut, Double

D = Decimal
TRANSFER = "POST /portfolio/intra_exchange_instance_transfer"
ORDER = "POST /portfolio/events/orders"
TERMS = {"ticker": CRYPTO, "side": "yes", "action": "buy", "count": 10, "price": 60}
DONE = "settled: the transfer of $6.17 from shard 0 to shard 2 was done; the money stays there"
NEVER = "settled: it never reached the exchange"


@pytest.mark.skipif(not Path("/proc").exists(), reason="kills processes by what /proc says")
@pytest.mark.parametrize(
    ("where", "transfers", "orders", "ends"),
    [
        (TRANSFER, 0, 0, ["settled: the transfer never reached the exchange", NEVER]),
        (f"after {TRANSFER}", 1, 0, [DONE, NEVER]),
        ("GET /portfolio/intra_exchange_instance_transfers/", 1, 0, [DONE, NEVER]),
        (ORDER, 1, 0, ["moved", NEVER]),
        (f"after {ORDER}", 1, 1, ["moved", "settled: order"]),
    ],
    ids=["before the transfer", "after the transfer", "while it is waited for", "before the order", "after the order"],
)
async def test_killed_between_transfer_and_order(
    world: Double, tmp_path: Path, where: str, transfers: int, orders: int, ends: list[str]
) -> None:
    key = tmp_path / "key.pem"
    key.write_text(world.pem)
    key.chmod(0o600)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("KALSHI_", "POLYMARKET_", "PAPER_"))}
    env = clean | {
        "KALSHI_ENV": "paper", "KALSHI_BASE_URL": world.url, "KALSHI_API_KEY_ID": "k", "LOG_LEVEL": "ERROR",
        "KALSHI_PRIVATE_KEY_PATH": str(key), "SAFETY_FOLDER": str(tmp_path / "safety"),
    }  # fmt: skip

    def server() -> Any:
        return Client(StdioTransport(sys.executable, ["-m", "prediction_mcp"], env=env, keep_alive=False), timeout=60)

    def kill(name: str) -> None:
        if name.startswith(where):
            world.faults = lambda _: None
            for process in children(os.getpid()):
                os.kill(process, signal.SIGKILL)
            raise Cut

    client = server()
    await client.__aenter__()
    await client.call_tool("kalshi_get_balance", {})
    world.faults = kill
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever a client says when its server is gone
        await client.call_tool("kalshi_create_order", TERMS)
    assert (len(world.transfers), len(world.orders)) == (transfers, orders)
    async with server() as again:  # the next write settles both parts, and sends none of them again
        await again.call_tool("kalshi_create_order", {**TERMS, "price": 1, "count": 1})
    assert len(world.transfers) == (transfers or 1)
    assert [order["initial_count_fp"] for order in world.orders] == ["10.00"] * orders + ["1.00"]
    spent = orders * D("5.175") + D("0.01")
    assert 1000 - sum(world.cash.values()) == spent
    (folder,) = (tmp_path / "safety").iterdir()
    db = sqlite3.connect(folder / "safety.db")
    rows = db.execute("SELECT kind, state, outcome FROM intents ORDER BY rowid").fetchall()
    db.close()
    assert [kind for kind, *_ in rows[:2]] == ["arrangement", "order"]
    assert all(state in ("done", "refused") for _, state, _ in rows)
    for (_, _, outcome), end in zip(rows, ends, strict=False):
        assert outcome.startswith(end), rows
