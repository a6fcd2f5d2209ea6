"""/series, /events, /markets: what is listed, live and behind the historical cutoff."""

from __future__ import annotations

from collections.abc import Iterable

from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.world.listed import STATUS_FILTER, Event, Market, Series

from .. import wire, wire_market
from ..call import Call, Json
from . import reference

HISTORY_AFTER_MS = 30 * 86_400_000
"""What ended longer ago than this is only found under /historical."""


def cutoff_ms(call: Call) -> int:
    return call.now_ms - HISTORY_AFTER_MS


def is_archived(call: Call, market: Market) -> bool:
    return 0 < market.settled_ms < cutoff_ms(call)


def market_json(call: Call, market: Market) -> Json:
    return wire_market.market(market, call.exchange.engine.markets[market.ticker], call.now_ms)


def historical_cutoff(call: Call) -> Json:
    at = wire.moment(cutoff_ms(call))
    return {
        "market_settled_ts": at,
        "trades_created_ts": at,
        "orders_updated_ts": at,
        "market_positions_last_updated_ts": at,
    }


# -- series ------------------------------------------------------------------------------------------------------


def _series_volume(call: Call, ticker: str) -> int:
    engine = call.exchange.engine
    return sum(
        engine.markets[m.ticker].volume
        for m in call.exchange.catalogue.markets.values()
        if m.event.series.ticker == ticker
    )


def series_list(call: Call) -> Json:
    category, tags = call.text("category"), set(call.names("tags"))
    updated = call.within("min_updated_ts", "max_updated_ts")
    volume = call.flag("include_volume")
    metadata: Json = {"product_metadata": {}} if call.flag("include_product_metadata") else {}
    found = [
        _series_json(call, s, volume=bool(volume)) | metadata
        for s in call.exchange.catalogue.series.values()
        if (category is None or s.category == category) and (not tags or tags & set(s.tags)) and updated(s.created_ms)
    ]
    return {"series": found}


def _series_json(call: Call, series: Series, *, volume: bool) -> Json:
    shard, traded = call.exchange.catalogue.shard_of(series), _series_volume(call, series.ticker) if volume else None
    return wire_market.series(series, shard, call.exchange.address, traded)


def one_series(call: Call) -> Json:
    series = call.series()
    shown = _series_json(call, series, volume=bool(call.flag("include_volume")))
    return {"series": shown | {"product_metadata": wire_market.scope(series)}}


# -- events ------------------------------------------------------------------------------------------------------


def _event_status(event: Event) -> set[str]:
    """The words of the status filter that an event answers to: those of its markets."""
    statuses = {m.status for m in event.markets}
    return {word for word, members in STATUS_FILTER.items() if statuses & members}


def _event_json(call: Call, event: Event, *, nested: bool) -> Json:
    return wire_market.event(event, [market_json(call, m) for m in event.markets] if nested else None)


def events(call: Call) -> Json:
    """All events but combos."""
    status = call.choice("status", ("unopened", "open", "closed", "settled"))
    series, tickers = call.text("series_ticker"), set(call.names("tickers"))
    min_close = call.seconds("min_close_ts")
    updated = call.within("min_updated_ts", "max_updated_ts")
    found = (
        e
        for e in call.exchange.catalogue.events.values()
        if not e.collection
        and (series is None or e.series.ticker == series)
        and (not tickers or e.ticker in tickers)
        and (status is None or status in _event_status(e))
        and (min_close is None or any(m.close_ms > min_close * 1000 for m in e.markets))
        and updated(e.updated_ms)
    )
    page, cursor = call.page_up(found, lambda event: event.serial, call.limit(200, 200))
    nested = bool(call.flag("with_nested_markets"))
    answer: Json = {"events": [_event_json(call, e, nested=nested) for e in page], "cursor": cursor}
    if call.flag("with_milestones"):
        answer["milestones"] = reference.milestones_of(call, page)
    return answer


def multivariate_events(call: Call) -> Json:
    series, collection = call.text("series_ticker"), call.text("collection_ticker")
    if series and collection:
        raise call.refuse("collection_ticker", "excluded_with")
    tickers = set(call.names("tickers"))
    found = (
        e
        for e in call.exchange.catalogue.events.values()
        if e.collection
        and (series is None or e.series.ticker == series)
        and (collection is None or e.collection == collection)
        and (not tickers or e.ticker in tickers)
    )
    page, cursor = call.page_up(found, lambda event: event.serial, call.limit(100, 200))
    nested = bool(call.flag("with_nested_markets"))
    return {"events": [_event_json(call, e, nested=nested) for e in page], "cursor": cursor}


