"""The scenario ``everyday``: a listing that looks like an ordinary day on Kalshi, dated around the start time.

Tables of what is listed, and one builder a kind of event. The same seed and the same start give the same listing.
All wording is our own.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from .catalogue import Catalogue, Event, Market, Series
from .fair import ComboFair, ExclusiveFair, Fair, NumberFair, ScalarFair

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def day_code(moment: datetime) -> str:
    return moment.strftime("%y%b%d").upper()


def month_code(moment: datetime) -> str:
    return moment.strftime("%y%b").upper()


@dataclass(slots=True)
class Listing:
    """One event's times and wording, before its markets are written."""

    series: Series
    code: str
    title: str
    sub_title: str
    opens: datetime
    closes: datetime
    decides: datetime
    interest: float = 1.0


@dataclass(slots=True)
class Outcome:
    code: str
    label: str
    rules: str
    floor: Decimal | None = None
    cap: Decimal | None = None

    @property
    def strike_type(self) -> str:
        if self.floor is not None and self.cap is not None:
            return "between"
        if self.floor is not None:
            return "greater"
        return "less" if self.cap is not None else "structured"


def write_event(listing: Listing, outcomes: list[Outcome], fair: Fair, *, exclusive: bool, structure: str) -> Event:
    event = Event(
        ticker=f"{listing.series.ticker}-{listing.code}",
        series=listing.series,
        title=listing.title,
        sub_title=listing.sub_title,
        exclusive=exclusive,
        fair=fair,
        strike_ms=ms(listing.decides),
        updated_ms=ms(listing.opens),
    )
    created = ms(listing.opens - HOUR)
    for outcome, p in zip(outcomes, fair.probabilities(), strict=True):
        event.markets.append(
            Market(
                ticker=f"{event.ticker}-{outcome.code}" if outcome.code else event.ticker,
                event=event,
                title=listing.title,
                yes_sub_title=outcome.label,
                no_sub_title=outcome.label,
                rules=outcome.rules,
                open_ms=ms(listing.opens),
                close_ms=ms(listing.closes),
                decide_ms=ms(listing.decides),
                created_ms=created,
                updated_ms=created,
                structure=structure,
                strike_type=outcome.strike_type,
                floor_strike=outcome.floor,
                cap_strike=outcome.cap,
                interest=listing.interest * (0.3 + 2.8 * p * (1 - p)),
            )
        )
    return event


# -- kinds of event ----------------------------------------------------------------------------------------------


def exclusive_event(listing: Listing, labels: list[tuple[str, str]], rng: random.Random) -> Event:
    scores = [rng.gauss(0.0, 1.1) for _ in labels]
    rule = "If {} is the outcome of “{}” as published by {}, this market resolves to Yes."
    outcomes = [
        Outcome(code, label, rule.format(label, listing.title, listing.series.source[0])) for code, label in labels
    ]
    fair = ExclusiveFair(scores, [label for _, label in labels])
    return write_event(listing, outcomes, fair, exclusive=True, structure="linear_cent")


def yes_no_event(listing: Listing, code: str, label: str, rng: random.Random, structure: str = "linear_cent") -> Event:
    rule = f"If “{listing.title}” is answered with yes by {listing.series.source[0]}, this market resolves to Yes."
    fair = ExclusiveFair([rng.gauss(0.0, 1.0)], [label])
    return write_event(listing, [Outcome(code, label, rule)], fair, exclusive=False, structure=structure)


