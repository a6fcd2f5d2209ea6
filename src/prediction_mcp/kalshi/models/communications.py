"""Requests for quotes (RFQs), quotes, and block trades: prices that are agreed outside of the book."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from prediction_mcp.net.sides import Side

from .base import Count, Dollars, KalshiModel, OptionalTime, Page, Request
from .markets import ComboLeg


class Rfq(KalshiModel):
    """A request for quotes. ``status`` is open or closed; ``contracts_fp`` is 0 where a target cost is asked for.

    Whose it is (``creator_user_id``, ``creator_subaccount``) stands only in one's own.
    """

    id: str
    creator_id: str = ""
    market_ticker: str
    contracts_fp: Count = Decimal(0)
    target_cost_dollars: Dollars | None = None
    target_cost_excludes_fees: bool | None = None
    status: str
    created_ts: datetime
    updated_ts: OptionalTime = None
    cancelled_ts: OptionalTime = None
    cancellation_reason: str | None = None
    rest_remainder: bool | None = None
    mve_collection_ticker: str | None = None
    mve_selected_legs: list[ComboLeg] | None = None
    creator_user_id: str | None = None
    creator_subaccount: int | None = None

    @property
    def is_own(self) -> bool:
        """Whether the caller asked it."""
        return bool(self.creator_user_id)


class RfqAnswer(KalshiModel):
    rfq: Rfq


class RfqPage(Page):
    rfqs: list[Rfq] = []


class Quote(KalshiModel):
    """A maker's two bids for the whole of an RFQ; a bid of 0 declines that side.

    ``status`` is open, accepted, confirmed, executed or cancelled. Accepting a side takes the maker's bid for it: the
    maker buys that side and who asked buys the other.
    """

    id: str
    rfq_id: str
    creator_id: str = ""
    rfq_creator_id: str = ""
    market_ticker: str
    contracts_fp: Count = Decimal(0)
    yes_bid_dollars: Dollars = Decimal(0)
    no_bid_dollars: Dollars = Decimal(0)
    yes_contracts_fp: Count | None = None
    no_contracts_fp: Count | None = None
    status: str
    created_ts: datetime
    updated_ts: datetime
    accepted_side: Side | None = None
    accepted_ts: OptionalTime = None
    confirmed_ts: OptionalTime = None
    executed_ts: OptionalTime = None
    cancelled_ts: OptionalTime = None
    cancellation_reason: str | None = None
    rest_remainder: bool | None = None
    post_only: bool | None = None
    creator_user_id: str | None = None
    rfq_creator_user_id: str | None = None
    creator_order_id: str | None = None
    rfq_creator_order_id: str | None = None
    creator_subaccount: int | None = None
    rfq_creator_subaccount: int | None = None
    rfq_target_cost_dollars: Dollars | None = None
    target_cost_excludes_fees: bool | None = None

    @property
    def is_own(self) -> bool:
        """Whether the caller made it."""
        return bool(self.creator_user_id)

    def bid(self, side: Side) -> Decimal:
        """Dollars that the maker pays for one contract of a side; 0 where it is declined."""
        return self.yes_bid_dollars if side == "yes" else self.no_bid_dollars

    def count(self, side: Side) -> Decimal:
        """Contracts that it comes to when this side is accepted."""
        named = self.yes_contracts_fp if side == "yes" else self.no_contracts_fp
        return self.contracts_fp if named is None else named


class QuoteAnswer(KalshiModel):
    quote: Quote


class QuotePage(Page):
    quotes: list[Quote] = []


class BlockTrade(KalshiModel):
    """A trade proposed to two named members. ``price_centi_cents`` is $0.0001, ``centicount`` 0.01 contracts."""

    id: str
    proposer_user_id: str = ""
    buyer_user_id: str
    buyer_subtrader_id: str | None = None
    seller_user_id: str
    seller_subtrader_id: str | None = None
    market_ticker: str
    price_centi_cents: int
    centicount: int
    maker_side: Side
    status: str
    expiration_ts: datetime
    created_ts: OptionalTime = None
    updated_ts: OptionalTime = None
    buyer_accepted: bool = False
    seller_accepted: bool = False
    buyer_accepted_ts: OptionalTime = None
    seller_accepted_ts: OptionalTime = None
    executed_ts: OptionalTime = None
    buyer_order_id: str | None = None
    seller_order_id: str | None = None


class BlockTradePage(Page):
    block_trade_proposals: list[BlockTrade] = []


class OwnId(KalshiModel):
    """The pseudonym under which the caller's RFQs and quotes are shown to others."""

    communications_id: str


class Made(KalshiModel):
    id: str


class BlockTradeMade(KalshiModel):
    block_trade_proposal_id: str


class NewRfq(Request):
    """Exactly one of ``contracts_fp`` (contracts) and ``target_cost_dollars``; both strings as the wire has them."""

    market_ticker: str
    rest_remainder: bool = False
    contracts_fp: str | None = None
    target_cost_dollars: str | None = None
    target_cost_excludes_fees: bool | None = None
    obscure_creator_id: bool | None = None
    replace_existing: bool | None = None
    subaccount: int | None = None


class NewQuote(Request):
    """Bids in dollars of each side, as the wire's strings; "0" declines a side."""

    rfq_id: str
    yes_bid: str
    no_bid: str
    rest_remainder: bool = False
    post_only: bool | None = None
    subaccount: int | None = None


class AcceptBody(Request):
    accepted_side: Side


class NewBlockTrade(Request):
    """``price_centi_cents`` of YES in $0.0001; ``centicount`` in 0.01 contracts; ``expiration_ts`` RFC 3339."""

    buyer_user_id: str
    seller_user_id: str
    market_ticker: str
    price_centi_cents: int
    centicount: int
    maker_side: Literal["yes", "no"]
    expiration_ts: str
    buyer_subaccount: int | None = None
    seller_subaccount: int | None = None


class AcceptBlockTrade(Request):
    subaccount: int | None = None
