"""What stands in front of every write: read-only toggle, kill switch, confirmation, limits, journal.

A write tool returns a :class:`Plan`: what it would send. Here it is decided whether it is sent. What could happen at
each ``await`` and what then:

* before ``Records.open`` returned: nothing was sent; a crash leaves at most a question in the journal.
  A cancel takes risk away and waits for no disk: it goes, and is written down when that is possible.
* between ``open`` and ``done``: the intent is on the disk. The send runs in a task of its own, so that a client that
  goes away doesn't cut it short. If the process dies, the next one settles the intent before it sends anything.
* after ``done``: the outcome is on the disk; only the answer to the client can be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeVar

from fastmcp.server.dependencies import get_context
from loguru import logger
from pydantic import BaseModel

from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import KalshiError, OutcomeUnknownError

from .asking import Asker, Call, Yes
from .confirmation import Client, Pending, is_anonymous
from .halt import Halted, cancel_everything
from .index import QUICK_S
from .journal import JournalError
from .limits import Account, Limits, Resting, Standing, check, latent
from .plan import Done, Plan, Stake, Terms
from .policy import Policy, ReadOnlyError, RefusedError
from .records import HaltedError, Records, Request
from .recovery import require_settled, settle

R = TypeVar("R", bound=BaseModel)


class AskFirstError(Exception):
    """By the owner's rule a person has to be asked about this order."""


LAST_CALL_S = 2.0
"""How long a server that ends waits for writes under way; what is unknown then is settled at the next start."""
LAG_S = 2.0
"""How far the clocks of exchange and machine may differ."""
MOST_LAG_S = 10.0


