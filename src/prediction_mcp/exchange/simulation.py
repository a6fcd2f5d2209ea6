"""The exchange as a whole: listing, engine, crowd, members, and the clock that moves markets through their lives."""

from __future__ import annotations

import heapq
import itertools
import random
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from prediction_mcp.kalshi.units import MICROS, PRICE_UNITS, format_price, parse_price

from .access import SCOPES, Access, Budget, KeyAlgorithm
from .agents import Crowd
from .catalogue import Event, Market
from .engine import Engine
from .faults import Faults
from .history import past_trades
from .ledger import Account
from .scenario import everyday

if TYPE_CHECKING:
    from .ws_hub import Hub

OPENING_DEPOSIT = 10_000 * MICROS
"""Paper money of a new member: $10,000."""
Transition = Literal["open", "close", "decide", "finalize"]


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class Exchange:
    """A running exchange without a network: :mod:`.api` puts HTTP on top.

    Args:
        seed: the same seed and the same start time give the same listing, prices and flow.
        clock: Unix milliseconds; the wall clock unless a test brings its own.
    """

    def __init__(self, seed: int = 1, clock: Callable[[], int] = wall_clock_ms) -> None:
        self.seed = seed
        self.clock = clock
        self.started_ms = clock()
        self.access = Access()
        self.engine = Engine(id_prefix=f"{seed & 0xFFFFFFFF:08x}")
        self.catalogue = everyday(seed, self.started_ms)
        self.paused = False
        self.down = False
        self.faults = Faults(seed)
        self.hub: Hub | None = None
        self._rng = random.Random(f"exchange/{seed}")
        self._agenda: list[tuple[int, int, Transition, Event]] = []
        self._tie_break = itertools.count()
        self.crowd = Crowd(self.engine, self.catalogue, seed)
        self._list_markets()

    # -- members -----------------------------------------------------------------------------------------------

    def add_member(self, name: str = "you", *, tier: str = "basic", deposit: int = OPENING_DEPOSIT) -> Account:
        """A new member with paper money (micros) and the rate budget of a usage tier."""
        account = self.engine.add_account(Account(name))
        if deposit:
            account.deposit(deposit)
        self.access.budgets[name] = Budget.of(tier, self.clock())
        return account

    def issue_key(
        self, account: Account, algorithm: KeyAlgorithm = "ed25519", scopes: frozenset[str] = SCOPES
    ) -> tuple[str, str]:
        """(key id, private key PEM) for a member. Keys come from the system's randomness, never from the seed."""
        key_id = str(uuid.uuid4())
        return key_id, self.access.issue(account, key_id, algorithm, scopes)

    # -- time --------------------------------------------------------------------------------------------------

    def advance(self, *, with_crowd: bool = True) -> int:
        """Do all that has fallen due: expiries, life cycle, and one step of the crowd. Returns the time used."""
        now = self.clock()
        while self._agenda and self._agenda[0][0] <= now:
            due, _, transition, event = heapq.heappop(self._agenda)
            self.engine.expire(due)
            self._transit(event, transition, due)
        self.engine.expire(now)
        if with_crowd and not self.paused:
            self.crowd.step(now)
        return now

    def pause(self) -> None:
        """Stop trading everywhere: nothing can be placed; resting orders stay unless they asked to be cancelled."""
        self.paused = True
        now = self.clock()
        for account in self.engine.accounts.values():
            self.engine.cancel_many([o for o in account.orders.values() if o.cancel_on_pause], now)

    def resume(self) -> None:
        self.paused = False

    def attach_hub(self) -> Hub:
        """From now on tell WebSocket subscribers what happens."""
        from .ws_hub import Hub

        if self.hub is None:
            self.hub = Hub(self)
        return self.hub

    def _tell(self, market: Market, event_type: str, **details: Any) -> None:
        if self.hub is not None:
            self.hub.lifecycle(market.ticker, event_type, **details)

    # -- listing and life cycle --------------------------------------------------------------------------------

    def _list_markets(self) -> None:
        now = self.started_ms
        past: list[tuple[Event, Transition, int]] = []
        for event in self.catalogue.events.values():
            for market in event.markets:
                state = self.engine.add_market(market.ticker, market.grid, event.series.fees)
                state.is_open = False
            for transition, due in self._timetable(event):
                if due > now:
                    self._schedule(event, transition, due)
                else:
                    past.append((event, transition, due))
        for event, transition, due in sorted(past, key=lambda p: p[2]):
            self._transit(event, transition, due)

    @staticmethod
    def _timetable(event: Event) -> list[tuple[Transition, int]]:
        first = event.markets[0]
        return [
            ("open", first.open_ms),
            ("close", first.close_ms),
            ("decide", first.decide_ms),
            ("finalize", first.decide_ms + first.settlement_timer_s * 1000),
        ]

    def _schedule(self, event: Event, transition: Transition, due: int) -> None:
        heapq.heappush(self._agenda, (due, next(self._tie_break), transition, event))

    def _transit(self, event: Event, transition: Transition, at_ms: int) -> None:
        if transition == "decide":
            paid, shown = event.fair.settle(self._rng)
            for market, share in zip(event.markets, paid, strict=True):
                self._decide(market, share, shown, at_ms)
            return
        for market in event.markets:
            if transition == "open":
                self._open(market, at_ms)
            elif transition == "close":
                self.engine.close_market(market.ticker, at_ms)
                if not market.frozen:
                    market.status, market.updated_ms = "closed", at_ms
            elif not market.frozen:
                self.engine.settle_market(market.ticker, market.result, market.value, at_ms)
                market.status, market.settled_ms, market.updated_ms = "finalized", at_ms, at_ms
                self._tell(market, "settled", settled_ts=at_ms // 1000)

    def _open(self, market: Market, at_ms: int) -> None:
        state = self.engine.markets[market.ticker]
        now = self.started_ms
        running = at_ms < now  # it opened before we started: it has a past
        if running:
            index = market.event.markets.index(market)
            tape = past_trades(
                market, market.event.fair.probabilities()[index], now, self._rng, self.engine.sequence + 1
            )
            self.engine.sequence += len(tape)
        else:
            tape = []
        if market.status != "inactive" and (not running or market.close_ms > now):
            state.is_open = True
            volume = sum(t.count for t in tape)
            self.crowd.open_market(market, at_ms if not running else now, volume // 3 // 100 * 100)
            if not market.frozen:
                market.status = "active"
        state.trades.clear()
        state.trades.extend(tape)
        if tape:
            state.volume = sum(t.count for t in tape)
            state.last_price = tape[-1].price
            day_ago = [t.price for t in tape if t.ts_ms <= now - 86_400_000]
            market.previous_price = (day_ago or [tape[0].price])[-1]
            market.previous_bid = market.grid.at_or_below(market.previous_price - 1) or 0
            market.previous_ask = market.grid.at_or_above(market.previous_price + 1) or PRICE_UNITS
        market.updated_ms = at_ms
        self._tell(market, "activated")

    def _decide(self, market: Market, share: float, shown: str, at_ms: int) -> None:
        if market.frozen and market.status in ("inactive", "closed"):
            return  # these stay undecided
        market.value = parse_price(f"{share:.4f}")
        market.result = "scalar" if market.market_type == "scalar" else "yes" if market.value else "no"
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
