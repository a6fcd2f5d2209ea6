"""Shards as production has them: money lies on one of them and pays for orders there; held against recorded answers.

Every answer is checked against the official schema too.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.batches import Child
from prediction_mcp.exchange.engine.ledger import Account, transfer
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.fronts.control import CONTROL_HEADER
from prediction_mcp.exchange.fronts.kalshi.api import PREFIX, create_app
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.exchange.world.shards import shard_of
from prediction_mcp.kalshi.auth import KeySigner, signer_from_pem
from prediction_mcp.kalshi.units import MICROS
from tests.conformance.schema import Schemas
from tests.conftest import Served
from tests.exchange.test_ws import feed
from tests.facts import load

SCHEMAS = Schemas()
NOW = 1_795_000_000_000
ORDERS = "/portfolio/events/orders"
MOVE = "/portfolio/intra_exchange_instance_transfer"
GROUPS = "/portfolio/order_groups"
DEPOSIT = 20_000 * MICROS


class Caller:
    """A member that signs, and whose every answer is checked against the schema."""

    def __init__(self, exchange: Exchange, signer: KeySigner) -> None:
        self.exchange = exchange
        self._signer = signer
        transport = httpx.ASGITransport(create_app(exchange), raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://paper")

    def with_key(self, signer: KeySigner) -> Caller:
        return Caller(self.exchange, signer)

    async def send(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        self.exchange.access.budgets["you"].balance.tokens = 1  # no test of how often the balance can be read
        answer = await self._http.request(
            method, PREFIX + path, headers=self._signer.headers(method, PREFIX + path), params=query, json=body
        )
        SCHEMAS.check(method, path, answer.status_code, answer.content)
        return answer

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.send("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def control(self, **setting: Any) -> httpx.Response:
        return await self._http.put("/paper/faults", json=setting, headers={CONTROL_HEADER: "1"})

    async def move(self, dollars: str, here: int, there: int, **more: Any) -> httpx.Response:
        amount = round(float(dollars) * 10_000)
        kind = {"source": "event_contract", "destination": "event_contract"}
        shards = {"source_exchange_shard": here, "destination_exchange_shard": there}
        return await self.send("POST", MOVE, {**kind, **shards, "amount": amount, **more})

    async def order(self, market: Market, price: str = "0.0100", count: str = "5.00", **more: Any) -> httpx.Response:
        body = {
            "ticker": market.ticker, "side": "bid", "count": count, "price": price,
            "time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross", **more,
        }  # fmt: skip
        return await self.send("POST", ORDERS, body)

    async def rows(self) -> dict[tuple[int, int], str]:
        found = (await self.get("/portfolio/subaccounts/balances"))["subaccount_balances"]
        return {(row["subaccount_number"], row["exchange_index"]): row["balance"] for row in found}


def on(exchange: Exchange, shard: int, number: int = 0) -> Market:
    """A market that trades on a shard."""
    active = (m for m in exchange.catalogue.markets.values() if m.status == "active" and m.event.shard == shard)
    return [*active][number]


def caller_of(exchange: Exchange, deposit: int = DEPOSIT) -> Caller:
    key_id, pem = exchange.issue_key(exchange.add_member(tier="prestige", deposit=deposit))
    return Caller(exchange, signer_from_pem(key_id, pem))


@pytest.fixture
async def ann(tmp_path: Path) -> AsyncIterator[Caller]:
    """A member with $20,000 on shard 0 of an exchange that lists a market of each shard but combos."""
    exchange = Exchange(1, Clock(NOW, speed=0), Store(tmp_path / "x.db"), "small", read_lag_ms=0, sharded=True)
    yield caller_of(exchange)
    audit(exchange.engine)
    exchange.store.close()


# -- where things lie ------------------------------------------------------------------------------------------------


def test_series_are_on_the_shards_of_production() -> None:
    """Facts of production; and the recorded series of combos says it itself."""
    recorded = load("kalshi/production/combo_collections")
    said = {c["series_ticker"]: c["exchange_index"] for c in _collections(recorded) if "SHARD1" in c["series_ticker"]}
    assert said == {"KXMVECROSSCATEGORY-SHARD1": 1}
    assert shard_of("KXMVECROSSCATEGORY-SHARD1", "Sports", ["Combos"]) == 1
    exchange = Exchange(1, Clock(NOW, speed=0), sharded=True)
    shards = {e.series.ticker: e.shard for e in exchange.catalogue.events.values()}
    assert shards["KXMVECROSSCATEGORY-SHARD1"] == 1
    assert {shards[ticker] for ticker in ("KXBTCD", "KXBTC15M", "KXETHD")} == {2}
    assert shards["KXNBAGAME"] == 3
    assert {shards[ticker] for ticker in ("KXNFLGAME", "KXFEDDECISION", "KXINXU", "KXHIGHNY")} == {0}
    assert {m.shard for m in exchange.engine.markets.values()} == {0, 1, 2, 3}
    alone = Exchange(1, Clock(NOW, speed=0), sharded=False)
    assert {e.shard for e in alone.catalogue.events.values()} == {0}


def _collections(recorded: Any) -> list[Any]:
    if isinstance(recorded, dict):
        own = [recorded] if "series_ticker" in recorded and "exchange_index" in recorded else []
        return own + [found for value in recorded.values() for found in _collections(value)]
    return [found for value in recorded for found in _collections(value)] if isinstance(recorded, list) else []


async def test_the_rows_are_those_that_were_recorded() -> None:
    """Brought into the recorded situation the exchange answers the recorded rows, and none where nothing ever was."""
    recorded = load("kalshi/production/subaccount_balances_by_shard")["answer"]["subaccount_balances"]
    deposit = round(sum(float(row["balance"]) for row in recorded) * MICROS)
    ann = caller_of(Exchange(1, Clock(NOW, speed=0), scenario="small", sharded=True), deposit)
    for _ in range(2):
        assert (await ann.send("POST", "/portfolio/subaccounts")).status_code == 201
    await ann.move("155.5", 0, 2)
    for number, cents in ((1, 7_500), (2, 2_000)):
        body = {"client_transfer_id": str(uuid.uuid4()), "from_subaccount": 0, "to_subaccount": number,
                "amount_cents": cents}  # fmt: skip
        assert (await ann.send("POST", "/portfolio/subaccounts/transfer", body)).json() == {}
    rows = (await ann.get("/portfolio/subaccounts/balances"))["subaccount_balances"]
    assert [{key: row[key] for key in recorded[0]} for row in rows] == recorded


async def test_events_markets_and_series_say_where_they_are(ann: Caller) -> None:
    market = on(ann.exchange, 2)
    assert (await ann.get(f"/markets/{market.ticker}"))["market"]["exchange_index"] == 2
    event = await ann.get(f"/events/{market.event.ticker}", with_nested_markets="true")
    assert [event["event"]["exchange_index"], event["event"]["markets"][0]["exchange_index"]] == [2, 2]
    assert (await ann.get(f"/series/{market.event.series.ticker}"))["series"]["exchange_index"] == 2
    assert {s["exchange_index"] for s in (await ann.get("/series"))["series"]} == {0, 2}


# -- orders ----------------------------------------------------------------------------------------------------------


async def test_an_order_needs_its_money_on_the_market_s_shard(ann: Caller) -> None:
    """$20,000 on shard 0, none on shard 2: refused as recorded; after a transfer it goes, on that money alone."""
    market = on(ann.exchange, 2)
    refused = await ann.order(market)
    assert (refused.status_code, refused.json()) == (400, load("kalshi/recorded/orders__insufficient_balance"))
    assert await ann.rows() == {(0, 0): "20000.0000"}
    assert (await ann.move("0.06", 0, 2)).status_code == 200
    assert (await ann.order(market)).status_code == 201
    refused = await ann.order(market)  # the first needs $0.05 with its fee, and $0.0002 for rounding
    assert refused.json() == load("kalshi/recorded/orders__insufficient_balance")
    rows = await ann.rows()
    assert rows[0, 0] == "19999.9400"
    assert float(rows[0, 2]) < 0.01
    (order,) = (await ann.get("/portfolio/orders"))["orders"]
    assert order["exchange_index"] == 2
    for index, number in ((0, 0), (1, 0), (2, 1)):
        assert len((await ann.get("/portfolio/orders", exchange_index=index))["orders"]) == number
    value = await ann.get("/portfolio/summary/total_resting_order_value")
    assert [row["exchange_index"] for row in value["resting_order_value_breakdown"]] == [0, 2]


async def test_fills_positions_and_settlements_stay_on_their_shard(ann: Caller) -> None:
    """Bought on shard 2 and settled there: shard 0 isn't touched; every record says 2, every filter holds."""
    exchange, market = ann.exchange, on(ann.exchange, 2)
    exchange.add_member("bob", deposit=0)
    bob = exchange.engine.on_shard(exchange.engine.accounts["bob"], 2)
    bob.deposit(100 * MICROS)
    book = exchange.engine.markets[market.ticker].book
    exchange.engine.cancel_many([*book.bids, *book.asks], NOW)
    exchange.engine.submit(bob, market.ticker, ASK, 5_000, 1_000, NOW)
    await ann.move("10", 0, 2)
    filled = (await ann.order(market, "0.5000", "10.00")).json()
    assert filled["fill_count"] == "10.00"
    (fill,) = (await ann.get("/portfolio/fills"))["fills"]
    (position,) = (await ann.get("/portfolio/positions"))["market_positions"]
    assert (fill["exchange_index"], position["exchange_index"]) == (2, 2)
    for index, number in ((0, 0), (2, 1)):
        assert len((await ann.get("/portfolio/fills", exchange_index=index))["fills"]) == number
        assert len((await ann.get("/portfolio/positions", exchange_index=index))["market_positions"]) == number
    whole, there = await ann.get("/portfolio/balance"), await ann.get("/portfolio/balance", exchange_index=2)
    assert (whole["portfolio_value"], there["portfolio_value"]) == (500, 500)
    assert (await ann.get("/portfolio/balance", exchange_index=0))["portfolio_value"] == 0
    rest = there["balance_dollars"]
    exchange.engine.settle_market(market.ticker, "yes", 10_000, NOW)
    rows = await ann.rows()
    assert rows[0, 0] == "19990.0000"
    assert float(rows[0, 2]) == pytest.approx(float(rest) + 10)
    (settlement,) = (await ann.get("/portfolio/settlements"))["settlements"]
    assert (settlement["exchange_index"], settlement["revenue"]) == (2, 1_000)
    (old,) = (await ann.get("/portfolio/positions", settlement_status="settled"))["market_positions"]
    assert old["exchange_index"] == 2
    assert not (await ann.get("/portfolio/positions", settlement_status="all", exchange_index=0))["market_positions"]


