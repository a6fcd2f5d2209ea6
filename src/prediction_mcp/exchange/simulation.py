"""The exchange as a whole: listing, engine, crowd, members, and the clock that moves markets through their lives."""

from __future__ import annotations

import heapq
import itertools
import random
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from loguru import logger

from prediction_mcp.kalshi.units import MICROS, PRICE_UNITS, format_price, parse_price

from .access import SCOPES, Access, ApiKey, Budget, KeyAlgorithm
from .crowd.agents import Crowd
from .crowd.quoters import Quoters
from .disk.archive import Archive
from .disk.restore import restore_catalogue, restore_engine
from .disk.store import Store
from .engine.batches import Batches
from .engine.blocks import BlockTrades
from .engine.changes import Changes, Deposit
from .engine.engine import Engine
from .engine.groups import OrderGroup
from .engine.ledger import Account
from .engine.market_state import TAPE_LENGTH
from .engine.matching import Order
from .engine.negotiation import Negotiations
from .faults import Faults
from .lag import READ_LAG_MS, ReadLag
from .world.clock import MAX_TIME_S, wall_clock_ms
from .world.history import past_trades
from .world.hours import Hours
from .world.listed import Event, Market
from .world.scenario import due, fee_changes, first_day

if TYPE_CHECKING:
    from .fronts.kalshi.ws_hub import Hub

OPENING_DEPOSIT = 10_000 * MICROS
"""Paper money of a new member: $10,000."""
ROLL_MS = 5 * 60_000
"""How often new events are listed."""
TIDY_MS = 60 * 60_000
"""How often markets that nobody needs any more are let go of."""
KEPT_MS = 60 * 86_400_000
"""How long a settled market stays listed that no member ever traded."""
KEPT_SHORT_MS = 3 * 86_400_000
"""The same for series that list many a day."""
SLICE_MS = 60_000
MAX_SLICES = 120
"""A jump of the clock is lived through in at least minutes and at most so many slices."""
Transition = Literal["open", "close", "decide", "finalize"]


