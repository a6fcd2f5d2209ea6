"""The crowd: makers that quote round the fair value and takers that trade on it, so that books live.

Everything is driven by :meth:`Crowd.step`; the randomness is seeded, so the same steps give the same flow.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import pairwise

from prediction_mcp.kalshi.fees import GRID_DIRECT
from prediction_mcp.kalshi.units import COUNT_UNITS, MICROS, PRICE_UNITS, PriceGrid

from ..engine.engine import Engine
from ..engine.ledger import Account
from ..engine.matching import ASK, BID, Order
from ..engine.order_checks import IOC
from ..engine.rejection import RejectionError
from ..world.listed import Catalogue, Event, Market

MAKERS = 3
TAKERS = 4
PURSE = 50_000_000 * MICROS
REQUOTE_SHARE = 0.02
"""Share of the open markets whose makers look at their quotes in one step."""
TRADES_PER_STEP = 0.5
"""Takers that come in one step, over the whole exchange, before bursts."""
TRADES_PER_MS = 0.002
"""The same where more time passes in a step than usual."""
MOST_TRADES = 30.0
"""In one step, however much time it stands for."""


SLIP_EVERY_MS = 300_000
"""Now and then makers leave a market of a ladder alone and somebody sells there below a higher strike's bid."""
SLIP_LASTS_MS = 90_000
SLIP = 600
"""Price units below that bid: more than both fees."""


@dataclass(slots=True)
class Slip:
    """A riskless trade that stands open for a while: the order that is too cheap, in a market without makers."""

    market: Market
    order: Order
    until_ms: int


@dataclass(slots=True)
class Quotes:
    """One maker's orders in one market, and the price they were made for."""

    centre: int = 0
    orders: list[Order] = field(default_factory=list)


