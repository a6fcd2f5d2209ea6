"""The client that reads, against what Polymarket's services were recorded to answer.

The recordings are served to the real client over its real HTTP stack. What it asks is held against the endpoints that
the official SDK uses (rest.json).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from prediction_mcp.net import sending
from prediction_mcp.polymarket import PolymarketClient, errors
from prediction_mcp.polymarket.answers import error_for
from prediction_mcp.polymarket.fees import taker_fee
from prediction_mcp.polymarket.limits import Limits
from prediction_mcp.polymarket.models import ClobMarket, Event, FeeSchedule, Level, Market, Orderbook, Search, Tag
from prediction_mcp.polymarket.record import Resolution, Trade
from prediction_mcp.polymarket.wire import Moment
from tests.facts import load, names

SAMPLES = "polymarket/samples"
BOOK = {
    "market": "0x5", "asset_id": "7", "timestamp": "1790000000123", "hash": "", "min_order_size": "5",
    "tick_size": "0.01", "neg_risk": False,
    "bids": [{"price": "0.01", "size": "9"}, {"price": "0.49", "size": "2"}],
    "asks": [{"price": "0.99", "size": "9"}, {"price": "0.51", "size": "3"}],
}  # fmt: skip
MARKET = {
    "id": "3", "slug": "up-or-down", "question": "Up or down?", "outcomes": '["Up", "Down"]',
    "outcomePrices": '["0.4", "0.6"]', "clobTokenIds": '["11", "22"]',
}  # fmt: skip


def sample(name: str) -> Any:
    found = load(f"{SAMPLES}/{name}")
    return found[0] if isinstance(found, list) and name.startswith(("gamma_market", "gamma_event")) else found


Answer = Callable[[Request], Awaitable[Response]]


class Recorder:
    """A service that answers what it is told to (an exception breaks the connection) and remembers the questions."""

    def __init__(self, *answers: tuple[int, bytes] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.headers: list[dict[str, str]] = []
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST", "DELETE"])])
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app))

    async def _answer(self, request: Request) -> Response:
        self.asked.append(
            (request.method, request.scope["raw_path"].decode(), dict(request.query_params), await request.body())
        )
        self.headers.append({name: value for name, value in request.headers.items() if name.startswith("poly_")})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, content = answer
        return Response(content, status, media_type="application/json")

    def client(self) -> PolymarketClient:
        return PolymarketClient(http=self.http)


def answering(*answers: Any) -> Recorder:
    return Recorder(*((200, orjson.dumps(answer)) for answer in answers))


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "wait_random_exponential", lambda **_: lambda _: 0.001)


# -- recordings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n.rsplit("/", 1)[1] for n in names(SAMPLES) if "/gamma_market" in n])
def test_recorded_markets(name: str) -> None:
    given_ = sample(name)
    given_ = given_.get("raw", given_)
    market = TypeAdapter(Market).validate_json(json.dumps(given_))
    assert [outcome.name for outcome in market.outcomes] == json.loads(given_["outcomes"])
    assert all(o.token_id and o.token_id.isdigit() and len(o.token_id) > 50 for o in market.outcomes)
    assert [o.price for o in market.outcomes] == [Decimal(p) for p in json.loads(given_["outcomePrices"])]
    assert market.closed is given_["closed"]
    assert market.end_date is None or market.end_date.tzinfo is not None
    if "closedTime" in given_:
        assert market.closed_time is not None
    if given_.get("feeSchedule"):
        assert market.fee_schedule is not None
        assert market.fee_schedule.rate == Decimal(str(given_["feeSchedule"]["rate"]))


def test_a_closed_market_may_accept_orders() -> None:
    market = TypeAdapter(Market).validate_python(sample("gamma_market_closed_accepting_true"))
    assert market.closed
    assert market.accepting_orders


def test_a_recorded_book_is_turned_best_first() -> None:
    book = TypeAdapter(Orderbook).validate_python(sample("clob_book_2026-01"))
    assert book.best_bid == Level(price=Decimal("0.49"), size=Decimal(1028))
    assert book.best_ask == Level(price=Decimal("0.51"), size=Decimal(1028))
    assert len(book.bids) == len(book.asks) == 20


async def test_recorded_events_tags_and_a_search() -> None:
    event = TypeAdapter(Event).validate_python(sample("gamma_event_2026-03"))
    assert event.title == "(4 words)"
    assert event.markets
    search = await answering(sample("gamma_search_2026-03")).client().search("bitcoin")
    assert isinstance(search, Search)
    assert search.events[0].title == "(6 words)"
    assert all(o.token_id for found in search.events for market in found.markets for o in market.outcomes)
    assert len(TypeAdapter(tuple[Tag, ...]).validate_python(sample("gamma_tags_2026-03"))) > 1


def test_trades_of_the_older_record_are_refused_with_a_sentence() -> None:
    """The names of Data API v1 differ (``asset``, ``conditionId``): nothing is guessed from them."""
    with pytest.raises(ValidationError):
        TypeAdapter(tuple[Trade, ...]).validate_python(sample("data_v1_trades_2026"))


async def test_the_recorded_refusal() -> None:
    (interaction,) = load(f"{SAMPLES}/gamma_invalid_id_422_2025-11")["interactions"]
    recorder = Recorder((422, interaction["response"]["body"]["string"].encode()))
    with pytest.raises(errors.InvalidRequestError, match="id is invalid") as refused:
        await recorder.client().market("99999999")
    assert refused.value.status == 422
    assert len(recorder.asked) == 1


async def test_it_asks_as_the_official_client_may() -> None:
    """Every path and every parameter is one that the official SDK's requests have."""
    endpoints = {(e["service"], e["method"], e["path"]): e for e in load("polymarket/rest")["endpoints"]}
    empty = {"data": [], "pagination": {"has_more": False}}
    calls: list[tuple[Any, str, str, str, Callable[[PolymarketClient], Awaitable[Any]]]] = [
        (MARKET, "gamma", "GET", "/markets/{id}", lambda c: c.market("3")),
        (MARKET, "gamma", "GET", "/markets/slug/{slug}", lambda c: c.market("up-or-down")),
        ({"id": "1"}, "gamma", "GET", "/events/{id}", lambda c: c.event("1")),
        ({"id": "1"}, "gamma", "GET", "/events/slug/{slug}", lambda c: c.event("one")),
        ({"markets": []}, "gamma", "GET", "/markets/keyset", lambda c: _all(c.markets(order="volume_num"))),
        ({"events": []}, "gamma", "GET", "/events/keyset", lambda c: _all(c.events(closed=False, tag_id=2))),
        ({}, "gamma", "GET", "/public-search", lambda c: c.search("fed", page=2)),
        (BOOK, "clob", "GET", "/book", lambda c: c.orderbook("7")),
        ([BOOK], "clob", "POST", "/books", lambda c: c.orderbooks(["7", "8"])),
        ({"t": [], "mts": 0.01}, "clob", "GET", "/clob-markets/{condition_id}", lambda c: c.terms("0x5")),
        ({"price": "0.5", "side": ""}, "clob", "GET", "/last-trade-price", lambda c: c.last_trade("7")),
        (empty, "data", "GET", "/v2/trades", lambda c: c.trades(condition_id="0x5")),
        (empty, "data", "GET", "/v2/positions", lambda c: c.positions("0x19", condition_id="0x5")),
        (empty, "data", "GET", "/v2/holders", lambda c: c.holders("0x5")),
        ({"data": {"proxy_wallet": "0x19", "value": 3}}, "data", "GET", "/v2/value", lambda c: c.value("0x19")),
        (empty, "data", "GET", "/v2/prices-history", lambda c: c.price_history("7", interval="max")),
        (empty, "data", "GET", "/v2/resolutions", lambda c: c.resolutions("0x5")),
        ([], "gamma", "GET", "/tags", lambda c: c.tags()),
        ([], "gamma", "GET", "/series", lambda c: c.series(offset=9)),
        ([], "gamma", "GET", "/sports", lambda c: c.sports()),
        ({"mid": "0.5"}, "clob", "GET", "/midpoint", lambda c: c.midpoint("7")),
        ({"7": "0.5"}, "clob", "POST", "/midpoints", lambda c: c.midpoints(["7", "8"])),
        ({"spread": "0.02"}, "clob", "GET", "/spread", lambda c: c.spread("7")),
        ({"7": "0.02"}, "clob", "POST", "/spreads", lambda c: c.spreads(["7", "8"])),
        ({"price": "0.5"}, "clob", "GET", "/price", lambda c: c.best_bid("7")),
        ({"minimum_tick_size": 0.01}, "clob", "GET", "/tick-size", lambda c: c.tick_size("7")),
        ({"condition_id": "0x5"}, "clob", "GET", "/markets-by-token/{token_id}", lambda c: c.condition_of("7")),
        (empty, "data", "GET", "/v2/activity", lambda c: c.activity("0x19", condition_id="0x5")),
        ({"data": {"proxy_wallet": "0x19"}}, "data", "GET", "/v2/user-pnl", lambda c: c.profit("0x19", "1d")),
        ({"data": None}, "data", "GET", "/v2/user-stats", lambda c: c.stats("0x19")),
        (empty, "data", "GET", "/v2/oi", lambda c: c.open_interest("0x5")),
    ]  # fmt: skip
    for answer, service, method, path, call in calls:
        recorder = answering(answer)
        await call(recorder.client())
        ((used, asked, query, _),) = recorder.asked
        known = endpoints[service, method, path]
        assert used == method
        pattern = path.split("{")[0]
        assert asked.startswith(pattern), path
        named = {p.get("wire", p["sdk_name"]) for p in known["parameters"]} | set(known.get("query_example") or ())
        assert set(query) <= named, path


