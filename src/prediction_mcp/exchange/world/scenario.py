"""What is listed: a listing that looks like an ordinary day on Kalshi, and goes on as the days do.

A program says at which moments of the calendar it has an event, and writes it. The first day lists what is due and some
of what is over; later, whatever comes within a program's reach. What an event is worth is drawn from the seed and the
moment alone, so the same seed gives the same listing whenever one starts. All wording is our own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from .fair import ComboFair, ScalarFair
from .listed import Catalogue, Event, FeeChange, Series, leg_of
from .listings import (
    HOUR,
    Listing,
    Outcome,
    day_code,
    exclusive_event,
    ladder_event,
    month_code,
    ms,
    range_event,
    write_event,
    yes_no_event,
)

DAY, DAY_MS = timedelta(days=1), 86_400_000
COMBO_SERIES = "KXMVECROSSCATEGORY-SHARD1"
COLLECTION = f"{COMBO_SERIES}-R"
"""The one collection that combos of games are made in: the only one of production since 2026-08-24."""

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
        Series(COMBO_SERIES, "Sports combos", "Sports", ["Combos"], "custom",
               ("the leagues", "https://www.nba.com/"), fee_type="quadratic_with_combo_maker_fees"),
    )
}  # fmt: skip


# -- when --------------------------------------------------------------------------------------------------------

Moments = Callable[[datetime, datetime], Iterator[datetime]]
"""The moments of a calendar from the first to before the second."""


def every(step: timedelta, at: timedelta = timedelta()) -> Moments:
    """Every so often since 1970, ``at`` after the full step."""
    epoch = datetime.fromtimestamp(0, UTC) + at

    def moments(start: datetime, end: datetime) -> Iterator[datetime]:
        moment = epoch + -((epoch - start) // step) * step
        while moment < end:
            if moment >= start:
                yield moment
            moment += step

    return moments


def weekdays(at: timedelta) -> Moments:
    """Monday to Friday."""

    def moments(start: datetime, end: datetime) -> Iterator[datetime]:
        return (moment for moment in every(DAY, at)(start, end) if moment.weekday() < 5)

    return moments


def dates(day: int, hour: int, months: tuple[int, ...] = tuple(range(1, 13)), years: int = 1) -> Moments:
    """A day of some months of every so many years."""

    def moments(start: datetime, end: datetime) -> Iterator[datetime]:
        for year in range(start.year, end.year + 1):
            for month in months:
                moment = datetime(year, month, day, hour, tzinfo=UTC)
                if year % years == 0 and start <= moment < end:
                    yield moment

    return moments


@dataclass(frozen=True, slots=True)
class Program:
    """Events that come again and again: listed once they are ``ahead`` away; one that starts late looks ``behind``."""

    name: str
    moments: Moments
    write: Callable[[datetime, random.Random, Catalogue], Iterator[Event]]
    ahead: timedelta
    behind: timedelta = timedelta()


# -- what --------------------------------------------------------------------------------------------------------


def _fed(meeting: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
    yield exclusive_event(
        Listing(SERIES["KXFEDDECISION"], month_code(meeting), f"Fed decision in {meeting:%B %Y}?", f"{meeting:%b %d, %Y}",
                meeting - DAY * 200, meeting, meeting + HOUR, 4.0), FED, rng)  # fmt: skip


def _statistic(ticker: str, title: str, middle: float, step: float, rungs: int) -> Callable[..., Iterator[Event]]:
    def write(release: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
        about = release - DAY * 30
        yield ladder_event(
            Listing(SERIES[ticker], month_code(about), title.format(f"{about:%B %Y}"), f"Published {release:%b %d, %Y}",
                    release - DAY * 120, release, release + HOUR, 2.0), middle, step, rungs, "{}%", rng, "linear_cent")  # fmt: skip

    return write


def _temperature(ticker: str, city: str, middle: float) -> Callable[..., Iterator[Event]]:
    def write(day: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
        yield range_event(
            Listing(SERIES[ticker], day_code(day), f"Highest temperature in {city} on {day:%b %d, %Y}?", f"{day:%b %d, %Y}",
                    day - DAY, day + HOUR * 29, day + HOUR * 36, 1.2), middle + rng.randrange(-6, 7), 2, 6, "{}°", rng)  # fmt: skip

    return write


def _rain(day: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
    yield yes_no_event(
        Listing(SERIES["KXRAINNYC"], day_code(day), f"Will it rain in NYC on {day:%b %d, %Y}?", f"{day:%b %d, %Y}",
                day - DAY, day + HOUR * 29, day + HOUR * 36, 0.8), "", "Rain in NYC", rng, unclear=1 / 12)  # fmt: skip


def _coin(
    ticker: str, name: str, middle: float, step: float, rungs: int, structure: str
) -> Callable[..., Iterator[Event]]:
    def write(at: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
        yield ladder_event(
            Listing(SERIES[ticker], f"{day_code(at)}17", f"{name} price on {at:%b %d, %Y} at 5pm EST?", f"{at:%b %d}, 5pm EST",
                    at - DAY * 2, at, at + HOUR / 12, 3.0), middle, step, rungs, "${}", rng, structure)  # fmt: skip

    return write


def _quarter_hour(start: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
    end = start + timedelta(minutes=15)
    yield yes_no_event(
        Listing(SERIES["KXBTC15M"], f"{day_code(start)}{end:%H%M}", "BTC price up in the next 15 minutes?", f"until {end:%H:%M} UTC",
                start, end, end + timedelta(minutes=1), 2.0), f"{end:%M}", "Up", rng, "deci_cent")  # fmt: skip


def _stocks(close: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
    yield range_event(
        Listing(SERIES["KXINXU"], f"{day_code(close)}H1600", f"S&P 500 close on {close:%b %d, %Y}?", f"{close:%b %d, %Y}",
                close - DAY * 4, close, close + HOUR, 2.0), 6_900, 25, 12, "{}", rng)  # fmt: skip


def _games(ticker: str, teams: list[str], sport: str, number: int) -> Callable[..., Iterator[Event]]:
    def write(day: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
        drawn = rng.sample(teams, number * 2)
        for i in range(number):
            away, home = drawn[2 * i], drawn[2 * i + 1]
            start = day + HOUR * i
            yield exclusive_event(
                Listing(SERIES[ticker], f"{day_code(start)}{away}{home}", f"{away} at {home}: who wins the {sport} game?",
                        f"{away} at {home} ({start:%b %d})", start - DAY * 10, start + HOUR * 3, start + HOUR * 4, 2.5,
                        starts=start, also=", overtime included"),
                [(away, away), (home, home)], rng)  # fmt: skip

    return write


def _final(final: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
    yield exclusive_event(
        Listing(SERIES["KXSB"], f"{final:%y}", f"Football champion in {final:%Y}?", f"{final:%Y} final", final - DAY * 400, final,
                final + HOUR * 5, 2.0), [(club, club) for club in CLUBS], rng)  # fmt: skip


def _election(day: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
    yield exclusive_event(
        Listing(SERIES["KXPRESPERSON"], f"{day:%y}", f"Who wins the US presidential election of {day:%Y}?", f"{day:%Y}",
                day - DAY * 1500, day, day + DAY * 2, 5.0), HOPEFULS, rng)  # fmt: skip


def _shutdown(end: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
    yield yes_no_event(
        Listing(SERIES["KXSHUTDOWN"], day_code(end), f"US government shutdown before {end:%b %d, %Y}?", f"Before {end:%b %d, %Y}",
                end - DAY * 90, end, end + HOUR, 2.0), "", "Shutdown", rng)  # fmt: skip


def _vote_share(vote: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
    listing = Listing(SERIES["KXVOTESHARE"], day_code(vote), "Share of the vote for the incumbent's party in the special election?",
                      f"{vote:%b %d, %Y}", vote - DAY * 60, vote, vote + DAY, 0.6)  # fmt: skip
    rule = "This market pays the incumbent party's share of the vote, in dollars, as certified by the state."
    fair = ScalarFair(round(rng.uniform(0.4, 0.6), 2))
    event = write_event(listing, [Outcome("", "Vote share", rule)], fair, exclusive=False, structure="linear_cent")
    event.markets[0].market_type, event.markets[0].strike_type = "scalar", "functional"
    event.markets[0].waiver_ms = ms(vote - DAY * 5)
    yield event


def _gala(gala: datetime, rng: random.Random, _: Catalogue) -> Iterator[Event]:
    yield exclusive_event(
        Listing(SERIES["KXOSCARPIC"], f"{gala:%y}", f"Best Picture at the {gala:%Y} Oscars?", f"{gala:%Y}", gala - DAY * 400,
                gala, gala + HOUR * 8, 1.0), FILMS, rng)  # fmt: skip


# -- combos ------------------------------------------------------------------------------------------------------


def open_games(catalogue: Catalogue, at_ms: int) -> list[Event]:
    """The games that a combo made now can have as legs."""
    return [
        event
        for event in catalogue.events.values()
        if event.series.ticker in ("KXNBAGAME", "KXNFLGAME") and event.markets[0].close_ms > at_ms
    ]


def combo_event(catalogue: Catalogue, legs: list[tuple[str, str, str]], code: str, opens: datetime) -> Event:
    """A combo of (event, market, side): it pays if every leg is right. It ends with the first leg that ends."""
    markets = [catalogue.markets[ticker] for _, ticker, _ in legs]
    labels = [f"{side} {market.yes_sub_title}" for market, (_, _, side) in zip(markets, legs, strict=True)]
    closes = min(datetime.fromtimestamp(m.close_ms / 1000, UTC) for m in markets)
    decided = max(datetime.fromtimestamp(m.decide_ms / 1000, UTC) for m in markets)
    fair = ComboFair([leg_of(catalogue, ticker, side) for _, ticker, side in legs])
    combo = write_event(
        Listing(SERIES[COMBO_SERIES], f"S{opens:%Y}{code}", ",".join(labels), "Combo", opens, closes,
                decided + HOUR, 0.4),
        [Outcome("C1", ",".join(labels), "")], fair, exclusive=False, structure="deci_cent")  # fmt: skip
    combo.collection = COLLECTION
    combo.markets[0].legs = legs
    combo.markets[0].strike_type = "custom"
    return combo


def _combos(at: datetime, rng: random.Random, catalogue: Catalogue) -> Iterator[Event]:
    if any(e.collection and e.markets[0].open_ms == ms(at) for e in catalogue.events.values()):
        return  # an exchange that was read from disk has them already
    games = open_games(catalogue, ms(at + DAY / 2))
    for _ in range(6):
        chosen = rng.sample(games, rng.choice((2, 3)))
        markets = [rng.choice(game.markets) for game in chosen]
        legs = [(market.event.ticker, market.ticker, "yes") for market in markets]
        yield combo_event(catalogue, legs, f"{rng.getrandbits(36):09X}", at)


PROGRAMS: tuple[Program, ...] = (
    Program("election", dates(7, 5, (11,), 4), _election, DAY * 1500),
    Program("shutdown", dates(1, 5, (2, 4, 6, 8, 10, 12)), _shutdown, DAY * 90),
    Program("vote share", every(DAY * 30, HOUR * 12), _vote_share, DAY * 40),
    Program("gala", dates(10, 2, (3,)), _gala, DAY * 400),
    Program("fed", every(DAY * 45, DAY * 3 + HOUR * 19), _fed, DAY * 180),
    Program("cpi", dates(12, 13), _statistic("KXCPIYOY", "CPI over the year to {}?", 2.8, 0.1, 9), DAY * 92),
    Program("jobs", dates(5, 13), _statistic("KXU3", "Unemployment rate in {}?", 4.4, 0.1, 8), DAY * 92),
    Program("gdp", dates(28, 13, (1, 4, 7, 10)),
            _statistic("KXGDP", "Real GDP growth in the quarter to {}?", 2.2, 0.5, 8), DAY * 184),
    Program("heat nyc", every(DAY), _temperature("KXHIGHNY", "New York City", 52.0), DAY * 2, DAY * 3),
    Program("heat chicago", every(DAY), _temperature("KXHIGHCHI", "Chicago", 44.0), DAY * 2, DAY * 3),
    Program("rain", every(DAY), _rain, DAY * 3, DAY * 3),
    Program("bitcoin", every(DAY, HOUR * 22), _coin("KXBTCD", "Bitcoin", 91_000, 1_000, 15, "tapered_deci_cent"),
            DAY * 3, DAY),
    Program("ethereum", every(DAY, HOUR * 22), _coin("KXETHD", "Ethereum", 3_050, 50, 13, "linear_cent"), DAY * 3, DAY),
    Program("quarter hours", every(timedelta(minutes=15)), _quarter_hour, timedelta(minutes=45), timedelta(minutes=45)),
    Program("stocks", weekdays(HOUR * 21), _stocks, DAY * 4, DAY * 4),
    Program("basketball", every(DAY), _games("KXNBAGAME", TEAMS, "basketball", 3), DAY * 4, DAY),
    Program("football", every(DAY * 7, DAY * 3 + HOUR * 18), _games("KXNFLGAME", CLUBS, "football", 8), DAY * 8),
    Program("final", dates(8, 23, (2,)), _final, DAY * 400),
    Program("combos", every(HOUR * 12), _combos, timedelta(), DAY),
)  # fmt: skip


SCENARIOS: dict[str, tuple[Program, ...]] = {
    "everyday": PROGRAMS,
    "small": tuple(p for p in PROGRAMS if p.name in ("fed", "heat nyc", "rain", "quarter hours", "final")),
}


def due(catalogue: Catalogue, seed: int, now_ms: int) -> Iterator[Event]:
    """What is to be listed by now and isn't yet; each event is added to the catalogue as it comes."""
    return due_programs(SCENARIOS[catalogue.scenario], catalogue, seed, now_ms)