async def test_the_balance_is_split(ann: Caller) -> None:
    await ann.move("155.5", 0, 2)
    balance = await ann.get("/portfolio/balance")
    assert (balance["balance"], balance["balance_dollars"]) == (2_000_000, "20000.0000")
    split = [{"exchange_index": 0, "balance": "19844.5000"}, {"exchange_index": 2, "balance": "155.5000"}]
    assert balance["balance_breakdown"] == split
    for index, dollars in ((0, "19844.5000"), (2, "155.5000"), (3, "0.0000")):
        assert (await ann.get("/portfolio/balance", exchange_index=index))["balance_dollars"] == dollars
    assert (await ann.send("GET", "/portfolio/balance", exchange_index=4)).status_code == 400
    await ann.send("POST", "/portfolio/subaccounts")
    key_id, pem = ann.exchange.issue_key(ann.exchange.engine.accounts["you"], subaccount=1)
    bound = await ann.with_key(signer_from_pem(key_id, pem)).get("/portfolio/balance")
    assert (bound["balance_dollars"], "balance_breakdown" in bound) == ("0.0000", False)


@pytest.mark.parametrize("verb", ["cancel", "decrease", "amend", "batch"])
async def test_a_change_finds_its_order_by_shard_or_ticker(ann: Caller, verb: str) -> None:
    """The specification: without either it is looked for on shard 0; -1 needs the ticker."""
    market, other = on(ann.exchange, 2), on(ann.exchange, 0)
    await ann.move("10", 0, 2)
    placed = (await ann.order(market, exchange_index=2)).json()["order_id"]
    path = f"{ORDERS}/{placed}"

    async def status(ticker: str | None, index: int | None) -> int:
        asked = {"exchange_index": index} if index is not None else {}
        named = {"market_ticker": ticker} if ticker else {}
        if verb == "cancel":
            return (await ann.send("DELETE", path, **asked, **named)).status_code
        if verb == "decrease":
            return (await ann.send("POST", f"{path}/decrease", {"reduce_by": "1.00", **asked, **named})).status_code
        if verb == "amend":
            body = {"ticker": ticker or market.ticker, "side": "bid", "price": "0.0100", "count": "4.00", **asked}
            return (await ann.send("POST", f"{path}/amend", body)).status_code
        (row,) = (
            await ann.send("DELETE", f"{ORDERS}/batched", {"orders": [{"order_id": placed, **asked, **named}]})
        ).json()["orders"]
        return {None: 200, "not_found": 404, "market_not_found": 404}.get(row.get("error", {}).get("code"), 400)

    if verb != "amend":
        assert await status(None, None) == 404
        assert await status(None, -1) == 400
    assert await status(None, 0) == 404
    assert await status(other.ticker, None) in (400, 404)
    assert await status(market.ticker, 0) == 404
    assert await status(market.ticker, 7) == 400
    assert await status(market.ticker, -1) == 200


