"""Accounts as files: each NAME=value settings on top of the environment, readable by nobody but their owner."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

from .automation import AutomationSettings
from .http import HttpSettings
from .kalshi import KalshiSettings
from .polymarket import PolymarketSettings
from .whole import Settings, SettingsError, load_settings

ENDING = ".env"
LARGEST = 100_000
"""Bytes of a file; a key in PEM has some thousand."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_WHOSE = {**KalshiSettings.model_fields, **PolymarketSettings.model_fields}
"""What says whose account it is: never the environment's, or one account would be traded with another's key."""
_OF_THE_PROCESS = {
    str(field.alias)
    for fields in (HttpSettings.model_fields, {n: AutomationSettings.model_fields[n] for n in ("worker", "accounts")})
    for field in fields.values()
} | {"LOG_LEVEL"}


def read_env_file(path: Path) -> dict[str, str]:
    """NAME=value lines of a file that only its owner can read; nothing where there is none. Raises SettingsError."""
    from dotenv import dotenv_values

    try:
        found = path.stat()
        if os.name == "posix" and (found.st_mode & 0o077 or found.st_uid not in (os.getuid(), 0)):
            raise SettingsError(f"{path} is open to others: make it yours alone (chmod 600).")
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:  # reading a pipe would wait for ever
            raise SettingsError(f"{path} is no file of settings.")
        values = dotenv_values(path, interpolate=False, encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can't be read ({getattr(error, 'strerror', 'no text')}).") from None
    return {name: value for name, value in values.items() if value is not None}


def account_files(folder: Path) -> dict[str, Path]:
    """The accounts of a folder by name, ``alice`` of ``alice.env``. Raises SettingsError where it can't be read."""
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ENDING)
    except OSError as error:
        raise SettingsError(f"WORKER_ACCOUNTS {folder} can't be read ({error.strerror}).") from None
    if odd := [path.name for path in files if not _NAME.fullmatch(path.stem)]:
        raise SettingsError(f"{odd[0]!r} is no account's name: letters, digits, - and _, then {ENDING}.")
    return {path.stem: path for path in files}


def load_account(path: Path) -> Settings:
    """The settings of an account's file. Raises SettingsError: it can't be read, or says what it can't."""
    given = {name.upper(): value for name, value in read_env_file(path).items() if value}
    fields = {str(field.alias): name for name, field in Settings.model_fields.items()}
    if "KALSHI_ENV" not in given:  # nor is a file that is gone, empty or half written an account with paper money
        raise SettingsError(f"{path.name} must say KALSHI_ENV: paper, demo or live.")
    if unknown := sorted(given.keys() - fields.keys()):  # a key's name misspelt would be another account
        raise SettingsError(f"{path.name}: {', '.join(unknown)} is no setting; see .env.example.")
    if wrong := sorted(given.keys() & _OF_THE_PROCESS):
        raise SettingsError(f"{path.name}: {', '.join(wrong)} is the whole worker's: set it in the environment.")
    chosen: dict[str, Any] = {name: field.default for name, field in _WHOSE.items()}
    chosen |= {fields[name]: value for name, value in given.items()}
    try:
        return load_settings(**chosen)
    except SettingsError as error:
        raise SettingsError(f"{path.name}: {error}") from None


def same_account(settings: Settings) -> tuple[str, ...]:
    """What two settings of one account have in common, and no others."""
    if settings.runs_own_exchange:
        return (settings.env, str(settings.paper_home)) if settings.paper_keep else (settings.env, str(id(settings)))
    return (settings.env, settings.base_url or "", settings.api_key_id or "")
