"""/communications: requests for quotes (RFQs), quotes, block trades.

What is sent isn't sent twice: an accept that arrives late could take another price. A lost answer is settled by asking.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from prediction_mcp.net.sides import Side

from ..errors import ConflictError, InvalidRequestError
from ..models.communications import (
    AcceptBlockTrade,
    AcceptBody,
    BlockTrade,
    BlockTradeMade,
    BlockTradePage,
    Made,
    NewBlockTrade,
    NewQuote,
    NewRfq,
    OwnId,
    Quote,
    QuoteAnswer,
    QuotePage,
    Rfq,
    RfqAnswer,
    RfqPage,
)
from ..models.groups import Empty, Nothing
from ..pagination import everything
from .fates import done_or_found, nothing_shows

if TYPE_CHECKING:
    from ..transport import Transport

RFQS = "/communications/rfqs"
QUOTES = "/communications/quotes"
BLOCKS = "/communications/block-trade-proposals"
SCOPED = RFQS + "/{rfq_id}/quotes/{quote_id}"
CLOCKS_S = 120
"""How far the clocks of exchange and machine may differ."""
QUOTES_WINDOW_S, QUOTES_BACK_S = 7 * 86_400, 365 * 86_400
"""The longest window of one list of quotes, and how far back windows are walked."""
Whose = Literal["made", "got"]
"""Quotes that the caller made, or got on its own RFQs."""


class CommunicationsResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.blocks = BlockTradesResource(transport)

    async def own_id(self) -> str:
        """The pseudonym under which one's RFQs and quotes are shown to others."""
        return (await self._transport.get(OwnId, "/communications/id", signed=True)).communications_id

    # -- requests for quotes -----------------------------------------------------------------------------------

    async def rfq(self, rfq_id: str) -> Rfq:
        """One RFQ. Raises NotFoundError."""
        return (await self._transport.get(RfqAnswer, RFQS + "/{rfq_id}", {"rfq_id": rfq_id}, signed=True)).rfq

    async def rfqs(
        self,
        *,
        market_ticker: str | None = None,
        event_ticker: str | None = None,
        status: str | None = None,
        own: bool = False,
        creator_user_id: str | None = None,
        subaccount: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> RfqPage:
        """A page of RFQs (100 at most), of everybody or one's own; ``status`` is open or closed."""
        query = {
            "market_ticker": market_ticker,
            "event_ticker": event_ticker,
            "status": status,
            "user_filter": "self" if own else None,
            "creator_user_id": creator_user_id,
            "subaccount": subaccount,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(RfqPage, RFQS, signed=True, query=query)

    def all_rfqs(self, **filters: Any) -> AsyncIterator[Rfq]:
        """Every RFQ that fits, over all pages; filters as for :meth:`rfqs`."""
        return everything(lambda cursor: self.rfqs(**{"limit": 100, **filters, "cursor": cursor}), lambda p: p.rfqs)

    async def create_rfq(self, rfq: NewRfq) -> str:
        """Ask for quotes; returns the RFQ's id.

        Raises:
            ConflictError: one of yours is open on this market; ``replace_existing`` takes its place.
            OutcomeUnknownError: the answer was lost and none shows.
        """
        since = time.time() - CLOCKS_S

        async def look() -> str | None:
            found = await self.rfqs(market_ticker=rfq.market_ticker, status="open", own=True)
            newest = max(found.rfqs, key=lambda r: r.created_ts, default=None)
            fits = newest is not None and newest.created_ts.timestamp() >= since and _asks_the_same(newest, rfq)
            return newest.id if newest is not None and fits else None

        async def send() -> str:
            try:
                return (await self._transport.write(Made, "POST", RFQS, body=rfq, idempotent=False)).id
            except ConflictError as error:
                if error.maybe_done:
                    raise
                raise ConflictError(
                    "A request of yours on this market is open already: close it, or replace it with this one.",
                    status=error.status,
                    code=error.code,
                    details=error.details,
                ) from error

        unknown = "The RFQ was sent but its answer was lost and none shows: look among your RFQs before you ask again."
        return await done_or_found(send(), look, unknown)

    async def delete_rfq(self, rfq_id: str) -> None:
        """Close an RFQ; its quotes end with it. Raises KalshiError once a quote of it is confirmed."""
        path = RFQS + "/{rfq_id}"

        async def look() -> Nothing | None:
            return Nothing() if (await self.rfq(rfq_id)).status == "closed" else None

        send = self._transport.write(Nothing, "DELETE", path, {"rfq_id": rfq_id}, urgent=True)
        unknown = "The end of the RFQ was sent but its answer was lost and it still reads as open: read it again."
        await done_or_found(send, look, unknown)

    # -- quotes ------------------------------------------------------------------------------------------------

    async def quote(self, quote_id: str, *, rfq_id: str | None = None) -> Quote:
        """One quote that the caller made or got. Raises NotFoundError."""
        path, ids = _named(quote_id, rfq_id)
        return (await self._transport.get(QuoteAnswer, path, ids, signed=True)).quote

    async def quotes(
        self,
        whose: Whose,
        *,
        rfq_id: str | None = None,
        status: str | None = None,
        quote_creator_user_id: str | None = None,
        rfq_creator_user_id: str | None = None,
        min_ts: int | None = None,
        max_ts: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> QuotePage:
        """A page of quotes (500 at most) that the caller made, or got on its RFQs; ``status``: see :class:`Quote`.

        They were last updated in a window of Unix seconds, seven days at most. Without times it is the last seven days,
        with one of the two the seven days from or up to it. The exchange refuses a list without a user filter and a
        window (production, 2026: 400, 500 or 504).

        Raises:
            InvalidRequestError: the window is longer than seven days or ends before it starts; nothing was sent.
        """
        last = max_ts
        if last is None:
            last = int(time.time()) + CLOCKS_S if min_ts is None else min_ts + QUOTES_WINDOW_S
        first = max(last - QUOTES_WINDOW_S, 0) if min_ts is None else min_ts
        if not 0 <= last - first <= QUOTES_WINDOW_S:
            raise InvalidRequestError("A list of quotes spans seven days at most: min_ts to max_ts.")
        query = {
            "rfq_id": rfq_id,
            "status": status,
            "user_filter": "self" if whose == "made" else None,
            "rfq_user_filter": "self" if whose == "got" else None,
            "quote_creator_user_id": quote_creator_user_id,
            "rfq_creator_user_id": rfq_creator_user_id,
            "min_ts": first,
            "max_ts": last,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(QuotePage, QUOTES, signed=True, query=query)

    async def all_quotes(self, whose: Whose, *, since: int | None = None, **filters: Any) -> AsyncIterator[Quote]:
        """Every quote that fits and was last updated ``since`` a time in Unix seconds, newest week first.

        The last seven days where no time is given, and a year at most; other filters as for :meth:`quotes`.
        """
        last = int(time.time()) + CLOCKS_S
        oldest = last - QUOTES_WINDOW_S if since is None else max(since, last - QUOTES_BACK_S)
        while last > oldest:
            window = {"min_ts": max(oldest, last - QUOTES_WINDOW_S), "max_ts": last}
            page = partial(self._page, whose, {"limit": 500, **filters, **window})
            async for quote in everything(page, lambda p: p.quotes):
                yield quote
            last = window["min_ts"] - 1

    async def _page(self, whose: Whose, filters: dict[str, Any], cursor: str | None) -> QuotePage:
        return await self.quotes(whose, **filters, cursor=cursor)

    async def create_quote(self, quote: NewQuote) -> str:
        """Quote somebody's RFQ; returns the quote's id. Replaces an earlier quote of one's own on it.

        Raises:
            OutcomeUnknownError: the answer was lost and no such quote shows.
        """

        async def look() -> str | None:
            found = await self.quotes("made", rfq_id=quote.rfq_id, status="open")
            return next((q.id for q in found.quotes if _quotes_the_same(q, quote)), None)

        async def send() -> str:
            return (await self._transport.write(Made, "POST", QUOTES, body=quote, idempotent=False)).id

        unknown = (
            "The quote was sent but its answer was lost and none shows: look among your quotes before another try."
        )
        return await done_or_found(send(), look, unknown)

    async def delete_quote(self, quote_id: str, *, rfq_id: str | None = None) -> None:
        """Take a quote back. Raises KalshiError once it is accepted or over."""
        path, ids = _named(quote_id, rfq_id)

        async def look() -> Nothing | None:
            return Nothing() if (await self.quote(quote_id, rfq_id=rfq_id)).status == "cancelled" else None

        send = self._transport.write(Nothing, "DELETE", path, ids, urgent=True)
        unknown = "The end of the quote was sent but its answer was lost and it doesn't read as over: read it again."
        await done_or_found(send, look, unknown)

    async def accept_quote(self, quote_id: str, side: Side, *, rfq_id: str | None = None) -> Quote | None:
        """Take the maker's bid for a side: the maker buys it, you buy the other. The maker still has to confirm.

        Returns the quote where it had to be looked at, None otherwise.

        Raises:
            OutcomeUnknownError: the answer was lost and the quote doesn't read as accepted.
        """

        async def look() -> Quote | None:
            quote = await self.quote(quote_id, rfq_id=rfq_id)
            return quote if quote.accepted_side == side else None

        return await self._step(quote_id, rfq_id, "accept", AcceptBody(accepted_side=side), look)

    async def confirm_quote(self, quote_id: str, *, rfq_id: str | None = None) -> Quote | None:
        """Stand by an accepted quote: both orders are sent when the exchange's timer ends.

        Returns the quote where it had to be looked at, None otherwise.

        Raises:
            OutcomeUnknownError: the answer was lost and the quote doesn't read as confirmed.
        """

        async def look() -> Quote | None:
            quote = await self.quote(quote_id, rfq_id=rfq_id)
            return quote if quote.confirmed_ts is not None else None

        return await self._step(quote_id, rfq_id, "confirm", Empty(), look)

    async def _step(
        self,
        quote_id: str,
        rfq_id: str | None,
        step: str,
        body: AcceptBody | Empty,
        look: Callable[[], Awaitable[Quote | None]],
    ) -> Quote | None:
        path, ids = _named(quote_id, rfq_id)

        async def send() -> Quote | None:
            await self._transport.write(Nothing, "PUT", f"{path}/{step}", ids, body=body, idempotent=False)
            return None

        unknown = (
            f"The {step} was sent but its answer was lost and the quote doesn't show it: it may still come. Read the "
            "quote before another try; closing the RFQ or taking the quote back ends it."
        )
        return await done_or_found(send(), look, unknown)


class BlockTradesResource:
    """Trades that two members agree on by name."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(
        self,
        *,
        market_ticker: str | None = None,
        status: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> BlockTradePage:
        """A page of the proposals that name the caller."""
        query = {"market_ticker": market_ticker, "status": status, "limit": limit, "cursor": cursor}
        return await self._transport.get(BlockTradePage, BLOCKS, signed=True, query=query)

    def all(self, **filters: Any) -> AsyncIterator[BlockTrade]:
        """Every proposal that fits, over all pages; filters as for :meth:`list`."""
        return everything(
            lambda cursor: self.list(**{**filters, "cursor": cursor}), lambda page: page.block_trade_proposals
        )

    async def propose(self, proposal: NewBlockTrade) -> str:
        """Propose a trade; returns the proposal's id. Raises OutcomeUnknownError where the answer was lost."""

        async def send() -> str:
            made = await self._transport.write(BlockTradeMade, "POST", BLOCKS, body=proposal, idempotent=False)
            return made.block_trade_proposal_id

        unknown = "The proposal was sent but its answer was lost: look among the block trades before you propose again."
        return await done_or_found(send(), nothing_shows, unknown)

    async def accept(self, proposal_id: str, *, subaccount: int | None = None) -> None:
        """Accept a proposal. Raises OutcomeUnknownError where the answer was lost."""
        path, ids = BLOCKS + "/{block_trade_proposal_id}/accept", {"block_trade_proposal_id": proposal_id}

        async def send() -> Nothing:
            body = AcceptBlockTrade(subaccount=subaccount)
            return await self._transport.write(Nothing, "POST", path, ids, body=body, idempotent=False)

        unknown = "The accept was sent but its answer was lost: read the block trade before another try."
        await done_or_found(send(), nothing_shows, unknown)


def _named(quote_id: str, rfq_id: str | None) -> tuple[str, dict[str, str]]:
    """The path of a quote: within its RFQ where that is known (the other way is on its way out), and what fills it."""
    if rfq_id is None:
        return QUOTES + "/{quote_id}", {"quote_id": quote_id}
    return SCOPED, {"rfq_id": rfq_id, "quote_id": quote_id}


def _asks_the_same(shown: Rfq, asked: NewRfq) -> bool:
    if asked.target_cost_dollars is not None:
        return shown.target_cost_dollars == Decimal(asked.target_cost_dollars)
    return shown.contracts_fp == Decimal(asked.contracts_fp or 0)


def _quotes_the_same(shown: Quote, sent: NewQuote) -> bool:
    return (shown.yes_bid_dollars, shown.no_bid_dollars) == (Decimal(sent.yes_bid), Decimal(sent.no_bid))