def due_programs(programs: tuple[Program, ...], catalogue: Catalogue, seed: int, now_ms: int) -> Iterator[Event]:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    for program in programs:
        for moment in program.moments(now - program.behind, now + program.ahead + timedelta(seconds=1)):
            key = f"{program.name}/{moment.isoformat()}"
            if key in catalogue.programmed:
                continue
            catalogue.programmed[key] = ms(moment)
            for event in program.write(moment, random.Random(f"{seed}/{key}"), catalogue):
                if event.ticker not in catalogue.events:
                    catalogue.add(event)
                    yield event
    for key in [key for key, at_ms in catalogue.programmed.items() if at_ms < now_ms - 10 * 86_400_000]:
        del catalogue.programmed[key]


def fee_changes(started_ms: int) -> list[FeeChange]:
    """What became of fees before an exchange started, and what is scheduled; the same for the same start."""
    year = datetime.fromtimestamp(started_ms / 1000, UTC).year
    election = year + (4 - year % 4) % 4 + (4 if year % 4 == 0 else 0)
    half, whole = Decimal("0.5"), Decimal(1)
    return [
        FeeChange("KXINXU", None, "quadratic", half, started_ms - 100 * DAY_MS),
        FeeChange("KXINXU", None, "quadratic_with_maker_fees", half, started_ms + 20 * DAY_MS),
        FeeChange("KXETHD", None, "quadratic", half, started_ms + 10 * DAY_MS),
        FeeChange("KXPRESPERSON", f"KXPRESPERSON-{election % 100:02d}", "quadratic", half, started_ms - 10 * DAY_MS),
        FeeChange("KXETHD", None, "quadratic", whole, started_ms + 40 * DAY_MS),
    ]


