"""The paper exchange, and the folders that are written to."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from .kalshi import KalshiSettings

APP = "prediction-mcp"
REDIS = ("redis", "rediss", "unix")
POSTGRES = ("postgresql", "postgres", "postgresql+asyncpg")


class PlaceSettings(KalshiSettings):
    paper_seed: int = Field(1, alias="PAPER_SEED")
    paper_deposit: Decimal = Field(Decimal(10_000), alias="PAPER_DEPOSIT", gt=0, max_digits=12, decimal_places=2)
    paper_tier: Literal["basic", "advanced", "expert", "premier", "paragon", "prime", "prestige"] = Field(
        "basic", alias="PAPER_TIER"
    )
    paper_keep: bool = Field(True, alias="PAPER_KEEP")
    paper_folder: Path | None = Field(None, alias="PAPER_FOLDER")
    safety_folder: Path | None = Field(None, alias="SAFETY_FOLDER")
    export_folder: Path | None = Field(None, alias="EXPORT_FOLDER")
    records_folder: Path | None = Field(None, alias="RECORDS_FOLDER")
    database_url: SecretStr | None = Field(None, alias="DATABASE_URL")
    redis_url: SecretStr | None = Field(None, alias="REDIS_URL")
    cache: Literal["on", "off"] = Field("on", alias="CACHE")

    @field_validator("paper_tier", mode="before")
    @classmethod
    def _tier_in_lower_case(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_address(value.get_secret_value(), POSTGRES):
            raise ValueError("must be an address of PostgreSQL like postgresql://user@host/name")
        return value

    @field_validator("cache", mode="before")
    @classmethod
    def _cache_in_lower_case(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_address(value.get_secret_value(), REDIS):
            raise ValueError("must be an address of Redis like redis://host:6379/0")
        return value

    @property
    def records_file(self) -> Path | None:
        """The file of the records, of all accounts; None where the session leaves nothing behind."""
        if self.runs_own_exchange and not self.paper_keep:
            return None
        if self.records_folder is not None:
            return self.records_folder.expanduser() / "records.db"
        from platformdirs import user_data_path

        return user_data_path(APP, appauthor=False) / "records.db"

    @property
    def paper_home(self) -> Path:
        """The folder where paper money is kept."""
        if self.paper_folder is not None:
            return self.paper_folder.expanduser()
        from platformdirs import user_data_path

        return user_data_path(APP, appauthor=False) / "paper"

    @property
    def safety_home(self) -> Path | None:
        """The folder of journal and limits, an account a folder; None where the session leaves nothing behind."""
        if self.safety_folder is not None:
            base = self.safety_folder.expanduser()
        elif self.runs_own_exchange:
            return self.paper_home / "safety" if self.paper_keep else None
        else:
            from platformdirs import user_data_path

            base = user_data_path(APP, appauthor=False) / "safety"
        account = hashlib.sha256(f"{self.base_url or ''}/{self.api_key_id or ''}".encode()).hexdigest()[:12]
        return base / f"{self.env}-{account}"

    @property
    def exports(self) -> Path:
        """The only folder that exports are written to."""
        if self.export_folder is not None:
            return self.export_folder.expanduser()
        from platformdirs import user_documents_path

        return user_documents_path() / APP

    @property
    def cache_folder(self) -> Path:
        """The folder for what can be read again."""
        from platformdirs import user_cache_path

        return user_cache_path(APP, appauthor=False)


def _is_address(text: str, schemes: tuple[str, ...]) -> bool:
    """Whether a text is an address of one of these schemes, its port a number."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