def one_event(call: Call) -> Json:
    event, nested = call.event(), bool(call.flag("with_nested_markets"))
    if call.flag("exclude_markets"):
        if nested:
            raise call.refuse("exclude_markets", "excluded_with")
        return {"event": wire_market.event(event), "markets": []}
    markets = [market_json(call, m) for m in event.markets]
    return {"event": wire_market.event(event, markets if nested else None), "markets": [] if nested else markets}


def event_metadata(call: Call) -> Json:
    event = call.event()
    return {
        "image_url": "",
        "market_details": [
            {"market_ticker": m.ticker, "image_url": "", "color_code": "#808080"} for m in event.markets
        ],
        "settlement_sources": [{"name": event.series.source[0], "url": event.series.source[1]}],
    }


# -- markets -----------------------------------------------------------------------------------------------------


STATUSES_OF_TIMES: dict[str, tuple[str | None, ...]] = {
    "created": (None, "unopened", "open"),
    "close": (None, "closed"),
    "settled": (None, "settled"),
    "updated": (None,),
}
"""The times of ``GET /markets`` exclude each other; what statuses each goes together with."""
WITHOUT_UPDATED = ("event_ticker", "tickers", "status")


def _check_filters(call: Call) -> None:
    """Raises RejectionError for filters that Kalshi takes only apart (its documentation of ``GET /markets``)."""
    given = [kind for kind in STATUSES_OF_TIMES if call.text(f"min_{kind}_ts") or call.text(f"max_{kind}_ts")]
    for kind in given:
        if len(given) > 1 or call.text("status") not in STATUSES_OF_TIMES[kind]:
            raise call.refuse(f"min_{kind}_ts", "excluded_with")
    if given == ["updated"]:
        lonely = call.text("mve_filter") == "only" or (call.text("series_ticker") and not call.text("mve_filter"))
        if lonely or any(call.text(name) for name in WITHOUT_UPDATED):
            raise call.refuse("min_updated_ts", "excluded_with")


def _status(call: Call) -> str | None:
    """The status filter. Raises RejectionError for another word, as recorded (``production/markets_settled``)."""
    status = call.text("status")
    if status is not None and status not in STATUS_FILTER:
        raise RejectionError("bad_request", "invalid status filter")
    return status


def _select(call: Call, *, archived: bool) -> Iterable[Market]:
    event, series = call.text("event_ticker"), call.text("series_ticker")
    tickers = set(call.names("tickers"))
    mve = call.choice("mve_filter", ("only", "exclude"))
    status = None if archived else _status(call)
    if not archived:
        _check_filters(call)
    created = call.within("min_created_ts", "max_created_ts")
    closing = call.within("min_close_ts", "max_close_ts")
    settled = call.within("min_settled_ts", "max_settled_ts")
    by_settlement = call.text("min_settled_ts") or call.text("max_settled_ts")
    updated = call.within("min_updated_ts", "max_updated_ts")
    for market in call.exchange.catalogue.markets.values():
        if (
            is_archived(call, market) == archived
            and (event is None or market.event.ticker == event)
            and (series is None or market.event.series.ticker == series)
            and (not tickers or market.ticker in tickers)
            and (mve is None or bool(market.legs) == (mve == "only"))
            and (status is None or market.status in STATUS_FILTER[status])
            and created(market.created_ms)
            and closing(market.close_ms)
            and (not by_settlement or (market.settled_ms and settled(market.settled_ms)))
            and updated(market.updated_ms)
        ):
            yield market


def markets(call: Call) -> Json:
    page, cursor = call.page_up(_select(call, archived=False), lambda market: market.serial, call.limit(low=0))
    return {"markets": [market_json(call, m) for m in page], "cursor": cursor}


def historical_markets(call: Call) -> Json:
    page, cursor = call.page_up(_select(call, archived=True), lambda market: market.serial, call.limit(low=0))
    return {"markets": [market_json(call, m) for m in page], "cursor": cursor}


def one_market(call: Call) -> Json:
    return {"market": market_json(call, call.market())}


def one_historical_market(call: Call) -> Json:
    return {"market": market_json(call, call.market())}
