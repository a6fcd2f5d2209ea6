"""Every recorded body of production held against the paper exchange's answer of the same endpoint.

The recordings are walked: each field's presence, type, nullability and format (digits of a price, a count, a sum). What
differs is named in :data:`MEANT` with its reason; a reason that no difference needs any more fails, too. A field that
no recording has and the schema of October has is newer than the recordings, and passes.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest

from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.kalshi.auth import signer_from_pem
from tests.facts import load
from tests.funds import spread

from .shapes import Shape, differences
from .test_rfq_lives import Party

GONE = "gone since 2026-10-01"
MEANT: dict[str, dict[str, str]] = {
    "structured market, active": {"liquidity_dollars": GONE},
    "structured market, finalized": {"liquidity_dollars": GONE},
    "market with a strike, active": {"liquidity_dollars": GONE},
    "combo": {"liquidity_dollars": GONE},
    "candlestick": {"price.previous_dollars": "the first one of a market has none; no recording begins so early"},
    "collection": {"_truncated_from": "a note of who recorded it"},
}
"""By kind of answer and field: why ours differs."""
SCHEMAS = {
    "collection": "MultivariateEventCollection", "event": "EventData", "series": "Series", "fill": "Fill",
    "settlement": "Settlement", "position": "MarketPosition", "candlestick": "MarketCandlestick",
}  # fmt: skip
"""The schema that has the fields of a kind of answer; of the others it is "Market"."""


def production(name: str) -> Any:
    return load(f"kalshi/production/{name}")


def account_fact(step: str) -> list[Any]:
    return [entry["data"] for entry in production("rfq_demo/scenario_account_facts") if entry["step"] == step]


def found(value: Any, *having: str) -> Iterator[dict[str, Any]]:
    """Every object in a value that has certain fields."""
    if isinstance(value, dict):
        if all(field in value for field in having):
            yield value
        for part in value.values():
            yield from found(part, *having)
    elif isinstance(value, list):
        for part in value:
            yield from found(part, *having)


@cache
def recorded_markets() -> list[dict[str, Any]]:
    files = (
        "events_mlb_props_nested", "events_nfl_preseason", "events_sports_nested", "market_single", "markets_settled",
        "combo_priced_markets", "candlesticks_pregame_mlb",
    )  # fmt: skip
    return [market for file in files for market in found(production(file), "ticker", "yes_ask_dollars", "title")]


def without_markets(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**event, "markets": []} for event in events]


def recorded() -> dict[str, list[Any]]:
    """Recorded bodies by kind of answer."""
    files = ("events_mlb_props_nested", "events_nfl_preseason", "events_sports_nested")
    candles = [production("candlesticks_mlb"), production("candlesticks_pregame_mlb")]
    return {
        "structured market, active": kind_of_market(recorded_markets(), "structured", "active"),
        "structured market, finalized": kind_of_market(recorded_markets(), "structured", "finalized"),
        "market with a strike, active": kind_of_market(recorded_markets(), "greater", "active"),
        "combo": kind_of_market(recorded_markets(), "custom", "active"),
        "event": without_markets([e for file in files for e in found(production(file), "mutually_exclusive")]),
        "series": [answer["series"] for answer in production("series_fee_fields")["payloads"].values()],
        "orderbook": [
            production("market_single")["orderbook"],
            *({"orderbook_fp": book["orderbook_fp"]} for book in production("combo_orderbooks")),
        ],
        "candlestick": list(found(candles, "end_period_ts")),
        "fill": list(found(production("portfolio_fills_redacted"), "fill_id")),
        "settlement": list(found(production("portfolio_settlements_redacted"), "market_result")),
        "position": production("positions_prod_2026-07-26")["market_positions"],
        "collection": list(production("combo_collections").values()),
        "limits": account_fact("api_limits"),
        "endpoint costs": account_fact("endpoint_costs"),
        "subaccount balances": [production("subaccount_balances_by_shard")["answer"]],
    }


def kind_of_market(markets: list[dict[str, Any]], strike_type: str, status: str) -> list[dict[str, Any]]:
    return [m for m in markets if (m.get("strike_type"), m["status"]) == (strike_type, status)]


@pytest.fixture(scope="module")
def ours() -> dict[str, list[Any]]:
    return asyncio.run(answers())


async def answers() -> dict[str, list[Any]]:
    """Our bodies by kind of answer: an ordinary day, on which the account traded, and held a market to its end."""
    clock = Clock(speed=0)
    exchange = Exchange(seed=1, clock=clock, scenario="everyday", read_lag_ms=0)
    member = exchange.add_member(tier="prestige")
    spread(exchange, member)
    short = [m for m in exchange.catalogue.markets.values() if m.event.series.frequency == "fifteen_min"]
    soon = next(m for m in short if m.status == "active")
    book = exchange.engine.markets[soon.ticker].book
    exchange.engine.submit(member, soon.ticker, BID, book.asks.best or soon.grid.prices()[-1], 1_000, clock())
    exchange.engine.submit(member, soon.ticker, ASK, book.bids.best or soon.grid.prices()[0], 300, clock())
    async with serve(exchange, with_crowd=False) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        party = Party(http, signer_from_pem(*exchange.issue_key(member)))
        held = (await party.get("/portfolio/positions"))["market_positions"]
        clock.step(3_600_000)
        exchange.advance(with_crowd=False)
        markets = (await party.get("/markets", limit="1000"))["markets"]
        nested = (await party.get("/events", limit="200", with_nested_markets="true"))["events"]
        busy = max(markets, key=lambda m: float(m["volume_24h_fp"]))
        candles = await party.get(
            f"/series/{busy['event_ticker'].split('-')[0]}/markets/{busy['ticker']}/candlesticks",
            start_ts=str(int(time.time()) - 864_000), end_ts=str(int(time.time()) + 3_600), period_interval="60",
        )  # fmt: skip
        return {
            "structured market, active": kind_of_market(markets, "structured", "active"),
            "structured market, finalized": kind_of_market(markets, "structured", "finalized"),
            "market with a strike, active": kind_of_market(markets, "greater", "active"),
            "combo": kind_of_market(markets, "custom", "active"),
            "event": without_markets(nested),
            "series": [(await party.get(f"/series/{ticker}"))["series"] for ticker in ("KXNBAGAME", "KXHIGHNY")],
            "orderbook": [await party.get(f"/markets/{m['ticker']}/orderbook") for m in markets[::50]],
            "candlestick": candles["candlesticks"],
            "fill": (await party.get("/portfolio/fills"))["fills"],
            "settlement": (await party.get("/portfolio/settlements"))["settlements"],
            "position": held,
            "collection": (await party.get("/multivariate_event_collections"))["multivariate_contracts"],
            "limits": [await party.get("/account/limits")],
            "endpoint costs": [await party.get("/account/endpoint_costs")],
            "subaccount balances": [await party.get("/portfolio/subaccounts/balances")],
            "market alone": [(await party.get(f"/markets/{busy['ticker']}"))["market"]],
            "market nested": [m for e in nested for m in e["markets"] if m["ticker"] == busy["ticker"]],
        }


def newer(kind: str, path: str) -> bool:
    """Whether October's schema has a field that no recording has; of a nested one, whether any schema has it."""
    schemas = load("kalshi/openapi-2026-10")["components"]["schemas"]
    name = path.rpartition(".")[2]
    if name == path:
        return name in schemas[SCHEMAS.get(kind, "Market")]["properties"]
    return any(name in schema.get("properties", {}) for schema in schemas.values())


