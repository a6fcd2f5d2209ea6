"""Numbers as people read them, and the words of others, printed in one way."""

from __future__ import annotations

import codecs
from decimal import Decimal

MOST_WORDS = 300
"""Letters of a service's own words that a sentence of ours carries."""


def one_line(words: str) -> str:
    """A service's words as a sentence may carry them: printable, cut. They may repeat all that it was sent."""
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())[:MOST_WORDS].rstrip(".")


def text_of(content: bytes) -> str:
    """Return a small text file's text: UTF-8 or, as Windows editors save, UTF-16 with its mark; never an error."""
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if marked else "utf-8-sig", errors="replace")


def printed(number: Decimal) -> str:
    """Every digit and no more: 10, 2.5; never an exponent."""
    text = str(number)
    if "E" in text:  # tenfold and tiny ones; all others are told several times as fast
        return f"{number.normalize():f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cents(price: Decimal | None) -> str:
    """A price in dollars as people say it: 42¢; "nothing" where nobody quotes."""
    return "nothing" if price is None else f"{printed(price * 100)}¢"