class Exchange:
    """A running exchange without a network: :mod:`.api` puts HTTP on top.

    Args:
        seed: the same seed and the same start time give the same listing, prices and flow.
        clock: Unix milliseconds of the simulation; the wall clock unless another is given.
        store: where everything is kept; what it holds already is read back, and its seed and scenario win.
        scenario: what is listed, a key of :data:`.scenario.SCENARIOS`.
        read_lag_ms: how long a member's changed order still reads as before.

    Raises:
        StoreError: what the store holds doesn't add up.
        ValueError: there is no such scenario.
    """

    def __init__(
        self,
        seed: int = 1,
        clock: Callable[[], int] = wall_clock_ms,
        store: Store | None = None,
        scenario: str = "everyday",
        read_lag_ms: int = READ_LAG_MS,
    ) -> None:
        self.store = store or Store()
        self.clock = clock
        self.access = Access()
        self.paused = False
        self.down = False
        self.hours = Hours()
        self.lag = ReadLag(read_lag_ms)
        self._paused_by_hand = False
        self.with_crowd = True
        self.hub: Hub | None = None
        self._tie_break = itertools.count()
        if self.store.is_new:
            self._begin(seed, scenario)
        else:
            self._restore()
        self.faults = Faults(self.seed)

    def _begin(self, seed: int, scenario: str) -> None:
        now = self.clock()
        self._prepare(seed, now)
        self.catalogue = first_day(scenario, seed, now)
        self.store.begin(seed, scenario, now)
        self.crowd = Crowd(self.engine, self.catalogue, self.seed)
        self.quoters = Quoters(self)
        self._apply_fees(now)
        past = [step for event in self.catalogue.events.values() for step in self._list(event)]
        self._catch_up(past)
        self.sync()

    def _restore(self) -> None:
        seed, started_ms = self.store.db.execute("SELECT seed, started_ms FROM exchange").fetchone()
        self._prepare(seed, started_ms)
        if healed := self.store.heal(MAX_TIME_S * 1000):
            logger.warning("{} orders had an expiry that is no time; those that rested are cancelled", healed)
        self.catalogue = restore_catalogue(self.store)
        restore_engine(self.store, self.catalogue, self.engine, self.groups, self.archive)
        self._rng = random.Random(f"exchange/{seed}/{self.engine.sequence}")
        self.crowd = Crowd(self.engine, self.catalogue, f"{seed}/{self.engine.sequence}")
        self.quoters = Quoters(self)
        for account_id, tier in self.store.db.execute("SELECT account_id, tier FROM budgets"):
            self.access.budgets[account_id] = Budget.of(tier, wall_clock_ms())
        self.access.keys.clear()
        for key_id, account_id, *rest in self.store.db.execute("SELECT * FROM keys"):
            self.access.keys[key_id] = ApiKey.read(key_id, self.engine.accounts[account_id], *rest)
        (self._advanced_ms,) = self.store.db.execute("SELECT clock_ms FROM exchange").fetchone()
        for event in self.catalogue.events.values():
            for transition, at in self._timetable(event)[event.stage :]:
                self._schedule(event, transition, at)

    def _prepare(self, seed: int, started_ms: int) -> None:
        """What a new exchange and one from the disk have in common."""
        self.seed = seed
        self.started_ms = started_ms
        self.groups: dict[str, OrderGroup] = {}
        self._agenda: list[tuple[int, int, Transition, Event]] = []
        self.engine = Engine(id_prefix=f"{seed & 0xFFFFFFFF:08x}")
        self.changes = self.engine.changes = Changes()
        self.archive = Archive(self.store, self.engine.accounts, self.groups)
        self.engine.is_used = self.archive.is_used
        self.negotiations = Negotiations(self)
        self.batches = Batches(self)
        self.block_trades = BlockTrades(self)
        self._rng = random.Random(f"exchange/{seed}")
        self.fee_changes = fee_changes(started_ms)
        self._fees_until = 0
        self._advanced_ms = self._next_roll = self._next_tidy = started_ms

    # -- members -----------------------------------------------------------------------------------------------

    def add_member(self, name: str = "you", *, tier: str = "basic", deposit: int = OPENING_DEPOSIT) -> Account:
        """A new member with paper money (micros) and the rate budget of a usage tier."""
        account = self.engine.add_account(Account(name))
        self.access.budgets[name] = Budget.of(tier, wall_clock_ms())
        self.store.save_budget(name, tier)
        self.changes.accounts[account] = None
        if deposit:
            self.deposit(account, deposit)
        self.sync()
        return account

    def deposit(self, account: Account, micros: int) -> None:
        """Paper money from outside. Raises ValueError unless positive and on the account's balance grid."""
        account.deposit(micros)
        self.changes.accounts[account] = None
        self.changes.deposits.append(Deposit(account, micros, self.clock()))

    def add_subaccount(self, member: Account) -> Account:
        """The member's next subaccount, empty."""
        number = 1 + len(self.subaccounts(member))
        account = Account(f"{member.account_id}/{number}", member.grid, number=number, parent=member)
        self.engine.add_account(account)
        self.changes.accounts[account] = None
        return account

    def subaccounts(self, member: Account) -> list[Account]:
        """The member's subaccounts, without the primary."""
        return [a for a in self.engine.accounts.values() if a.parent is member]

    def issue_key(
        self,
        account: Account,
        algorithm: KeyAlgorithm = "ed25519",
        scopes: frozenset[str] = SCOPES,
        name: str = "",
        subaccount: int | None = None,
    ) -> tuple[str, str]:
        """(key id, private key PEM) for a member. Keys come from the system's randomness, never from the seed."""
        key_id = str(uuid.uuid4())
        pem = self.access.issue(account, key_id, algorithm, scopes)
        key = self.access.keys[key_id]
        key.name, key.subaccount = name, subaccount
        self.keep_key(key)
        return key_id, pem

    def keep_key(self, key: ApiKey) -> None:
        """Take a key in, and on disk."""
        self.access.keys[key.key_id] = key
        owner = key.account.account_id
        self.store.save_key(key.key_id, owner, key.public_pem, key.scopes, key.name, key.subaccount)

    def drop_key(self, key: ApiKey) -> None:
        """A key opens nothing any more."""
        del self.access.keys[key.key_id]
        self.store.forget_key(key.key_id)

    def raise_tier(self, account: Account, tier: str) -> None:
        """Give a member the rate budget of a higher tier."""
        self.access.budgets[account.account_id] = Budget.of(tier, wall_clock_ms())
        self.store.save_budget(account.account_id, tier)

    # -- the disk ----------------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Put on disk what changed since the last time; nobody may hear of a change before.

        Raises:
            StoreError: the disk takes nothing; what changed is tried again with the next call.
        """
        if self.changes:
            self.store.commit(self.engine, self.catalogue, self.changes, self._advanced_ms)
            self.changes = self.engine.changes = Changes()

    def undo(self) -> None:
        """Take back all that changed since the last :meth:`sync`, for a request that failed in the middle.

        With a file everything is read back from it. Without one there is nothing to read back from: what newly rests
        is cancelled, new groups are forgotten, and what traded meanwhile stays as it is in memory.
        """
        if self.store.is_durable:
            self._restore()
            if self.hub is not None:
                self.hub.start_anew()
            return
        undone, self.changes = self.changes, Changes()
        self.engine.changes = self.changes
        for order in undone.orders:
            if order.status == "resting" and order.account.keeps_history and order.created_ms >= self._advanced_ms:
                self.engine.cancel(order, order.created_ms)
                order.account.orders.pop(order.order_id, None)
                self.changes.orders.pop(order, None)
        for group in undone.groups:
            if not self.store.holds_group(group.group_id):
                self.groups.pop(group.group_id, None)

    # -- time --------------------------------------------------------------------------------------------------

    def advance(self, *, with_crowd: bool = True) -> int:
        """Do all that has fallen due: expiries, life cycle, new events, the crowd. Returns the time used.

        A jump of the clock is lived through in slices, so that there is trading within it too.
        """
        now = self.clock()
        gap = now - self._advanced_ms
        slices = min(MAX_SLICES, gap // SLICE_MS) if with_crowd else 0
        for i in range(1, slices):
            self._advance_to(now - gap + gap * i // slices, with_crowd=True)
        self._advance_to(now, with_crowd=with_crowd)
        self.sync()
        if self.hub is not None:
            self.hub.tell_values(now)
        return now

    def _advance_to(self, now: int, *, with_crowd: bool) -> None:
        self._advanced_ms = now
        if now >= self._next_roll:
            self._next_roll = now + ROLL_MS
            past = [step for event in due(self.catalogue, self.seed, now) for step in self._list(event)]
            self._catch_up(past)
            self._apply_fees(now)
        if now >= self._next_tidy:
            self._next_tidy = now + TIDY_MS
            self._tidy(now)
        while self._agenda and self._agenda[0][0] <= now:
            at, _, transition, event = heapq.heappop(self._agenda)
            self.engine.expire(at)
            self._transit(event, transition, at)
        self.engine.expire(now)
        self._apply_hours(now)
        self.negotiations.advance(now)
        self.batches.advance(now)
        self.block_trades.advance(now)
        if with_crowd and not self.paused:
            self.quoters.step(now)
            self.crowd.step(now)

    def pause(self) -> None:
        """Stop trading everywhere until :meth:`resume`: nothing can be placed, everything can be cancelled.

        Resting orders stay, but for those that asked to be cancelled.
        """
        self._paused_by_hand = True
        self.apply_hours()

    def resume(self) -> None:
        """End a pause; one that the hours ask for lasts on."""
        self._paused_by_hand = False
        self.apply_hours()

    def apply_hours(self) -> None:
        """Pause or resume as the hours have it now."""
        self._apply_hours(self.clock())

    def _apply_hours(self, now: int) -> None:
        was, self.paused = self.paused, self._paused_by_hand or self.hours.is_closed(now)
        if self.paused and not was:
            for account in self.engine.accounts.values():
                self.engine.cancel_many([o for o in account.orders.values() if o.cancel_on_pause], now, "HaltCancel")

    def will_change(self, order: Order) -> None:
        """A member is about to change an order: for a moment reads will show it as it is now."""
        self.lag.remember(order, self.faults.read_lag_ms)

    def attach_hub(self) -> Hub:
        """From now on tell WebSocket subscribers what happens."""
        from .fronts.kalshi.ws_hub import Hub

        if self.hub is None:
            self.hub = Hub(self)
        return self.hub

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
            state = self.engine.add_market(market.ticker, market.grid, event.fees)
            state.is_open = False
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
            if change.of_event:
                event = self.catalogue.events.get(change.ticker)
                concerned = [event] if event is not None else []
                for event in concerned:
                    event.fee_type, event.fee_multiplier = change.fee_type, change.multiplier
                    if self.hub is not None:
                        self.hub.event_fees(event)
            else:
                series = self.catalogue.series.get(change.ticker)
                if series is None:
                    continue
                series.fee_type = change.fee_type or series.fee_type
                series.fee_multiplier = series.fee_multiplier if change.multiplier is None else change.multiplier
                concerned = [e for e in self.catalogue.events.values() if e.series is series]
            for event in concerned:
                self.changes.events[event.ticker] = None
                for market in event.markets:
                    if market.ticker in self.engine.markets:
                        self.engine.markets[market.ticker].fees = event.fees
        self._fees_until = now

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

    @staticmethod
    def _timetable(event: Event) -> list[tuple[Transition, int]]:
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
