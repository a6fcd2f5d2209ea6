"""The official SDK on one side, our MCP server on the other: two members of one exchange that deal with each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult

from prediction_mcp.kalshi.raw_feed import RawFeed
from prediction_mcp.server import create_server
from tests.conformance.test_official_sdk import _order, got, sdk
from tests.conftest import MARKET, Served
from tests.funds import spread
from tests.tools.conftest import Assistant, settings_for

pytestmark = pytest.mark.conformance
__all__ = ["sdk"]  # the fixture


@pytest.fixture
async def ours(served: Served, tmp_path: Path) -> AsyncIterator[Assistant]:
    """Another member, behind our server."""
    member = served.exchange.add_member("ours", tier="prestige")
    account = Served(served.exchange, served.url, member, *served.exchange.issue_key(member))

    async def person(*_: Any) -> ElicitResult[Any]:
        return ElicitResult(action="accept", content={"confirm": True})

    settings = settings_for(account, tmp_path, toolsets="advanced", confirm="always")
    async with Client(create_server(settings), elicitation_handler=person) as client:
        yield Assistant(client)


def clear(served: Served, ticker: str = MARKET) -> None:
    """Nobody else quotes the market, so that what two agree on is traded between them."""
    engine = served.exchange.engine
    book = engine.markets[ticker].book
    engine.cancel_many([*book.bids, *book.asks], served.exchange.clock())


async def test_the_sdk_asks_and_accepts_ours_quotes_and_confirms(sdk: Any, ours: Assistant, served: Served) -> None:
    clear(served)
    talk, exchange = sdk._communications_api, served.exchange
    rfq = await talk.create_rfq(market_ticker=MARKET, contracts_fp="25.00", rest_remainder=False)
    (listed,) = (await ours.call("kalshi_get_rfqs", own=False))["rfqs"]
    assert (listed["rfq_id"], listed["asked"]) == (rfq.id, "25 contracts")
    made = await ours.call("kalshi_create_quote", rfq_id=rfq.id, yes_price=40, no_price=55)
    (seen,) = (await talk.get_quotes(rfq_id=rfq.id, **got())).quotes
    assert (seen.id, seen.yes_bid_dollars, seen.no_bid_dollars) == (made["quote_id"], "0.4000", "0.5500")
    await talk.accept_rfq_quote(rfq.id, seen.id, accepted_side="no")
    (waiting,) = (await ours.call("kalshi_get_quotes", rfq_id=rfq.id))["quotes"]
    assert (waiting["status"], waiting["accepted"]) == ("accepted", "you buy no")
    await ours.call("kalshi_confirm_quote", quote_id=seen.id)
    exchange.negotiations.advance(exchange.clock() + 16_000)
    done = (await talk.get_rfq_quote(rfq.id, seen.id)).quote
    assert done.status == "executed"
    (fill,) = (await sdk._portfolio_api.get_fills(order_id=done.rfq_creator_order_id)).fills
    assert (fill.outcome_side, fill.count_fp, fill.yes_price_dollars) == ("yes", "25.00", "0.4500")
    (mine,) = (await ours.call("kalshi_get_fills"))["fills"]
    assert (mine["count"], mine["fill"]) == (25, "buy no at 55¢ (= sell yes at 45¢)"), mine
    (line,) = (await ours.call("kalshi_get_quotes", quote_id=seen.id))["quotes"]
    assert (line["status"], line["order_id"]) == ("executed", mine["order_id"])


async def test_ours_asks_and_accepts_the_sdk_quotes_and_confirms(sdk: Any, ours: Assistant, served: Served) -> None:
    clear(served)
    talk, exchange = sdk._communications_api, served.exchange
    sent = await ours.call("kalshi_create_rfq", ticker=MARKET, target_cost=9)
    (rfq,) = (await talk.get_rfqs(status="open")).rfqs
    assert (rfq.id, rfq.target_cost_dollars) == (sent["rfq_id"], "9.0000")
    quote = await talk.create_quote(rfq_id=rfq.id, yes_bid="0.4000", no_bid="0.5500", rest_remainder=False)
    (offer,) = (await ours.call("kalshi_get_quotes", rfq_id=rfq.id))["quotes"]
    count = (await talk.get_rfq_quote(rfq.id, quote.id)).quote.no_contracts_fp
    assert offer["buy_yes"] == f"45¢ for {float(count):g} contracts"
    await ours.call("kalshi_accept_quote", quote_id=quote.id, side="yes")
    assert (await talk.get_rfq_quote(rfq.id, quote.id)).quote.accepted_side == "no"
    await talk.confirm_rfq_quote(rfq.id, quote.id)
    exchange.negotiations.advance(exchange.clock() + 16_000)
    (line,) = (await ours.call("kalshi_get_quotes", quote_id=quote.id))["quotes"]
    assert line["status"] == "executed"
    position = (await ours.call("kalshi_get_position", ticker=MARKET))["position"]
    assert (position["side"], f"{position['count']:.2f}") == ("yes", count)
    done = (await talk.get_rfq_quote(rfq.id, quote.id)).quote
    (fill,) = (await sdk._portfolio_api.get_fills(order_id=done.creator_order_id)).fills
    assert (fill.outcome_side, fill.count_fp) == ("no", count)


async def test_quotes_that_come_to_nothing(sdk: Any, ours: Assistant, served: Served) -> None:
    """Declined on one side, taken back, not confirmed in time, called off with its request."""
    clear(served)
    talk, exchange = sdk._communications_api, served.exchange
    sent = await ours.call("kalshi_create_rfq", ticker=MARKET, count=5)
    rfq = sent["rfq_id"]

    async def quoted(**bids: str) -> str:
        made = await talk.create_quote(
            **{"rfq_id": rfq, "yes_bid": "0", "no_bid": "0", "rest_remainder": False, **bids}
        )
        return str(made.id)

    declined = await quoted(yes_bid="0.4000")
    assert "doesn't sell yes" in await ours.error("kalshi_accept_quote", quote_id=declined, side="yes")
    await talk.delete_rfq_quote(rfq, declined)
    text = await ours.error("kalshi_accept_quote", quote_id=declined, side="no")
    assert "is cancelled" in text
    late = await quoted(no_bid="0.5000")
    await ours.call("kalshi_accept_quote", quote_id=late, side="yes")
    exchange.negotiations.advance(exchange.clock() + 31_000)
    (line,) = (await ours.call("kalshi_get_quotes", quote_id=late))["quotes"]
    assert (line["status"], line.get("ended")) == ("accepted", None)  # as recorded: it stays so for ever
    from kalshi_python_async.exceptions import ApiException

    with pytest.raises(ApiException):
        await talk.confirm_rfq_quote(rfq, late)
    off = await quoted(no_bid="0.5000")
    await ours.call("kalshi_cancel_rfq", rfq_id=rfq)
    assert (await talk.get_rfq_quote(rfq, off)).quote.status == "cancelled"
    assert (await ours.call("kalshi_get_fills"))["count"] == 0


async def test_an_order_group_trips_is_reset_and_trips_again(sdk: Any, ours: Assistant, served: Served) -> None:
    """Ours has the group, the SDK trades with it; REST and the feed tell the same."""
    clear(served)
    account = served.exchange.engine.accounts["ours"]
    key = Served(served.exchange, served.url, account, *served.exchange.issue_key(account))
    feed = RawFeed(served.url.replace("http://", "ws://").replace("/trade-api/v2", "/trade-api/ws/v2"), key.signer)
    await feed.open()
    await feed.command("subscribe", {"channels": ["order_group_updates"]})
    group = (await ours.call("kalshi_create_order_group", limit=4))["group_id"]

    async def rest(*prices: int) -> dict[str, Any]:
        orders = [{"ticker": MARKET, "side": "yes", "action": "buy", "count": 3, "price": price} for price in prices]
        return await ours.call("kalshi_batch_create_orders", orders=orders, order_group_id=group)

    for _ in range(2):
        assert (await rest(30, 29, 28))["placed"] == 3
        await sdk._orders_api.create_order_v2(**_order(side="ask", price="0.2900", count="5.00"))
        assert (await ours.call("kalshi_get_order_groups", order_group_id=group))["orders"] == []
        assert (await ours.call("kalshi_get_orders", status="resting"))["count"] == 0
        assert (await rest(27))["failed"] == 1, "no new ones before it is reset"
        await ours.call("kalshi_update_order_group", order_group_id=group, action="reset")
    frames = await feed.take(100, 1)
    told = [frame["msg"]["event_type"] for frame in frames if frame.get("type") == "order_group_updates"]
    assert told == ["created", "triggered", "reset", "triggered", "reset"]
    await feed.close()
    await ours.call("kalshi_update_order_group", order_group_id=group, action="delete")


async def test_a_combo_that_ours_makes_and_the_sdk_trades(sdk: Any, ours: Assistant, served: Served) -> None:
    exchange, talk = served.exchange, sdk._communications_api
    spread(exchange, served.member, exchange.engine.accounts["ours"])
    games = dict[str, str]()
    for market in exchange.catalogue.markets.values():
        if market.event.series.ticker == "KXNFLGAME" and market.status == "active":
            games.setdefault(market.event.ticker, market.ticker)
    made = await ours.call("kalshi_create_combo_market", legs=[{"ticker": t} for t in list(games.values())[:3]])
    combo = made["ticker"]
    clear(served, combo)
    read = (await sdk._market_api.get_market(combo)).market
    assert [leg.side for leg in read.mve_selected_legs] == ["yes"] * 3
    rfq = await talk.create_rfq(market_ticker=combo, contracts_fp="8.00", rest_remainder=False)
    quote = await ours.call("kalshi_create_quote", rfq_id=rfq.id, no_price=80)
    assert "3 s" in quote["next"]
    await talk.accept_rfq_quote(rfq.id, quote["quote_id"], accepted_side="no")
    await ours.call("kalshi_confirm_quote", quote_id=quote["quote_id"])
    exchange.negotiations.advance(exchange.clock() + 1_500)
    (position,) = (await sdk._portfolio_api.get_positions(ticker=combo)).market_positions
    assert position.position_fp == "8.00"
    assert (await ours.call("kalshi_get_position", ticker=combo))["position"]["side"] == "no"


async def test_a_batch_of_twenty_with_three_that_must_fail(sdk: Any, ours: Assistant, served: Served) -> None:
    """The SDK's bids stand in the way of three post-only sales."""
    clear(served)
    await sdk._orders_api.create_order_v2(**_order(price="0.5000", count="100.00"))
    sales = [
        {"ticker": MARKET, "side": "yes", "action": "sell", "count": 1, "price": price, "post_only": True}
        for price in (48, 49, 50, *range(51, 68))
    ]
    done = await ours.call("kalshi_batch_create_orders", orders=sales)
    assert (done["placed"], done["failed"]) == (17, 3)
    assert ["post-only" in line.get("error", "") for line in done["orders"]] == [True] * 3 + [False] * 17
    assert (await ours.call("kalshi_get_orders", status="resting", limit=50))["count"] == 17
    book = (await sdk._market_api.get_market_orderbook(MARKET)).orderbook_fp
    assert len(book.no_dollars) == 17
    assert served.exchange.engine.markets[MARKET].book.asks.best == 5_100
