"""What becomes of markets as time goes by: listed, opened, closed, decided, settled, let go of."""

from __future__ import annotations

import heapq
import itertools
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from prediction_mcp.kalshi.units import PRICE_UNITS, format_price, parse_price

from .crowd.agents import Crowd
from .disk.archive import Archive
from .disk.store import Store
from .engine.changes import Changes
from .engine.engine import Engine
from .engine.market_state import TAPE_LENGTH
from .world.history import past_trades
from .world.listed import Catalogue, Event, FeeChange, Market

if TYPE_CHECKING:
    from .fronts.kalshi.ws_hub import Hub

KEPT_MS = 60 * 86_400_000
"""How long a settled market stays listed that no member ever traded."""
KEPT_SHORT_MS = 3 * 86_400_000
"""The same for series that list many a day."""
Transition = Literal["open", "close", "decide", "dispute", "propose", "finalize"]


class Lives(ABC):
    """The part of an exchange that moves markets through their lives; the whole is :class:`.simulation.Exchange`."""

    engine: Engine
    changes: Changes
    catalogue: Catalogue
    archive: Archive
    store: Store
    crowd: Crowd
    hub: Hub | None
    clock: Callable[[], int]
    fee_changes: list[FeeChange]
    _rng: random.Random
    _tie_break: itertools.count[int]
    _advanced_ms: int
    _fees_until: int
    _waived: list[Market]
    """Markets with a fee waiver that hasn't ended."""
    _agenda: list[tuple[int, int, Transition, Event]]

    @abstractmethod
    def sync(self) -> None:
        """Write what changed."""

    def _tell(self, market: Market, event_type: str, **details: Any) -> None:
        if self.hub is not None:
            self.hub.lifecycle(market, event_type, **details)

    # -- listing and life cycle --------------------------------------------------------------------------------

    def list_event(self, event: Event) -> None:
        """List an event that somebody made, with all that has fallen due in its life."""
        self._advanced_ms = max(self._advanced_ms, self.clock())
        self.catalogue.add(event)
        for at, listed, transition in self._list(event):
            self._transit(listed, transition, at)

    def _list(self, event: Event) -> list[tuple[int, Event, Transition]]:
        """Take an event in; returns the steps of its life that lie in the past."""
        self.changes.events[event.ticker] = None
        past: list[tuple[int, Event, Transition]] = []
        if self.hub is not None:
            self.hub.event_listed(event)
        for market in event.markets:
            state = self.engine.add_market(
                market.ticker,
                market.grid,
                market.fees_at(self._advanced_ms),
                exclusive=event.exclusively,
                shard=event.shard,
            )
            state.is_open = False
            if market.waiver_ms:
                self._waived.append(market)
            self.changes.listings[market.ticker] = self.changes.markets[market.ticker] = None
            self._tell(market, "created")
        for transition, at in self._timetable(event):
            if at > self._advanced_ms:
                self._schedule(event, transition, at)
            else:
                past.append((at, event, transition))
        return past

    def _catch_up(self, past: list[tuple[int, Event, Transition]]) -> None:
        for at, event, transition in sorted(past, key=lambda step: step[0]):
            self._transit(event, transition, at, late=True)

    def _apply_fees(self, now: int) -> None:
        """Let changes of fees take effect; open orders pay the new ones when they fill."""
        for change in self.fee_changes:
            if not self._fees_until < change.at_ms <= now:
                continue
            if change.event is not None:
                event = self.catalogue.events.get(change.event)
                concerned = [event] if event is not None else []
                for event in concerned:
                    event.fee_type, event.fee_multiplier = change.fee_type, change.multiplier
                    if self.hub is not None:
                        self.hub.event_fees(event)
            else:
                series = self.catalogue.series.get(change.series)
                if series is None:
                    continue
                series.fee_type = change.fee_type or series.fee_type
                series.fee_multiplier = series.fee_multiplier if change.multiplier is None else change.multiplier
                concerned = [e for e in self.catalogue.events.values() if e.series is series]
            for event in concerned:
                self.changes.events[event.ticker] = None
                for market in event.markets:
                    self._set_fees(market, now)
        for market in [m for m in self._waived if m.waiver_ms <= now]:
            self._waived.remove(market)
            self._set_fees(market, now)
        self._fees_until = now

    def _set_fees(self, market: Market, now: int) -> None:
        if market.ticker in self.engine.markets:
            self.engine.markets[market.ticker].fees = market.fees_at(now)

    def _tidy(self, now: int) -> None:
        """Let go of markets that ended long ago and that no member ever touched."""
        self.sync()  # what changed about them is written before they are gone
        touched = self.archive.touched_markets()
        gone = [
            event
            for event in self.catalogue.events.values()
            if all(
                0 < m.settled_ms < now - (KEPT_SHORT_MS if event.series.frequency == "fifteen_min" else KEPT_MS)
                and m.ticker not in touched
                for m in event.markets
            )
        ]
        tickers = [market.ticker for event in gone for market in event.markets]
        for event in gone:
            self.catalogue.drop(event)
        for ticker in tickers:
            del self.engine.markets[ticker]
            if self.hub is not None:
                self.hub.forget(ticker)
        self.store.forget_markets(tickers, [event.ticker for event in gone])
        for ticker, state in self.engine.markets.items():
            if len(state.trades) == TAPE_LENGTH:
                self.store.forget_trades(ticker, TAPE_LENGTH)

    def _timetable(self, event: Event) -> list[tuple[Transition, int]]:
        first = event.markets[0]
        return [
            ("open", first.open_ms),
            ("close", first.close_ms),
            ("decide", first.decide_ms),
            ("finalize", first.decide_ms + first.settlement_timer_s * 1000),
        ]

    def _schedule(self, event: Event, transition: Transition, due_ms: int) -> None:
        heapq.heappush(self._agenda, (due_ms, next(self._tie_break), transition, event))

    def _transit(self, event: Event, transition: Transition, at_ms: int, *, late: bool = False) -> None:
        """One step of an event's life; ``late`` if it was taken before the event was listed here."""
        event.stage += 1
        self.changes.events[event.ticker] = None
        for market in event.markets:
            self.changes.listings[market.ticker] = self.changes.markets[market.ticker] = None
        if transition == "decide":
            paid, shown = event.fair.settle(self._rng)
            for market, share in zip(event.markets, paid, strict=True):
                self._decide(market, share, shown, at_ms)
            return
        for market in event.markets:
            if transition == "open":
                self._open(market, at_ms, late=late)
            elif transition == "close":
                self.engine.close_market(market.ticker, at_ms)
                self.crowd.forget(market.ticker)
                if not market.frozen:
                    market.status, market.updated_ms = "closed", at_ms
            elif not market.frozen:
                self.engine.settle_market(market.ticker, market.result, market.value, at_ms)
                market.status, market.settled_ms, market.updated_ms = "finalized", at_ms, at_ms
                self._tell(market, "settled", settled_ts=at_ms // 1000)

    def _open(self, market: Market, at_ms: int, *, late: bool) -> None:
        state = self.engine.markets[market.ticker]
        now, mark = self._advanced_ms, len(self.changes.trades)
        if late:
            index = market.event.markets.index(market)
            tape = past_trades(
                market, market.event.fair.probabilities()[index], now, self._rng, self.engine.sequence + 1
            )
            self.engine.sequence += len(tape)
        else:
            tape = []
        if market.status != "inactive" and (not late or market.close_ms > now):
            state.is_open = True
            volume = sum(t.count for t in tape)
            self.crowd.open_market(market, now if late else at_ms, volume // 3 // 100 * 100)
            if not market.frozen:
                market.status = "active"
        state.trades.clear()
        state.trades.extend(tape)
        del self.changes.trades[mark:]
        self.changes.trades.extend((market.ticker, trade) for trade in tape)
        if tape:
            state.volume = sum(t.count for t in tape)
            state.last_price = tape[-1].price
            day_ago = [t.price for t in tape if t.ts_ms <= now - 86_400_000]
            market.previous_price = (day_ago or [tape[0].price])[-1]
            market.previous_bid = market.grid.at_or_below(market.previous_price - 1) or 0
            market.previous_ask = market.grid.at_or_above(market.previous_price + 1) or PRICE_UNITS
        market.updated_ms = at_ms
        self._tell(market, "activated", is_deactivated=False)

    def _decide(self, market: Market, share: float, shown: str, at_ms: int) -> None:
        if market.frozen and market.status in ("inactive", "closed"):
            return  # these stay undecided
        market.value = parse_price(f"{share:.4f}")
        whole = market.market_type == "binary" and market.value in (0, PRICE_UNITS)
        market.result = ("yes" if market.value else "no") if whole else "scalar"
        market.expiration_value, market.decided_ms = shown, at_ms
        if not market.frozen:
            market.status, market.updated_ms = "determined", at_ms
            self._tell(
                market,
                "determined",
                result=market.result,
                determination_ts=at_ms // 1000,
                settlement_value=format_price(market.value),
            )
