"""Exchange status, schedule and historical cutoffs."""

from datetime import datetime

from .base import KalshiModel, OptionalTime


class ShardStatus(KalshiModel):
    """One part of the exchange; markets, orders and money lie on one each."""

    exchange_index: int
    description: str = ""
    exchange_active: bool = True
    trading_active: bool = True
    intra_exchange_transfers_active: bool = True


class ExchangeStatus(KalshiModel):
    exchange_active: bool
    trading_active: bool
    intra_exchange_transfers_active: bool | None = None
    exchange_estimated_resume_time: OptionalTime = None
    exchange_index_statuses: list[ShardStatus] | None = None


class TradingHours(KalshiModel):
    """One session, HH:MM in US Eastern time."""

    open_time: str
    close_time: str


class WeeklySchedule(KalshiModel):
    start_time: datetime
    end_time: datetime
    monday: list[TradingHours] = []
    tuesday: list[TradingHours] = []
    wednesday: list[TradingHours] = []
    thursday: list[TradingHours] = []
    friday: list[TradingHours] = []
    saturday: list[TradingHours] = []
    sunday: list[TradingHours] = []


class MaintenanceWindow(KalshiModel):
    start_datetime: datetime
    end_datetime: datetime


class Schedule(KalshiModel):
    standard_hours: list[WeeklySchedule] = []
    maintenance_windows: list[MaintenanceWindow] = []


class ScheduleAnswer(KalshiModel):
    schedule: Schedule


class UserDataTimestamp(KalshiModel):
    """Up to when the account's reads are right; they lag the exchange."""

    as_of_time: datetime


class HistoricalCutoff(KalshiModel):
    """Older data is only found under ``historical``."""

    market_settled_ts: datetime
    trades_created_ts: datetime
    orders_updated_ts: datetime
    market_positions_last_updated_ts: OptionalTime = None
