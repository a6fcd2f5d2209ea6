"""The public record (Data API), typed: trades, positions, holders, activity, profits, resolutions. Sizes are shares."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from .wire import Moment, Number, OptionalNumber, OptionalText, Price, Size, SnakeWire

UNKNOWN_INDEX = 999
"""``outcome_index`` where the record doesn't know it."""
UNSET_PRICE = 69
"""``price`` of a resolution that isn't settled."""


class Trade(SnakeWire):
    """A trade of the public record."""

    proxy_wallet: str
    token_id: str
    condition_id: str
    side: Literal["BUY", "SELL"]
    size: Size
    price: Price
    timestamp: Moment
    transaction_hash: str = ""
    title: OptionalText = None
    slug: OptionalText = None
    outcome: OptionalText = None
    outcome_index: int | None = None

    @property
    def known_index(self) -> int | None:
        return None if self.outcome_index == UNKNOWN_INDEX else self.outcome_index


class Position(SnakeWire):
    """What a wallet holds of a token, with its cost. Resolved isn't paid: REDEEMABLE has to be redeemed."""

    proxy_wallet: str
    token_id: str
    condition_id: str
    current_size: Number
    avg_price: Number
    entry_fees_usdc: OptionalNumber = None
    """Taker fees; the cost is without them."""
    total_cost_usdc: Number
    current_price: Number
    current_value: Number
    realized_pnl: Number
    unrealized_pnl: Number
    status: str
    redeemable: bool
    mergeable: bool
    negative_risk: bool
    title: OptionalText = None
    slug: OptionalText = None
    outcome: OptionalText = None
    outcome_index: int | None = None


class Holder(SnakeWire):
    """Who holds how much."""

    proxy_wallet: str
    token_id: str
    amount: Number
    outcome_index: int | None = None
    name: OptionalText = None
    pseudonym: OptionalText = None


class TokenHolders(SnakeWire):
    """The holders of a token."""

    token_id: str
    holders: tuple[Holder, ...]


class Value(SnakeWire):
    """What a wallet's positions are worth, in dollars."""

    proxy_wallet: str
    value: Number


class PricePoint(SnakeWire):
    """A token's price at a moment."""

    timestamp: Moment
    price: Price
    resolution_seconds: int | None = None


class Resolution(SnakeWire):
    """How a question was or is being decided."""

    question_id: OptionalText = None
    condition_id: OptionalText = None
    status: str
    was_disputed: bool = False
    price: OptionalNumber = None
    payouts: tuple[Number, ...] | None = None
    resolved_at: Moment = None

    @property
    def settled_price(self) -> Decimal | None:
        """``price``, where it is one."""
        return None if self.price == UNSET_PRICE else self.price


class Activity(SnakeWire):
    """Something a wallet did. What isn't said of its kind is None."""

    type: str
    timestamp: Moment = None
    condition_id: OptionalText = None
    token_id: OptionalText = None
    side: OptionalText = None
    size: OptionalNumber = None
    price: OptionalNumber = None
    usdc_size: OptionalNumber = None
    outcome: OptionalText = None
    title: OptionalText = None
    slug: OptionalText = None
    transaction_hash: OptionalText = None


class ProfitPoint(SnakeWire):
    """A wallet's profit at a moment, in dollars."""

    timestamp: Moment
    realized_pnl: Number
    unrealized_pnl: OptionalNumber = None
    volume_usdc: OptionalNumber = None
    trade_count: int = 0


class Profit(SnakeWire):
    """A wallet's profit in time."""

    proxy_wallet: str
    points: tuple[ProfitPoint, ...] = ()


class Stats(SnakeWire):
    """A wallet's record in figures."""

    proxy_wallet: str
    trades: int
    biggest_win: Number
    all_time_pnl: ProfitPoint | None = None


class Interest(SnakeWire):
    """Open interest of a market."""

    condition_id: OptionalText = None
    value: Number


class Pagination(SnakeWire):
    """Whether a list of the public record goes on, and where."""

    has_more: bool = False
    next_cursor: OptionalText = None
