"""Both legs of a pair under one confirmation: the thinner one first, the second only for what the first one filled.

What could happen at each step, and what then:

* the first leg is refused or finds nothing: nothing is open, the second one never leaves;
* its answer is lost: its platform is asked by the order's own id; while that can't be told, the second never leaves;
* the process dies: both legs stand in the journal, each with its order's id; the next write settles them by asking;
* the second leg fills in part, or not: what is open on the first is said, with what selling it again costs now.

The second leg may cost so much more than planned that completing the pair loses ``max_leg_loss`` at most: that is the
price of not being left with one leg.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Any

from loguru import logger

from prediction_mcp.desk.results import MONEY, Answer, Number, Result
from prediction_mcp.net import deadline
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.net.words import cents, printed
from prediction_mcp.safety.plan import Done, Fate, Part, Plan, Steps, Terms, Unknown
from prediction_mcp.safety.text import quoted

from ..shapes import Fill, LegOrder, Market, PlatformName
from .compare import Seen, see
from .desk import Across, NotNamedError
from .gaps import MOST, Found, gaps_of, line_of

if TYPE_CHECKING:
    from collections.abc import Sequence

ZERO, ONE, HUNDRED = Decimal(0), Decimal(1), Decimal(100)


class LegDone(Result):
    """What became of a leg: contracts bought, dollars for them, fee. ``error`` where it wasn't sent or not filled."""

    platform: PlatformName
    market: str
    buy: str
    wanted: Number
    filled: Number
    cost: Number | None = None
    fee: Number | None = None
    order_id: str | None = None
    approximate: bool | None = None
    error: str | None = None


