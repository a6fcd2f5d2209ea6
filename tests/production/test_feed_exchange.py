"""The paper exchange sends what production sent: the same frames in the same order, with the same fields and forms."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from prediction_mcp.exchange.engine.matching import ASK, BID
from tests.conftest import Served
from tests.exchange.test_ws import feed
from tests.production.feed_double import recorded

Json = dict[str, Any]
SINCE_OCTOBER = {"": {"sending_ts_ms"}, "msg": {"clock"}}
"""Fields that the specification of October 2026 adds to the recorded ones of August."""
FORMS = {
    "market_ticker": r"[A-Z0-9.-]+", "market_id": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "price_dollars": r"0\.\d{4}", "delta_fp": r"-?\d+\.\d\d", "side": "yes|no", "channel": "orderbook_delta",
    "ts": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
}  # fmt: skip


def fits(frame: Json) -> bool:
    """Whether the strings of a message have the forms of :data:`FORMS`, which are checked against the recording too."""
    strings = [(name, value) for name, value in frame["msg"].items() if isinstance(value, str)]
    for side in ("yes", "no"):
        for price, count in frame["msg"].get(f"{side}_dollars_fp", []):
            strings += [("price_dollars", price), ("delta_fp", count)]
    return all(re.fullmatch(FORMS[name], value) for name, value in strings)


async def test_twelve_subscriptions_and_what_follows(served: Served) -> None:
    """The commands of the recording: one market after the other subscribed, merged into the first subscription."""
    tickers = [m.ticker for m in served.exchange.catalogue.markets.values() if m.status == "active" and not m.legs][:12]
    frames = recorded()
    engine, clock = served.exchange.engine, served.exchange.clock
    async with feed(served) as reader:
        for ticker in tickers:
            await reader.send("subscribe", channels=["orderbook_delta"], market_tickers=[ticker])
        ours = [await reader.next() for _ in frames[:24]]
        while len(ours) < len(frames):
            side, price = ((BID, 100), (ASK, 9_900))[len(ours) % 2]
            order = engine.submit(served.member, tickers[len(ours) % 12], side, price, 100, clock())
            engine.cancel(order, clock())
            ours += await reader.until_quiet()
    ours = ours[: len(frames)]
    assert [frame["type"] for frame in ours[:24]] == [frame["type"] for frame in frames[:24]]
    assert [frame.get("seq") for frame in ours] == [frame.get("seq") for frame in frames]
    assert {frame.get("sid") for frame in ours} == {frame.get("sid") for frame in frames}
    shapes = {frame["type"]: frame for frame in frames}
    for frame in ours:
        theirs = shapes[frame["type"]]
        empty = {f"{side}_dollars_fp" for side in ("yes", "no")} - frame["msg"].keys()  # absent where it is empty
        if frame["type"] == "orderbook_delta":
            frame["msg"].pop("client_order_id", None)  # of the order's owner alone
        assert frame.keys() - SINCE_OCTOBER[""] == theirs.keys()
        assert frame["msg"].keys() - SINCE_OCTOBER["msg"] == theirs["msg"].keys() - empty
        assert {name: type(value) for name, value in frame["msg"].items() if name in theirs["msg"]} == {
            name: type(value) for name, value in theirs["msg"].items() if name in frame["msg"]
        }
    assert all(map(fits, frames))
    assert all(map(fits, ours))


async def test_an_ok_names_the_markets_in_the_order_of_their_tickers(served: Served) -> None:
    oks = [frame["msg"]["market_tickers"] for frame in recorded() if frame["type"] == "ok"]
    assert all(held == sorted(held) for held in oks)
    tickers = [m.ticker for m in served.exchange.catalogue.markets.values() if m.status == "active"][:9][::-1]
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["trade"], market_tickers=tickers[:5])
        answer = await reader.ask("update_subscription", sid=1, action="add_markets", market_tickers=tickers[5:])
    assert answer["msg"]["market_tickers"] == sorted(tickers)
    assert answer["seq"] == 1


@pytest.mark.parametrize("channel", ["orderbook_delta", "trade", "market_lifecycle_v2", "order_group_updates"])
async def test_answers_count_on_channels_that_count(served: Served, channel: str) -> None:
    """``ok``, a scoped error and ``unsubscribed`` take a number each; the reader of these tests demands it of all."""
    ticker = next(m.ticker for m in served.exchange.catalogue.markets.values() if m.status == "active" and not m.legs)
    named = {} if channel in ("market_lifecycle_v2", "order_group_updates") else {"market_ticker": ticker}
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=[channel], **named)
        first = await reader.until_quiet()
        again = await reader.ask("subscribe", channels=[channel], **named)
        error = await reader.ask("update_subscription", sid=1, action="explode")
        ended = await reader.ask("unsubscribe", sids=[1])
    begun = len(first)
    assert [(a["type"], a["sid"], a["seq"]) for a in (again, error, ended)] == [
        ("ok", 1, begun + 1), ("error", 1, begun + 2), ("unsubscribed", 1, begun + 3),
    ]  # fmt: skip


@pytest.mark.parametrize("channel", ["ticker", "fill", "user_orders", "market_positions"])
async def test_answers_have_no_number_on_channels_that_do_not_count(served: Served, channel: str) -> None:
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=[channel])
        again = await reader.ask("subscribe", channels=[channel])
        error = await reader.ask("update_subscription", sid=1, action="explode")
    assert (again["type"], error["type"]) == ("ok", "error")
    assert "seq" not in json.dumps([again, error])


async def test_a_snapshot_that_was_asked_for_bears_the_number_of_its_command(served: Served) -> None:
    ticker = next(m.ticker for m in served.exchange.catalogue.markets.values() if m.status == "active" and not m.legs)
    async with feed(served) as reader:
        await reader.ask("subscribe", channels=["orderbook_delta"], market_ticker=ticker)
        first = await reader.next()
        asked = await reader.ask("update_subscription", sid=1, action="get_snapshot", market_ticker=ticker)
        again = await reader.next()
    assert "id" not in first
    assert (asked["type"], again["id"]) == ("ok", asked["id"])
