"""The ``.env`` of the folder a server is started in: it may make things stricter, and name an account; nothing else.

Assistants start servers in whatever folder is open, and that folder may be somebody else's work. So what confirms,
limits, forbids or says which host gets signed requests is decided by the environment, which the user's own client sets.
"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prediction_mcp.safety.limits import JOINS, tighter

if TYPE_CHECKING:
    from .whole import Settings

LOOPBACK = ("127.0.0.1", "::1", "localhost")
KALSHI = (".kalshi.com", ".kalshi.co")
FREE = frozenset(
    {
        "env", "api_key_id", "private_key_path", "private_key", "log_level", "toolsets", "timezone",
        "paper_seed", "paper_deposit", "paper_tier", "paper_keep", "paper_folder",
    }
)  # fmt: skip
"""Set as they are, where the environment doesn't set them."""


def read(path: Path) -> tuple[dict[str, str], str | None]:
    """The file's variables, or a word why they don't count: others may write to it, or it is somebody else's."""
    from dotenv import dotenv_values

    try:
        found = path.stat()
        if os.name == "posix" and (
            found.st_uid not in (os.getuid(), 0) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        ):
            return {}, f"{path} is ignored: others may write to it (chmod 600 {path.name})."
        values = dotenv_values(path, interpolate=False, encoding="utf-8")
    except FileNotFoundError:
        return {}, None
    except (OSError, UnicodeDecodeError) as error:
        return {}, f"{path} is ignored: it can't be read ({error})."
    return {name: value for name, value in values.items() if value}, None


def is_kalshi(url: str | None) -> bool:
    """Whether an address is one of Kalshi's own."""
    return (urlsplit(url or "").hostname or "").endswith(KALSHI)


def _host(own: Settings, file: Settings) -> bool:
    loopback = urlsplit(file.base_url or "").hostname in LOOPBACK
    return own.base_url is None and (is_kalshi(file.base_url) or (loopback and file.env == "paper"))


def _asks(own: Settings, file: Settings) -> bool:
    """Whether the file's rule asks at least as often as what holds without it."""
    ours, theirs = own.model_copy(update={"env": file.env}).confirm_over, file.confirm_over
    return theirs is not None and (ours is None or theirs <= ours)


def _lower(name: str) -> Callable[[Settings, Settings], bool]:
    def stricter(own: Settings, file: Settings) -> bool:
        ours, theirs = getattr(own, name), getattr(file, name)
        return theirs is not None and (ours is None or theirs <= ours)

    return stricter


def _higher(name: str) -> Callable[[Settings, Settings], bool]:
    def stricter(own: Settings, file: Settings) -> bool:
        ours, theirs = getattr(own, name), getattr(file, name)
        return theirs is not None and (ours is None or theirs >= ours)

    return stricter


def _tighter(name: str, own: Settings, file: Settings) -> bool:
    """Whether the file's limit is as tight as what holds without it, or tighter."""
    value = getattr(file, name)
    return value is not None and tighter(name, own, file) == value


STRICTER: dict[str, Callable[[Settings, Settings], bool]] = {
    "base_url": _host,
    "read_only": lambda own, file: file.read_only is True,
    "confirm": _asks,
    "confirm_fallback": lambda own, file: file.fallback == "refuse",
    "confirm_tolerance_cents": _lower("confirm_tolerance_cents"),
    "confirm_timeout": _lower("confirm_timeout"),
    "confirm_window": _higher("confirm_window"),
    **{name: functools.partial(_tighter, name) for name in JOINS},
}
"""Set where they are at least as strict as what holds without the file."""


def taken(own: Settings, values: dict[str, str], load: Callable[..., Settings]) -> tuple[dict[str, Any], list[str]]:
    """What of a file counts: {field: value}, and a word for each variable that doesn't.

    ``own`` are the settings without it; ``load`` makes settings of such a dict, as the environment would.
    """
    fields = {str(field.alias): name for name, field in type(own).model_fields.items()}
    given = {fields[name.upper()]: value for name, value in values.items() if name.upper() in fields}
    free = {name: value for name, value in given.items() if name in FREE and name not in own.model_fields_set}
    chosen, words = dict[str, Any](free), list[str]()
    for name, value in given.items():
        if name in FREE:
            continue
        alias, stricter = next(a for a, n in fields.items() if n == name), STRICTER.get(name)
        if stricter is not None and stricter(own, load(**free, **{name: value})):
            chosen[name] = value
        elif name not in own.model_fields_set:
            words.append(f"{alias} in .env is ignored, since it would loosen something: set it in the environment.")
    return chosen, words
