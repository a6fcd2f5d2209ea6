"""Whether anything may be written, and when the person is asked. The limits are :class:`..safety.limits.Limits`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from pydantic import Field, field_validator

from .kalshi import KalshiSettings
from .polymarket import PolymarketSettings

_RULE = re.compile(r"always|never|over:\d{1,9}(\.\d{1,2})?")


class WriteSettings(PolymarketSettings, KalshiSettings):
    read_only: bool | None = Field(None, alias="READ_ONLY")
    live_trading: Literal["real-money"] | None = Field(None, alias="LIVE_TRADING")
    confirm: str | None = Field(None, alias="CONFIRM")
    confirm_fallback: Literal["token", "refuse"] | None = Field(None, alias="CONFIRM_FALLBACK")
    confirm_tolerance_cents: Decimal = Field(Decimal(2), alias="CONFIRM_TOLERANCE_CENTS", ge=0, le=99)
    confirm_timeout: float = Field(120, alias="CONFIRM_TIMEOUT", gt=0, le=3600)
    confirm_window: float = Field(3600, alias="CONFIRM_WINDOW", ge=60, le=7 * 86_400)

    @field_validator("confirm")
    @classmethod
    def _is_a_rule(cls, value: str | None) -> str | None:
        if value is None or _RULE.fullmatch(value := value.strip().lower()):
            return value
        raise ValueError("must be always, never, or over: with dollars, like over:50")

    @property
    def writes_allowed(self) -> bool:
        """Paper money may move by default, demo money where READ_ONLY=false says so; real money needs a second word."""
        return not self.why_read_only

    @property
    def why_read_only(self) -> str:
        """Why nothing may be written, and what its owner can do; empty where it may."""
        mode = f"This server is read-only (mode {self.env})"
        if self.read_only is None and self.env == "paper" and self.on_this_machine:
            return ""
        wanted = "READ_ONLY=false and LIVE_TRADING=real-money" if self.env == "live" else "READ_ONLY=false"
        if self.read_only is not False:
            return f"{mode}: its owner can allow orders with {wanted}."
        if self.env == "live" and self.live_trading is None:
            return f"{mode}: READ_ONLY=false isn't enough for real money, it takes LIVE_TRADING=real-money too."
        if self.env == "live" and not self.has_key:
            return f"{mode}: it has no API key."
        return ""

    @property
    def confirm_over(self) -> Decimal | None:
        """Dollars at stake from which the person is asked: 0 always, None never."""
        return self.confirm_over_in(self.env)

    def confirm_over_in(self, env: str) -> Decimal | None:
        """The same for a mode of either platform."""
        rule = self.confirm or ("never" if env == "paper" else "always")
        if rule == "never":
            return None
        return Decimal(0) if rule == "always" else Decimal(rule.removeprefix("over:"))

    @property
    def fallback(self) -> Literal["token", "refuse"]:
        """What happens where the client can't ask: in live mode a model must not confirm for its user."""
        return self.fallback_in(self.env)

    def fallback_in(self, env: str) -> Literal["token", "refuse"]:
        """The same for a mode of either platform."""
        return self.confirm_fallback or ("refuse" if env == "live" else "token")

    @property
    def why_polymarket_read_only(self) -> str:
        """Why nothing may be written at Polymarket, and what its owner can do; empty where it may."""
        mode = f"Polymarket is read-only here (mode {self.polymarket_env})"
        if self.polymarket_env == "paper":
            return f"{mode}: READ_ONLY is true." if self.read_only else ""
        if self.read_only is not False or self.live_trading is None or self.polymarket_trading is None:
            wanted = "READ_ONLY=false, LIVE_TRADING=real-money and POLYMARKET_TRADING=real-money"
            return f"{mode}: its owner can allow orders with {wanted}."
        return "" if self.has_wallet else f"{mode}: it has no wallet."