@pytest.mark.parametrize("how", [{"exchange_index": 2}, {"market_ticker": "it"}])
async def test_a_cancel_that_says_where_goes(ann: Caller, how: dict[str, Any]) -> None:
    market = on(ann.exchange, 2)
    await ann.move("10", 0, 2)
    placed = (await ann.order(market, exchange_index=-1)).json()["order_id"]
    query = {name: market.ticker if value == "it" else value for name, value in how.items()}
    assert (await ann.send("DELETE", f"{ORDERS}/{placed}", **query)).status_code == 200
    assert (await ann.rows())[0, 2] == "10.0000"


async def test_an_order_that_names_another_shard_finds_no_market_there(ann: Caller) -> None:
    refused = await ann.order(on(ann.exchange, 2), exchange_index=0)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "market_not_found")


async def test_all_orders_are_cancelled_on_every_shard(ann: Caller) -> None:
    await ann.move("10", 0, 2)
    for shard in (0, 2):
        await ann.order(on(ann.exchange, shard))
    assert (await ann.send("DELETE", ORDERS)).status_code == 204
    assert not (await ann.get("/portfolio/orders", status="resting"))["orders"]


# -- order groups ----------------------------------------------------------------------------------------------------


async def test_a_group_is_on_shard_0_unless_it_says_otherwise(ann: Caller) -> None:
    await ann.move("10", 0, 2)
    body = {"contracts_limit_fp": "50.00"}
    first = (await ann.send("POST", f"{GROUPS}/create", body)).json()
    second = (await ann.send("POST", f"{GROUPS}/create", {**body, "exchange_index": 2})).json()
    assert (first["exchange_index"], second["exchange_index"]) == (0, 2)
    market = on(ann.exchange, 2)
    refused = await ann.order(market, order_group_id=first["order_group_id"])
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_parameters")
    assert "is on shard 0, the market on shard 2" in refused.json()["error"]["details"]
    placed = (await ann.order(market, order_group_id=second["order_group_id"])).json()["order_id"]
    path = f"{GROUPS}/{second['order_group_id']}"
    assert (await ann.get(path))["orders"] == [placed]
    assert {g["id"]: g["exchange_index"] for g in (await ann.get(GROUPS))["order_groups"]} == {
        first["order_group_id"]: 0, second["order_group_id"]: 2,
    }  # fmt: skip
    for change in ("trigger", "reset"):
        assert (await ann.send("PUT", f"{path}/{change}", {})).status_code == 404  # shard 0 has no such group
        assert (await ann.send("PUT", f"{path}/{change}", {}, exchange_index=2)).status_code == 200
    assert (await ann.get(path))["orders"] == []
    limit = {"contracts_limit_fp": "60.00"}
    assert (await ann.send("PUT", f"{path}/limit", limit, exchange_index=2)).status_code == 200
    assert (await ann.send("DELETE", path)).status_code == 404
    assert (await ann.send("DELETE", path, exchange_index=2)).status_code == 200


