"""The paper exchange's other front: a venue as Polymarket is one, with an engine, listing, crowd and store of its own.

It is an :class:`.simulation.Exchange` whose members hold tokens and whose markets end by proposal, dispute and
redemption. Where the Kalshi front runs beside it both ask about one world (:mod:`.world.questions`); alone, it keeps
that world for itself.

Rules and their sources: docs/exchange.md, "The second front"; what is assumed: docs/decisions.md, "Polymarket".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from prediction_mcp.kalshi.units import PRICE_UNITS

from .crowd.others import OtherCrowd
from .disk.catalogue_json import tie_shared
from .disk.store import Store
from .engine import tokens
from .engine.ledger import Account
from .engine.matching import Order
from .engine.rejection import RejectionError
from .keeping import MINED_MS, Credentials, Delayed, Held
from .lives import Transition
from .simulation import Exchange
from .token_trades import TokenTrades
from .world import questions
from .world.clock import wall_clock_ms
from .world.fair import ExclusiveFair, SharedFair
from .world.listed import Catalogue, Event, Market
from .world.scenario import due, first_day
from .world.second_listing import due_questions, is_disputed, is_void, named_later

if TYPE_CHECKING:
    from .fronts.polymarket.hub import Hub

tokens_of = questions.tokens_of
FINE_FROM = 9_600
"""Price units from which a market's tick gets finer; the same as far from zero."""
CHALLENGE_MS = 60 * 60_000
HALF = PRICE_UNITS // 2
BEAT_MS = 10_000
BEATS_SLACK_MS = 5_000
NEWCOMERS = ("Elena Marchetti", "David Osei", "Ruth Halvorsen", "Kenji Mori", "Lucia Prado", "Ivan Petrov")


