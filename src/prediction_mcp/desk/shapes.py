"""What every platform has: a market, its book, fees, positions, and how it is asked for them.

Cut from what Kalshi and Polymarket really share. Each platform maps its own to these in one module (``venue.py``); its
client knows nothing of them. Prices are dollars of a contract that pays $1; a contract is Polymarket's share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from prediction_mcp.analytics.costs import Fees
    from prediction_mcp.catalogue.index import Index
    from prediction_mcp.matching.listing import Listing
    from prediction_mcp.safety.plan import Done, Plan, R, Terms

PlatformName = Literal["kalshi", "polymarket"]
Level = tuple[Decimal, Decimal]
"""(price in dollars, contracts)"""


@dataclass(frozen=True, slots=True)
class Market:
    """A question with two sides, which add up to $1.

    Attributes:
        id: as people name it: Kalshi's ticker, Polymarket's slug.
        key: what never changes: the ticker, the condition id.
        listing: its texts and fields, as matching reads them.
        sides: what its two sides are called; prices are those of the first.
        bid, ask: of the first side, as the listing has them (they may lag); None where nobody quotes.
        volume: dollars or contracts of the last 24 hours, as the platform counts.
        step, least: the smallest part of a contract, and of an order.
        tick: a step of prices that all of its prices may take.
        pays: what a contract of the first side pays, once that is known.
        native: the platform's own model.
    """

    platform: PlatformName
    id: str
    key: str
    event: str
    listing: Listing
    sides: tuple[str, str]
    is_open: bool
    status: str
    closes: datetime | None
    bid: Decimal | None
    ask: Decimal | None
    volume: Decimal | None
    step: Decimal
    least: Decimal
    tick: Decimal
    pays: Decimal | None
    native: object = field(repr=False, compare=False)

    @property
    def title(self) -> str:
        """What it asks, with the answer that it is about."""
        option = self.listing.option
        return f"{self.listing.title}: {option}" if option and option not in self.listing.title else self.listing.title


@dataclass(frozen=True, slots=True)
class Book:
    """What is offered of the first side, best first. What the second side is offered at mirrors it."""

    bids: Sequence[Level]
    asks: Sequence[Level]

    def offers(self, side: int) -> list[Level]:
        """What a buyer of a side (0 or 1) meets, cheapest first."""
        return list(self.asks) if side == 0 else [(1 - price, count) for price, count in self.bids]

    def takers(self, side: int) -> list[Level]:
        """What a seller of a side meets, dearest first."""
        return list(self.bids) if side == 0 else [(1 - price, count) for price, count in self.asks]


@dataclass(frozen=True, slots=True)
class Position:
    """Contracts of one side that are held; ``cost`` is None where the platform doesn't tell it."""

    market: Market
    side: int
    count: Decimal
    cost: Decimal | None
    value: Decimal


@dataclass(frozen=True, slots=True)
class Money:
    """An account's dollars: cash, and what positions are worth by the platform's own count."""

    cash: Decimal
    positions: Decimal
    note: str | None = None
    """Money of the account that is counted in neither."""


@dataclass(frozen=True, slots=True)
class Fill:
    """What an order bought: contracts, dollars for them, the fee; ``resting`` contracts may still fill.

    ``is_exact`` is False where the platform didn't report price or fee: then the order's own limit is taken, the worst.
    """

    order_id: str
    count: Decimal
    dollars: Decimal
    fee: Decimal
    resting: Decimal = Decimal(0)
    is_exact: bool = True

    @property
    def total(self) -> Decimal:
        return self.dollars + self.fee


class LegOrder(Protocol):
    """A purchase of one side, ready but not sent: as a plan that limits and journal look at, and in fewer contracts."""

    @property
    def plan(self) -> Plan[Any]: ...

    def funded(self, plan: Plan[R]) -> Plan[R]:
        """A plan that sends this order, starting with what money has to move for it; mostly the plan itself."""

    def resized(self, terms: Terms, count: Decimal) -> Terms:
        """The same order for fewer contracts, at the same limit."""

    async def send(self, terms: Terms) -> Fill:
        """Buy what there is now, and nothing later: what wasn't filled at once is taken back.

        Raises:
            PlatformError: ``maybe_done`` says whether it may have been carried out.
        """

    def done(self, fill: Fill) -> Done:
        """The same for the journal."""


class Venue(Protocol):
    """A platform as work across platforms asks it. Everything may raise a PlatformError."""

    platform: PlatformName

    @property
    def source(self) -> str:
        """Where an answer comes from: the platform and its mode."""

    async def market(self, text: str) -> Market:
        """A market, by whatever names it there. Raises MissingError that says what was probably meant."""

    async def markets(self, ids: Sequence[str]) -> Mapping[str, Market]:
        """Markets by their id; those that aren't listed any more are missing."""

    async def book(self, market: Market) -> Book: ...

    async def fees(self, market: Market) -> Fees | None:
        """What a trade there costs; None where its formula isn't known."""

    async def history(self, market: Market, hours: int) -> list[tuple[datetime, Decimal]]:
        """Prices of the first side in time, oldest first."""

    async def catalogue(self) -> Index:
        """What is listed, looked after."""

    async def money(self) -> Money: ...

    async def positions(self) -> list[Position]: ...

    async def leg(self, market: Market, side: int, count: Decimal, limit: Decimal) -> LegOrder:
        """An order that buys up to ``count`` of a side now, no dearer than ``limit`` dollars each."""

    def require_writes(self) -> None:
        """Raises RefusedError where orders aren't allowed."""
