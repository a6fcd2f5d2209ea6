"""Polymarket's official SDK against our front: its models accept every answer, its orders live and end here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from tests.conformance.polymarket import KEY, WALLET, environment

pytestmark = pytest.mark.conformance
SECOND_WALLET = "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"


class Sdk:
    """The SDK's client, our exchange beside it, and a market to trade in."""

    def __init__(self, client: Any, exchange: Exchange, clock: Clock, environment: Any) -> None:
        self.client, self.exchange, self.clock, self.environment = client, exchange, clock, environment
        self.market: Any = None

    @property
    def token(self) -> str:
        return str(self.market.outcomes.yes.token_id)

    async def pages(self, method: str, most: int = 1, **arguments: Any) -> list[Any]:
        """The items of some pages of a list."""
        return await own_pages(self.client, method, most, **arguments)

    async def book(self) -> Any:
        return await self.client.get_order_book(token_id=self.token)


async def own_pages(client: Any, method: str, most: int = 1, **arguments: Any) -> list[Any]:
    found: list[Any] = []
    async for page in getattr(client, method)(**arguments):
        found += page.items
        most -= 1
        if not most:
            break
    return found


@asynccontextmanager
async def opened(*, with_crowd: bool = False) -> AsyncIterator[Sdk]:
    clock = Clock()
    exchange = Exchange(1, clock)
    async with serve(exchange, with_crowd=with_crowd) as url:
        environ = environment(url)
        from polymarket import AsyncSecureClient  # type: ignore[import-not-found,unused-ignore]

        async with await AsyncSecureClient.create(private_key=KEY, wallet=WALLET, environment=environ) as client:
            sdk = Sdk(client, exchange, clock, environ)
            listed = await sdk.pages("list_markets", 3, closed=False)
            sdk.market = next(
                m for m in listed
                if m.prices.best_bid and m.prices.best_ask and Decimal("0.3") < m.prices.best_ask < Decimal("0.7")
                and m.outcomes.yes.label == "Yes" and m.trading.minimum_tick_size == Decimal("0.01")
            )  # fmt: skip
            yield sdk


async def test_discovery() -> None:
    async with opened() as sdk:
        client, market = sdk.client, sdk.market
        listed = await sdk.pages("list_markets", 20, closed=False, page_size=50)
        assert len({m.id for m in listed}) == len(listed) > 100
        events = await sdk.pages("list_events", 20, closed=False)
        assert {e.state.closed for e in events} == {False}
        assert (await client.get_market(slug=market.slug)).id == market.id
        assert (await client.get_market(id=market.id)).slug == market.slug
        event = await client.get_event(slug=events[0].slug)
        assert (await client.get_event(id=event.id)).title == event.title
        found = await sdk.pages("search", q="bitcoin")
        assert all("itcoin" in e.title for e in found[0].events)
        tags = await sdk.pages("list_tags")
        assert (await client.get_tag(slug=tags[0].slug)).id == tags[0].id
        await client.get_related_tags(id=tags[0].id)
        await client.get_related_tag_resources(id=tags[0].id)
        series = await sdk.pages("list_series")
        assert (await client.get_series(id=series[0].id)).slug == series[0].slug
        assert await client.get_sports()
        assert (await client.get_sports_market_types()).market_types == ("moneyline",)
        assert await sdk.pages("list_teams")
        assert await client.get_market_tags(id=market.id)
        assert await client.get_event_tags(id=event.id)


async def test_books_and_prices() -> None:
    async with opened() as sdk:
        client, token = sdk.client, sdk.token
        book = await sdk.book()
        bid, ask = book.bids[-1].price, book.asks[-1].price
        assert bid == max(level.price for level in book.bids) < ask == min(level.price for level in book.asks)
        other = await client.get_order_book(token_id=str(sdk.market.outcomes.no.token_id))
        assert (other.bids[-1].price, other.asks[-1].price) == (1 - ask, 1 - bid)
        assert (await client.get_order_books(token_ids=[token]))[0].asset_id == token
        assert await client.get_price(token_id=token, side="BUY") == bid
        assert await client.get_midpoint(token_id=token) == (bid + ask) / 2
        assert await client.get_spread(token_id=token) == ask - bid
        assert (await client.get_midpoints(token_ids=[token]))[token] == (bid + ask) / 2
        assert (await client.get_spreads(token_ids=[token]))[token] == ask - bid
        assert (await client.get_last_trade_price(token_id=token)).price > 0
        assert (await client.get_last_trade_prices(token_ids=[token]))[0].asset_id == token
        assert await sdk.pages("list_price_history", asset_id=token, interval="1d")
        assert (await client.get_token_references(asset_ids=[token]))[0].condition_id == sdk.market.condition_id


async def test_keys() -> None:
    async with opened() as sdk:
        keys = await sdk.client.fetch_api_keys()
        assert sdk.client.credentials.key in [getattr(k, "key", k) for k in keys]
        assert await sdk.client.get_closed_only_mode() is False
        assert (await sdk.client.get_balance_allowance(asset_type="COLLATERAL")).balance == 10_000_000_000


