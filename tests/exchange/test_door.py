"""One request must never hurt the next: whatever is asked, the next is answered, and an error leaves nothing."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.fronts.kalshi.api import PREFIX, create_app
from prediction_mcp.exchange.fronts.kalshi.call import count_of
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.kalshi.auth import KeySigner, signer_from_pem

ORDERS = "/portfolio/events/orders"
BEYOND = 2**63 - 1
MILLISECONDS = 1_795_500_000_000


class Trader:
    """A signed caller of an exchange in this process."""

    def __init__(self, exchange: Exchange, signer: KeySigner) -> None:
        self.exchange = exchange
        self._signer = signer
        transport = httpx.ASGITransport(create_app(exchange), raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url=f"http://paper{PREFIX}")

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self._http.request(method, path, headers=self._signer.headers(method, PREFIX + path), **more)

    def order(self, **changes: Any) -> dict[str, Any]:
        ticker = next(m.ticker for m in self.exchange.catalogue.markets.values() if m.status == "active")
        return {
            "ticker": ticker, "side": "bid", "count": "1.00", "price": "0.0100", "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross", **changes,
        }  # fmt: skip

    async def lives(self) -> None:
        """The account lists, trades and cancels."""
        for path in ("/portfolio/orders", "/portfolio/fills", "/portfolio/positions", "/portfolio/order_groups"):
            assert (await self.send("GET", path)).status_code == 200, path
        placed = await self.send("POST", ORDERS, json=self.order())
        assert placed.status_code == 201, placed.text
        assert (await self.send("DELETE", f"{ORDERS}/{placed.json()['order_id']}")).status_code == 200
        assert (await self.send("DELETE", ORDERS)).status_code == 204
        audit(self.exchange.engine)


@pytest.fixture(params=["memory", "disk"])
async def trader(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Trader]:
    store = Store(tmp_path / "x.db") if request.param == "disk" else Store()
    exchange = Exchange(1, Clock(), store, "small", read_lag_ms=0)
    member = exchange.add_member(tier="prestige")
    key_id, pem = exchange.issue_key(member)
    yield Trader(exchange, signer_from_pem(key_id, pem))
    store.close()


POISON: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/portfolio/order_groups/create", {"contracts_limit": BEYOND}),
    ("POST", "/portfolio/order_groups/create", {"contracts_limit": 2**70}),
    ("POST", "/portfolio/order_groups/create", {"contracts_limit_fp": "9" * 24}),
    ("POST", ORDERS, {"expiration_time": 2**62}),
    ("POST", ORDERS, {"expiration_time": MILLISECONDS}),
    ("POST", ORDERS, {"expiration_time": -(2**62)}),
    ("POST", ORDERS, {"count": "9" * 23}),
    ("POST", ORDERS, {"count": "1000000001"}),
    ("POST", ORDERS, {"client_order_id": "\ud800"}),
    ("POST", ORDERS, {"subaccount": BEYOND}),
    ("POST", "/portfolio/subaccounts/transfer",
     {"client_transfer_id": "7f0c1f0e-95e5-4d1e-8a39-0a5a4f3c2b1d", "from_subaccount": 0, "to_subaccount": BEYOND,
      "amount_cents": BEYOND}),
    ("POST", "/communications/rfqs", {"contracts": BEYOND, "rest_remainder": False}),
    ("POST", "/communications/rfqs", {"target_cost_centi_cents": BEYOND, "rest_remainder": False}),
    ("POST", "/communications/rfqs", {"target_cost_dollars": "9" * 24, "rest_remainder": False}),
]  # fmt: skip


async def test_requests_that_poisoned_the_exchange_are_refused_one_after_another(trader: Trader) -> None:
    for method, path, body in POISON:
        full = body
        if path == ORDERS:
            full = trader.order(**body)
        elif path == "/communications/rfqs":
            full = body | {"market_ticker": trader.order()["ticker"]}
        answer = await trader.send(method, path, content=json.dumps(full).encode())
        assert answer.status_code == 400, f"{path} {body}: {answer.status_code} {answer.text}"
        assert (await trader.send("GET", "/portfolio/orders")).json()["orders"] == []
        assert (await trader.send("GET", "/portfolio/order_groups")).json()["order_groups"] == []
    await trader.lives()


async def test_an_amend_to_a_time_in_milliseconds_changes_nothing(trader: Trader) -> None:
    placed = (await trader.send("POST", ORDERS, json=trader.order())).json()["order_id"]
    change = {"ticker": trader.order()["ticker"], "side": "bid", "price": "0.0100", "count": "1.00"}
    for expiry in (MILLISECONDS, 2**62):
        answer = await trader.send("POST", f"{ORDERS}/{placed}/amend", json=change | {"expiration_time": expiry})
        assert answer.status_code == 400, answer.text
    shown = (await trader.send("GET", f"/portfolio/orders/{placed}")).json()["order"]
    assert "expiration_time" not in shown
    await trader.lives()


@pytest.mark.parametrize(
    "path",
    ["/portfolio/orders", "/portfolio/fills", "/portfolio/settlements", "/historical/orders", "/historical/fills",
     "/markets/trades", "/historical/trades", "/events", "/portfolio/positions", "/portfolio/deposits"],
)  # fmt: skip
async def test_times_and_cursors_beyond_64_bits(trader: Trader, path: str) -> None:
    huge = "OTIyMzM3MjAzNjg1NDc3NTgwNzAwMDA="  # base64 of 92233720368547758070000
    for query in ({"min_ts": BEYOND}, {"max_ts": BEYOND}, {"min_ts": -BEYOND - 1}, {"cursor": huge}, {"min_ts": 2**64}):
        answer = await trader.send("GET", path, params=query)
        assert answer.status_code in (200, 400), f"{path} {query}: {answer.text}"
    for query in ({"min_ts": MILLISECONDS}, {"max_ts": MILLISECONDS}, {"cursor": huge}, {"cursor": "garbage"}):
        assert (await trader.send("GET", path, params=query)).status_code == 200


@pytest.mark.parametrize("number", ["1_0", "1e5", "+1", " 1 ", "١", "1.", ".5", "0x1", "NaN", "Infinity", ""])
async def test_counts_and_prices_are_plain_decimals(trader: Trader, number: str) -> None:
    for name in ("count", "price"):
        answer = await trader.send("POST", ORDERS, json=trader.order(**{name: number}))
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert (await trader.send("GET", "/portfolio/orders")).json()["orders"] == []


async def test_an_endpoint_that_fails_in_the_middle_leaves_nothing(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order rests already when its answer can't be written: it is taken back, and the next request is answered."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("prediction_mcp.exchange.fronts.kalshi.wire.executed", broken)
    answer = await trader.send("POST", ORDERS, json=trader.order(client_order_id="once"))
    assert answer.status_code == 500
    monkeypatch.undo()
    assert (await trader.send("GET", "/portfolio/orders")).json()["orders"] == []
    await trader.lives()


async def test_a_change_that_no_disk_can_keep_is_undone_and_refused(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were a bound missing at the door, the request would be refused all the same, and only it."""
    monkeypatch.setattr(
        "prediction_mcp.exchange.fronts.kalshi.endpoints.orders.expiry_of", lambda seconds: seconds * 10**6
    )
    answer = await trader.send("POST", ORDERS, json=trader.order(expiration_time=2**62))
    assert answer.status_code == 400
    monkeypatch.undo()
    assert (await trader.send("GET", "/portfolio/orders")).json()["orders"] == []
    await trader.lives()


