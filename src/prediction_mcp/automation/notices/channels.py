"""Whom messages reach: NOTIFY_URLS and NOTIFY_FILE. Their addresses are secrets and never leave these objects."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prediction_mcp.settings import SettingsError

if TYPE_CHECKING:
    from prediction_mcp.settings import Settings

_NAMED = re.compile(r"(?P<name>[a-z][a-z0-9_-]{0,39})=(?P<url>\S+)", re.IGNORECASE)
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9]{0,19})://\S+", re.IGNORECASE)
MOST = 20


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to a person. ``url`` is a secret: it is in no text of this object."""

    name: str
    url: str = field(repr=False)

    @property
    def scheme(self) -> str:
        return self.url.partition("://")[0].lower()


def channels_of(settings: Settings) -> list[Channel]:
    """The channels, in their order; each ``name=url``, or a URL that is named by its kind and place.

    Raises:
        SettingsError: one can't be read, two have one name, or the file is open to others; no address is repeated.
    """
    texts = (
        []
        if settings.notify_urls is None
        else re.split(r"[\s,]+(?=\S+://)", settings.notify_urls.get_secret_value().strip())
    )
    found, kinds = list[Channel](), dict[str, int]()
    for number, text in enumerate([*filter(None, texts), *_of_file(settings)], 1):
        named = _NAMED.fullmatch(text.strip(" ,"))
        url = named["url"] if named else text.strip(" ,")
        if not (known := _URL.fullmatch(url)):
            raise SettingsError(f"NOTIFY_URLS: the {number}. entry is no address like ntfy://topic or name=address.")
        kind = known["scheme"].lower()
        kinds[kind] = kinds.get(kind, 0) + 1
        name = named["name"].lower() if named else (kind if kinds[kind] == 1 else f"{kind}-{kinds[kind]}")
        if any(channel.name == name for channel in found):
            raise SettingsError(f"NOTIFY_URLS: two channels are called {name}.")
        found.append(Channel(name, url))
    if len(found) > MOST:
        raise SettingsError(f"NOTIFY_URLS: {MOST} channels are the most.")
    return found


def names_of(settings: Settings) -> tuple[str, ...]:
    return tuple(channel.name for channel in channels_of(settings))


def _of_file(settings: Settings) -> list[str]:
    """The lines of a file that only its owner can read; # begins a comment."""
    if settings.notify_file is None:
        return []
    path = settings.notify_file.expanduser()
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"NOTIFY_FILE {path} can't be read ({getattr(error, 'strerror', 'no text')}).") from None
    if mode & 0o077 and os.name == "posix":
        raise SettingsError(f"NOTIFY_FILE {path} is open to others: make it yours alone (chmod 600).")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