def _show_every_state(catalogue: Catalogue, rng: random.Random) -> None:
    """The first listing holds a market in each of the rarer states, so that clients meet them; these stay as they are."""
    rare = (
        ("KXSB", 0, "inactive"), ("KXINXU", 0, "closed"), ("KXRAINNYC", 0, "determined"),
        ("KXHIGHCHI", 1, "disputed"), ("KXHIGHNY", 1, "amended"),
    )  # fmt: skip
    for ticker, index, status in rare:
        event = [e for e in catalogue.events.values() if e.series.ticker == ticker][index]
        market = event.markets[-1 if status == "inactive" else rng.randrange(len(event.markets))]
        market.status, market.frozen = status, True


def first_day(scenario: str, seed: int, now_ms: int, *, sharded: bool = False) -> Catalogue:
    """Return the listing of an exchange that starts at ``now_ms``; ``sharded`` puts it on the shards of production.

    ``everyday`` are about 20 series, 90 events and 450 markets in every state there is; ``small`` are five series.

    Raises:
        ValueError: there is no such scenario.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"there is no scenario {scenario!r}: take {' or '.join(SCENARIOS)}")
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    rng = random.Random(f"everyday/{seed}")
    catalogue = Catalogue(scenario=scenario, sharded=sharded)
    old = now.replace(hour=0, minute=0, second=0, microsecond=0) - DAY * 40  # behind the historical cutoff
    for program in SCENARIOS[scenario]:
        if program.name.startswith("heat"):
            for event in program.write(old, rng, catalogue):
                catalogue.add(event)
    for _ in due(catalogue, seed, now_ms):
        pass
    for series in catalogue.series.values():
        series.created_ms = ms(now - DAY * 400)
    if scenario == "everyday":
        _show_every_state(catalogue, rng)
    return catalogue
