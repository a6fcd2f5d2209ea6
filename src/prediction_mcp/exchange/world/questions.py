"""What Polymarket's front lists: part of it the same questions as on the Kalshi front, in other words; part its own.

One world: where both ask the same, one :class:`.fair.Fair` decides both, seen through a :class:`.fair.SharedFair`. What
differs is what differs in life: wording, source, the void clause, cut of the outcomes, the opposite question. All
wording is our own. A market's ticker is its slug, an event's likewise.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from .fair import ExclusiveFair, Fair, NumberFair, SharedFair
from .latent import game_starts
from .listed import Catalogue, Event, Market, Question, Series
from .listings import HOUR, ms
from .scenario import DAY, Program, due_programs, every

LIVENESS_S = 2 * 3_600
"""How long a proposed result can be challenged."""
QUICK_S = 60
"""The same where a price feed decides by itself."""
CATEGORIES: dict[str, Series] = {
    slug: Series(
        slug, title, category, [slug], "fifteen_min" if slug == "up-or-down" else "custom", (source, ""), fee_type=fees
    )
    for slug, title, category, source, fees in (
        ("economics", "Economics", "Economics", "the agency that publishes it", "economics_fees"),
        ("politics", "Politics", "Politics", "a consensus of credible reporting", "politics_fees"),
        ("basketball", "Basketball", "Sports", "the league", "sports_fees_v3"),
        ("football", "American football", "Sports", "the league", "zero_fees"),
        ("soccer", "Soccer", "Sports", "the federation", "sports_fees_v3"),
        ("movies", "Movies", "Culture", "the Academy", "culture_fees"),
        ("crypto", "Crypto", "Crypto", "an exchange's one-minute candle", "crypto_fees_v2"),
        ("up-or-down", "Up or Down", "Crypto", "a price feed", "crypto_fees_v2"),
        ("weather", "Weather", "Weather", "the airport's station", "weather_fees"),
        ("tech", "Tech", "Tech", "the companies' market values", "tech_fees"),
        ("geopolitics", "Geopolitics", "World", "a consensus of credible reporting", "none"),
        ("mentions", "Mentions", "Mentions", "the video of the speech", "mentions_fees"),
    )
}  # fmt: skip
VOID = " If it is cancelled and not made up for within a week, this market resolves 50-50."


# -- identities ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def condition_id(slug: str) -> str:
    return "0x" + hashlib.sha256(f"condition/{slug}".encode()).hexdigest()


@lru_cache(maxsize=4096)
def token_ids(slug: str, *, v2: bool = False) -> tuple[str, str]:
    """Of the first and the second outcome. Those of protocol v2 have zeros in bits 40 to 103."""
    numbers = [int.from_bytes(hashlib.sha256(f"{side}/{slug}".encode()).digest()) for side in ("first", "second")]
    if v2:
        numbers = [(n >> 104 << 104) | (n & 0xFFFFFFFFFF) for n in numbers]
    return str(numbers[0]), str(numbers[1])


# -- writing -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Draft:
    """An event that is being written; its markets share its times."""

    event: Event
    opens: int
    closes: int
    decides: int

    def market(
        self,
        slug: str,
        title: str,
        rules: str,
        question: Question,
        *,
        outcomes: tuple[str, str] = ("Yes", "No"),
        tick: str = "0.01",
        liveness_s: int = LIVENESS_S,
        interest: float = 2.0,
    ) -> None:
        p = self.event.fair.probabilities()[len(self.event.markets)]
        listed = self.opens - 3_600_000
        market = Market(
            slug, self.event, title, *outcomes, rules, self.opens, self.closes, self.decides, listed, listed, tick
        )
        market.settlement_timer_s, market.question = liveness_s, question
        market.interest = interest * (0.3 + 2.8 * p * (1 - p))
        self.event.markets.append(market)


def _draft(series: str, slug: str, title: str, fair: Fair, times: tuple[int, int, int], *, exclusive: bool) -> _Draft:
    opens, closes, decides = times
    event = Event(slug, CATEGORIES[series], title, "", exclusive, fair, strike_ms=decides, updated_ms=opens)
    return _Draft(event, opens, closes, decides)


def _slug(text: str) -> str:
    kept = "".join(c if c.isalnum() else "-" for c in text.lower().replace("'", "").replace(",", ""))
    return "-".join(part for part in kept.split("-") if part)


def _day(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


# -- the same questions --------------------------------------------------------------------------------------------


def _of(other: Event, series: str, slug: str, title: str, fair: Fair, *, exclusive: bool) -> _Draft:
    first = other.markets[0]
    return _draft(series, slug, title, fair, (first.open_ms, first.close_ms, first.decide_ms), exclusive=exclusive)


def _all(other: Event) -> SharedFair:
    return SharedFair(other.fair, other.ticker, [(i, True) for i in range(len(other.markets))])


def _fed(other: Event) -> Event:
    when = _day(other.markets[0].close_ms)
    draft = _of(other, "economics", _slug(f"fed decision in {when:%B %Y}"), f"Fed decision in {when:%B}?", _all(other),
                exclusive=True)  # fmt: skip
    for label, words in zip(
        ("50+ bps decrease", "25 bps decrease", "No change", "25+ bps increase"),
        ("cut rates by more than 25 bps", "cut rates by 25 bps", "leave rates unchanged", "raise rates by 25+ bps"),
        strict=True,
    ):  # fmt: skip
        title = f"Will the Fed {words} at its {when:%B %Y} meeting?"
        rules = (
            f"This market resolves to “Yes” if the upper bound of the target rate moves as named at the meeting that "
            f"ends on {when:%B %d, %Y}. Source: the FOMC's statement."
        )  # fmt: skip
        draft.market(_slug(title), title, rules, Question(label), interest=5.0)
    return draft.event


def _shutdown(other: Event) -> Event:
    when = _day(other.markets[0].close_ms)
    title = f"Will the US government stay open until {when:%B %d, %Y}?"
    draft = _of(other, "politics", _slug(title), title, SharedFair(other.fair, other.ticker, [(0, False)]),
                exclusive=False)  # fmt: skip
    rules = (
        "This market resolves to “Yes” if no lapse in appropriations leads to a shutdown before the date named, and to "
        "“No” otherwise. Source: the Office of Personnel Management."
    )
    draft.market(draft.event.ticker, title, rules, Question(), interest=3.0)
    return draft.event


def _race(series: str, slug: str, title: str, ask: str, rule: str, tick: str) -> Callable[[Event], Event]:
    """An event in which one of several wins; ``ask`` and ``rule`` take the name and the year."""

    def write(other: Event) -> Event:
        year = _day(other.markets[0].close_ms).year
        draft = _of(other, series, slug.format(year), title.format(year), _all(other), exclusive=True)
        for market in other.markets:
            name = market.yes_sub_title
            question = ask.format(name, year)
            draft.market(_slug(question), question, rule.format(name, year), Question(name), tick=tick, interest=2.5)
        return draft.event

    return write


def _game(series: str, delay: int) -> Callable[[Event], Event]:
    def write(other: Event) -> Event:
        away, home = (market.yes_sub_title for market in other.markets)
        starts = game_starts(other)
        slug = _slug(f"{series} {away} {home} {_day(starts):%Y-%m-%d}")
        fair = SharedFair(other.fair, other.ticker, [(0, True)])
        draft = _of(other, series, slug, f"{away} vs. {home}", fair, exclusive=False)
        rules = f"This market resolves to the team that wins the game of {_day(starts):%B %d, %Y}, overtime included."
        question = Question(seconds_delay=delay, game_start_ms=starts, clear_on_start=True, can_void=True)
        draft.market(slug, f"{away} vs. {home}", rules + VOID, question, outcomes=(away, home), interest=3.0)
        return draft.event

    return write


def _above(coin: str) -> Callable[[Event], Event]:
    """Every second strike, of another exchange's price: nearly the same question, with another source."""

    def write(other: Event) -> Event:
        when = _day(other.markets[0].close_ms)
        kept = list(range(0, len(other.markets), 2))
        fair = SharedFair(other.fair, other.ticker, [(i, True) for i in kept])
        title = f"{coin} above ___ on {when:%B %d}?"
        draft = _of(other, "crypto", _slug(f"{coin} above on {when:%B %d %Y}"), title, fair, exclusive=False)
        for i in kept:
            strike = f"${other.markets[i].floor_strike:,}"
            ask = f"Will the price of {coin} be above {strike} on {when:%B %d}?"
            rules = (
                f"This market resolves to “Yes” if the one-minute candle of {coin}/USDT that starts at {when:%H:%M} "
                f"UTC on {when:%B %d, %Y} closes above {strike} on the exchange named as the source. Source: Binance."
            )  # fmt: skip
            question = Question(strike, delays_takers=True)
            draft.market(_slug(f"{ask} {when:%Y}"), ask, rules, question, liveness_s=QUICK_S, interest=3.0)
        return draft.event

    return write


