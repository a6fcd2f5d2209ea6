"""Every answer of our exchange fits the official schema; and ours has every field that schema requires."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from prediction_mcp.exchange.engine.batches import Child
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.fronts.kalshi.api import ENDPOINTS, PREFIX
from prediction_mcp.exchange.world.scenario import COLLECTION
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.answers import read_refusal
from tests.conformance.schema import SDK_FILE, Schemas
from tests.conformance.test_official_sdk import got
from tests.conftest import MARKET, Served
from tests.facts import load


class Judge(httpx.AsyncHTTPTransport):
    """Checks each answer that passes and remembers which endpoints were seen."""

    def __init__(self, schemas: Schemas) -> None:
        super().__init__()
        self._schemas = schemas
        self.seen: set[tuple[str, str]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        body = await response.aread()
        path = request.url.path.removeprefix(PREFIX)
        template = self._schemas.check(request.method, path, response.status_code, body)
        if template and response.is_success:
            self.seen.add((request.method, template))
        return response


@pytest.fixture
async def judged(served: Served) -> AsyncIterator[tuple[httpx.AsyncClient, Judge]]:
    judge = Judge(Schemas())
    signer = served.signer

    async def sign(request: httpx.Request) -> None:
        request.headers.update(signer.headers(request.method, request.url.path))

    async with httpx.AsyncClient(base_url=served.url, transport=judge, event_hooks={"request": [sign]}) as client:
        yield client, judge


def _order(**changes: object) -> dict[str, object]:
    return {
        "ticker": MARKET, "side": "bid", "count": "5.00", "price": "0.0100", "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross", "client_order_id": str(uuid.uuid4()), **changes,
    }  # fmt: skip


@pytest.mark.everyday
async def test_every_endpoint_answers_as_the_schema_says(
    served: Served, judged: tuple[httpx.AsyncClient, Judge]
) -> None:
    client, judge = judged
    exchange = served.exchange
    now = int(time.time())
    window: dict[str, object] = {"start_ts": now - 30 * 86_400, "end_ts": now, "period_interval": 60}
    settled = next(m for m in exchange.catalogue.markets.values() if m.status == "finalized")
    old = next(
        m for m in exchange.catalogue.markets.values() if m.settled_ms and m.settled_ms < (now - 31 * 86_400) * 1000
    )
    combo = next(m for m in exchange.catalogue.markets.values() if m.legs)
    series, event = MARKET.split("-")[0], MARKET.rsplit("-", 1)[0]

    # A life of orders: resting, amended, decreased, cancelled, filled, batched.
    orders = "/portfolio/events/orders"
    placed = (await client.post(orders, json=_order())).json()["order_id"]
    await client.post(
        f"{orders}/{placed}/amend", json={"ticker": MARKET, "side": "bid", "price": "0.0100", "count": "4.00"}
    )
    await client.post(f"{orders}/{placed}/decrease", json={"reduce_to": "3.00"})
    for path in (
        f"/portfolio/orders/{placed}",
        f"/portfolio/orders/{placed}/queue_position",
        "/portfolio/orders/queue_positions",
    ):
        assert (await client.get(path)).is_success
    await client.delete(f"{orders}/{placed}")
    await client.post(orders, json=_order(price="0.9900", time_in_force="immediate_or_cancel"))
    batch = (await client.post(f"{orders}/batched", json={"orders": [_order(), _order(price="0.0005")]})).json()[
        "orders"
    ]
    assert batch[1]["error"]["code"] == "invalid_price"
    gone = [{"order_id": batch[0]["order_id"]}, {"order_id": "none"}]
    await client.request("DELETE", f"{orders}/batched", json={"orders": gone})
    await client.delete(orders)

    # A position that is settled, so that settlements aren't empty.
    held = next(m for m in exchange.catalogue.markets.values() if m.status == "active" and m.event.exclusive)
    best = exchange.engine.markets[held.ticker].book.asks.best or 9_900
    exchange.engine.submit(served.member, held.ticker, BID, best, 300, exchange.clock())
    exchange.engine.submit(served.member, held.ticker, ASK, 9_900, 100, exchange.clock())
    exchange.engine.settle_market(held.ticker, "yes", 10_000, exchange.clock())

    reads: dict[str, dict[str, object]] = {
        "/exchange/status": {}, "/exchange/schedule": {}, "/exchange/user_data_timestamp": {},
        "/account/limits": {}, "/account/endpoint_costs": {},
        "/series": {"include_volume": "true"}, f"/series/{series}": {},
        f"/series/{series}/markets/{MARKET}/candlesticks": {**window, "include_latest_before_start": "true"},
        f"/series/{series}/events/{event}/candlesticks": window,
        "/events": {"with_nested_markets": "true", "with_milestones": "true"},
        "/events/multivariate": {"with_nested_markets": "true"},
        f"/events/{event}": {"with_nested_markets": "true"}, f"/events/{event}/metadata": {},
        f"/events/{combo.event.ticker}": {},
        "/markets": {"limit": "1000"}, f"/markets/{MARKET}": {}, f"/markets/{settled.ticker}": {},
        f"/markets/{MARKET}/orderbook": {}, "/markets/orderbooks": {"tickers": [MARKET, "NOPE"]},
        "/markets/trades": {"limit": "50"}, "/markets/candlesticks": {**window, "market_tickers": MARKET},
        "/historical/cutoff": {}, "/historical/markets": {}, f"/historical/markets/{old.ticker}": {},
        f"/historical/markets/{old.ticker}/candlesticks": {**window, "start_ts": 0},
        "/historical/trades": {}, "/historical/orders": {}, "/historical/fills": {}, "/historical/positions": {},
        "/portfolio/orders": {}, "/portfolio/balance": {}, "/portfolio/positions": {"settlement_status": "all"},
        "/portfolio/fills": {}, "/portfolio/settlements": {}, "/portfolio/summary/total_resting_order_value": {},
        "/series/fee_changes": {"show_historical": "true"}, "/events/fee_changes": {},
        "/search/tags_by_categories": {}, "/search/filters_by_sport": {},
        "/structured_targets": {}, "/incentive_programs": {}, "/milestones": {"limit": "100"},
        "/multivariate_event_collections": {}, f"/multivariate_event_collections/{COLLECTION}": {},
        "/live_data/weather/nyc": {"detailed": "true"}, "/live_data/weather/nyc/calibrations": {},
        "/portfolio/deposits": {}, "/portfolio/withdrawals": {},
    }  # fmt: skip
    for path, query in reads.items():
        answer = await client.get(path, params=query)  # type: ignore[arg-type]
        assert answer.status_code == 200, f"{path}: {answer.text}"
    assert len((await client.get("/portfolio/settlements")).json()["settlements"]) == 1
    await _read_around(client, served)
    await _stop_together(client)
    await _move_money(client)
    await _negotiate(client, served)
    await _negotiate_batches(client, served)
    await _trade_in_a_block(client, served)
    await _keys_and_shards(client)

    ours = {(e.method, e.path) for e in ENDPOINTS if e.run.__name__ != "gone"}  # which never succeeds
    templates = {(m, _unnamed(p)) for m, p in judge.seen}
    assert {(m, _unnamed(p)) for m, p in ours} == templates, "an endpoint of ours was never checked"


async def _read_around(client: httpx.AsyncClient, served: Served) -> None:
    """Milestones with their live data, targets, a number's chart and forecast."""
    markets = served.exchange.catalogue.markets.values()
    game = next(m.event for m in markets if m.event.series.ticker == "KXNBAGAME" and m.status == "active")
    number = next(m.event for m in markets if m.event.series.ticker == "KXBTCD" and m.status == "active")
    found = (await client.get("/milestones", params={"limit": "5", "related_event_ticker": game.ticker})).json()
    milestone, kind = found["milestones"][0]["id"], found["milestones"][0]["type"]
    target = (await client.get("/structured_targets")).json()["structured_targets"][0]["id"]
    end = int(time.time())
    for path, query in (
        (f"/milestones/{milestone}", {}),
        (f"/structured_targets/{target}", {}),
        (f"/live_data/milestone/{milestone}", {}),
        (f"/live_data/{kind}/milestone/{milestone}", {}),
        (f"/live_data/milestone/{milestone}/game_stats", {}),
        ("/live_data/batch", {"milestone_ids": milestone}),
        (f"/live_data/events/{number.ticker}", {"range": "1h"}),
        (
            f"/series/KXBTCD/events/{number.ticker}/forecast_percentile_history",
            {"percentiles": "1000,5000,9000", "start_ts": end - 7_200, "end_ts": end, "period_interval": 60},
        ),
    ):
        assert (await client.get(path, params=query)).json()  # type: ignore[arg-type]


