"""Which wallet at Polymarket, in which of its worlds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator

from .folder_env import LOOPBACK


class PolymarketSettings(BaseModel):
    """Read by those who chose the toolset ``polymarket``; the key's file stands in no answer and no log."""

    polymarket_env: Literal["paper", "live"] = Field("paper", alias="POLYMARKET_ENV")
    polymarket_key_path: Path | None = Field(None, alias="POLYMARKET_PRIVATE_KEY_PATH")
    polymarket_wallet: str | None = Field(None, alias="POLYMARKET_WALLET", pattern=r"^0x[0-9a-fA-F]{40}$")
    polymarket_wallet_kind: Literal["own", "proxy", "safe", "deposit"] = Field("own", alias="POLYMARKET_WALLET_KIND")
    polymarket_trading: Literal["real-money"] | None = Field(None, alias="POLYMARKET_TRADING")
    polymarket_url: str | None = Field(None, alias="POLYMARKET_BASE_URL")

    @field_validator("polymarket_env", "polymarket_wallet_kind", mode="before")
    @classmethod
    def _in_lower_case(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("polymarket_url")
    @classmethod
    def _is_a_paper_exchange(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme != "http" or parts.hostname not in LOOPBACK or parts.path.rstrip("/") != "/polymarket":
            raise ValueError("must be a paper exchange on this machine, like http://127.0.0.1:8000/polymarket")
        return value.rstrip("/")

    @property
    def has_wallet(self) -> bool:
        """Whether a private key is named, or made for the paper exchange."""
        return self.polymarket_key_path is not None or self.polymarket_env == "paper"
