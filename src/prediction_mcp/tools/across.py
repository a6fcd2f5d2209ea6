"""Across platforms: one question, every price, and what differs in the small print."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp.dependencies import Depends
from pydantic import Field

from prediction_mcp.desk.across.desk import Across
from prediction_mcp.desk.across.results import Comparison, GapList, PairAnswer, PairDone, PairList, Questions, Unified
from prediction_mcp.protocol.annotations import FORGETS, KEEPS, PLACES, READS
from prediction_mcp.protocol.confirmed import confirmed
from prediction_mcp.protocol.parameters import Dollars, Quantity
from prediction_mcp.protocol.session import get_across
from prediction_mcp.protocol.toolset import Toolset

if TYPE_CHECKING:
    from fastmcp.tools import ToolResult

    from prediction_mcp.desk.across.trading import PairTraded
    from prediction_mcp.safety.plan import Plan

mcp = Toolset()

Name = Annotated[str, Field(min_length=1, max_length=300)]
PairId = Annotated[str, Field(min_length=1, max_length=40)]
Platforms = Annotated[list[Literal["kalshi", "polymarket"]], Field(min_length=1, max_length=2)]
Relation = Literal["identity", "complement", "subset", "superset", "overlap", "disjoint"]


@mcp.tool(title="Search both platforms", annotations=READS, tags={"across"})
async def search_markets(
    query: Annotated[str, Field(min_length=1, max_length=200)],
    platforms: Platforms | None = None,
    limit: Annotated[int, Field(ge=1, le=40)] = 10,
    across: Across = Depends(get_across),
) -> Questions:
    """Open markets of both platforms by words, in one ranking; a question on both is shown once."""
    from prediction_mcp.desk.across.search import search

    return await search(across, query, platforms or ["kalshi", "polymarket"], limit)


@mcp.tool(title="Two markets side by side", annotations=READS, tags={"across"})
async def get_market_pair(market: Name, other: Name | None = None, across: Across = Depends(get_across)) -> PairAnswer:
    """Facts one by one, relation, both rules. market: link, ticker or slug; without other, its likeliest twin."""
    from prediction_mcp.desk.across.compare import pairing_of

    return PairAnswer.of(await pairing_of(across, market, other, None), across.source)


@mcp.tool(title="Prices across platforms", annotations=READS, tags={"across"})
async def compare_prices(
    market: Name | None = None,
    other: Name | None = None,
    pair: PairId | None = None,
    size: Quantity = Decimal(100),
    chart: bool = False,
    hours: Annotated[int, Field(ge=1, le=2160)] = 168,
    across: Across = Depends(get_across),
) -> Comparison | ToolResult:
    """What each side costs on both platforms at a size, fees included. chart: both prices in one picture."""
    from prediction_mcp.desk.across import chart as drawing
    from prediction_mcp.desk.across.compare import compare, histories, pairing_of
    from prediction_mcp.protocol.pictures import with_picture

    pairing = await pairing_of(across, market, other, pair)
    answer = await compare(across, pairing, size)
    if not chart:
        return answer
    first, second = await histories(across, pairing, hours)
    names = (f"Kalshi {pairing.one.id}", f"Polymarket {pairing.other.id}")
    return with_picture(answer, await drawing.picture(answer.question, first, second, names))


@mcp.tool(title="Price gaps across platforms", annotations=READS, tags={"across"})
async def find_price_discrepancies(
    min_edge_cents: Annotated[Decimal, Field(ge=0, le=99)] = Decimal(1),
    category: Annotated[str, Field(max_length=100)] | None = None,
    limit: Annotated[int, Field(ge=1, le=20)] = 5,
    across: Across = Depends(get_across),
) -> GapList:
    """Two legs that pay more than they cost after fees, and what each end leaves. Tell your user what differs."""
    from prediction_mcp.desk.across.gaps import find

    return await find(across, min_edge_cents, category, limit)


@mcp.tool(title="Both accounts", annotations=READS, tags={"across"})
async def unified_portfolio(across: Across = Depends(get_across)) -> Unified:
    """Cash and positions of both accounts; netted by question over confirmed pairs only."""
    from prediction_mcp.desk.across.portfolio import unified

    return await unified(across)


@mcp.tool(title="Keep a pair", annotations=KEEPS, tags={"across"})
async def create_market_pair(
    market: Name,
    other: Name,
    relation: Relation,
    note: Annotated[str, Field(max_length=300)] = "",
    across: Across = Depends(get_across),
) -> PairDone:
    """Keep your user's word on two markets once they have read both rules; overlap: they are not the same."""
    from prediction_mcp.desk.across.keeping import create

    return await create(across, market, other, relation, note)


@mcp.tool(title="Kept pairs", annotations=READS, tags={"across"})
async def get_market_pairs(
    limit: Annotated[int, Field(ge=1, le=100)] = 20,
    cursor: Annotated[str, Field(max_length=20)] | None = None,
    across: Across = Depends(get_across),
) -> PairList:
    """Pairs that were kept, and whether both texts are still what was read."""
    from prediction_mcp.desk.across.keeping import listed

    return await listed(across, limit, cursor)


@mcp.tool(title="Forget a pair", annotations=FORGETS, tags={"across"})
async def delete_market_pair(pair: PairId, across: Across = Depends(get_across)) -> PairDone:
    """Forget what was kept of a pair."""
    from prediction_mcp.desk.across.keeping import delete

    return delete(across, pair)


@mcp.tool(title="Trade a pair", annotations=PLACES, tags={"across", "write"})
@confirmed
async def trade_pair(
    pair: PairId,
    contracts: Quantity,
    min_edge_cents: Annotated[Decimal, Field(ge=0, le=99)] = Decimal(1),
    max_leg_loss: Dollars = Decimal(1),
    across: Across = Depends(get_across),
) -> Plan[PairTraded]:
    """Buy both legs of a kept pair, up to so many contracts: the thinner first, the second for what filled.

    max_leg_loss: dollars that completing the second leg may lose.
    """
    from prediction_mcp.desk.across.trading import plan_pair

    return await plan_pair(across, pair, contracts, min_edge_cents, max_leg_loss)
