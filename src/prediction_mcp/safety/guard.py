"""What stands in front of every write: read-only toggle, kill switch, confirmation, limits, journal.

A write tool returns a :class:`Plan`: what it would send. Here it is decided whether it is sent. What could happen at
each ``await`` and what then:

* before ``Records.open`` returned: nothing was sent; a crash leaves at most a question in the journal.
  A cancel takes risk away and waits for no disk: it goes, and is written down when that is possible.
* between ``open`` and ``done``: the intent is on the disk. The send runs in a task of its own, so that a client that
  goes away doesn't cut it short. If the process dies, the next one settles the intent before it sends anything.
* after ``done``: the outcome is on the disk; only the answer to the client can be lost.

A call's time limit (:mod:`prediction_mcp.net.deadline`) may cut off what comes before ``open``. The task that sends is
never cut off: its requests have the same limit, so it ends by itself, with the outcome or with "unknown".
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, Protocol, TypeVar

from loguru import logger
from pydantic import BaseModel

from prediction_mcp.net import deadline
from prediction_mcp.net.errors import PlatformError

from .asking import Asker, Person, WriteCall, Yes
from .confirmation import Pending
from .halt import UNREAD, Cancels, Halted, cancel_everything
from .index import QUICK_S
from .intents import WriteRecord
from .journal import JournalError
from .limits import Figures, LimitError, Limits, check, latent
from .plan import TRADES, Done, Look, Needs, Plan, Stake, Standing, Terms, Unknown
from .policy import Policy, ReadOnlyError, RefusedError
from .records import HaltedError, Records
from .recovery import Tells, require_settled, settle
from .send_tasks import NOTHING_SENT, SendTasks
from .steps import Journaled, records_of

R = TypeVar("R", bound=BaseModel)


class AskFirstError(Exception):
    """By the owner's rule a person has to be asked about this order."""


LAG_S = 2.0
"""How far the clocks of exchange and machine may differ."""
MOST_LAG_S = 10.0
"""How far reads are taken to be behind at most."""
MOVED = "The limits became tighter while the order was looked at: nothing was sent, try again."


class Account(Cancels, Tells, Protocol):
    """The account that is guarded. What can't be done or told now is raised as a PlatformError."""

    async def standing(self, ticker: str) -> Standing:
        """What is held and rests in a market."""

    async def made(self, look: Look) -> Mapping[str, Decimal]:
        """Dollars that the account is worth beyond what was paid in, by platform."""

    async def elsewhere(self, look: Look) -> Decimal:
        """Dollars of cash that it has at another platform than the look's."""


