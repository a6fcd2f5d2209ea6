"""What Polymarket's subscriptions tell, through MCP sessions in both eras."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mcp.client.subscriptions import listen

from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.fronts.polymarket.wire import tokens_of
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.polymarket import PolymarketAccount
from prediction_mcp.polymarket.account import api_key
from prediction_mcp.polymarket.orders import Terms, amounts, sign
from prediction_mcp.polymarket.wallet import Wallet
from tests.tools.conftest import ERAS
from tests.tools.test_polymarket import Desk, at


@pytest.fixture(params=ERAS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    async with at(request.param, tmp_path) as made:
        yield made


class Stranger:
    """Another wallet at the same exchange."""

    def __init__(self, account: PolymarketAccount, exchange: Any) -> None:
        self.account, self.exchange = account, exchange

    def market(self, slug: str) -> Market:
        found: Market = self.exchange.catalogue.markets[slug]
        return found

    async def place(self, slug: str, side: Any, price: str, size: int, *, first: bool = True) -> Any:
        market = self.market(slug)
        terms = Terms(Decimal(market.structure), market.event.exclusive)
        order = sign(
            self.account.wallet, self.account.api_key.key, terms, tokens_of(market)[0 if first else 1], side,
            amounts(terms, side, Decimal(price), Decimal(size)), salt=secrets.randbits(50),
            timestamp_ms=time.time_ns() // 1_000_000,
        )  # fmt: skip
        return await self.account.place(order)


@asynccontextmanager
async def stranger(desk: Desk, number: int = 9) -> AsyncIterator[Stranger]:
    wallet = Wallet(f"{number:064x}")
    url = f"{desk.served.url.partition('/trade-api')[0]}/polymarket/clob"
    made = PolymarketAccount(wallet, await api_key(wallet, url, new=True), url)
    try:
        yield Stranger(made, desk.exchange)
    finally:
        await made.close()


async def empty_book(desk: Desk) -> str:
    """A market without other orders."""
    slug: str = (await desk.some_market())["slug"]
    book = desk.exchange.engine.markets[slug].book
    desk.exchange.engine.cancel_many([*book.bids, *book.asks], desk.clock())
    return slug


async def updates(desk: Desk, subscription: str, count: int) -> list[str]:
    """The newest updates of a subscription, once there are so many."""
    async with asyncio.timeout(60):
        while True:
            status = await desk.call("polymarket_get_realtime_status")
            (line,) = (s for s in status["subscriptions"] if s["subscription_id"] == subscription)
            if line["seen"] >= count:
                return list(line["latest"])
            await asyncio.sleep(0.02)


async def test_a_resting_buy_that_is_hit_is_reported_as_a_buy(desk: Desk) -> None:
    """The trade's own side and size are the taker's: it sold 30, of which this wallet bought 10 and 5."""
    slug = await empty_book(desk)
    made = await desk.call("polymarket_subscribe_user_trades", callback_type="log")
    order = {"market": slug, "outcome": "Yes", "action": "buy"}
    await desk.call("polymarket_create_order", **order, size=10, price=40)
    await desk.call("polymarket_create_order", **order, size=5, price=38)
    async with stranger(desk) as other:
        # buying No at 62¢ is selling Yes at 38¢
        placed = await other.place(slug, "BUY", "0.62", 30, first=False)
        assert placed.status == "matched"
    rows = await updates(desk, made["subscription_id"], 2)
    assert sorted(text.partition(": ")[2].partition(" as ")[0] for text in rows) == [
        "buy 10 “Yes” at 40¢",
        "buy 5 “Yes” at 38¢",
    ]
    assert all(" as maker: " in text for text in rows)
    sides = [row["side"] for row in (await desk.call("polymarket_get_activity"))["activity"] if "side" in row]
    assert sides == ["BUY", "BUY"]


# -- what updates say ------------------------------------------------------------------------------------------------


async def test_updates_name_the_levels_that_changed_within_the_depth(desk: Desk) -> None:
    slug = await empty_book(desk)
    made = await desk.call("polymarket_subscribe_orderbook_updates", token_ids=[slug], depth=2)
    wide = await desk.call("polymarket_subscribe_orderbook_updates", token_ids=[slug], depth=3)
    assert "the best 2 of each side" in made["note"]

    async def latest(subscription: str, ends: str) -> list[str]:
        async with asyncio.timeout(60):
            while True:
                status = await desk.call("polymarket_get_realtime_status", subscription_id=subscription, limit=1000)
                (line,) = status["subscriptions"]
                rows = [text.partition(": ")[2] for text in line.get("latest", [])]
                if rows and rows[-1].endswith(ends):
                    return rows
                await asyncio.sleep(0.02)

    async with stranger(desk) as other:
        for price, size in (("0.40", 50), ("0.38", 20), ("0.36", 10)):
            await other.place(slug, "BUY", price, size)
        rows = await latest(wide["subscription_id"], "bid 36¢: 10")
        assert rows[-1] == "40¢ bid, nothing ask; bid 36¢: 10"
        await other.place(slug, "BUY", "0.38", 5)
        assert (await latest(wide["subscription_id"], "bid 38¢: 25"))[-1] == "40¢ bid, nothing ask; bid 38¢: 25"
        await other.place(slug, "BUY", "0.42", 7)  # 38¢ is pushed behind the second level: it hasn't changed
        rows = await latest(made["subscription_id"], "bid 42¢: 7")
    assert rows[-1] == "42¢ bid, nothing ask; bid 42¢: 7"
    assert not any("36¢" in row for row in rows), "a third level is beyond a depth of two"


async def test_an_unchanged_top_is_reported_once_though_outcomes_alternate(desk: Desk) -> None:
    """Both outcomes change with every order: each has the same top as before, and the other one's in between."""
    slug = await empty_book(desk)
    async with stranger(desk) as other:
        await other.place(slug, "BUY", "0.40", 50)
        made = await desk.call("polymarket_subscribe_market_prices", market_ids=[slug])
        wide = await desk.call("polymarket_subscribe_orderbook_updates", token_ids=[slug], depth=10)
        for price in ("0.30", "0.31", "0.32", "0.33", "0.34"):
            await other.place(slug, "BUY", price, 10)
        await updates(desk, wide["subscription_id"], 5)
    status = await desk.call("polymarket_get_realtime_status", subscription_id=made["subscription_id"])
    assert status["subscriptions"][0]["seen"] == 0, status


