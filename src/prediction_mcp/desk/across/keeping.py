"""Keeping and forgetting what people say of pairs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from prediction_mcp.desk.results import page_of
from prediction_mcp.matching.verdict import Relation
from prediction_mcp.net.errors import MissingError
from prediction_mcp.safety.text import clean

from .desk import Across
from .pairs import Judged
from .results import PairDone, PairLine, PairList


async def create(across: Across, market: str, other: str, relation: Relation, note: str) -> PairDone:
    """Keep a person's word, with both texts as they are now."""
    one, two = await asyncio.gather(across.market(market), across.market(other))
    pairing = across.pairing(one, two)
    turned: dict[Relation, Relation] = {"subset": "superset", "superset": "subset"}
    said = relation if one.platform == across.first.platform else turned.get(relation, relation)
    kept = across.pairs.put(pairing.one, pairing.other, said, clean(note))
    differs = pairing.verdict.named("different")
    words = None
    if said in ("identity", "complement") and differs:
        words = f"The facts say otherwise: {', '.join(differs)} differ. Your user's word is kept all the same."
    return _done(across, kept, "kept", words)


async def listed(across: Across, limit: int, cursor: str | None) -> PairList:
    page, more = page_of(across.pairs.all(), cursor, limit)

    async def one(judged: Judged) -> PairLine:
        try:
            status = "confirmed" if (await across.judged(judged)).holds else "changed: read it again"
        except MissingError:
            status = "not listed any more"
        return PairLine(
            pair=judged.id, kalshi=judged.one[2], polymarket=judged.other[2], relation=judged.relation, status=status,
            said=datetime.fromtimestamp(judged.at, UTC), note=judged.note or None,
        )  # fmt: skip

    lines = await asyncio.gather(*map(one, page))
    return PairList(source=across.source, count=len(lines), cursor=more, pairs=list(lines))


def delete(across: Across, pair: str) -> PairDone:
    return _done(across, across.pairs.delete(pair), "forgotten", None)


def _done(across: Across, judged: Judged, what: str, note: str | None) -> PairDone:
    return PairDone(
        source=across.source, done=what, pair=judged.id, kalshi=judged.one[2], polymarket=judged.other[2],
        relation=judged.relation, note=note,
    )  # fmt: skip