def _up_or_down(other: Event) -> Event:
    market = other.markets[0]
    starts, ends = _day(market.open_ms), _day(market.close_ms)
    title = f"Bitcoin Up or Down - {starts:%B %d}, {starts:%H:%M}-{ends:%H:%M} UTC"
    fair = SharedFair(other.fair, other.ticker, [(0, True)])
    draft = _of(other, "up-or-down", f"btc-updown-15m-{market.open_ms // 1000}", title, fair, exclusive=False)
    rules = (
        "This market resolves to “Up” if the price at the end of the window is greater than or equal to the price at "
        "its beginning, otherwise to “Down”. Source: Chainlink's BTC/USD feed."
    )
    draft.market(draft.event.ticker, title, rules, Question(delays_takers=True), outcomes=("Up", "Down"),
            liveness_s=QUICK_S, interest=2.0)  # fmt: skip
    return draft.event


def _temperature(city: str, station: str) -> Callable[[Event], Event]:
    """Another station: a number of its own near the other's."""

    def write(other: Event) -> Event:
        when = _day(other.markets[0].open_ms + 86_400_000)
        base = other.fair
        assert isinstance(base, NumberFair)  # noqa: S101 - the series lists nothing else
        fair = NumberFair(base.mean + 0.8, base.sd * 1.05, base.ranges, base.decimals)
        title = f"Highest temperature in {city} on {when:%B %d}?"
        draft = _of(other, "weather", _slug(f"{title} {when:%Y}"), title, fair, exclusive=True)
        for market in other.markets:
            label = market.yes_sub_title
            ask = f"Will the highest temperature in {city} be {label.lower()} on {when:%B %d}?"
            rules = (
                f"This market resolves to “Yes” if the highest temperature recorded at {station} on {when:%B %d, %Y} "
                f"lies in the range named, in whole degrees Fahrenheit. Source: the station's daily history."
            )  # fmt: skip
            draft.market(_slug(f"{ask} {when:%Y}"), ask, rules, Question(label), interest=1.5)
        return draft.event

    return write


