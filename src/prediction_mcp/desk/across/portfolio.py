"""Both accounts together; exposure by question, netted only over pairs that a person confirmed as identities."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from prediction_mcp.net.words import printed

from ..shapes import Money, Position, Venue
from .desk import Across, Pairing, answers
from .results import ExposureLine, HeldLine, Unified

ZERO = Decimal(0)


async def unified(across: Across) -> Unified:
    """Cash and positions of both. A platform that can't be asked is named, and the other one shown."""
    found, missing = await answers(list(across.venues.values()), _account)
    cash = {venue.platform: money.cash for venue, (money, _) in found}
    worth = {venue.platform: money.positions for venue, (money, _) in found}
    held = [position for _, (_, positions) in found for position in positions]
    apart = [money.note for _, (money, _) in found if money.note]
    note = "Dollars at Kalshi and pUSD at Polymarket; nothing nets between them but by its owner's hand."
    return Unified(
        source=across.source,
        cash={**cash},
        positions_value={**worth},
        total=sum((*cash.values(), *worth.values()), ZERO),
        held=[_line(position) for position in held],
        by_question=await _exposures(across, held) or None,
        missing=missing or None,
        note=" ".join((note, *apart)),
    )


async def _account(venue: Venue) -> tuple[Money, list[Position]]:
    money, positions = await asyncio.gather(venue.money(), venue.positions())
    return money, positions


def _line(position: Position) -> HeldLine:
    market = position.market
    return HeldLine(
        platform=market.platform, market=market.id, question=market.title, side=market.sides[position.side],
        count=position.count, cost=position.cost, value=position.value,
    )  # fmt: skip


async def _exposures(across: Across, held: list[Position]) -> list[ExposureLine]:
    """By pair: what is held of its two markets, where a person's word holds that they are one question."""
    by_key = dict[tuple[str, str], list[Position]]()
    for position in held:
        by_key.setdefault((position.market.platform, position.market.key), []).append(position)
    lines = list[ExposureLine]()
    for judged in across.kept():
        first, second = by_key.get(judged.one[:2], []), by_key.get(judged.other[:2], [])
        if not first or not second or judged.relation not in ("identity", "complement"):
            continue
        pairing = across.pairing(first[0].market, second[0].market)
        if pairing.is_confirmed:
            lines.append(_exposure(judged.id, pairing, first, second))
    return lines


def _exposure(pair: str, pairing: Pairing, first: list[Position], second: list[Position]) -> ExposureLine:
    turned = pairing.relation == "complement"
    yes = sum((p.count for p in first if p.side == 0), ZERO)
    no = sum((p.count for p in first if p.side == 1), ZERO)
    for position in second:
        if (position.side == 0) != turned:
            yes += position.count
        else:
            no += position.count
    net = yes - no
    costs = [p.cost for p in (*first, *second)]
    known = [cost for cost in costs if cost is not None]
    return ExposureLine(
        pair=pair,
        question=pairing.one.title,
        positions=[f"{printed(p.count)} {p.market.sides[p.side]} at {p.market.platform}" for p in (*first, *second)],
        net=f"{printed(abs(net))} {'yes' if net > 0 else 'no'}" if net else "nothing",
        cost=sum(known, ZERO) if len(known) == len(costs) else None,
        pays_at_least=min(yes, no),
        pays_at_most=max(yes, no),
    )
