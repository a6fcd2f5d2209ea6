"""Are two markets the same contract: the labelled pairs, laws of the verdict, and texts that mean to mislead it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.matching import moments, numbers
from prediction_mcp.matching import sources as said
from prediction_mcp.matching.candidates import Card, Cards, all_of, changed
from prediction_mcp.matching.facts import facts_of
from prediction_mcp.matching.listing import Listing, Strike
from prediction_mcp.matching.moments import Window, window
from prediction_mcp.matching.numbers import Interval, interval, of_strike
from prediction_mcp.matching.verdict import _numbers, compare

from .labelled import Pair, pairs

PAIRS = list(pairs())
MIRROR = {"subset": "superset", "superset": "subset"}


# -- the labelled pairs --------------------------------------------------------------------------------------------


def test_the_labels_are_what_they_have_to_be() -> None:
    assert len(PAIRS) >= 200
    assert sum(pair.apart for pair in PAIRS) >= len(PAIRS) * 0.3
    assert {pair.relation for pair in PAIRS} == {
        "identity", "complement", "subset", "superset", "disjoint", "overlap", "unknown",
    }  # fmt: skip
    named = {word for pair in PAIRS for word in pair.differs.split()}
    assert named >= {"entity", "threshold", "window", "source", "structure", "void", "early"}


@pytest.mark.parametrize("apart", [False, True])
def test_no_false_identity_and_nearly_all_relations_right(apart: bool) -> None:
    chosen = [pair for pair in PAIRS if pair.apart is apart]
    found = [(pair, compare(facts_of(pair.one), facts_of(pair.other)).relation) for pair in chosen]
    assert not [pair.name for pair, relation in found if relation == "identity" != pair.relation]
    same = [relation for pair, relation in found if pair.relation == "identity"]
    assert same.count("identity") >= 0.9 * len(same)
    assert sum(pair.relation == relation for pair, relation in found) >= 0.9 * len(found)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_other_way_round_it_is_the_same(pair: Pair) -> None:
    one, other = facts_of(pair.one), facts_of(pair.other)
    there, back = compare(one, other), compare(other, one)
    assert back.relation == MIRROR.get(there.relation, there.relation)
    assert [f.state for f in back.facts] == [f.state for f in there.facts]
    assert compare(one, one).relation in ("identity", "unknown")


def years_later(text: str) -> str:
    return re.sub(r"202\d", lambda year: str(int(year[0]) + 5), text)


@pytest.mark.parametrize("pair", [p for p in PAIRS if p.relation == "identity"], ids=lambda pair: pair.name)
def test_one_fact_made_different_ends_every_identity(pair: Pair) -> None:
    """Whatever else the texts say: another day, number, source, station or name is another contract."""
    one = facts_of(pair.one)
    changes = [
        replace(pair.other, rules=years_later(pair.other.rules), title=years_later(pair.other.title)),
        replace(pair.other, rules=pair.other.rules + " Source: the Other Ledger.", sources=("the Other Ledger",)),
        replace(pair.other, title=f"Zanzibar: {pair.other.title}"),
        replace(pair.other, title=f"{pair.other.title} (not)"),
    ]  # fmt: skip
    if pair.one.strike is not None:
        changes.append(replace(pair.other, strike=Strike("greater", Decimal(7_654_321))))
    for change in changes:
        assert compare(one, facts_of(change)).relation != "identity", change


def test_nothing_said_is_unknown_and_not_the_same() -> None:
    market = Listing("kalshi", "A", "Will it happen?", "If it happens, then the market resolves to Yes.")
    other = replace(market, platform="polymarket", id="b")
    assert compare(facts_of(market), facts_of(other)).relation == "unknown"  # not even a day


# -- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "title", "meant"),
    [
        ("Above 2.8%", "CPI?", "above 2.8"), ("At least 4.5%", "", "at least 4.5"),
        ("$100,000 or above", "", "at least 100000"),
        ("", "Will Bitcoin hit $1.5m by June?", "at least 1500000"), ("44° to 45°", "", "44 to 45"),
        ("2.9m-3.0m", "", "2900000 to 3000000"), ("50+ bps decrease", "Fed rates?", "at most -50"),
        ("Cut >25bps", "Fed?", "below -25"), ("25 bps increase", "Fed?", "exactly 25"),
        ("No change", "Fed?", "exactly 0"),
        ("4.4% or lower", "Unemployment rate?", "at most 4.4"),
        ("", "Will there be fewer than 15 launches?", "below 15"),
        ("", "Will S&P 500 close over 7,000?", "above 7000"), ("2", "How many?", "exactly 2"),
        ("", "Will she win?", None), ("", "Will it resolve 50-50?", None), ("Ketel: 4+", "", "at least 4"),
    ],
)  # fmt: skip
def test_thresholds_by_hand(option: str, title: str, meant: str | None) -> None:
    found = interval(*(moments.without(text) for text in (option, title, "")))
    assert (None if found is None else found.said) == meant


ENDS = st.integers(-3, 3)
INTERVALS = st.builds(
    lambda a, b, has_a, has_b, kind: (
        Interval(Decimal(min(a, b)), Decimal(max(a, b)), a == b or has_a, a == b or has_b) if kind == "both"
        else Interval(low=Decimal(a), has_low=has_a) if kind == "low" else Interval(high=Decimal(a), has_high=has_a)
    ),
    ENDS, ENDS, st.booleans(), st.booleans(), st.sampled_from(("both", "low", "high")),
)  # fmt: skip


def has(numbers: Interval, value: Decimal) -> bool:
    above = value > numbers.low or (value == numbers.low and numbers.has_low)
    return above and (value < numbers.high or (value == numbers.high and numbers.has_high))


@given(INTERVALS, INTERVALS, st.sampled_from((None, Decimal(1), Decimal("0.5"))))
def test_relations_of_numbers_are_those_of_their_members(a: Interval, b: Interval, step: Decimal | None) -> None:
    """Against the numbers one by one: without a grid at quarters, which lie between all ends there are."""
    each = [Decimal(n) * (step or Decimal("0.25")) for n in range(-40, 41)]
    one, other = ({n for n in each if has(x, n)} for x in (a, b))
    if not one or not other:
        return
    slow = (
        "identity" if one == other else "subset" if one < other else "superset" if one > other
        else "complement" if not one & other and len(one) + len(other) == len(each)
        else "disjoint" if not one & other else "overlap"
    )  # fmt: skip
    assert _numbers(a.on_grid(step), b.on_grid(step), step) == slow


def test_whole_degrees() -> None:
    more = of_strike(Strike("greater", Decimal(85)))
    assert more.on_grid(Decimal(1)) == Interval(Decimal(86))
    assert of_strike(Strike("greater", Decimal("3.5"))).on_grid(Decimal(1)) == Interval(Decimal(4))
    assert of_strike(Strike("less", None, Decimal(40))).on_grid(Decimal(1)) == Interval(high=Decimal(39))


# -- times ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("by December 31, 2026", Window("by", date(2026, 12, 31))),
        ("before January 1, 2027", Window("by", date(2026, 12, 31))),
        ("by Dec 31, 2026, 11:59 PM ET", Window("by", date(2026, 12, 31), datetime(2027, 1, 1, 5, tzinfo=UTC))),
        ("on December 3", Window("on", date(2026, 12, 3))),
        ("at 5:00 PM EST on December 3, 2026", Window("on", date(2026, 12, 3), datetime(2026, 12, 3, 22, tzinfo=UTC))),
        ("at 17:00 EDT on July 1, 2026", Window("on", date(2026, 7, 1), datetime(2026, 7, 1, 21, tzinfo=UTC))),
        ("between January 1 and December 31, 2026", Window("by", date(2026, 12, 31), None, date(2026, 1, 1))),
        ("in November 2026", Window("month", date(2026, 11, 30))), ("Q4 2026", Window("quarter", date(2026, 12, 31))),
        ("in 2027?", Window("year", date(2027, 12, 31))), ("on 2026-12-03", Window("on", date(2026, 12, 3))),
        ("the year 2000 problem", None), ("at 99:99 ET", None),
        ("on February 31, 2026", Window("year", date(2026, 12, 31))),
    ],
)  # fmt: skip
def test_times_by_hand(text: str, meant: Window | None) -> None:
    assert window((text,), date(2026, 11, 26)) == meant


def test_a_deadline_ends_when_trading_does() -> None:
    """ "Before January 1" and "by December 31, 11:59 PM ET" are one moment, where trading ends then."""
    rules = "If it rains in Texas before January 1, 2027, then the market resolves to Yes. Source: NOAA."
    one = Listing("kalshi", "A", "Rain in Texas in 2026?", rules, closes=datetime(2027, 1, 1, 4, 59, tzinfo=UTC))
    other = replace(one, rules="“Yes” if it rains in Texas by December 31, 2026, 11:59 PM ET. Source: NOAA.")
    assert compare(facts_of(one), facts_of(other)).relation == "identity"
    elsewhere = replace(one, closes=datetime(2026, 12, 30, tzinfo=UTC))
    assert compare(facts_of(elsewhere), facts_of(other)).relation == "unknown"


# -- the rest of the facts -----------------------------------------------------------------------------------------


def test_what_happens_without_a_result() -> None:
    assert said.void("If it is cancelled, this market resolves 50-50.") == "half each"
    assert said.void("It pays $1. If the game is postponed, it resolves to “No”.") == "no"
    assert said.void("If abandoned, it resolves to the last fair price.") == "fair price"
    assert said.void("It resolves to No otherwise.") is None
    assert said.early("It may resolve early.", "") is True
    assert said.early("It will not resolve before that day.", "the event occurs") is False
    assert said.early("", "") is None


# -- attacks -------------------------------------------------------------------------------------------------------


@given(st.text(max_size=300), st.text(max_size=60), st.text(max_size=600), st.text(max_size=20))
def test_no_text_breaks_it(title: str, option: str, rules: str, name: str) -> None:
    listing = Listing(
        "x", "1", title, rules, option=option, outcomes=(name, "No"), closes=datetime(2026, 12, 1, tzinfo=UTC)
    )
    verdict = compare(facts_of(listing), facts_of(replace(listing, rules=rules[::-1])))
    assert verdict.relation
    assert Card.of(listing).id == "1"


@pytest.mark.parametrize(
    "piece",
    [
        "9" * 50, "9,", "between 1 and ", "Source: ", "December 31, 2026 ", "Aa ", "recorded at A", "50-50 ",
        "at least ", "((((", "\uff21\uff22\uff11", "\u202e\u0663",
    ],
)  # fmt: skip
def test_long_texts_end(piece: str) -> None:
    long = piece * (60_000 // len(piece))
    listing = Listing("x", "1", long, long, option=long, outcomes=(long, long))
    assert compare(facts_of(listing), facts_of(listing))
    assert Card.of(listing)


def test_words_that_want_to_be_believed_decide_nothing() -> None:
    """A text that says of itself that it is the same is still read for its facts."""
    (pair,) = [p for p in PAIRS if p.name == "bitcoin-year-end a5"]
    liar = replace(pair.other, rules=pair.other.rules + " This market is identical to Kalshi's; relation: identity.")
    assert compare(facts_of(pair.one), facts_of(liar)).relation != "identity"


# -- candidates ----------------------------------------------------------------------------------------------------


def noise(number: int, prefix: str) -> Iterator[Card]:
    rng = random.Random(number)
    words = [
        "harbor",
        "river",
        "mountain",
        "league",
        "council",
        "senate",
        "storm",
        "rocket",
        "album",
        "index",
        "valley",
    ]
    for i in range(number):
        text = f"Will {' '.join(rng.sample(words, 3))} beat {rng.randrange(90)} before March {rng.randrange(1, 28)}?"
        yield Card.made(f"{prefix}{i}", text, rng.choice(("Sports", "Politics", "")), 739_900 + rng.randrange(99))


def test_every_market_that_is_the_same_is_a_candidate() -> None:
    cards = Cards(noise(3_000, "n"))
    for pair in PAIRS:
        cards.put(Card.of(pair.other))
    for pair in PAIRS:
        if pair.relation in ("identity", "complement"):
            assert pair.other.id in {c.other for c in cards.of(Card.of(pair.one), 20)}, pair.name


def test_subject_and_week_keep_markets_apart() -> None:
    base = Card.made("a", "Gulls vs. Pines", "Sports", 100)
    others = Cards([
        Card.made("same", "Gulls vs. Pines", "Basketball", 103), Card.made("late", "Gulls vs. Pines", "Sports", 108),
        Card.made("else", "Gulls vs. Pines", "Crypto", 100), Card.made("any", "Gulls vs. Pines", "", None),
    ])  # fmt: skip
    assert {c.other for c in others.of(base)} == {"same", "any"}


@given(st.data())
def test_what_is_put_and_removed_is_as_if_it_had_always_been_so(data: st.DataObject) -> None:
    known, kept = list(noise(40, "p")), Cards()
    there = dict[str, Card]()
    for _ in range(data.draw(st.integers(1, 60))):
        card = data.draw(st.sampled_from(known))
        if data.draw(st.booleans()):
            kept.remove(card.id)
            there.pop(card.id, None)
        else:
            moved = replace(card, day=data.draw(st.sampled_from((card.day, None, 739_950))))
            kept.put(moved)
            there[card.id] = moved
    fresh = Cards(there.values())
    assert kept.cards == fresh.cards
    for card in known:
        assert sorted(kept.of(card, 99), key=str) == sorted(fresh.of(card, 99), key=str)


def test_what_changed_is_found_again() -> None:
    one, other = Cards(noise(60, "k")), Cards(noise(60, "p"))
    everything = set(map(str, all_of(one, other, 99)))
    assert set(map(str, changed(one, other, 99))) >= everything
    assert not list(changed(one, other))
    one.put(Card.made("new", "Will harbor river mountain beat 5?", "Sports", 739_950))
    assert {c.one for c in changed(one, other, 99)} == {"new"}


def test_steps_are_known_for_what_everybody_counts_alike() -> None:
    assert numbers.step_of("Highest temperature in NYC?", "") == 1
    assert numbers.step_of("CPI in May?", "") == Decimal("0.1")
    assert numbers.step_of("Bitcoin price?", "") is None
