"""Alerts of each kind against a real exchange: told when it becomes true, once, by however many workers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

from prediction_mcp.automation.alerts import service, states
from prediction_mcp.automation.alerts.kinds import made
from prediction_mcp.automation.alerts.prices import first_reached
from prediction_mcp.automation.attending import Attendant
from prediction_mcp.automation.desk import Desk
from prediction_mcp.desk.kalshi.records.syncing import sync
from prediction_mcp.kalshi.models.markets import Candlestick
from prediction_mcp.net.errors import PlatformError
from tests.automation.conftest import Home, hold, quote
from tests.conftest import MARKET
from tests.production.feed_gate import gated
from tests.tools.test_records import end


async def watch(home: Home, kind: Any, value: int | str | None = None, **more: Any) -> int:
    amount = None if value is None else Decimal(value)
    ticker = more.pop("ticker", MARKET if kind in OF_MARKET else None)
    answer = await service.create(home.desk, kind, ticker, amount, **more)
    return answer.alert.id


OF_MARKET = {"price_above", "price_below", "price_moved", "spread_under", "volume_over", "closes_within", "settled",
             "determined"}  # fmt: skip


async def said(home: Home, alert: int) -> list[str]:
    """What it told, oldest first."""
    return [firing.said for firing in (await home.desk.alerts.firings([alert], 100))[::-1]]


async def test_it_speaks_when_it_becomes_true_and_once(home: Home) -> None:
    alert = await watch(home, "price_above", 55)
    await home.see(53, 55)
    assert await said(home, alert) == []
    await home.see(54, 56)
    await home.see(50, 52)
    await home.see(60, 62)
    assert await said(home, alert) == [f"{MARKET}: middle is 55¢, at or above 55¢"]
    row = await home.desk.alerts.get(alert)
    assert row is not None
    assert row.state == "done"


async def test_each_time_with_a_pause_between(home: Home) -> None:
    alert = await watch(home, "price_below", 45, on="bid", repeat_minutes=10)
    for bid, minutes in ((44, 0), (50, 1), (44, 1), (50, 20), (43, 1), (42, 1)):
        home.clock.forward(minutes=minutes)
        await home.see(bid, bid + 2)
    assert await said(home, alert) == [
        f"{MARKET}: bid is 44¢, at or below 45¢", f"{MARKET}: bid is 43¢, at or below 45¢",
    ]  # fmt: skip


async def test_moves_count_from_the_last_one_told(home: Home) -> None:
    alert = await watch(home, "price_moved", 3, repeat_minutes=0)
    for bid in (49, 51, 52, 54, 55, 53, 52):
        await home.see(bid, bid + 2)
    assert await said(home, alert) == [
        f"{MARKET}: middle moved from 50¢ to 53¢", f"{MARKET}: middle moved from 53¢ to 56¢",
        f"{MARKET}: middle moved from 56¢ to 53¢",
    ]  # fmt: skip


async def test_two_workers_tell_it_once(home: Home) -> None:
    alert = await watch(home, "spread_under", 1)
    others = [Attendant(Desk(home.desk.account, home.clock)) for _ in range(3)]
    for one in (home.attendant, *others):
        await one.refresh()
    quote(home.served, 50, 51)
    await asyncio.gather(*(one.look() for one in (home.attendant, *others)))
    assert len(await said(home, alert)) == 1
    assert len({m.reason for m in await home.desk.outbox.newest()}) == len(await home.desk.outbox.newest())
    for one in others:
        await one.close()


async def test_own_fills_are_watched_once_a_feed_that_was_away_is_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look finds no feed; the next ones watch what it couldn't."""
    monkeypatch.setattr("prediction_mcp.net.kept.ANSWER_S", 0.3)
    monkeypatch.setattr("prediction_mcp.net.websocket.FIRST_DELAY_S", 0.02)
    transport, kicks = home.desk.account.kalshi.transport, list[str]()
    async with gated(urlsplit(transport.base_url).port or 0) as gate:
        monkeypatch.setattr(transport, "base_url", transport.base_url.replace(str(gate.backend), str(gate.port)))
        attendant = Attendant(home.desk, lambda: kicks.append("own"))
        await watch(home, "feed_down", 60)
        gate.trouble = 503
        with pytest.raises(PlatformError, match="status 503"):
            await attendant.refresh()
        gate.trouble = None
        monkeypatch.setattr("prediction_mcp.net.kept.ANSWER_S", 10.0)
        assert await attendant.refresh()
        hold(home.served, 5)
        async with asyncio.timeout(30):
            while not kicks:  # noqa: ASYNC110 - it comes by the feed
                await asyncio.sleep(0.01)
        await attendant.close()


async def test_until_ends_it(home: Home) -> None:
    alert = await watch(home, "price_above", 55, until=home.clock() + timedelta(hours=1))
    home.clock.forward(hours=2)
    await home.see(60, 62)
    assert await said(home, alert) == []
    row = await home.desk.alerts.get(alert)
    assert row is not None
    assert row.state == "expired"


