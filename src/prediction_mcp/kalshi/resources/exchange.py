"""/exchange and /historical/cutoff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models.exchange import ExchangeStatus, HistoricalCutoff, Schedule, ScheduleAnswer, UserDataTimestamp

if TYPE_CHECKING:
    from ..transport import Transport


class ExchangeResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def status(self) -> ExchangeStatus:
        """Whether the exchange runs and whether it trades."""
        return await self._transport.get(ExchangeStatus, "/exchange/status")

    async def schedule(self) -> Schedule:
        """Weekly hours (US Eastern) and planned maintenance."""
        return (await self._transport.get(ScheduleAnswer, "/exchange/schedule")).schedule

    async def user_data_timestamp(self) -> UserDataTimestamp:
        """Up to when the account's reads are right."""
        return await self._transport.get(UserDataTimestamp, "/exchange/user_data_timestamp")

    async def historical_cutoff(self) -> HistoricalCutoff:
        """From where on data is only found under ``historical``."""
        return await self._transport.get(HistoricalCutoff, "/historical/cutoff")
