"""Retries, errors and lost answers, against the real exchange over a network that loses things."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx
import pytest

from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.answers import error_for
from prediction_mcp.kalshi.errors import (
    AuthenticationError,
    BudgetSpentError,
    CredentialsError,
    DuplicateOrderError,
    ExchangeUnavailableError,
    InsufficientBalanceError,
    InvalidOrderError,
    InvalidRequestError,
    KalshiError,
    MalformedResponseError,
    MarketClosedError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PostOnlyError,
)
from prediction_mcp.kalshi.models.orders import Amendment, NewOrder
from tests.conftest import MARKET, Served
from tests.kalshi.flaky import Fault, Flaky, is_create


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries are real but short here."""
    from prediction_mcp.kalshi.resources import orders
    from prediction_mcp.net import sending

    monkeypatch.setattr(sending, "wait_random_exponential", lambda **_: lambda _: 0.001)
    monkeypatch.setattr(orders, "ASK_AGAIN_AFTER", (0.0, 0.001))


@asynccontextmanager
async def flaky_client(
    served: Served, script: list[Fault], matches: Callable[[httpx.Request], bool] = lambda _: True
) -> AsyncIterator[tuple[KalshiClient, Flaky]]:
    network = Flaky(script, matches)
    async with KalshiClient(served.url, served.signer, http=httpx.AsyncClient(transport=network)) as client:
        yield client, network


_BUSY: list[Fault] = ["503"] * 30


def new_order(**changes: Any) -> NewOrder:
    fields = {"ticker": MARKET, "side": "bid", "count": "4.00", "price": "0.0100", "client_order_id": str(uuid.uuid4())}
    return NewOrder(**(fields | changes))


# -- retries -----------------------------------------------------------------------------------------------------


async def test_a_read_survives_every_kind_of_passing_fault(served: Served) -> None:
    async with flaky_client(served, ["429", "503", "lost before", "lost after", "ok"]) as (client, network):
        assert (await client.portfolio.positions()).market_positions == []
        assert len(network.seen) == 5


async def test_each_try_is_signed_afresh(served: Served) -> None:
    async with flaky_client(served, ["503", "503"]) as (client, network):
        await client.portfolio.positions()
    signatures = [r.headers["KALSHI-ACCESS-SIGNATURE"] for r in network.seen]
    stamps = [int(r.headers["KALSHI-ACCESS-TIMESTAMP"]) for r in network.seen]
    assert len(signatures) == 3
    assert stamps == sorted(stamps)
    for request in network.seen:
        key = served.exchange.access.keys[served.key_id]
        served.exchange.access.authenticate(
            key.key_id, request.headers["KALSHI-ACCESS-TIMESTAMP"], request.headers["KALSHI-ACCESS-SIGNATURE"],
            "GET", "/trade-api/v2/portfolio/positions", served.exchange.clock(),
        )  # fmt: skip


async def test_giving_up_is_one_sentence(served: Served) -> None:
    async with flaky_client(served, ["503"] * 20) as (client, network):
        with pytest.raises(ExchangeUnavailableError, match="problem of its own"):
            await client.portfolio.positions()
        assert len(network.seen) == 6


async def test_a_refusal_is_not_retried(served: Served) -> None:
    async with flaky_client(served, []) as (client, network):
        with pytest.raises(NotFoundError):
            await client.markets.get("NOPE")
        assert len(network.seen) == 1


async def test_exchange_down() -> None:
    async with KalshiClient("http://127.0.0.1:9/trade-api/v2") as client:
        with pytest.raises(ExchangeUnavailableError, match="can't be reached"):
            await client.exchange.status()


async def test_malformed_answers(served: Served) -> None:
    async with flaky_client(served, ["garbage after"]) as (client, _):
        with pytest.raises(MalformedResponseError, match="isn't what its API promises"):
            await client.markets.get(MARKET)