@dataclass
class Guard:
    """What stands in front of the writes of one server."""

    policy: Policy
    limits: Limits
    records: Callable[..., Records]
    account: Account
    pending: Pending = field(default_factory=Pending)
    _settling: asyncio.Lock = field(default_factory=asyncio.Lock)
    _sends: SendTasks = field(default_factory=SendTasks)
    _owed: list[tuple[WriteRecord, Done | str]] = field(default_factory=list)
    """Cancels that the journal hasn't got yet, with what came of them."""
    _halted_by: str | None = None
    """Who pulled the switch, while no disk took it."""

    async def carry_out(self, call: WriteCall, person: Person) -> Any:
        """Do a write, if everything allows it: its result, or what whoever called has to do first.

        Raises:
            RefusedError: it isn't allowed, wasn't confirmed, or a limit stands against it; nothing was sent.
            PlatformError: the platform refused it or can't be reached.
            DeadlineError, UnderWayError: it took too long, before anything was sent or after.
        """
        self.require_writes(person)
        async with deadline.within(deadline.LIMITS.write, NOTHING_SENT):
            with deadline.keeping(deadline.LIMITS.send + deadline.LIMITS.outcome):
                return await self._carried_out(call, person)

    async def _carried_out(self, call: WriteCall, person: Person) -> Any:
        plan = await call.make()
        if plan.kind == "cancel":
            return await self._cancel(plan, call, person)
        records = self.records()
        self._pay_up(records)
        self._require_running_here()
        async with self._settling:
            left = await settle(records, self.account)
        if plan.kind in TRADES:
            for ticker in plan.tickers:
                require_settled(left, ticker)
        if call.agreed is not None:
            yes = Yes(plan, plan.terms, None, "standing", call.agreed)
            return await self._send(plan, _record(person, call, yes), records)
        asks = (self.policy.asks_always() and not plan.lessens) or (plan.lasts and not self.policy.asks_never())
        if not asks and not (call.token or person.answered):
            with contextlib.suppress(AskFirstError):
                return await self._send(plan, _record(person, call, Yes(plan, plan.terms)), records)
        await self._check(plan, _record(person, call, Yes(plan, plan.terms)), records)
        answer = await Asker(self.policy, self.pending, records, person, call).confirm(plan)
        if not isinstance(answer, Yes):
            return answer
        return await self._send(answer.plan, _record(person, call, answer), records)

    def require_writes(self, person: Person) -> None:
        """Raises ReadOnlyError unless writes are allowed, to somebody who showed who they are."""
        self.policy.require_writes()
        self.require_known(person)

    def require_known(self, person: Person) -> None:
        """Raises ReadOnlyError for somebody nobody knows: nothing that lasts is changed, be it a switch or a limit."""
        if person.anonymous:
            raise ReadOnlyError(
                "Over HTTP orders, cancels and limits need authentication: the owner of this server sets HTTP_TOKEN."
            )

    def require_running(self) -> None:
        """Raises HaltedError while the kill switch is on, be it in this process only."""
        self._require_running_here()
        self.records().require_running()

    def _require_running_here(self) -> None:
        if self._halted_by is not None:
            raise HaltedError(f"Trading was halted by {self._halted_by}: cancels still go.")

    def needs(self, *, selling: bool) -> Needs:
        """With what a write has to be planned, and no more: each part of the account is a request.

        What a buy costs counts in full against the limits on cost and spending, so they need no look at the account.
        """
        asks = not self.policy.asks_never()
        limits = self.in_force(self.records())
        account = limits.needs_account
        return Needs(
            stake=asks or limits.any,
            held=asks or account or (selling and limits.any),
            event=account,
            cash=limits.needs_cash,
            moment=account and self.records().any_since(time.time() - MOST_LAG_S - LAG_S),
        )

    # -- cancelling --------------------------------------------------------------------------------------------

    async def _cancel(self, plan: Plan[R], call: WriteCall, person: Person) -> Any:
        """Whatever the state of disk, journal and earlier writes: it takes risk away."""
        records = self.available()
        yes = Yes(plan, plan.terms)
        if self.policy.asks_always():
            answer = await Asker(self.policy, self.pending, records, person, call).confirm(plan)
            if not isinstance(answer, Yes):
                return answer
            yes = answer
        request, intent = _record(person, call, yes), None
        if records is not None:
            self._pay_up(records)
            try:
                intent = records.open(request, None)
            except JournalError as error:
                logger.error("a cancel goes without the journal: {}", error)
        if records is None or intent is None:
            return await self._sends.wait(self._unwritten(yes.plan, request))
        steps = Journaled(records, [intent], [request], [None])
        return await self._sends.wait(self._carry(yes.plan, request.terms, steps))

    async def _unwritten(self, plan: Plan[R], request: WriteRecord) -> R:
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

    async def halt(self, by: str, person: Person) -> tuple[Halted, str | None]:
        """The kill switch: what was cancelled, and what couldn't be written down.

        Raises:
            PlatformError: what rests can't be cancelled; nothing new is sent all the same.
        """
        self.require_writes(person)
        return await self.stop(by)

    async def stop(self, by: str) -> tuple[Halted, str | None]:
        """The same for a person who is in charge, also of a server that writes nothing. Raises PlatformError."""
        self._halted_by, records, problem = by, self.available(), None
        if records is None:
            problem = "The journal can't be used: only this server refuses orders until that is mended."
        else:
            problem = self._pull(records)
        async with deadline.within(deadline.LIMITS.write, UNREAD):
            return await self._sends.wait(cancel_everything(self.account, records), UNREAD), problem

    def resume(self, by: str) -> bool:
        """Let orders through again, for a person; whether they were stopped. Raises JournalError: they stay so."""
        was = self.records().resume(by) or self._halted_by is not None
        self._halted_by = None
        return was

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

    async def _send(self, plan: Plan[R], request: WriteRecord, records: Records) -> R:
        """Raises AskFirstError where nobody was asked and the rule says that somebody must be."""
        asked = request.answer is not None
        weighed = await self._weighed(plan, records, asked=asked)
        parts, stakes = records_of(plan, request), [stake for stake, _ in weighed]
        intents = records.open_all(parts, stakes, self._checks(weighed, records, asked=asked))
        return await self._sends.wait(self._carry(plan, request.terms, Journaled(records, intents, parts, stakes)))

    async def close(self) -> None:
        await self._sends.close()
        if self._owed and (records := self.available()) is not None:
            self._pay_up(records)

    async def _carry(self, plan: Plan[R], terms: Terms, steps: Journaled) -> R:
        try:
            result = await plan.send_in_steps(terms, steps)
        except PlatformError as error:
            for part, _ in steps.open:
                steps.ended(part, Unknown(str(error)) if error.maybe_done else str(error))
            raise
        except BaseException as error:
            for part, _ in steps.open:
                steps.ended(part, Unknown(f"the server failed: {error!r}"))
            raise
        if steps.open:
            answer, fates, first = result.model_dump(mode="json"), plan.fates(result), steps.open[0][0]
            for part, _ in steps.open:
                steps.ended(part, fates[part], answer if part == first else None)
        return result

    # -- limits ------------------------------------------------------------------------------------------------

    def in_force(self, records: Records) -> Limits:
        """The settings' limits with what was made tighter since."""
        return self.limits.tightened(records.tightened())

    async def _check(self, plan: Plan[Any], request: WriteRecord, records: Records) -> None:
        """Before anybody is asked: what can't be sent needs no answer."""
        records.require_running()
        weighed = await self._weighed(plan, records, asked=True)
        stakes = [stake for stake, _ in weighed]
        if any(stakes):
            records.hold_all(records_of(plan, request), stakes, self._checks(weighed, records, asked=True))

    def _checks(
        self, weighed: Sequence[tuple[Stake | None, Figures | None]], records: Records, *, asked: bool
    ) -> list[Callable[[Stake], None]]:
        """What each part of a write is held against."""
        return [partial(self._hold, figures=figures, records=records, asked=asked) for _, figures in weighed]

    def _hold(self, stake: Stake, figures: Figures | None, records: Records, *, asked: bool) -> None:
        """Hold an order against what is in force at this moment. Raises LimitError, and AskFirstError."""
        used = records.used(stake.event, _since(figures), self.policy.window_s)
        check(self.in_force(records), stake, used, figures)
        over = self.policy.confirm_over
        if not asked and over is not None and used.unasked + stake.amount > over:
            raise AskFirstError(f"${used.unasked + stake.amount:,.2f} would be at stake unasked.")

    async def violation(self, stake: Stake, look: Look | None) -> str | None:
        """The limit that stands against an order, in a sentence."""
        records = self.records()
        try:
            records.require_running()
            figures = await self._figures(look, self.in_force(records), records)
            self._hold(stake, figures, records, asked=True)
        except RefusedError as refused:
            return str(refused)
        return None

    async def _weighed(
        self, plan: Plan[Any], records: Records, *, asked: bool
    ) -> list[tuple[Stake | None, Figures | None]]:
        """Of each part what the limits and the rule for asking need to know, and no more than they need."""
        limits, parts = self.in_force(records), plan.parts
        needed = limits.any or (not asked and self.policy.confirm_over is not None)
        if plan.kind not in TRADES or not needed:
            return [(None, None)] * len(parts)
        weighed, known = list[tuple[Stake | None, Figures | None]](), dict[int, Figures | None]()
        for part in parts:
            if part.kind is not None and part.kind not in TRADES:
                weighed.append((None, None))
                continue
            if part.stake is None:  # planned before there was a limit
                raise LimitError(MOVED)
            if id(part.look) not in known:
                known[id(part.look)] = await self._figures(part.look, limits, records)
            weighed.append((part.stake, known[id(part.look)]))
        return weighed

    async def _figures(self, look: Look | None, limits: Limits, records: Records) -> Figures | None:
        """The account's figures, right up to a known moment; None where no limit looks at them."""
        closers = records.closers() if limits.day_spent is not None else {}
        if not limits.needs_account and not closers:
            return None
        as_of = time.time() - MOST_LAG_S - LAG_S if look is None else look.as_of
        more = await self._latent(closers, records, as_of)
        if not limits.needs_account:
            return Figures(as_of, None, {}, Decimal(0), more)
        if look is None or not look.whole_event or (limits.needs_cash and look.cash is None):
            raise LimitError(MOVED)
        lost = Decimal(0)
        if limits.day_loss is not None:
            made = await self.account.made(look)
            change = sum((value - records.day_start(value, of=name) for name, value in made.items()), Decimal(0))
            lost = max(-change, Decimal(0))
        cash = look.cash
        if cash is not None and limits.cash_reserve is not None:
            cash += await self.account.elsewhere(look)
        return Figures(look.as_of, cash, look.markets, lost, more)

    async def _latent(self, closers: Mapping[str, Mapping[str, Decimal]], records: Records, as_of: float) -> Decimal:
        """What orders that were taken as closing would cost now if they opened; those that are over are forgotten."""
        more, over = Decimal(0), list[str]()
        standings = await asyncio.gather(*map(self.account.standing, closers))
        for known, standing in zip(closers.values(), standings, strict=True):
            more += latent(standing, known)
            over += known.keys() - {order.order_id for order in standing.orders}
        if over:
            records.over(over, as_of)
        return more


def _record(person: Person, call: WriteCall, yes: Yes) -> WriteRecord:
    return WriteRecord(
        person.caller, call.tool, yes.plan.kind, call.arguments, yes.terms, yes.preview, yes.answer, yes.question
    )


def _written(write: Callable[..., None], *what: Any) -> None:
    """Put an outcome in the journal. A disk that doesn't take it must not make a placed order look failed.

    The intent stays open then: it counts against the limits, and the next process settles it with the exchange.
    """
    try:
        write(*what)
    except JournalError as error:
        logger.error("an outcome isn't in the journal: {}", error)


def _since(figures: Figures | None) -> float:
    return time.time() if figures is None else figures.as_of
