"""The exchange as a whole: listing, engine, crowd, members, and the clock that moves markets through their lives."""

from __future__ import annotations

import heapq
import itertools
import random
import uuid
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.kalshi.units import MICROS

from .access import SCOPES, Access, ApiKey, Budget, KeyAlgorithm
from .crowd.agents import Crowd
from .crowd.quoters import Quoters
from .disk.archive import Archive
from .disk.restore import restore_catalogue, restore_engine, restore_rfqs
from .disk.store import Store
from .engine.batches import Batches
from .engine.blocks import BlockTrades
from .engine.changes import Changes, Deposit, DepositStatus
from .engine.engine import Engine
from .engine.groups import OrderGroup
from .engine.ledger import Account
from .engine.matching import Order
from .engine.negotiation import Negotiations
from .engine.rejection import RejectionError
from .faults import Faults
from .lag import READ_LAG_MS, ReadLag
from .lives import Lives, Transition
from .world.clock import MAX_TIME_S, wall_clock_ms
from .world.hours import Hours
from .world.listed import Catalogue, Event, Market
from .world.scenario import due, fee_changes, first_day
from .world.shards import SHARDED, SHARDS

if TYPE_CHECKING:
    from .fronts.kalshi.ws_hub import Hub

OPENING_DEPOSIT = 10_000 * MICROS
"""Paper money of a new member: $10,000."""
ROLL_MS = 5 * 60_000
"""How often new events are listed."""
TIDY_MS = 60 * 60_000
"""How often markets that nobody needs any more are let go of."""
SLICE_MS = 60_000
MAX_SLICES = 120
"""A jump of the clock is lived through in at least minutes and at most so many slices."""


