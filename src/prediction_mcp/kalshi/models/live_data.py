"""What goes on around the markets: games, numbers, weather. Details differ by ``type``, passed on as they came."""

from decimal import Decimal
from typing import Any

from .base import KalshiModel


class LiveData(KalshiModel):
    """What goes on at a milestone."""

    type: str
    milestone_id: str = ""
    details: dict[str, Any] = {}


class LiveDataAnswer(KalshiModel):
    live_data: LiveData


class LiveDatas(KalshiModel):
    live_datas: list[LiveData] = []


class EventLiveData(KalshiModel):
    """The number an event is about, over time."""

    type: str
    details: dict[str, Any] = {}
    is_historical: bool | None = None
    default_range: str | None = None
    range_options: list[str] | None = None


class EventLiveDataAnswer(KalshiModel):
    live_data: EventLiveData


class PlayByPlayPeriod(KalshiModel):
    events: list[dict[str, Any]] | None = None


class PlayByPlay(KalshiModel):
    periods: list[PlayByPlayPeriod] | None = None


class GameStats(KalshiModel):
    """``pbp`` is None where the game has none."""

    pbp: PlayByPlay | None = None


class StationReading(KalshiModel):
    """A station's temperature (°F) and what became of it; times in Unix milliseconds."""

    station_id: str
    code: str = ""
    primary_code: str | None = None
    source: str | None = None
    temp_f: Decimal | None = None
    obs_time_ms: int | None = None
    received_at_ms: int | None = None


class WeatherPoint(KalshiModel):
    """A minute of a city's temperature index: ``t`` Unix milliseconds, ``v`` °F."""

    t: int
    v: Decimal | None = None
    status: str = ""
    contributors: int | None = None
    receipt_basis: str | None = None
    stations: list[StationReading] | None = None


class WeatherIndex(KalshiModel):
    city: str
    units: str = ""
    config_version: str | None = None
    timeseries: list[WeatherPoint] = []


class CalibrationStation(KalshiModel):
    """Its share in the index and what is added to its readings, in °C."""

    station_id: str
    weight: Decimal
    offset_c: Decimal
    update_note: str | None = None


class WeatherCalibration(KalshiModel):
    """How a city's index is made from a time on (Unix milliseconds)."""

    config_version: str
    effective_at_ms: int
    published_at_ms: int | None = None
    change_reason: str | None = None
    calibration_window_start_ms: int | None = None
    calibration_window_end_ms: int | None = None
    city_reference_c: Decimal
    stations: list[CalibrationStation] = []


class WeatherCalibrations(KalshiModel):
    city: str
    units: str = ""
    calibrations: list[WeatherCalibration] = []
