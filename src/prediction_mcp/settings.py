"""All settings; every environment variable the server reads is named here and in .env.example."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Environment = Literal["paper", "demo", "live"]


class SettingsError(ValueError):
    """A setting can't be used; the message is one sentence that names it."""


class Settings(BaseSettings):
    """Read from the environment and a ``.env`` file beside the process; the environment wins."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    env: Environment = Field("paper", alias="KALSHI_ENV")
    api_key_id: str | None = Field(None, alias="KALSHI_API_KEY_ID")
    private_key_path: Path | None = Field(None, alias="KALSHI_PRIVATE_KEY_PATH")
    private_key: SecretStr | None = Field(None, alias="KALSHI_PRIVATE_KEY")
    base_url: str | None = Field(None, alias="KALSHI_BASE_URL")
    read_only: bool | None = Field(None, alias="READ_ONLY")
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

    @field_validator("base_url")
    @classmethod
    def _is_an_exchange(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.rstrip("/") != "/trade-api/v2":
            raise ValueError("must look like https://host/trade-api/v2")
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("must be https, except on this machine")
        return value

    @property
    def writes_allowed(self) -> bool:
        """Paper money may move by default; money of a real account only where READ_ONLY=false says so."""
        return not (self.env != "paper" if self.read_only is None else self.read_only)

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
        return f"mode {self.env} ({money[self.env]}), {'orders allowed' if self.writes_allowed else 'read-only'}"


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment. Raises SettingsError with a plain sentence per problem."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        raise SettingsError(f"The settings can't be used: {'; '.join(problems)}. See .env.example.") from None
