"""Errors are told apart by status and code, in every shape; a write's fate is asked for until the answers agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

import httpx
import orjson
import pytest
from pydantic import BaseModel

from prediction_mcp.exchange.engine.matching import ASK
from prediction_mcp.exchange.lag import ReadLag
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.answers import error_for
from prediction_mcp.kalshi.errors import (
    AuthenticationError,
    ConflictError,
    DuplicateOrderError,
    GoneError,
    InsufficientBalanceError,
    InvalidOrderError,
    InvalidRequestError,
    KalshiError,
    MarketClosedError,
    NotFilledError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PostOnlyError,
    TradingPausedError,
)
from prediction_mcp.kalshi.feed_reader import Reader, Subscription
from prediction_mcp.kalshi.models.account import AccountLimits, EndpointCosts
from prediction_mcp.kalshi.models.exchange import ExchangeStatus
from prediction_mcp.kalshi.models.feed import Subscribed
from prediction_mcp.kalshi.models.markets import MarketAnswer, MarketPage, OrderbookAnswer, TradePage
from prediction_mcp.kalshi.models.orders import (
    Amendment,
    CancelItem,
    Cancellation,
    OrderAnswer,
    OrderExecution,
    OrderPage,
)
from prediction_mcp.kalshi.models.portfolio import Balance, FillPage, PositionPage, SettlementPage
from prediction_mcp.kalshi.orderbook import LiveBook
from prediction_mcp.kalshi.parsing import parse
from prediction_mcp.kalshi.units import format_price
from tests.conformance.recorded import MARKET as RECORDED
from tests.conformance.recorded import feeds, requests
from tests.conftest import MARKET, Served
from tests.kalshi.flaky import Fault
from tests.kalshi.test_transport import flaky_client, new_order


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    from prediction_mcp.net import sending

    monkeypatch.setattr(sending, "wait_random_exponential", lambda **_: lambda _: 0.001)


def nested(code: str, details: str = "") -> bytes:
    return orjson.dumps({"error": {"code": code, "message": code.replace("_", " "), "details": details}})


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (409, nested("order_already_exists"), DuplicateOrderError, "used before (order already exists)"),
        (409, nested("fill_or_kill_insufficient_resting_volume"), NotFilledError, "needs a new client_order_id"),
        (409, nested("immediate_or_cancel_insufficient_resting_volume"), NotFilledError, "nothing rests"),
        (409, nested("trading_is_paused"), TradingPausedError, "nothing was placed"),
        (400, nested("trading_is_paused"), TradingPausedError, "Trading is paused (trading is paused)"),
        (409, nested("never_seen", "why not"), ConflictError, "(409 never_seen): never seen: why not"),
        (400, nested("invalid_order", "post only cross"), PostOnlyError, "invalid order: post only cross"),
        (400, nested("invalid_order", "something else"), InvalidOrderError, "something else"),
        (400, nested("invalid_price"), InvalidOrderError, "isn't one that this market trades at"),
        (400, nested("insufficient_balance"), InsufficientBalanceError, "worst case"),
        (400, nested("MARKET_NOT_ACTIVE"), MarketClosedError, "takes no orders"),
        (400, b'{"msg":"Parameter validation failed for GetMarkets"}', InvalidRequestError, "validation failed"),
        (400, b'{"code":"bad_request","message":"bad request","details":"json: no"}', InvalidRequestError, "json: no"),
        (401, nested("authentication_error", "NOT_FOUND"), AuthenticationError, "doesn't know this API key"),
        (401, nested("authentication_error", "INCORRECT_API_KEY_SIGNATURE"), AuthenticationError, "doesn't fit"),
        (401, nested("header_timestamp_expired"), AuthenticationError, "clock is off"),
        (401, nested("quota_of_another_service"), AuthenticationError, "(401 quota_of_another_service)"),
        (403, nested("insufficient_scope"), PermissionDeniedError, "scope"),
        (404, nested("not_found"), NotFoundError, "doesn't know it (not found)"),
        (410, nested("deprecated_v1_order_endpoint", "Please switch"), GoneError, "Please switch"),
        (418, nested("teapot"), KalshiError, "(418 teapot): teapot"),
        (400, b"{curly}", InvalidRequestError, "(400): status 400"),
        (400, nested("{said}", "{0}"), InvalidRequestError, "{0}"),
    ],
)  # fmt: skip
def test_each_meaning_has_its_class_and_kalshis_words(
    status: int, body: bytes, kind: type[KalshiError], said: str
) -> None:
    error = error_for(status, body)
    assert type(error) is kind
    assert said in error.message
    assert error.status == status


def test_an_unknown_code_keeps_all_that_was_said() -> None:
    error = error_for(409, nested("never_seen", "why not"))
    assert (error.status, error.code, error.details) == (409, "never_seen", "never seen: why not")


def test_every_recorded_refusal_has_a_meaning() -> None:
    """None of them falls back to the general sentence, which names status and code."""
    seen = {}
    for made in requests():
        if made.status >= 400:
            error = error_for(made.status, orjson.dumps(made.answer))
            seen[made.name] = error.message
            assert made.status == 400 or "refused the request (" not in error.message, made.name
    assert len(seen) > 15


MODELS: dict[str, type[BaseModel]] = {
    "account__limits": AccountLimits,
    "account__endpoint_costs": EndpointCosts,
    "exchange__status": ExchangeStatus,
    "markets__single": MarketAnswer,
    "markets__single_filter": MarketPage,
    "markets__unauth_single": MarketAnswer,
    "orderbook__base": OrderbookAnswer,
    "portfolio__orders_list": OrderPage,
    "portfolio__positions": PositionPage,
    "trades__public_recorded": TradePage,
    "fills__after_taker": FillPage,
    "settlements__": SettlementPage,
    "markets__": MarketPage,
    "auth__": Balance,
    "orders__get": OrderAnswer,
    "orders__stp_resting_after": OrderAnswer,
    "orders__cancel": Cancellation,
    "cleanup__": Cancellation,
    "orders__create": OrderExecution,
    "orders__settlement": OrderExecution,
    "orders__stp": OrderExecution,
}
"""What our client reads each recorded answer with, by the beginning of its name; the longest beginning wins."""
UNREAD = {"orders__legacy_create", "orders__legacy_cancel", "series__fee_changes"}


def test_every_recorded_body_is_read() -> None:
    read = 0
    for made in requests():
        if made.status < 300 and made.name not in UNREAD:
            kind = MODELS[max((name for name in MODELS if made.name.startswith(name)), key=len)]
            parse(kind, orjson.dumps(made.answer), made.name)
            read += 1
    assert read > 30


class Line:
    """A connection that is never asked for anything, because nothing is missing."""

    def __init__(self) -> None:
        self.answers: list[object] = []

    def doubted(self, tickers: list[str], reason: str) -> None:
        raise AssertionError(f"{tickers} {reason}: the recorded feed has no gap")

    def answered(self, message: object) -> None:
        self.answers.append(message)

    def missed(self) -> None:
        raise AssertionError("the recorded feed has no gap")

    def repaired(self, ticker: str) -> None:
        assert ticker == RECORDED


@pytest.mark.parametrize("name", ["ws__orderbook_trade_noleg", "ws__orderbook_trade_yes"])
def test_every_recorded_frame_is_read(name: str) -> None:
    """Books without a clock, as they were in June, in either convention of NO prices."""
    command, frames = feeds()[name]
    book, line, counters = LiveBook(RECORDED, yes_price=command["params"]["use_yes_price"]), Line(), Counter[str]()
    reader = Reader({RECORDED: book}, counters, line, None)
    for frame in frames:
        reader.receive(orjson.dumps(frame))
        if frame["type"] == "subscribed":
            held = Subscription(frame["msg"]["channel"], frame["msg"]["sid"], markets={RECORDED})
            reader.by_sid[held.sid] = held
    assert [type(answer) for answer in line.answers] == [Subscribed, Subscribed]
    assert (book.state, book.seq, counters["unreadable"], counters["unknown"]) == ("live", frames[-1]["seq"], 0, 0)
    assert book.yes_bids == [(Decimal("0.47"), Decimal(3))]
    assert book.yes_asks == [(Decimal("0.52"), Decimal(1 if name.endswith("noleg") else 2))]


# -- fates -------------------------------------------------------------------------------------------------------


async def test_a_404_on_a_cancel_is_settled_once_reads_have_caught_up(served: Served, kalshi: KalshiClient) -> None:
    """Recorded: the order still read as resting 360 ms after its cancel. Here the answer of the cancel is lost, too."""
    placed = await kalshi.orders.create(new_order())
    served.exchange.lag = ReadLag(400)
    async with flaky_client(served, ["lost after"], lambda r: r.method == "DELETE") as (client, network):
        done = await client.orders.cancel(placed.order_id, market_ticker=MARKET)
        assert len(network.seen) == 2
    assert done.reduced_by == 4
    assert (await kalshi.orders.get(placed.order_id)).status == "canceled"


async def test_a_second_cancel_says_what_became_of_the_order_and_not_what_reads_still_say(
    served: Served, kalshi: KalshiClient
) -> None:
    placed = await kalshi.orders.create(new_order())
    served.exchange.lag = ReadLag(400)
    await kalshi.orders.cancel(placed.order_id)
    assert (await kalshi.orders.get(placed.order_id)).status == "resting", "the read lags"
    with pytest.raises(InvalidOrderError, match="the order is canceled"):
        await kalshi.orders.cancel(placed.order_id)


async def test_a_fill_on_its_way_is_no_cancel(served: Served, kalshi: KalshiClient) -> None:
    """A cancel is answered with 404 because the order was filled a moment before."""
    engine, crowd = served.exchange.engine, served.exchange.crowd.takers[0]
    above = (engine.markets[MARKET].book.bids.best or 0) + 100
    placed = await kalshi.orders.create(new_order(price=format_price(above), post_only=True))
    engine.submit(crowd, MARKET, ASK, above, 400, served.exchange.clock())
    with pytest.raises(InvalidOrderError, match=r"the order is executed \(4 of 4 contracts filled\)"):
        await kalshi.orders.cancel(placed.order_id)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    from prediction_mcp.kalshi.resources import orders

    monkeypatch.setattr(orders, "ASK_AGAIN_AFTER", (0.0, 0.001))


async def test_a_fate_that_stays_open_is_never_guessed(served: Served, kalshi: KalshiClient, no_pauses: None) -> None:
    placed = await kalshi.orders.create(new_order())
    lost: list[Fault] = ["lost before"] * 6
    async with flaky_client(served, lost, lambda r: r.method == "DELETE") as (client, _):
        with pytest.raises(OutcomeUnknownError, match="4 remaining"):
            await client.orders.cancel(placed.order_id)


@pytest.mark.parametrize("change", ["amend", "decrease"])
async def test_a_change_of_what_is_over_says_so(kalshi: KalshiClient, change: str, no_pauses: None) -> None:
    placed = await kalshi.orders.create(new_order())
    await kalshi.orders.cancel(placed.order_id)
    if change == "amend":
        altered = Amendment(ticker=MARKET, side="bid", price="0.0200", count="4.00")
        changing: Coroutine[Any, Any, object] = kalshi.orders.amend(placed.order_id, altered)
    else:
        changing = kalshi.orders.decrease(placed.order_id, reduce_to="1.00")
    with pytest.raises(InvalidOrderError, match="nothing to change: the order is canceled"):
        await changing


async def test_a_batch_cancel_tells_each_fate(kalshi: KalshiClient) -> None:
    resting, over = [(await kalshi.orders.create(new_order())).order_id for _ in range(2)]
    await kalshi.orders.cancel(over)
    items = await kalshi.orders.batch_cancel([CancelItem(order_id=i) for i in (resting, over, "none")])
    said = [item.error.message if item.error else None for item in items]
    assert said[0] is None
    assert "the order is canceled" in str(said[1])
    assert said[2]


async def test_a_killed_order_uses_its_id_up(kalshi: KalshiClient, served: Served) -> None:
    order = new_order(count="900000.00", price="0.0100", time_in_force="fill_or_kill")
    with pytest.raises(NotFilledError, match="new client_order_id"):
        await kalshi.orders.create(order)
    with pytest.raises(DuplicateOrderError):
        await kalshi.orders.create(order)
    assert not served.orders


async def test_a_killed_order_whose_answer_was_lost_is_not_called_placed(served: Served, no_pauses: None) -> None:
    """The retry is answered with 409, and nothing shows: the message says what that looks like."""
    order = new_order(count="900000.00", price="0.0100", time_in_force="fill_or_kill")
    async with flaky_client(served, ["lost after"], lambda r: r.method == "POST") as (client, network):
        with pytest.raises(OutcomeUnknownError, match="a killed fill_or_kill looks like this"):
            await client.orders.create(order)
        assert len(network.seen) == 2
    assert not served.orders


async def test_an_unknown_conflict_is_settled_by_asking(served: Served, no_pauses: None) -> None:
    """A 409 of a kind nobody has seen: the order is there, so it was placed."""
    order = new_order()

    class Odd(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await super().handle_async_request(request)
            if request.method != "POST":
                return response
            await response.aread()
            return httpx.Response(409, content=nested("never_seen"), request=request)

    async with KalshiClient(served.url, served.signer, http=httpx.AsyncClient(transport=Odd())) as client:
        assert (await client.orders.create(order)).remaining_count == 4


async def test_a_2xx_that_refuses_is_a_refusal(served: Served) -> None:
    """Seen in June 2026: a body of an error, without an order, under status 200."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=nested("deprecated_v1_order_endpoint", "Please switch"), request=request)

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    async with KalshiClient(served.url, served.signer, http=http) as client:
        with pytest.raises(InvalidRequestError, match="Please switch"):
            await client.orders.create(new_order())


def test_words_of_others_are_cut_and_on_one_line() -> None:
    """An exchange may repeat all that it was sent."""
    said = "no\n\u2028\x1b[2J" + "x" * 20_000
    error = error_for(404, orjson.dumps({"error": {"code": "not_found", "message": said}}))
    assert len(str(error)) < 400
    assert str(error).isprintable()
