"""Paper money that is kept: over restarts, between servers of one user, and in a person's hands."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from prediction_mcp.exchange.home import Home
from tests.cli.forked import run
from tests.cli.test_cli import COMMAND, exchange
from tests.conftest import MARKET

ORDER = {"ticker": MARKET, "side": "yes", "action": "buy", "count": 5, "price": 1}


def home() -> Home:
    return Home(Path(os.environ["PAPER_FOLDER"]))


def server(era: Any) -> Client[Any]:
    return Client(StdioTransport(COMMAND[0], COMMAND[1:], env=dict(os.environ)), mode=era)


async def ask(client: Client[Any], tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, arguments)
    assert answer.structured_content is not None
    return answer.structured_content


def test_orders_survive_from_one_call_to_the_next() -> None:
    placed = run("call", "create_order", *(f"{name}={value}" for name, value in ORDER.items()))
    assert placed.returncode == 0, placed.stderr
    listed = json.loads(run("call", "get_orders").stdout)
    assert [o["order_id"] for o in listed["orders"]] == [json.loads(placed.stdout)["order_id"]]
    assert "Nothing is there" not in run("paper", "status").stdout
    assert home().folder.stat().st_mode & 0o077 == 0
    assert home().key_file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_second_server_joins_and_takes_over_when_the_first_is_killed(era: Any) -> None:
    """Both trade on one account; the first is killed; the second goes on with the same orders and address."""
    async with server(era) as first, server(era) as second:
        placed = await ask(first, "kalshi_create_order", **ORDER)
        seen = await ask(second, "kalshi_get_orders")
        assert [o["order_id"] for o in seen["orders"]] == [placed["order_id"]]
        address = home().read_address()
        assert address is not None
        told = run("paper", "status").stdout
        assert f"process {address.pid}" in told
        assert "1 resting orders" in told
        refused = run("paper", "reset", "--yes")
        assert refused.returncode == 2
        assert f"runs in process {address.pid}: end that server" in refused.stderr

        os.kill(address.pid, signal.SIGKILL)
        seen = await ask(second, "kalshi_get_orders")
        assert [o["order_id"] for o in seen["orders"]] == [placed["order_id"]]
        now = home().read_address()
        assert now is not None
        assert (now.url, now.pid == address.pid) == (address.url, False)
        await ask(second, "kalshi_create_order", **{**ORDER, "price": 2})
        assert "2 resting orders" in run("paper", "status").stdout


def test_deposit_and_reset() -> None:
    assert "Nothing is there yet" in run("paper", "status").stdout
    assert "no paper exchange yet" in run("paper", "deposit", "5").stderr
    run("call", "get_balance", PAPER_DEPOSIT="250")
    assert "$300.50 now" in run("paper", "deposit", "50.50").stdout
    for wrong in ("-5", "0", "ten", "0.001", "1e30"):
        done = run("paper", "deposit", "--", wrong)
        assert done.returncode == 2, wrong
        assert done.stderr.startswith("prediction-mcp: The deposit can't be made: ")
    assert "cash       $300.50" in run("paper", "status").stdout
    assert run("paper", "reset").returncode == 1  # nobody said yes
    assert "begins anew" in run("paper", "reset", "--yes").stdout
    assert not any(home().folder.iterdir())
    assert json.loads(run("call", "get_balance").stdout)["available"] == 10_000


async def test_a_deposit_reaches_a_running_server() -> None:
    async with server("auto") as client:
        assert (await ask(client, "kalshi_get_balance"))["available"] == 10_000
        assert "$10,025.00 now" in run("paper", "deposit", "25").stdout
        assert (await ask(client, "kalshi_get_balance"))["available"] == 10_025
        assert "refused: a deposit is positive" in run("paper", "deposit", "0").stderr


def test_a_damaged_file_is_one_sentence_and_reset_mends_it() -> None:
    home().prepare()
    home().database.write_text("not a database at all " * 100)
    done = run("call", "get_balance")
    assert done.returncode == 1
    assert "is not a paper exchange" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert run("paper", "reset", "--yes").returncode == 0
    assert run("call", "get_balance").returncode == 0


def test_nothing_is_kept_where_nothing_shall_be() -> None:
    assert run("call", "get_balance", PAPER_KEEP="false").returncode == 0
    assert not home().database.exists()
    assert "no paper money is kept" in run("paper", "status", PAPER_KEEP="false").stderr


async def test_the_exchange_alone_keeps_a_store_with_its_key(tmp_path: Path) -> None:
    store = ("--store", str(tmp_path / "own.db"), "--scenario", "small", "--speed", "0")
    seen = []
    for _ in range(2):
        with exchange(*store) as shown:
            root = shown["base URL"].removesuffix("/trade-api/v2")
            async with httpx.AsyncClient(base_url=root, headers={"x-paper-control": "1"}, trust_env=False) as http:
                before = (await http.get("/paper/clock")).json()
                after = (await http.put("/paper/clock", json={"step_seconds": 3_600})).json()
                money = (await http.post("/paper/account", json={"dollars": "1.00"})).json()["accounts"][0]
            seen.append((shown["key id"], shown["private key"], before["time"], after["time"], money["cash_dollars"]))
    (key, path, start, end, money), (key_again, path_again, start_again, _, money_again) = seen
    assert (key, path) == (key_again, path_again)
    assert end[:13] != start[:13]  # another hour
    assert start_again >= end
    assert (money, money_again) == ("10001.0000", "10002.0000")
    assert run("exchange", "--scenario", "moon").stderr.startswith("prediction-mcp: there is no scenario 'moon'")
    assert "the speed lies between" in run("exchange", "--speed", "-1").stderr
