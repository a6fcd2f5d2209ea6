"""What Polymarket's front lists: part of it the same questions as on the Kalshi front, in other words; part its own.

One world: where both ask the same, one :class:`.fair.Fair` decides both, seen through a :class:`.fair.SharedFair`. What
differs is what differs in life: wording, source, the void clause, cut of the outcomes, the opposite question. All
wording is our own. A market's ticker is its slug, an event's likewise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise

from .fair import Fair, NumberFair, SharedFair
from .latent import game_starts
from .listed import Event, Market, Question, Series

LIVENESS_S = 2 * 3_600
"""How long a proposed result can be challenged."""
QUICK_S = 60
"""The same where a price feed decides by itself."""
CATEGORIES: dict[str, Series] = {
    slug: Series(
        slug, title, category, [slug], "fifteen_min" if slug == "up-or-down" else "custom", (source, ""), fee_type=fees
    )
    for slug, title, category, source, fees in (
        ("economics", "Economics", "Economics", "", "economics_fees"),
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


BINARY, NEG_RISK = 1, 2
"""Modules of protocol v2, the first byte of its ids."""


def _hashed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest())


@lru_cache(maxsize=8192)
def _v1_ids(slug: str) -> tuple[str, tuple[str, str]]:
    tokens = str(_hashed(f"first/{slug}")), str(_hashed(f"second/{slug}"))
    return f"0x{_hashed(f'condition/{slug}'):064x}", tokens


@lru_cache(maxsize=1024)
def _v2_ids(module: int, event: str, number: int) -> tuple[str, tuple[str, str]]:
    """Module (8 bits), event (144), zeros (64), market within the event (32), outcome (8); a condition has outcome 0.

    Source: Polymarket's resources/onchain-position-data; the official SDK decodes position ids so.
    """
    condition = module << 248 | _hashed(f"event/{event}") >> 112 << 104 | number << 8
    return f"0x{condition:064x}", (str(condition), str(condition | 1))


def is_v2(market: Market) -> bool:
    """Whether a market is of protocol v2: other ids, other signatures."""
    return market.question is not None and market.question.v2


def _ids(market: Market) -> tuple[str, tuple[str, str]]:
    event = market.event
    if not is_v2(market):
        return _v1_ids(market.ticker)
    return _v2_ids(NEG_RISK if event.exclusive else BINARY, event.ticker, event.markets.index(market))


def condition_of(market: Market) -> str:
    """A market's condition id: 0x and 64 hex digits."""
    return _ids(market)[0]


def tokens_of(market: Market) -> tuple[str, str]:
    """Ids of a market's first and second outcome, decimal: token ids, or position ids of a v2 market."""
    return _ids(market)[1]


# -- writing -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Draft:
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


def draft(series: str, slug: str, title: str, fair: Fair, times: tuple[int, int, int], *, exclusive: bool) -> Draft:
    opens, closes, decides = times
    event = Event(slug, CATEGORIES[series], title, "", exclusive, fair, strike_ms=decides, updated_ms=opens)
    return Draft(event, opens, closes, decides)


def slug_of(text: str) -> str:
    kept = "".join(c if c.isalnum() else "-" for c in text.lower().replace("'", "").replace(",", ""))
    return "-".join(part for part in kept.split("-") if part)


