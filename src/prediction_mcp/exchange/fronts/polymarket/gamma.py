"""The catalogue: events, markets, search, tags, series, sports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from prediction_mcp.exchange.world.listed import Event, Market, Series

from . import wire
from .call import Call
from .refusals import GammaRefusalError, RefusalError

Json = dict[str, Any]
MOST_MARKETS, MOST_EVENTS, OFFSET_ENDS = 100, 500, 2_000
NOT_FOUND = "not found"


def _listed_events(call: Call) -> list[Event]:
    return [event for event in call.exchange.catalogue.events.values() if event.stage > 0]


def _listed_markets(call: Call) -> list[Market]:
    return [market for event in _listed_events(call) for market in event.markets]


def _time(call: Call, name: str) -> int | None:
    text = call.query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise GammaRefusalError(f"{name} is invalid") from None
    return int(moment.timestamp() * 1000)


def _tagged(call: Call, series: Series) -> bool:
    ids, slugs = call.repeated("tag_id"), call.repeated("tag_slug")
    return (not ids or wire.tag_id(series) in ids) and (not slugs or series.ticker in slugs)


def _within(call: Call, market: Market) -> bool:
    for name, at_ms in (("start_date", market.open_ms), ("end_date", market.close_ms)):
        low, high = _time(call, f"{name}_min"), _time(call, f"{name}_max")
        if (low is not None and at_ms < low) or (high is not None and at_ms > high):
            return False
    return True


def _markets(call: Call) -> list[Market]:
    ids, slugs = call.repeated("id"), call.repeated("slug")
    conditions, version = call.repeated("condition_ids"), call.query.get("version")
    closed, outcomes = call.flag("closed"), {"v1": call.repeated("clob_token_ids"), "v2": call.repeated("position_ids")}
    named = bool(ids or slugs or conditions or any(outcomes.values()))
    found = [
        m
        for m in _listed_markets(call)
        if (not ids or wire.market_id(m) in ids)
        and (not slugs or m.ticker in slugs)
        and (not conditions or wire.condition(m) in conditions)
        and (not any(outcomes.values()) or outcomes[wire.version(m.event)] & set(wire.tokens_of(m)))
        and (wire.is_resolved(m) == bool(closed) or (closed is None and named))
        and (version is None or version == wire.version(m.event))
        and _tagged(call, m.event.series)
        and _within(call, m)
    ]  # fmt: skip
    engine = call.exchange.engine
    orders: dict[str, Callable[[Market], Any]] = {
        "volumeNum": lambda m: engine.markets[m.ticker].volume, "volume_num": lambda m: engine.markets[m.ticker].volume,
        "volume24hr": lambda m: engine.markets[m.ticker].volume,
        "volume": lambda m: wire.size(engine.markets[m.ticker].volume),  # sorts text: trap 9
        "liquidityNum": lambda m: engine.markets[m.ticker].open_interest, "startDate": lambda m: m.open_ms,
        "endDate": lambda m: m.close_ms, "end_date": lambda m: m.close_ms, "id": lambda m: m.serial,
    }  # fmt: skip
    return _sorted(call, found, orders)


def _events(call: Call) -> list[Event]:
    ids, slugs, closed = call.repeated("id"), call.repeated("slug"), call.flag("closed")
    words = (call.query.get("title_search") or "").lower()
    series, version = call.repeated("series_id"), call.query.get("version")
    found = [
        e
        for e in _listed_events(call)
        if (not ids or wire.event_id(e) in ids)
        and (not slugs or e.ticker in slugs)
        and (closed is None or all(map(wire.is_resolved, e.markets)) == closed)
        and (not words or words in e.title.lower())
        and (not series or wire.tag_id(e.series) in series)
        and (version is None or version == wire.version(e))
        and _tagged(call, e.series)
        and _within(call, e.markets[0])
    ]  # fmt: skip
    engine = call.exchange.engine

    def volume(event: Event) -> int:
        return sum(engine.markets[m.ticker].volume for m in event.markets)

    orders: dict[str, Callable[[Event], Any]] = {
        "volume": volume, "volume24hr": volume, "volume_24hr": volume, "startDate": lambda e: e.markets[0].open_ms,
        "endDate": lambda e: e.markets[0].close_ms, "end_date": lambda e: e.markets[0].close_ms,
        "id": lambda e: e.serial,
    }  # fmt: skip
    return _sorted(call, found, orders)


def _sorted(call: Call, found: list[Any], orders: dict[str, Callable[[Any], Any]]) -> list[Any]:
    order = call.query.get("order")
    if order is None:
        return found
    key = orders.get(order)
    if key is None:
        raise GammaRefusalError("order fields are not valid")
    return sorted(found, key=key, reverse=call.flag("ascending") is not True)


def markets_keyset(call: Call) -> Json:
    chunk, cursor = call.page(_markets(call), call.number("limit", 20, MOST_MARKETS), call.query.get("after_cursor"))
    body: Json = {"markets": [wire.market_json(call.exchange, m) for m in chunk]}
    return body if cursor is None else {**body, "next_cursor": cursor}


def events_keyset(call: Call) -> Json:
    chunk, cursor = call.page(_events(call), call.number("limit", 20, MOST_EVENTS), call.query.get("after_cursor"))
    body: Json = {"events": [wire.event_json(call.exchange, e) for e in chunk]}
    return body if cursor is None else {**body, "next_cursor": cursor}


def markets_offset(call: Call) -> list[Json]:
    """Pages by number, which end: recorded near 2,000."""
    start = call.number("offset", 0, 10**9)
    if start > OFFSET_ENDS:
        raise GammaRefusalError("offset is too large, use keyset pagination")
    found = _markets(call)[start : start + call.number("limit", 20, MOST_EVENTS)]
    return [wire.market_json(call.exchange, m) for m in found]


def events_offset(call: Call) -> list[Json]:
    start = call.number("offset", 0, 10**9)
    if start > OFFSET_ENDS:
        raise GammaRefusalError("offset is too large, use keyset pagination")
    found = _events(call)[start : start + call.number("limit", 20, MOST_EVENTS)]
    return [wire.event_json(call.exchange, e) for e in found]


def _market(call: Call) -> Market:
    wanted = call.path.get("id")
    if wanted is not None and not wanted.isdigit():
        raise GammaRefusalError("id is invalid")
    for market in _listed_markets(call):
        if market.ticker == call.path.get("slug") or wire.market_id(market) == wanted:
            return market
    raise RefusalError(NOT_FOUND, 404)


def _event(call: Call) -> Event:
    wanted = call.path.get("id")
    if wanted is not None and not wanted.isdigit():
        raise GammaRefusalError("id is invalid")
    for event in _listed_events(call):
        if event.ticker == call.path.get("slug") or wire.event_id(event) == wanted:
            return event
    raise RefusalError(NOT_FOUND, 404)


def market(call: Call) -> Json:
    return wire.market_json(call.exchange, _market(call))


def event(call: Call) -> Json:
    return wire.event_json(call.exchange, _event(call))


def market_tags(call: Call) -> list[Json]:
    return [wire.tag_json(_market(call).event.series)]


def event_tags(call: Call) -> list[Json]:
    return [wire.tag_json(_event(call).series)]


def search(call: Call) -> Json:
    """Events that hold the words in their title or a market's, most words first, then by volume."""
    words = (call.query.get("q") or "").lower().split()
    if not words:
        raise GammaRefusalError("q is invalid")
    closed, limit = call.flag("keep_closed_markets"), call.number("limit_per_type", 5, 50)
    number = max(1, call.number("page", 1, 10_000))

    def rank(event: Event) -> int:
        text = " ".join([event.title, event.series.title, *(m.title for m in event.markets)]).lower()
        return sum(word in text for word in words)

    ranked = [(rank(e), e) for e in _listed_events(call) if closed or not all(map(wire.is_resolved, e.markets))]
    state = call.exchange.engine.markets
    best = sorted(
        (pair for pair in ranked if pair[0]),
        key=lambda pair: (-pair[0], -sum(state[m.ticker].volume for m in pair[1].markets)),
    )
    chunk = best[(number - 1) * limit : number * limit]
    tags = [t for t in _tags(call) if any(word in t["label"].lower() for word in words)]
    return {
        "events": [wire.event_json(call.exchange, e) for _, e in chunk], "tags": tags, "profiles": [],
        "pagination": {"hasMore": number * limit < len(best), "totalResults": len(best)},
    }  # fmt: skip