@pytest.mark.parametrize("kind", sorted(recorded()))
def test_answers_of_a_kind_are_alike(kind: str, ours: dict[str, list[Any]]) -> None:
    assert ours[kind], f"the exchange has no {kind} to compare"
    differing = differences(Shape(recorded()[kind]), Shape(ours[kind]))
    meant = MEANT.get(kind, {})
    wrong = {
        path: what
        for path, what in differing.items()
        if path not in meant and not (what == "not recorded" and newer(kind, path))
    }
    assert not wrong, "\n".join(f"{path}: {what}" for path, what in wrong.items())
    assert meant.keys() <= differing.keys(), "a reason is given for what doesn't differ any more"


def test_a_market_is_the_same_alone_and_in_its_event(ours: dict[str, list[Any]]) -> None:
    """Recorded: ``market_single`` has one market both ways, with the same fields."""
    single = production("market_single")
    assert single["nested"].keys() == single["single"]["market"].keys()
    assert ours["market nested"] == ours["market alone"]


def test_combos_are_what_recorded_ones_are(ours: dict[str, list[Any]]) -> None:
    """Tenths of a cent, no rules of their own, and the same legs in both places."""
    for combo in [*recorded()["combo"], *ours["combo"]]:
        legs, custom = combo["mve_selected_legs"], combo["custom_strike"]
        assert (combo["price_level_structure"], combo["rules_primary"]) == ("deci_cent", "")
        assert custom["Associated Markets"].split(",") == [leg["market_ticker"] for leg in legs]
        assert custom["Associated Market Sides"].split(",") == [leg["side"] for leg in legs]
        assert set(custom["Associated Events"].split(",")) == {leg["event_ticker"] for leg in legs}
        assert custom["Multivariate Event Ticker"] == combo["event_ticker"]
    (collection,) = ours["collection"]
    known = production("combo_collections")["KXMVECROSSCATEGORY-SHARD1"]
    for name in ("collection_ticker", "series_ticker", "size_min", "size_max", "is_single_market_per_event"):
        assert collection[name] == known[name]


