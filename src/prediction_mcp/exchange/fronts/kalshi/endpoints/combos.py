"""/multivariate_event_collections: what combos can be made of, and making one."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Literal

import msgspec

from prediction_mcp.exchange.engine.rejection import invalid, not_found
from prediction_mcp.exchange.world.listed import GRIDS, Event, Market
from prediction_mcp.exchange.world.scenario import COLLECTION, COMBO_SERIES, SERIES, combo_event, open_games

from .. import wire, wire_market
from ..call import Call, Json
from .listing import market_json

SIZE_MIN, SIZE_MAX = 2, 20
"""Legs of a combo. The collection says that there is no most (``size_max`` 0, recorded); 20 bounds the work."""
YEAR_MS = 365 * 86_400_000


class Chosen(msgspec.Struct, kw_only=True):
    market_ticker: str
    event_ticker: str
    side: Literal["yes", "no"]


class CreateMarket(msgspec.Struct, kw_only=True):
    selected_markets: list[Chosen]
    with_market_payload: bool | None = None


def _collection(call: Call, games: list[Event]) -> Json:
    return {
        "collection_ticker": COLLECTION,
        "series_ticker": COMBO_SERIES,
        "title": SERIES[COMBO_SERIES].title,
        "description": "Several games in one market: it pays if every leg is right.",
        "open_date": wire.moment(call.exchange.started_ms - YEAR_MS),
        "close_date": wire.moment(call.exchange.started_ms + 10 * YEAR_MS),
        "associated_events": [
            {"ticker": e.ticker, "is_yes_only": False, "size_max": 1, "active_quoters": []} for e in games
        ],
        "associated_event_tickers": [e.ticker for e in games],
        "is_ordered": False,
        "is_single_market_per_event": False,
        "is_all_yes": False,
        "size_min": SIZE_MIN,
        "size_max": 0,
        "functional_description": "The product of the legs: $1 if all are right, else nothing.",
        "price_level_structure": "deci_cent",
        "price_ranges": wire_market.price_ranges(GRIDS["deci_cent"]),
        "exchange_index": call.exchange.catalogue.shard_of(SERIES[COMBO_SERIES]),
    }


def collections(call: Call) -> Json:
    """There is one; it is always open."""
    status = call.choice("status", ("unopened", "open", "closed")) or "open"
    series, event = call.text("series_ticker"), call.text("associated_event_ticker")
    call.limit(100, 200)
    games = open_games(call.exchange.catalogue, call.now_ms)
    fits = status == "open" and series in (None, COMBO_SERIES) and (event is None or event in [e.ticker for e in games])
    return {"multivariate_contracts": [_collection(call, games)] if fits else [], "cursor": ""}


def _check_ticker(ticker: str) -> None:
    if ticker != COLLECTION:
        raise not_found(f"collection {ticker} not found")


def one_collection(call: Call) -> Json:
    _check_ticker(call.path["collection_ticker"])
    return {"multivariate_contract": _collection(call, open_games(call.exchange.catalogue, call.now_ms))}


def create_market(call: Call) -> Json:
    """List the combo of the chosen legs, whose sequence doesn't matter; one that exists is answered with itself."""
    _check_ticker(call.path["collection_ticker"])
    body = call.decode(CreateMarket)
    market = find_or_list(call, COLLECTION, body.selected_markets)
    out: Json = {"event_ticker": market.event.ticker, "market_ticker": market.ticker}
    if body.with_market_payload:
        out["market"] = market_json(call, market)
    return out


def find_or_list(call: Call, collection: str, chosen: list[Chosen]) -> Market:
    """The combo of some legs, listed if it wasn't. Raises RejectionError for legs that can't be."""
    _check_ticker(collection)
    catalogue = call.exchange.catalogue
    legs = sorted((c.event_ticker, c.market_ticker, c.side) for c in chosen)
    if not SIZE_MIN <= len(legs) <= SIZE_MAX:
        raise invalid("selected_markets", f"takes {SIZE_MIN} to {SIZE_MAX} legs")
    if len({event for event, _, _ in legs}) < len(legs):
        raise invalid("selected_markets", "takes one leg of an event")
    games = {event.ticker: event for event in open_games(catalogue, call.now_ms)}
    for event_ticker, ticker, _ in legs:
        if event_ticker not in games or ticker not in [m.ticker for m in games[event_ticker].markets]:
            raise invalid("selected_markets", f"{ticker} is not an open market of the collection")
    found = next((e for e in catalogue.events.values() if e.collection and sorted(e.markets[0].legs) == legs), None)
    if found is None:
        code = hashlib.blake2b(repr(legs).encode(), digest_size=5).hexdigest().upper()
        opens = datetime.fromtimestamp(call.now_ms / 1000, UTC)
        found = combo_event(catalogue, list(legs), code, opens)
        call.exchange.list_event(found)
    (market,) = found.markets
    return market
