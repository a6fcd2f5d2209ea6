"""How this program is started by a client: the command, its settings, and no secret among them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from prediction_mcp.settings import Settings, SettingsError, secret_names

from .again import by_python, by_uvx
from .clients import Entry


def entry(settings: Mapping[str, str]) -> Entry:
    """The server as clients' files have it: by uvx where that is, else by this Python.

    Args:
        settings: names of the environment with their values.

    Raises:
        SettingsError: a setting that isn't one, that is a secret, or that can't be used; an installation that doesn't
            stay, where no uvx could make it anew.
    """
    known = {str(field.alias) for field in Settings.model_fields.values()}
    if unknown := sorted(settings.keys() - known):
        raise SettingsError(f"{', '.join(unknown)} is no setting; see .env.example.")
    if hidden := sorted(settings.keys() & secret_names()):
        raise SettingsError(
            f"{', '.join(hidden)} is a secret, and this file is no place for one: give the key as a file (--key-file)."
        )
    toolsets = settings.get("TOOLSETS", "").replace(",", " ").split()
    command, *arguments = by_uvx(toolsets) or by_python()
    made: Entry = {"command": command, "args": arguments}
    if settings:
        made["env"] = dict(settings)
    return made


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
