"""The exchange through time: clocks, hours, fees that change, and weeks in which events come and go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock, wall_clock_ms
from prediction_mcp.exchange.world.hours import Hours
from prediction_mcp.exchange.world.scenario import SCENARIOS, first_day
from prediction_mcp.kalshi.fees import FeeSchedule
from tests.funds import spread

NOW = 1_795_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR


class Hand:
    """A clock that is set by hand."""

    def __init__(self, ms: int = NOW) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms


def test_a_clock_runs_stands_and_steps() -> None:
    real = Clock()
    before = wall_clock_ms()
    assert before <= real() <= wall_clock_ms()
    still = Clock(NOW, speed=0)
    assert still() == still() == NOW
    still.step(90_000)
    assert still() == NOW + 90_000
    still.speed = 3_600
    first = still()
    while still() == first:
        pass
    assert still() > first
    still.speed = 0
    assert still() >= first
    for wrong in (-1, 1e9):
        with pytest.raises(ValueError, match="speed lies between"):
            still.speed = wrong
    with pytest.raises(ValueError, match="doesn't go back"):
        still.step(-1)


@pytest.mark.parametrize("scenario", list(SCENARIOS))
def test_events_go_on_for_weeks(scenario: str) -> None:
    """At any moment there are open markets of every kind that repeats, and what is over and unused is let go."""
    clock = Hand()
    exchange = Exchange(2, clock, scenario=scenario)
    repeating = {"KXHIGHNY", "KXRAINNYC", "KXBTC15M", "KXFEDDECISION", "KXSB"}
    listed = []
    for _ in range(75 if scenario == "small" else 20):
        clock.ms += DAY
        exchange.advance(with_crowd=False)
        markets = exchange.catalogue.markets.values()
        assert repeating <= {m.event.series.ticker for m in markets if m.status == "active"}
        stuck = [m.ticker for m in markets if m.status == "active" and m.close_ms < clock.ms]
        assert not stuck
        listed.append(len(markets))
    audit(exchange.engine)
    assert listed[-1] < 12_000
    if scenario == "small":
        assert listed[-1] - listed[-10] < listed[20] - listed[10]  # it has stopped growing: old ones leave
        assert len(exchange.engine.markets) == listed[-1]


def test_a_market_that_a_member_traded_is_kept() -> None:
    clock = Hand()
    exchange = Exchange(2, clock, scenario="small")
    member = exchange.add_member()
    spread(exchange, member)
    quarter = next(
        m for m in exchange.catalogue.markets.values() if m.ticker.startswith("KXBTC15M") and m.status == "active"
    )
    exchange.engine.submit(member, quarter.ticker, BID, 10, 100, clock.ms)
    for _ in range(12):
        clock.ms += DAY
        exchange.advance(with_crowd=False)
    old = [m for m in exchange.catalogue.markets.values() if 0 < m.settled_ms < clock.ms - 5 * DAY]
    assert [m.ticker for m in old if m.ticker.startswith("KXBTC15M")] == [quarter.ticker]


def test_the_same_seed_lists_the_same_events_whenever_one_starts() -> None:
    early, late = (first_day("everyday", 5, NOW + shift) for shift in (0, HOUR))
    shared = early.events.keys() & late.events.keys()
    assert len(shared) > 60
    for ticker in shared:
        if not early.events[ticker].collection:
            assert [m.rules for m in early.events[ticker].markets] == [m.rules for m in late.events[ticker].markets]


def test_a_jump_is_lived_through() -> None:
    """A day in one step: markets of that day opened, closed, settled, and were traded while they were open."""
    clock = Hand()
    exchange = Exchange(1, clock, scenario="small")
    clock.ms += DAY
    exchange.advance()
    of_the_day = [m for m in exchange.catalogue.markets.values() if m.open_ms > NOW and m.settled_ms > 0]
    assert len(of_the_day) > 60
    traded = [m for m in of_the_day if exchange.engine.markets[m.ticker].volume]
    assert len(traded) > len(of_the_day) / 4
    audit(exchange.engine)


def test_fees_change_when_they_are_due() -> None:
    """Hand-worked: the S&P series pays half the taker fee, and from day 20 on makers pay a quarter of that too."""
    clock = Hand()
    exchange = Exchange(1, clock)
    president = next(e for e in exchange.catalogue.events.values() if e.series.ticker == "KXPRESPERSON")
    assert (president.fee_type, president.fee_multiplier) == ("quadratic", Decimal("0.5"))

    def rates() -> tuple[int, int]:
        market = next(m for m in exchange.catalogue.markets.values() if m.ticker.startswith("KXINXU"))
        fees = exchange.engine.markets[market.ticker].fees
        assert isinstance(fees, FeeSchedule)
        return fees.taker_rate, fees.maker_rate

    assert rates() == (350_000_000, 0)
    clock.ms += 21 * DAY
    exchange.advance(with_crowd=False)
    assert rates() == (350_000_000, 87_500_000)


def eastern(day: int, hour: int, minute: int = 0) -> int:
    """November 2026 in New York is UTC-5."""
    return int((datetime(2026, 11, day, hour, minute, tzinfo=UTC) + timedelta(hours=5)).timestamp() * 1000)


def test_hours_of_the_week() -> None:
    weekly = Hours(weekly=True)
    thursday = 19
    assert [weekly.is_closed(eastern(thursday, *at)) for at in ((2, 59), (3, 0), (4, 59), (5, 0))] == [
        False,
        True,
        True,
        False,
    ]
    assert not weekly.is_closed(eastern(20, 4))
    assert not Hours().is_closed(eastern(thursday, 4))
    summer = int(datetime(2026, 7, 9, 7, 30, tzinfo=UTC).timestamp() * 1000)  # a Thursday, 03:30 in daylight time
    assert weekly.is_closed(summer)


def test_a_maintenance_window_pauses_and_ends() -> None:
    clock = Hand(eastern(19, 2))
    exchange = Exchange(1, clock, scenario="small")
    exchange.hours.weekly = True
    member = exchange.add_member()
    ticker = next(
        m.ticker for m in exchange.catalogue.markets.values() if m.status == "active" and m.close_ms > NOW + DAY
    )
    stays = exchange.engine.submit(member, ticker, BID, 100, 100, clock.ms)
    goes = exchange.engine.submit(member, ticker, BID, 100, 100, clock.ms, cancel_on_pause=True)
    clock.ms = eastern(19, 3, 1)
    exchange.advance()
    assert exchange.paused
    assert (stays.status, goes.status) == ("resting", "canceled")
    clock.ms = eastern(19, 5, 1)
    exchange.advance()
    assert not exchange.paused


def test_a_clock_that_stands_begins_where_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though every look at the machine's clock finds it later."""
    looks = iter(range(1, 1000))
    monkeypatch.setattr("prediction_mcp.exchange.world.clock.wall_clock_ms", lambda: next(looks))
    clock = Clock(NOW, speed=0)
    assert clock() == NOW
    clock.step(900)
    assert clock() == NOW + 900