async def _all(listed: Any) -> list[Any]:
    return [item async for item in listed]


# -- traps, one by one ---------------------------------------------------------------------------------------------


@given(st.permutations(range(1, 20)))
def test_books_are_best_first_however_they_come(prices: list[int]) -> None:
    levels = [{"price": str(Decimal(p).scaleb(-2)), "size": "1"} for p in prices]
    book = TypeAdapter(Orderbook).validate_python({**BOOK, "bids": levels, "asks": levels})
    assert [level.price for level in book.bids] == sorted((level.price for level in book.bids), reverse=True)
    assert [level.price for level in book.asks] == sorted(level.price for level in book.asks)


def test_outcomes_are_paired_by_their_place() -> None:
    for made in (MARKET, {**MARKET, "outcomes": ["Up", "Down"], "outcomePrices": [0.4, 0.6]}):
        up, down = TypeAdapter(Market).validate_python(made).outcomes
        assert (up.name, up.token_id, up.price) == ("Up", "11", Decimal("0.4"))
        assert (down.name, down.token_id, down.price) == ("Down", "22", Decimal("0.6"))
    with pytest.raises(ValidationError, match="differ in number"):
        TypeAdapter(Market).validate_python({**MARKET, "clobTokenIds": '["11"]'})


def test_a_token_id_as_a_number_is_refused() -> None:
    """A reader that takes it for a float would trade another token."""
    with pytest.raises(ValidationError):
        TypeAdapter(Market).validate_json(json.dumps({**MARKET, "clobTokenIds": "[" + "7" * 77 + ", 5]"}))


