"""An account at the order book: requests as the official SDK signs them, orders sent once, answers that lie."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx
import orjson
import pytest

from prediction_mcp.net import sending
from prediction_mcp.polymarket import account as module
from prediction_mcp.polymarket import errors
from prediction_mcp.polymarket.account import PolymarketAccount, api_key
from prediction_mcp.polymarket.orders import SignedOrder, Terms, amounts
from prediction_mcp.polymarket.wallet import Wallet
from tests.polymarket.test_client import Recorder
from tests.polymarket.test_vectors import KEY, ONE, VECTORS, signed

MARKET = "0x" + "0" * 63 + "5"
GOOD = {
    "success": True, "errorMsg": "", "orderID": "0xabc", "status": "live", "makingAmount": "", "takingAmount": "",
}  # fmt: skip
RESTING = {
    "id": "0xabc", "market": MARKET, "asset_id": "7", "owner": KEY.key, "maker_address": "0x1", "side": "BUY",
    "price": "0.5", "original_size": "21.04", "size_matched": "0", "outcome": "Up", "order_type": "GTC",
    "status": "LIVE", "created_at": 1790000000, "expiration": "0",
}  # fmt: skip
LOST = httpx.ReadTimeout("no answer")
MISSING = (404, b'{"error":"not found"}')


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "wait_random_exponential", lambda **_: lambda _: 0.001)
    monkeypatch.setattr(module, "ASK_AGAIN_AFTER", (0.0, 0.001, 0.001))


def ok(answer: Any) -> tuple[int, bytes]:
    return 200, orjson.dumps(answer)


def account_at(recorder: Recorder) -> PolymarketAccount:
    return PolymarketAccount(Wallet(ONE), KEY, http=recorder.http, now=lambda: 1790000000.9)


def order() -> SignedOrder:
    terms = Terms(Decimal("0.1"))
    return signed(Wallet(ONE), terms, "BUY", amounts(terms, "BUY", Decimal("0.5"), Decimal("21.04")))


async def test_requests_as_the_official_client_sends_them() -> None:
    calls: dict[tuple[str, str], tuple[Any, Callable[[PolymarketAccount], Awaitable[Any]]]] = {
        ("GET", "/data/orders"): ({"data": [RESTING], "next_cursor": "LTE="}, lambda a: a.open_orders(market=MARKET)),
        ("GET", "/balance-allowance"): ({"balance": "5", "allowances": {}}, lambda a: a.balance()),
        ("DELETE", "/order"): ({"canceled": ["0xabc"]}, lambda a: a.cancel(["0xabc"])),
        ("DELETE", "/cancel-all"): ({"canceled": []}, lambda a: a.cancel_all()),
    }
    assert len(VECTORS["l2_requests_as_sent"]) == len(calls)
    for sent in VECTORS["l2_requests_as_sent"]:
        answer, call = calls[sent["method"], sent["path"]]
        recorder = Recorder(ok(answer))
        await call(account_at(recorder))
        assert recorder.asked == [(sent["method"], sent["path"], dict(sent["query"]), sent["body_exact"].encode())]
        wanted = {name.lower(): value for name, value in sent["headers"].items() if name != "Content-Type"}
        assert recorder.headers == [wanted]


async def test_an_order_is_sent_as_it_was_signed() -> None:
    recorder, made = Recorder(ok(GOOD)), order()
    placed = await account_at(recorder).place(made)
    assert (placed.order_id, placed.status, placed.making_amount) == ("0xabc", "live", None)
    assert recorder.asked == [("POST", "/order", {}, made.body)]
    signature = KEY.headers(Wallet(ONE).signer, 1790000000, "POST", "/order", made.body)["POLY_SIGNATURE"]
    assert recorder.headers[0]["poly_signature"] == signature


@pytest.mark.parametrize("lost", [LOST, (500, b"oops"), (503, b"{}"), (200, b"<html>"), (200, b"{}")])
async def test_an_order_whose_answer_is_lost_is_asked_for_by_its_id(lost: Any) -> None:
    made = order()
    recorder = Recorder(lost, MISSING, ok({**RESTING, "id": made.id}))
    placed = await account_at(recorder).place(made)
    assert (placed.order_id, placed.status) == (made.id, "live")
    assert [(method, path) for method, path, _, _ in recorder.asked] == [
        ("POST", "/order"), ("GET", "/data/order/" + made.id), ("GET", "/data/order/" + made.id),
    ]  # fmt: skip


@pytest.mark.parametrize("after", [MISSING, (200, b"null"), LOST, (401, b"{}")])
async def test_a_fate_that_nothing_tells_is_unknown_and_never_sent_again(after: Any) -> None:
    recorder, made = Recorder(LOST, after), order()
    with pytest.raises(errors.OutcomeUnknownError, match=made.id) as unknown:
        await account_at(recorder).place(made)
    assert unknown.value.maybe_done
    assert [method for method, *_ in recorder.asked].count("POST") == 1


async def test_what_never_arrived_is_sent_again() -> None:
    recorder = Recorder(httpx.ConnectError("refused"), (425, b"{}"), (429, b"{}"), ok(GOOD))
    assert (await account_at(recorder).place(order())).order_id == "0xabc"
    assert [method for method, *_ in recorder.asked] == ["POST"] * 4
    nobody = Recorder(httpx.ConnectError("refused"))
    with pytest.raises(errors.UnavailableError) as failed:
        await account_at(nobody).place(order())
    assert not failed.value.maybe_done
    assert {method for method, *_ in nobody.asked} == {"POST"}  # nothing to ask about


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"errorMsg": "not enough balance / allowance"}, errors.InsufficientBalanceError),
        ({"errorMsg": "order 0x1 is invalid. Duplicated."}, errors.InvalidOrderError),
        ({"success": False, "errorMsg": "invalid post-only order: order crosses book"}, errors.PostOnlyError),
        ({"success": False}, errors.InvalidOrderError),
        ({"orderID": ""}, errors.InvalidOrderError),
        ({"status": "unmatched"}, errors.NotFilledError),
        ({"status": "sleeping"}, errors.InvalidOrderError),
        ({"errorMsg": "no\x00\u200b\u202eREAL {said}\n" + "x" * 9000}, errors.InvalidOrderError),
    ],
)
async def test_a_success_that_is_a_refusal(change: dict[str, Any], kind: type[errors.PolymarketError]) -> None:
    recorder = Recorder(ok({**GOOD, **change}))
    with pytest.raises(errors.PolymarketError) as refused:
        await account_at(recorder).place(order())
    assert type(refused.value) is kind
    assert str(refused.value).isprintable()
    assert not refused.value.maybe_done
    assert len(recorder.asked) == 1


async def test_cancels_tell_what_they_couldnt() -> None:
    recorder = Recorder(ok({"canceled": ["0x1"], "not_canceled": {"0x2": "order already matched"}}))
    cancelled = await account_at(recorder).cancel(["0x1", "0x2"])
    assert cancelled.not_canceled == {"0x2": "order already matched"}
    assert recorder.asked[0][3] == b'["0x1","0x2"]'
    for ids in ([], ["0x1"] * 1001):
        with pytest.raises(errors.InvalidRequestError, match="1 to 1000"):
            await account_at(recorder).cancel(ids)


async def test_a_cancel_survives_a_lost_answer() -> None:
    recorder = Recorder(LOST, (503, b"busy"), ok({"canceled": ["0x1"]}))
    assert (await account_at(recorder).cancel(["0x1"])).canceled == ("0x1",)
    assert len(recorder.asked) == 3


async def test_open_orders_go_on_to_the_last_page() -> None:
    recorder = Recorder(ok({"data": [RESTING], "next_cursor": "MQ=="}), ok({"data": [RESTING], "next_cursor": "LTE="}))
    found = await account_at(recorder).open_orders()
    assert [o.original_size for o in found] == [Decimal("21.04")] * 2
    assert found[0].expiration is None
    assert recorder.asked[1][2] == {"next_cursor": "MQ=="}


@pytest.mark.parametrize("order_id", ["", "../orders", "0x1?x=1", "0x1\n", "٣"])
async def test_what_is_no_order_id(order_id: str) -> None:
    recorder = Recorder(ok(RESTING))
    with pytest.raises(errors.InvalidRequestError):
        await account_at(recorder).order(order_id)
    assert not recorder.asked


async def test_a_wallet_is_told_its_key() -> None:
    recorder = Recorder(ok({"apiKey": KEY.key, "secret": KEY.secret, "passphrase": KEY.passphrase}))
    assert await api_key(Wallet(ONE), http=recorder.http) == KEY
    assert recorder.asked[0][:2] == ("GET", "/auth/derive-api-key")
    assert recorder.headers[0]["poly_address"] == Wallet(ONE).signer
    assert recorder.headers[0]["poly_nonce"] == "0"
    with pytest.raises(errors.MalformedResponseError, match="no API key"):
        await api_key(Wallet(ONE), http=Recorder(ok({"apiKey": "x"})).http)


async def test_a_new_key_is_made_once() -> None:
    recorder = Recorder(LOST)
    with pytest.raises(errors.UnavailableError):
        await api_key(Wallet(ONE), new=True, http=recorder.http)
    assert len(recorder.asked) == 1


async def test_orders_and_cancels_have_budgets_of_their_own() -> None:
    recorder = Recorder(ok(GOOD))
    account = account_at(recorder)
    await asyncio.gather(*(account.place(order()) for _ in range(5)))
    assert account._orders.tokens < account._orders.capacity
    assert account._cancels.tokens == account._cancels.capacity


async def test_no_key_is_in_what_is_raised(caplog: pytest.LogCaptureFixture) -> None:
    for answer in (LOST, (401, b'{"error":"Unauthorized/Invalid api key"}'), (200, b"[]")):
        with pytest.raises(errors.PolymarketError) as failed:
            await account_at(Recorder(answer)).balance()
        text = f"{failed.value!r} {failed.value} {caplog.text}"
        assert KEY.secret not in text
        assert KEY.passphrase not in text