async def test_the_clock_and_the_hours_are_set_from_outside() -> None:
    exchange = Exchange(1, Clock(NOW, speed=0), scenario="small")
    exchange.add_member()
    async with serve(exchange) as url:
        root = url.removesuffix("/trade-api/v2")
        async with httpx.AsyncClient(base_url=root, headers={"x-paper-control": "1"}, trust_env=False) as http:
            assert (await http.get("/paper/clock")).json()["speed"] == 0
            assert (await http.put("/paper/clock", json={"step_seconds": 900})).is_success
            assert exchange.clock() == NOW + 900_000
            for wrong in ({"speed": -1}, {"step_seconds": -5}, {"step_seconds": 1e12}, {"sped": 1}, "x"):
                assert (await http.put("/paper/clock", json=wrong)).status_code == 400
            second = (NOW + 900_000) // 1000
            window = {"windows": [[second - 5, second + 60]]}
            assert (await http.put("/paper/hours", json=window)).json()["paused"] is True
            status = (await http.get(f"{url}/exchange/status")).json()
            assert (status["exchange_active"], status["trading_active"]) == (True, False)
            (shown,) = (await http.get(f"{url}/exchange/schedule")).json()["schedule"]["maintenance_windows"]
            assert shown["start_datetime"] < shown["end_datetime"]
            await http.put("/paper/clock", json={"step_seconds": 120})
            assert (await http.get("/paper/hours")).json()["paused"] is False
            assert (await http.put("/paper/hours", json={"windows": [[5, 5]]})).status_code == 400
            assert (await http.post("/paper/account", json={"dollars": "5", "account": "maker-0"})).status_code == 400
        async with httpx.AsyncClient(base_url=root, trust_env=False) as browser:
            assert (await browser.put("/paper/clock", json={"speed": 60})).status_code == 403


def test_the_crowd_never_runs_dry() -> None:
    """Months of losses are made up from outside, and the books still add up."""
    clock = Hand()
    exchange = Exchange(1, clock, Store(), "small")
    for account in (*exchange.crowd.makers, *exchange.crowd.takers):
        assert isinstance(account, Account)
        gone = account.available // account.grid * account.grid
        account.cash -= gone
        account.deposited -= gone
    for _ in range(40):
        clock.ms += 250
        exchange.advance()
    assert all(a.available > 0 for a in (*exchange.crowd.makers, *exchange.crowd.takers))
    audit(exchange.engine)