async def test_a_very_long_queue_is_refused_with_a_sentence(kalshi: KalshiClient) -> None:
    bucket = kalshi.limiter.buckets["read"]
    bucket.configure(rate=1, capacity=10, reserve=0)
    bucket.drain()
    waiting = [asyncio.create_task(bucket.acquire(10)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(BudgetSpentError, match="rate budget is used up for the next 60 s"):
        await kalshi.orders.list()
    for task in waiting:
        task.cancel()


# -- nothing twice, nothing lost -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        ["lost before"],
        ["lost after"],
        ["503"],
        ["503 after"],
        ["429", "lost after"],
        ["garbage after"],
        ["bad gzip after"],
        ["lost after", "429", "lost before"],
        ["lost before", "lost after", "503 after"],
    ],
)
async def test_an_order_is_placed_exactly_once(served: Served, script: list[Fault]) -> None:
    order = new_order()
    async with flaky_client(served, script, is_create) as (client, _):
        done = await client.orders.create(order)
    placed = [o for o in served.orders.values() if o.client_order_id == order.client_order_id]
    assert [o.order_id for o in placed] == [done.order_id]
    assert len(served.orders) == 1
    assert (str(done.remaining_count), str(done.fill_count)) == ("4.00", "0.00")


async def test_a_lost_answer_to_a_filled_order_reports_its_fills(served: Served) -> None:
    ask = served.exchange.engine.markets[MARKET].book.asks.best
    assert ask is not None
    order = new_order(price=f"0.{ask + 100:04d}", count="3.50")
    async with flaky_client(served, ["lost after"], is_create) as (client, _):
        done = await client.orders.create(order)
    (fill,) = served.fills
    assert done.fill_count == Decimal("3.50")
    assert done.average_fill_price == Decimal(fill.price) / 10_000
    assert done.average_fee_paid is not None
    assert done.average_fee_paid * done.fill_count == Decimal(fill.fee) / 10**6


@pytest.mark.parametrize("fault", ["429", "503", "garbage after"])
async def test_a_lost_answer_is_no_failure_where_its_fills_cant_be_read(served: Served, fault: Fault) -> None:
    """The order was found: before, an error of the read that followed was reported and journaled as a refusal."""
    ask = served.exchange.engine.markets[MARKET].book.asks.best
    assert ask is not None
    order = new_order(price=f"0.{ask + 100:04d}", count="3.50")
    script: list[Fault] = ["lost after", *[fault] * 30]
    fills_too = lambda request: is_create(request) or request.url.path.endswith("/portfolio/fills")  # noqa: E731
    async with flaky_client(served, script, fills_too) as (client, _):
        done = await client.orders.create(order)
    assert (done.fill_count, done.average_fill_price) == (Decimal("3.50"), None)
    assert done.order_id in served.orders


async def test_an_order_that_is_refused_after_a_lost_try_is_looked_for(served: Served) -> None:
    """The first try took all the money, so the second could be refused for lack of it: still one order, and found."""
    order = new_order(count="930000.00")
    async with flaky_client(served, ["lost after", "refused"], is_create) as (client, _):
        done = await client.orders.create(order)
        assert done.remaining_count == 930_000
        with pytest.raises(InsufficientBalanceError):
            await client.orders.create(new_order(count="930000.00"))
    assert len(served.orders) == 1


async def test_a_refusal_after_a_try_that_never_arrived_is_the_refusal(served: Served) -> None:
    async with flaky_client(served, ["lost before", "refused"], is_create) as (client, _):
        with pytest.raises(InsufficientBalanceError):
            await client.orders.create(new_order())
    assert not served.orders


async def test_when_nobody_can_be_asked_the_fate_is_said_to_be_unknown(served: Served) -> None:
    order = new_order()
    async with flaky_client(served, ["lost after", *_BUSY], lambda _: True) as (client, _):
        with pytest.raises(OutcomeUnknownError, match=order.client_order_id):
            await client.orders.create(order)
    assert len(served.orders) == 1