async def test_a_thousand_updates_are_kept_and_can_be_read(desk: Desk) -> None:
    slug = await empty_book(desk)
    made = await desk.call("polymarket_subscribe_orderbook_updates", token_ids=[slug], depth=1)
    async with stranger(desk) as other:
        account = desk.exchange.engine.accounts[other.account.wallet.address.lower()]
        engine = desk.exchange.engine
        for number in range(505):  # the best bid comes and goes
            order = engine.submit(account, slug, BID, 3_000 + number % 7 * 100, 1_000, desk.clock())
            desk.exchange.advance(with_crowd=False)
            await asyncio.sleep(0)
            engine.cancel(order, desk.clock())
            desk.exchange.advance(with_crowd=False)
            await asyncio.sleep(0)
        await updates(desk, made["subscription_id"], 1_005)
    one = await desk.call("polymarket_get_realtime_status", subscription_id=made["subscription_id"], limit=1000)
    (line,) = one["subscriptions"]
    assert (len(line["latest"]), line["seen"] - line["dropped"]) == (1_000, 1_000)
    assert len((await desk.call("polymarket_get_realtime_status"))["subscriptions"][0]["latest"]) == 10
    assert "no such subscription" in await desk.error("polymarket_get_realtime_status", subscription_id="p99")


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("callback", "level"), [("notification", "notice"), ("log", "info")])
async def test_the_answer_says_what_this_client_gets(
    era: str, callback: str, level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prediction_mcp.protocol.push.BEAT_S", 0.05)
    async with at(era, tmp_path) as desk:
        slug = await empty_book(desk)
        made = await desk.call("polymarket_subscribe_orderbook_updates", token_ids=[slug], callback_type=callback)
        async with stranger(desk) as other:
            await other.place(slug, "BUY", "0.40", 50)
            if era == "legacy":
                assert made["delivery"].startswith(f"Log messages (level {level}), 3 a second at most")
                async with asyncio.timeout(60):
                    while not desk.ear.logs:  # noqa: ASYNC110 - no event to wait for
                        await asyncio.sleep(0.02)
                message = desk.ear.logs[-1]
                assert (message.level, message.logger) == (level, "polymarket")
                assert (message.data["subscription"], message.data["updates"]) == (made["subscription_id"], 1)
                assert "40¢ bid" in message.data["said"]
            else:
                assert made["delivery"].startswith("This client's protocol version has no log messages: listen to ")
                uri = made["delivery"].partition("listen to ")[2].partition(",")[0]
                async with listen(desk.client.session, resource_subscriptions=[uri]) as stream:
                    await other.place(slug, "BUY", "0.41", 50)
                    async for event in stream:
                        assert str(event.uri) == uri  # type: ignore[union-attr]
                        break
                assert not desk.ear.logs