@pytest.mark.parametrize(
    ("wire", "moment"),
    [
        ("1790000000123", datetime(2026, 9, 21, 14, 13, 20, 123000, UTC)),
        (1790000000, datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        ("1790000000", datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
        ("2026-07-24 00:00:16+00", datetime(2026, 7, 24, 0, 0, 16, tzinfo=UTC)),
        ("2026-07-24T00:00:16Z", datetime(2026, 7, 24, 0, 0, 16, tzinfo=UTC)),
        ("2026-07-24", datetime(2026, 7, 24, tzinfo=UTC)),
        ("", None), ("0", None), (0, None), (None, None),
    ],
)  # fmt: skip
def test_times_in_all_their_spellings(wire: Any, moment: datetime | None) -> None:
    assert TypeAdapter(Moment).validate_python(wire) == moment


@pytest.mark.parametrize("wire", ["tomorrow", "9" * 40, -5, 1e300, True, float("nan"), "٣", [], "99999-01-01"])
def test_what_is_no_time(wire: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Moment).validate_python(wire)


@pytest.mark.parametrize("price", ["1.01", "-0.1", "NaN", "Infinity", "1e999999", "9" * 41, "", True, None, "0x1"])
def test_what_is_no_price(price: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Level).validate_python({"price": price, "size": "1"})


def test_nothing_is_nothing() -> None:
    for nothing in ("", None):
        market = TypeAdapter(Market).validate_python(
            {**MARKET, "orderMinSize": nothing, "outcomePrices": ["", nothing]}
        )
        assert market.order_min_size is None
        assert [o.price for o in market.outcomes] == [None, None]
    for number in ("NaN", "Infinity", "1e", True):
        with pytest.raises(ValidationError):
            TypeAdapter(Market).validate_python({**MARKET, "orderMinSize": number})
    resolved = TypeAdapter(Resolution).validate_python({"status": "posed", "price": 69, "condition_id": ""})
    assert resolved.settled_price is None
    assert resolved.condition_id is None
    trade = {
        "proxy_wallet": "0x1", "token_id": "7", "condition_id": "0x5", "side": "BUY", "size": 5.4, "price": 0.998,
        "timestamp": 1729000180, "outcome_index": 999,
    }  # fmt: skip
    read = TypeAdapter(Trade).validate_python(trade)
    assert read.known_index is None
    assert (read.size, read.price) == (Decimal("5.4"), Decimal("0.998"))


async def test_books_that_are_left_out_are_left_out() -> None:
    books = await answering([BOOK]).client().orderbooks(["9", "7"])
    assert list(books) == ["7"]
    with pytest.raises(errors.InvalidRequestError, match="100 tokens"):
        await answering([]).client().orderbooks(["1"] * 101)


async def test_a_window_is_named_once() -> None:
    windows: tuple[dict[str, Any], ...] = ({}, {"interval": "1d", "as_of": 5})
    for window in windows:
        with pytest.raises(errors.InvalidRequestError, match="exactly one"):
            await answering({"data": []}).client().price_history("7", **window)


# -- lists ---------------------------------------------------------------------------------------------------------


async def test_lists_go_on_to_their_end() -> None:
    recorder = answering({"markets": [MARKET], "next_cursor": "a"}, {"markets": [{**MARKET, "id": "4"}]})
    assert [m.id for m in await _all(recorder.client().markets())] == ["3", "4"]
    assert recorder.asked[1][2]["after_cursor"] == "a"


async def test_lists_that_turn_in_circles_end() -> None:
    with pytest.raises(errors.PaginationError):
        await _all(answering({"markets": [MARKET], "next_cursor": "a"}).client().markets())
    point = {"timestamp": 1790000000, "price": "0.5"}
    rows = {"data": [point], "pagination": {"has_more": True, "next_cursor": "a"}}
    with pytest.raises(errors.PaginationError):
        await answering(rows).client().price_history("7", interval="max")


async def test_rows_are_as_many_as_asked() -> None:
    point = {"timestamp": 1790000000, "price": "0.5"}
    recorder = answering(
        {"data": [point] * 2, "pagination": {"has_more": True, "next_cursor": "a"}},
        {"data": [point] * 2, "pagination": {"has_more": True, "next_cursor": "b"}},
    )
    assert len(await recorder.client().price_history("7", interval="max", limit=3)) == 3
    assert [query["limit"] for _, _, query, _ in recorder.asked] == ["3", "1"]


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (400, "not enough balance / allowance", errors.InsufficientBalanceError),
        (400, "invalid post-only order: order crosses book", errors.PostOnlyError),
        (400, "order couldn't be fully filled. FOK orders are fully filled or killed.", errors.NotFilledError),
        (400, "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is "
         "found.",
         errors.NotFilledError),
        (400, "order 0x1 is invalid. Price (0.555) breaks minimum tick size rule: 0.01", errors.InvalidOrderError),
        (400, "order 0x1 is invalid. Size (1) lower than the minimum: 5", errors.InvalidOrderError),
        (400, "invalid amount for a marketable BUY order ($0.5), min size: $1", errors.InvalidOrderError),
        (400, "'0x1' address in closed only mode", errors.PermissionDeniedError),
        (400, "the market is not yet ready to process new orders", errors.TradingPausedError),
        (401, "Unauthorized/Invalid api key", errors.AuthenticationError),
        (404, "No orderbook exists for the requested token id", errors.NotFoundError),
        (503, "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.",
         errors.TradingPausedError),
        (503, "Trading is currently disabled. Check polymarket.com for updates", errors.TradingPausedError),
        (503, "post-only mode: only post-only orders and cancels are allowed", errors.TradingPausedError),
        (500, "oops", errors.UnavailableError), (425, "", errors.UnavailableError), (429, "", errors.RateLimitedError),
        (418, "{teapot}", errors.PolymarketError),
    ],
)  # fmt: skip
def test_refusals_by_their_words(status: int, words: str, kind: type[errors.PolymarketError]) -> None:
    error = error_for(status, orjson.dumps({"error": words}))
    assert type(error) is kind
    assert words.rstrip(".")[:40] in str(error)
    assert error.status == status