async def test_a_poisoned_home_heals_at_the_next_start(tmp_path: Path) -> None:
    """What earlier versions left behind: an order that rests with an expiry in the year 58,867."""
    exchange = Exchange(1, Clock(), Store(tmp_path / "x.db"), "small", read_lag_ms=0)
    member = exchange.add_member()
    key_id, pem = exchange.issue_key(member)
    trader = Trader(exchange, signer_from_pem(key_id, pem))
    for _ in range(2):
        assert (await trader.send("POST", ORDERS, json=trader.order(count="3"))).status_code == 201
    exchange.store.close()
    with sqlite3.connect(tmp_path / "x.db") as db:
        last = "(SELECT max(seq) FROM orders WHERE owner = 'you')"
        db.execute(f"UPDATE orders SET expires_ms = ? WHERE seq = {last}", (MILLISECONDS * 1000,))  # noqa: S608
    db.close()

    exchange = Exchange(1, Clock(), Store(tmp_path / "x.db"), read_lag_ms=0)
    trader = Trader(exchange, signer_from_pem(key_id, pem))
    orders = (await trader.send("GET", "/portfolio/orders")).json()["orders"]
    assert sorted(o["status"] for o in orders) == ["canceled", "resting"]
    await trader.lives()
    exchange.store.close()


