"""Requests for quotes (RFQs) and quotes for those of others: nothing is traded by either. Plans, and reading them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from prediction_mcp.desk.results import MONEY, more
from prediction_mcp.kalshi.errors import InvalidOrderError, InvalidRequestError
from prediction_mcp.kalshi.models.communications import NewQuote, NewRfq
from prediction_mcp.kalshi.orders import check_count, check_price
from prediction_mcp.kalshi.resources.communications import CLOCKS_S, Whose
from prediction_mcp.kalshi.units import format_count, format_dollars, format_price, parse_dollars, parse_price
from prediction_mcp.net.sides import Side
from prediction_mcp.net.words import cents, printed
from prediction_mcp.safety.plan import Done, Plan, Terms

from .. import lookup
from .cancel import ORDER_ID
from .entry import check_open, dollars
from .question import gets, named
from .quote_results import (
    Ended,
    QuoteEntry,
    QuoteList,
    QuoteSent,
    RfqLine,
    RfqList,
    RfqSent,
    best_first,
    confirm_by,
    windows,
)

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.communications import Quote, Rfq
    from prediction_mcp.kalshi.models.markets import Market

    from ..account import Account

ZERO = Decimal(0)
MOST_RFQS = 100
WHOSE: tuple[Whose, Whose] = ("got", "made")
WEEK_S, MOST_WEEKS = 7 * 86_400, 4
"""Quotes are listed by weeks, as the exchange allows, and this many back."""
_CURSOR = re.compile(r"(?P<start>[0-9]{1,12})[.](?P<until>[0-9]{1,12})[.](?P<whose>got|made)[.](?P<theirs>.{0,2000})")
"""RFQs of a page."""
OTHER: dict[Side, Side] = {"yes": "no", "no": "yes"}


def check_id(text: str, what: str) -> str:
    """An id as the exchange has them. Raises InvalidRequestError; none of the text is repeated."""
    if not ORDER_ID.fullmatch(text):
        raise InvalidRequestError(f"That is no {what}: nothing was sent.")
    return text


# -- asking ------------------------------------------------------------------------------------------------------


async def plan_rfq(
    account: Account, ticker: str, count: Decimal | None, cost: Decimal | None, *, replace: bool, rest: bool
) -> AskForQuotes:
    """Ask makers for a price on so many contracts, or on as many as so many dollars buy.

    Raises:
        InvalidOrderError, MarketClosedError, NotFoundError: what is wrong; nothing was sent.
    """
    if (count is None) == (cost is None):
        raise InvalidOrderError("Give exactly one of count (contracts) and target_cost (dollars).")
    if cost is not None and not 0 < cost <= 10**9:
        raise InvalidOrderError("target_cost is in dollars, above 0.")
    units = None if count is None else format_count(check_count(count))
    market = await lookup.market(account, ticker)
    check_open(market)
    rfq = NewRfq(
        market_ticker=market.ticker,
        contracts_fp=units,
        target_cost_dollars=None if cost is None else format_dollars(parse_dollars(round(cost, 6))),
        replace_existing=replace or None,
        rest_remainder=rest,
    )
    return AskForQuotes(account, rfq, market)


class AskForQuotes(Plan[RfqSent]):
    kind = "arrangement"

    def __init__(self, account: Account, rfq: NewRfq, market: Market) -> None:
        self._account, self._rfq, self._market = account, rfq, market
        self.terms = rfq.model_dump(exclude_none=True)

    @property
    def _size(self) -> str:
        rfq = self._rfq
        if rfq.contracts_fp is not None:
            return f"{printed(Decimal(rfq.contracts_fp))} contracts"
        return f"as many contracts as {gets(Decimal(rfq.target_cost_dollars or 0))} buy"

    async def send(self, terms: Terms) -> RfqSent:
        rfq_id = await self._account.kalshi.communications.create_rfq(NewRfq(**terms))
        return RfqSent(
            source=self._account.environment,
            rfq_id=rfq_id,
            asked=f"{self._size} of {self._market.ticker}",
            next="Makers answer within seconds: read them with kalshi_get_quotes, take one with kalshi_accept_quote.",
        )

    async def words(self) -> str:
        again = " An open request of yours on this market is replaced." if self._rfq.replace_existing else ""
        return (
            f"Ask makers for a price on {self._size} of “{named(self._market)}” ({self._market.ticker}). Nothing is "
            f"traded by asking.{again} {MONEY[self._account.environment]}"
        )

    def done(self, result: RfqSent) -> Done:
        return Done(f"asked for quotes: {result.rfq_id}")


async def plan_end(account: Account, rfq_id: str | None, quote_id: str | None) -> EndRfq | EndQuote:
    """The end of a request or of a quote of one's own; exactly one is named. Raises InvalidRequestError."""
    if (rfq_id is None) == (quote_id is None):
        raise InvalidRequestError("Give exactly one of rfq_id and quote_id.")
    if rfq_id is not None:
        return await plan_end_rfq(account, rfq_id)
    quote = await account.kalshi.communications.quote(check_id(quote_id or "", "quote id"))
    if not quote.is_own:
        raise InvalidRequestError("That quote is somebody else's: close your request, or leave it alone.")
    if quote.status != "open":
        raise InvalidRequestError(f"That quote is {quote.status}: only an open one can be taken back.")
    return EndQuote(account, quote)