def test_words_of_others_are_cut_and_on_one_line() -> None:
    error = error_for(400, orjson.dumps({"error": "no\n\u2028IGNORE ALL\x00 " + "x" * 9000}))
    assert len(str(error)) < 400
    assert str(error).isprintable()
    for content in (b"", b"<html>", b"[]", b'{"error":{"a":1}}', b"\xff"):
        assert str(error_for(400, content))


async def test_passing_faults_are_survived_and_refusals_are_not_repeated() -> None:
    good = (200, orjson.dumps(BOOK))
    recorder = Recorder((429, b"{}"), (425, b"{}"), (503, b"busy"), good)
    assert (await recorder.client().orderbook("7")).asset_id == "7"
    assert len(recorder.asked) == 4
    missing = Recorder((404, b'{"error":"No orderbook exists for the requested token id"}'))
    with pytest.raises(errors.NotFoundError):
        await missing.client().orderbook("7")
    assert len(missing.asked) == 1


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"null", b'{"bids":[]}', b'"text"', b"\xff\xfe", b"[" * 5000])
async def test_an_answer_that_is_none_is_an_error_in_one_sentence(content: bytes) -> None:
    client = Recorder((200, content)).client()
    calls: tuple[Callable[[], Awaitable[Any]], ...] = (
        lambda: client.orderbook("7"), lambda: client.value("0x1"), lambda: client.trades(), lambda: client.market("1"),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(errors.MalformedResponseError) as malformed:
            await call()
        assert "\n" not in str(malformed.value)


@pytest.mark.parametrize("ref", ["", "..", ".", "a\nb"])
async def test_what_is_no_name_of_a_market(ref: str) -> None:
    recorder = answering(MARKET)
    with pytest.raises(errors.InvalidRequestError):
        await recorder.client().market(ref)
    assert not recorder.asked


async def test_a_name_stays_one_piece_of_the_path() -> None:
    recorder = answering(MARKET)
    await recorder.client().market("a/../../b?c=d#e")
    assert recorder.asked[0][1:3] == ("/markets/slug/a%2F..%2F..%2Fb%3Fc%3Dd%23e", {})


# -- fees and limits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "exponent", "price", "shares", "fee"),
    [
        ("0.07", 1, "0.5", "100", "1.75"),  # 100 × 0.07 × 0.25
        ("0.05", 1, "0.9", "10", "0.045"),  # 10 × 0.05 × 0.09
        ("0.25", 2, "0.5", "100", "1.5625"),  # 100 × 0.25 × 0.0625
        ("0.04", 1, "0.001", "0.01", "0"),  # 0.0000004: below the least
        ("0.04", 1, "0.333", "1.01", "0.00897"),  # 0.0404 × 0.222111 = 0.0089732844
    ],
)
def test_fees_by_hand(rate: str, exponent: int, price: str, shares: str, fee: str) -> None:
    schedule = FeeSchedule(rate=Decimal(rate), exponent=Decimal(exponent))
    assert taker_fee(schedule, Decimal(price), Decimal(shares)) == Decimal(fee)
    assert taker_fee(None, Decimal(price), Decimal(shares)) == 0


