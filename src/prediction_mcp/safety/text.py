"""Text that others wrote, made harmless to pass on: no control characters, nothing hidden, no markup, one line.

What it says stays: an instruction in a market's title is still there to be read, as the data it is.
"""

from __future__ import annotations

import re
import unicodedata

_PLAIN = re.compile(r"[ -;=?-Z\\\]^_a-~]*")
"""Printable ASCII without the characters that markup begins with: most text, and it needs no look."""
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters that show as nothing."""
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_MARKS = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{2})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
"""More than two marks on one letter."""
_COMMENT = re.compile(r"<!--.*?(?:-->|$)", re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z!?][^<>]{0,500}>")
_IMAGE = re.compile(r"!\[([^\]]{0,500})\]\([^)]{0,2000}\)")
_LINK = re.compile(r"\[([^\]]{1,500})\]\(([^)]{0,2000})\)")
_FENCE = re.compile(r"`{2,}|~{3,}")
_SPACE = re.compile(r"\s+")


def clean(text: str) -> str:
    """The text as one line of what a person would see.

    Control and format characters go (also tags, joiners and whatever turns the direction of writing), and private,
    unassigned or invisible ones; HTML tags and comments, pictures and code fences of Markdown go, and of its links the
    words and the address stay side by side.
    """
    if _PLAIN.fullmatch(text):
        return text
    text = _COMMENT.sub(" ", text)
    text = "".join(_seen(c) for c in unicodedata.normalize("NFC", text))
    text = _MARKS.sub(r"\1", _SELECTORS.sub("", text))
    text = _TAG.sub(" ", _COMMENT.sub(" ", text))
    text = _LINK.sub(r"\1 (\2)", _IMAGE.sub(r"\1", text))
    return _SPACE.sub(" ", _FENCE.sub("", text)).strip()


def cut(text: str, length: int) -> str:
    """A text that isn't longer."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def quoted(text: str, length: int = 160) -> str:
    """The words of others to stand between our “ and ”: one line that isn't long, no quotes that could end ours."""
    return cut(clean(text).replace("“", "'").replace("”", "'"), length)


def _seen(character: str) -> str:
    if character in "\t\n\r\v\f\u2028\u2029\x85":
        return " "
    return "" if character in _BLANK or unicodedata.category(character) in _HIDDEN else character
