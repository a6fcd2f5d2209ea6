"""The exchange over HTTP: the door, the buckets, the envelope, paging; spoken to with bare httpx."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from prediction_mcp.exchange.access import Bucket
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.auth import signer_from_pem
from tests.conftest import MARKET, Served
from tests.facts import load

BALANCE = "/trade-api/v2/portfolio/balance"


@pytest.fixture
async def http(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url) as client:
        yield client


def signed(served: Served, method: str, path: str) -> dict[str, str]:
    return served.signer.headers(method, f"/trade-api/v2{path}")


# -- the door ------------------------------------------------------------------------------------------------------


async def test_public_data_needs_no_key_and_costs_no_tokens(served: Served, http: httpx.AsyncClient) -> None:
    for _ in range(50):
        assert (await http.get(f"/markets/{MARKET}")).status_code == 200
    budget = served.exchange.access.budgets[served.member.account_id]
    assert budget.read.tokens == budget.read.capacity


def _authentication(details: str) -> dict[str, str]:
    return {"code": "authentication_error", "message": "authentication_error", "details": details}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("no headers", {"code": "key_is_missing_from_headers", "message": "key is missing from headers"}),
        ("no signature", {"code": "signature_is_missing_from_headers", "message": "signature is missing from headers"}),
        ("unknown key", _authentication("NOT_FOUND")),
        ("stale", {"code": "header_timestamp_expired", "message": "header timestamp expired"}),
        ("no time", {"code": "header_timestamp_expired", "message": "header timestamp expired"}),
        ("bad signature", _authentication("INCORRECT_API_KEY_SIGNATURE")),
        ("not base64", _authentication("INCORRECT_API_KEY_SIGNATURE")),
        ("other path", _authentication("INCORRECT_API_KEY_SIGNATURE")),
    ],
)
async def test_a_bad_signature_is_a_401(
    served: Served, http: httpx.AsyncClient, change: str, said: dict[str, str]
) -> None:
    headers = signed(served, "GET", "/portfolio/balance")
    assert (await http.get("/portfolio/balance", headers=headers)).status_code == 200
    if change == "no headers":
        headers = {}
    elif change == "unknown key":
        headers["KALSHI-ACCESS-KEY"] = "nobody"
    elif change == "no signature":
        del headers["KALSHI-ACCESS-SIGNATURE"]
    elif change == "no time":
        headers["KALSHI-ACCESS-TIMESTAMP"] = "1e13"
    elif change == "stale":
        headers["KALSHI-ACCESS-TIMESTAMP"] = str(int(headers["KALSHI-ACCESS-TIMESTAMP"]) - 30_000)
    elif change == "bad signature":
        headers = signed(served, "POST", "/portfolio/balance")
    elif change == "not base64":
        headers["KALSHI-ACCESS-SIGNATURE"] = "%%%"
    else:
        headers = signed(served, "GET", "/portfolio/fills")
    answer = await http.get("/portfolio/balance", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"] == said


async def test_the_query_is_not_signed(served: Served, http: httpx.AsyncClient) -> None:
    headers = signed(served, "GET", "/portfolio/orders")
    assert (await http.get("/portfolio/orders", params={"limit": 3}, headers=headers)).status_code == 200


async def test_a_key_that_may_only_read_is_refused_a_write_with_403(served: Served, http: httpx.AsyncClient) -> None:
    key_id, pem = served.exchange.issue_key(served.member, scopes=frozenset({"read"}))
    signer = signer_from_pem(key_id, pem)
    assert (await http.get("/portfolio/balance", headers=signer.headers("GET", BALANCE))).status_code == 200
    path = "/portfolio/events/orders"
    answer = await http.delete(path, headers=signer.headers("DELETE", f"/trade-api/v2{path}"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "insufficient_scope")


async def test_one_member_never_sees_anothers_orders(served: Served, http: httpx.AsyncClient) -> None:
    other = served.exchange.add_member("other")
    order = served.exchange.engine.submit(other, MARKET, 1, 100, 100, served.exchange.clock())
    path = f"/portfolio/orders/{order.order_id}"
    assert (await http.get(path, headers=signed(served, "GET", path))).status_code == 404


async def test_it_listens_on_loopback_only() -> None:
    for host in ("0.0.0.0", "192.168.0.1", "example.org"):  # noqa: S104
        with pytest.raises(ValueError, match="loopback|not an IP address"):
            async with serve(Exchange(), host):
                pass


# -- buckets -------------------------------------------------------------------------------------------------------


async def test_a_spent_bucket_answers_429_as_kalshi_does(served: Served, http: httpx.AsyncClient) -> None:
    budget = served.exchange.access.budgets[served.member.account_id]
    budget.write = Bucket(rate=1, capacity=4, tokens=4, at_ms=served.exchange.clock())
    path = "/portfolio/events/orders"
    statuses = [(await http.delete(path, headers=signed(served, "DELETE", path))).status_code for _ in range(3)]
    assert statuses == [204, 204, 429]
    answer = await http.delete(path, headers=signed(served, "DELETE", path))
    assert answer.json() == {"error": "too many requests"}
    assert "retry-after" not in answer.headers


async def test_a_batch_is_paid_per_item(served: Served, http: httpx.AsyncClient) -> None:
    budget = served.exchange.access.budgets[served.member.account_id]
    budget.write = Bucket(rate=0, capacity=100, tokens=100, at_ms=served.exchange.clock())
    path = "/portfolio/events/orders/batched"
    items = {"orders": [{"order_id": str(i)} for i in range(7)]}
    await http.request("DELETE", path, json=items, headers=signed(served, "DELETE", path))
    assert budget.write.tokens == 100 - 7 * 2


def test_a_bucket_refills_continuously_up_to_its_capacity() -> None:
    bucket = Bucket(rate=200, capacity=200, tokens=0, at_ms=0)
    assert not bucket.take(10, 49)
    assert bucket.take(10, 50)
    assert bucket.take(200, 100_000)
    assert not bucket.take(1, 100_000)
    assert bucket.refused == 2


# -- input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/markets", {"limit": "many"}),
        ("/markets", {"limit": "1001"}),
        ("/markets", {"mve_filter": "maybe"}),
        ("/markets", {"min_updated_ts": "1", "status": "open"}),
        ("/events", {"limit": "201"}),
        ("/markets/orderbooks", {}),
        ("/markets/trades", {"min_ts": "yesterday"}),
        (f"/series/KXSB/markets/{MARKET}/candlesticks", {"start_ts": "1", "end_ts": "2", "period_interval": "7"}),
        (f"/series/KXSB/markets/{MARKET}/candlesticks", {"start_ts": "2", "end_ts": "1", "period_interval": "60"}),
        (f"/series/KXSB/markets/{MARKET}/candlesticks", {}),
    ],
)
async def test_bad_parameters_are_400(http: httpx.AsyncClient, path: str, query: dict[str, str]) -> None:
    answer = await http.get(path, params=query)
    assert answer.status_code == 400, answer.text
    assert answer.json().keys() == {"msg"}


@pytest.mark.parametrize("status", ["finalized", "active", "determined"])
async def test_a_status_of_answers_is_no_filter(http: httpx.AsyncClient, status: str) -> None:
    """Recorded on production, 2026-08-08 (``markets_settled``)."""
    answer = await http.get("/markets", params={"series_ticker": "KXSB", "status": status, "limit": "20"})
    recorded = [q for q in load("kalshi/production/markets_settled")["queries"] if q["status"] == "finalized"]
    assert {q["error"].split("\n")[1] for q in recorded} == {answer.text}
    assert answer.status_code == 400


GOOD: dict[str, Any] = {
    "ticker": MARKET, "side": "bid", "count": "1.00", "price": "0.0100",
    "time_in_force": "good_till_canceled", "self_trade_prevention_type": "taker_at_cross",
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"side": "yes"}, {"count": "0"}, {"count": "-1"}, {"count": "0.001"}, {"count": 1}, {"price": "0.005"},
        {"price": "1.0000"}, {"price": "nan"}, {"time_in_force": "GTT"}, {"self_trade_prevention_type": "x"},
        {"expiration_time": 1}, {"reduce_only": True}, {"post_only": "yes"}, {"subaccount": 3}, {"order_group_id": "g"},
        {"client_order_id": "x" * 200}, {"ticker": None},
    ],
)  # fmt: skip
async def test_bad_orders_change_nothing(served: Served, http: httpx.AsyncClient, change: dict[str, Any]) -> None:
    path = "/portfolio/events/orders"
    answer = await http.post(path, json=GOOD | change, headers=signed(served, "POST", path))
    assert answer.status_code == 400, answer.text
    assert not served.orders
    assert served.member.available == served.member.deposited


async def test_what_is_not_json_is_400(served: Served, http: httpx.AsyncClient) -> None:
    path = "/portfolio/events/orders"
    answer = await http.post(path, content=b"{", headers=signed(served, "POST", path))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_the_old_order_endpoints_are_gone(served: Served, http: httpx.AsyncClient) -> None:
    path = "/portfolio/orders"
    assert (await http.post(path, json={}, headers=signed(served, "POST", path))).status_code == 410


async def test_unknown_paths_and_methods(http: httpx.AsyncClient) -> None:
    assert (await http.get("/nothing")).json()["error"]["code"] == "not_found"
    assert (await http.put("/markets")).status_code == 405


async def test_a_pause_cancels_yes_and_places_no(served: Served, http: httpx.AsyncClient) -> None:
    path = "/portfolio/events/orders"

    async def place(**change: Any) -> httpx.Response:
        return await http.post(path, json=GOOD | change, headers=signed(served, "POST", path))

    stays, goes = (await place()).json(), (await place(cancel_order_on_pause=True)).json()
    served.exchange.pause()
    assert not (await http.get("/exchange/status")).json()["trading_active"]
    refused = await place()
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "trading_is_paused")
    orders = served.orders
    assert (orders[stays["order_id"]].status, orders[goes["order_id"]].status) == ("resting", "canceled")
    one = f"{path}/{stays['order_id']}"
    assert (await http.delete(one, headers=signed(served, "DELETE", one))).status_code == 200
    served.exchange.resume()
    assert (await place()).status_code == 201


# -- reads ---------------------------------------------------------------------------------------------------------


async def test_open_finds_markets_that_read_active(http: httpx.AsyncClient) -> None:
    found = (await http.get("/markets", params={"status": "open", "limit": 1000})).json()["markets"]
    assert {m["status"] for m in found} == {"active"}


@pytest.mark.everyday
async def test_combos_can_be_left_out_or_asked_for(http: httpx.AsyncClient) -> None:
    only = (await http.get("/markets", params={"mve_filter": "only"})).json()["markets"]
    rest = (await http.get("/markets", params={"mve_filter": "exclude", "limit": 1000})).json()["markets"]
    assert len(only) == 12
    assert all(m["mve_selected_legs"] for m in only)
    assert not any("mve_selected_legs" in m for m in rest)


async def test_pages_neither_repeat_nor_skip_while_new_items_come(served: Served, http: httpx.AsyncClient) -> None:
    engine, clock = served.exchange.engine, served.exchange.clock
    first = [engine.submit(served.member, MARKET, 1, 100, 100, clock()).order_id for _ in range(9)]
    path, cursor, seen = "/portfolio/orders", "", list[str]()
    while True:
        answer = await http.get(path, params={"limit": 2, "cursor": cursor}, headers=signed(served, "GET", path))
        seen += [o["order_id"] for o in answer.json()["orders"]]
        engine.submit(served.member, MARKET, 1, 100, 100, clock())
        cursor = answer.json()["cursor"]
        if not cursor:
            break
    assert seen == first[::-1]


async def test_the_book_lists_bids_of_both_outcomes_best_last(served: Served, http: httpx.AsyncClient) -> None:
    served.exchange.engine.submit(served.member, MARKET, -1, 9_900, 100, served.exchange.clock())
    book = (await http.get(f"/markets/{MARKET}/orderbook")).json()["orderbook_fp"]
    for side in ("yes_dollars", "no_dollars"):
        prices = [float(price) for price, _ in book[side]]
        assert prices == sorted(prices)
    assert book["no_dollars"][0] == ["0.0100", "1.00"], "an ask at 99¢ is a NO bid at 1¢"


async def test_trades_come_newest_first_and_archived_ones_apart(http: httpx.AsyncClient) -> None:
    live = (await http.get("/markets/trades", params={"ticker": MARKET, "limit": 1000})).json()["trades"]
    old = (await http.get("/historical/trades", params={"ticker": MARKET, "limit": 1000})).json()["trades"]
    times = [t["created_time"] for t in live + old]
    assert times == sorted(times, reverse=True)
    cutoff = (await http.get("/historical/cutoff")).json()["trades_created_ts"]
    assert all(t["created_time"] < cutoff for t in old)
    assert len(old) > 0


async def test_archived_markets_are_only_found_under_historical(http: httpx.AsyncClient) -> None:
    (event,) = {
        m["event_ticker"] for m in (await http.get("/historical/markets")).json()["markets"] if "HIGHNY" in m["ticker"]
    }
    assert not (await http.get("/markets", params={"event_ticker": event})).json()["markets"]


async def test_expiring_orders_expire_by_the_clock(served: Served, http: httpx.AsyncClient) -> None:
    path = "/portfolio/events/orders"
    soon = int(time.time()) + 1_000
    answer = await http.post(path, json=GOOD | {"expiration_time": soon}, headers=signed(served, "POST", path))
    order = served.orders[answer.json()["order_id"]]
    served.exchange.clock = lambda: soon * 1000
    served.exchange.advance(with_crowd=False)
    assert served.orders[order.order_id].status == "canceled"