# -- transfers -------------------------------------------------------------------------------------------------------


async def test_money_moves_between_shards_once_for_an_id(ann: Caller) -> None:
    client_id = str(uuid.uuid4())
    moved = (await ann.move("12.3456", 0, 3, client_transfer_id=client_id)).json()["transfer_id"]
    assert moved != client_id
    assert await ann.rows() == {(0, 0): "19987.6544", (0, 3): "12.3456"}
    again = await ann.move("12.3456", 0, 3, client_transfer_id=client_id)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    assert (await ann.move("1", 3, 0, client_transfer_id=client_id)).status_code == 200  # from another shard
    listed = (await ann.get(f"{MOVE}s"))["transfers"]
    assert [(t["source_exchange_shard"], t["destination_exchange_shard"], t["amount"]) for t in listed] == [
        (3, 0, "1.0000"), (0, 3, "12.3456"),
    ]  # fmt: skip
    one = (await ann.get(f"{MOVE}s/{moved}"))["transfer"]
    assert one == listed[1]
    assert (one["client_transfer_id"], one["status"], one["source"]) == (client_id, "complete", "event_contract")
    page = await ann.get(f"{MOVE}s", limit=1)
    assert (page["transfers"], (await ann.get(f"{MOVE}s", limit=1, cursor=page["cursor"]))["transfers"]) == (
        listed[:1], listed[1:],
    )  # fmt: skip
    assert (await ann.get("/portfolio/subaccounts/transfers"))["transfers"] == []
    assert (await ann.send("GET", f"{MOVE}s/{uuid.uuid4()}")).status_code == 404


