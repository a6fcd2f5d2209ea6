"""The kinds of event there are, written out as markets: exclusive outcomes, yes or no, ladders, ranges. Own wording."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from .fair import ExclusiveFair, Fair, NumberFair
from .listed import Event, Market, Series

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
    starts: datetime | None = None
    """When a game begins; its rules name that day, others' the day on which trading ends."""
    also: str = ""

    @property
    def day(self) -> datetime:
        return self.starts or self.closes


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
    rule = f"If {{}} is the outcome of “{listing.title}” on {listing.day:%B %d, %Y} as published by {{}}"
    rule += f"{listing.also}, this market resolves to Yes."
    outcomes = [Outcome(code, label, rule.format(label, listing.series.source[0])) for code, label in labels]
    fair = ExclusiveFair(scores, [label for _, label in labels])
    return write_event(listing, outcomes, fair, exclusive=True, structure="linear_cent")


def yes_no_event(
    listing: Listing, code: str, label: str, rng: random.Random, structure: str = "linear_cent", unclear: float = 0.0
) -> Event:
    """A yes or no; with the chance ``unclear`` it can't be told in the end, and pays its fair price."""
    rule = f"If “{listing.title}” is answered with yes by {listing.series.source[0]}, this market resolves to Yes."
    fair = ExclusiveFair([rng.gauss(0.0, 1.0)], [label], unclear=rng.random() < unclear)
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
            f"If the number that {listing.series.source[0]} answers “{listing.title}” with is above "
            f"{unit.format(f'{s:,.{decimals}f}')}, this market resolves to Yes.",
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
