"""/live_data and forecasts: what the outside world says while an event runs. Made up in :mod:`..latent`."""

from __future__ import annotations

from typing import Any

from prediction_mcp.exchange.engine.rejection import invalid, not_found
from prediction_mcp.exchange.world import latent
from prediction_mcp.exchange.world.fair import NumberFair
from prediction_mcp.exchange.world.listed import Event

from .. import wire
from ..call import Call, Json
from ..wire_market import SPORTS
from .reference import event_of, milestone_id, milestone_type

MINUTE_MS = 60_000
RANGES = {"15min": 15, "1h": 60, "1d": 1_440}
"""Minutes of the chart ranges."""
CHART_POINTS = 96
CITIES = {"nyc": 52.0, "chicago": 44.0}
STATIONS = {
    "nyc": (("PNYC1", 0.5, 0.2), ("PLGA1", 0.3, -0.1), ("PJFK1", 0.2, -0.35)),
    "chicago": (("PMDW1", 0.6, 0.1), ("PORD1", 0.4, -0.15)),
}
"""Weather stations of a city: (id, weight, offset in Celsius). They are as made up as the weather."""
MAX_WEATHER_POINTS = 1_440
PERIODS = (0, 1, 60, 1440)
MAX_PERCENTILES = 10
MAX_POINTS = 1_000

# -- milestones --------------------------------------------------------------------------------------------------


