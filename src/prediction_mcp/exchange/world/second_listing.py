"""What the second front lists of its own, when all of it is due, and how it ends: disputed, void, named later."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from datetime import datetime

from .fair import ExclusiveFair
from .listed import Catalogue, Event, Market, Question
from .listings import HOUR, ms
from .questions import QUICK_S, VOID, counterpart, draft, slug_of
from .scenario import DAY, Program, due_programs, every

NATIONS = [
    "Spain",
    "France",
    "Brazil",
    "Argentina",
    "England",
    "Germany",
    "Portugal",
    "Netherlands",
    "Morocco",
    "Japan",
]
PEOPLE = ["Mara Ellison", "Tomas Reyes", "Aiko Tanaka", "Jonas Lindqvist", "Priya Raman", "Samuel Okafor"]
COMPANIES = ["Nvidia", "Microsoft", "Apple", "Alphabet", "Amazon"]
WORDS = ["inflation", "tariff", "energy", "artificial intelligence", "border"]


def _own_race(
    series: str, names: list[str], title: str, ask: str, tick: str, *, v2: bool = False, more: int = 0, days: int = 60
) -> Callable[[datetime, random.Random, Catalogue], Iterator[Event]]:
    """One of the names, or with ``more`` of others that are named later, or none of all these ("Other")."""

    def write(at: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
        labels = [*names, *(["Other"] if more else []), *(f"Person {'ABCDEF'[i]}" for i in range(more))]
        scores = [rng.gauss(0.0, 1.1) for _ in names] + [-1.5] * bool(more) + [-6.0] * more
        about = title.format(f"{at:%B %Y}")
        fair = ExclusiveFair(scores, labels)
        opens, closes = ms(at - DAY * days), ms(at)
        written = draft(series, slug_of(about), about, fair, (opens, closes, closes + 3_600_000), exclusive=True)
        written.event.augmented = more > 0
        for i, label in enumerate(labels):
            question = ask.format(label, f"{at:%B %Y}")
            rules = f"This market resolves to “Yes” if it is {label}. If nobody is known in time, “Other” wins."
            extra = Question(label, v2=v2, placeholder=i > len(names))
            written.market(slug_of(question), question, rules, extra, tick=tick, interest=1.5)
        yield written.event

    return write


def _ceasefire(at: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
    title = f"Ceasefire in the Norland strait by {at:%B %d, %Y}?"
    fair = ExclusiveFair([rng.gauss(-0.5, 1.0)], ["Yes"])
    written = draft(
        "geopolitics", slug_of(title), title, fair, (ms(at - DAY * 45), ms(at), ms(at + HOUR)), exclusive=False
    )
    rules = "This market resolves to “Yes” if both governments announce a ceasefire by the date named, 11:59 PM ET."
    written.market(written.event.ticker, title, rules, Question())
    yield written.event


def _speech(at: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
    title = f"What will be said in the address of {at:%B %d}?"
    scores = [rng.gauss(0.0, 0.6) for _ in WORDS]
    for word, score in zip(WORDS, scores, strict=True):
        ask = f"Will “{word}” be said in the address of {at:%B %d, %Y}?"
        written = draft("mentions", slug_of(ask), ask, ExclusiveFair([score], [word]),
                       (ms(at - DAY * 5), ms(at), ms(at + HOUR * 2)), exclusive=False)  # fmt: skip
        rules = f"This market resolves to “Yes” if the word or its plural is spoken. ({title})" + VOID
        written.market(written.event.ticker, ask, rules, Question(word, can_void=True))
        yield written.event


OWN: tuple[Program, ...] = (
    Program("pm cup", every(DAY * 365, DAY * 180), _own_race("soccer", NATIONS, "World champion of {}",
            "Will {} become world champion in {}?", "0.0025", days=400), DAY * 400),
    Program("pm person", every(DAY * 90, DAY * 12), _own_race("politics", PEOPLE, "Next head of the council, {}",
            "Will {} be the next head of the council in {}?", "0.01", more=3), DAY * 60),
    Program("pm company", every(DAY * 30, DAY * 5), _own_race("tech", COMPANIES, "Largest company end of {}",
            "Will {} be the largest company by value at the end of {}?", "0.01", v2=True), DAY * 30),
    Program("pm ceasefire", every(DAY * 30, DAY * 15), _ceasefire, DAY * 40),
    Program("pm speech", every(DAY * 7, HOUR * 2), _speech, DAY * 7),
)  # fmt: skip


def due_questions(catalogue: Catalogue, world: Catalogue, seed: int, now_ms: int) -> Iterator[Event]:
    """What is to be listed by now and isn't yet; each event is added to the catalogue as it comes."""
    for other in list(world.events.values()):
        key = f"of {other.ticker}"
        if key in catalogue.programmed:
            continue
        event = counterpart(other)
        if event is None:
            continue
        catalogue.programmed[key] = other.markets[0].decide_ms
        if event.ticker not in catalogue.events:
            catalogue.add(event)
            yield event
    yield from due_programs(OWN, catalogue, seed, now_ms)


def is_disputed(event: Event) -> bool:
    """Whether the first proposal of an event's result is challenged; the same for its name."""
    if event.markets[0].settlement_timer_s == QUICK_S:
        return False
    return hashlib.sha256(f"dispute/{event.ticker}".encode()).digest()[0] < 16


def is_void(market: Market) -> bool:
    """Whether what a market is about doesn't take place, where that is possible; the same for its name."""
    can = market.question is not None and market.question.can_void
    return can and hashlib.sha256(f"void/{market.ticker}".encode()).digest()[0] < 8


def named_later(event: Event) -> list[Market]:
    """The outcomes that have no name yet."""
    return [m for m in event.markets if m.question is not None and m.question.placeholder]