async def test_the_life_of_an_order() -> None:
    async with opened() as sdk:
        client, book = sdk.client, await sdk.book()
        bid, ask = book.bids[-1].price, book.asks[-1].price
        placed = await client.place_limit_order(token_id=sdk.token, price=bid - Decimal("0.05"), size=10, side="BUY")
        assert placed.status == "live"
        order = await client.get_order(order_id=placed.order_id)
        assert (order.price, order.original_size, order.status) == (bid - Decimal("0.05"), 10, "LIVE")
        assert [o.id for o in await sdk.pages("list_open_orders")] == [placed.order_id]
        ended = await client.cancel_order(order_id=placed.order_id)
        assert ended.canceled == (placed.order_id,)
        again = await client.cancel_order(order_id=placed.order_id)
        assert placed.order_id in again.not_canceled
        bought = await client.place_limit_order(token_id=sdk.token, price=ask, size=10, side="BUY")
        assert (bought.status, bought.making_amount, bought.taking_amount) == ("matched", ask * 10, 10)
        trades = await sdk.pages("list_account_trades")
        assert [(t.price, t.size, t.trader_side) for t in trades] == [(ask, 10, "TAKER")]
        held = (await sdk.pages("list_positions", user=WALLET))[0]
        assert held.size == 10 if hasattr(held, "size") else held.current_size == 10
        assert (await client.get_portfolio_value(user=WALLET)).value > 0
        sold = await client.place_market_order(token_id=sdk.token, shares=10, side="SELL")
        assert sold.status == "matched"
        kinds = {a.type for a in await sdk.pages("list_activity", user=WALLET)}
        assert kinds == {"TRADE", "DEPOSIT"}
        assert len(await sdk.pages("list_trades", user=WALLET)) == 2
        assert await sdk.pages("list_market_holders", condition_ids=[sdk.market.condition_id])
        await client.get_user_pnl(user=WALLET)
        await client.get_user_stats(user=WALLET)
        await client.get_user_volume(user=WALLET)
        await client.get_open_interests(condition_ids=[sdk.market.condition_id])


async def test_a_market_of_protocol_v2() -> None:
    """The SDK finds its position ids, decodes them, signs for the other contract, and reads the shares' balance."""
    async with opened() as sdk:
        from polymarket._internal.protocol import (  # type: ignore[import-not-found,unused-ignore]
            decode_v2_outcome_position_id,
        )

        client = sdk.client
        listed = await sdk.pages("list_markets", 20, closed=False, page_size=100)
        markets = {version: [m for m in listed if m.version == version] for version in ("v1", "v2")}
        assert len(markets["v1"]) + len(markets["v2"]) == len(listed)
        for market in markets["v1"]:
            assert market.outcomes.yes.token_id
            assert market.outcomes.yes.position_id is None
        for market in markets["v2"]:
            assert market.outcomes.yes.token_id is None
            for index, outcome in enumerate((market.outcomes.yes, market.outcomes.no)):
                decoded = decode_v2_outcome_position_id(outcome.position_id)
                assert (decoded.outcome_index, decoded.condition_id + "00") == (index, market.condition_id)
        market = next(m for m in markets["v2"] if m.prices.best_ask and m.prices.best_ask > Decimal("0.05"))
        position = market.outcomes.yes.position_id
        found = await sdk.pages("list_markets", position_ids=[position])
        assert [m.id for m in found] == [market.id]
        assert not await sdk.pages("list_markets", clob_token_ids=[position])
        book = await client.get_order_book(asset_id=position)
        bought = await client.place_limit_order(asset_id=position, price=book.asks[-1].price, size=20, side="BUY")
        assert bought.status == "matched"
        held = await client.get_balance_allowance(asset_type="CONDITIONAL-V2", asset_id=position)
        assert held.balance == bought.taking_amount * 1_000_000
        (reference,) = await client.get_token_references(asset_ids=[position])
        assert (reference.module, reference.condition_id) == ("neg_risk", market.condition_id)
        sold = await client.place_market_order(asset_id=position, shares=5, side="SELL")
        assert sold.status == "matched"


async def test_a_resting_order_that_is_hit() -> None:
    """Two of the SDK's clients trade with each other and with the crowd: one trade, told to each as its own part."""
    async with opened() as sdk:
        from polymarket.streams import UserSpec  # type: ignore[import-not-found,unused-ignore]

        from polymarket import AsyncSecureClient

        bid = (await sdk.book()).bids[-1]
        rests = await sdk.client.place_limit_order(token_id=sdk.token, price=bid.price, size=10, side="BUY")
        stream = await sdk.client.subscribe(UserSpec())
        arguments = {"private_key": "0x" + f"{2:064x}", "wallet": SECOND_WALLET, "environment": sdk.environment}
        async with await AsyncSecureClient.create(**arguments) as other:
            shares = int(bid.size) + 20
            await other.place_market_order(token_id=sdk.token, amount=shares, side="BUY", order_type="FAK")
            sold = await other.place_limit_order(token_id=sdk.token, price=bid.price, size=bid.size + 4, side="SELL")
            assert sold.status == "matched"
            newest = (await own_pages(other, "list_account_trades"))[0]
        (mine,) = await sdk.pages("list_account_trades")
        assert [mine.id, newest.id] == [sold.trade_ids[0]] * 2
        assert (mine.trader_side, newest.trader_side) == ("MAKER", "TAKER")
        assert (mine.side, mine.size, mine.taker_order_id) == ("SELL", bid.size + 4, sold.order_id)
        parts = [m for m in mine.maker_orders if m.owner == sdk.client.credentials.key]
        assert [(m.order_id, m.side, m.price, m.matched_amount) for m in parts] == [
            (rests.order_id, "BUY", bid.price, 4)
        ]
        assert sum(m.matched_amount for m in mine.maker_orders) == mine.size
        async with asyncio.timeout(10):
            async for event in stream:
                if event.type == "trade":
                    assert (event.payload.id, event.payload.trader_side) == (mine.id, "MAKER")
                    break


