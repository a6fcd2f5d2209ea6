"""One trade with several makers, told to each of its parties: over REST, on the user feed, and after a restart.

The judges: a frame recorded from Polymarket's user feed, the documentation of trades, and the ledger's own figures.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine import tokens
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.faults import Rule
from prediction_mcp.exchange.fronts.polymarket import wire
from prediction_mcp.exchange.fronts.polymarket.own import MARKET_NEEDED_FROM_MS
from prediction_mcp.exchange.second import PolymarketExchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.kalshi.units import MICROS
from tests.facts import load
from tests.polymarket.test_front import START_MS, Front, Trader, drained, front, said

__all__ = ["front"]
RECORDED = load("polymarket/samples/ws_user_trade_2025-11")


def cleared(front: Front) -> Market:
    """A market whose book is empty."""
    market, engine = front.market(), front.exchange.engine
    book = engine.markets[market.ticker].book
    engine.cancel_many([*book.bids, *book.asks], front.clock())
    return market


async def three_makers(front: Front) -> tuple[Market, list[Trader], list[str]]:
    """Ann's two bids and Bob's No meet Cid's sale: 10 at 0.40, 8 at 0.38, 2 of Ann's 5 at 0.35. (…, order ids.)"""
    market, traders = cleared(front), [await front.trader(number) for number in (1, 2, 3)]
    ann, bob, cid = traders
    for trader in (bob, cid):
        split = {"market": wire.condition(market), "amount": "50"}
        assert (await trader.send("POST", "/paper/split", split)).status_code == 200
    placed = [
        await ann.place(market, "BUY", "0.35", "5"), await ann.place(market, "BUY", "0.40", "10"),
        await bob.place(market, "SELL", "0.62", "8", first=False), await cid.place(market, "SELL", "0.35", "20"),
    ]  # fmt: skip
    answers = [answer.json() for answer in placed]
    assert [a["status"] for a in answers] == ["live", "live", "live", "matched"]
    assert len(answers[3]["tradeIDs"]) == len(answers[3]["transactionsHashes"]) == 1
    return market, traders, [a["orderID"] for a in answers]


async def trades_of(trader: Trader, **query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await trader.send("GET", "/data/trades", **query)).json()["data"]
    return rows


async def test_each_party_is_told_its_own_part_of_a_trade_with_several_makers(front: Front) -> None:
    market, traders, ids = await three_makers(front)
    ann, bob, cid = traders
    rows = [(await trades_of(trader))[0] for trader in traders]
    assert [row.pop("trader_side") for row in rows] == ["MAKER", "MAKER", "TAKER"]
    assert rows[0] == rows[1] == rows[2]
    row, yes, no = rows[0], *wire.tokens_of(market)
    assert row.keys() | {"trader_side"} == RECORDED.keys() - {"event_type", "type", "timestamp", "trade_owner"}
    assert (row["taker_order_id"], row["owner"], row["maker_address"]) == (
        ids[3],
        cid.key.key,
        cid.wallet.address.lower(),
    )
    assert (row["side"], row["asset_id"], row["size"], row["price"]) == ("SELL", yes, "20", "0.35")  # the taker's limit
    assert all(maker.keys() == RECORDED["maker_orders"][0].keys() for maker in row["maker_orders"])
    assert [
        (m["order_id"], m["owner"], m["maker_address"], m["side"], m["matched_amount"], m["price"], m["asset_id"])
        for m in row["maker_orders"]
    ] == [
        (ids[1], ann.key.key, ann.wallet.address.lower(), "BUY", "10", "0.4", yes),
        (ids[2], bob.key.key, bob.wallet.address.lower(), "SELL", "8", "0.62", no),
        (ids[0], ann.key.key, ann.wallet.address.lower(), "BUY", "2", "0.35", yes),
    ]
    assert [m["outcome"] for m in row["maker_orders"]] == [wire.outcomes(market)[index] for index in (0, 1, 0)]


async def test_own_parts_add_up_to_what_the_ledger_moved(front: Front) -> None:
    """What each wallet finds as its own, taker or maker, is the change of its dollars and shares."""
    market, traders, _ = await three_makers(front)
    start = {0: (0, 0), 1: (50, 50), 2: (50, 50)}
    for number, trader in enumerate(traders):
        account = front.exchange.engine.accounts[trader.wallet.address.lower()]
        dollars, held = Decimal(10_000) - start[number][0], [Decimal(n) for n in start[number]]
        (row,) = await trades_of(trader)
        for maker in row["maker_orders"]:
            part, price = maker, Decimal(maker["price"])
            if row["trader_side"] == "TAKER":
                part = row
                price = price if maker["asset_id"] == row["asset_id"] else 1 - price
            elif maker["owner"] != trader.key.key:
                continue
            sign, count = -1 if part["side"] == "SELL" else 1, Decimal(maker["matched_amount"])
            dollars -= sign * price * count
            held[wire.tokens_of(market).index(part["asset_id"])] += sign * count
        holding = dict(tokens.tokens_of(account))[market.ticker]
        assert (dollars - Decimal(holding.fees) / MICROS) * MICROS == account.cash
        assert [h * 100 for h in held] == [holding.yes.count, holding.no.count]


async def listening(front: Front, trader: Trader) -> ClientConnection:
    user = await connect(f"{front.ws}/user", proxy=None)
    auth = {"apiKey": trader.key.key, "secret": trader.key.secret, "passphrase": trader.key.passphrase}
    await user.send(json.dumps({"type": "user", "auth": auth}))
    await user.send("PING")
    assert await user.recv() == "PONG"
    return user


async def test_the_user_feed_sends_one_frame_a_step_to_each_party(front: Front) -> None:
    ann, cid = await front.trader(1), await front.trader(3)
    feeds = [await listening(front, ann), await listening(front, cid)]
    await three_makers(front)
    front.pass_time(3)
    front.pass_time(5)
    for feed, trader, side in zip(feeds, (ann, cid), ("MAKER", "TAKER"), strict=True):
        frames = [frame for frame in await drained(feed) if frame["event_type"] == "trade"]
        await feed.close()
        assert [frame["status"] for frame in frames] == ["MATCHED", "MINED", "CONFIRMED"]
        for frame in frames:
            assert frame.keys() == RECORDED.keys()
            assert (frame["trader_side"], len(frame["maker_orders"]), frame["size"]) == (side, 3, "20")
            assert (frame["owner"], frame["trade_owner"]) == (trader.key.key, cid.key.key)


async def test_trades_are_found_by_market_outcome_maker_and_time(front: Front) -> None:
    market, (ann, bob, _), _ = await three_makers(front)
    yes, no = wire.tokens_of(market)
    for query in (
        {"market": wire.condition(market)}, {"asset_id": yes}, {"asset_id": no},
        {"maker_address": ann.wallet.address}, {"after": str(front.clock() // 1000 - 60)},
    ):  # fmt: skip
        assert len(await trades_of(ann, **query)) == 1
    for query in (
        {"market": "0x" + "0" * 64}, {"asset_id": "7"}, {"maker_address": bob.wallet.address},
        {"after": str(front.clock() // 1000 + 60)}, {"before": str(front.clock() // 1000 - 60)},
    ):  # fmt: skip
        assert not await trades_of(ann, **query)


async def test_the_public_record_has_each_fill_under_the_trades_transaction(front: Front) -> None:
    _, (ann, bob, cid), _ = await three_makers(front)
    for trader, filled in ((ann, [("2", "BUY"), ("10", "BUY")]), (bob, [("8", "SELL")])):
        query = {"user": trader.wallet.address, "taker_only": "false"}
        rows = (await front.http.get("/data/v2/trades", params=query)).json()["data"]
        assert [(str(row["size"]), row["side"]) for row in rows] == filled
        query["taker_only"] = "true"
        assert not (await front.http.get("/data/v2/trades", params=query)).json()["data"]
    (row,) = await trades_of(cid)
    taken = (await front.http.get("/data/v2/trades", params={"user": cid.wallet.address})).json()["data"]
    assert {fill["transaction_hash"] for fill in taken} == {row["transaction_hash"]}
    assert sorted((str(fill["price"]), str(fill["size"])) for fill in taken) == [
        ("0.35", "2"),
        ("0.38", "8"),
        ("0.4", "10"),
    ]


async def test_a_trade_fails_as_a_whole(front: Front) -> None:
    front.exchange.faults.rules.append(Rule("trade_fails", times=1))
    market, traders, _ = await three_makers(front)
    front.pass_time(2.5)
    assert {(await trades_of(t))[0]["status"] for t in traders} == {"TRADE_STATUS_RETRYING"}
    front.pass_time(5)
    assert {(await trades_of(t))[0]["status"] for t in traders} == {"TRADE_STATUS_FAILED"}
    accounts = [front.exchange.engine.accounts[t.wallet.address.lower()] for t in traders]
    assert [account.cash for account in accounts] == [10_000 * MICROS, 9_950 * MICROS, 9_950 * MICROS]
    held = [dict(tokens.tokens_of(account))[market.ticker] for account in accounts]
    assert [(h.yes.count, h.no.count) for h in held] == [(0, 0), (5_000, 5_000), (5_000, 5_000)]


async def test_a_trade_stays_where_one_party_has_spent_a_part_of_it(front: Front) -> None:
    """Ann got 12 shares in two fills: with 11 of them left neither is taken back, though each alone could be."""
    front.exchange.faults.rules.append(Rule("trade_fails", times=1))
    market, (ann, bob, _), _ = await three_makers(front)
    sold = await ann.place(market, "SELL", "0.5", "5"), await bob.place(market, "BUY", "0.5", "5")
    assert [answer.json()["status"] for answer in sold] == ["live", "matched"]
    front.pass_time(10)
    assert {row["status"] for row in await trades_of(ann)} == {"TRADE_STATUS_CONFIRMED"}
    assert (
        dict(tokens.tokens_of(front.exchange.engine.accounts[ann.wallet.address.lower()]))[market.ticker].yes.count
        == 700
    )


def filled(exchange: PolymarketExchange) -> list[Account]:
    """Two wallets in one market: the second buys what the first and the crowd offer."""
    accounts = [exchange.wallet(f"0x{number:040x}", f"0x{number:040x}") for number in (1, 2)]
    ann, bob = (account for account in accounts if account is not None)
    market = next(m for m in exchange.catalogue.markets.values() if m.status == "active" and m.structure == "0.01")
    tokens.split(exchange.engine, ann, market.ticker, 5_000, exchange.clock())
    best = exchange.engine.markets[market.ticker].book.asks.best
    assert best is not None
    exchange.engine.submit(ann, market.ticker, ASK, best, 1_000, exchange.clock(), order_id="0xa1", sells=True)
    exchange.engine.submit(bob, market.ticker, BID, best + 200, 1_000_000, exchange.clock(), order_id="0xb1")
    exchange.sync()
    return [ann, bob]


def test_trades_are_there_after_a_restart(tmp_path: Path) -> None:
    exchange = PolymarketExchange(1, Clock(START_MS, speed=0), Store(tmp_path / "pm.db"))
    accounts = [account.account_id for account in filled(exchange)]
    before = [list(exchange.trades.of([wallet])) for wallet in accounts]
    assert [len(trades) for trades in before] == [1, 1]
    assert len(before[1][0].makers) > 1
    assert sum(maker.count for maker in before[1][0].makers) == before[1][0].taker.count
    exchange.store.close()
    again = PolymarketExchange(1, Clock(START_MS, speed=0), Store(tmp_path / "pm.db"))
    assert [list(again.trades.of([wallet])) for wallet in accounts] == before
    audit(again.engine)
    again.store.close()


def test_fills_of_a_release_without_trades_become_trades(tmp_path: Path) -> None:
    exchange = PolymarketExchange(1, Clock(START_MS, speed=0), Store(tmp_path / "pm.db"))
    ann, bob = filled(exchange)
    fills = [[(f.seq, f.count, f.price) for f in exchange.archive.fills(account)] for account in (ann, bob)]
    exchange.store.db.execute("DELETE FROM extras WHERE kind = 'trade'")
    exchange.store.close()
    for _ in range(2):  # the second opening finds them already there
        again = PolymarketExchange(1, Clock(START_MS, speed=0), Store(tmp_path / "pm.db"))
        again.sync()
        for account, had in zip((ann, bob), fills, strict=True):
            trades = list(again.trades.of([account.account_id]))
            own = [m for t in trades for m in t.makers if account.account_id in (m.wallet, t.taker.wallet)]
            assert sorted((m.seq, m.count, m.price) for m in own) == sorted(had)
        again.store.close()


async def test_open_orders_of_a_token_need_their_market_from_14_december_on(front: Front) -> None:
    trader, market = await front.trader(), front.market()
    bid, _ = front.best(market)
    await trader.place(market, "BUY", str(bid - Decimal("0.1")), "10")
    token, condition = wire.tokens_of(market)[0], wire.condition(market)

    async def asked(**query: str) -> int:
        answer = await trader.send("GET", "/data/orders", **query)
        return len(answer.json()["data"]) if answer.status_code == 200 else answer.status_code

    both = {"asset_id": token, "market": condition}
    assert [await asked(**q) for q in ({}, {"market": condition}, both, {"asset_id": token})] == [1, 1, 1, 1]
    front.clock.step(MARKET_NEEDED_FROM_MS - front.clock() - 1000)
    assert await asked(asset_id=token) != 400
    front.clock.step(1000)
    for query in ({"asset_id": token}, {"asset_id": token, "market": ""}):
        refused = await trader.send("GET", "/data/orders", **query)
        assert said(refused) == (400, "market is required when asset_id is provided")
    assert 400 not in [await asked(**q) for q in ({}, both)]
