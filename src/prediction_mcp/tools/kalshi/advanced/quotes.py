"""Prices that are asked for: requests for quotes, quotes, and the combos they are mostly about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastmcp.dependencies import Depends
from pydantic import BaseModel, ConfigDict, Field

from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.protocol.annotations import ARRANGES, ENDS, PLACES, READS
from prediction_mcp.protocol.confirmed import confirmed
from prediction_mcp.protocol.parameters import Dollars, Limit, Price, Quantity, Side, Ticker, Word
from prediction_mcp.protocol.session import get_account
from prediction_mcp.protocol.toolset import Toolset

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.trading.combos import ComboAnswer
    from prediction_mcp.desk.kalshi.trading.quote_results import (
        Ended,
        QuoteLine,
        QuoteList,
        QuoteSent,
        RfqList,
        RfqSent,
    )
    from prediction_mcp.safety.plan import Plan

mcp = Toolset()

QuoteStatus = Annotated[Literal["open", "accepted", "confirmed", "executed", "cancelled"], Word]


class Leg(BaseModel):
    """The combo pays where this market ends on this side."""

    model_config = ConfigDict(extra="forbid")

    ticker: Ticker
    side: Side = "yes"


@mcp.tool(title="Ask for a price", annotations=ARRANGES, tags={"advanced", "write"})
@confirmed
async def kalshi_create_rfq(
    ticker: Ticker,
    count: Quantity | None = None,
    target_cost: Dollars | None = None,
    replace: bool = False,
    rest_remainder: bool = False,
    account: Account = Depends(get_account),
) -> Plan[RfqSent]:
    """Ask market makers for a price (request for quotes, RFQ) on a large order or a combo; trades nothing."""
    from prediction_mcp.desk.kalshi.trading.rfqs import plan_rfq

    return await plan_rfq(account, ticker, count, target_cost, replace=replace, rest=rest_remainder)


@mcp.tool(title="Requests for quotes", annotations=READS, tags={"advanced"})
async def kalshi_get_rfqs(
    ticker: Ticker | None = None,
    own: bool = True,
    status: Annotated[Literal["open", "closed"], Word] | None = "open",
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> RfqList:
    """Your requests for quotes (RFQs), or with own=false everybody's, which you can quote."""
    from prediction_mcp.desk.kalshi.trading.rfqs import rfqs_of

    return await rfqs_of(account, ticker, own=own, status=status, limit=limit, cursor=cursor)


@mcp.tool(title="Withdraw a request or quote", annotations=ENDS, tags={"advanced", "write"})
@confirmed
async def kalshi_cancel_rfq(
    rfq_id: str | None = None, quote_id: str | None = None, account: Account = Depends(get_account)
) -> Plan[Ended]:
    """Withdraw your request for quotes (its quotes end with it, an unconfirmed one too), or a quote you made."""
    from prediction_mcp.desk.kalshi.trading.rfqs import plan_end

    return await plan_end(account, rfq_id, quote_id)


@mcp.tool(title="Quotes", annotations=READS, tags={"advanced"})
async def kalshi_get_quotes(
    rfq_id: str | None = None,
    quote_id: str | None = None,
    status: QuoteStatus | None = None,
    limit: Limit = 20,
    cursor: str | None = None,
    account: Account = Depends(get_account),
) -> QuoteList:
    """Quotes you got (sides you can buy, with price) and made, best first; the step that is missing."""
    from prediction_mcp.desk.kalshi.trading.rfqs import quotes_of

    return await quotes_of(account, quote_id, rfq_id, status, limit, cursor)


@mcp.tool(title="Quote a request", annotations=ARRANGES, tags={"advanced", "write"})
@confirmed
async def kalshi_create_quote(
    rfq_id: str,
    yes_price: Price | None = None,
    no_price: Price | None = None,
    post_only: bool = False,
    account: Account = Depends(get_account),
) -> Plan[QuoteSent]:
    """As a maker, answer somebody's RFQ: cents you pay for yes, for no, or either. Binds once you confirm."""
    from prediction_mcp.desk.kalshi.trading.rfqs import plan_quote

    return await plan_quote(account, rfq_id, yes_price, no_price, post_only=post_only)


@mcp.tool(title="Take a quote", annotations=PLACES, tags={"advanced", "write"})
@confirmed
async def kalshi_accept_quote(
    quote_id: str,
    side: Annotated[Side, Field(description="the side you buy")],
    account: Account = Depends(get_account),
) -> Plan[QuoteLine]:
    """Take a quote you got: buy a side at its price. The maker still has to confirm, within seconds."""
    from prediction_mcp.desk.kalshi.trading.quotes import plan_accept

    return await plan_accept(account, quote_id, side)


@mcp.tool(title="Stand by a quote", annotations=PLACES, tags={"advanced", "write"})
@confirmed
async def kalshi_confirm_quote(quote_id: str, account: Account = Depends(get_account)) -> Plan[QuoteLine]:
    """As the maker, stand by your quote that was accepted: both orders are sent then."""
    from prediction_mcp.desk.kalshi.trading.quotes import plan_confirm

    return await plan_confirm(account, quote_id)


@mcp.tool(title="Make a combo", annotations=ARRANGES, tags={"advanced", "write"})
@confirmed
async def kalshi_create_combo_market(
    legs: Annotated[list[Leg], Field(min_length=2, max_length=20)],
    collection_ticker: Ticker | None = None,
    account: Account = Depends(get_account),
) -> Plan[ComboAnswer]:
    """Make a combo (parlay) of several games or other legs, which pays where all are right; trades nothing."""
    from prediction_mcp.desk.kalshi.trading.combos import plan_combo

    return await plan_combo(account, [(leg.ticker, leg.side) for leg in legs], collection_ticker)