@pytest.mark.parametrize(
    ("dollars", "here", "there", "more", "status"),
    [
        ("20000.0001", 0, 2, {}, 400),
        ("0", 0, 2, {}, 400),
        ("-1", 0, 2, {}, 400),
        ("1", 2, 0, {}, 400),
        ("1", 0, 0, {}, 400),
        ("1", 0, 4, {}, 400),
        ("1", -1, 0, {}, 400),
        ("1", 0, 2, {"client_transfer_id": "no uuid"}, 400),
        ("1", 0, 2, {"destination_subaccount": 5}, 400),
        ("1", 0, 0, {"destination": "margined"}, 403),
        ("1", 0, 0, {"destination_subaccount": 64}, 400),
    ],
)
async def test_what_cannot_move_moves_nothing(
    ann: Caller, dollars: str, here: int, there: int, more: dict[str, Any], status: int
) -> None:
    assert (await ann.move(dollars, here, there, **more)).status_code == status
    assert await ann.rows() == {(0, 0): "20000.0000"}
    assert (await ann.get(f"{MOVE}s"))["transfers"] == []


async def test_money_that_orders_hold_does_not_move(ann: Caller) -> None:
    await ann.order(on(ann.exchange, 0), "0.5000", "100.00")
    left = (await ann.rows())[0, 0]
    assert (await ann.move("19999", 0, 2)).json()["error"]["code"] == "insufficient_balance"
    assert (await ann.move(left, 0, 2)).status_code == 200
    assert await ann.rows() == {(0, 0): "0.0000", (0, 2): left}


async def test_subaccounts_cross_shards_in_three_steps(ann: Caller) -> None:
    """By way of the primary account; what went before a refused step stays done."""
    for _ in range(2):
        await ann.send("POST", "/portfolio/subaccounts")
    assert (await ann.move("30", 0, 0, destination_subaccount=1)).status_code == 200
    assert (await ann.move("20", 0, 2, source_subaccount=1, destination_subaccount=2)).status_code == 200
    assert await ann.rows() == {
        (0, 0): "19970.0000", (0, 2): "0.0000", (1, 0): "10.0000", (2, 0): "0.0000", (2, 2): "20.0000",
    }  # fmt: skip
    assert len((await ann.get(f"{MOVE}s"))["transfers"]) == 1
    steps = (await ann.get("/portfolio/subaccounts/transfers"))["transfers"]
    assert [(t["from_subaccount"], t["to_subaccount"], t["exchange_index"]) for t in steps] == [
        (0, 2, 2), (1, 0, 0), (0, 1, 0),
    ]  # fmt: skip
    named = await ann.move("1", 0, 2, source_subaccount=1, client_transfer_id=str(uuid.uuid4()))
    assert named.status_code == 400
    await ann.control(maintenance=True, shards=[2])
    stuck = await ann.move("10", 0, 2, source_subaccount=1, destination_subaccount=2)
    assert stuck.status_code == 503
    rows = await ann.rows()
    assert (rows[0, 0], rows[1, 0], rows[2, 2]) == ("19980.0000", "0.0000", "20.0000")


async def test_a_bound_key_moves_its_own_money_between_shards_only(ann: Caller) -> None:
    await ann.send("POST", "/portfolio/subaccounts")
    await ann.move("30", 0, 0, destination_subaccount=1)
    key_id, pem = ann.exchange.issue_key(ann.exchange.engine.accounts["you"], subaccount=1)
    bound = ann.with_key(signer_from_pem(key_id, pem))
    assert (await bound.move("5", 0, 2)).status_code == 403
    assert (await bound.move("5", 0, 2, source_subaccount=1)).status_code == 403
    assert (await bound.move("5", 0, 2, source_subaccount=1, destination_subaccount=1)).status_code == 200
    assert {k: v for k, v in (await ann.rows()).items() if k[0]} == {(1, 0): "25.0000", (1, 2): "5.0000"}