@dataclass
class Guard:
    """What stands in front of the writes of one server."""

    policy: Policy
    limits: Limits
    records: Callable[..., Records]
    kalshi: Callable[[], Awaitable[KalshiClient]]
    pending: Pending = field(default_factory=Pending)
    _settling: asyncio.Lock = field(default_factory=asyncio.Lock)
    _under_way: set[asyncio.Task[Any]] = field(default_factory=set)
    _owed: list[tuple[Request, Done | str]] = field(default_factory=list)
    """Cancels that the journal hasn't got yet, with what came of them."""
    _halted_by: str | None = None
    """Who pulled the switch, while no disk took it."""

    async def carry_out(self, call: Call) -> Any:
        """Do a write, if everything allows it: the tool's result, or what the client has to do first.

        Raises:
            RefusedError: it isn't allowed, wasn't confirmed, or a limit stands against it; nothing was sent.
            KalshiError: the exchange refused it or can't be reached.
        """
        self.require_person()
        client = Client(get_context())
        plan = await call.make()
        if plan.kind == "cancel":
            return await self._cancel(plan, call, client)
        records = self.records()
        self._pay_up(records)
        if self._halted_by is not None:
            raise HaltedError(f"Trading was halted by {self._halted_by}: cancels still go.")
        async with self._settling:
            left = await settle(records, await self.kalshi())
        require_settled(left, str(plan.terms["ticker"]))
        if not self.policy.asks_always() and not (call.token or client.answered):
            with contextlib.suppress(AskFirstError):
                return await self._send(plan, _request(client, call, Yes(plan, plan.terms)), records)
        await self._check(plan, records)
        answer = await Asker(self.policy, self.pending, records, client, call).confirm(plan)
        if not isinstance(answer, Yes):
            return answer
        return await self._send(answer.plan, _request(client, call, answer), records)

    def require_person(self) -> None:
        """Raises ReadOnlyError unless writes are allowed, to somebody who showed who they are."""
        self.policy.require_writes()
        self.require_somebody()

    def require_somebody(self) -> None:
        """Raises ReadOnlyError over HTTP without a token: nothing that lasts is changed, be it a switch or a limit."""
        if is_anonymous():
            raise ReadOnlyError(
                "Over HTTP orders, cancels and limits need authentication: the owner of this server sets HTTP_TOKEN."
            )

    # -- cancelling --------------------------------------------------------------------------------------------

    async def _cancel(self, plan: Plan[R], call: Call, client: Client) -> Any:
        """Whatever the state of disk, journal and earlier writes: it takes risk away."""
        records = self.available()
        yes = Yes(plan, plan.terms)
        if self.policy.asks_always():
            answer = await Asker(self.policy, self.pending, records, client, call).confirm(plan)
            if not isinstance(answer, Yes):
                return answer
            yes = answer
        request, intent = _request(client, call, yes), None
        if records is not None:
            self._pay_up(records)
            try:
                intent = records.open(request, None)
            except JournalError as error:
                logger.error("a cancel goes without the journal: {}", error)
        if records is None or intent is None:
            return await self._tracked(self._unwritten(yes.plan, request))
        return await self._tracked(self._carry(yes.plan, request.terms, intent, records))

    async def _unwritten(self, plan: Plan[R], request: Request) -> R:
        try:
            result = await plan.send(request.terms)
        except BaseException as error:
            self._owed.append((request, str(error)))
            raise
        self._owed.append((request, plan.done(result)))
        if (records := self.available()) is not None:
            self._pay_up(records)
        return result

    def _pay_up(self, records: Records) -> None:
        """Write down what the journal hasn't got yet, if it takes it now."""
        self._pull(records)
        while self._owed:
            request, came = self._owed[0]
            try:
                intent = records.open(request, None)
            except JournalError:
                return
            if isinstance(came, Done):
                _written(records.done, intent, came)
            else:
                _written(records.unknown, intent, came)
            del self._owed[0]

    def available(self) -> Records | None:
        """The journal, or None (and a word in the log) where it can't be used: for what takes risk away."""
        try:
            return self.records(patience_s=QUICK_S)
        except JournalError as error:
            logger.error("{}", error)
            return None

    async def halt(self, by: str) -> tuple[Halted, str | None]:
        """The kill switch: what was cancelled, and what couldn't be written down.

        Raises:
            KalshiError: what rests can't be cancelled; nothing new is sent all the same.
        """
        self.require_person()
        self._halted_by, records, problem = by, self.available(), None
        if records is None:
            problem = "The journal can't be used: only this server refuses orders until that is mended."
        else:
            problem = self._pull(records)
        return await cancel_everything(await self.kalshi(), records), problem

    def _pull(self, records: Records) -> str | None:
        """Write down the switch that was pulled, if that wasn't possible before; returns what is the matter."""
        if self._halted_by is None:
            return None
        try:
            problem = records.halt(self._halted_by)
        except JournalError as error:
            return f"{error} Only this server refuses orders until that is mended."
        self._halted_by = None
        return problem

    # -- sending -----------------------------------------------------------------------------------------------

    async def _send(self, plan: Plan[R], request: Request, records: Records) -> R:
        """Raises AskFirstError where nobody was asked and the rule says that somebody must be."""
        asked = request.answer is not None
        stake, account = await self._look(plan, records, asked=asked)
        intent = records.open(request, stake, lambda stake: self._hold(stake, account, records, asked=asked))
        return await self._tracked(self._carry(plan, request.terms, intent, records))

    async def _tracked(self, work: Coroutine[Any, Any, R]) -> R:
        """In a task of its own, which goes on where the call that waits for it is cancelled."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for writes that are under way, so that their outcome stands in the journal."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=LAST_CALL_S)
        if self._owed and (records := self.available()) is not None:
            self._pay_up(records)

    async def _carry(self, plan: Plan[R], terms: Terms, intent: str, records: Records) -> R:
        try:
            result = await plan.send(terms)
        except OutcomeUnknownError as error:
            _written(records.unknown, intent, str(error))
            raise
        except KalshiError as error:
            _written(records.unknown if error.maybe_done else records.refused, intent, str(error))
            raise
        except BaseException as error:
            _written(records.unknown, intent, f"the server failed: {error!r}")
            raise
        _written(records.done, intent, plan.done(result), result.model_dump(mode="json"))
        return result

    def weighs_closing(self, *, selling: bool) -> bool:
        """Whether it matters what of an order only closes what is held: to a question, or a limit.

        What a buy costs counts in full against the limits on cost and spending, so they need no look at the account.
        """
        if not self.policy.asks_never():
            return True
        limits = self.in_force(self.records())
        return limits.needs_account or (selling and limits.any)

    # -- limits ------------------------------------------------------------------------------------------------

    def in_force(self, records: Records) -> Limits:
        """The settings' limits with what was made tighter since."""
        return self.limits.tightened(records.tightened())

    async def _check(self, plan: Plan[Any], records: Records) -> None:
        """Before anybody is asked: what can't be sent needs no answer."""
        records.require_running()
        stake, account = await self._look(plan, records, asked=True)
        if stake is not None:
            self._hold(records.weigh(stake), account, records, asked=True)

    def _hold(self, stake: Stake, account: Account | None, records: Records, *, asked: bool) -> None:
        """Hold an order against what is in force at this moment. Raises LimitError, and AskFirstError."""
        used = records.used(stake.event, _since(account), self.policy.window_s)
        check(self.in_force(records), stake, used, account)
        over = self.policy.confirm_over
        if not asked and over is not None and used.unasked + stake.amount > over:
            raise AskFirstError(f"${used.unasked + stake.amount:,.2f} would be at stake unasked.")

    async def violation(self, stake: Stake) -> str | None:
        """The limit that stands against an order, in a sentence."""
        records = self.records()
        account = await self._account(stake, self.in_force(records), records)
        try:
            records.require_running()
            self._hold(stake, account, records, asked=True)
        except RefusedError as refused:
            return str(refused)
        return None

    async def _look(self, plan: Plan[Any], records: Records, *, asked: bool) -> tuple[Stake | None, Account | None]:
        """What the limits and the rule for asking need to know, and no more than they need."""
        limits = self.in_force(records)
        if plan.stake is None or not (limits.any or (not asked and self.policy.confirm_over is not None)):
            return None, None
        stake = await plan.stake()
        return stake, await self._account(stake, limits, records)

    async def _account(self, stake: Stake, limits: Limits, records: Records) -> Account | None:
        """The account's figures, right up to a known moment; None where no limit looks at them."""
        closers = records.closers() if limits.day_spent is not None else {}
        if not limits.needs_account and not closers:
            return None
        kalshi, started = await self.kalshi(), time.time()
        told = (await kalshi.exchange.user_data_timestamp()).as_of_time.timestamp()
        as_of = max(min(told, started), started - MOST_LAG_S) - LAG_S
        more = await _latent(kalshi, closers, records, as_of)
        if not limits.needs_account:
            return Account(as_of, None, {}, Decimal(0), more)
        markets = await _standings(kalshi, stake.event)
        if not limits.needs_cash:
            return Account(as_of, None, markets, Decimal(0), more)
        balance = await kalshi.portfolio.balance()  # has a bucket of its own, of a look a second
        lost = Decimal(0)
        if limits.day_loss is not None:
            resting = (await kalshi.portfolio.resting_value()).total_resting_order_value
            worth = balance.balance_dollars + Decimal(balance.portfolio_value + resting) / 100
            made = worth - await _paid_in(kalshi)
            lost = max(records.day_start(made) - made, Decimal(0))
        return Account(as_of, balance.balance_dollars, markets, lost, more)