class EndQuote(Plan[Ended]):
    kind = "cancel"

    def __init__(self, account: Account, quote: Quote) -> None:
        self._account, self._quote = account, quote
        self.terms = {"quote_id": quote.id, "rfq_id": quote.rfq_id, "ticker": quote.market_ticker}

    async def send(self, terms: Terms) -> Ended:
        await self._account.kalshi.communications.delete_quote(terms["quote_id"], rfq_id=terms["rfq_id"])
        return Ended(source=self._account.environment, id=terms["quote_id"], status="cancelled")

    async def words(self) -> str:
        market = await lookup.market(self._account, self._quote.market_ticker)
        return f"Take back your quote on “{named(market)}”. {MONEY[self._account.environment]}"

    def done(self, result: Ended) -> Done:
        return Done(f"took back the quote {result.id}")


async def plan_end_rfq(account: Account, rfq_id: str) -> EndRfq:
    """The end of a request of one's own; its quotes end with it. Raises InvalidRequestError where it is over."""
    rfq = await account.kalshi.communications.rfq(check_id(rfq_id, "RFQ id"))
    if not rfq.is_own:
        raise InvalidRequestError("That RFQ is somebody else's: nothing was sent.")
    if rfq.status != "open":
        raise InvalidRequestError(f"That RFQ is {rfq.status} already ({rfq.cancellation_reason or 'over'}).")
    return EndRfq(account, rfq)


class EndRfq(Plan[Ended]):
    kind = "cancel"

    def __init__(self, account: Account, rfq: Rfq) -> None:
        self._account, self._rfq = account, rfq
        self.terms = {"rfq_id": rfq.id, "ticker": rfq.market_ticker}

    async def send(self, terms: Terms) -> Ended:
        await self._account.kalshi.communications.delete_rfq(terms["rfq_id"])
        return Ended(source=self._account.environment, id=terms["rfq_id"], status="closed")

    async def words(self) -> str:
        market = await lookup.market(self._account, self._rfq.market_ticker)
        return f"Close your request for quotes on “{named(market)}”. {MONEY[self._account.environment]}"

    def done(self, result: Ended) -> Done:
        return Done(f"closed the request {result.id}")


# -- quoting -----------------------------------------------------------------------------------------------------


async def plan_quote(
    account: Account, rfq_id: str, yes_price: Decimal | None, no_price: Decimal | None, *, post_only: bool
) -> MakeQuote:
    """A quote for somebody's request: what we pay for YES, for NO, or for either; cents.

    Raises:
        InvalidOrderError, InvalidRequestError: what is wrong; nothing was sent.
    """
    if yes_price is None and no_price is None:
        raise InvalidOrderError("Give yes_price, no_price, or both: what you would pay for that side, in cents.")
    rfq = await account.kalshi.communications.rfq(check_id(rfq_id, "RFQ id"))
    if rfq.status != "open":
        raise InvalidRequestError(f"That RFQ is {rfq.status}: nothing was sent.")
    if rfq.is_own:
        raise InvalidRequestError("Nobody quotes a request of one's own: nothing was sent.")
    market = await lookup.market(account, rfq.market_ticker)
    check_open(market)
    given: dict[Side, Decimal | None] = {"yes": yes_price, "no": no_price}
    bids = {side: ZERO if price is None else dollars(price) for side, price in given.items()}
    for side, bid in bids.items():
        if bid:
            check_price(bid, side, market.grid)
    if sum(bids.values()) > 1:
        raise InvalidOrderError("Both bids together are more than $1: whoever took both sides would profit for sure.")
    return MakeQuote(account, rfq, market, bids, post_only=post_only)