class Crowd:
    """All simulated members."""

    grid = GRID_DIRECT
    """Of its members' balances."""

    def __init__(self, engine: Engine, catalogue: Catalogue, seed: int | str) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._rng = random.Random(f"crowd/{seed}")
        self.makers = [self._member(f"maker-{i}") for i in range(MAKERS)]
        self.takers = [self._member(f"taker-{i}") for i in range(TAKERS)]
        self._quotes: dict[tuple[int, str], Quotes] = {}
        self._slips = random.Random(f"slips/{seed}")
        self._slip: Slip | None = None
        self._last_step_ms = 0
        self._take_over()

    def _member(self, name: str) -> Account:
        account = self._engine.accounts.get(name)
        if account is None:
            account = self._engine.add_account(Account(name, self.grid, keeps_history=False))
        self._refill(account)
        return account

    def _refill(self, member: Account) -> None:
        """The crowd never runs dry on any shard, however long the exchange runs."""
        for shard in self._catalogue.shards:
            account = self._engine.on_shard(member, shard)
            if account.available < PURSE // 10:
                account.deposit(PURSE)
                if self._engine.changes is not None:
                    self._engine.changes.accounts[account] = None

    def _take_over(self) -> None:
        """Of an exchange read from disk, the orders on the books are the makers' again."""
        for ticker, state in self._engine.markets.items():
            for order in (*state.book.bids, *state.book.asks):
                if order.account.home in self.makers:
                    index = self.makers.index(order.account.home)
                    self._quotes.setdefault((index, ticker), Quotes()).orders.append(order)

    def forget(self, ticker: str) -> None:
        """A market has closed."""
        for maker in range(MAKERS):
            self._quotes.pop((maker, ticker), None)

    def open_market(self, market: Market, now_ms: int, open_interest: int) -> None:
        """Fill a new book and, for one that isn't new, the positions that people would have by now."""
        if open_interest:
            price = self.fair_price(market)
            buyer, seller = self._rng.sample(self.takers, 2)
            self._engine.submit(buyer, market.ticker, BID, price, open_interest, now_ms)
            self._engine.submit(seller, market.ticker, ASK, price, open_interest, now_ms, time_in_force=IOC)
        for maker in range(MAKERS):
            self._quote(maker, market, now_ms)

    def fair_price(self, market: Market) -> int:
        """Fair value as a price of the market's grid."""
        probability = market.event.fair.probabilities()[market.event.markets.index(market)]
        return self._on_grid(market.grid, round(probability * PRICE_UNITS))

    @staticmethod
    def _on_grid(grid: PriceGrid, price: int) -> int:
        return grid.at_or_below(price) or grid.prices()[0]

    def step(self, now_ms: int, halted: Collection[int] = ()) -> None:
        """Let a moment pass: news moves fair values, makers requote, takers trade; not on shards that are halted."""
        rng = self._rng
        elapsed = now_ms - self._last_step_ms if self._last_step_ms else 0
        self._last_step_ms = now_ms
        markets = [m for m in self._catalogue.markets.values() if m.status == "active" and m.event.shard not in halted]
        if not markets:
            return
        moved: set[str] = set()
        for market in rng.sample(markets, min(len(markets), max(1, round(len(markets) * REQUOTE_SHARE)))):
            event = market.event
            if event.ticker not in moved:
                moved.add(event.ticker)
                self._drift(event, now_ms, elapsed / REQUOTE_SHARE)
            for sibling in event.markets if event.exclusive else (market,):
                if sibling.status == "active":
                    for maker in range(MAKERS):
                        self._quote(maker, sibling, now_ms)
        for account in (*self.makers, *self.takers):
            self._refill(account)
        trades = min(max(TRADES_PER_STEP, elapsed * TRADES_PER_MS), MOST_TRADES)
        while rng.random() < trades:
            trades -= 1.0 if trades >= 1.0 else trades * 0.6  # bursts: one trade makes the next likelier
            self._take(rng.choices(markets, [m.interest for m in markets])[0], now_ms)
        self._slip_up(markets, now_ms, elapsed)

    def _slip_up(self, markets: list[Market], now_ms: int, elapsed_ms: int) -> None:
        """End a slip whose time is over, or make one, so that who looks for riskless trades finds some."""
        rng, slip = self._slips, self._slip
        if slip is not None:
            if now_ms >= slip.until_ms or slip.order.status != "resting" or slip.market.status != "active":
                self._engine.cancel_many([slip.order] if slip.order.status == "resting" else [], now_ms)
                self._slip = None
            return
        if rng.random() >= elapsed_ms / SLIP_EVERY_MS:
            return
        rungs = sorted(
            (m for m in markets if m.strike_type == "greater" and not m.event.exclusive and m.floor_strike is not None),
            key=lambda m: (m.event.ticker, m.floor_strike),
        )
        pairs = [(a, b) for a, b in pairwise(rungs) if a.event is b.event]
        if not pairs:
            return
        low, high = rng.choice(pairs)
        bid = self._engine.markets[high.ticker].book.bids.best
        price = low.grid.at_or_below(bid - SLIP) if bid is not None and bid > 2 * SLIP else None
        if price is None:
            return
        for maker in range(MAKERS):
            quotes = self._quotes.setdefault((maker, low.ticker), Quotes())
            self._engine.cancel_many([o for o in quotes.orders if o.status == "resting"], now_ms)
            quotes.centre, quotes.orders = 0, []
        count = rng.randrange(10, 80) * COUNT_UNITS
        order = self._engine.submit(self.takers[0], low.ticker, ASK, price, count, now_ms)
        self._slip = Slip(low, order, now_ms + SLIP_LASTS_MS)

    def _drift(self, event: Event, now_ms: int, elapsed_ms: float) -> None:
        left = max(event.markets[0].decide_ms - now_ms, 1)
        if self._engine.changes is not None:
            self._engine.changes.events[event.ticker] = None
        event.fair.step(self._rng, min(elapsed_ms / len(event.markets) / left, 0.2))

    def _quote(self, maker: int, market: Market, now_ms: int) -> None:
        """Replace one maker's ladder of orders when the fair value has moved off it."""
        if self._slip is not None and self._slip.market is market:
            return
        rng, grid = self._rng, market.grid
        quotes = self._quotes.setdefault((maker, market.ticker), Quotes())
        fair = self.fair_price(market)
        resting = [o for o in quotes.orders if o.status == "resting"]
        if fair == quotes.centre and len(resting) == len(quotes.orders):
            return
        self._engine.cancel_many(resting, now_ms)
        quotes.centre, quotes.orders = fair, []
        tick = (grid.at_or_above(fair + 1) or fair + 100) - fair
        gap = round(tick * (1 + maker + (0 if market.interest > 1.0 else rng.randrange(3))))
        size = max(1, round(market.interest * rng.uniform(20, 220) * (1 + maker)))
        for level in range(3):
            away = gap + level * tick * (1 + maker)
            for side, price in ((BID, grid.at_or_below(fair - away)), (ASK, grid.at_or_above(fair + away))):
                if price is None:
                    continue
                count = size * (level + 1) * COUNT_UNITS
                quotes.orders.append(self._engine.submit(self.makers[maker], market.ticker, side, price, count, now_ms))

    def _take(self, market: Market, now_ms: int) -> None:
        """One taker hits the best price, now and then walks further."""
        rng = self._rng
        book = self._engine.markets[market.ticker].book
        side = BID if rng.random() < 0.5 else ASK
        best = book.asks.best if side == BID else book.bids.best
        if best is None:
            return
        count = max(1, round(rng.lognormvariate(2.2, 1.2) * min(market.interest, 3.0))) * COUNT_UNITS
        if rng.random() < 0.05 and market.event.markets[0] is market:
            count += rng.randrange(COUNT_UNITS)  # fractional contracts exist
        limit = best
        if rng.random() < 0.1:
            further = market.grid.at_or_above(best + 1) if side == BID else market.grid.at_or_below(best - 1)
            limit = further or best
        try:
            self._engine.submit(rng.choice(self.takers), market.ticker, side, limit, count, now_ms, time_in_force=IOC)
        except RejectionError as rejection:
            if rejection.code != "insufficient_balance":  # a taker that has lost much just doesn't trade for a while
                raise