async def _stop_together(client: httpx.AsyncClient) -> None:
    """An order group from its creation to its end."""
    path = "/portfolio/order_groups"
    made = (await client.post(f"{path}/create", json={"contracts_limit": 10})).json()["order_group_id"]
    placed = await client.post("/portfolio/events/orders", json=_order(order_group_id=made))
    assert (await client.get(f"{path}/{made}")).json()["orders"] == [placed.json()["order_id"]]
    await client.put(f"{path}/{made}/limit", json={"contracts_limit_fp": "20.00"})
    await client.put(f"{path}/{made}/trigger")
    refused = await client.post("/portfolio/events/orders", json=_order(order_group_id=made))
    assert refused.status_code == 400
    await client.put(f"{path}/{made}/reset")
    assert len((await client.get(path)).json()["order_groups"]) == 1
    await client.delete(f"{path}/{made}")


async def _move_money(client: httpx.AsyncClient) -> None:
    path = "/portfolio/subaccounts"
    assert (await client.post(path, json={})).json() == {"subaccount_number": 1}
    transfer = {"client_transfer_id": str(uuid.uuid4()), "from_subaccount": 0, "to_subaccount": 1, "amount_cents": 123}
    for _ in range(2):  # the same transfer twice is one
        await client.post(f"{path}/transfer", json=transfer)
    assert (await client.get(f"{path}/balances")).json()["subaccount_balances"][1]["balance"] == "1.2300"
    assert len((await client.get(f"{path}/transfers")).json()["transfers"]) == 1
    await client.put(f"{path}/netting", json={"subaccount_number": 1, "enabled": True})
    assert (await client.get(f"{path}/netting")).json()["netting_configs"][1]["enabled"] is True