async def test_a_subaccount_transfer_is_on_one_shard(ann: Caller) -> None:
    await ann.send("POST", "/portfolio/subaccounts")
    await ann.move("50", 0, 2)
    body = {"client_transfer_id": str(uuid.uuid4()), "from_subaccount": 0, "to_subaccount": 1, "amount_cents": 6_000}
    refused = await ann.send("POST", "/portfolio/subaccounts/transfer", {**body, "exchange_index": 2})
    assert refused.json()["error"]["code"] == "insufficient_balance"  # though shard 0 has enough
    body["amount_cents"] = 4_000
    assert (await ann.send("POST", "/portfolio/subaccounts/transfer", {**body, "exchange_index": 2})).json() == {}
    assert await ann.rows() == {(0, 0): "19950.0000", (0, 2): "10.0000", (1, 0): "0.0000", (1, 2): "40.0000"}
    (done,) = (await ann.get("/portfolio/subaccounts/transfers"))["transfers"]
    assert done["exchange_index"] == 2
    conflict = await ann.send("POST", "/portfolio/subaccounts/transfer", body)  # the same id on shard 0
    assert conflict.status_code == 409


async def test_the_wanted_split_is_kept(ann: Caller) -> None:
    path = "/portfolio/target_balance_allocation"
    shares = [{"exchange_index": 0, "percent": 60}, {"exchange_index": 2, "percent": 40}]
    assert (await ann.send("POST", path, {"allocations": shares, "resting_margin_reservation": "max"})).json() == {}
    assert await ann.get(path) == {"allocations": shares, "resting_margin_reservation": "max"}
    for wrong in (shares[:1], [shares[0], shares[0]], [{"exchange_index": 9, "percent": 100}]):
        assert (await ann.send("POST", path, {"allocations": wrong})).status_code == 400
    ann.exchange.undo()  # reads everything back from the disk
    assert (await ann.get(path))["allocations"] == shares
    assert (await ann.send("POST", path, {"allocations": []})).json() == {}
    assert await ann.get(path) == {"allocations": [], "resting_margin_reservation": "sum"}


# -- states ----------------------------------------------------------------------------------------------------------


async def test_the_top_of_the_status_speaks_of_shard_0_only(ann: Caller) -> None:
    names = ("exchange_active", "trading_active", "intra_exchange_transfers_active")

    async def states() -> dict[int | str, tuple[bool, ...]]:
        status = await ann.get("/exchange/status")
        rows = {row["exchange_index"]: row for row in status["exchange_index_statuses"]}
        return {key: tuple(row[name] for name in names) for key, row in {"top": status, **rows}.items()}

    up = (True, True, True)
    assert await states() == {"top": up, 0: up, 1: up, 2: up, 3: up}
    await ann.move("10", 0, 2)
    kept = (await ann.order(on(ann.exchange, 2))).json()["order_id"]
    await ann.order(on(ann.exchange, 2), cancel_order_on_pause=True)
    await ann.order(on(ann.exchange, 0), cancel_order_on_pause=True)
    assert (await ann.control(paused=True, shards=[2])).json()["paused_shards"] == [2]
    assert await states() == {"top": up, 0: up, 1: up, 2: (True, False, True), 3: up}
    resting = (await ann.get("/portfolio/orders", status="resting"))["orders"]
    assert [o["exchange_index"] for o in resting] == [0, 2]
    refused = await ann.order(on(ann.exchange, 2))
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "trading_is_paused")
    assert (await ann.order(on(ann.exchange, 0))).status_code == 201
    assert (await ann.move("1", 0, 2)).status_code == 200
    await ann.control(paused=False, maintenance=True, shards=[2])
    assert await states() == {"top": up, 0: up, 1: up, 2: (False, False, False), 3: up}
    for refused in (
        await ann.order(on(ann.exchange, 2)),
        await ann.move("1", 0, 2),
        await ann.move("1", 2, 0),
        await ann.send("DELETE", f"{ORDERS}/{kept}", exchange_index=2),
        await ann.send("DELETE", ORDERS),
    ):
        assert refused.status_code == 503
    resting = (await ann.get("/portfolio/orders", status="resting"))["orders"]
    assert [o["order_id"] for o in resting] == [kept]  # those on shard 0 are cancelled
    await ann.control(maintenance=True, shards=[0])
    assert (await states())["top"] == (False, False, False)
    await ann.control(maintenance=False)
    assert (await states())["top"] == up
    assert (await ann.send("DELETE", f"{ORDERS}/{kept}", exchange_index=2)).status_code == 200
    assert (await ann.control(paused=True, shards=[9])).status_code == 400


# -- everything else that trades -------------------------------------------------------------------------------------


