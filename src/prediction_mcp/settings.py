"""All settings; every environment variable the server reads is named here and in .env.example."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from loguru import logger
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from . import folder_env
from .folder_env import LOOPBACK

Environment = Literal["paper", "demo", "live"]


TOOLSETS = frozenset({"advanced", "safety"})
_RULE = re.compile(r"always|never|over:\d{1,9}(\.\d{1,2})?")


class SettingsError(ValueError):
    """A setting can't be used; the message is one sentence that names it."""


class Settings(BaseSettings):
    """Read from the environment; :func:`load_settings` adds what a ``.env`` of the working folder may say."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, populate_by_name=True)

    env: Environment = Field("paper", alias="KALSHI_ENV")
    api_key_id: str | None = Field(None, alias="KALSHI_API_KEY_ID")
    private_key_path: Path | None = Field(None, alias="KALSHI_PRIVATE_KEY_PATH")
    private_key: SecretStr | None = Field(None, alias="KALSHI_PRIVATE_KEY")
    base_url: str | None = Field(None, alias="KALSHI_BASE_URL")
    read_only: bool | None = Field(None, alias="READ_ONLY")
    live_trading: Literal["real-money"] | None = Field(None, alias="LIVE_TRADING")
    confirm: str | None = Field(None, alias="CONFIRM")
    confirm_fallback: Literal["token", "refuse"] | None = Field(None, alias="CONFIRM_FALLBACK")
    confirm_tolerance_cents: Decimal = Field(Decimal(2), alias="CONFIRM_TOLERANCE_CENTS", ge=0, le=99)
    confirm_timeout: float = Field(120, alias="CONFIRM_TIMEOUT", gt=0, le=3600)
    confirm_window: float = Field(3600, alias="CONFIRM_WINDOW", ge=60, le=7 * 86_400)
    limit_order_contracts: Decimal | None = Field(None, alias="LIMIT_ORDER_CONTRACTS", gt=0)
    limit_order_cost: Decimal | None = Field(None, alias="LIMIT_ORDER_COST", gt=0)
    limit_price_band_cents: Decimal | None = Field(None, alias="LIMIT_PRICE_BAND_CENTS", ge=0)
    limit_day_spent: Decimal | None = Field(None, alias="LIMIT_DAY_SPENT", gt=0)
    limit_day_orders: int | None = Field(None, alias="LIMIT_DAY_ORDERS", ge=0)
    limit_minute_orders: int | None = Field(None, alias="LIMIT_MINUTE_ORDERS", ge=0)
    limit_market_exposure: Decimal | None = Field(None, alias="LIMIT_MARKET_EXPOSURE", gt=0)
    limit_event_exposure: Decimal | None = Field(None, alias="LIMIT_EVENT_EXPOSURE", gt=0)
    limit_day_loss: Decimal | None = Field(None, alias="LIMIT_DAY_LOSS", gt=0)
    cash_reserve: Decimal | None = Field(None, alias="CASH_RESERVE", ge=0)
    allow_series: str | None = Field(None, alias="ALLOW_SERIES")
    deny_series: str = Field("", alias="DENY_SERIES")
    safety_folder: Path | None = Field(None, alias="SAFETY_FOLDER")
    toolsets: str = Field("", alias="TOOLSETS")
    timezone: str = Field("UTC", alias="TIMEZONE", max_length=60)
    http_token: SecretStr | None = Field(None, alias="HTTP_TOKEN", min_length=24)
    http_jwks_url: str | None = Field(None, alias="HTTP_JWKS_URL")
    http_jwt_issuer: str | None = Field(None, alias="HTTP_JWT_ISSUER")
    http_jwt_audience: str | None = Field(None, alias="HTTP_JWT_AUDIENCE")
    log_level: Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR"] = Field("WARNING", alias="LOG_LEVEL")
    paper_seed: int = Field(1, alias="PAPER_SEED")
    paper_deposit: Decimal = Field(Decimal(10_000), alias="PAPER_DEPOSIT", gt=0, max_digits=12, decimal_places=2)
    paper_tier: Literal["basic", "advanced", "expert", "premier", "paragon", "prime", "prestige"] = Field(
        "basic", alias="PAPER_TIER"
    )

    paper_keep: bool = Field(True, alias="PAPER_KEEP")
    paper_folder: Path | None = Field(None, alias="PAPER_FOLDER")

    export_folder: Path | None = Field(None, alias="EXPORT_FOLDER")

    @field_validator("env", "paper_tier", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.strip().upper() if isinstance(value, str) else value

    @field_validator("confirm")
    @classmethod
    def _is_a_rule(cls, value: str | None) -> str | None:
        if value is None or _RULE.fullmatch(value := value.strip().lower()):
            return value
        raise ValueError("must be always, never, or over: with dollars, like over:50")

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise ValueError("must be a time zone like America/New_York") from None
        return value

    @field_validator("toolsets")
    @classmethod
    def _are_toolsets(cls, value: str) -> str:
        if unknown := _names(value) - TOOLSETS:
            raise ValueError(f"has no {', '.join(sorted(unknown))}; there are {', '.join(sorted(TOOLSETS))}")
        return value

    @field_validator("http_jwks_url")
    @classmethod
    def _is_secure(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme != "https":
            raise ValueError("must be https")
        return value

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

    @model_validator(mode="after")
    def _means_what_it_says(self) -> Self:
        """A play mode never reaches the exchange where money is real, whatever else is set."""
        host = (urlsplit(self.base_url).hostname or "") if self.base_url else ""
        real = folder_env.is_kalshi(self.base_url) and "demo" not in host
        if self.env != "live" and real:
            raise ValueError(f"KALSHI_BASE_URL is production, so KALSHI_ENV must be live, not {self.env}")
        if self.http_jwks_url and not (self.http_jwt_issuer and self.http_jwt_audience):
            raise ValueError(
                "HTTP_JWKS_URL needs HTTP_JWT_ISSUER and HTTP_JWT_AUDIENCE: without them any token would do"
            )
        return self

    @property
    def zone(self) -> ZoneInfo:
        """Where days begin for the user."""
        return ZoneInfo(self.timezone)

    @property
    def has_key(self) -> bool:
        """Whether an API key is named, or comes with the paper exchange."""
        named = self.api_key_id is not None and (self.private_key_path is not None or self.private_key is not None)
        return named or self.runs_own_exchange

    @property
    def on_this_machine(self) -> bool:
        return self.base_url is None or urlsplit(self.base_url).hostname in LOOPBACK

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
        rule = self.confirm or ("never" if self.env == "paper" else "always")
        if rule == "never":
            return None
        return Decimal(0) if rule == "always" else Decimal(rule.removeprefix("over:"))

    @property
    def fallback(self) -> Literal["token", "refuse"]:
        """What happens where the client can't ask: in live mode a model must not confirm for its user."""
        return self.confirm_fallback or ("refuse" if self.env == "live" else "token")

    @property
    def http_authenticated(self) -> bool:
        return self.http_token is not None or self.http_jwks_url is not None

    @property
    def allowed_series(self) -> frozenset[str] | None:
        return None if self.allow_series is None else frozenset(_names(self.allow_series.upper()))

    @property
    def denied_series(self) -> frozenset[str]:
        return frozenset(_names(self.deny_series.upper()))

    @property
    def chosen_toolsets(self) -> frozenset[str]:
        """Toolsets beside the 52: those named, and the brakes wherever other than paper orders can be sent."""
        chosen = frozenset(_names(self.toolsets))
        return chosen | {"safety"} if self.writes_allowed and self.env != "paper" else chosen

    @property
    def safety_home(self) -> Path | None:
        """The folder of journal and limits, an account a folder; None where the session leaves nothing behind."""
        if self.safety_folder is not None:
            base = self.safety_folder.expanduser()
        elif self.runs_own_exchange:
            return self.paper_home / "safety" if self.paper_keep else None
        else:
            from platformdirs import user_data_path

            base = user_data_path("prediction-mcp", appauthor=False) / "safety"
        account = hashlib.sha256(f"{self.base_url or ''}/{self.api_key_id or ''}".encode()).hexdigest()[:12]
        return base / f"{self.env}-{account}"

    @property
    def runs_own_exchange(self) -> bool:
        """Paper mode starts the simulated exchange inside the process, unless it is pointed at a running one."""
        return self.env == "paper" and self.base_url is None

    @property
    def paper_home(self) -> Path:
        """The folder where paper money is kept."""
        if self.paper_folder is not None:
            return self.paper_folder.expanduser()
        from platformdirs import user_data_path

        return user_data_path("prediction-mcp", appauthor=False) / "paper"

    @property
    def exports(self) -> Path:
        """The only folder that exports are written to."""
        if self.export_folder is not None:
            return self.export_folder.expanduser()
        from platformdirs import user_documents_path

        return user_documents_path() / "prediction-mcp"

    @property
    def cache_folder(self) -> Path:
        """The folder for what can be read again."""
        from platformdirs import user_cache_path

        return user_cache_path("prediction-mcp", appauthor=False)

    def describe(self) -> str:
        """The mode in a few words, for a person."""
        money = {"paper": "paper money on its own exchange", "demo": "Kalshi's demo exchange", "live": "REAL MONEY"}
        if not self.writes_allowed:
            return f"mode {self.env} ({money[self.env]}), read-only"
        over = self.confirm_over
        asked = "never asks" if over is None else "asks before each" if not over else f"asks above ${over}"
        return f"mode {self.env} ({money[self.env]}), orders allowed, {asked}"


def _names(text: str) -> set[str]:
    """Names separated by commas or spaces."""
    return set(text.replace(",", " ").split())


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and the folder's ``.env``. Raises SettingsError with a sentence per problem."""
    try:
        settings = Settings(**overrides)
        values, word = folder_env.read(Path(".env").absolute())
        chosen, words = folder_env.taken(settings, values, lambda **more: Settings(**(more | overrides)))
        for said in filter(None, (word, *words)):
            logger.warning("{}", said)
        return Settings(**(chosen | overrides)) if chosen else settings
    except ValidationError as error:
        problems = [_problem(found) for found in error.errors(include_url=False, include_input=False)]
        raise SettingsError(f"The settings can't be used: {'; '.join(problems)}. See .env.example.") from None


def _problem(found: Any) -> str:
    """One of pydantic's findings: the variable, and what is wrong with it."""
    loc = found["loc"]
    if loc and loc[0] in Settings.model_fields:
        loc = (Settings.model_fields[loc[0]].alias, *loc[1:])
    name, said = ".".join(str(part) for part in loc), str(found["msg"]).removeprefix("Value error, ")
    return f"{name}: {said}" if name else said