async def _negotiate(client: httpx.AsyncClient, served: Served) -> None:
    """A combo made, asked for, quoted by the crowd, accepted, executed; and a request of the crowd quoted by us."""
    exchange = served.exchange
    move = {"source": "event_contract", "destination": "event_contract", "amount": 1_000_000}
    there = {**move, "destination_exchange_shard": 1}
    assert (await client.post("/portfolio/intra_exchange_instance_transfer", json=there)).is_success
    events = {m.event.ticker: m for m in exchange.catalogue.markets.values() if m.event.series.ticker == "KXNFLGAME"}
    legs = [{"event_ticker": e, "market_ticker": m.ticker, "side": "yes"} for e, m in list(events.items())[:2]]
    chosen = {"selected_markets": legs, "with_market_payload": True}
    made = (await client.post(f"/multivariate_event_collections/{COLLECTION}", json=chosen)).json()
    paths = "/communications"
    await client.get(f"{paths}/id")
    asked = {"market_ticker": made["market_ticker"], "contracts_fp": "10.00", "rest_remainder": False}
    rfq = (await client.post(f"{paths}/rfqs", json=asked)).json()["id"]
    exchange.quoters.step(exchange.clock())
    quote = next(
        q
        for q in (await client.get(f"{paths}/quotes", params={"rfq_id": rfq, **got()})).json()["quotes"]
        if q["no_contracts_fp"] != "0.00"
    )["id"]
    scoped = f"{paths}/rfqs/{rfq}/quotes/{quote}"
    for path in (f"{paths}/rfqs", f"{paths}/rfqs/{rfq}", f"{paths}/quotes/{quote}", scoped):
        assert (await client.get(path)).is_success
    await client.put(f"{scoped}/accept", json={"accepted_side": "no"})
    exchange.quoters.step(exchange.clock())
    exchange.negotiations.advance(exchange.clock() + 1_500)
    done = (await client.get(scoped)).json()["quote"]
    assert done["status"] == "executed"
    (fill,) = (await client.get("/portfolio/fills", params={"order_id": done["rfq_creator_order_id"]})).json()["fills"]
    assert (fill["outcome_side"], fill["count_fp"]) == ("yes", "10.00")

    again = (await client.post(f"{paths}/rfqs", json=asked)).json()["id"]
    await client.delete(f"{paths}/rfqs/{again}")
    for scope in (False, True):  # we are the maker: by the quote's own path, and by its request's
        theirs = exchange.negotiations.ask(
            exchange.crowd.takers[0], exchange.catalogue.markets[MARKET], exchange.clock(), contracts=500, replace=True
        )
        ours = {"rfq_id": theirs.rfq_id, "yes_bid": "0.0100", "no_bid": "0", "rest_remainder": False}
        taken_back = (await client.post(f"{paths}/quotes", json=ours)).json()["id"]
        path = f"{paths}/rfqs/{theirs.rfq_id}/quotes" if scope else f"{paths}/quotes"
        await client.delete(f"{path}/{taken_back}")
        kept = (await client.post(f"{paths}/quotes", json=ours)).json()["id"]
        exchange.negotiations.accept(exchange.negotiations.quotes[kept], "yes", exchange.clock())
        assert (await client.put(f"{path}/{kept}/confirm")).status_code == 204
        exchange.negotiations.advance(exchange.clock() + 20_000)
    asked["market_ticker"] = MARKET
    rfq = (await client.post(f"{paths}/rfqs", json=asked)).json()["id"]
    exchange.quoters.step(exchange.clock())
    quote = (await client.get(f"{paths}/quotes", params={"rfq_id": rfq, **got()})).json()["quotes"][0]["id"]
    assert (await client.put(f"{paths}/quotes/{quote}/accept", json={"accepted_side": "yes"})).status_code == 204


