"""``halt``, ``resume``, ``limits`` and ``journal`` as a person types them, beside a server that runs."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from prediction_mcp.safety.intents import Caller, WriteRecord
from prediction_mcp.safety.records import Records
from prediction_mcp.settings import load_settings
from tests.cli.forked import run
from tests.conftest import MARKET

ORDER: dict[str, Any] = {"ticker": MARKET, "side": "yes", "action": "buy", "count": 5, "price": 2}


def server() -> Client[Any]:
    import os

    transport = StdioTransport(sys.executable, ["-m", "prediction_mcp"], env=dict(os.environ), keep_alive=False)
    return Client(transport)


async def test_halt_beside_a_running_server_and_resume() -> None:
    async with server() as client:
        await client.call_tool("kalshi_create_order", ORDER)
        done = run("halt")
        assert (done.returncode, done.stderr) == (0, "")
        assert "Halted: no new orders. Cancelled 1 resting orders, 5" in done.stdout
        assert "next minute" in done.stdout
        said = await client.call_tool("kalshi_create_order", ORDER, raise_on_error=False)
        assert said.is_error
        assert "at the command line" in said.content[0].text
        assert run("halt").returncode == 0  # again does no harm
        assert "HALTED by" in run("limits").stdout
        assert "Orders go through again" in run("resume").stdout
        assert not (await client.call_tool("kalshi_create_order", ORDER, raise_on_error=False)).is_error
    assert "wasn't halted" in run("resume").stdout


def test_the_journal_is_read() -> None:
    call = ("call", "create_order", f"ticker={MARKET}", "side=yes", "action=buy", "count=5", "price=2")
    assert run(*call).returncode == 0
    told = run("journal").stdout
    assert "kalshi_create_order" in told
    assert "done: resting" in told
    lines = [json.loads(line) for line in run("journal", "--json", "-n", "2").stdout.splitlines()]
    assert [line["what"] for line in lines] == ["intent", "outcome"]
    assert run("paper", "reset", "--yes").returncode == 0
    assert "kalshi_create_order" not in run("journal").stdout


def test_limits_of_settings_and_of_run_time() -> None:
    shown = run("limits", LIMIT_ORDER_COST="25", DENY_SERIES="KXGDP").stdout
    assert "order_cost" in shown
    assert "KXGDP" in shown
    run("call", "tighten_limits", "order_contracts=3", TOOLSETS="safety")
    row = next(line for line in run("limits").stdout.splitlines() if "order_contracts" in line)
    assert row.split() == ["order_contracts", "-", "3"]
    assert "Back to the limits" in run("limits", "--reset").stdout
    row = next(line for line in run("limits").stdout.splitlines() if "order_contracts" in line)
    assert row.split() == ["order_contracts", "-", "-"]


def test_without_a_place_to_keep_them_there_is_a_sentence(tmp_path: Any) -> None:
    done = run("journal", PAPER_KEEP="false", SAFETY_FOLDER="")
    assert done.returncode == 2
    assert "no journal outside the session" in done.stderr
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "can't be used" in run("journal", SAFETY_FOLDER=str(blocked)).stderr


def test_the_start_says_what_holds() -> None:
    settings = load_settings(env="live", read_only=False, live_trading="real-money", api_key_id="k", private_key="p")
    assert settings.describe() == "mode live (REAL MONEY), orders allowed, asks before each"


@pytest.mark.parametrize("command", ["limits", "journal", "resume", "halt", "paper status"])
def test_commands_for_people_load_no_fastmcp(command: str) -> None:
    """A kill switch doesn't wait for decorators."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "prediction_mcp", *command.split()],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "prediction_mcp.cli.app" in loaded
    assert not {name for name in loaded if name.partition(".")[0] in ("fastmcp", "mcp", "mcp_types")}


async def test_halt_cancels_where_the_journal_is_locked_or_replaced() -> None:
    async with server() as client:
        await client.call_tool("kalshi_create_order", ORDER)
        home = load_settings().safety_home
        assert home is not None
        other = sqlite3.connect(home / "safety.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        done = await asyncio.to_thread(run, "halt")
        assert "Halted: no new orders. Cancelled 1 resting orders, 5" in done.stdout
        assert "not all written down" in done.stdout
        other.execute("ROLLBACK")
        said = await client.call_tool("kalshi_create_order", ORDER, raise_on_error=False)
        assert "halted by" in said.content[0].text
        assert "Orders go through again" in run("resume").stdout
        await client.call_tool("kalshi_create_order", ORDER)
        home.rename(home.with_name("aside"))
        home.with_name("safety").symlink_to(home.with_name("aside"))
        done = await asyncio.to_thread(run, "halt")
        assert (done.returncode, "Cancelled 1 resting orders" in done.stdout) == (0, True)


def test_a_person_lets_go_of_a_write_of_unknown_fate() -> None:
    home = load_settings().safety_home
    assert home is not None
    records = Records(home)
    lost = records.open(
        WriteRecord(Caller("t", "1"), "kalshi_create_order", "order", {}, {"client_order_id": "lost"}), None
    )
    records.close()
    assert f"of unknown fate: {lost[:8]} kalshi_create_order" in run("journal").stdout
    assert "No writes of unknown fate" in run("journal", "--settle", "zz").stderr
    assert "Let go of kalshi_create_order lost" in run("journal", "--settle", lost[:8]).stdout
    told = run("journal").stdout
    assert "of unknown fate" not in told
    assert "let go of by" in told
