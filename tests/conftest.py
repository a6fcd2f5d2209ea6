"""Fixtures: a real paper exchange on a loopback socket and a client that is signed in to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from prediction_mcp.desk.kalshi.account import Account as KalshiAccount
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.ledger import Account, Fill
from prediction_mcp.exchange.engine.matching import Order
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.auth import KeySigner, signer_from_pem
from prediction_mcp.settings import Settings, load_settings

# No example has a deadline in any profile: a busy machine isn't a fault. tests/test_suite.py holds it.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", _PATIENT)
settings.register_profile("thorough", _PATIENT, max_examples=3_500)
settings.register_profile("mutants", _PATIENT, max_examples=40, derandomize=True, database=None)
settings.load_profile("default")
_NOW = datetime.now(UTC)
EVENT = f"KXSB-{(_NOW.year + (datetime(_NOW.year, 2, 8, 23, tzinfo=UTC) < _NOW)) % 100}"
"""An event of the default scenario that ends on a day in February; its code carries the year."""
MARKET = f"{EVENT}-ARI"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-conformance", action="store_true", help="run the official SDK against our exchange")
    parser.addoption("--fuzz", type=int, default=60, help="calls of each kind in tests/safety/test_fuzz.py")
    parser.addoption("--chaos", type=int, default=40, help="orders in tests/safety/test_chaos.py")
    parser.addoption("--month", type=int, default=10, help="rules and alerts in tests/automation/test_month.py")
    parser.addoption("--minutes", type=int, default=30, help="simulated minutes in tests/kalshi/test_feed_endures.py")
    parser.addoption("--cuts", type=int, default=60, help="troubles of each feed in tests/production/test_feed_cuts.py")
    parser.addoption("--kills", type=int, default=6, help="how often test_kill.py kills the exchange")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is None)  # what is long must not be left to the end
    if config.getoption("--run-conformance"):
        return
    skip = pytest.mark.skip(reason="needs the official SDK: make conformance")
    for item in items:
        if item.get_closest_marker("conformance"):
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tests that need a server which doesn't run here are told, not passed over."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and " answers at " in report.longrepr[2]
    )
    for reason, times in sorted(reasons.items()):
        terminalreporter.write_line(f"NOT TESTED: {times} tests were skipped, since {reason}.", yellow=True)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting of the developer's machine reaches a test."""
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("SAFETY_FOLDER", str(tmp_path_factory.mktemp("safety")))
    monkeypatch.setenv("PAPER_FOLDER", str(tmp_path_factory.mktemp("paper")))
    monkeypatch.setenv("CACHE", "off")  # tests move the exchange beneath the server; what tests the cache turns it on
    monkeypatch.setenv("RECORDS_FOLDER", str(tmp_path_factory.mktemp("records")))
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))


@dataclass
class Served:
    """A running exchange with one member."""

    exchange: Exchange
    url: str
    member: Account
    key_id: str
    pem: str

    @property
    def orders(self) -> dict[str, Order]:
        """All the member's orders as they are on disk, oldest first."""
        self.exchange.sync()
        return {order.order_id: order for order in reversed([*self.exchange.archive.orders(self.member)])}

    @property
    def fills(self) -> list[Fill]:
        """All the member's fills as they are on disk, oldest first."""
        self.exchange.sync()
        return [*self.exchange.archive.fills(self.member)][::-1]

    @property
    def signer(self) -> KeySigner:
        return signer_from_pem(self.key_id, self.pem)


def account_of(client: KalshiClient) -> KalshiAccount:
    """An account over a client that is open already, and stays so."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[KalshiClient]:
        yield client

    return KalshiAccount(load_settings(), connect)


@pytest.fixture
def scenario(request: pytest.FixtureRequest) -> str:
    """What the exchange lists; who needs more is marked with ``everyday``, which starts six times slower.

    The clients that others wrote meet all there is.
    """
    return "everyday" if any(map(request.node.get_closest_marker, ("everyday", "conformance"))) else "small"


@pytest.fixture
async def served(scenario: str, request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """The exchange with a still crowd, so that nothing moves but by the test. The account has a wide rate budget."""
    exchange = Exchange(seed=1, scenario=scenario, read_lag_ms=0)  # tests of the lag ask for it
    member = exchange.add_member(tier="prestige")
    key_id, pem = exchange.issue_key(member)
    async with serve(exchange, with_crowd=False) as url:
        yield Served(exchange, url, member, key_id, pem)
    audit(exchange.engine)


@pytest.fixture
async def kalshi(served: Served) -> AsyncIterator[KalshiClient]:
    async with KalshiClient(served.url, served.signer) as client:
        await client.learn_limits()
        yield client
