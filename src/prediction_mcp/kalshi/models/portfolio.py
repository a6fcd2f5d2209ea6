"""Balance, positions, fills, settlements, and the account's limits."""

from datetime import datetime
from decimal import Decimal

from pydantic import AliasChoices, Field

from prediction_mcp.net.sides import BookSide, Side

from .base import Count, Dollars, KalshiModel, OptionalTime, Page
from .money import IndexedBalance


class Balance(KalshiModel):
    """``balance_dollars`` is free cash; ``portfolio_value`` is cents."""

    balance: int = 0
    balance_dollars: Dollars
    portfolio_value: int = 0
    updated_ts: int = 0
    balance_breakdown: list[IndexedBalance] | None = None


class MarketPosition(KalshiModel):
    """``position_fp`` is signed: YES above zero, NO below. ``market_exposure_dollars`` is cost basis, not a mark."""

    ticker: str
    position_fp: Count
    market_exposure_dollars: Dollars = Decimal(0)
    realized_pnl_dollars: Dollars = Decimal(0)
    fees_paid_dollars: Dollars = Decimal(0)
    total_traded_dollars: Dollars = Decimal(0)
    last_updated_ts: OptionalTime = None
    exchange_index: int | None = None


class EventPosition(KalshiModel):
    event_ticker: str
    total_cost_dollars: Dollars = Decimal(0)
    total_cost_shares_fp: Count = Decimal(0)
    event_exposure_dollars: Dollars = Decimal(0)
    realized_pnl_dollars: Dollars = Decimal(0)
    fees_paid_dollars: Dollars = Decimal(0)


class PositionPage(Page):
    market_positions: list[MarketPosition] = []
    event_positions: list[EventPosition] = []


class Fill(KalshiModel):
    """Our half of a trade. ``fee_cost`` is the net fee."""

    fill_id: str
    trade_id: str = ""
    order_id: str
    ticker: str
    market_ticker: str = ""
    outcome_side: Side
    book_side: BookSide
    count_fp: Count
    yes_price_dollars: Dollars
    no_price_dollars: Dollars | None = None
    is_taker: bool
    fee_cost: Dollars = Decimal(0)
    created_time: OptionalTime = Field(None, validation_alias=AliasChoices("created_time", "ts"))
    subaccount_number: int | None = None
    exchange_index: int | None = None


class FillPage(Page):
    fills: list[Fill] = []


class Settlement(KalshiModel):
    """``revenue`` and ``value`` are cents, as Kalshi still sends them."""

    ticker: str
    event_ticker: str = ""
    market_result: str
    yes_count_fp: Count = Decimal(0)
    yes_total_cost_dollars: Dollars = Decimal(0)
    no_count_fp: Count = Decimal(0)
    no_total_cost_dollars: Dollars = Decimal(0)
    revenue: int = 0
    value: int | None = None
    fee_cost: Dollars = Decimal(0)
    settled_time: datetime
    exchange_index: int | None = None


class SettlementPage(Page):
    settlements: list[Settlement] = []


class Transfer(KalshiModel):
    """A deposit or a withdrawal, in cents; only an ``applied`` one is in the balance. Times in Unix seconds."""

    id: str
    status: str
    type: str = ""
    amount_cents: int
    fee_cents: int = 0
    created_ts: int
    finalized_ts: int | None = None


class DepositPage(Page):
    deposits: list[Transfer] = []


class WithdrawalPage(Page):
    withdrawals: list[Transfer] = []


class RestingValue(KalshiModel):
    """Value of all resting orders, in cents."""

    total_resting_order_value: int
    resting_order_value_breakdown: list[IndexedBalance] = []