async def _negotiate_batches(client: httpx.AsyncClient, served: Served) -> None:
    """A batch of two combos asked for, quoted by the crowd, accepted, confirmed, executed; and one of the crowd's."""
    exchange, path = served.exchange, "/communications/rfq_batches"
    games = [m.event for m in exchange.catalogue.markets.values() if m.event.series.ticker == "KXNFLGAME"]
    events = list({event.ticker: event for event in games if event.markets[0].status == "active"}.values())

    def child(first: int, second: int) -> dict[str, object]:
        chosen = (events[first], events[second])
        return {
            "selected_markets": [
                {"event_ticker": e.ticker, "market_ticker": e.markets[0].ticker, "side": "yes"} for e in chosen
            ]
        }

    asked = {"children": [child(0, 1), child(1, 2)], "mve_collection_ticker": COLLECTION, "contracts_fp": "5.00"}
    made = (await client.post(path, json=asked)).json()["rfq_batch"]
    one = f"{path}/{made['id']}"
    exchange.quoters.step(exchange.clock())
    assert (await client.get(one)).json()["rfq_batch"]["status"] == "open"
    best = (await client.get(f"{one}/best_quotes")).json()["best_quotes"]
    assert best["no_complete"]
    limits = [{"rfq_id": r["rfq_id"], "bid_dollars": r["no_bid_dollars"]} for r in best["rfqs"]]
    accepted = await client.put(f"{one}/accept", json={"accepted_side": "no", "min_bids": limits})
    assert len(accepted.json()["quotes"]) == 2
    exchange.quoters.step(exchange.clock())
    exchange.batches.advance(exchange.clock() + 1_500)
    done = (await client.get(path, params={"user_filter": "self"})).json()["rfq_batches"][0]
    assert (done["status"], done["close_reason"]) == ("closed", "executed")
    assert len((await client.get(f"{one}/quotes")).json()["batch_quotes"]) >= 1
    again = (await client.post(path, json=asked)).json()["rfq_batch"]["id"]
    await client.delete(f"{path}/{again}")

    markets = [exchange.catalogue.markets[rfq["market_ticker"]] for rfq in made["rfqs"]]
    theirs = exchange.batches.ask(
        exchange.crowd.takers[0], [Child(m, 300, 0) for m in markets], exchange.clock(), client_batch_id="crowd"
    )
    prices = [{"rfq_id": r.rfq_id, "yes_bid": "0.0100", "no_bid": "0.0100"} for r in theirs.rfqs]
    quotes = f"{path}/{theirs.batch_id}/quotes"
    for _ in range(2):
        offer = (await client.post(quotes, json={"quotes": prices, "rest_remainder": False})).json()["id"]
        if _ == 0:
            await client.delete(f"{quotes}/{offer}")
    exchange.batches.accept(theirs, "yes", dict.fromkeys((r.rfq_id for r in theirs.rfqs), 100), exchange.clock())
    assert (await client.put(f"{quotes}/{offer}/confirm", json={})).status_code == 204


