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
    """A market nobody else quotes."""
    slug: str = (await desk.some_market())["slug"]
    book = desk.exchange.engine.markets[slug].book
    desk.exchange.engine.cancel_many([*book.bids, *book.asks], desk.clock())
    return slug


async def updates(desk: Desk, subscription: str, count: int) -> list[str]:
    """The newest updates of a subscription, once there are so many."""
    async with asyncio.timeout(10):
        while True:
            status = await desk.call("polymarket_get_realtime_status")
            (line,) = (s for s in status["subscriptions"] if s["subscription_id"] == subscription)
            if line["seen"] >= count:
                return list(line["latest"])
            await asyncio.sleep(0.02)


async def test_a_resting_buy_that_is_hit_is_told_as_a_buy(desk: Desk) -> None:
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
    told = await updates(desk, made["subscription_id"], 2)
    assert sorted(text.partition(": ")[2].partition(" as ")[0] for text in told) == [
        "buy 10 “Yes” at 40¢",
        "buy 5 “Yes” at 38¢",
    ]
    assert all(" as maker: " in text for text in told)
    sides = [row["side"] for row in (await desk.call("polymarket_get_activity"))["activity"] if "side" in row]
    assert sides == ["BUY", "BUY"]