def _day(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


# -- the same questions --------------------------------------------------------------------------------------------


def _of(other: Event, series: str, slug: str, title: str, fair: Fair, *, exclusive: bool) -> Draft:
    first = other.markets[0]
    return draft(series, slug, title, fair, (first.open_ms, first.close_ms, first.decide_ms), exclusive=exclusive)


def _all(other: Event) -> SharedFair:
    return SharedFair(other.fair, other.ticker, [(i, True) for i in range(len(other.markets))])


def _fed(other: Event) -> Event:
    when = _day(other.markets[0].close_ms)
    slug, title = slug_of(f"fed decision in {when:%B %Y}"), f"Fed decision in {when:%B}?"
    written = _of(other, "economics", slug, title, _all(other), exclusive=True)
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
        written.market(slug_of(title), title, rules, Question(label), interest=5.0)
    return written.event


def _shutdown(other: Event) -> Event:
    when = _day(other.markets[0].close_ms)
    title = f"Will the US government stay open until {when:%B %d, %Y}?"
    written = _of(other, "politics", slug_of(title), title, SharedFair(other.fair, other.ticker, [(0, False)]),
                exclusive=False)  # fmt: skip
    rules = (
        "This market resolves to “Yes” if no lapse in appropriations leads to a shutdown before the date named, and to "
        "“No” otherwise. Source: the Office of Personnel Management."
    )
    written.market(written.event.ticker, title, rules, Question(), interest=3.0)
    return written.event


def _race(series: str, slug: str, title: str, ask: str, rule: str, tick: str) -> Callable[[Event], Event]:
    """An event in which one of several wins; ``ask`` takes the name and the year, ``rule`` the day as well."""

    def write(other: Event) -> Event:
        when = _day(other.markets[0].close_ms)
        year, day = when.year, f"{when:%B %d, %Y}"
        written = _of(other, series, slug.format(year), title.format(year), _all(other), exclusive=True)
        for market in other.markets:
            name = market.yes_sub_title
            question = ask.format(name, year)
            written.market(
                slug_of(question), question, rule.format(name, year, day), Question(name), tick=tick, interest=2.5
            )
        return written.event

    return write


def _game(series: str, delay: int) -> Callable[[Event], Event]:
    def write(other: Event) -> Event:
        away, home = (market.yes_sub_title for market in other.markets)
        starts = game_starts(other)
        slug = slug_of(f"{series} {away} {home} {_day(starts):%Y-%m-%d}")
        fair = SharedFair(other.fair, other.ticker, [(0, True)])
        written = _of(other, series, slug, f"{away} vs. {home}", fair, exclusive=False)
        rules = f"This market resolves to the team that wins the game of {_day(starts):%B %d, %Y}, overtime included."
        question = Question(seconds_delay=delay, game_start_ms=starts, clear_on_start=True, can_void=True)
        written.market(slug, f"{away} vs. {home}", rules + VOID, question, outcomes=(away, home), interest=3.0)
        return written.event

    return write


def _above(coin: str) -> Callable[[Event], Event]:
    """Every second strike, of another exchange's price: nearly the same question, with another source."""

    def write(other: Event) -> Event:
        when = _day(other.markets[0].close_ms)
        kept = list(range(0, len(other.markets), 2))
        fair = SharedFair(other.fair, other.ticker, [(i, True) for i in kept])
        title = f"{coin} above ___ on {when:%B %d}?"
        written = _of(other, "crypto", slug_of(f"{coin} above on {when:%B %d %Y}"), title, fair, exclusive=False)
        for i in kept:
            strike = f"${other.markets[i].floor_strike:,}"
            ask = f"Will the price of {coin} be above {strike} on {when:%B %d}?"
            rules = (
                f"This market resolves to “Yes” if the one-minute candle of {coin}/USDT that starts at {when:%H:%M} "
                f"UTC on {when:%B %d, %Y} closes above {strike} on the exchange named as the source. Source: Binance."
            )  # fmt: skip
            question = Question(strike, delays_takers=True)
            written.market(slug_of(f"{ask} {when:%Y}"), ask, rules, question, liveness_s=QUICK_S, interest=3.0)
        return written.event

    return write


def _up_or_down(other: Event) -> Event:
    market = other.markets[0]
    starts, ends = _day(market.open_ms), _day(market.close_ms)
    title = f"Bitcoin Up or Down - {starts:%B %d}, {starts:%H:%M}-{ends:%H:%M} UTC"
    fair = SharedFair(other.fair, other.ticker, [(0, True)])
    written = _of(other, "up-or-down", f"btc-updown-15m-{market.open_ms // 1000}", title, fair, exclusive=False)
    rules = (
        "This market resolves to “Up” if the price at the end of the window is greater than or equal to the price at "
        "its beginning, otherwise to “Down”. Source: Chainlink's BTC/USD feed."
    )
    written.market(written.event.ticker, title, rules, Question(delays_takers=True), outcomes=("Up", "Down"),
            liveness_s=QUICK_S, interest=2.0)  # fmt: skip
    return written.event


def _temperature(city: str, station: str) -> Callable[[Event], Event]:
    """Another station: a number of its own near the other's."""

    def write(other: Event) -> Event:
        when = _day(other.markets[0].open_ms + 86_400_000)
        base = other.fair
        assert isinstance(base, NumberFair)  # noqa: S101 - the series lists nothing else
        fair = NumberFair(base.mean + 0.8, base.sd * 1.05, base.ranges, base.decimals)
        title = f"Highest temperature in {city} on {when:%B %d}?"
        written = _of(other, "weather", slug_of(f"{title} {when:%Y}"), title, fair, exclusive=True)
        for market in other.markets:
            label = market.yes_sub_title
            ask = f"Will the highest temperature in {city} be {label.lower()} on {when:%B %d}?"
            rules = (
                f"This market resolves to “Yes” if the highest temperature recorded at {station} on {when:%B %d, %Y} "
                f"lies in the range named, in whole degrees Fahrenheit. Source: the station's daily history."
            )  # fmt: skip
            written.market(slug_of(f"{ask} {when:%Y}"), ask, rules, Question(label), interest=1.5)
        return written.event

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
    written = _of(other, "economics", slug_of(f"inflation {about}"), title, fair, exclusive=True)
    for floor, cap in bounds:
        label = f"{cap:.1f}% or less" if floor is None else f"More than {floor:.1f}%" if cap is None else f"{cap:.1f}%"
        ask = f"Will annual inflation be {label.lower()} in {about}?"
        rules = (
            f"This market resolves to “Yes” if the CPI for {about}, rounded to a tenth, is {label}. Source: the BLS."
        )
        written.market(slug_of(ask.replace(".", "pt")), ask, rules, Question(label), interest=2.0)
    return written.event


COUNTERPARTS: dict[str, Callable[[Event], Event]] = {
    "KXFEDDECISION": _fed,
    "KXSHUTDOWN": _shutdown,
    "KXPRESPERSON": _race("politics", "presidential-election-winner-{}", "Presidential Election Winner {}",
                          "Will {} win the {} US Presidential Election?",
                          "This market resolves to “Yes” if three networks name {0} the winner in {1}.",
                          "0.001"),
    "KXSB": _race("football", "big-game-champion-{}", "Pro football champion {}",
                  "Will {} win the {} pro football title?",
                  "This market resolves to “Yes” if {0} wins the final of {2}.", "0.001"),
    "KXOSCARPIC": _race("movies", "oscars-{}-best-picture-winner", "Oscars {}: Best Picture Winner",
                        "Will “{}” win Best Picture at the {} Oscars?",
                        "This market resolves to “Yes” if “{0}” is announced as the winner on {2}.", "0.01"),
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