async def _trade_in_a_block(client: httpx.AsyncClient, served: Served) -> None:
    """Proposed by us and accepted by another; proposed by another and accepted by us."""
    exchange, path = served.exchange, "/communications/block-trade-proposals"
    other = exchange.add_member("other")
    proposal = {
        "buyer_user_id": served.member.user_id, "seller_user_id": other.user_id, "market_ticker": MARKET,
        "price_centi_cents": 500, "centicount": 1_000, "maker_side": "yes", "expiration_ts": "2199-01-01T00:00:00Z",
    }  # fmt: skip
    made = (await client.post(path, json=proposal)).json()["block_trade_proposal_id"]
    exchange.block_trades.accept(exchange.block_trades.proposals[made], other, exchange.clock())
    market = exchange.catalogue.markets[MARKET]
    theirs = exchange.block_trades.propose(
        other, served.member, other, market, 500, 1_000, "no", exchange.clock() + 60_000, exchange.clock()
    )
    assert (await client.post(f"{path}/{theirs.proposal_id}/accept", json={})).status_code == 204
    shown = (await client.get(path)).json()["block_trade_proposals"]
    assert [p["status"] for p in shown] == ["executed", "executed"]
    assert len((await client.get("/markets/trades", params={"is_block_trade": "true"})).json()["trades"]) == 2