def test_terms_say_the_fee() -> None:
    made = {"t": [{"t": "11", "o": "Up"}], "mts": "0.001", "nr": True, "mos": 5, "fd": {"r": 0.07, "e": 1, "to": True}}
    terms = TypeAdapter(ClobMarket).validate_python(made)
    assert terms.tick_size == Decimal("0.001")
    assert terms.schedule == FeeSchedule(rate=Decimal("0.07"), exponent=Decimal(1))
    assert TypeAdapter(ClobMarket).validate_python({"t": [], "mts": 0.01}).schedule is None


async def test_a_path_with_a_limit_of_its_own_passes_both_buckets() -> None:
    limits = Limits(lambda: 0.0)
    book, other = limits.of("clob", "/book"), limits.of("clob", "/last-trade-price")
    assert [bucket.capacity for bucket in book.buckets] == [135, 810]
    assert [bucket.capacity for bucket in other.buckets] == [810]
    assert [b.capacity for b in limits.of("gamma", "/markets/keyset").buckets] == [27, 360]
    await asyncio.gather(*(book.acquire(1) for _ in range(135)))
    assert [bucket.tokens for bucket in book.buckets] == [0, 675]
    assert book.expected_wait(1) > 0
    assert other.expected_wait(675) == 0
    assert other.expected_wait(676) > 0
    book.drain()
    assert other.expected_wait(1) > 0
