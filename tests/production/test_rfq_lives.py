"""Whole lives of requests for quotes, as recorded on Kalshi's demo exchange, lived again on the paper exchange.

Two accounts with $1,000 each deal in a new market that nobody else trades, one life after the other, as the recorded
ones did. Each recorded body is held against the answer at the same step: its shape, and every figure in it.
"""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest

from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.matching import Book
from prediction_mcp.exchange.fronts.kalshi.api import PREFIX
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.exchange.world.listings import Listing, exclusive_event
from prediction_mcp.exchange.world.scenario import SERIES
from prediction_mcp.kalshi.auth import KeySigner, signer_from_pem
from prediction_mcp.kalshi.models.communications import Quote
from prediction_mcp.kalshi.units import MICROS
from tests.facts import load

from .shapes import Shape, differences

LIVES = ("accept_yes", "accept_no", "lapse", "delete_after_accept", "off_grid", "account_facts")
"""In the sequence in which they were recorded."""
MEANT = {
    "creator_user_id": "identities are removed from the recording",
    "exchange_index": "the schema of October requires it; the recording is of July",
    "market.exchange_index": "the schema of October has it; the recording is of July",
    "market.settlement_bounds_type": "the schema of October requires it; the recording is of July",
    "market.fractional_trading_enabled": "gone since 2026-07-09",
    "market.response_price_units": "gone since 2026-07-09",
    "market.liquidity_dollars": "gone since 2026-10-01",
    "positions.market_positions[].resting_orders_count": "production hasn't it (positions_prod_2026-07-26)",
}
"""Fields that differ on purpose, by the end of their path."""
NAMES = {"id", "ticker", "event_ticker", "market_ticker", "order_id", "fill_id", "trade_id", "rfq_id"}
OWN = NAMES | {
    "creator_id", "creator_user_id", "rfq_creator_id", "creator_order_id", "ts", "updated_ts", "created_ts",
    "accepted_ts", "confirmed_ts", "executed_ts", "last_updated_ts", "created_time", "label",
    "communications_id",
}  # fmt: skip
"""Names and times: another exchange has its own."""
OF_A_MARKET = {
    "yes_bid_dollars", "yes_ask_dollars", "no_bid_dollars", "no_ask_dollars", "yes_bid_size_fp", "yes_ask_size_fp",
    "last_price_dollars", "previous_price_dollars", "previous_yes_bid_dollars", "previous_yes_ask_dollars", "volume_fp",
    "open_interest_fp", "status", "result", "market_type", "expiration_value", "notional_value_dollars", "price_ranges",
    "price_level_structure",
}  # fmt: skip
"""Fields of a market that follow from what was done in it."""
LEGACY = {"action", "side"}
"""Of a fill: deprecated. What closed NO reads "sell" and "yes" in one recorded fill, "buy" and "no" in another."""


