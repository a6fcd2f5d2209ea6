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

    @property
    def takes_orders(self) -> bool:
        """Whether orders of its markets are accepted now."""
        return self.exchange_active and self.trading_active


class ExchangeStatus(KalshiModel):
    """State of the exchange. The top-level fields speak of shard 0 only; :meth:`shard` speaks of each."""

    exchange_active: bool
    trading_active: bool
    intra_exchange_transfers_active: bool | None = None
    exchange_estimated_resume_time: OptionalTime = None
    exchange_index_statuses: list[ShardStatus] | None = None

    @property
    def shards(self) -> list[ShardStatus]:
        """Every shard; where none are listed, one made from the top-level fields."""
        if self.exchange_index_statuses:
            return self.exchange_index_statuses
        transfers = self.intra_exchange_transfers_active is not False
        return [
            ShardStatus(
                exchange_index=0, exchange_active=self.exchange_active, trading_active=self.trading_active,
                intra_exchange_transfers_active=transfers,
            )
        ]  # fmt: skip

    def shard(self, index: int | None) -> ShardStatus:
        """One shard; the first where ``index`` is None or isn't listed."""
        found = self.shards
        return next((shard for shard in found if shard.exchange_index == (index or 0)), found[0])

    @property
    def paused(self) -> list[ShardStatus]:
        """Shards that take no orders now."""
        return [shard for shard in self.shards if not shard.takes_orders]


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
