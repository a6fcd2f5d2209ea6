"""What the tools across platforms answer. Prices are dollars of a contract that pays $1, so probabilities."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Self

from prediction_mcp.desk.results import Answer, ListAnswer, Minute, Number, Result, Second, WholeList
from prediction_mcp.matching.verdict import Fact
from prediction_mcp.safety.text import cut

from ..shapes import Market, PlatformName
from .desk import Pairing

LONGEST_RULES = 3_000
SAYS = {
    "identity": "the same contract: yes here is yes there",
    "complement": "the opposite question: yes here is no there",
    "subset": "the first being yes means the second is",
    "superset": "the second being yes means the first is",
    "disjoint": "never both yes",
    "overlap": "neither says anything certain of the other",
    "unknown": "not known: a fact that decides is said by one of them only, or by none",
}


_POLARITY = {"identity": "yes = yes", "complement": "yes = no"}


class PlaceLine(Result):
    """A market of one platform in a list."""

    market: str
    bid: Number | None = None
    ask: Number | None = None
    volume_24h: Number | None = None
    closes: Minute | None = None

    @classmethod
    def of(cls, market: Market) -> Self:
        return cls(market=market.id, bid=market.bid, ask=market.ask, volume_24h=market.volume, closes=market.closes)


class QuestionLine(Result):
    """A question and where it is traded; ``relation`` where it is on both platforms."""

    question: str
    kalshi: PlaceLine | None = None
    polymarket: PlaceLine | None = None
    relation: str | None = None
    confirmed: bool | None = None


class Questions(WholeList):
    """Best first. Prices are of the first side (yes), as the listings have them: they may lag."""

    questions: list[QuestionLine]
    note: str | None = None


class FactLine(Result):
    """One fact of both; what a platform doesn't say is missing."""

    fact: str
    state: str
    kalshi: str | None = None
    polymarket: str | None = None

    @classmethod
    def of(cls, fact: Fact) -> Self:
        return cls(fact=fact.name, state=fact.state, kalshi=fact.said[0] or None, polymarket=fact.said[1] or None)


class RulesOf(Result):
    """A market's own words, as data."""

    market: str
    question: str
    sides: tuple[str, str]
    rules: str
    status: str

    @classmethod
    def of(cls, market: Market) -> Self:
        rules = cut(market.listing.rules, LONGEST_RULES)
        return cls(market=market.id, question=market.title, sides=market.sides, rules=rules, status=market.status)


class PairAnswer(Answer):
    """Two markets side by side. ``relation`` is of their first sides: a person's word, or what the facts say."""

    relation: str
    means: str
    polarity: str | None = None
    would_be: str | None = None
    confidence: str
    confirmed: bool
    pair: str | None = None
    facts: list[FactLine]
    kalshi: RulesOf
    polymarket: RulesOf
    note: str | None = None

    @classmethod
    def of(cls, pairing: Pairing, source: str) -> Self:
        verdict, judged = pairing.verdict, pairing.judged
        note = None
        if judged is not None and not pairing.holds:
            note = f"A person called it {judged.relation} before one of the texts changed: it has to be read again."
        elif judged is not None and judged.relation != verdict.relation:
            note = f"A person's word; by the facts alone it would be {verdict.relation}."
        elif judged is None:
            note = "Read both rules with your user; create_market_pair keeps what they say."
        return cls(
            source=source,
            relation=pairing.relation,
            means=SAYS[pairing.relation],
            polarity=_POLARITY.get(pairing.relation if pairing.relation != "unknown" else verdict.would_be),
            would_be=verdict.would_be if pairing.relation == "unknown" else None,
            confidence="a person's word" if pairing.is_confirmed else verdict.confidence,
            confirmed=pairing.is_confirmed,
            pair=None if judged is None else judged.id,
            facts=[FactLine.of(fact) for fact in verdict.facts],
            kalshi=RulesOf.of(pairing.one),
            polymarket=RulesOf.of(pairing.other),
            note=note,
        )


class PairLine(Result):
    """A kept pair; ``status`` is confirmed, or changed: then one of the texts isn't what was read."""

    pair: str
    kalshi: str
    polymarket: str
    relation: str
    status: str
    said: Second
    note: str | None = None


class PairList(ListAnswer):
    pairs: list[PairLine]


class PairDone(Answer):
    """What was kept, or forgotten."""

    done: str
    pair: str
    kalshi: str
    polymarket: str
    relation: str
    note: str | None = None


class BookLines(Result):
    """The best levels of the first side, best first: [price, contracts]."""

    bids: list[tuple[Number, Number]]
    asks: list[tuple[Number, Number]]


class CostLine(Result):
    """Buying ``size`` contracts of a side now: all in dollars; ``probability`` is what it costs with its fee each.

    ``near`` are contracts offered within 5¢ of the best; ``available`` all, where they are fewer than the size.
    """

    platform: PlatformName
    side: str
    bid: Number | None = None
    ask: Number | None = None
    average: Number | None = None
    fee: Number | None = None
    total: Number | None = None
    probability: Number | None = None
    near: Number
    available: Number | None = None


class Comparison(Answer):
    """Both books for the same size. ``cheapest`` names where each side of the question costs least, fees included."""

    question: str
    relation: str
    confirmed: bool
    kalshi: str
    polymarket: str
    size: Number
    costs: list[CostLine]
    books: dict[str, BookLines]
    cheapest: dict[str, str]
    differs: list[str] | None = None
    unknown: list[str] | None = None
    note: str | None = None


class LegLine(Result):
    """One of two purchases. ``alone`` is what it costs to sell it again at once, should the other leg not come."""

    platform: PlatformName
    market: str
    buy: str
    limit: Number
    cost: Number
    fee: Number
    alone: Number | None = None


class EndLine(Result):
    end: str
    pays: Number
    left: Number


class GapLine(Result):
    """Dollars. ``left`` remains where both end as the relation says; ``worst`` is over all ends not excluded."""

    question: str
    relation: str
    confirmed: bool
    contracts: Number
    legs: list[LegLine]
    total: Number
    left: Number
    worst: Number
    edge_cents: Number
    days: Number | None = None
    yearly_yield_pct: Number | None = None
    differs: list[str] | None = None
    unknown: list[str] | None = None
    ends: list[EndLine]


class GapList(WholeList):
    """Largest edge first."""

    looked_at: int
    gaps: list[GapLine]
    note: str | None = None


class HeldLine(Result):
    """``value`` at the bid at Kalshi, at the platform's own count at Polymarket."""

    platform: PlatformName
    market: str
    question: str
    side: str
    count: Number
    cost: Number | None = None
    value: Number


class ExposureLine(Result):
    """Positions on one question, over a pair that a person confirmed. ``pays_at_least`` is what they pay in any end."""

    pair: str
    question: str
    positions: list[str]
    net: str
    cost: Number | None = None
    pays_at_least: Number
    pays_at_most: Number


class Unified(Answer):
    """Both accounts in dollars; nothing is moved between them."""

    cash: dict[str, Number]
    positions_value: dict[str, Number]
    total: Number
    held: list[HeldLine]
    by_question: list[ExposureLine] | None = None
    missing: list[str] | None = None
    note: str | None = None


def days_until(moment: datetime | None) -> Decimal | None:
    """Days from now, a tenth at least; None where it isn't known."""
    if moment is None:
        return None
    seconds = Decimal(int((moment - datetime.now(UTC)).total_seconds()))
    return max(round(seconds / 86_400, 1), Decimal("0.1"))