async def _keys_and_shards(client: httpx.AsyncClient) -> None:
    made = (await client.post("/api_keys/generate", json={"name": "second", "key_type": "ed25519"})).json()
    private = serialization.load_pem_private_key(made["private_key"].encode(), None)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    own = {"name": "own", "public_key": public.decode(), "scopes": ["read"], "subaccount": 0}
    brought = (await client.post("/api_keys", json=own)).json()["api_key_id"]
    assert [key["name"] for key in (await client.get("/api_keys")).json()["api_keys"]] == ["", "second", "own"]
    for key in (made["api_key_id"], brought):
        assert (await client.delete(f"/api_keys/{key}")).status_code == 204
    assert (await client.post("/account/api_usage_level/upgrade")).status_code == 201
    assert (await client.get("/account/api_usage_level/volume_progress")).json()["volume_progress"]
    move = {"source": "event_contract", "destination": "event_contract", "amount": 10_000, "destination_subaccount": 1}
    transfer = (await client.post("/portfolio/intra_exchange_instance_transfer", json=move)).json()["transfer_id"]
    listed = (await client.get("/portfolio/subaccounts/transfers")).json()["transfers"]
    assert transfer in [done["transfer_id"] for done in listed]
    (between,) = (await client.get("/portfolio/intra_exchange_instance_transfers")).json()["transfers"]
    assert (between["amount"], between["destination_exchange_shard"]) == ("100.0000", 1)
    path = "/portfolio/intra_exchange_instance_transfers"
    assert (await client.get(f"{path}/{between['transfer_id']}")).json()["transfer"] == between
    assert (await client.get(f"{path}/{transfer}")).status_code == 404
    allocation = {"allocations": [{"exchange_index": 0, "percent": 100}]}
    assert (await client.post("/portfolio/target_balance_allocation", json=allocation)).json() == {}
    kept = (await client.get("/portfolio/target_balance_allocation")).json()
    assert kept == {**allocation, "resting_margin_reservation": "sum"}


def _unnamed(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


async def test_errors_have_the_envelope(judged: tuple[httpx.AsyncClient, Judge]) -> None:
    client, _ = judged
    for method, path, body in (
        ("GET", "/markets/NOPE", None),
        ("GET", "/portfolio/orders/none", None),
        ("POST", "/portfolio/events/orders", {"ticker": MARKET}),
        ("POST", "/portfolio/events/orders", _order(ticker="NOPE")),
    ):
        answer = await client.request(method, path, json=body)
        assert answer.status_code in (400, 404)
        assert read_refusal(answer.content)


async def test_our_client_reads_production_samples() -> None:
    """Recorded answers of production lack fields that the schema requires: our client must not need them."""

    def answer(request: httpx.Request) -> httpx.Response:
        name = "markets" if request.url.path.endswith("/markets") else "series"
        return httpx.Response(200, json=load(f"kalshi/samples/{name}"))

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    async with KalshiClient("https://recorded.invalid/trade-api/v2", http=http) as client:
        (market,) = (await client.markets.list()).markets
        assert (str(market.yes_bid_dollars), str(market.open_interest_fp)) == ("0.3400", "304410.86")
        assert len(market.grid.prices()) == 279
        assert (await client.series.get("KXBTC15M")).fee_multiplier == 1


def test_no_endpoint_of_the_specification_is_missing_but_the_fcms() -> None:
    """The exchange has all that October's file names; what isn't named there is what is gone."""
    named = {(m, _unnamed(p)) for m, p in Schemas().endpoints if not p.startswith("/fcm/")}
    ours = {(e.method, _unnamed(e.path)) for e in ENDPOINTS}
    assert named <= ours
    assert {
        run for m, p, run in ((e.method, _unnamed(e.path), e.run.__name__) for e in ENDPOINTS) if (m, p) not in named
    } == {"gone"}


def test_how_the_kept_specifications_drift_apart() -> None:
    """Printed, so that whoever renews one sees what changed: endpoints, fields that became required, and gone."""
    october, sdk = Schemas(), json.loads(SDK_FILE.read_text())
    before = {(e["method"], _unnamed(e["path"])) for e in sdk["endpoints"]}
    after = {(m, _unnamed(p)) for m, p in october.endpoints}
    print(f"\nonly in October's file: {sorted(after - before)}")
    print(f"only in the SDK 3.34.0: {sorted(before - after)}")
    newer = october.document["components"]["schemas"]
    for name in sorted(newer.keys() & sdk["models"].keys()):
        was, now = set(sdk["models"][name].get("required", [])), set(newer[name].get("required", []))
        if was != now:
            print(f"{name}: required now {sorted(now - was)}, no more {sorted(was - now)}")
    assert after
    assert before
