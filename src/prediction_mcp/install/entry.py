"""How this program is started by a client: the command, its settings, and no secret among them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from prediction_mcp.settings import Settings, SettingsError, secret_names

from .clients import Entry

PACKAGE = "prediction-mcp"
EXTRAS = {"polymarket": "polymarket", "across": "polymarket", "automation": "automation"}
"""What a toolset needs beside the default."""


def entry(settings: Mapping[str, str], uvx: str | None = None, python: str = sys.executable) -> Entry:
    """The server as clients' files have it: by uvx where that is, else by this Python.

    Args:
        settings: names of the environment with their values.
        uvx: its path; looked for where it isn't given.

    Raises:
        SettingsError: a setting that isn't one, that is a secret, or that can't be used.
    """
    known = {str(field.alias) for field in Settings.model_fields.values()}
    if unknown := sorted(settings.keys() - known):
        raise SettingsError(f"{', '.join(unknown)} is no setting; see .env.example.")
    if hidden := sorted(settings.keys() & secret_names()):
        raise SettingsError(
            f"{', '.join(hidden)} is a secret, and this file is no place for one: give the key as a file (--key-file)."
        )
    uvx = shutil.which("uvx") if uvx is None else uvx
    made: Entry = {"command": uvx, "args": _source(settings)} if uvx else _by_python(python)
    if settings:
        made["env"] = dict(settings)
    return made


def _by_python(python: str) -> Entry:
    return {"command": python, "args": ["-m", "prediction_mcp"]}


def _source(settings: Mapping[str, str]) -> list[str]:
    """uvx's arguments: the released package, or the folder or wheel that this one was installed from."""
    chosen = settings.get("TOOLSETS", "").replace(",", " ").split()
    extras = sorted({EXTRAS[name] for name in chosen if name in EXTRAS})
    where = f"[{','.join(extras)}]" if extras else ""
    try:
        found = _origin(distribution(PACKAGE))
    except PackageNotFoundError:
        found = None
    if found is not None:
        return ["--from", f"{PACKAGE}{where} @ {found}" if where else str(_path(found)), PACKAGE]
    return ["--from", f"{PACKAGE}{where}", PACKAGE] if where else [PACKAGE]


def _origin(found: Distribution) -> str | None:
    """The file: address that it was installed from, as the installer wrote it down (PEP 610)."""
    text = found.read_text("direct_url.json")
    url = json.loads(text).get("url", "") if text else ""
    return url if url.startswith("file:") and _path(url).exists() else None


def _path(url: str) -> Path:
    return Path(url2pathname(unquote(urlsplit(url).path)))


def key_file(path: Path) -> str:
    """A private key's path as it is written down. Raises SettingsError: it isn't there, or is open to others."""
    path = path.expanduser().absolute()
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise SettingsError(f"The key {path} can't be read ({error.strerror}).") from None
    if os.name == "posix" and mode & 0o077:
        raise SettingsError(f"The key {path} is open to others: make it yours alone (chmod 600).")
    return str(path)
