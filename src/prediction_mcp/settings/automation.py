"""What works while nobody looks: the worker, the periods of its jobs, and whom messages reach."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

Seconds = Annotated[float, Field(ge=0.1, le=30 * 86_400)]
_QUIET = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class AutomationSettings(BaseModel):
    worker: Literal["auto", "on", "off"] = Field("auto", alias="WORKER")
    accounts: Path | None = Field(None, alias="WORKER_ACCOUNTS")
    alerts_every: Seconds = Field(30, alias="ALERTS_EVERY")
    standing_every: Seconds = Field(60, alias="STANDING_EVERY")
    prices_every: Seconds = Field(10, alias="PRICES_EVERY")
    transactions_every: Seconds = Field(300, alias="TRANSACTIONS_EVERY")
    snapshots_every: Seconds = Field(3_600, alias="SNAPSHOTS_EVERY")
    forecasts_every: Seconds = Field(3_600, alias="FORECASTS_EVERY")
    catalogue_every: Seconds = Field(3_600, alias="CATALOGUE_EVERY")
    cleanup_every: Seconds = Field(86_400, alias="CLEANUP_EVERY")
    data_retention_days: int = Field(90, alias="DATA_RETENTION_DAYS", ge=1, le=36_500)
    notify_urls: SecretStr | None = Field(None, alias="NOTIFY_URLS")
    notify_file: Path | None = Field(None, alias="NOTIFY_FILE")
    notify_quiet: str | None = Field(None, alias="NOTIFY_QUIET")
    notify_per_hour: int = Field(20, alias="NOTIFY_PER_HOUR", ge=1, le=1_000)

    @field_validator("worker", mode="before")
    @classmethod
    def _worker_in_lower_case(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("notify_quiet")
    @classmethod
    def _are_hours(cls, value: str | None) -> str | None:
        if value is None or _QUIET.fullmatch(value.strip()):
            return value
        raise ValueError("must be two times of day like 22:00-07:00")

    @property
    def quiet_hours(self) -> tuple[time, time] | None:
        """From when to when, in the user's zone, only what is important is told."""
        found = _QUIET.fullmatch((self.notify_quiet or "").strip())
        if found is None:
            return None
        h1, m1, h2, m2 = map(int, found.groups())
        return time(h1, m1), time(h2, m2)
