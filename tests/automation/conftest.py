"""An account at a still exchange whose prices a test sets, with a clock that a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from prediction_mcp.automation.attending import Attendant
from prediction_mcp.automation.desk import Desk
from prediction_mcp.automation.standing.plan import plan_rule
from prediction_mcp.automation.standing.service import spec_as_asked
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.units import MICROS
from prediction_mcp.records.rules import Rule, Run
from tests.conftest import MARKET, Served, account_of
from tests.records.conftest import postgres, postgres_answers  # noqa: F401 - fixtures

DEPTH = 1_000


class Hands:
    """A clock that goes as the test has it."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **spans: float) -> None:
        self.now += timedelta(**spans)


def quote(served: Served, bid: int | None, ask: int | None, size: int = DEPTH, ticker: str = MARKET) -> None:
    """The whole book of a market: cents of YES, contracts on each side, all of a house that isn't ours."""
    exchange = served.exchange
    house = exchange.engine.accounts.get("house") or exchange.add_member("house", deposit=10_000_000 * MICROS)
    now, book = exchange.clock(), exchange.engine.markets[ticker].book
    for order in [
        o for half in (book.bids, book.asks) for level in half.levels.values() for o in level.orders.values()
    ]:
        exchange.engine.cancel(order, now)
    for side, cents in ((BID, bid), (ASK, ask)):
        if cents is not None:
            exchange.engine.submit(house, ticker, side, cents * 100, size * 100, now)
    exchange.sync()


def hold(served: Served, count: int, cents: int = 50, ticker: str = MARKET) -> None:
    """The member holds so many YES (NO below zero) more, bought at a price; the book is empty afterwards."""
    exchange = served.exchange
    quote(served, None, None, ticker=ticker)
    house, now = exchange.engine.accounts["house"], exchange.clock()
    maker, taker = (ASK, BID) if count > 0 else (BID, ASK)
    exchange.engine.submit(house, ticker, maker, cents * 100, abs(count) * 100, now)
    exchange.engine.submit(served.member, ticker, taker, cents * 100, abs(count) * 100, now)
    exchange.sync()


@dataclass
class Home:
    """One worker's desk and attendant, called by hand."""

    served: Served
    desk: Desk
    clock: Hands
    attendant: Attendant = field(init=False)

    def __post_init__(self) -> None:
        self.attendant = Attendant(self.desk)

    async def rule(self, kind: Any, until: datetime | None = None, **terms: Any) -> Rule:
        """A standing order, made as its plan makes it; prices in cents."""
        given = {"ticker": MARKET, "side": "yes", "action": None, "on": None, "every": None} | terms
        for name, value in given.items():
            if isinstance(value, int) and name in ("price", "stop", "take", "trail", "at", "dollars", "max_total"):
                given[name] = Decimal(value)
        plan = await plan_rule(self.desk, spec_as_asked(kind=kind, **given), until)
        answer = await plan.send(plan.terms)
        return await self.again(answer.order.id)

    async def again(self, rule: Rule | int) -> Rule:
        found = await self.desk.rules.get(rule if isinstance(rule, int) else rule.id)
        assert found is not None
        return found

    async def runs(self, rule: Rule) -> list[Run]:
        """Oldest first."""
        return (await self.desk.rules.runs([rule.id], 1_000))[::-1]

    async def see(self, bid: int | None, ask: int | None, size: int = DEPTH) -> None:
        """The book becomes this, and the worker looks."""
        quote(self.served, bid, ask, size)
        await self.look()

    async def look(self) -> None:
        await self.attendant.refresh()
        await self.attendant.read(self.attendant.board.tickers)
        await self.attendant.work_off(wait=True)

    async def tick(self, **spans: float) -> int:
        """Time passes, and what is due is carried out."""
        self.clock.forward(**spans)
        return await self.attendant.runner.run_due()

    @property
    def held(self) -> Decimal:
        """The member's signed contracts."""
        sheet = self.served.member.holdings.get(MARKET)
        return Decimal(0) if sheet is None else Decimal(sheet.position) / 100


@pytest.fixture
async def home(served: Served, kalshi: KalshiClient) -> AsyncIterator[Home]:
    account = account_of(kalshi)
    await account.open()
    clock = Hands()
    made = Home(served, Desk(account, clock), clock)
    quote(served, 49, 51)
    yield made
    await made.attendant.close()
    await account.close()


@pytest.fixture
def redis_answers() -> None:
    """Skips, loudly, where no Redis answers."""
    import redis

    try:
        redis.Redis(port=6379, socket_connect_timeout=2).ping()
    except (redis.RedisError, OSError):
        pytest.skip("no Redis answers at 127.0.0.1:6379")