class PolymarketExchange(Exchange):
    """The venue. ``twin`` is the Kalshi front's exchange, if one runs beside it."""

    def __init__(
        self,
        seed: int = 1,
        clock: Callable[[], int] | None = None,
        store: Store | None = None,
        scenario: str = "everyday",
        twin: Exchange | None = None,
    ) -> None:
        self.twin = twin
        self.feed: Hub | None = None
        self.credentials: dict[str, Credentials] = {}
        self.wallets: dict[str, str] = {}
        """Signer by wallet: a wallet belongs to the first key that signs for it."""
        self.beats: dict[str, tuple[str, int]] = {}
        """Heartbeat by API key: the id that is due, and when the last came."""
        self.delayed: dict[str, Delayed] = {}
        self.held: dict[str, Held] = {}
        self.failed: dict[str, None] = {}
        """Trades that failed on their way into the chain."""
        self.cancel_only = self.trading_disabled = False
        self.post_only_until_ms = self.restarting_until_ms = 0
        self._by_token: dict[str, tuple[Market, bool]] = {}
        self._last_ms = 0
        super().__init__(seed, clock or wall_clock_ms, store, scenario, read_lag_ms=0, sharded=False)

    # -- listing -------------------------------------------------------------------------------------------------

    @property
    def world(self) -> Catalogue:
        """The events that both fronts ask about."""
        return self._world if self.twin is None else self.twin.catalogue

    def _first_listing(self, scenario: str, now_ms: int) -> Catalogue:
        self.fee_changes = []
        self._begin_world(scenario, now_ms)
        catalogue = Catalogue(scenario=scenario)
        self.catalogue = catalogue
        for _ in self._due(now_ms):
            pass
        return catalogue

    def _begin_world(self, scenario: str, now_ms: int) -> None:
        if self.twin is None:
            self._world = first_day(scenario, self.seed, now_ms)

    def _due(self, now_ms: int) -> Iterator[Event]:
        if self.twin is None:
            for _ in due(self._world, self.seed, now_ms):
                pass
        for event in due_questions(self.catalogue, self.world, self.seed, now_ms):
            if isinstance(event.fair, SharedFair):
                event.fair.drives = self.twin is None
            yield event

    def _list(self, event: Event) -> list[tuple[int, Event, Transition]]:
        past = super()._list(event)
        self._index_event(event)
        return past

    def _populate(self, seed: int | str) -> None:
        self.crowd = OtherCrowd(self.engine, self.catalogue, f"polymarket/{seed}")
        self.crowd.now_ms = self.clock()

    def _act(self, now_ms: int) -> None:
        self.crowd.step(now_ms)

    def _restore(self) -> None:
        super()._restore()
        self.fee_changes = []
        self._begin_world(self.catalogue.scenario, self.clock())
        if self.twin is not None:
            tie_shared(self.catalogue, self.world)
        for event in self.catalogue.events.values():
            if isinstance(event.fair, SharedFair):
                event.fair.drives = self.twin is None
        self._index()

    def _restore_keys(self) -> None:
        self.credentials = {
            key: msgspec.json.decode(body, type=Credentials) for key, body in self.store.extras("key")
        }  # fmt: skip
        self.wallets = {wallet: body.decode() for wallet, body in self.store.extras("wallet")}
        self.held = {order_id: msgspec.json.decode(body, type=Held) for order_id, body in self.store.extras("held")}
        self.failed = dict.fromkeys(trade_id for trade_id, _ in self.store.extras("failed"))
        self.trades.adopt()
        for order_id, held in self.held.items():
            if held.status == "DELAYED":  # what waited when the exchange stopped comes to nothing
                held.status, held.words = "UNMATCHED", "the exchange was restarted"
                self.changes.extras["held", order_id] = msgspec.json.encode(held)

    def _prepare(self, seed: int, started_ms: int) -> None:
        super()._prepare(seed, started_ms)
        self.trades = TokenTrades(self)
        self.delayed.clear()  # what is read back from the disk knows nothing of these accounts and orders

    def _index(self) -> None:
        self._by_token.clear()
        for event in self.catalogue.events.values():
            self._index_event(event)

    def _index_event(self, event: Event) -> None:
        for market in event.markets:
            first, second = tokens_of(market)
            self._by_token[first], self._by_token[second] = (market, True), (market, False)

    def by_token(self, token_id: str) -> tuple[Market, bool] | None:
        """(market, whether it is the first outcome) of a token that is listed."""
        found = self._by_token.get(token_id)
        return found if found is not None and found[0].ticker in self.catalogue.markets else None

    # -- life ----------------------------------------------------------------------------------------------------

    def _timetable(self, event: Event) -> list[tuple[Transition, int]]:
        first = event.markets[0]
        steps: list[tuple[Transition, int]] = [
            ("open", first.open_ms), ("close", first.close_ms), ("decide", first.decide_ms),
        ]  # fmt: skip
        proposed = first.decide_ms
        if is_disputed(event):
            disputed = proposed + min(CHALLENGE_MS, first.settlement_timer_s * 500)
            proposed = disputed + 10 * 60_000
            steps += [("dispute", disputed), ("propose", proposed)]
        return [*steps, ("finalize", proposed + first.settlement_timer_s * 1000)]

    def _transit(self, event: Event, transition: Transition, at_ms: int, *, late: bool = False) -> None:
        if transition in ("dispute", "propose"):
            event.stage += 1
            self.changes.events[event.ticker] = None
            for market in event.markets:
                self.changes.listings[market.ticker] = None
                market.status, market.updated_ms = "disputed" if transition == "dispute" else "determined", at_ms
                self._noted(market, "disputed" if transition == "dispute" else "proposed", at_ms)
            return
        super()._transit(event, transition, at_ms, late=late)
        if transition == "finalize":
            for market in event.markets:
                self._noted(market, "resolved", at_ms)
                self._tell(market, "resolved")

    @staticmethod
    def _noted(market: Market, status: str, at_ms: int) -> None:
        if market.question is not None:
            market.question.statuses.append(status)
            market.question.changed_ms = at_ms

    def _open(self, market: Market, at_ms: int, *, late: bool) -> None:
        if market.question is None or not market.question.placeholder:
            super()._open(market, at_ms, late=late)
            self._refine(market)

    def _decide(self, market: Market, share: float, shown: str, at_ms: int) -> None:
        super()._decide(market, share, shown, at_ms)
        if is_void(market):
            market.value, market.result = HALF, "void"
        self._noted(market, "proposed", at_ms)

    def _tell(self, market: Market, event_type: str, **details: Any) -> None:
        if self.feed is not None:
            self.feed.lifecycle(market, event_type)

    def _advance_to(self, now: int, *, with_crowd: bool) -> None:
        super()._advance_to(now, with_crowd=with_crowd)
        for market in [m for m in self.catalogue.markets.values() if m.status == "active"]:
            question = market.question
            if question is not None and question.clear_on_start and self._last_ms < question.game_start_ms <= now:
                book = self.engine.markets[market.ticker].book
                self.engine.cancel_many([*book.bids, *book.asks], now, "GameStart")
            self._refine(market)
        for event in [e for e in self.catalogue.events.values() if e.augmented]:
            self._name_one(event, now)
        for delayed in [d for d in self.delayed.values() if d.due_ms <= now]:
            del self.delayed[delayed.order_id]
            delayed.run(now)
        self._fail_trades(now)
        self._miss_beats(now)
        self._last_ms = now

    def advance(self, *, with_crowd: bool = True) -> int:
        now = super().advance(with_crowd=with_crowd)
        if self.feed is not None:
            self.feed.settle_trades(now)
        return now

    def undo(self) -> None:
        super().undo()
        if self.feed is not None and self.store.is_durable:
            self.feed.start_anew()

    def _refine(self, market: Market) -> None:
        """Near zero and one a market's tick gets finer; it stays so."""
        if market.structure != "0.01":
            return
        book = self.engine.markets[market.ticker].book
        bid, ask = book.bids.best, book.asks.best
        if (bid is None or bid < FINE_FROM) and (ask is None or ask > PRICE_UNITS - FINE_FROM):
            return
        market.structure = "0.001"
        book.grid = market.grid
        book.prices = frozenset(market.grid.prices())
        self.changes.listings[market.ticker] = None
        if self.feed is not None:
            self.feed.tick_changed(market, "0.01")

    def _name_one(self, event: Event, now: int) -> None:
        """As time goes by outcomes of an augmented event get their names and begin to trade."""
        first = event.markets[0]
        unnamed = named_later(event)
        named = sum(m.question is not None and m.question.group_title in NEWCOMERS for m in event.markets)
        total = named + len(unnamed)
        share = (now - first.open_ms) / max(first.close_ms - first.open_ms, 1)
        if not unnamed or first.status != "active" or named >= int(share * (total + 1)):
            return
        market, name = unnamed[0], NEWCOMERS[named]
        question = market.question
        if question is None:
            return
        old = question.group_title
        market.title, market.rules = market.title.replace(old, name), market.rules.replace(old, name)
        question.group_title, question.placeholder = name, False
        if isinstance(event.fair, ExclusiveFair):
            index = event.markets.index(market)
            event.fair.labels[index], event.fair.scores[index] = name, -1.0
        self.changes.events[event.ticker] = self.changes.listings[market.ticker] = None
        self.changes.markets[market.ticker] = None
        self._open(market, now, late=False)
        self._tell(market, "created")

    # -- members -------------------------------------------------------------------------------------------------

    def _new_account(self, name: str) -> Account:
        return Account(name, grid=1, tokens=True)

    def wallet(self, address: str, signer: str | None = None) -> Account | None:
        """The account of a wallet, made with its first deposit when a signer first uses it; None if it isn't theirs."""
        owner = self.wallets.get(address)
        if owner is None and signer is not None:
            owner = self.wallets[address] = signer
            self.changes.extras["wallet", address] = signer.encode()
            self.add_member(address)
        if owner is None or (signer is not None and owner != signer):
            return None
        return self.engine.accounts.get(address)

    def keep_credentials(self, made: Credentials) -> None:
        self.credentials[made.key] = made
        self.changes.extras["key", made.key] = msgspec.json.encode(made)

    def drop_credentials(self, key: str) -> None:
        del self.credentials[key]
        self.changes.extras["key", key] = None
        self.beats.pop(key, None)

    def note(self, account: Account, kind: str, market: Market | None, micros: int, now_ms: int, **more: Any) -> None:
        """Keep what an account did besides trading, for its activity."""
        self.engine.sequence += 1
        body = {"account": account.account_id, "type": kind, "ticker": market and market.ticker, "micros": micros,
                "ts_ms": now_ms, **more}  # fmt: skip
        self.changes.extras["activity", f"{self.engine.sequence:016d}"] = msgspec.json.encode(body)

    def activity(self, account: Account) -> Iterator[dict[str, Any]]:
        """What :meth:`note` kept, newest first."""
        for key, body in self.store.extras("activity", newest_first=True):
            read = msgspec.json.decode(body)
            if read["account"] == account.account_id:
                yield {**read, "seq": int(key)}

    # -- orders that wait ----------------------------------------------------------------------------------------

    def keep_delayed(self, account: Account, order_id: str, body: bytes) -> None:
        """Keep an order that is held back, so that it can be asked for."""
        self.held[order_id] = Held(account.account_id, body.decode())
        self.changes.extras["held", order_id] = msgspec.json.encode(self.held[order_id])

    def unmatched(self, order_id: str, words: str) -> None:
        """An order that was held back was refused when its time came."""
        held = self.held[order_id]
        held.status, held.words = "UNMATCHED", words
        self.changes.extras["held", order_id] = msgspec.json.encode(held)
        if self.feed is not None:
            self.feed.unmatched(order_id, held)

    def _fail_trades(self, now: int) -> None:
        """Take back trades that failed, once that shows."""
        for trade_id in self.trades.fail(now - MINED_MS, now):
            self.failed[trade_id] = None
            self.changes.extras["failed", trade_id] = b"1"

    def has_failed(self, trade_id: str) -> bool:
        return trade_id in self.failed

    # -- heartbeats ----------------------------------------------------------------------------------------------

    def beat(self, key: str, beat_id: str, now_ms: int) -> str | None:
        """A key says it lives: the id of its next beat, or None where another was due."""
        due_id, _ = self.beats.get(key, ("", 0))
        if beat_id != due_id:
            return None
        next_id = hashlib.sha256(f"{key}/{now_ms}/{due_id}".encode()).hexdigest()[:32]
        self.beats[key] = next_id, now_ms
        return next_id

    def _miss_beats(self, now: int) -> None:
        for key, (_, last) in list(self.beats.items()):
            if now - last <= BEAT_MS + BEATS_SLACK_MS:
                continue
            del self.beats[key]
            for order in self.orders_of(key):
                self.engine.cancel(order, now, "Heartbeat")

    def orders_of(self, key: str) -> list[Order]:
        """Resting orders of all wallets that a key signs for."""
        made = self.credentials.get(key)
        accounts = [self.engine.accounts[w] for w, signer in self.wallets.items() if made and signer == made.signer]
        return [o for a in accounts for o in a.orders.values() if o.status == "resting"]

    # -- trades on chain -----------------------------------------------------------------------------------------

    def redeem(self, account: Account, market: Market, now_ms: int) -> int:
        """Pay out an account's tokens of a resolved market; returns micros. Raises RejectionError."""
        holding = account.holdings.get(market.ticker)
        if market.question is None or "resolved" not in market.question.statuses or holding is None:
            raise RejectionError("invalid_order", "the market isn't resolved, or the wallet holds none of its tokens")
        paid = tokens.redeem(self.engine, account, market.ticker, now_ms)
        self.note(account, "REDEEM", market, paid, now_ms)
        return paid
