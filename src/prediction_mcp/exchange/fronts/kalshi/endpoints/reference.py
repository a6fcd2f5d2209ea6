"""What is around the markets: milestones, structured targets, tags, filters, incentives, changes of fees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from prediction_mcp.exchange.engine.rejection import not_found
from prediction_mcp.exchange.world import latent
from prediction_mcp.exchange.world.listed import Event
from prediction_mcp.exchange.world.scenario import CLUBS, TEAMS
from prediction_mcp.kalshi.units import COUNT_UNITS, format_count

from .. import wire
from ..call import Call, Json
from ..wire_market import SPORTS, identity
from ..ws_subscription import market_id

T = TypeVar("T")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
KINDS = {
    "KXFEDDECISION": "central_bank_decision",
    "KXCPIYOY": "economic_release",
    "KXU3": "economic_release",
    "KXGDP": "economic_release",
    "KXPRESPERSON": "political_race",
    "KXOSCARPIC": "award_show",
}
"""Type of milestone of the other series that have one."""


def _found(item: T | None, what: str) -> T:
    if item is None:
        raise not_found(f"{what} not found")
    return item


# -- milestones --------------------------------------------------------------------------------------------------


def has_milestone(event: Event) -> bool:
    return event.series.ticker in SPORTS or event.series.ticker in KINDS


def milestone_id(event: Event) -> str:
    return identity("milestone", event.ticker)


def event_of(call: Call, wanted: str) -> Event:
    """The event of a milestone. Raises RejectionError (404) if there is none of this id."""
    events = call.exchange.catalogue.events.values()
    return _found(next((e for e in events if has_milestone(e) and milestone_id(e) == wanted), None), "milestone")


def milestone_type(event: Event) -> str:
    if event.series.ticker in SPORTS:
        return f"{SPORTS[event.series.ticker][2]}_game"
    return KINDS[event.series.ticker]


def _starts(event: Event) -> int:
    return latent.game_starts(event) if event.series.ticker in SPORTS else event.markets[0].close_ms


def _milestone(call: Call, event: Event) -> Json:
    details: Json = {"title": event.title}
    if event.series.ticker in SPORTS:
        away, home = (market.yes_sub_title for market in event.markets)
        details |= {"league": SPORTS[event.series.ticker][1], "away_team": away, "home_team": home}
        details |= {f"{side}_team_id": identity(event.series.ticker, t) for side, t in (("away", away), ("home", home))}
    combos = [
        other.ticker
        for other in call.exchange.catalogue.events.values()
        if other.collection and event.ticker in [leg[0] for leg in other.markets[0].legs]
    ]
    return {
        "id": milestone_id(event),
        "category": event.series.category,
        "type": milestone_type(event),
        "start_date": wire.moment(_starts(event)),
        "end_date": wire.moment(event.markets[0].decide_ms),
        "related_event_tickers": [event.ticker, *combos],
        "primary_event_tickers": [event.ticker],
        "title": event.title,
        "notification_message": event.title,
        "source_ids": {},
        "details": details,
        "last_updated_ts": wire.moment(event.updated_ms),
    }


def milestones_of(call: Call, events: Iterable[Event]) -> list[Json]:
    return [_milestone(call, event) for event in events if has_milestone(event)]


def milestones(call: Call) -> Json:
    category, kind, competition = call.text("category"), call.text("type"), call.text("competition")
    related, source = call.text("related_event_ticker"), call.text("source_id")
    earliest = call.text("minimum_start_date")
    try:
        after = datetime.fromisoformat(earliest).timestamp() * 1000 if earliest else 0
    except (ValueError, OverflowError):
        raise call.unreadable("minimum_start_date", "an RFC 3339 time") from None
    updated = call.within("min_updated_ts", "max_updated_ts")
    listed = call.exchange.catalogue.events.values()
    chosen = (
        event
        for event in listed
        if has_milestone(event)
        and source is None
        and (category is None or event.series.category == category)
        and (kind is None or milestone_type(event) == kind)
        and (competition is None or competition == SPORTS.get(event.series.ticker, ("", "", ""))[1])
        and _starts(event) >= after
        and updated(event.updated_ms)
    )
    shown = ((event.serial, _milestone(call, event)) for event in chosen)
    fitting = (item for item in shown if related is None or related in item[1]["related_event_tickers"])
    page, cursor = call.page_up(fitting, lambda item: item[0], call.limit(100, 500))
    return {"milestones": [body for _, body in page], "cursor": cursor}


def one_milestone(call: Call) -> Json:
    return {"milestone": _milestone(call, event_of(call, call.path["milestone_id"]))}


# -- structured targets ------------------------------------------------------------------------------------------


def _targets(call: Call) -> list[Json]:
    return [
        {
            "id": identity(series, name),
            "name": name,
            "type": f"{SPORTS[series][2]}_team",
            "details": {"abbreviation": name, "league": SPORTS[series][1]},
            "source_id": f"paper:{SPORTS[series][2]}:{name.lower()}",
            "source_ids": {},
            "last_updated_ts": wire.moment(call.exchange.started_ms),
        }
        for series, names in (("KXNBAGAME", TEAMS), ("KXNFLGAME", CLUBS))
        for name in names
    ]


def structured_targets(call: Call) -> Json:
    ids, kind, competition = set(call.names("ids")), call.text("type"), call.text("competition")
    found = [
        target
        for target in _targets(call)
        if (not ids or target["id"] in ids)
        and (kind is None or target["type"] == kind)
        and (competition is None or target["details"]["league"] == competition)
    ]
    page, cursor = call.page_listing(found, call.integer("page_size", 100, 1, 2000) or 100)
    return {"structured_targets": page, "cursor": cursor}


def one_structured_target(call: Call) -> Json:
    wanted = call.path["structured_target_id"]
    return {"structured_target": _found(next((t for t in _targets(call) if t["id"] == wanted), None), "target")}


# -- filters -----------------------------------------------------------------------------------------------------


def tags_by_categories(call: Call) -> Json:
    tags: dict[str, dict[str, None]] = defaultdict(dict)
    for series in call.exchange.catalogue.series.values():
        tags[series.category].update(dict.fromkeys(series.tags))
    return {"tags_by_categories": {category: list(found) for category, found in tags.items()}}


def filters_by_sports(_: Call) -> Json:
    filters = {
        sport: {"scopes": ["Games", "Futures"], "competitions": {competition: {"scopes": ["Games"]}}}
        for sport, competition, _word in SPORTS.values()
    }
    return {"filters_by_sports": filters, "sport_ordering": sorted(filters)}


# -- incentives --------------------------------------------------------------------------------------------------


def incentive_programs(call: Call) -> Json:
    """Weekly programs for the busiest markets. Nothing is paid out: paper money has one source, deposits."""
    status = call.choice("status", ("all", "active", "upcoming", "closed", "paid_out")) or "all"
    kind = call.choice("type", ("all", "liquidity", "volume", "margin_maker_volume")) or "all"
    described = call.text("incentive_description")
    week = 7 * DAY_MS
    this_week = call.now_ms // week * week
    busiest = sorted(
        (m for m in call.exchange.catalogue.markets.values() if m.status == "active"),
        key=lambda m: (-m.interest, m.serial),
    )[:20]
    found = [
        {
            "id": identity(incentive, f"{market.ticker}/{start}"),
            "market_id": market_id(market.ticker),
            "market_ticker": market.ticker,
            "incentive_type": incentive,
            "incentive_description": text,
            "start_date": wire.moment(start),
            "end_date": wire.moment(start + week),
            "period_reward": 500_000,
            "paid_out": False,
            "discount_factor_bps": 5_000,
            "target_size_fp": format_count(1_000 * COUNT_UNITS),
        }
        for start, when in ((this_week - week, "closed"), (this_week, "active"), (this_week + week, "upcoming"))
        for rank, market in enumerate(busiest)
        for incentive, text in (_INCENTIVES[rank % len(_INCENTIVES)],)
        if status in ("all", when) and kind in ("all", incentive) and described in (None, text)
    ]
    page, cursor = call.page_listing(found, call.limit(100, 10_000))
    return {"incentive_programs": page, "next_cursor": cursor}


_INCENTIVES = (
    ("liquidity", "Resting orders near the best price"),
    ("volume", "Contracts traded"),
)

# -- fees --------------------------------------------------------------------------------------------------------


def series_fee_changes(call: Call) -> Json:
    series, history = call.text("series_ticker"), call.flag("show_historical")
    return {
        "series_fee_change_arr": [
            {
                "id": identity("fee", f"{change.series}/{change.at_ms}"),
                "series_ticker": change.series,
                "fee_type": change.fee_type,
                "fee_multiplier": float(change.multiplier or 1),
                "scheduled_ts": wire.moment(change.at_ms),
            }
            for change in call.exchange.fee_changes
            if change.event is None
            and (series is None or change.series == series)
            and (history or change.at_ms > call.now_ms)
        ]
    }


def event_fee_changes(call: Call) -> Json:
    event = call.text("event_ticker")
    found = [c for c in call.exchange.fee_changes if c.event is not None and event in (None, c.event)]
    page, cursor = call.page_listing(found, call.limit())
    return {
        "event_fee_changes": [
            {
                "id": identity("fee", f"{change.event}/{change.at_ms}"),
                "event_ticker": change.event,
                "series_ticker": change.series,
                "fee_type_override": change.fee_type,
                "fee_multiplier_override": None if change.multiplier is None else float(change.multiplier),
                "scheduled_ts": wire.moment(change.at_ms),
            }
            for change in page
        ],
        "cursor": cursor,
    }
