"""Which of 195,000 markets could be the same as one of 85,000: by the words of titles. It finds; it never decides.

Titles lose numbers, days, directions and words that say nothing. What is left is a key that all strikes of a question
share, so keys are compared and not markets. A key is held against those that share its rarest words, by rapidfuzz;
then markets of the same subject whose ends lie within a week are taken, those with the same numbers first.
"""

from __future__ import annotations

import heapq
import re
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from rapidfuzz import fuzz, process

from .facts import stem
from .lexicon import MONTHS, NEGATIONS, SAY_NOTHING, SPELT
from .listing import Listing

WEEK = 7
"""Days that the ends of two markets may lie apart."""
LIKE = 60.0
"""Of a hundred: keys that are less alike aren't looked at."""
LIKE_IN_LENGTH = 45.0
"""The same where a word too many counts: of keys that have all of another's words, the shortest are kept as well."""
KEYS_LOOKED_AT = 400
"""Keys that share a word with one, beyond those that share its rarest."""
KEYS_KEPT = 8
NEAREST = 200
"""Markets of a key, nearest by their end, that are looked at."""
_WORD = re.compile(r"[a-z0-9&]+(?:[.,'][a-z0-9]+)*")
_DIGITS = re.compile(r"\d")
_MONTH_WORDS = frozenset(word for month in MONTHS for word in (month, month[:3])) | {"sept"}
BLOCKS = {
    "crypto": ("crypto", "cryptocurrency"),
    "sports": ("sports", "sport", "basketball", "football", "soccer", "tennis", "baseball", "hockey", "esports"),
    "weather": ("weather", "climate", "climate and weather", "hurricanes"),
    "money": (
        "economics", "economy", "financials", "finance", "companies", "business", "tech", "technology",
        "science and technology", "science", "ai",
    ),
    "power": ("politics", "elections", "world", "geopolitics", "us politics"),
    "culture": ("entertainment", "culture", "pop culture", "movies", "music", "mentions", "social", "awards"),
}  # fmt: skip
_BLOCK_OF = {name: block for block, names in BLOCKS.items() for name in names}


def block_of(category: str) -> str:
    """The subject of a platform's category; "" for one that isn't known, which may be any."""
    return _BLOCK_OF.get(category.strip().lower(), "")


@lru_cache(maxsize=200_000)
def _kept(word: str) -> str:
    """A word of a key; "" for one that no key has."""
    if word in SAY_NOTHING or word in NEGATIONS or word in _MONTH_WORDS or _DIGITS.search(word):
        return ""
    return SPELT.get(word) or stem(word)