def _details(event: Event, now_ms: int) -> Json:
    start, end = latent.game_starts(event), event.markets[0].close_ms
    if event.series.ticker not in SPORTS:
        status = "scheduled" if now_ms < end else "final"
        return {"status": status, "title": event.title, "scheduled": wire.moment(end)}
    away, home = (market.yes_sub_title for market in event.markets)
    made = [score for score in latent.scores(event) if score.at_ms <= now_ms]
    last = made[-1] if made else None
    return {
        "status": "scheduled" if now_ms < start else "inprogress" if now_ms < end else "final",
        "away": {"name": away, "points": last.away if last else 0},
        "home": {"name": home, "points": last.home if last else 0},
        "period": min(4, 1 + max(0, now_ms - start) * 4 // latent.GAME_MS),
        "scheduled": wire.moment(start),
    }


def _live(call: Call, event: Event) -> Json:
    return {
        "type": milestone_type(event),
        "details": _details(event, call.now_ms),
        "milestone_id": milestone_id(event),
    }


def live_data(call: Call) -> Json:
    """``include_player_stats`` is taken; these games have teams only."""
    call.flag("include_player_stats")
    event = event_of(call, call.path["milestone_id"])
    if call.path.get("type", milestone_type(event)) != milestone_type(event):
        raise not_found("the milestone has no live data of this type")
    return {"live_data": _live(call, event)}


def live_datas(call: Call) -> Json:
    call.flag("include_player_stats")
    wanted = call.names("milestone_ids", 100)
    if not wanted:
        raise call.refuse("milestone_ids", "required")
    return {"live_datas": [_live(call, event_of(call, item)) for item in wanted]}


def game_stats(call: Call) -> Json:
    """Play by play, a period at a time; nothing for milestones that aren't games."""
    event = event_of(call, call.path["milestone_id"])
    if event.series.ticker not in SPORTS:
        return {}
    names = [market.yes_sub_title for market in event.markets]
    start = latent.game_starts(event)
    periods: list[list[Json]] = [[], [], [], []]
    for score in latent.scores(event):
        if score.at_ms <= call.now_ms:
            periods[min(3, (score.at_ms - start) * 4 // latent.GAME_MS)].append(
                {
                    "clock_ms": score.at_ms - start,
                    "team": names[score.side],
                    "points": score.points,
                    "away_points": score.away,
                    "home_points": score.home,
                }
            )
    return {"pbp": {"periods": [{"events": made} for made in periods]}}


# -- events ------------------------------------------------------------------------------------------------------


def event_live_data(call: Call) -> Json:
    """The number an event is about, as a chart up to now (or to its end)."""
    event = call.event()
    market, now = event.markets[0], call.now_ms
    if not isinstance(event.fair, NumberFair):
        raise not_found("this event has no live data")
    chosen = call.choice("range", RANGES) or "1d"
    end = min(now, market.decide_ms)
    step = RANGES[chosen] * MINUTE_MS // CHART_POINTS
    points: list[list[Any]] = []
    for i in range(CHART_POINTS, -1, -1):
        at = end - i * step
        thought = latent.number_at(event, at, now)
        if thought is not None:
            points.append([at, round(thought.mean, event.fair.decimals)])
    kind = {"Crypto": "crypto_price", "Climate and Weather": "weather_observations"}.get(
        event.series.category, "timeseries"
    )
    return {
        "live_data": {
            "type": kind,
            "details": {"points": points, "latest": points[-1][1]},
            "is_historical": now >= market.decide_ms,
            "default_range": "1d",
            "range_options": list(RANGES),
        }
    }


def forecast_history(call: Call) -> Json:
    """Percentiles (0 to 9999) of an event's number over time, while it was open."""
    call.series()
    event = call.event("ticker")
    start, end, period = call.seconds("start_ts"), call.seconds("end_ts"), call.integer("period_interval")
    if start is None or end is None or period is None:
        raise call.refuse("start_ts", "required")
    if period not in PERIODS:
        raise call.refuse("period_interval", "oneof")
    try:
        percentiles = [int(raw) for raw in call.names("percentiles", MAX_PERCENTILES)]
    except ValueError:
        raise call.unreadable("percentiles", "integers") from None
    if not percentiles or not all(0 <= p <= 9_999 for p in percentiles):
        raise call.refuse("percentiles", "lte")
    if not isinstance(event.fair, NumberFair):
        raise invalid("ticker", "the event is not about a number")
    step = period * 60 or 5
    first = max(start, event.markets[0].open_ms // 1000)
    last = min(end, call.now_ms // 1000, event.markets[0].decide_ms // 1000)
    moments = range(-(-first // step) * step, last + 1, step)
    if len(moments) > MAX_POINTS:
        raise invalid("period_interval", f"more than {MAX_POINTS} points: ask for a shorter time")
    return {"forecast_history": [_forecast(call, event, at, period, percentiles) for at in moments]}


def _forecast(call: Call, event: Event, at: int, period: int, percentiles: list[int]) -> Json:
    thought = latent.number_at(event, at * 1000, call.now_ms)
    decimals = event.fair.decimals if isinstance(event.fair, NumberFair) else 2
    values = [
        round(thought.inv_cdf(min(max(p / 10_000, 0.0001), 0.9999)), decimals) if thought else 0.0 for p in percentiles
    ]
    return {
        "event_ticker": event.ticker,
        "end_period_ts": at,
        "period_interval": period,
        "percentile_points": [
            {"percentile": p, "raw_numerical_forecast": v, "numerical_forecast": v, "formatted_forecast": f"{v:,g}"}
            for p, v in zip(percentiles, values, strict=True)
        ],
    }


# -- weather -----------------------------------------------------------------------------------------------------


def _city(call: Call) -> str:
    city = call.path["city"]
    if city not in CITIES:
        raise not_found(f"there is no weather index for {city}")
    return city


def weather(call: Call) -> Json:
    """A city's temperature by the minute: the weighted readings of its stations, less their offsets."""
    city = _city(call)
    now = call.now_ms // MINUTE_MS * MINUTE_MS
    last_sec = call.integer("last_sec", None, 1, 10**9)
    start = now - last_sec * 1000 if last_sec else (call.milliseconds("from") or now - 3_600_000)
    end = min(call.milliseconds("to") or now, now)
    if (end - start) // MINUTE_MS > MAX_WEATHER_POINTS:
        raise invalid("from", f"more than {MAX_WEATHER_POINTS} minutes: ask for a shorter time")
    detailed = bool(call.flag("detailed"))
    return {
        "city": city,
        "config_version": f"{city}-temperature-v1.0",
        "units": "fahrenheit",
        "timeseries": [
            _weather_point(city, at, detailed=detailed)
            for at in range(-(-start // MINUTE_MS) * MINUTE_MS, end + 1, MINUTE_MS)
        ],
    }


def _weather_point(city: str, at: int, *, detailed: bool) -> Json:
    value = latent.temperature(city, at, CITIES[city])
    point: Json = {"t": at, "v": value, "status": "normal", "contributors": len(STATIONS[city])}
    if detailed:
        point["stations"] = [
            {"station_id": station, "code": "ok", "source": "hf_asos", "temp_f": round(value + offset * 1.8, 2)}
            for station, _, offset in sorted(STATIONS[city])
        ]
    return point


def weather_calibrations(call: Call) -> Json:
    city = _city(call)
    reference = sum(weight * offset for _, weight, offset in STATIONS[city])
    return {
        "city": city,
        "units": "celsius",
        "calibrations": [
            {
                "config_version": f"{city}-temperature-v1.0",
                "effective_at_ms": call.exchange.started_ms,
                "published_at_ms": call.exchange.started_ms,
                "change_reason": "launch",
                "city_reference_c": round(reference, 4),
                "stations": [
                    {"station_id": station, "weight": weight, "offset_c": offset}
                    for station, weight, offset in STATIONS[city]
                ],
            }
        ],
    }
