"""Markets of protocol v2 as the front lists them: their ids, look-ups by them, and balances of their shares.

Source of the shapes: docs.polymarket.com, migrate/polymarket-v2/api-integrations and resources/onchain-position-data.
"""

from __future__ import annotations

import json

from websockets.asyncio.client import connect

from prediction_mcp.exchange.fronts.polymarket import wire
from prediction_mcp.exchange.world.listed import Market
from tests.polymarket.test_front import Front, front, said

__all__ = ["front"]


def v2_market(front: Front) -> Market:
    return next(m for m in front.exchange.catalogue.markets.values() if wire.is_v2(m) and m.status == "active")


async def test_the_version_says_where_the_outcome_ids_stand(front: Front) -> None:
    versions = set()
    for limit, path in ((100, "/gamma/markets/keyset"), (500, "/gamma/events/keyset")):
        page = (await front.http.get(path, params={"limit": limit})).json()
        listed = page.get("markets") or [m for event in page["events"] for m in event["markets"]]
        for market in listed:
            versions.add(market["version"])
            if market["version"] == "v2":
                assert "clobTokenIds" not in market
                ids = market["positionIds"]
            else:
                assert "positionIds" not in market
                ids = json.loads(market["clobTokenIds"])
            assert [token.isdigit() for token in ids] == [True, True]
    assert versions == {"v1", "v2"}


async def test_a_position_id_holds_its_condition_and_outcome(front: Front) -> None:
    """Module, event, zeros in bits 40 to 103, market and outcome; unique over all markets."""
    market = v2_market(front)
    condition = int(wire.condition(market), 16)
    for index, token in enumerate(wire.tokens_of(market)):
        number = int(token)
        assert (number >> 8 << 8, number & 0xFF, number >> 248) == (condition, index, 2)
        assert not number >> 40 & (1 << 64) - 1
    every = [token for m in front.exchange.catalogue.markets.values() for token in wire.tokens_of(m)]
    assert len(set(every)) == len(every)


async def test_markets_are_found_by_the_ids_of_their_own_protocol(front: Front) -> None:
    new, old = v2_market(front), front.market()
    for market, right, wrong in ((new, "position_ids", "clob_token_ids"), (old, "clob_token_ids", "position_ids")):
        for path, read in (("/gamma/markets/keyset", "markets"), ("/gamma/markets", None)):
            found = (await front.http.get(path, params={right: wire.tokens_of(market)[1]})).json()
            assert [m["slug"] for m in (found[read] if read else found)] == [market.ticker]
            found = (await front.http.get(path, params={wrong: wire.tokens_of(market)[1]})).json()
            assert not (found[read] if read else found)
    for what in ("markets", "events"):
        page = (await front.http.get(f"/gamma/{what}/keyset", params={"version": "v2"})).json()
        assert {row["version"] for row in page[what]} == {"v2"}


async def test_shares_of_v2_have_an_asset_type_of_their_own(front: Front) -> None:
    trader, new, old = await front.trader(), v2_market(front), front.market()
    for market in (new, old):
        made = await trader.send("POST", "/paper/split", {"market": wire.condition(market), "amount": "7"})
        assert made.status_code == 200
    for kind, market, other in (("CONDITIONAL-V2", new, old), ("CONDITIONAL", old, new)):
        for token in wire.tokens_of(market):
            held = await trader.send("GET", "/balance-allowance", asset_type=kind, token_id=token)
            assert held.json()["balance"] == "7000000"
        refused = await trader.send("GET", "/balance-allowance", asset_type=kind, token_id=wire.tokens_of(other)[0])
        assert said(refused) == (400, "Invalid token id")


async def test_new_v2_markets_are_announced_without_token_ids(front: Front) -> None:
    new, old = v2_market(front), front.market()
    async with connect(f"{front.ws}/market") as feed:
        subscribed = {"type": "market", "assets_ids": [wire.tokens_of(old)[0]], "custom_feature_enabled": True}
        await feed.send(json.dumps(subscribed))
        await feed.recv()
        assert front.exchange.feed is not None
        for market in (new, old):
            front.exchange.feed.lifecycle(market, "created")
            told = json.loads(await feed.recv())
            assert told["assets_ids"] == [*wire.tokens_of(market)]
            assert ("clob_token_ids" in told) == (market is old)