def _inflation(other: Event) -> Event:
    """The same number in buckets that exclude each other, where the other front lists what it lies above."""
    base = other.fair
    assert isinstance(base, NumberFair)  # noqa: S101 - the series lists nothing else
    edges = [float(market.floor_strike) for market in other.markets if market.floor_strike is not None][2:7]
    about = other.title.removeprefix("CPI over the year to ").rstrip("?")
    bounds: list[tuple[float | None, float | None]] = [
        (None, edges[0]),
        *pairwise(edges),
        (edges[-1], None),
    ]
    fair = SharedFair(base, other.ticker, ranges=bounds)
    title = f"{about} inflation, year over year?"
    draft = _of(other, "economics", _slug(f"inflation {about}"), title, fair, exclusive=True)
    for floor, cap in bounds:
        label = f"{cap:.1f}% or less" if floor is None else f"More than {floor:.1f}%" if cap is None else f"{cap:.1f}%"
        ask = f"Will annual inflation be {label.lower()} in {about}?"
        rules = (
            f"This market resolves to “Yes” if the CPI for {about}, rounded to a tenth, is {label}. Source: the BLS."
        )
        draft.market(_slug(ask.replace(".", "pt")), ask, rules, Question(label), interest=2.0)
    return draft.event


COUNTERPARTS: dict[str, Callable[[Event], Event]] = {
    "KXFEDDECISION": _fed,
    "KXSHUTDOWN": _shutdown,
    "KXPRESPERSON": _race("politics", "presidential-election-winner-{}", "Presidential Election Winner {}",
                          "Will {} win the {} US Presidential Election?",
                          "This market resolves to “Yes” if three networks name {} the winner in {}.",
                          "0.001"),
    "KXSB": _race("football", "big-game-champion-{}", "Pro football champion {}",
                  "Will {} win the {} pro football title?",
                  "This market resolves to “Yes” if {} wins the final of {}.", "0.001"),
    "KXOSCARPIC": _race("movies", "oscars-{}-best-picture-winner", "Oscars {}: Best Picture Winner",
                        "Will “{}” win Best Picture at the {} Oscars?",
                        "This market resolves to “Yes” if “{}” is announced as the winner in {}.", "0.01"),
    "KXNBAGAME": _game("basketball", 1),
    "KXNFLGAME": _game("football", 3),
    "KXBTCD": _above("Bitcoin"),
    "KXETHD": _above("Ethereum"),
    "KXBTC15M": _up_or_down,
    "KXHIGHNY": _temperature("NYC", "LaGuardia Airport"),
    "KXCPIYOY": _inflation,
}  # fmt: skip
"""How an event of the Kalshi front's series is asked here."""