class Exchange(Lives):
    """A running exchange without a network: :mod:`.api` puts HTTP on top.

    Args:
        seed: the same seed and the same start time give the same listing, prices and flow.
        clock: Unix milliseconds of the simulation; the wall clock unless another is given.
        store: where everything is kept; what it holds already is read back, and its seed and scenario win.
        scenario: what is listed, a key of :data:`.scenario.SCENARIOS`.
        read_lag_ms: how long a member's changed order still reads as before.
        sharded: whether new events are listed on the shards that production has them on; else all are on shard 0.
            Events that are listed already stay on their shard.

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
        sharded: bool = SHARDED,
    ) -> None:
        self.store = store or Store()
        self.clock = clock
        self.access = Access()
        self.sharded = sharded
        self.paused = False
        self.down = False
        self.paused_shards: set[int] = set()
        self.down_shards: set[int] = set()
        """Shards that are paused or under maintenance by themselves, while the exchange isn't."""
        self.hours = Hours()
        self.lag = ReadLag(read_lag_ms)
        self._paused_by_hand = False
        self.with_crowd = True
        self.address = "https://example.invalid"
        """Where it is served, once it is: scheme, host and port."""
        self.hub: Hub | None = None
        self._tie_break = itertools.count()
        self.faults = Faults(seed if self.store.is_new else self.store.seed)
        if self.store.is_new:
            self._begin(seed, scenario)
        else:
            self._restore()

    def _begin(self, seed: int, scenario: str) -> None:
        now = self.clock()
        self._prepare(seed, now)
        self.catalogue = self._first_listing(scenario, now)
        self.store.begin(seed, scenario, now)
        self._populate(seed)
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
        self.catalogue.sharded = self.sharded
        restore_engine(self.store, self.catalogue, self.engine, self.groups, self.archive)
        self.negotiations.take_in(restore_rfqs(self.store, self.catalogue, self.engine))
        self._rng = random.Random(f"exchange/{seed}/{self.engine.sequence}")
        self._populate(f"{seed}/{self.engine.sequence}")
        self._restore_keys()
        (self._advanced_ms,) = self.store.db.execute("SELECT clock_ms FROM exchange").fetchone()
        self._waived = [market for market in self.catalogue.markets.values() if market.waiver_ms]
        for event in self.catalogue.events.values():
            for transition, at in self._timetable(event)[event.stage :]:
                self._schedule(event, transition, at)

    def _first_listing(self, scenario: str, now_ms: int) -> Catalogue:
        return first_day(scenario, self.seed, now_ms, sharded=self.sharded)

    def _due(self, now_ms: int) -> Iterator[Event]:
        """What is to be listed by now, each put into the catalogue as it comes."""
        return due(self.catalogue, self.seed, now_ms)

    def _populate(self, seed: int | str) -> None:
        self.crowd = Crowd(self.engine, self.catalogue, seed)
        self.quoters = Quoters(self)

    def _act(self, now_ms: int) -> None:
        """Let the crowd do what it does."""
        self.quoters.step(now_ms)
        self.crowd.step(now_ms, self.paused_shards | self.down_shards)

    def _restore_keys(self) -> None:
        for account_id, tier in self.store.db.execute("SELECT account_id, tier FROM budgets"):
            self.access.budgets[account_id] = Budget.of(tier, wall_clock_ms())
        self.access.keys.clear()
        for key_id, account_id, *rest in self.store.db.execute("SELECT * FROM keys"):
            self.access.keys[key_id] = ApiKey.read(key_id, self.engine.accounts[account_id], *rest)

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
        self._waived: list[Market] = []
        self._advanced_ms = self._next_roll = self._next_tidy = started_ms

    # -- members -----------------------------------------------------------------------------------------------

    def add_member(self, name: str = "you", *, tier: str = "basic", deposit: int = OPENING_DEPOSIT) -> Account:
        """A new member with paper money (micros) and the rate budget of a usage tier."""
        account = self.engine.add_account(self._new_account(name))
        self.access.budgets[name] = Budget.of(tier, wall_clock_ms())
        self.store.save_budget(name, tier)
        self.changes.accounts[account] = None
        if deposit:
            self.deposit(account, deposit)
        self.sync()
        return account

    def _new_account(self, name: str) -> Account:
        return Account(name)

    def deposit(self, account: Account, micros: int, status: DepositStatus = "applied") -> None:
        """Add paper money from outside, or list a deposit that is no money (pending, failed).

        Raises:
            ValueError: the sum isn't positive or not on the account's balance grid.
        """
        if status == "applied":
            account.deposit(micros)
            self.changes.accounts[account] = None
        self.changes.deposits.append(Deposit(account, micros, self.clock(), status))

    def add_subaccount(self, member: Account) -> Account:
        """The member's next subaccount, empty."""
        number = 1 + len(self.subaccounts(member))
        account = Account(f"{member.account_id}/{number}", member.grid, number=number, parent=member)
        self.engine.add_account(account)
        self.changes.accounts[account] = None
        return account

    def subaccounts(self, member: Account) -> list[Account]:
        """The member's subaccounts, without the primary."""
        return [a for a in self.engine.accounts.values() if a.parent is member and a.home is a]

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
            past = [step for event in self._due(now) for step in self._list(event)]
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
            self._act(now)

    @property
    def shards(self) -> tuple[int, ...]:
        """The shards that there are: those that new events are listed on, and those that have markets already."""
        return tuple(sorted({*self.catalogue.shards, *(event.shard for event in self.catalogue.events.values())}))

    def is_trading(self, shard: int) -> bool:
        """Whether orders can be placed on a shard."""
        return not (self.paused or self.down or shard in self.paused_shards or shard in self.down_shards)

    def check_shard_up(self, shard: int) -> None:
        """Raise RejectionError (503) for a change on a shard that is under maintenance."""
        if shard in self.down_shards:
            raise RejectionError("exchange_unavailable", f"shard {shard} is under maintenance", 503)

    def pause(self, shards: Collection[int] = ()) -> None:
        """Stop trading until :meth:`resume`, everywhere or on some shards: orders can only be cancelled.

        Resting orders stay, except those that asked to be cancelled.
        """
        if shards:
            self.paused_shards |= set(shards)
            self._cancel_on_pause(self.clock(), shards)
        else:
            self._paused_by_hand = True
            self.apply_hours()

    def resume(self, shards: Collection[int] = ()) -> None:
        """End a pause, of everything or of some shards; one that the hours ask for lasts on."""
        self.paused_shards -= set(shards or self.paused_shards)
        if not shards:
            self._paused_by_hand = False
            self.apply_hours()

    def apply_hours(self) -> None:
        """Pause or resume as the hours have it now."""
        self._apply_hours(self.clock())

    def _apply_hours(self, now: int) -> None:
        was, self.paused = self.paused, self._paused_by_hand or self.hours.is_closed(now)
        if self.paused and not was:
            self._cancel_on_pause(now, SHARDS)

    def _cancel_on_pause(self, now: int, shards: Collection[int]) -> None:
        for account in self.engine.accounts.values():
            asked = [o for o in account.orders.values() if o.cancel_on_pause and o.account.shard in shards]
            self.engine.cancel_many(asked, now, "HaltCancel")

    def will_change(self, order: Order) -> None:
        """A member is about to change an order: for a moment reads will show it as it is now."""
        self.lag.remember(order, self.faults.read_lag_ms)
