"""Pasted links to a platform's site: which platform, and the path without its language. The one definition of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from .shapes import PlatformName

SITES: dict[PlatformName, tuple[str, ...]] = {
    "kalshi": ("kalshi.com", "kalshi.co"),
    "polymarket": ("polymarket.com",),
}
_LANGUAGE = re.compile(r"[a-z]{2}(?:-[a-z]{2,4})?")
"""The first part of a localized path: es, zh, pt-br, zh-hant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link to a platform. ``parts`` are the path's, decoded, without the language."""

    platform: PlatformName
    parts: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    fragment: str


def link_of(text: str) -> Link | None:
    """The link that a text is, with or without https://; None for other text and for links to other sites."""
    text = text.strip()
    if "/" not in text:
        return None
    try:
        address = urlsplit(text if "://" in text else f"https://{text}")
        host = (address.hostname or "").lower()
    except ValueError:
        return None
    for platform, names in SITES.items():
        if host in names or host.endswith(tuple(f".{name}" for name in names)):
            parts = [unquote(part) for part in address.path.split("/") if part]
            if len(parts) > 1 and _LANGUAGE.fullmatch(parts[0].lower()):
                del parts[0]
            query = tuple(parse_qsl(address.query))
            return Link(platform=platform, parts=tuple(parts), query=query, fragment=address.fragment)
    return None