def counterpart(other: Event) -> Event | None:
    """The event as this front lists it; None for what only the other one has."""
    write = COUNTERPARTS.get(other.series.ticker)
    if write is None or other.stage > 2 or any(market.frozen for market in other.markets):
        return None
    return write(other)


# -- its own -------------------------------------------------------------------------------------------------------

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
        draft = _draft(series, _slug(about), about, fair, (opens, closes, closes + 3_600_000), exclusive=True)
        draft.event.augmented = more > 0
        for i, label in enumerate(labels):
            question = ask.format(label, f"{at:%B %Y}")
            rules = f"This market resolves to “Yes” if it is {label}. If nobody is known in time, “Other” wins."
            extra = Question(label, v2=v2, placeholder=i > len(names))
            draft.market(_slug(question), question, rules, extra, tick=tick, interest=1.5)
        yield draft.event

    return write


def _ceasefire(at: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
    title = f"Ceasefire in the Norland strait by {at:%B %d, %Y}?"
    fair = ExclusiveFair([rng.gauss(-0.5, 1.0)], ["Yes"])
    draft = _draft(
        "geopolitics", _slug(title), title, fair, (ms(at - DAY * 45), ms(at), ms(at + HOUR)), exclusive=False
    )
    rules = "This market resolves to “Yes” if both governments announce a ceasefire by the date named, 11:59 PM ET."
    draft.market(draft.event.ticker, title, rules, Question())
    yield draft.event


def _speech(at: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
    title = f"What will be said in the address of {at:%B %d}?"
    scores = [rng.gauss(0.0, 0.6) for _ in WORDS]
    for word, score in zip(WORDS, scores, strict=True):
        ask = f"Will “{word}” be said in the address of {at:%B %d, %Y}?"
        draft = _draft("mentions", _slug(ask), ask, ExclusiveFair([score], [word]),
                       (ms(at - DAY * 5), ms(at), ms(at + HOUR * 2)), exclusive=False)  # fmt: skip
        rules = f"This market resolves to “Yes” if the word or its plural is spoken. ({title})" + VOID
        draft.market(draft.event.ticker, ask, rules, Question(word, can_void=True))
        yield draft.event


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


NAMED_EVERY = timedelta(days=7)