# -- tags, series, sports ------------------------------------------------------------------------------------------


def _tags(call: Call) -> list[Json]:
    return [wire.tag_json(series) for series in call.exchange.catalogue.series.values()]


def tags(call: Call) -> list[Json]:
    start = call.number("offset", 0, 10**6)
    return _tags(call)[start : start + call.number("limit", 100, 300)]


def tag(call: Call) -> Json:
    wanted = (call.path.get("id"), call.path.get("slug"))
    for found in _tags(call):
        if found["id"] == wanted[0] or found["slug"] == wanted[1]:
            return found
    raise RefusalError(NOT_FOUND, 404)


def related_tags(call: Call) -> list[Json]:
    """Tags of one kind of subject: here, those of the same category."""
    own = tag(call)
    series = call.exchange.catalogue.series
    category = series[own["slug"]].category
    others = [s for s in series.values() if s.category == category and s.ticker != own["slug"]]
    return [
        {"id": f"{own['id']}{i}", "tagID": int(own["id"]), "relatedTagID": int(wire.tag_id(s)), "rank": i}
        for i, s in enumerate(others)
    ]


def tags_related(call: Call) -> list[Json]:
    own = tag(call)
    series = call.exchange.catalogue.series
    category = series[own["slug"]].category
    return [wire.tag_json(s) for s in series.values() if s.category == category and s.ticker != own["slug"]]