async def test_market_orders_of_each_kind() -> None:
    async with opened() as sdk:
        client = sdk.client
        bought = await client.place_market_order(token_id=sdk.token, amount=10, side="BUY", order_type="FAK")
        assert bought.status == "matched"
        assert Decimal(9) < bought.making_amount <= 10
        from polymarket import RequestRejectedError

        price = (await sdk.book()).asks[-1].price
        with pytest.raises(RequestRejectedError, match="FOK orders are fully filled or killed"):
            await client.place_market_order(
                token_id=sdk.token, amount=9_000, side="BUY", order_type="FOK", max_price=price
            )


async def test_batches_fail_one_by_one() -> None:
    async with opened() as sdk:
        client, book = sdk.client, await sdk.book()
        bid, ask = book.bids[-1].price, book.asks[-1].price
        good = await client.create_limit_order(token_id=sdk.token, price=bid - Decimal("0.03"), size=10, side="BUY")
        crossing = await client.create_limit_order(token_id=sdk.token, price=ask, size=10, side="BUY", post_only=True)
        small = await client.create_limit_order(token_id=sdk.token, price=bid - Decimal("0.04"), size=10, side="BUY")
        answers = await client.post_orders([good, crossing, small])
        assert [a.ok for a in answers] == [True, False, True]
        everything = await client.cancel_orders(order_ids=[a.order_id for a in answers if a.ok])
        assert len(everything.canceled) == 2
        await client.post_orders([await client.create_limit_order(
            token_id=sdk.token, price=bid - Decimal("0.05"), size=10, side="BUY")])  # fmt: skip
        assert len((await client.cancel_market_orders(market=sdk.market.condition_id)).canceled) == 1
        assert (await client.cancel_all()).canceled == ()


async def test_heartbeats_that_stop_cancel_everything() -> None:
    async with opened() as sdk:
        client, book = sdk.client, await sdk.book()
        price = book.bids[-1].price - Decimal("0.05")
        await client.place_limit_order(token_id=sdk.token, price=price, size=10, side="BUY")
        beat = await client.send_order_heartbeat()
        sdk.clock.step(8_000)
        await client.send_order_heartbeat(heartbeat_id=beat.heartbeat_id)
        sdk.clock.step(8_000)
        await asyncio.sleep(0.6)
        assert len(await sdk.pages("list_open_orders")) == 1
        sdk.clock.step(20_000)
        await asyncio.sleep(0.6)
        assert not await sdk.pages("list_open_orders")


async def test_market_and_user_feed() -> None:
    """The SDK hears our books, changes and trades, and its own orders and fills to the end."""
    async with opened() as sdk:
        from polymarket.streams import MarketSpec, UserSpec  # type: ignore[import-not-found,unused-ignore]

        market = await sdk.client.subscribe(MarketSpec(token_ids=[sdk.token], custom_feature_enabled=True))
        user = await sdk.client.subscribe(UserSpec())
        heard: dict[str, list[Any]] = {"market": [], "user": []}
        begun = asyncio.Event()

        async def listen(name: str, events: Any) -> None:
            async for event in events:
                heard[name].append(event)
                begun.set()

        listening = [asyncio.create_task(listen("market", market)), asyncio.create_task(listen("user", user))]
        async with asyncio.timeout(60):
            await begun.wait()
        book = await sdk.book()
        await sdk.client.place_limit_order(
            token_id=sdk.token, price=book.bids[-1].price - Decimal("0.05"), size=10, side="BUY"
        )
        await sdk.client.place_limit_order(token_id=sdk.token, price=book.asks[-1].price, size=10, side="BUY")
        sdk.clock.step(3_000)
        await asyncio.sleep(0.6)
        sdk.clock.step(5_000)
        await asyncio.sleep(0.6)
        for task in listening:
            task.cancel()
        assert {"book", "price_change", "last_trade_price"} <= {e.type for e in heard["market"]}
        trades = [e.payload.status for e in heard["user"] if e.type == "trade"]
        assert trades == ["MATCHED", "MINED", "CONFIRMED"]
        orders = [e.payload.order_event_type for e in heard["user"] if e.type == "order"]
        assert orders[0] == "PLACEMENT"