@given(st.text(max_size=12))
def test_what_is_no_plain_decimal_is_no_number(text: str) -> None:
    plain = text.removeprefix("-")
    whole, _, part = plain.partition(".")
    looks = whole.isascii() and whole.isdigit() and ("." not in plain or (part.isascii() and part.isdigit()))
    try:
        count_of(text)
    except RejectionError as rejection:
        assert not looks or rejection.code == "invalid_parameters"
    else:
        assert looks


async def test_hours_that_are_no_time_leave_the_schedule_readable(trader: Trader) -> None:
    http = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(trader.exchange)), base_url="http://paper")
    for window in ([0, 2**62], [-(2**62), 5], [MILLISECONDS, MILLISECONDS + 1]):
        answer = await http.put("/paper/hours", json={"windows": [window]}, headers={"X-Paper-Control": "1"})
        assert answer.status_code == 400
    assert (await trader.send("GET", "/exchange/schedule")).status_code == 200
    for step in (30 * 86_400,) * 3:
        await http.put("/paper/clock", json={"step_seconds": step}, headers={"X-Paper-Control": "1"})
    await trader.lives()


async def test_a_read_that_fails_takes_nothing_back(trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in a read costs that read, not everybody's feeds."""
    placed = (await trader.send("POST", ORDERS, json=trader.order())).json()["order_id"]

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("prediction_mcp.exchange.fronts.kalshi.wire.order", broken)
    monkeypatch.setattr(trader.exchange, "undo", broken)
    assert (await trader.send("GET", f"/portfolio/orders/{placed}")).status_code == 500
    monkeypatch.undo()
    assert (await trader.send("GET", f"/portfolio/orders/{placed}")).status_code == 200


async def test_bodies_nested_beyond_measure_are_refused(trader: Trader) -> None:
    for body in (b"[" * 500_000, b'{"orders":' * 50_000, b'{"ticker":' + b"[" * 400_000):
        for path in (ORDERS, f"{ORDERS}/batched", "/portfolio/order_groups/create"):
            answer = await trader.send("POST", path, content=body)
            assert answer.status_code in (400, 413), answer.text
    await trader.lives()


async def test_the_weather_of_a_time_in_milliseconds(trader: Trader) -> None:
    now = trader.exchange.clock() // 60_000 * 60_000
    window = {"from": now - 600_000, "to": now}
    points = (await trader.send("GET", "/live_data/weather/nyc", params=window)).json()["timeseries"]
    assert len(points) == 11
    for odd in ({"from": -(2**63)}, {"to": 2**63 - 1}, {"from": 2**63}):
        assert (await trader.send("GET", "/live_data/weather/nyc", params=odd)).status_code in (200, 400)


def test_changed_orders_are_remembered_no_longer_than_they_read_as_before() -> None:
    """Somebody who only writes: what was shown for a moment doesn't stay in memory."""
    exchange = Exchange(1, Clock(), Store(), "small", read_lag_ms=1)
    member = exchange.add_member()
    ticker = next(m.ticker for m in exchange.catalogue.markets.values() if m.status == "active")
    for _ in range(3):
        order = exchange.engine.submit(member, ticker, 1, 100, 100, exchange.clock())
        exchange.will_change(order)
        time.sleep(0.005)
        exchange.engine.cancel(order, exchange.clock())
    assert len(exchange.lag._before) == 1
