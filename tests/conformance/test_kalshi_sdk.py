"""kalshi-sdk 22.4.0, whose models are strict: its own integration tests, and its feed, against our exchange.

The SDK is installed apart by ``make conformance``; here it only judges.
"""

from __future__ import annotations

import ast
import asyncio
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from prediction_mcp.exchange.fronts.kalshi import ws
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from tests.conformance.bustle import Bustle
from tests.conftest import MARKET, Served

HERE = Path(__file__).parent
SDK = HERE.parents[1] / ".conformance"
SOURCES = SDK / "src"
pytestmark = pytest.mark.conformance
UNFILTERED = "it lists quotes without the user filter and the window that production needs"
NOT_OURS = {
    "test_accept_and_confirm": "it quotes its own request for quotes, which is refused",
    "test_accept_and_confirm_quote": "it quotes its own request for quotes, which is refused",
    "test_list": UNFILTERED,
    "test_list_all": UNFILTERED,
    "test_list_quotes_unfiltered": UNFILTERED,
    "test_list_quotes_by_rfq": UNFILTERED,
    "test_list_all_quotes": UNFILTERED,
    "test_all_methods_covered": "it asks whether their own tests cover their methods",
    "test_discovery_finds_all_resources": "it asks whether their own tests know their resources",
    "test_no_stale_registrations": "it asks whether all their tests were imported: some need a newer Python",
}
"""Tests of theirs that fail by themselves, and why."""
NOT_KNOWN = {
    "event_lifecycle", "rfq_created", "rfq_deleted", "quote_created", "quote_accepted", "quote_executed",
    "rfq_batch_created", "rfq_batch_deleted", "rfq_batch_best_quotes", "rfq_batch_executed", "batch_quote_created",
    "batch_quote_accepted", "batch_quote_executed",
}  # fmt: skip
"""Types of October's file that this client has no model for: all of the channel communications."""