def test_simulated_traders_trade_on_every_shard_that_is_not_halted() -> None:
    clock = Clock(NOW, speed=0)
    exchange = Exchange(3, clock, sharded=True)

    def traded() -> dict[int, int]:
        volume = dict.fromkeys(range(4), 0)
        for state in exchange.engine.markets.values():
            volume[state.shard] += sum(t.ts_ms > clock() - 3_600_000 for t in state.trades)
        return volume

    clock.step(3_600_000)
    exchange.advance()
    assert all(traded().values())
    audit(exchange.engine)
    exchange.pause({3})
    clock.step(3_600_000)
    exchange.advance()
    after = traded()
    assert after[3] == 0
    assert after[0]
    assert after[2]
    audit(exchange.engine)


def test_a_batch_of_requests_needs_its_money_on_the_combos_shard() -> None:
    clock = Clock(NOW, speed=0)
    exchange = Exchange(1, clock, sharded=True)
    ann, bob = (exchange.add_member(name, deposit=1_000 * MICROS) for name in ("ann", "bob"))
    combo = next(m for m in exchange.catalogue.markets.values() if m.legs and m.status == "active")
    batch = exchange.batches.ask(ann, [Child(combo, 1_000, 0)], NOW)
    (rfq,) = batch.rfqs
    exchange.batches.quote(bob, batch, {rfq.rfq_id: (4_000, 0)}, NOW)
    with pytest.raises(RejectionError, match="insufficient_balance"):
        exchange.batches.accept(batch, "yes", {rfq.rfq_id: 4_000}, NOW)
    transfer(ann, exchange.engine.on_shard(ann, 1), 20 * MICROS, NOW)
    exchange.batches.accept(batch, "yes", {rfq.rfq_id: 4_000}, NOW)
    assert batch.status == "accepted"
    single = exchange.negotiations.ask(bob, combo, NOW, contracts=1_000)
    quote = exchange.negotiations.quote(ann, single, 4_000, 0, NOW)
    with pytest.raises(RejectionError, match="insufficient_balance"):
        exchange.negotiations.accept(quote, "yes", NOW)
    audit(exchange.engine)


def test_a_block_trade_is_paid_on_the_market_s_shard() -> None:
    exchange = Exchange(1, Clock(NOW, speed=0), scenario="small", sharded=True)
    ann, bob = (exchange.add_member(name, deposit=1_000 * MICROS) for name in ("ann", "bob"))
    market = on(exchange, 2)
    made = exchange.block_trades.propose(ann, ann, bob, market, 4_000, 1_000, "yes", NOW + 60_000, NOW)
    with pytest.raises(RejectionError, match="insufficient_balance"):
        exchange.block_trades.accept(made, bob, NOW)
    for account in (ann, bob):
        transfer(account, exchange.engine.on_shard(account, 2), 10 * MICROS, NOW)
    exchange.block_trades.accept(made, bob, NOW)
    assert (ann.cash, ann.on(2).cash) == (990 * MICROS, 6 * MICROS)
    assert {a.on(2).holdings[market.ticker].position for a in (ann, bob)} == {1_000, -1_000}
    audit(exchange.engine)


async def test_the_feed_says_the_shard(served: Served) -> None:
    market = on(served.exchange, 2)
    transfer(served.member, served.exchange.engine.on_shard(served.member, 2), 10 * MICROS, served.exchange.clock())
    async with feed(served) as reader:
        for channel in ("user_orders", "fill"):
            await reader.ask("subscribe", channels=[channel])
        best = served.exchange.engine.markets[market.ticker].book.asks.best
        assert best is not None
        served.exchange.engine.submit(served.member, market.ticker, BID, best, 100, served.exchange.clock())
        seen = {frame["type"]: frame["msg"]["exchange_index"] for frame in await reader.until_quiet()}
    assert seen == {"user_order": 2, "fill": 2}


# -- on disk ---------------------------------------------------------------------------------------------------------


def _state(exchange: Exchange) -> Any:
    accounts = exchange.engine.accounts.values()
    return {
        "accounts": {a.account_id: (a.cash, a.held, a.shard, a.number, a.netting, a.updated_ms) for a in accounts},
        "positions": {(a.account_id, t): h.position for a in accounts for t, h in a.holdings.items() if h.position},
        "shards": {t: s.shard for t, s in exchange.engine.markets.items()},
        "groups": {g.group_id: g.account.account_id for g in exchange.groups.values()},
    }


