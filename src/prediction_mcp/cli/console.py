"""Text for consoles that aren't UTF-8: what they can't show is put in plainer characters, so that no command fails."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

PLAIN = {
    "¢": "c", "–": "-", "—": "-", "−": "-", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "…": "...", "→": "->",
    "←": "<-", "×": "x", "·": "-", "•": "*", "≥": ">=", "≤": "<=", "≠": "!=", "✓": "ok", "✗": "no", "─": "-", "━": "-",
}  # fmt: skip
NAME = "prediction-mcp-plain"


def plain(text: str) -> str:
    """Return a text in ASCII, as like the original as possible; "?" for what nothing is like."""
    found = ""
    for letter in text:
        near = PLAIN.get(letter) or unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
        found += near or "?"
    return found


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end


def prepare() -> None:
    """Have stdout and stderr replace what their encoding lacks."""
    codecs.register_error(NAME, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=NAME)


def knows_unicode() -> bool:
    """Return whether stdout takes every character."""
    return (sys.stdout.encoding or "").lower().replace("-", "").replace("_", "").startswith("utf")