async def test_its_own_integration_tests(tmp_path: Path) -> None:
    exchange = Exchange(seed=1)
    member = exchange.add_member(tier="prestige", deposit=50_000_000_000)
    key_id, pem = exchange.issue_key(member, "rsa")
    key = tmp_path / "key.pem"
    key.write_text(pem)
    (root,) = SOURCES.glob("kalshi_sdk-*/")
    unreadable = [file for file in sorted((root / "tests/integration").glob("test_*.py")) if not _parses(file)]
    async with serve(exchange) as url:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(SDK), str(HERE)]),
            "PAPER_DEMO_BASE_URL": url,
            "PAPER_DEMO_WS_URL": url.replace("http://", "ws://").replace("/trade-api/v2", ws.PATH),
            "PAPER_KALSHI_KEY_ID": key_id,
            "PAPER_KALSHI_PRIVATE_KEY_PATH": str(key),
            "PAPER_KALSHI_DEMO": "true",
            "KALSHI_ENABLE_REAL_API_ONLY": "1",  # ours has what their demo lacks
        }
        command = [
            sys.executable, "-m", "pytest", "tests/integration", "-p", "loopback", "-q", "-rA", "-o", "addopts=",
            "-p", "no:cacheprovider", "-p", "no:xdist", "-k", "not perps and not fcm",
            *(f"--ignore={file.relative_to(root)}" for file in unreadable),
        ]  # fmt: skip
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=root, env=environment, capture_output=True, text=True, check=False
        )
    outcome = re.findall(r"^(PASSED|FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    counted = Counter(kind for kind, _ in outcome)
    failed = [name for kind, name in outcome if kind != "PASSED"]
    skipped = re.findall(r"^SKIPPED \[(\d+)\] (.*)", done.stdout, re.MULTILINE)
    print(f"\ntried {len(outcome)}: {dict(counted)}; not for this Python: {[f.name for f in unreadable]}")
    for name in failed:
        print(f"failed: {name} ({NOT_OURS.get(name.rsplit('::')[-1], 'ours')})")
    for number, why in skipped:
        print(f"skipped {number}: {why[:160]}")
    assert counted["PASSED"] > 150, done.stdout[:3000]
    ours = [name for name in failed if name.rsplit("::")[-1] not in NOT_OURS]
    assert not ours, done.stdout[-6000:]


def _parses(file: Path) -> bool:
    """Whether a test of theirs, with all that it imports beside it, is written for this Python."""
    try:
        tree = ast.parse(file.read_text())
    except SyntaxError:
        return False
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    beside = [file.parent / f"{name.rsplit('.')[-1]}.py" for name in names if name.startswith("tests.integration.")]
    return all(_parses(other) for other in beside)


async def test_its_feed_reads_every_channel(
    served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "path", [str(SDK), *sys.path])
    from kalshi.auth import KalshiAuth
    from kalshi.config import KalshiConfig
    from kalshi.ws.client import KalshiWebSocket

    key_id, pem = served.exchange.issue_key(served.member, "rsa")
    key = tmp_path / "key.pem"
    key.write_text(pem)
    feed_url = served.url.replace("http://", "ws://").replace("/trade-api/v2", ws.PATH)
    config = KalshiConfig(base_url=served.url, ws_base_url=feed_url, allow_unknown_host=True)
    client = KalshiWebSocket(auth=KalshiAuth.from_key_path(key_id, str(key)), config=config)
    states = served.exchange.engine.markets
    # a side that is empty is absent, says the specification; this client can't read such a book
    quoted = [t for t, s in states.items() if s.is_open and s.book.bids.best and s.book.asks.best]
    tickers = [MARKET, *quoted[:10]]
    bustle = Bustle(served.exchange, served.member, tickers)
    seen = Counter[str]()

    async def read(name: str, stream: Any) -> None:
        async for message in stream:
            seen[f"{name}: {type(message).__name__}"] += 1

    async with client.connect() as session:
        streams = {
            "ticker": await session.subscribe_ticker(maxsize=100_000),
            "trade": await session.subscribe_trade(maxsize=100_000),
            "fill": await session.subscribe_fill(maxsize=100_000),
            "market_positions": await session.subscribe_market_positions(maxsize=100_000),
            "user_orders": await session.subscribe_user_orders(maxsize=100_000),
            "order_group_updates": await session.subscribe_order_group(maxsize=100_000),
            "market_lifecycle_v2": await session.subscribe_market_lifecycle(maxsize=100_000),
            "multivariate_market_lifecycle": await session.subscribe_multivariate_lifecycle(maxsize=100_000),
            "communications": await session.subscribe_communications(maxsize=100_000),
            "cfbenchmarks_value": await session.subscribe_cfbenchmarks_value(index_ids=["BRTI"], maxsize=100_000),
            "cfbenchmarks_value_5hz": await session.subscribe_cfbenchmarks_value_5hz(
                index_ids=["all"], maxsize=100_000
            ),
            # the last one: this client drops what comes while it waits for the answer to another command
            "orderbook_delta": await session.subscribe_orderbook_delta(tickers=tickers, maxsize=100_000),
        }
        reading = [asyncio.create_task(read(name, stream)) for name, stream in streams.items()]
        for number in range(1, 131):
            bustle.step(number)
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        for task in reading:
            task.cancel()
    print(f"\n{seen.total()} messages by its models: {dict(seen.most_common())}")
    complaints = Counter(record.getMessage() for record in caplog.records if record.name.startswith("kalshi"))
    unknown = {said: number for said, number in complaints.items() if said.startswith("Unknown message type: ")}
    print(f"types that it doesn't know: {unknown}")
    assert {said.removeprefix("Unknown message type: ") for said in unknown} <= NOT_KNOWN
    assert complaints.keys() == unknown.keys()
    assert {name.split(":")[0] for name in seen} == set(streams) - {"communications"}