@dataclass(frozen=True, slots=True)
class Card:
    """What of a market is looked at: key, numbers of its title, subject, last day (as a number)."""

    id: str
    key: str
    numbers: frozenset[str]
    block: str
    day: int | None

    @classmethod
    def of(cls, listing: Listing) -> Card:
        day = None if listing.closes is None else listing.closes.toordinal()
        names = "" if not listing.is_versus else " ".join(listing.outcomes)
        return cls.made(listing.id, f"{listing.title} {listing.option} {names}", listing.category, day)

    @classmethod
    def made(cls, name: str, text: str, category: str, day: int | None) -> Card:
        found = _WORD.findall(text.lower())
        key = " ".join(sorted({kept for word in found if (kept := _kept(word.removesuffix("'s")))}))
        numbers = frozenset(word.replace(",", "") for word in found if _DIGITS.search(word))
        return cls(name, key, numbers, block_of(category), day)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two markets worth comparing, and how alike their keys are (of a hundred)."""

    one: str
    other: str
    likeness: float


@dataclass(slots=True)
class _Key:
    """The markets of a key: by day, and those that have none."""

    by_day: list[tuple[int, str]] = field(default_factory=list)
    without: set[str] = field(default_factory=set)

    def near(self, day: int | None) -> list[str]:
        if day is None:
            return [*self.without, *(name for _, name in self.by_day)][:NEAREST]
        first, last = bisect_left(self.by_day, (day - WEEK, "")), bisect_right(self.by_day, (day + WEEK + 1, ""))
        found = self.by_day[first:last]
        if len(found) > NEAREST:
            found = heapq.nsmallest(NEAREST, found, lambda pair: abs(pair[0] - day))
        return [*(name for _, name in found), *self.without]


class Cards:
    """The markets of one platform, ready to be looked through."""

    def __init__(self, cards: Iterable[Card] = ()) -> None:
        self.cards: dict[str, Card] = {}
        self._keys: dict[str, _Key] = {}
        self._with_word: dict[str, set[str]] = defaultdict(set)
        self.changed: set[str] = set()
        """Markets that were put since somebody emptied this."""
        for card in cards:
            self.put(card)

    def put(self, card: Card) -> None:
        """Add or renew a market."""
        old = self.cards.get(card.id)
        if old == card:
            return
        if old is not None:
            self.remove(card.id)
        self.cards[card.id] = card
        self.changed.add(card.id)
        if not card.key:
            return
        if card.key not in self._keys:
            self._keys[card.key] = _Key()
            for word in card.key.split():
                self._with_word[word].add(card.key)
        if card.day is None:
            self._keys[card.key].without.add(card.id)
        else:
            insort(self._keys[card.key].by_day, (card.day, card.id))

    def remove(self, name: str) -> None:
        """Take a market out; one that isn't there is out already."""
        card = self.cards.pop(name, None)
        self.changed.discard(name)
        if card is None or not card.key:
            return
        markets = self._keys[card.key]
        if card.day is None:
            markets.without.discard(name)
        else:
            del markets.by_day[bisect_left(markets.by_day, (card.day, name))]
        if not markets.by_day and not markets.without:
            del self._keys[card.key]
            for word in card.key.split():
                self._with_word[word].discard(card.key)

    def like(self, key: str) -> list[tuple[str, float]]:
        """The keys most like one, with their likeness, best first."""
        rarest = sorted((self._with_word.get(word, _NO_KEYS) for word in key.split()), key=len)
        looked = dict[str, None]()
        for keys in rarest:
            if looked and len(looked) + len(keys) > KEYS_LOOKED_AT:
                break
            looked.update(dict.fromkeys(keys))
        names, found = sorted(looked), dict[str, float]()
        for scorer, least in ((fuzz.token_set_ratio, LIKE), (fuzz.token_sort_ratio, LIKE_IN_LENGTH)):
            for name, score, _ in process.extract(key, names, scorer=scorer, score_cutoff=least, limit=KEYS_KEPT):
                found[name] = max(score, found.get(name, 0.0))
        return sorted(found.items(), key=lambda pair: -pair[1])

    def of(self, card: Card, limit: int = 5, likes: list[tuple[str, float]] | None = None) -> list[Candidate]:
        """The markets here that could be the same as one from elsewhere, likeliest first."""
        best = list[tuple[float, int, int, str]]()
        for key, likeness in self.like(card.key) if likes is None else likes:
            for name in self._keys[key].near(card.day):
                other = self.cards[name]
                if card.block and other.block and card.block != other.block:
                    continue
                apart = 0 if card.day is None or other.day is None else abs(card.day - other.day)
                best.append((-likeness, -len(card.numbers & other.numbers), apart, name))
        return [Candidate(card.id, name, -likeness) for likeness, _, _, name in heapq.nsmallest(limit, best)]


_NO_KEYS: frozenset[str] = frozenset()


def all_of(one: Cards, other: Cards, limit: int = 5) -> Iterator[Candidate]:
    """Candidates of every market of one platform among the other's."""
    by_key = defaultdict[str, list[Card]](list)
    for card in one.cards.values():
        by_key[card.key].append(card)
    for key, cards in by_key.items():
        if key and (likes := other.like(key)):
            for card in cards:
                yield from other.of(card, limit, likes)


def changed(one: Cards, other: Cards, limit: int = 5) -> Iterator[Candidate]:
    """Candidates of what was put on either side since the last look; both are taken for seen then."""
    seen = set[tuple[str, str]]()
    for name in one.changed:
        for found in other.of(one.cards[name], limit):
            seen.add((found.one, found.other))
            yield found
    for name in other.changed:
        for found in one.of(other.cards[name], limit):
            if (found.other, found.one) not in seen:
                yield Candidate(found.other, found.one, found.likeness)
    one.changed.clear()
    other.changed.clear()
