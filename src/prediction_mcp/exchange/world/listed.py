"""What the exchange lists: series, events and markets, with their life cycle. Times are Unix milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.units import CENT_GRID, PriceGrid
from prediction_mcp.polymarket.fees import FEES, TakerFees

from .fair import Fair, Leg
from .shards import SHARDS, shard_of

TAPERED_GRID = PriceGrid.parse([("0", "0.1", "0.001"), ("0.1", "0.9", "0.01"), ("0.9", "1", "0.001")])
"""Tenths of a cent near the ends, cents between."""
DECI_CENT_GRID = PriceGrid.parse([("0", "1", "0.001")])
GRIDS: dict[str, PriceGrid] = {
    "linear_cent": CENT_GRID,
    "tapered_deci_cent": TAPERED_GRID,
    "deci_cent": DECI_CENT_GRID,
    **{tick: PriceGrid.parse([("0", "1", tick)]) for tick in ("0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001")},
}
Fees = FeeSchedule | TakerFees


def fees_of(fee_type: str, multiplier: Decimal) -> Fees:
    """The schedule that either platform has under this name."""
    return FEES[fee_type] if fee_type in FEES else FeeSchedule.of(fee_type, multiplier)


STATUS_FILTER: dict[str, frozenset[str]] = {
    "unopened": frozenset({"initialized"}),
    "open": frozenset({"active"}),
    "paused": frozenset({"inactive"}),
    "closed": frozenset({"closed", "determined", "disputed", "amended"}),
    "settled": frozenset({"finalized"}),
}
"""The words of the ``status`` filter for the statuses that answers carry."""


@dataclass(slots=True, eq=False)
class Series:
    ticker: str
    title: str
    category: str
    tags: list[str]
    frequency: str
    source: tuple[str, str]
    fee_type: str = "quadratic"
    fee_multiplier: Decimal = Decimal(1)
    created_ms: int = 0

    @property
    def fees(self) -> Fees:
        return fees_of(self.fee_type, self.fee_multiplier)


@dataclass(slots=True)
class Question:
    """What Polymarket says of a market beyond what Kalshi says of one."""

    group_title: str = ""
    seconds_delay: int = 0
    """How long orders that would trade at once are held back."""
    delays_takers: bool = False
    """The same for a moment (``itode``)."""
    game_start_ms: int = 0
    clear_on_start: bool = False
    can_void: bool = False
    placeholder: bool = False
    """An outcome of an augmented event that has no name yet."""
    v2: bool = False
    """Of protocol v2: other ids, other signatures."""
    statuses: list[str] = field(default_factory=list)
    """What became of its resolution: proposed, disputed, resolved."""
    changed_ms: int = 0


@dataclass(slots=True, eq=False)
class Market:
    ticker: str
    event: Event
    title: str
    yes_sub_title: str
    no_sub_title: str
    rules: str
    open_ms: int
    close_ms: int
    decide_ms: int
    created_ms: int
    updated_ms: int
    structure: str = "linear_cent"
    market_type: str = "binary"
    strike_type: str = "structured"
    floor_strike: Decimal | None = None
    cap_strike: Decimal | None = None
    can_close_early: bool = True
    settlement_timer_s: int = 300
    status: str = "initialized"
    result: str = ""
    value: int = 0  # price units that one YES pays, once decided
    expiration_value: str = ""
    decided_ms: int = 0
    settled_ms: int = 0
    interest: float = 1.0  # how much the crowd cares: sizes, spread and pace
    legs: list[tuple[str, str, str]] = field(default_factory=list)  # combos: (event, market, side)
    frozen: bool = False  # stays in its state: shown in a listing that has every state
    previous_price: int = 0
    previous_bid: int = 0
    previous_ask: int = 0
    serial: int = 0
    question: Question | None = None
    waiver_ms: int = 0
    """Until when its fills are free."""

    def fees_at(self, now_ms: int) -> Fees:
        """Return the fees of its event, or none while they are waived."""
        fees = self.event.fees
        waived = now_ms < self.waiver_ms and isinstance(fees, FeeSchedule)
        return FeeSchedule.of(fees.fee_type, 0) if waived and isinstance(fees, FeeSchedule) else fees

    @property
    def grid(self) -> PriceGrid:
        return GRIDS[self.structure]


@dataclass(slots=True, eq=False)
class Event:
    ticker: str
    series: Series
    title: str
    sub_title: str
    exclusive: bool
    fair: Fair
    markets: list[Market] = field(default_factory=list)
    strike_ms: int | None = None
    serial: int = 0
    stage: int = 0  # steps of its life that are behind it: opened, closed, decided, settled
    collection: str = ""
    updated_ms: int = 0
    fee_type: str | None = None  # overrides of the series' fees
    fee_multiplier: Decimal | None = None
    augmented: bool = False  # more of its outcomes may get a name later
    shard: int = 0  # of the exchange that trades its markets; it stays where it was listed

    @property
    def exclusively(self) -> tuple[str, tuple[str, ...]]:
        """Its ticker and its markets, where at most one of them ends with YES; nothing where that isn't so."""
        return (self.ticker, tuple(m.ticker for m in self.markets)) if self.exclusive else ("", ())

    @property
    def fees(self) -> Fees:
        """The series' fees, with what this event overrides."""
        multiplier = self.series.fee_multiplier if self.fee_multiplier is None else self.fee_multiplier
        return fees_of(self.fee_type or self.series.fee_type, multiplier)


@dataclass(frozen=True, slots=True)
class FeeChange:
    """Fees that a series has from some time on; or an event of it, which then overrides the series."""

    series: str
    event: str | None
    fee_type: str | None
    multiplier: Decimal | None
    at_ms: int


@dataclass(slots=True)
class Catalogue:
    """Everything listed, by ticker, in listing order; ``serial`` numbers that order, and is never used twice.

    ``programmed`` are the occasions of the scenario that were listed already, with their times: a memory that saves
    writing them again. ``sharded``: new events are listed on the shards that production has them on; else on shard 0.
    """

    serial: int = 0
    scenario: str = "everyday"
    sharded: bool = False
    programmed: dict[str, int] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    markets: dict[str, Market] = field(default_factory=dict)

    @property
    def shards(self) -> tuple[int, ...]:
        """The shards that there are."""
        return tuple(SHARDS) if self.sharded else (0,)

    def shard_of(self, series: Series) -> int:
        """The shard that new events of a series are listed on."""
        return shard_of(series.ticker, series.category, series.tags) if self.sharded else 0

    def add(self, event: Event) -> None:
        if not event.serial:
            event.shard = self.shard_of(event.series)
        self.series.setdefault(event.series.ticker, event.series)
        self.events[event.ticker] = event
        for item in cast("tuple[Event | Market, ...]", (event, *event.markets)):
            if not item.serial:
                self.serial += 1
                item.serial = self.serial
        for market in event.markets:
            self.markets[market.ticker] = market

    def drop(self, event: Event) -> None:
        """Take an event and its markets out of the listing."""
        del self.events[event.ticker]
        for market in event.markets:
            del self.markets[market.ticker]


def leg_of(catalogue: Catalogue, ticker: str, side: str) -> Leg:
    """A leg of a combo: what decides it, and which answer is right."""
    market = catalogue.markets[ticker]
    return Leg(market.event.fair, market.event.markets.index(market), side == "yes")