async def test_an_order_that_never_arrived_is_unknown_until_asked_again(served: Served) -> None:
    order = new_order()
    async with flaky_client(served, ["lost before"] * 6, is_create) as (client, _):
        with pytest.raises(OutcomeUnknownError, match="send the same client_order_id"):
            await client.orders.create(order)
        assert not served.orders
        done = await client.orders.create(order)
    assert list(served.orders) == [done.order_id]


async def test_an_own_id_used_before_is_a_duplicate(kalshi: KalshiClient, served: Served) -> None:
    order = new_order()
    await kalshi.orders.create(order)
    with pytest.raises(DuplicateOrderError, match="used before"):
        await kalshi.orders.create(order)
    assert len(served.orders) == 1


async def test_batch_after_a_lost_answer_tells_each_fate(served: Served) -> None:
    orders = [new_order(), new_order(price="0.0000"), new_order()]
    batched = "/portfolio/events/orders/batched"
    async with flaky_client(served, ["lost after"], lambda r: r.url.path.endswith(batched)) as (client, network):
        items = await client.orders.batch_create(orders)
        assert len(network.seen) == 1
    assert [i.order_id is not None for i in items] == [True, False, True]
    assert items[1].error is not None
    assert len(served.orders) == 2


async def test_a_lost_answer_to_a_cancel_is_still_a_cancel(served: Served, kalshi: KalshiClient) -> None:
    placed = await kalshi.orders.create(new_order())
    async with flaky_client(served, ["lost after"], lambda r: r.method == "DELETE") as (client, _):
        done = await client.orders.cancel(placed.order_id, market_ticker=MARKET)
    assert done.reduced_by == 4


async def test_cancelling_what_does_not_rest_says_so(kalshi: KalshiClient) -> None:
    placed = await kalshi.orders.create(new_order())
    await kalshi.orders.cancel(placed.order_id)
    with pytest.raises(InvalidOrderError, match="the order is canceled"):
        await kalshi.orders.cancel(placed.order_id)
    with pytest.raises(NotFoundError):
        await kalshi.orders.cancel("no-such-order")


@pytest.mark.parametrize("fault", ["lost after", "503 after", "garbage after"])
async def test_a_lost_answer_to_an_amend_is_settled_by_reading(
    served: Served, kalshi: KalshiClient, fault: Fault
) -> None:
    placed = await kalshi.orders.create(new_order())
    change = Amendment(ticker=MARKET, side="bid", price="0.0100", count="3.00")
    async with flaky_client(served, [fault], lambda r: r.url.path.endswith("/amend")) as (client, network):
        done = await client.orders.amend(placed.order_id, change)
        assert len(network.seen) == 1, "an amend is never sent twice"
    assert done.remaining_count == 3


async def taken_in_part(served: Served, kalshi: KalshiClient) -> tuple[str, Decimal, Decimal]:
    """A resting bid that took all the contracts of the best offer: its id, what it took, and its price in dollars."""
    price, size = (await kalshi.markets.orderbook(MARKET)).yes_asks[0]
    order = await kalshi.orders.create(new_order(count=f"{size + 4:.2f}", price=f"{price:.4f}"))
    assert order.fill_count == size
    assert order.remaining_count == 4
    return order.order_id, size, price


async def test_an_amend_of_the_price_alone_answers_null(served: Served, kalshi: KalshiClient) -> None:
    """As production answers, by its specification and as observed: nulls are no lost answer."""
    order_id, filled, price = await taken_in_part(served, kalshi)
    change = Amendment(ticker=MARKET, side="bid", price=f"{price - Decimal('0.01'):.4f}", count=f"{filled + 4:.2f}")
    async with flaky_client(served, []) as (client, network):
        done = await client.orders.amend(order_id, change)
        assert [request.method for request in network.seen] == ["GET", "POST"], "nothing is looked for afterwards"
    assert (done.fill_count, done.remaining_count, done.average_fill_price) == (None, None, None)


