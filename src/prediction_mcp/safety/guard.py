"""What stands in front of every write: read-only toggle, kill switch, confirmation, limits, journal.

A write tool returns a :class:`Plan`: what it would send. Here it is decided whether it is sent. What could happen at
each ``await`` and what then:

* before ``Records.open`` returned: nothing was sent; a crash leaves at most a question in the journal.
* between ``open`` and ``done``: the intent is on the disk. The send runs in a task of its own, so that a client that
  goes away doesn't cut it short. If the process dies, the next one settles the intent before it sends anything.
* after ``done``: the outcome is on the disk; only the answer to the client can be lost.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
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
from .limits import Account, Limits, Resting, Standing, check
from .plan import Plan, Stake, Terms
from .policy import Policy, ReadOnlyError, RefusedError
from .records import JournalError, Records, Request
from .recovery import settle

R = TypeVar("R", bound=BaseModel)
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
    records: Callable[[], Records]
    kalshi: Callable[[], Awaitable[KalshiClient]]
    pending: Pending = field(default_factory=Pending)
    _settling: asyncio.Lock = field(default_factory=asyncio.Lock)
    _under_way: set[asyncio.Task[Any]] = field(default_factory=set)

    async def carry_out(self, call: Call) -> Any:
        """Do a write, if everything allows it: the tool's result, or what the client has to do first.

        Raises:
            RefusedError: it isn't allowed, wasn't confirmed, or a limit stands against it; nothing was sent.
            KalshiError: the exchange refused it or can't be reached.
        """
        self.policy.require_writes()
        client = Client(get_context())
        if is_anonymous():
            raise ReadOnlyError("Over HTTP orders need authentication: the owner of this server sets HTTP_TOKEN.")
        records = self.records()
        async with self._settling:
            await settle(records, await self.kalshi())
        plan = await call.make()
        yes = Yes(plan, plan.terms)
        if await self._must_ask(plan):
            await self._check(plan, records)
            answer = await Asker(self.policy, self.pending, records, client, call).confirm(plan)
            if not isinstance(answer, Yes):
                return answer
            yes = answer
        request = Request(
            client.caller, call.tool, plan.kind, call.arguments, yes.terms, yes.preview, yes.answer, yes.question
        )
        return await self._send(yes.plan, request, records)

    async def _must_ask(self, plan: Plan[Any]) -> bool:
        over = self.policy.confirm_over
        if over is None:
            return False
        if over <= 0:
            return True
        return plan.stake is not None and (await plan.stake()).amount > over

    # -- sending -----------------------------------------------------------------------------------------------

    async def _send(self, plan: Plan[R], request: Request, records: Records) -> R:
        stake, account = await self._look(plan, records)
        intent = records.open(request, stake, lambda stake: self._hold(stake, account, records))
        task = asyncio.create_task(self._carry(plan, request.terms, intent, records))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for writes that are under way, so that their outcome stands in the journal."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=LAST_CALL_S)

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
        if plan.kind != "cancel":
            records.require_running()
        stake, account = await self._look(plan, records)
        if stake is not None:
            self._hold(stake, account, records)

    def _hold(self, stake: Stake, account: Account | None, records: Records) -> None:
        """Hold an order against what is in force at this moment. Raises LimitError."""
        check(self.in_force(records), stake, records.used(stake.event, _since(account)), account)

    async def violation(self, stake: Stake) -> str | None:
        """The limit that stands against an order, in a sentence."""
        records = self.records()
        account = await self._account(stake, self.in_force(records), records)
        try:
            records.require_running()
            self._hold(stake, account, records)
        except RefusedError as refused:
            return str(refused)
        return None

    async def _look(self, plan: Plan[Any], records: Records) -> tuple[Stake | None, Account | None]:
        """What the limits need to know, and no more than they need."""
        limits = self.in_force(records)
        if plan.stake is None or not limits.any:
            return None, None
        stake = await plan.stake()
        return stake, await self._account(stake, limits, records)

    async def _account(self, stake: Stake, limits: Limits, records: Records) -> Account | None:
        """The account's figures, right up to a known moment; None where no limit looks at them."""
        if not limits.needs_account:
            return None
        kalshi, started = await self.kalshi(), time.time()
        told = (await kalshi.exchange.user_data_timestamp()).as_of_time.timestamp()
        as_of = max(min(told, started), started - MOST_LAG_S) - LAG_S
        markets = await _standings(kalshi, stake.event)
        if not limits.needs_cash:
            return Account(as_of, None, markets, Decimal(0))
        balance = await kalshi.portfolio.balance()  # has a bucket of its own, of a look a second
        lost = Decimal(0)
        if limits.day_loss is not None:
            resting = (await kalshi.portfolio.resting_value()).total_resting_order_value
            worth = balance.balance_dollars + Decimal(balance.portfolio_value + resting) / 100
            made = worth - await _paid_in(kalshi)
            lost = max(records.day_start(made) - made, Decimal(0))
        return Account(as_of, balance.balance_dollars, markets, lost)


async def _standings(kalshi: KalshiClient, event: str) -> dict[str, Standing]:
    """The markets of an event in which something is held or rests."""
    markets = defaultdict[str, Standing](Standing)
    async for position in kalshi.portfolio.all_positions(event_ticker=event, count_filter="position"):
        markets[position.ticker] = Standing(position.position_fp, position.market_exposure_dollars)
    async for order in kalshi.orders.all(event_ticker=event, status="resting"):
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