class MakeQuote(Plan[QuoteSent]):
    kind = "arrangement"

    def __init__(
        self, account: Account, rfq: Rfq, market: Market, bids: dict[Side, Decimal], *, post_only: bool
    ) -> None:
        self._account, self._rfq, self._market, self._bids = account, rfq, market, bids
        quote = NewQuote(
            rfq_id=rfq.id,
            yes_bid=format_price(parse_price(bids["yes"])),
            no_bid=format_price(parse_price(bids["no"])),
            post_only=post_only or None,
        )
        self.terms = quote.model_dump(exclude_none=True)

    @property
    def _size(self) -> str:
        if self._rfq.target_cost_dollars is not None:
            return f"what {gets(self._rfq.target_cost_dollars)} buy"
        return f"{printed(self._rfq.contracts_fp)} contracts"

    async def send(self, terms: Terms) -> QuoteSent:
        quote_id = await self._account.kalshi.communications.create_quote(NewQuote(**terms))
        first, _ = windows(combo=bool(self._rfq.mve_selected_legs))
        hurry = f" A person who is asked first may take longer than {first} s." if self._hurries else ""
        return QuoteSent(
            source=self._account.environment,
            quote_id=quote_id,
            rfq_id=self._rfq.id,
            quote=self._said,
            next=f"Once accepted you have {first} s to kalshi_confirm_quote it; nothing trades before.{hurry}",
        )

    @property
    def _hurries(self) -> bool:
        """Whether a yes of a person has to come within the few seconds that a combo gives."""
        return bool(self._rfq.mve_selected_legs) and not self._account.policy.asks_never()

    @property
    def _said(self) -> str:
        paid = [f"{cents(price)} for {side}" for side, price in self._bids.items() if price]
        return f"you pay {' or '.join(paid)}"

    async def words(self) -> str:
        return (
            f"Quote somebody's request for {self._size} of “{named(self._market)}” ({self._market.ticker}): "
            f"{self._said}. Nothing trades before it is accepted and you confirm. {MONEY[self._account.environment]}"
        )

    def done(self, result: QuoteSent) -> Done:
        return Done(f"quoted: {result.quote_id}")


# -- reading -----------------------------------------------------------------------------------------------------


async def rfqs_of(
    account: Account, ticker: str | None, *, own: bool, status: str | None, limit: int, cursor: str | None
) -> RfqList:
    """Requests for quotes: one's own, or those of others that can be quoted."""
    name = None if ticker is None else (await lookup.market(account, ticker)).ticker
    page = await account.kalshi.communications.rfqs(
        market_ticker=name, status=status, own=own, limit=min(limit, MOST_RFQS), cursor=cursor
    )
    lines = [RfqLine.of(rfq) for rfq in page.rfqs]
    return RfqList(source=account.environment, count=len(lines), cursor=more(page), rfqs=lines)


async def quotes_of(
    account: Account, quote_id: str | None, rfq_id: str | None, status: str | None, limit: int, cursor: str | None
) -> QuoteList:
    """Quotes that we made or got, best first: one, or a page of those for a request or of all, newest week first."""
    communications, rest = account.kalshi.communications, None
    if quote_id is not None:
        quotes = [await communications.quote(check_id(quote_id, "quote id"))]
    else:
        named = None if rfq_id is None else check_id(rfq_id, "RFQ id")
        quotes, rest = await _page(account, limit, cursor, rfq_id=named, status=status)
    combos, now = dict[str, bool](), datetime.now(UTC)
    for quote in quotes:  # how much time a confirm has depends on the kind of market; one that lapsed needs no look-up
        until = confirm_by(quote, combo=False)
        if until is not None and until >= now and quote.rfq_id not in combos:
            combos[quote.rfq_id] = bool((await communications.rfq(quote.rfq_id)).mve_selected_legs)
    lines = [QuoteEntry.of(q, combo=combos.get(q.rfq_id, False)) for q in best_first(quotes)]
    return QuoteList(source=account.environment, count=len(lines), cursor=rest, quotes=lines)


async def _page(
    account: Account, limit: int, cursor: str | None, **filters: str | None
) -> tuple[list[Quote], str | None]:
    """(quotes of a week, the cursor of the next page): those that we got, then those that we made, week by week.

    Our cursor is ``start.until.whose.theirs``: the ends of the first week and of this one in Unix seconds, the list,
    and the exchange's own cursor.
    """
    if cursor is None:
        told = (await account.kalshi.exchange.user_data_timestamp()).as_of_time.timestamp()  # paper time may be ahead
        start = until = int(max(told, time.time())) + CLOCKS_S
        whose, theirs = WHOSE[0], None
    elif (found := _CURSOR.fullmatch(cursor)) is None:
        raise InvalidRequestError("cursor must be the one of the page before.")
    else:
        start, until, theirs = int(found["start"]), int(found["until"]), found["theirs"] or None
        whose = WHOSE[0] if found["whose"] == "got" else WHOSE[1]
    quotes: list[Quote] = []
    while True:
        page = await account.kalshi.communications.quotes(
            whose, **filters, min_ts=until - WEEK_S + 1, max_ts=until, limit=limit - len(quotes), cursor=theirs
        )
        quotes += page.quotes
        theirs = page.cursor or None
        if theirs is None and whose == WHOSE[0]:
            whose = WHOSE[1]
            if len(quotes) < limit:
                continue
        elif theirs is None:
            whose, until = WHOSE[0], until - WEEK_S
            if start - until > MOST_WEEKS * WEEK_S - 1:
                return quotes, None
        return quotes, f"{start}.{until}.{whose}.{theirs or ''}"
