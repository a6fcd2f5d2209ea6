"""What the matcher says of the paper world's markets, held against how they end: the world decides, not a label."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from functools import cache

from prediction_mcp.analytics.gap import ends
from prediction_mcp.exchange.fronts.polymarket.opening import Second
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.matching.candidates import Card, Cards, all_of
from prediction_mcp.matching.facts import facts_of
from prediction_mcp.matching.listing import Listing, Strike
from prediction_mcp.matching.verdict import Verdict, compare

START_MS = 1_795_500_000_000
STEPS = 88
"""Of six hours."""


def here(market: Market) -> Listing:
    """As the first front lists it."""
    kind = market.strike_type
    strike = Strike(kind, market.floor_strike, market.cap_strike) if kind in ("greater", "less", "between") else None  # type: ignore[arg-type]
    return Listing(
        "kalshi", market.ticker, market.title, market.rules, option=market.yes_sub_title,
        category=market.event.series.category, closes=datetime.fromtimestamp(market.close_ms / 1000, UTC),
        exclusive=market.event.exclusive, strike=strike, sources=(market.event.series.source[0],), early="once known",
    )  # fmt: skip


def there(market: Market) -> Listing:
    """As the second front lists it."""
    label = market.question.group_title if market.question is not None else ""
    source = market.event.series.source[0] if "ource" not in market.rules else ""
    return Listing(
        "polymarket", market.ticker, market.title, market.rules, option=label,
        outcomes=(market.yes_sub_title, market.no_sub_title), category=market.event.series.category,
        closes=datetime.fromtimestamp(market.close_ms / 1000, UTC), exclusive=market.event.exclusive,
        sources=(source,) if source else (),
    )  # fmt: skip


def test_every_relation_holds_when_the_markets_have_ended() -> None:
    clock = Clock(START_MS, speed=0)
    first = Exchange(1, clock)
    exchange = Second(first).exchange()
    said = dict[tuple[str, str], Verdict]()
    ones, others = dict[str, Market](), dict[str, Market]()
    facts_here = cache(lambda name: facts_of(here(ones[name])))
    facts_there = cache(lambda name: facts_of(there(others[name])))
    for step in range(STEPS):
        ones |= dict(first.catalogue.markets)
        others |= dict(exchange.catalogue.markets)
        if step % 44 == 0:
            cards = [Cards(map(Card.of, map(read, found.values()))) for read, found in ((here, ones), (there, others))]
            for pair in all_of(cards[0], cards[1], 8):
                said[pair.one, pair.other] = compare(facts_here(pair.one), facts_there(pair.other))
        clock.step(6 * 3_600_000)
        first.advance(with_crowd=False)
        exchange.advance(with_crowd=False)
    held = Counter[str]()
    for (one, other), verdict in said.items():
        a, b = ones[one], others[other]
        if verdict.relation in ("overlap", "unknown") or a.result not in ("yes", "no") or b.value not in (0, 10_000):
            continue  # not ended, or without a result
        end = (a.result == "yes", b.value == 10_000)
        assert end in ends(verdict.relation), (verdict.relation, a.title, a.yes_sub_title, b.title, verdict.facts)
        held[verdict.relation] += 1
    assert held["identity"] > 5
    assert held["complement"] > 1
    assert held["disjoint"] > 10
    assert held["subset"] + held["superset"] > 10
