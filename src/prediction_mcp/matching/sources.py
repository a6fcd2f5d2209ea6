"""Who decides, what happens where nothing takes place, and whether it may be over early; as texts say it."""

from __future__ import annotations

import re
from typing import Literal

from .lexicon import EDITIONS, SOURCES

Void = Literal["half each", "no", "fair price", "refund"]
_SAID = re.compile(
    r"\b(?:sources?:|according to|in the (?:\w+ ){0,2}(?:average|estimate|report) of|as (?:published|reported) by)"
    r" (?:the |an? )?([^.;]{3,80}?)(?:,? then\b|, (?:this|the) market\b|, overtime\b|[.;]|$)",
    re.IGNORECASE,
)
_STATION = re.compile(
    r"(?:(?:recorded|station|measured) (?:at|in)|for) (?:the )?"
    r"((?:[A-Z][\w'’.]+[ -]?){1,4})(?= ?station|,| on\b)"
)
BEGINNING = 600
"""Characters of rules in which who decides is named without more ado."""
_STATION_WORDS = frozenset(("station", "airport", "international", "field", "the"))
_SMALL = frozenset(("the", "a", "of", "and", "s", "by", "its", "for", "in"))
_WEATHER = re.compile(r"\b(?:temperature|rain|snow|precipitation|wind)", re.IGNORECASE)
_NOTHING = re.compile(
    r"cancel|postpon|abandon|called off|does not take place|doesn't take place|not played", re.IGNORECASE
)
_VOIDS: tuple[tuple[Void, re.Pattern[str]], ...] = (
    ("half each", re.compile(r"50[-/ ]50|0\.50?\b|half", re.IGNORECASE)),
    ("fair price", re.compile(r"fair|last traded", re.IGNORECASE)),
    ("refund", re.compile(r"refund|void", re.IGNORECASE)),
    ("no", re.compile(r"resolves? to [“\"']?no\b", re.IGNORECASE)),
)
_EARLY = re.compile(
    r"closes? early|resolves? early|as soon as|may (?:close|resolve) (?:early|before)|immediately",
    re.IGNORECASE,
)
_LATE = re.compile(r"not (?:close|resolve) (?:early|before)|remains? open until", re.IGNORECASE)
_REGULAR = re.compile(r"extra time (?:is )?excluded|(?:regulation|90 minutes) only|without extra time", re.IGNORECASE)
_WHOLE = re.compile(
    r"extra time (?:and penalties )?(?:is |are )?included|overtime included|to advance|advances", re.IGNORECASE
)


def sources(rules: str, named: tuple[str, ...]) -> frozenset[str]:
    """Who publishes what decides, each by one name, with the edition and the station where one is said."""
    matches = [*_SAID.finditer(rules)]
    phrases = [*named, *(match[1] for match in matches)]
    found = {name for phrase in phrases for name in _known(phrase) or [_bare(phrase)]}
    found = found or set(_known(rules[:BEGINNING], only_sure=True))
    where = " ".join((*named, *(match[0] for match in matches))).lower()
    found |= {edition for edition in EDITIONS if edition in where}
    return frozenset(found - {""})


def station(text: str) -> frozenset[str]:
    """Words of the station that measures the weather."""
    if not _WEATHER.search(text):
        return frozenset()
    match = _STATION.search(text)
    if match is None:
        return frozenset()
    words = re.findall(r"[\w']+", match[1].lower().replace("’", "'"))
    return frozenset(words) - _STATION_WORDS


def _known(phrase: str, *, only_sure: bool = False) -> list[str]:
    """``only_sure`` passes over names that are also what a question is about."""
    text = f" {re.sub(r'[^a-z0-9& ]+', ' ', phrase.lower())} "
    return [
        name
        for name, spellings in SOURCES.items()
        if (not only_sure or name not in ("fed", "ecb", "sec", "tsa", "s&p", "aaa"))
        and any(f" {re.sub(r'[^a-z0-9& ]+', ' ', spelling)} " in text for spelling in spellings)
    ]


def _bare(phrase: str) -> str:
    words = re.findall(r"[\w&]+", phrase.lower())
    return " ".join(word for word in words if word not in _SMALL)


def void(rules: str) -> Void | None:
    """What it pays if what it is about doesn't take place; None where nothing is said of that."""
    for sentence in re.split(r"(?<=[.;])\s", rules):
        if _NOTHING.search(sentence):
            for kind, pattern in _VOIDS:
                if pattern.search(sentence):
                    return kind
    return None


def early(rules: str, said: str) -> bool | None:
    """Whether it may be over before its end; None where nothing is said of that."""
    if _LATE.search(rules):
        return False
    return True if said or _EARLY.search(rules) else None


def length(rules: str) -> Literal["regular", "whole"] | None:
    """Of a game: without extra time, or with it."""
    return "regular" if _REGULAR.search(rules) else "whole" if _WHOLE.search(rules) else None