def test_positions_have_the_fields_that_all_recorded_ones_have(ours: dict[str, list[Any]]) -> None:
    """The recording keeps three fields of each and lists in a note those that all 46 had."""
    fields = {
        "ticker", "position_fp", "market_exposure_dollars", "total_traded_dollars", "realized_pnl_dollars",
        "fees_paid_dollars", "last_updated_ts",
    }  # fmt: skip
    assert ours["position"]
    assert all(position.keys() == fields | {"exchange_index"} for position in ours["position"])
    for name in fields - {"ticker", "position_fp", "last_updated_ts"}:
        assert Shape(ours["position"]).kinds[name] == {"0.000000"}


def test_limits_and_costs_are_those_recorded(ours: dict[str, list[Any]]) -> None:
    facts, prefix = production("small_facts"), "/trade-api/v2"
    listed = ours["endpoint costs"][0]["endpoint_costs"]
    costs = {(entry["method"], entry["path"].removeprefix(prefix)): entry["cost"] for entry in listed}
    for entry in account_fact("endpoint_costs")[0]["endpoint_costs"]:
        path = re.sub(r":(\w+)", r"{\1}", entry["path"].removeprefix(prefix))
        assert costs.get((entry["method"], path), entry["cost"]) == entry["cost"], path
    later = facts["endpoint_costs 2026-09-25"]
    assert costs["GET", "/communications/quotes"] == later["GET quotes"]
    assert costs["PUT", "/communications/quotes/{quote_id}/confirm"] == later["confirm quote"]
    exchange = Exchange(seed=1, scenario="small")
    exchange.add_member("small", tier="basic")
    budget = exchange.access.budgets["small"]
    basic = facts["rate limits"]["2026-09 basic"]
    assert (budget.read.rate, budget.read.capacity) == (basic["read"]["refill"], basic["read"]["capacity"])
    assert (budget.write.rate, budget.write.capacity) == (basic["write"]["refill"], basic["write"]["capacity"])


def test_the_comparison_finds_each_kind_of_difference() -> None:
    one = Shape([{"a": "0.5000", "b": None, "c": [{"d": 1}], "e": "x"}])
    other = Shape([{"a": "0.50", "b": "2026-08-09T20:52:02Z", "c": [{"d": 1.5}, {}], "f": True}])
    assert differences(one, other) == {
        "a": "0.00, recorded 0.0000",
        "b": "time, recorded null",
        "c[].d": "number, recorded integer",
        "e": "missing",
        "f": "not recorded",
    }
    assert differences(one, one) == {}
    assert differences(Shape([{"c": [{"d": 1}]}]), Shape([{"c": [{"d": 1}, {}]}])) == {"c[].d": "missing at times"}