async def test_a_restart_finds_every_shard_as_it_was(tmp_path: Path) -> None:
    exchange = Exchange(1, Clock(NOW, speed=0), Store(tmp_path / "a.db"), "small", sharded=True)
    ann = caller_of(exchange)
    await ann.send("POST", "/portfolio/subaccounts")
    await ann.send("PUT", "/portfolio/subaccounts/netting", {"subaccount_number": 0, "enabled": True})
    await ann.move("100", 0, 2)
    await ann.move("40", 0, 2, destination_subaccount=1)
    market = on(exchange, 2)
    group = (await ann.send("POST", f"{GROUPS}/create", {"contracts_limit_fp": "50.00", "exchange_index": 2})).json()
    await ann.order(market, order_group_id=group["order_group_id"])
    await ann.order(market, "0.9900", "3.00")
    await ann.order(market, "0.9900", "3.00", subaccount=1)
    before = _state(exchange)
    assert {key for key in before["accounts"] if key.startswith("you")} == {"you", "you/1", "you#2", "you/1#2"}
    exchange.store.close()
    again = Exchange(9, Clock(NOW, speed=0), Store(tmp_path / "a.db"), sharded=True)
    assert _state(again) == before
    assert again.subaccounts(again.engine.accounts["you"]) == [again.engine.accounts["you/1"]]
    assert (await caller_of_again(again, ann)).keys() == {(0, 0), (0, 2), (1, 0), (1, 2)}
    again.store.close()


async def caller_of_again(exchange: Exchange, caller: Caller) -> dict[tuple[int, int], str]:
    return await Caller(exchange, caller._signer).rows()


def test_markets_of_a_released_home_stay_where_they_were(tmp_path: Path) -> None:
    """An exchange without shards, opened with them: money, orders, positions as before; new events on their shards."""
    exchange = Exchange(1, Clock(NOW, speed=0), Store(tmp_path / "a.db"), "small", sharded=False)
    you = exchange.add_member(deposit=1_000 * MICROS)
    market = next(m for m in exchange.catalogue.markets.values() if m.status == "active" and "BTC" in m.ticker)
    best = exchange.engine.markets[market.ticker].book.asks.best
    assert best is not None
    exchange.engine.submit(you, market.ticker, BID, best, 500, NOW)
    exchange.engine.submit(you, market.ticker, BID, 100, 500, NOW)
    exchange.sync()
    assert you.holdings[market.ticker].position == 500
    before = (you.cash, you.held, you.holdings[market.ticker].position)
    _as_released(exchange.store)
    exchange.store.close()
    clock = Clock(NOW, speed=0)
    again = Exchange(1, clock, Store(tmp_path / "a.db"), sharded=True)
    audit(again.engine)
    you = again.engine.accounts["you"]
    assert (you.cash, you.held, you.holdings[market.ticker].position) == before
    assert again.store.db.execute("SELECT body FROM extras WHERE kind = 'allocation'").fetchall() == [
        (b'{"allocations":[{"exchange_index":0,"percent":100}],"resting_margin_reservation":"max"}',)
    ]
    clock.step(3_600_000)
    again.advance()
    audit(again.engine)
    shards = {m.ticker: m.event.shard for m in again.catalogue.markets.values() if "BTC" in m.ticker}
    assert shards[market.ticker] == 0
    assert set(shards.values()) == {0, 2}
    assert market.ticker not in you.holdings  # it ended meanwhile, and paid on shard 0
    assert you.shards == {0: you}
    again.store.close()


def _as_released(store: Store) -> None:
    """What the version before shards had on disk."""
    store.db.executescript(
        "ALTER TABLE deposits DROP COLUMN status;"
        "ALTER TABLE accounts DROP COLUMN shard; ALTER TABLE transfers DROP COLUMN client_id;"
        " CREATE TABLE allocations (account_id TEXT PRIMARY KEY, percent INTEGER NOT NULL, reservation TEXT NOT NULL)"
        " STRICT; INSERT INTO allocations VALUES ('you', 100, 'max'), ('bob', 0, 'sum');"
        " PRAGMA user_version = 5;"
    )
    for ticker, body in store.db.execute("SELECT ticker, body FROM events").fetchall():
        event = json.loads(body)
        del event["shard"]
        store.db.execute("UPDATE events SET body = ? WHERE ticker = ?", (json.dumps(event).encode(), ticker))


def test_an_audit_sees_a_position_on_the_wrong_shard() -> None:
    exchange = Exchange(1, Clock(NOW, speed=0), scenario="small", sharded=True)
    you: Account = exchange.add_member()
    you.holding(on(exchange, 2).ticker)
    with pytest.raises(AssertionError, match="which is on shard 2"):
        audit(exchange.engine)