def ladder_event(
    listing: Listing, middle: float, step: float, rungs: int, unit: str, rng: random.Random, structure: str
) -> Event:
    """Above each of ``rungs`` strikes round ``middle``; several can be right at once."""
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0
    sd = step * rungs / 4
    strikes = [round(middle + step * (i - rungs // 2), decimals) for i in range(rungs)]
    fair = NumberFair(middle + rng.gauss(0.0, sd / 3), sd, [(s, None) for s in strikes], decimals + 1)
    outcomes = [
        Outcome(
            f"T{s:.{decimals}f}",
            f"Above {unit.format(f'{s:,.{decimals}f}')}",
            f"If the value published by {listing.series.source[0]} is above {unit.format(f'{s:,.{decimals}f}')}, "
            "this market resolves to Yes.",
            floor=Decimal(f"{s:.{decimals}f}"),
        )
        for s in strikes
    ]
    return write_event(listing, outcomes, fair, exclusive=False, structure=structure)


def range_event(listing: Listing, middle: float, step: float, buckets: int, unit: str, rng: random.Random) -> Event:
    """Buckets that exclude each other and leave no gap, open at both ends."""
    edges = [middle + step * (i - (buckets - 2) / 2) for i in range(buckets - 1)]
    bounds: list[tuple[float | None, float | None]] = [
        (None, edges[0]),
        *pairwise(edges),
        (edges[-1], None),
    ]
    fair = NumberFair(middle + rng.gauss(0.0, step), step * buckets / 5, bounds, 1)
    outcomes = []
    for floor, cap in bounds:
        if floor is None:
            code, label = f"B{cap:g}", f"{unit.format(f'{cap:,g}')} or below"
        elif cap is None:
            code, label = f"T{floor:g}", f"Above {unit.format(f'{floor:,g}')}"
        else:
            code = f"B{(floor + cap) / 2:g}"
            label = f"Above {unit.format(f'{floor:,g}')} up to {unit.format(f'{cap:,g}')}"
        rule = f"If the value published by {listing.series.source[0]} is in “{label}”, this market resolves to Yes."
        exact = [None if edge is None else Decimal(f"{edge:g}") for edge in (floor, cap)]
        outcomes.append(Outcome(code, label, rule, exact[0], exact[1]))
    return write_event(listing, outcomes, fair, exclusive=True, structure="linear_cent")


# -- what is listed ----------------------------------------------------------------------------------------------

FED = [("C26", "Cut of more than 25bp"), ("C25", "Cut of 25bp"), ("H0", "No change"), ("H25", "Hike of 25bp")]
TEAMS = ["ATL", "BOS", "CHI", "CLE", "DAL", "DEN", "DET", "GSW", "HOU", "LAL", "MEM", "MIA", "MIL", "MIN", "NYK", "PHI"]
CLUBS = ["ARI", "BAL", "BUF", "CIN", "DAL", "DET", "GB", "KC", "LAR", "MIN", "NE", "NYJ", "PHI", "PIT", "SEA", "SF"]
HOPEFULS = [
    ("NEWS", "Gavin Newsom"), ("VANC", "JD Vance"), ("RUBI", "Marco Rubio"), ("OCAS", "Alexandria Ocasio-Cortez"),
    ("BUTT", "Pete Buttigieg"), ("SHAP", "Josh Shapiro"), ("DESA", "Ron DeSantis"), ("PRIT", "JB Pritzker"),
    ("WHIT", "Gretchen Whitmer"), ("HALE", "Nikki Haley"), ("MOOR", "Wes Moore"), ("BESH", "Andy Beshear"),
]  # fmt: skip
FILMS = [
    ("TIDE", "The Long Tide"), ("ORCH", "Orchard Street"), ("MERI", "Meridian"), ("GLAS", "A House of Glass"),
    ("WINT", "Winter Harbor"), ("LAST", "The Last Cartographer"), ("ECHO", "Echo Valley"), ("SALT", "Salt"),
]  # fmt: skip

SERIES: dict[str, Series] = {
    s.ticker: s
    for s in (
        Series("KXFEDDECISION", "Fed decision", "Economics", ["Fed", "Rates"], "custom",
               ("Federal Reserve", "https://www.federalreserve.gov/")),
        Series("KXCPIYOY", "Inflation, year over year", "Economics", ["Inflation"], "monthly",
               ("Bureau of Labor Statistics", "https://www.bls.gov/")),
        Series("KXU3", "Unemployment rate", "Economics", ["Jobs"], "monthly",
               ("Bureau of Labor Statistics", "https://www.bls.gov/")),
        Series("KXGDP", "US GDP growth", "Economics", ["Growth"], "quarterly",
               ("Bureau of Economic Analysis", "https://www.bea.gov/")),
        Series("KXHIGHNY", "Highest temperature in NYC", "Climate and Weather", ["Daily temperature"], "daily",
               ("National Weather Service", "https://www.weather.gov/")),
        Series("KXHIGHCHI", "Highest temperature in Chicago", "Climate and Weather", ["Daily temperature"], "daily",
               ("National Weather Service", "https://www.weather.gov/")),
        Series("KXRAINNYC", "Rain in NYC", "Climate and Weather", ["Rain"], "daily",
               ("National Weather Service", "https://www.weather.gov/")),
        Series("KXBTCD", "Bitcoin price, daily", "Crypto", ["BTC"], "daily",
               ("CF Benchmarks", "https://www.cfbenchmarks.com/")),
        Series("KXBTC15M", "Bitcoin up or down, 15 minutes", "Crypto", ["BTC", "15 min"], "fifteen_min",
               ("CF Benchmarks", "https://www.cfbenchmarks.com/")),
        Series("KXETHD", "Ethereum price, daily", "Crypto", ["ETH"], "daily",
               ("CF Benchmarks", "https://www.cfbenchmarks.com/")),
        Series("KXINXU", "S&P 500 close", "Financials", ["S&P", "Daily"], "daily",
               ("S&P Dow Jones Indices", "https://www.spglobal.com/spdji/"), fee_multiplier=Decimal("0.5")),
        Series("KXNBAGAME", "Professional basketball game", "Sports", ["Basketball"], "daily",
               ("the league", "https://www.nba.com/"), fee_type="quadratic_with_maker_fees"),
        Series("KXNFLGAME", "Professional football game", "Sports", ["Football"], "weekly",
               ("the league", "https://www.nfl.com/"), fee_type="quadratic_with_maker_fees"),
        Series("KXSB", "Football champion", "Sports", ["Football"], "annual",
               ("the league", "https://www.nfl.com/"), fee_type="quadratic_with_maker_fees"),
        Series("KXPRESPERSON", "Next US president", "Politics", ["US elections"], "custom",
               ("Federal Election Commission", "https://www.fec.gov/")),
        Series("KXSHUTDOWN", "Government shutdown", "Politics", ["Congress"], "custom",
               ("Office of Personnel Management", "https://www.opm.gov/")),
        Series("KXVOTESHARE", "Vote share", "Politics", ["US elections"], "custom",
               ("the state's election office", "https://www.usa.gov/state-election-office")),
        Series("KXOSCARPIC", "Best Picture", "Entertainment", ["Oscars"], "annual",
               ("the Academy", "https://www.oscars.org/")),
        Series("KXMVESPORTSMULTIGAME", "Sports combos", "Sports", ["Combos"], "custom",
               ("the leagues", "https://www.nba.com/"), fee_type="quadratic_with_combo_maker_fees"),
    )
}  # fmt: skip


def _economics(now: datetime, rng: random.Random) -> Iterator[Event]:
    for i in range(4):
        meeting = now + DAY * (18 + 45 * i)
        yield exclusive_event(
            Listing(SERIES["KXFEDDECISION"], month_code(meeting), f"Fed decision in {meeting:%B %Y}?", f"{meeting:%b %d, %Y}",
                    now - DAY * 40, meeting, meeting + HOUR, 4.0), FED, rng)  # fmt: skip
    tables: tuple[tuple[str, str, float, float, int, str, int], ...] = (
        ("KXCPIYOY", "CPI over the year to {}?", 2.8, 0.1, 9, "{}%", 3),
        ("KXU3", "Unemployment rate in {}?", 4.4, 0.1, 8, "{}%", 3),
        ("KXGDP", "Real GDP growth in the quarter to {}?", 2.2, 0.5, 8, "{}%", 2),
    )
    for ticker, title, middle, step, rungs, unit, events in tables:
        for i in range(events):
            release = now + DAY * (12 + 30 * i)
            yield ladder_event(
                Listing(SERIES[ticker], month_code(release - DAY * 20), title.format(f"{release - DAY * 20:%B %Y}"),
                        f"Published {release:%b %d, %Y}", now - DAY * 25, release, release + HOUR, 2.0),
                middle, step, rungs, unit, rng, "linear_cent")  # fmt: skip


def _weather(now: datetime, rng: random.Random) -> Iterator[Event]:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for ticker, city, middle in (("KXHIGHNY", "New York City", 52.0), ("KXHIGHCHI", "Chicago", 44.0)):
        for i in (-40, -2, -1, 0, 1, 2):  # the oldest lies behind the historical cutoff
            day = today + DAY * i
            yield range_event(
                Listing(SERIES[ticker], day_code(day), f"Highest temperature in {city} on {day:%b %d, %Y}?", f"{day:%b %d, %Y}",
                        day - DAY, day + HOUR * 29, day + HOUR * 36, 1.2), middle + rng.randrange(-6, 7), 2, 6, "{}°", rng)  # fmt: skip
    for i in range(-2, 4):
        day = today + DAY * i
        yield yes_no_event(
            Listing(SERIES["KXRAINNYC"], day_code(day), f"Will it rain in NYC on {day:%b %d, %Y}?", f"{day:%b %d, %Y}",
                    day - DAY, day + HOUR * 29, day + HOUR * 36, 0.8), "", "Rain in NYC", rng)  # fmt: skip


def _markets(now: datetime, rng: random.Random) -> Iterator[Event]:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for ticker, name, middle, step, rungs, structure in (
        ("KXBTCD", "Bitcoin", 91_000.0, 1_000.0, 15, "tapered_deci_cent"),
        ("KXETHD", "Ethereum", 3_050.0, 50.0, 13, "linear_cent"),
    ):
        for i in range(-1, 3):
            day = today + DAY * i + HOUR * 22
            yield ladder_event(
                Listing(SERIES[ticker], f"{day_code(day)}17", f"{name} price on {day:%b %d, %Y} at 5pm EST?", f"{day:%b %d}, 5pm EST",
                        day - DAY * 2, day, day + HOUR / 12, 3.0), middle, step, rungs, "${}", rng, structure)  # fmt: skip
    quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    for i in range(-2, 3):
        start = quarter + timedelta(minutes=15 * i)
        end = start + timedelta(minutes=15)
        yield yes_no_event(
            Listing(SERIES["KXBTC15M"], f"{day_code(start)}{end:%H%M}", "BTC price up in the next 15 minutes?", f"until {end:%H:%M} UTC",
                    start, end, end + timedelta(minutes=1), 2.0), f"{end:%M}", "Up", rng, "deci_cent")  # fmt: skip
    for i in range(-1, 3):
        close = today + DAY * i + HOUR * 21
        yield range_event(
            Listing(SERIES["KXINXU"], f"{day_code(close)}H1600", f"S&P 500 close on {close:%b %d, %Y}?", f"{close:%b %d, %Y}",
                    close - DAY * 2, close, close + HOUR, 2.0), 6_900, 25, 12, "{}", rng)  # fmt: skip


def _sports(now: datetime, rng: random.Random) -> Iterator[Event]:
    for ticker, teams, sport in (("KXNBAGAME", TEAMS, "basketball"), ("KXNFLGAME", CLUBS, "football")):
        drawn = rng.sample(teams, len(teams))
        for i in range(0, len(drawn), 2):
            away, home = drawn[i], drawn[i + 1]
            start = (now + HOUR * (5 + 7 * i)).replace(minute=0, second=0, microsecond=0)
            yield exclusive_event(
                Listing(SERIES[ticker], f"{day_code(start)}{away}{home}", f"{away} at {home}: who wins the {sport} game?",
                        f"{away} at {home} ({start:%b %d})", now - DAY * 5, start + HOUR * 3, start + HOUR * 4, 2.5),
                [(away, away), (home, home)], rng)  # fmt: skip
    final = now + DAY * 80
    yield exclusive_event(
        Listing(SERIES["KXSB"], f"{final:%y}", f"Football champion in {final:%Y}?", f"{final:%Y} final", now - DAY * 90, final,
                final + HOUR * 5, 2.0), [(club, club) for club in CLUBS], rng)  # fmt: skip


def _politics(now: datetime, rng: random.Random) -> Iterator[Event]:
    election = now.replace(year=now.year + (4 - now.year % 4 or 4), month=11, day=7)
    yield exclusive_event(
        Listing(SERIES["KXPRESPERSON"], f"{election:%y}", f"Who wins the US presidential election of {election:%Y}?",
                f"{election:%Y}", now - DAY * 120, election, election + DAY * 2, 5.0), HOPEFULS, rng)  # fmt: skip
    for i in range(2):
        end = now + DAY * (30 + 40 * i)
        yield yes_no_event(
            Listing(SERIES["KXSHUTDOWN"], day_code(end), f"US government shutdown before {end:%b %d, %Y}?", f"Before {end:%b %d, %Y}",
                    now - DAY * 20, end, end + HOUR, 2.0), "", "Shutdown", rng)  # fmt: skip
    vote = now + DAY * 25
    listing = Listing(SERIES["KXVOTESHARE"], day_code(vote), "Share of the vote for the incumbent's party in the special election?",
                      f"{vote:%b %d, %Y}", now - DAY * 10, vote, vote + DAY, 0.6)  # fmt: skip
    rule = "This market pays the incumbent party's share of the vote, in dollars, as certified by the state."
    event = write_event(
        listing, [Outcome("", "Vote share", rule)], ScalarFair(0.47), exclusive=False, structure="linear_cent"
    )
    event.markets[0].market_type = "scalar"
    event.markets[0].strike_type = "functional"
    yield event
    gala = now + DAY * 110
    yield exclusive_event(
        Listing(SERIES["KXOSCARPIC"], f"{gala:%y}", f"Best Picture at the {gala:%Y} Oscars?", f"{gala:%Y}", now - DAY * 30,
                gala, gala + HOUR * 8, 1.0), FILMS, rng)  # fmt: skip


def _combos(now: datetime, rng: random.Random, games: list[Event]) -> Iterator[Event]:
    for i in range(12):
        chosen = rng.sample(games, rng.choice((2, 3)))
        fair = ComboFair()
        legs: list[tuple[str, str, str]] = []
        labels: list[str] = []
        for event in chosen:
            index = rng.randrange(len(event.markets))
            fair.legs.append((event.fair, index))
            legs.append((event.ticker, event.markets[index].ticker, "yes"))
            labels.append(f"yes {event.markets[index].yes_sub_title}")
        closes = min(datetime.fromtimestamp(e.markets[0].close_ms / 1000, UTC) for e in chosen)
        decided = max(datetime.fromtimestamp(e.markets[0].decide_ms / 1000, UTC) for e in chosen)
        combo = write_event(
            Listing(SERIES["KXMVESPORTSMULTIGAME"], f"S{now:%Y}{rng.getrandbits(28):07X}{i:02d}", ",".join(labels), "Combo",
                    now - HOUR * 6, closes, decided + HOUR, 0.4),
            [Outcome("C1", ",".join(labels), "If every leg resolves as chosen, this market resolves to Yes.")],
            fair, exclusive=False, structure="linear_cent")  # fmt: skip
        combo.collection = "KXMVESPORTSMULTIGAME-R"
        combo.markets[0].legs = legs
        combo.markets[0].strike_type = "custom"
        yield combo


def _show_every_state(catalogue: Catalogue, rng: random.Random) -> None:
    """A listing always holds a market in each of the rarer states, so that clients meet them; these stay as they are."""
    rare = (
        ("KXSB", 0, "inactive"), ("KXINXU", 0, "closed"), ("KXRAINNYC", 0, "determined"),
        ("KXHIGHCHI", 1, "disputed"), ("KXHIGHNY", 1, "amended"),
    )  # fmt: skip
    for ticker, index, status in rare:
        event = [e for e in catalogue.events.values() if e.series.ticker == ticker][index]
        market = event.markets[-1 if status == "inactive" else rng.randrange(len(event.markets))]
        market.status, market.frozen = status, True


def everyday(seed: int, now_ms: int) -> Catalogue:
    """About 20 series, 70 events and 400 markets, dated around ``now_ms``."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    rng = random.Random(f"everyday/{seed}")
    catalogue = Catalogue()
    sections: tuple[Callable[[datetime, random.Random], Iterator[Event]], ...] = (
        _politics, _economics, _weather, _markets, _sports,
    )  # fmt: skip
    for section in sections:
        for event in section(now, rng):
            catalogue.add(event)
    games = [e for e in catalogue.events.values() if e.series.ticker in ("KXNBAGAME", "KXNFLGAME")]
    for event in _combos(now, rng, games):
        catalogue.add(event)
    for series in catalogue.series.values():
        series.created_ms = ms(now - DAY * 400)
    _show_every_state(catalogue, rng)
    return catalogue