class PairTraded(Answer):
    """``left`` is what both legs pay beyond their cost where the markets end as their relation says.

    ``open`` says what is held without its other leg, and what selling it again costs now.
    """

    pair: str
    question: str
    both: Number
    total: Number
    left: Number | None = None
    legs: list[LegDone]
    open: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg in the order in which it is sent."""

    market: Market
    side: int
    order: LegOrder

    @property
    def buy(self) -> str:
        return self.market.sides[self.side]


async def plan_pair(
    across: Across, pair: str, contracts: Decimal, min_edge_cents: Decimal, max_leg_loss: Decimal
) -> Plan[PairTraded]:
    """Both legs of a kept pair, as large as both books and ``contracts`` allow, after the money they need has moved.

    Raises:
        NotNamedError: the pair isn't confirmed any more, or there is no gap.
        RefusedError: orders aren't allowed at one of both.
    """
    for venue in across.venues.values():
        venue.require_writes()
    modes = {venue.source.rpartition(" ")[2] for venue in across.venues.values()}
    if "live" in modes and len(modes) > 1:
        raise NotNamedError("One platform is live and the other isn't: a pair of real and play money is none.")
    pairing = await across.judged(across.pairs.get(pair))
    if not pairing.is_confirmed:
        raise NotNamedError("One of the texts has changed since your user read them: get_market_pair shows both again.")
    found = await gaps_of(across, pairing, min_edge_cents / HUNDRED, min(contracts, MOST))
    if not found:
        raise NotNamedError(
            f"Both books leave no {printed(min_edge_cents)}¢ a contract after fees now: nothing was sent."
        )
    best = max(found, key=lambda f: f.gap.profit)
    return await _planned(across, pair, best, max_leg_loss)


async def _planned(across: Across, pair: str, found: Found, max_leg_loss: Decimal) -> Plan[PairTraded]:
    order = _thinner_first(found)
    first, second = order
    gap = found.gap
    worst = _limit_of(found, second, max_leg_loss)
    limits = {first: gap.legs[first].limit, second: worst}
    orders = await asyncio.gather(
        *(
            across.venues[found.seen[i].market.platform].leg(found.seen[i].market, found.sides[i], gap.count, limits[i])
            for i in order
        )
    )
    legs = [Leg(found.seen[i].market, found.sides[i], made) for i, made in zip(order, orders, strict=True)]
    plan: Plan[PairTraded] = TradePair(across, pair, found, legs, limits[second], max_leg_loss)
    for leg in legs:
        plan = leg.order.funded(plan)
    return plan


def _thinner_first(found: Found) -> tuple[int, int]:
    """The leg of which less is offered up to its limit goes first."""
    there = [
        sum((n for price, n in seen.book.offers(side) if price <= leg.limit), ZERO)
        for seen, side, leg in zip(found.seen, found.sides, found.gap.legs, strict=True)
    ]
    return (0, 1) if there[0] <= there[1] else (1, 0)


def _limit_of(found: Found, second: int, max_leg_loss: Decimal) -> Decimal:
    """Up to where the second leg is bought: all of it there, with its fee, loses ``max_leg_loss`` at most.

    Price and fee together grow with the price, so what fills below it loses less.
    """
    gap, seen = found.gap, found.seen[second]
    planned, tick = gap.legs[second].limit, seen.market.tick
    most = gap.count + max_leg_loss - gap.legs[1 - second].total
    limit = (min(most / gap.count, ONE - tick) / tick).quantize(ONE, ROUND_DOWN) * tick
    while limit > planned and limit * gap.count + seen.fees.fee(limit, gap.count, is_taker=True) > most:
        limit -= tick
    return max(limit, planned)


class TradePair(Plan[PairTraded]):
    """Two orders; the second one is made smaller by what the first one didn't fill."""

    kind = "order"

    def __init__(
        self, across: Across, pair: str, found: Found, legs: Sequence[Leg], limit: Decimal, max_leg_loss: Decimal
    ) -> None:
        self._across, self._pair, self._found, self._legs = across, pair, found, legs
        self._limit, self._max_leg_loss = limit, max_leg_loss
        self.terms = {"legs": [dict(leg.order.plan.terms) for leg in legs]}

    # -- for the guard -------------------------------------------------------------------------------------------

    @property
    def binding(self) -> dict[str, Any]:
        loose = {"expiration"}  # of an order that is cancelled at once
        return {"legs": [{k: v for k, v in leg.order.plan.binding.items() if k not in loose} for leg in self._legs]}

    @property
    def bests(self) -> tuple[Decimal | None, ...]:
        return tuple(leg.order.plan.best for leg in self._legs)

    @property
    def parts(self) -> Sequence[Part]:
        return [Part(leg.order.plan.stake, leg.order.plan.look) for leg in self._legs]

    def split(self, terms: Terms) -> Sequence[Terms]:
        legs: list[Terms] = terms["legs"]
        return legs

    async def words(self) -> str:
        line, gap = line_of(self._found), self._found.gap
        first, second = self._legs
        lines = [
            f"Buy {printed(gap.count)} contracts on each of two platforms, first “{quoted(first.buy)}” at "
            f"{first.market.platform} up to {cents(gap.legs[self._index(first)].limit)}, then for what that fills "
            f"“{quoted(second.buy)}” at {second.market.platform}, planned at "
            f"{cents(gap.legs[self._index(second)].limit)}.",
            *(f"{leg.market.platform}: “{quoted(leg.market.title)}”" for leg in self._legs),
            f"Both cost ${gap.total:,.2f} with fees and pay ${gap.count:,.2f} if the markets end as confirmed: "
            f"${gap.profit:,.4f} left. {_worst(line.worst)}",
            f"The second leg is completed up to {cents(self._limit)}, which loses ${self._max_leg_loss:,.2f} at most; "
            f"what it doesn't fill stays open on the first.",
        ]
        if line.differs or line.unknown:
            said = [f"different: {', '.join(line.differs)}"] if line.differs else []
            said += [f"unknown: {', '.join(line.unknown)}"] if line.unknown else []
            lines.append(f"Of the facts {'; '.join(said)}.")
        mode = self._across.first.source.rpartition(" ")[2]
        lines.append(MONEY[mode])
        return "\n".join(lines)

    def _index(self, leg: Leg) -> int:
        return 0 if leg.market.platform == self._found.seen[0].market.platform else 1

    def done(self, result: PairTraded) -> Done:
        return Done(f"{printed(result.both)} of both")

    def fates(self, result: PairTraded) -> Sequence[Fate]:
        raise AssertionError("each part has told its own")

    # -- sending -------------------------------------------------------------------------------------------------

    async def send(self, terms: Terms) -> PairTraded:
        raise AssertionError("a pair is sent in steps")

    async def send_in_steps(self, terms: Terms, steps: Steps) -> PairTraded:
        first, second = self._legs
        one, two = self.split(terms)
        try:
            filled = await first.order.send(one)
        except PlatformError as error:
            steps.ended(1, "not sent: the first leg came to nothing, or isn't known")
            steps.ended(0, Unknown(str(error)) if error.maybe_done else str(error))
            raise
        steps.ended(0, first.order.done(filled))
        wanted = filled.count.quantize(second.market.step, ROUND_DOWN) if filled.count else ZERO
        with deadline.unlimited():  # the first leg is bought: the second is sent, however long the first took
            got, problem = await self._second(second, two, wanted, steps)
        return await self._answer(filled, got, problem)

    async def _second(self, leg: Leg, terms: Terms, wanted: Decimal, steps: Steps) -> tuple[Fill | None, str | None]:
        """(what it filled, or None where that isn't known; what was the matter)."""
        nothing = Fill("", ZERO, ZERO, ZERO)
        if wanted < leg.market.least:
            why = "the first leg found nothing" if not wanted else (
                f"the first leg filled {printed(wanted)}, and an order here takes {printed(leg.market.least)} at least"
            )  # fmt: skip
            steps.ended(1, f"not sent: {why}")
            return nothing, f"not sent: {why}."
        try:
            if wanted != self._found.gap.count:
                terms = leg.order.resized(terms, wanted)
                steps.restate(1, terms)
            else:
                steps.leaves(1)
            filled = await leg.order.send(terms)
        except PlatformError as error:
            steps.ended(1, Unknown(str(error)) if error.maybe_done else str(error))
            return (None if error.maybe_done else nothing), str(error)
        except Exception as error:  # noqa: BLE001 - the first leg is bought: whoever asked has to be told
            logger.opt(exception=error).error("the second leg couldn't be sent")
            steps.ended(1, Unknown(f"the server failed: {error!r}"))
            return None, "it couldn't be sent, or its end couldn't be read: look at your orders there."
        steps.ended(1, leg.order.done(filled))
        return filled, None

    async def _answer(self, one: Fill, two: Fill | None, problem: str | None) -> PairTraded:
        first, second = self._legs
        got = Fill("", ZERO, ZERO, ZERO) if two is None else two
        both = min(one.count, got.count)
        total = one.total + got.total
        whole = two is not None and one.count == got.count
        return PairTraded(
            source=self._across.source,
            pair=self._pair,
            question=self._found.pairing.one.title,
            both=both,
            total=total,
            left=both - total if whole and both else None,
            legs=[
                _leg_done(first, self._found.gap.count, one, None if one.count else "nothing was there any more."),
                _leg_done(second, one.count, got, problem),
            ],
            open=None if whole else await self._open(first, one.count - got.count, one, known=two is not None),
            note="Fees or prices of one leg aren't exact: look at the fills."
            if not (one.is_exact and got.is_exact)
            else None,
        )

    async def _open(self, leg: Leg, count: Decimal, fill: Fill, *, known: bool) -> str:
        """What is held on one leg only, in a sentence."""
        held = f"{printed(count)} “{quoted(leg.buy)}” at {leg.market.platform} ({leg.market.id})"
        if not known:
            return f"It isn't known what the second leg filled; up to {held} may be open. The next write finds out."
        try:
            seen: Seen = await see(self._across, leg.market)
            cost = seen.undo(leg.side, count, round(fill.total * count / fill.count, 6) if fill.count else ZERO)
        except PlatformError:
            cost = None
        undo = (
            "what selling it again costs can't be told now"
            if cost is None
            else f"selling it again now costs ${cost:,.2f}"
        )
        return f"{held} is open without its other leg; {undo}."


def _worst(dollars: Decimal) -> str:
    if dollars >= 0:
        return f"At worst, over all ends that aren't excluded, ${dollars:,.2f} are left."
    return f"At worst, over all ends that aren't excluded, you lose ${-dollars:,.2f}."


def _leg_done(leg: Leg, wanted: Decimal, fill: Fill, problem: str | None) -> LegDone:
    return LegDone(
        platform=leg.market.platform,
        market=leg.market.id,
        buy=leg.buy,
        wanted=wanted,
        filled=fill.count,
        cost=fill.dollars or None,
        fee=fill.fee or None,
        order_id=fill.order_id or None,
        approximate=None if fill.is_exact else True,
        error=problem,
    )
