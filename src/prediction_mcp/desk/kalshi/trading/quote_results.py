"""What is answered about requests for quotes and quotes: what can be bought, at what price, what is still missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Self

from prediction_mcp.desk.results import Answer, ListAnswer, Result, Second
from prediction_mcp.kalshi.models.communications import Quote, Rfq
from prediction_mcp.net.sides import Side
from prediction_mcp.net.words import cents, printed

from .results import FundedAnswer

CONFIRM_S, EXECUTE_S = 30, 15
CONFIRM_COMBO_S, EXECUTE_COMBO_S = 3, 1
"""How long the maker has to confirm, and how long after that it is traded; docs/kalshi.md, "Requests for quotes"."""


def windows(*, combo: bool) -> tuple[int, int]:
    """(seconds to confirm in, seconds until it is traded)."""
    return (CONFIRM_COMBO_S, EXECUTE_COMBO_S) if combo else (CONFIRM_S, EXECUTE_S)


def confirm_by(quote: Quote, *, combo: bool) -> datetime | None:
    """Return until when an accepted quote can be confirmed; None where nothing waits for that.

    One that isn't confirmed in time stays ``accepted`` on the exchange for ever; a late confirm is refused (400
    ``expired``, recorded on Kalshi's demo).
    """
    if quote.status != "accepted" or quote.accepted_ts is None:
        return None
    return quote.accepted_ts + timedelta(seconds=windows(combo=combo)[0])


class RfqSent(Answer):
    """A request that is open now; nothing is traded by it."""

    rfq_id: str
    asked: str
    next: str


class QuoteSent(Answer):
    """A quote that is open now; nothing is traded by it."""

    quote_id: str
    rfq_id: str
    quote: str
    next: str


class Ended(Answer):
    id: str
    status: str


class RfqLine(Result):
    """``own`` requests are yours; the others' can be quoted."""

    rfq_id: str
    ticker: str
    asked: str
    status: str
    own: bool | None = None
    created: Second
    ended: str | None = None

    @classmethod
    def of(cls, rfq: Rfq) -> Self:
        if rfq.target_cost_dollars is not None:
            asked = f"as many contracts as ${printed(rfq.target_cost_dollars)} buy"
        else:
            asked = f"{printed(rfq.contracts_fp)} contracts"
        return cls(
            rfq_id=rfq.id,
            ticker=rfq.market_ticker,
            asked=asked,
            status=rfq.status,
            own=rfq.is_own or None,
            created=rfq.created_ts,
            ended=rfq.cancellation_reason,
        )


class RfqList(ListAnswer):
    rfqs: list[RfqLine]


class QuoteBody(Result):
    """A quote as we can use it. Of others': what we could buy; of ours: what we said we pay."""

    quote_id: str
    rfq_id: str
    ticker: str
    status: str
    own: bool | None = None
    buy_yes: str | None = None
    buy_no: str | None = None
    bids: str | None = None
    accepted: str | None = None
    confirm_by: Second | None = None
    order_id: str | None = None
    ended: str | None = None
    next: str | None = None

    @classmethod
    def parts(cls, quote: Quote, *, combo: bool = False) -> dict[str, object]:
        own, order_id = quote.is_own, quote.creator_order_id if quote.is_own else quote.rfq_creator_order_id
        sold = {} if own else {"buy_yes": _offer(quote, "no"), "buy_no": _offer(quote, "yes")}
        bids = " or ".join(f"{cents(quote.bid(s))} for {s}" for s in _SIDES if quote.bid(s)) if own else None
        accepted = quote.accepted_side
        side = None if accepted is None else accepted if own else _OTHER[accepted]
        until = confirm_by(quote, combo=combo)
        late = until is not None and until < datetime.now(UTC)
        return {
            "quote_id": quote.id, "rfq_id": quote.rfq_id, "ticker": quote.market_ticker, "status": quote.status,
            "own": own or None, **sold, "bids": f"you pay {bids}" if bids else None,
            "accepted": None if side is None else f"you buy {side}", "confirm_by": until,
            "order_id": order_id or None, "ended": "not confirmed in time" if late else quote.cancellation_reason,
            "next": None if late else _next(quote),
        }  # fmt: skip


_SIDES: tuple[Side, Side] = ("yes", "no")
_OTHER: dict[Side, Side] = {"yes": "no", "no": "yes"}


def _offer(quote: Quote, theirs: Side) -> str | None:
    """What buying the other side of a maker's bid costs: "61¢ for 5,000 contracts"; None where it is declined."""
    bid, count = quote.bid(theirs), quote.count(theirs)
    return f"{cents(1 - bid)} for {printed(count)} contracts" if bid and count else None


def _next(quote: Quote) -> str | None:
    """What still has to happen, and by whom."""
    if quote.status == "accepted":
        return "Confirm it with kalshi_confirm_quote, or let it pass." if quote.is_own else "The maker has to confirm."
    if quote.status == "confirmed":
        return "Both orders are sent to the book in a moment."
    return None


class QuoteEntry(QuoteBody):
    @classmethod
    def of(cls, quote: Quote, *, combo: bool = False) -> Self:
        return cls.model_validate(cls.parts(quote, combo=combo))


class QuoteList(ListAnswer):
    """Best first where they answer one request."""

    quotes: list[QuoteEntry]


class QuoteLine(FundedAnswer, QuoteBody):
    """One quote."""

    @classmethod
    def of(cls, quote: Quote, source: str, *, combo: bool = False) -> Self:
        return cls.model_validate({"source": source, **cls.parts(quote, combo=combo)})


def best_first(quotes: list[Quote]) -> list[Quote]:
    """Open ones first; among those the ones with the better bids together."""
    return sorted(quotes, key=lambda q: (q.status != "open", -(q.yes_bid_dollars + q.no_bid_dollars), q.created_ts))
