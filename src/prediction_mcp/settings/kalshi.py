"""Which account at Kalshi, in which of its worlds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator

from .folder_env import LOOPBACK

Environment = Literal["paper", "demo", "live"]
OTHER_NAMES = {"prod": "live", "production": "live", "sandbox": "demo"}
"""Names of Kalshi's exchanges in its SDKs and other servers. Orders of real money take LIVE_TRADING besides."""


class KalshiSettings(BaseModel):
    env: Environment = Field("paper", alias="KALSHI_ENV")
    api_key_id: str | None = Field(None, alias="KALSHI_API_KEY_ID")
    private_key_path: Path | None = Field(None, alias="KALSHI_PRIVATE_KEY_PATH")
    private_key: SecretStr | None = Field(None, alias="KALSHI_PRIVATE_KEY")
    base_url: str | None = Field(None, alias="KALSHI_BASE_URL")

    @field_validator("env", mode="before")
    @classmethod
    def _known_name(cls, value: object) -> object:
        name = value.strip().lower() if isinstance(value, str) else value
        return OTHER_NAMES.get(name, name) if isinstance(name, str) else name

    @field_validator("base_url")
    @classmethod
    def _is_an_exchange(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.rstrip("/") != "/trade-api/v2":
            raise ValueError("must look like https://host/trade-api/v2")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("must be https, except on this machine")
        return value

    @property
    def runs_own_exchange(self) -> bool:
        """Paper mode starts the simulated exchange inside the process, unless it is pointed at a running one."""
        return self.env == "paper" and self.base_url is None

    @property
    def has_key(self) -> bool:
        """Whether an API key is named, or comes with the paper exchange."""
        named = self.api_key_id is not None and (self.private_key_path is not None or self.private_key is not None)
        return named or self.runs_own_exchange

    @property
    def on_this_machine(self) -> bool:
        return self.base_url is None or urlsplit(self.base_url).hostname in LOOPBACK