class Party:
    """A member with its key: answers of the exchange as JSON."""

    def __init__(self, http: httpx.AsyncClient, signer: KeySigner) -> None:
        self._http, self._signer = http, signer

    async def call(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        headers = self._signer.headers(method, PREFIX + path)
        answer = await self._http.request(method, path, json=body, params=query or None, headers=headers)
        return answer.status_code, answer.json() if answer.content else {}

    async def get(self, path: str, **query: str) -> Any:
        status, answer = await self.call("GET", path, **query)
        assert status == 200, answer
        return answer

    async def state(self) -> Any:
        fills = (await self.get("/portfolio/fills"))["fills"]
        return {
            "balance": await self.get("/portfolio/balance"),
            "positions": await self.get("/portfolio/positions"),
            "fills": {"cursor": "", "fills": fills},
        }


class Life:
    """One recorded life and where it is lived again."""

    def __init__(self, exchange: Exchange, clock: Clock, parties: dict[str, Party], ticker: str) -> None:
        self.exchange, self.clock, self.parties, self.ticker = exchange, clock, parties, ticker
        self.rfq = self.quote = ""
        self.differences: dict[str, str] = {}

    def later(self, ms: int) -> None:
        self.clock.step(ms)
        self.exchange.advance(with_crowd=False)

    def same(self, recorded: Any, ours: Any) -> None:
        """Hold shape and figures against each other; differences that aren't meant are kept."""
        for path, what in differences(Shape([recorded]), Shape([ours])).items():
            if not any(path == end or path.endswith(f".{end}") for end in MEANT):
                self.differences[path] = what
        self._figures(recorded, ours, "")

    def _figures(self, recorded: Any, ours: Any, path: str) -> None:
        if isinstance(recorded, dict) and isinstance(ours, dict):
            known = recorded.keys() & ours.keys() - OWN - LEGACY
            for key in known & OF_A_MARKET if "price_ranges" in recorded else known:
                self._figures(recorded[key], ours[key], f"{path}.{key}")
        elif isinstance(recorded, list) and isinstance(ours, list):
            if len(recorded) != len(ours):
                self.differences[path] = f"{len(ours)} of them, recorded {len(recorded)}"
            for one, other in zip(recorded, ours, strict=False):
                self._figures(one, other, f"{path}[]")
        elif recorded != ours:
            self.differences[path] = f"{ours}, recorded {recorded}"

    async def live(self, step: str, data: Any) -> None:
        """Do what was done at a step, and compare."""
        maker, requester = self.parties["maker"], self.parties["requester"]
        path = f"/communications/quotes/{self.quote}"
        match step:
            case "scenario" | "deliberately_not_confirming":
                self.later(int(data.get("wait_s", 0) * 1000))
            case "before_maker" | "before_requester" | "after_maker" | "after_requester":
                self.exchange.access.budgets[data["label"]].balance.tokens = 1.0  # else one look a second
                self.same(data, {**await self.parties[data["label"]].state(), "label": data["label"]})
            case "rfq_created":
                body = {"market_ticker": self.ticker, "rest_remainder": False, "contracts": 1}
                if self.rfq:
                    await requester.call("DELETE", f"/communications/rfqs/{self.rfq}")
                status, made = await requester.call("POST", "/communications/rfqs", body)
                assert status == 201, made
                self.rfq = made["id"]
                self.same(data, made)
            case "market_payload":
                self.same(data, await requester.get(f"/markets/{self.ticker}"))
            case "orderbook":
                assert await requester.get(f"/markets/{self.ticker}/orderbook") == data
            case "quote_created" | "off_grid_quote_unexpectedly_accepted":
                bids = {side: data.get(side, "0.4855") for side in ("yes_bid", "no_bid")}
                status, made = await maker.call(
                    "POST", "/communications/quotes", {"rfq_id": self.rfq, "rest_remainder": False, **bids}
                )
                assert status == 201, made
                self.quote = made["id"]
                self.same(data.get("response", data), made)
            case "quote_accepted":
                status, answer = await requester.call("PUT", f"{path}/accept", {"accepted_side": data["accepted_side"]})
                assert (status, answer) == (204, data["response"])
            case "quote_confirmed":
                status, answer = await maker.call("PUT", f"{path}/confirm", {})
                assert (status, answer) == (204, data)
                self.later(16_000)
            case "late_confirm_error" | "delete_after_accept_error":
                late = step == "late_confirm_error"
                status, answer = await (
                    maker.call("PUT", f"{path}/confirm", {}) if late else maker.call("DELETE", path)
                )
                assert (status, answer["error"]) == (data["status"], ast.literal_eval(data["message"]))
                self.later(0 if late else 40_000)
            case "quote_status_poll":
                self.later(2_000)
                assert (await maker.get(path))["quote"]["status"] == data["status"]
            case "quote_terminal":
                ours = (await maker.get(path))["quote"]
                self.same(data, ours)
                Quote.model_validate(data)
            case "fills_by_creator_order_id":
                order_id = (await maker.get(path))["quote"]["creator_order_id"]
                self.same(data, await maker.get("/portfolio/fills", order_id=order_id))
            case "communications_id":
                self.same(data, await maker.get("/communications/id"))
            case "api_limits" | "endpoint_costs":
                pass  # tests/production/test_answers.py
            case _:
                raise AssertionError(f"the recording has a step that isn't known here: {step}")


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    """Two accounts of $1,000 and a market as it is before its first quote, on an exchange without a crowd."""
    clock = Clock(speed=0)
    exchange = Exchange(seed=1, clock=clock, scenario="small", read_lag_ms=0)
    now = datetime.fromtimestamp(clock() / 1000, UTC)
    day = timedelta(days=1)
    listing = Listing(SERIES["KXFEDDECISION"], "NEW", "A new event?", "Today", now, now + day * 5, now + day * 6, 1.0)
    event = exclusive_event(listing, [("A", "One side"), ("B", "The other side")], Random(1))
    exchange.list_event(event)
    market = event.markets[0]
    book = exchange.engine.markets[market.ticker].book
    exchange.engine.cancel_many([*book.bids, *book.asks], clock())  # makers quote each new market
    exchange.engine.markets[market.ticker].book = Book(market.ticker, market.grid)
    async with serve(exchange, with_crowd=False) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        parties = {}
        for name in ("maker", "requester"):
            member = exchange.add_member(name, deposit=1_000 * MICROS, tier="prestige")
            parties[name] = Party(http, signer_from_pem(*exchange.issue_key(member)))
        yield Life(exchange, clock, parties, market.ticker)
    audit(exchange.engine)


async def test_the_recorded_lives_lived_again(life: Life) -> None:
    for name in LIVES:
        for entry in load(f"kalshi/production/rfq_demo/scenario_{name}"):
            await life.live(entry["step"], entry["data"])
    assert not life.differences, "\n".join(f"{path}: {what}" for path, what in life.differences.items())
