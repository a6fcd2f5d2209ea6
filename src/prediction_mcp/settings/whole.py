"""The settings put together, from the environment and what a ``.env`` of the working folder may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from loguru import logger
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from prediction_mcp.safety.limits import Limits

from . import folder_env
from .automation import AutomationSettings
from .http import HttpSettings
from .places import PlaceSettings
from .writes import WriteSettings

TOOLSETS = frozenset({"across", "advanced", "automation", "polymarket", "records", "safety"})


class SettingsError(ValueError):
    """A setting can't be used; the message is one sentence that names it."""


class Settings(WriteSettings, PlaceSettings, HttpSettings, AutomationSettings, Limits, BaseSettings):
    """Read from the environment; :func:`load_settings` adds what a ``.env`` of the working folder may say."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, populate_by_name=True, frozen=True)

    toolsets: str = Field("", alias="TOOLSETS")
    lean: bool = Field(False, alias="PREDICTION_LEAN")
    timezone: str = Field("UTC", alias="TIMEZONE", max_length=60)
    log_level: Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR"] = Field("WARNING", alias="LOG_LEVEL")

    @field_validator(
        "private_key_path", "polymarket_key_path", "notify_file", "accounts", "paper_folder", "safety_folder",
        "export_folder", "records_folder", mode="before",
    )  # fmt: skip
    @classmethod
    def _plain_path(cls, value: object) -> object:
        """A path without the blanks and quotes that people copy with it, and with ~ spelled out."""
        if not isinstance(value, str):
            return value
        text = value.strip()
        if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
            text = text[1:-1].strip()
        return Path(text).expanduser() if text else None

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper_case(cls, value: object) -> object:
        return value.strip().upper() if isinstance(value, str) else value

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

    @model_validator(mode="after")
    def _means_what_it_says(self) -> Self:
        """A play mode never reaches the exchange where money is real, whatever else is set."""
        host = (urlsplit(self.base_url).hostname or "") if self.base_url else ""
        real = folder_env.is_kalshi(self.base_url) and "demo" not in host
        if self.env != "live" and real:
            raise ValueError(f"KALSHI_BASE_URL is production, so KALSHI_ENV must be live, not {self.env}")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """Where days begin for the user."""
        return ZoneInfo(self.timezone)

    @property
    def chosen_toolsets(self) -> frozenset[str]:
        """Toolsets beside the 52: those named, and the brakes wherever other than paper orders can be sent."""
        chosen = frozenset(_names(self.toolsets))
        orders = self.writes_allowed and self.env != "paper"
        if chosen & {"across", "polymarket"}:
            orders = orders or (self.polymarket_env == "live" and not self.why_polymarket_read_only)
        return chosen | {"safety"} if orders else chosen

    @property
    def has_polymarket(self) -> bool:
        """Whether a toolset was chosen that needs the other platform, too."""
        return bool(self.chosen_toolsets & {"across", "polymarket"})

    @property
    def pairs_file(self) -> Path | None:
        """Where judged pairs are kept, beside the journal; None where the session leaves nothing behind."""
        home = self.safety_home
        return None if home is None else home / "pairs.db"

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


def secret_names() -> frozenset[str]:
    """Names of the settings that hold secrets."""
    return frozenset(str(f.alias) for f in Settings.model_fields.values() if "SecretStr" in str(f.annotation))


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and the folder's ``.env``. Raises SettingsError with a sentence per problem."""
    try:
        settings = Settings(**overrides)
        values, word = folder_env.read(Path(".env").absolute())
        chosen, words = folder_env.taken(settings, values, lambda **more: Settings(**(more | overrides)))
        for text in filter(None, (word, *words)):
            logger.warning("{}", text)
        return Settings(**(chosen | overrides)) if chosen else settings
    except ValidationError as error:
        problems = [_problem(found) for found in error.errors(include_url=False, include_input=False)]
        raise SettingsError(f"The settings can't be used: {'; '.join(problems)}. See .env.example.") from None


def _problem(found: Any) -> str:
    """One of pydantic's findings: the variable, and what is wrong with it."""
    loc = found["loc"]
    if loc and loc[0] in Settings.model_fields:
        loc = (Settings.model_fields[loc[0]].alias, *loc[1:])
    name, text = ".".join(str(part) for part in loc), str(found["msg"]).removeprefix("Value error, ")
    return f"{name}: {text}" if name else text
