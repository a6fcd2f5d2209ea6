"""The paper exchange, and the folders that are written to."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from .kalshi import KalshiSettings

APP = "prediction-mcp"


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

    @field_validator("paper_tier", mode="before")
    @classmethod
    def _tier_in_lower_case(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

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
