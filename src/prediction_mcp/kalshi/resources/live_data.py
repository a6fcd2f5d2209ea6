"""/live_data: games, numbers and weather as they go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..models.live_data import (
    EventLiveData,
    EventLiveDataAnswer,
    GameStats,
    LiveData,
    LiveDataAnswer,
    LiveDatas,
    WeatherCalibrations,
    WeatherIndex,
)

if TYPE_CHECKING:
    from ..transport import Transport


class LiveDataResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def milestone(
        self, milestone_id: str, *, kind: str | None = None, include_player_stats: bool = False
    ) -> LiveData:
        """What goes on at a milestone; naming its type takes the older path. Raises NotFoundError."""
        template = (
            "/live_data/milestone/{milestone_id}" if kind is None else "/live_data/{type}/milestone/{milestone_id}"
        )
        ids = {"milestone_id": milestone_id, "type": kind or ""}
        query = {"include_player_stats": include_player_stats or None}
        return (await self._transport.get(LiveDataAnswer, template, ids, query=query)).live_data

    async def milestones(
        self, milestone_ids: Sequence[str], *, include_player_stats: bool = False
    ) -> Sequence[LiveData]:
        """What goes on at up to 100 milestones."""
        query = {"milestone_ids": list(milestone_ids), "include_player_stats": include_player_stats or None}
        return (await self._transport.get(LiveDatas, "/live_data/batch", query=query)).live_datas

    async def game_stats(self, milestone_id: str) -> GameStats:
        """Play by play of a game, where there is one."""
        template = "/live_data/milestone/{milestone_id}/game_stats"
        return await self._transport.get(GameStats, template, {"milestone_id": milestone_id})

    async def event(self, event_ticker: str, *, window: str | None = None) -> EventLiveData:
        """The number an event is about, over a window such as 15min, 1h or 1d."""
        template, ids = "/live_data/events/{event_ticker}", {"event_ticker": event_ticker}
        return (await self._transport.get(EventLiveDataAnswer, template, ids, query={"range": window})).live_data

    async def weather(
        self,
        city: str,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        last_sec: int | None = None,
        detailed: bool = False,
    ) -> WeatherIndex:
        """A city's temperature index by the minute: ``from_ms`` and ``to_ms`` (Unix ms), or the last seconds."""
        query = {"from": from_ms, "to": to_ms, "last_sec": last_sec, "detailed": detailed or None}
        return await self._transport.get(WeatherIndex, "/live_data/weather/{city}", {"city": city}, query=query)

    async def weather_calibrations(self, city: str) -> WeatherCalibrations:
        """How a city's index was made over time: stations, weights, offsets."""
        return await self._transport.get(WeatherCalibrations, "/live_data/weather/{city}/calibrations", {"city": city})
