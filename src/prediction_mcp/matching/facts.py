"""The facts of a market, read from its texts and fields. What a text doesn't say stays None, and is never guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from . import moments, numbers
from . import sources as said
from .lexicon import MEANS, NEGATIONS, PHRASE, SAY_NOTHING
from .listing import Listing
from .moments import Window
from .numbers import Interval
from .sources import Void

MOST = 8_000
"""Characters of a text that are read."""
_WORDS = re.compile(r"[a-z0-9][a-z0-9_+&-]*")
LONGEST_NAME = 200
MOVES = frozenset(("cut", "raise", "unchanged", "bps"))
_PLAIN_OPTIONS = frozenset(("yes", "no", ""))


@dataclass(frozen=True, slots=True)
class Subject:
    """What a market is about: the words of its question that say something, and all that its texts say.

    ``option`` are the words of the answer that it is about, ``other`` those of the other side where that has a name.
    """

    head: frozenset[str]
    body: frozenset[str]
    option: frozenset[str]
    other: frozenset[str]
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """One market's, as its texts and fields have them."""

    subject: Subject
    threshold: Interval | None
    step: Decimal | None
    """The grid that the number is published on, where that is known."""
    touches: bool
    """The number need only be met once."""
    window: Window | None
    sources: frozenset[str]
    station: frozenset[str]
    is_versus: bool
    exclusive: bool | None
    length: Literal["regular", "whole"] | None
    void: Void | None
    early: bool | None


@lru_cache(maxsize=4_096)
def facts_of(listing: Listing) -> Facts:
    """Read a market; what was read of the same texts before is remembered."""
    title, option, rules = (_tidy(text) for text in (listing.title, listing.option, listing.rules))
    if listing.strike is not None:
        threshold: Interval | None = numbers.of_strike(listing.strike)
    else:
        threshold = numbers.interval(*(moments.without(text) for text in (option, title, rules)))
    return Facts(
        subject=_subject(listing, title, option, rules, threshold),
        threshold=threshold,
        step=numbers.step_of(title, rules) if threshold is not None else None,
        touches=threshold is not None and bool(numbers.TOUCH.search(f"{title} {rules}")),
        window=_window(rules, title, listing.closes),
        sources=said.sources(rules, listing.sources),
        station=said.station(f"{title}. {rules}") and said.station(rules),
        is_versus=listing.is_versus,
        exclusive=listing.exclusive,
        length=said.length(rules),
        void=said.void(rules),
        early=said.early(rules, listing.early),
    )


def _tidy(text: str) -> str:
    return re.sub(r"[\s*]+", " ", text[:MOST]).replace("’", "'").strip()


def _window(rules: str, title: str, closes: datetime | None) -> Window | None:
    """That of the first sentence of the rules that names one, else the title's.

    Where a deadline has no time of day and trading ends as that day does in New York, that is when it ends.
    """
    sentences = re.split(r"(?<=[a-z0-9”\"')]\.)\s", rules)
    found = moments.window((*sentences, title), None if closes is None else closes.date())
    if found is None or found.at is not None:
        return found
    if found.kind == "by" and closes is not None and moments.ends_with(found.end, closes):
        return replace(moments.deadline(closes), is_said=False)
    return moments.with_time(found, rules)


def _subject(listing: Listing, title: str, option: str, rules: str, threshold: Interval | None) -> Subject:
    shown = "" if option.casefold() in _PLAIN_OPTIONS else option
    option_words = frozenset() if threshold is not None else words(shown)[0]
    other: frozenset[str] = frozenset()
    names = [_tidy(name[:LONGEST_NAME]) for name in listing.outcomes]
    if listing.is_versus:
        option_words, other = words(names[0])[0], words(names[1])[0]
    head, negations = words(title)
    if numbers.is_move(f"{option}. {title}. {rules}"):
        head -= MOVES  # which way and how far is its threshold
    body = head | words(f"{shown}. {rules} {' '.join(names)}")[0]
    return Subject(head | option_words, body, option_words, other, negations % 2 == 1)


def words(text: str) -> tuple[frozenset[str], int]:
    """(what a text is about, how often its meaning is turned round). Days, times and numbers are left out."""
    rest = moments.without(text).lower()
    found, turns = set[str](), 0
    names = {MEANS[(match.lastindex or 1) - 1] for match in PHRASE.finditer(rest)}
    rest = PHRASE.sub(" ", rest)
    for name in names:
        found.add(name.removeprefix("-"))
        turns += name.startswith("-")
    rest = re.sub(r"'s\b|s'(?=\s)|[“”\"°]", " ", rest)
    for word in _WORDS.findall(rest):
        if word in NEGATIONS:
            turns += 1
        elif word not in SAY_NOTHING and not _is_number(word):
            found.add(stem(word))
    return frozenset(found), turns


def _is_number(word: str) -> bool:
    return re.fullmatch(r"\d[\d,.]*(?:k|m|bn|b|f|c|\+)?(?:-\d+[km]?)?", word) is not None


def stem(word: str) -> str:
    """The word without the endings that only grammar asks for."""
    for ending, kept in (("ies", "y"), ("sses", "ss"), ("es", "e"), ("s", "")):
        if len(word) > len(ending) + 2 and word.endswith(ending) and not word.endswith("ss"):
            return word[: -len(ending)] + kept
    return word