def _request(client: Client, call: Call, yes: Yes) -> Request:
    return Request(
        client.caller, call.tool, yes.plan.kind, call.arguments, yes.terms, yes.preview, yes.answer, yes.question
    )


async def _latent(
    kalshi: KalshiClient, closers: dict[str, dict[str, Decimal]], records: Records, as_of: float
) -> Decimal:
    """What orders that were taken as closing would now cost if they opened; those that are over are forgotten."""
    more, over = Decimal(0), list[str]()
    for ticker, known in closers.items():
        standing = (await _standings(kalshi, ticker=ticker)).get(ticker, Standing())
        more += latent(standing, known)
        over += known.keys() - {order.order_id for order in standing.orders}
    if over:
        records.over(over, as_of)
    return more


async def _standings(kalshi: KalshiClient, event: str | None = None, ticker: str | None = None) -> dict[str, Standing]:
    """The markets of an event, or the one, in which something is held or rests."""
    markets = defaultdict[str, Standing](Standing)
    async for position in kalshi.portfolio.all_positions(event_ticker=event, ticker=ticker, count_filter="position"):
        markets[position.ticker] = Standing(position.position_fp, position.market_exposure_dollars)
    async for order in kalshi.orders.all(event_ticker=event, ticker=ticker, status="resting"):
        standing = markets[order.ticker]
        new = Resting(order.book_side, order.yes_price_dollars, order.remaining_count_fp, order.order_id)
        markets[order.ticker] = replace(standing, orders=(*standing.orders, new))
    return dict(markets)


def _written(write: Callable[..., None], *what: Any) -> None:
    """Put an outcome in the journal. A disk that doesn't take it must not make a placed order look failed.

    The intent stays open then: it counts against the limits, and the next process settles it with the exchange.
    """
    try:
        write(*what)
    except JournalError as error:
        logger.error("an outcome isn't in the journal: {}", error)


def _since(account: Account | None) -> float:
    return time.time() if account is None else account.as_of


async def _paid_in(kalshi: KalshiClient) -> Decimal:
    """Dollars paid in so far less those taken out: what an account is worth beyond that, it has made."""
    cents = 0
    async for deposit in kalshi.portfolio.all_deposits():
        cents += deposit.amount_cents * (deposit.status == "applied")
    async for withdrawal in kalshi.portfolio.all_withdrawals():
        cents -= withdrawal.amount_cents * (withdrawal.status == "applied")
    return Decimal(cents) / 100