def _all_series(call: Call) -> list[Series]:
    slugs = call.repeated("slug")
    return [
        s
        for s in call.exchange.catalogue.series.values()
        if s.frequency != "custom" and (not slugs or s.ticker in slugs)
    ]


def series(call: Call) -> list[Json]:
    start = call.number("offset", 0, 10**6)
    found = _all_series(call)[start : start + call.number("limit", 20, 300)]
    return [wire.series_json(s) for s in found]


def one_series(call: Call) -> Json:
    for found in _all_series(call):
        if wire.tag_id(found) == call.path["id"]:
            events = [e for e in _listed_events(call) if e.series is found]
            return {
                **wire.series_json(found),
                "events": [wire.event_json(call.exchange, e, with_markets=False) for e in events[-50:]],
            }
    raise RefusalError(NOT_FOUND, 404)


def _sports(call: Call) -> list[Series]:
    return [s for s in call.exchange.catalogue.series.values() if s.category == "Sports"]


def sports(call: Call) -> list[Json]:
    return [
        {"id": i, "sport": s.ticker, "name": s.title, "image": "", "resolution": s.source[0], "ordering": "away",
         "tags": wire.tag_id(s), "series": wire.tag_id(s)}
        for i, s in enumerate(_sports(call), 1)
    ]  # fmt: skip


def sports_market_types(call: Call) -> Json:
    return {"marketTypes": ["moneyline"]}


def status(_: Call) -> orjson.Fragment:
    """The catalogue's health: the bare text OK, not JSON."""
    return orjson.Fragment("OK")


def teams(call: Call) -> list[Json]:
    """Who plays in what is listed."""
    leagues, names = call.repeated("league"), call.repeated("name") | call.repeated("abbreviation")
    found: dict[tuple[str, str], Json] = {}
    for market in _listed_markets(call):
        if market.event.series.category != "Sports" or market.event.exclusive:
            continue
        for label in wire.outcomes(market):
            league = market.event.series.ticker
            team = {"id": len(found) + 1, "name": label, "league": league, "abbreviation": label.lower()}
            found.setdefault((league, label), team)
    wanted = [
        t
        for t in found.values()
        if (not leagues or t["league"] in leagues) and (not names or {t["name"], t["abbreviation"]} & names)
    ]
    start = call.number("offset", 0, 10**6)
    return wanted[start : start + call.number("limit", 20, 500)]
