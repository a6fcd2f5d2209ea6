"""Ways in which people and models say prices, counts, shares, times and markets, and what is understood."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.desk import spoken
from tests.conftest import EVENT, MARKET, Served
from tests.tools.conftest import Assistant

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=ZoneInfo("America/New_York"))  # a Tuesday
CLEAR = "clear:"

PRICES: list[tuple[Any, str]] = [
    (60, "60"), ("60", "60"), (60.5, "60.5"), ("60¢", "60"), ("60 ¢", "60"), ("60c", "60"), ("60ct", "60"),
    ("60 cents", "60"), ("60%", "60"), ("60 percent", "60"), ("$0.60", "60"), ("$.6", "60"), ("0.60$", "60"),
    ("0.60 dollars", "60"), ("$0.605", "60.5"), ("0.6¢", "0.6"), ("0.6 cents", "0.6"), ("1", "1"), (1, "1"),
    (" 42 ", "42"), ("60¢ each", "60"), ("99.9¢", "99.9"),
    (0.6, CLEAR), ("0.6", CLEAR), (".6", CLEAR), (Decimal("0.6"), CLEAR), ("$60¢", "one unit"), ("sixty", "a price"),
    ("1e2", "a price"), ("6_0", "a price"), ("\u0666\u0660", "a price"), ("60-65", "a price"), ("", "a price"),
]  # fmt: skip
COUNTS: list[tuple[Any, str]] = [
    (10, "10"), ("10", "10"), (2.5, "2.5"), ("2.50", "2.5"), (" 7 ", "7"), ("1,000,000", "1000000"), ("0.01", "0.01"),
    ("1,000", "plain"), ("ten", "plain"), ("10 contracts", "plain"), (True, "plain"), (10**50, "at most"),
]  # fmt: skip
SUMS: list[tuple[Any, str]] = [
    (50, "50"), ("$50", "50"), ("50 dollars", "50"), ("12.50 USD", "12.5"), ("$1,000,000", "1000000"),
    ("much", "dollars"),
]  # fmt: skip
SHARES: list[tuple[Any, str]] = [
    (0.7, "0.7"), ("70%", "0.7"), (70, "0.7"), ("70", "0.7"), ("70 percent", "0.7"), ("0.5%", "0.005"), (".7", "0.7"),
    (1, CLEAR), (100, "between"), ("100%", "between"), (0, "between"), ("likely", "a probability"),
]  # fmt: skip
TIMES: list[tuple[Any, str, str]] = [
    ("2026-11-01T10:00Z", "2026-11-01T10:00:00+00:00", ""), ("2026-11-01 10:00 UTC", "2026-11-01T10:00:00+00:00", ""),
    ("2026-11-01", "2026-11-01T00:00:00-04:00", ""), ("2026-11-20T09:30", "2026-11-20T09:30:00-05:00", ""),
    (1795500000, "2026-11-24T01:00:00-05:00", ""), ("1795500000", "2026-11-24T01:00:00-05:00", ""),
    (1795500000000, "2026-11-24T01:00:00-05:00", ""), ("1795500000000", "2026-11-24T01:00:00-05:00", ""),
    ("now", "2026-11-24T15:00:00-05:00", "2026-11-24T15:00:00-05:00"),
    ("today", "2026-11-24T00:00:00-05:00", "2026-11-24T00:00:00-05:00"),
    ("yesterday", "2026-11-23T00:00:00-05:00", ""), ("Yesterday 18:00", "2026-11-23T18:00:00-05:00", ""),
    ("tomorrow", "2026-11-25T00:00:00-05:00", "2026-11-25T00:00:00-05:00"),
    ("tomorrow at 5pm", "2026-11-25T17:00:00-05:00", "2026-11-25T17:00:00-05:00"),
    ("2h", "2026-11-24T13:00:00-05:00", "2026-11-24T17:00:00-05:00"),
    ("2 hours ago", "2026-11-24T13:00:00-05:00", "refused"), ("an hour ago", "2026-11-24T14:00:00-05:00", "refused"),
    ("in 30 minutes", "refused", "2026-11-24T15:30:00-05:00"), ("3 days", "2026-11-21T15:00:00-05:00", ""),
    ("last week", "2026-11-17T15:00:00-05:00", "refused"), ("past 24 hours", "2026-11-23T15:00:00-05:00", "refused"),
    ("monday", "2026-11-23T00:00:00-05:00", "2026-11-30T00:00:00-05:00"),
    ("last tuesday", "2026-11-17T00:00:00-05:00", ""), ("friday 9:30", "2026-11-20T09:30:00-05:00", ""),
    ("next fri", "2026-11-27T00:00:00-05:00", "2026-11-27T00:00:00-05:00"),
    ("4 weeks", "2026-10-27T16:00:00-04:00", ""),  # over the end of summer time: as many hours
    ("whenever", "refused", "refused"), ("25:00", "refused", "refused"), (2**62, "refused", "refused"),
    ("13pm", "refused", "refused"), ("monday 25:00", "refused", "refused"), (-1, "refused", "refused"),
]  # fmt: skip
MARKETS: list[tuple[str, str]] = [
    ("KXSB-27-ARI", "KXSB-27-ARI"), ("kxsb-27-ari", "KXSB-27-ARI"), ("  KXSB-27-ARI\n", "KXSB-27-ARI"),
    ("https://kalshi.com/markets/kxsb/super-bowl/kxsb-27", "KXSB-27"),
    ("https://www.kalshi.com/markets/kxhighny/highest-temperature-in-nyc#kxhighny-26nov24", "KXHIGHNY-26NOV24"),
    ("kalshi.com/markets/kxfeddecision", "KXFEDDECISION"),
    ("https://kalshi.com/events/KXSB-27?market_ticker=KXSB-27-ARI", "KXSB-27-ARI"),
    ("https://demo.kalshi.co/markets/kxsb/x/kxsb-27-ari/", "KXSB-27-ARI"),
    ("https://evil.example/markets/kxsb-27-ari", "https://evil.example/markets/kxsb-27-ari"),
    ("https://kalshi.com.evil.example/kxsb-27-ari", "https://kalshi.com.evil.example/kxsb-27-ari"),
    ("the fed in december", "the fed in december"),
]  # fmt: skip


def read(how: Any, value: Any) -> str:
    try:
        return str(how(value))
    except ValueError as error:
        return str(error)


def is_understood(how: Any, value: Any, meant: str) -> bool:
    found = read(how, value)
    try:
        return Decimal(found) == Decimal(meant)
    except ArithmeticError:
        return meant in found


@pytest.mark.parametrize(("value", "meant"), PRICES)
def test_prices(value: Any, meant: str) -> None:
    assert is_understood(spoken.price, value, meant), read(spoken.price, value)


@pytest.mark.parametrize(("value", "meant"), COUNTS)
def test_counts(value: Any, meant: str) -> None:
    assert is_understood(spoken.number, value, meant), read(spoken.number, value)


@pytest.mark.parametrize(("value", "meant"), SUMS)
def test_sums(value: Any, meant: str) -> None:
    assert is_understood(spoken.dollars, value, meant), read(spoken.dollars, value)


@pytest.mark.parametrize(("value", "meant"), SHARES)
def test_shares(value: Any, meant: str) -> None:
    assert is_understood(spoken.probability, value, meant), read(spoken.probability, value)


@pytest.mark.parametrize(("value", "before", "ahead"), TIMES)
def test_times(value: Any, before: str, ahead: str) -> None:
    for meant, is_ahead in ((before, False), (ahead, True)):
        if not meant:
            continue
        try:
            found = spoken.moment(value, NOW, ahead=is_ahead).isoformat()
        except ValueError as error:
            found = "refused"
            assert "a moment like" in str(error)
        assert found == meant


@pytest.mark.parametrize(("value", "meant"), MARKETS)
def test_markets(value: str, meant: str) -> None:
    assert spoken.ticker(value) == meant


def test_that_there_are_sixty() -> None:
    assert len(PRICES) + len(COUNTS) + len(SUMS) + len(SHARES) + len(TIMES) + len(MARKETS) >= 100


@given(st.one_of(st.text(max_size=60), st.integers(), st.floats(), st.decimals(), st.booleans(), st.none()))
def test_whatever_is_said_is_understood_or_refused(value: Any) -> None:
    for how in (spoken.price, spoken.number, spoken.dollars, spoken.probability, spoken.whole):
        read(how, value)
    for ahead in (True, False):
        read(lambda given, ahead=ahead: spoken.moment(given, NOW, ahead=ahead), value)
    if isinstance(value, str):
        read(spoken.ticker, value)


@given(st.integers(86_400, 32_000_000_000))
def test_iso_and_unix_say_the_same(seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert spoken.moment(at.isoformat(), NOW) == spoken.moment(int(at.timestamp()), NOW) == at


# -- through the tools -----------------------------------------------------------------------------------------------


async def test_an_order_as_people_say_it(assistant: Assistant, served: Served) -> None:
    link = f"https://kalshi.com/markets/kxsb/who-wins/{MARKET.lower()}"
    for price in ("2¢", "$0.02", "2%", 2, "2"):
        done = await assistant.call(
            "kalshi_create_order", ticker=link, side="YES", action=" Buy ", count="3", price=price, expiration_ts="2h"
        )
        assert done["order"] == "buy 3 yes at 2¢"
    assert {o.price for o in served.orders.values()} == {200}
    said = await assistant.error("kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=3, price=0.6)
    assert '"60¢" ($0.6), or "0.6¢"' in said
    assert len(served.orders) == 5


async def test_words_get_the_best_three_with_their_titles(assistant: Assistant) -> None:
    said = await assistant.error("kalshi_get_market", ticker="football champion arizona")
    assert f"{MARKET} (Football champion" in said
    assert said.count("(") == 3
    assert EVENT in await assistant.error("kalshi_get_event", event_ticker="football champion")


async def test_a_link_to_an_event_or_a_series(assistant: Assistant) -> None:
    page = f"https://kalshi.com/markets/kxsb/who-wins/{EVENT.lower()}"
    assert (await assistant.call("kalshi_get_event", event_ticker=page))["event_ticker"] == EVENT
    assert f"markets are {EVENT}-" in await assistant.error("kalshi_get_market", ticker=page)
    series = await assistant.call("kalshi_get_events", series_ticker="https://kalshi.com/markets/kxsb/who-wins")
    assert {e["event_ticker"] for e in series["events"]} == {EVENT}


async def test_an_answer_says_which_time_was_understood(assistant: Assistant) -> None:
    found = await assistant.call("kalshi_get_trades", ticker=MARKET, since="yesterday")
    assert found["window"].startswith("since 20")
    assert found["window"].endswith("T00:00+00:00")
    assert "window" not in await assistant.call("kalshi_get_trades", ticker=MARKET)
    for tool in ("kalshi_get_fills", "kalshi_get_order_history", "kalshi_get_settlement_history"):
        assert (await assistant.call(tool, since="2 hours ago"))["window"].startswith("since 20")
    assert (
        "before 20" in (await assistant.call("kalshi_get_markets", series_ticker="KXSB", closes_before="2h"))["window"]
    )
    assert (
        "before 20" in (await assistant.call("kalshi_search_markets", query="football", closes_before="2h"))["window"]
    )