async def test_a_lost_amend_never_reports_earlier_fills(served: Served, kalshi: KalshiClient) -> None:
    """Fills from before the amend, and those its order made at rest meanwhile, aren't the amend's."""
    order_id, filled, price = await taken_in_part(served, kalshi)
    cheaper = Amendment(ticker=MARKET, side="bid", price=f"{price - Decimal('0.01'):.4f}", count=f"{filled + 4:.2f}")
    async with flaky_client(served, ["lost after"], lambda r: r.url.path.endswith("/amend")) as (client, _):
        done = await client.orders.amend(order_id, cheaper)
    assert not done.fill_count
    assert done.remaining_count == 4
    assert done.average_fill_price is None

    engine, seller = served.exchange.engine, served.exchange.crowd.takers[0]
    ask = (await kalshi.markets.orderbook(MARKET)).yes_asks[0][0]
    dearer = Amendment(ticker=MARKET, side="bid", price=f"{ask:.4f}", count=f"{filled + 4:.2f}")

    def sold_to_meanwhile(request: httpx.Request) -> bool:
        if amends := request.url.path.endswith("/amend"):
            rests = served.member.orders[order_id]
            count = engine.markets[MARKET].book.side(BID).ahead_of(rests) + 100
            engine.submit(seller, MARKET, ASK, rests.price, count, served.exchange.clock())
        return amends

    async with flaky_client(served, ["lost after"], sold_to_meanwhile) as (client, _):
        done = await client.orders.amend(order_id, dearer)
    assert done.fill_count == 3
    assert done.remaining_count == 0
    assert done.average_fill_price == ask


async def test_a_lost_amend_is_said_to_be_unknown(served: Served, kalshi: KalshiClient) -> None:
    placed = await kalshi.orders.create(new_order())
    change = Amendment(ticker=MARKET, side="bid", price="0.0100", count="3.00")
    async with flaky_client(served, ["lost before"], lambda r: r.url.path.endswith("/amend")) as (client, _):
        with pytest.raises(OutcomeUnknownError, match="4 remaining at 0.0100"):
            await client.orders.amend(placed.order_id, change)


async def test_a_decrease_by_is_never_guessed(served: Served, kalshi: KalshiClient) -> None:
    placed = await kalshi.orders.create(new_order())
    async with flaky_client(served, ["lost after", "lost after"], lambda r: r.url.path.endswith("/decrease")) as (
        client,
        _,
    ):
        with pytest.raises(OutcomeUnknownError, match="3 remaining"):
            await client.orders.decrease(placed.order_id, reduce_by="1.00")
        assert (await client.orders.decrease(placed.order_id, reduce_to="2.00")).remaining_count == 2


# -- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"code":"insufficient_balance","message":"no"}', InsufficientBalanceError),
        (400, b'{"error":{"code":"market_closed","message":"closed","details":"at 5"}}', MarketClosedError),
        (400, b'{"code":"MARKET_INACTIVE","message":"x"}', MarketClosedError),
        (400, b'{"error":{"code":"invalid_order","message":"x","details":"post only cross"}}', PostOnlyError),
        (400, b'{"code":"whatever","message":"limit: too big"}', InvalidRequestError),
        (401, b'{"code":"x","message":"bad signature"}', AuthenticationError),
        (403, b"forbidden", PermissionDeniedError),
        (404, b"", NotFoundError),
        (410, b'{"error":"gone"}', KalshiError),
        (502, b"<html>", ExchangeUnavailableError),
    ],
)
def test_error_classes(status: int, body: bytes, kind: type[KalshiError]) -> None:
    error = error_for(status, body)
    assert type(error) is kind or isinstance(error, kind)
    assert error.status == status
    assert error.message.endswith(".")
    assert "{" not in error.message


async def test_writing_without_a_key_sends_nothing(served: Served) -> None:
    async with KalshiClient(served.url) as client:
        with pytest.raises(CredentialsError, match="API key"):
            await client.orders.create(new_order())
        assert (await client.markets.get(MARKET)).ticker == MARKET