async def test_a_market_that_closes_is_determined_and_settled(home: Home) -> None:
    market = await home.desk.account.kalshi.markets.get(MARKET)
    assert market.close_time is not None
    hours = int((market.close_time - datetime.now(UTC)).total_seconds() // 3600) + 2
    closes, settled = await watch(home, "closes_within", hours), await watch(home, "settled")
    determined = await watch(home, "determined")
    await states.look(home.desk, await home.desk.alerts.active())
    assert [len(await said(home, n)) for n in (closes, determined, settled)] == [1, 0, 0]
    end(home.served, MARKET, "yes", 10_000)
    await states.look(home.desk, await home.desk.alerts.active())
    assert (await said(home, settled))[0].startswith(f"{MARKET} settled with yes")
    assert len(await said(home, determined)) == 1


async def test_fills_are_told_once_with_their_order(home: Home) -> None:
    hold(home.served, 3)  # before it was made: no news
    alert = await watch(home, "order_filled", repeat_minutes=0)
    home.clock.forward(seconds=-60)
    await sync(home.desk.account.history)
    await states.look(home.desk, await home.desk.alerts.active())
    before = len(await said(home, alert))
    hold(home.served, 5, 40)
    for _ in range(2):
        await sync(home.desk.account.history)
        await states.look(home.desk, await home.desk.alerts.active())
    told = (await said(home, alert))[before:]
    assert len(told) == 1
    assert told[0].startswith(f"bought 5 of {MARKET} at 40¢ of YES (order ")


async def test_the_account_and_the_exchange(home: Home) -> None:
    worth, paused = await watch(home, "portfolio_above", 1), await watch(home, "exchange_paused")
    exposure, loss = await watch(home, "exposure_over", 4), await watch(home, "day_loss", 100)
    await states.look(home.desk, await home.desk.alerts.active())
    assert [len(await said(home, n)) for n in (worth, paused, exposure, loss)] == [1, 0, 0, 0]
    hold(home.served, 10, 50)
    home.served.exchange.pause()
    await states.look(home.desk, await home.desk.alerts.active())
    assert await said(home, exposure) == ["positions cost $5.00"]
    assert await said(home, paused) == ["the exchange takes no orders now"]
    home.served.exchange.resume()


async def test_a_new_market_is_told_by_its_words(home: Home) -> None:
    market = await home.desk.account.kalshi.markets.get(MARKET)
    word = market.title.split()[0]
    alert = await watch(home, "new_market", words=word)
    other = await watch(home, "new_market", words="no market is ever called this")
    row = await home.desk.alerts.get(alert)
    assert row is not None
    await home.desk.alerts.write(row, {"since": "2020-01-01T00:00:00+00:00"})
    await states.look(home.desk, await home.desk.alerts.active())
    assert (await said(home, alert))[0].startswith("new: KX")
    assert await said(home, other) == []


def stick(minute: int, low: str, high: str) -> Candlestick:
    """A minute in which bid, ask and price all went from low to high."""
    prices = {"open": low, "close": high, "low": low, "high": high}
    return Candlestick.model_validate(
        {"end_period_ts": 60 * minute, "price": prices, "yes_bid": prices, "yes_ask": prices, "volume": "1.00"}
    )


@pytest.mark.parametrize(
    ("kind", "value", "seen", "found"),
    [
        ("price_above", 55, {}, (2, "0.56")), ("price_below", 45, {}, (4, "0.44")),
        ("price_moved", 9, {"anchor": "0.5"}, (3, "0.60")), ("price_above", 61, {}, None),
        ("price_moved", 9, {}, None),
    ],
)  # fmt: skip
def test_what_was_true_is_found_in_candles(
    kind: Any, value: int, seen: dict[str, Any], found: tuple[int, str] | None
) -> None:
    sticks = [stick(1, "0.50", "0.70"), stick(2, "0.50", "0.56"), stick(3, "0.55", "0.60"), stick(4, "0.44", "0.50")]
    spec = made(kind, MARKET, Decimal(value), None, None)
    expected = None if found is None else (datetime.fromtimestamp(found[0] * 60, UTC), Decimal(found[1]))
    assert first_reached(spec, seen, sticks, datetime.fromtimestamp(60, UTC)) == expected


async def test_after_a_gap_it_is_told_with_its_time(home: Home) -> None:
    """While nobody looked the price was there for a moment: trades made a candle of it."""
    alert = await watch(home, "price_above", 70, on="last")
    await home.look()
    hold(home.served, 1, 75)
    quote(home.served, 49, 51)
    began = home.clock()
    home.clock.forward(minutes=10)
    await home.attendant.look_back(began - timedelta(minutes=2), timedelta(seconds=90))
    (told,) = await said(home, alert)
    assert "last is 75¢, at or above 70¢ (since 20" in told
