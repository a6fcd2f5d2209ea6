"""A run of a standing order: claimed, sent through the guard, ended. What could die where, and what then:

* before the claim: nothing happened; the run is still due.
* after the claim, before the order left: the claim runs out; the next worker asks the exchange for the run's
  client_order_id, finds nothing, and sends with the same one.
* after the order left: the next worker finds it by its client_order_id and writes what it came to. Were it not shown
  yet, the exchange refuses the same id a second time, and it is looked for again.
* after the run ended: rule, run and message were written in one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from loguru import logger

from prediction_mcp.desk.kalshi import lookup
from prediction_mcp.desk.kalshi.held import position_in
from prediction_mcp.desk.kalshi.trading.entry import Ticket
from prediction_mcp.desk.kalshi.trading.place import plan_order
from prediction_mcp.kalshi.errors import (
    DuplicateOrderError,
    ExchangeUnavailableError,
    InvalidRequestError,
    MarketClosedError,
    TradingPausedError,
)
from prediction_mcp.net.errors import MissingError, NotAnswered, PlatformError, TooMany
from prediction_mcp.net.words import cents, printed
from prediction_mcp.records.errors import RecordsError
from prediction_mcp.records.outbox import Importance, Message
from prediction_mcp.records.rules import DONE, PAUSED, Claim, End, Rule, Run
from prediction_mcp.safety.asking import WriteCall
from prediction_mcp.safety.journal import JournalError
from prediction_mcp.safety.policy import RefusedError
from prediction_mcp.safety.records import HaltedError
from prediction_mcp.safety.recovery import UnsettledError

from ..notices.wording import harmless
from . import amounts, timing
from .kinds import EXITS, TRIGGERED, RuleSpec
from .person import Agreed
from .triggers import spec_of

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.trading.results import Placed
    from prediction_mcp.kalshi.models.markets import Market
    from prediction_mcp.kalshi.models.orders import Order

    from ..desk import Desk

HELD = timedelta(seconds=60)
"""How long a run is its worker's."""
GRACE = timedelta(minutes=5)
"""A run that is older when somebody comes to it is skipped and told."""
TOO_LATE = "and couldn't go within 5 minutes: nothing was running, or the exchange didn't answer"
AGAIN = timedelta(seconds=10)
"""When a run that couldn't be carried out now is taken up again."""
LOOK_BACK = timedelta(hours=1)
BACKOFF_S = (5, 10, 30, 60, 300, 900, 3_600)
"""Seconds between the tries of a rule whose price was reached and whose order was refused."""
TOLD = frozenset({1, 10, 100, 1_000})
"""Of tries that failed in a row these are told."""
AT_ONCE = 8
ZERO = Decimal(0)


class LaterError(Exception):
    """It can't be carried out now, and its fate may be open: another try comes."""


class OverError(Exception):
    """The rule has nothing left to do, in words."""


class Runner:
    """Carries out what is due of an account's rules."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._at_work = set[int]()
        self._volumes = dict[int, Decimal]()
        """Contracts traded in the markets of slices that are under way, as they were before them."""

    async def run_due(self) -> int:
        """Everything that is due now; returns how many runs were ended. Rules whose time is over end with it."""
        now, rules = self.desk.clock(), await self.desk.rules.active()
        for rule in rules:
            if rule.due is None and rule.until is not None and rule.until <= now:
                await self._over(rule, "its time is over")
        return await self.run_all([rule for rule in rules if rule.due is not None and rule.due <= now])

    async def run_all(self, rules: Sequence[Rule]) -> int:
        done = await asyncio.gather(*(self._guarded(rule) for rule in rules))
        return sum(done)

    async def _guarded(self, rule: Rule) -> bool:
        """One rule; its failure holds up no other."""
        if rule.id in self._at_work:
            return False
        self._at_work.add(rule.id)
        try:
            async with self._limit:
                return await self.run(rule) is not None
        except (PlatformError, JournalError) as error:
            logger.warning("standing order {} can't be carried out now: {}", rule.id, error)
            return False
        finally:
            self._at_work.discard(rule.id)

    async def run(self, rule: Rule) -> Rule | None:
        """The rule's next run, whole; the rule as it is after it, None where it isn't this worker's or comes later."""
        desk, now, due = self.desk, self.desk.clock(), rule.due
        if due is None or due > now:
            return None
        spec = spec_of(rule)
        if rule.until is not None and due > rule.until:
            return await self._over(rule, "its time is over")
        if spec.max_runs is not None and rule.runs >= spec.max_runs:  # it was made less since
            return await self._over(rule, f"all {spec.max_runs} runs are over")
        name = client_order_id(rule)
        claim = await desk.rules.claim(rule, due, name, desk.name, now, now + HELD)
        if claim is None:
            return None
        values: dict[str, Any]
        try:
            end = await self._carry_out(rule, spec, claim)
        except LaterError as later:
            logger.info("standing order {}, run {}: {}; again soon", rule.id, claim.run.number, later)
            await desk.rules.let_go(claim.run, desk.clock() + AGAIN)
            if desk.clock() - claim.run.time > GRACE:
                await self._late(rule, claim.run, str(later))
            return None
        except OverError as over:
            end, values = End("skipped", str(over)), {"state": DONE, "due": None, "said": str(over)}
        else:
            values = after(rule, spec, end, desk.clock())
            if (volume := self._volumes.pop(rule.id, None)) is not None and "seen" in values:
                values["seen"] = {**values["seen"], "volume": str(volume + end.filled)}
        said = told(rule, spec, claim.run, end, values)
        return await desk.rules.end(rule, claim.run, end, desk.clock(), messages=said, channels=desk.channels, **values)

    async def _late(self, rule: Rule, run: Run, why: str) -> None:
        """A run that can't be carried out for long is told once; it is tried on."""
        title = f"Standing order {rule.id} ({rule.kind.replace('_', ' ')}) can't go"
        body = f"{harmless(rule.ticker)}: run {run.number} is due since {run.time:%Y-%m-%d %H:%M} UTC: {harmless(why)}"
        message = Message(f"run:{run.id}:late", title, f"{body}. It is tried on.", "high")
        await self.desk.outbox.add(message, self.desk.channels, self.desk.clock())

    async def _over(self, rule: Rule, said: str) -> Rule | None:
        message = Message(
            f"rule:{rule.id}:over", f"Standing order {rule.id} ended", f"{harmless(rule.ticker)}: {said}."
        )
        return await self.desk.rules.change(
            rule,
            now=self.desk.clock(),
            state=DONE,
            due=None,
            said=said,
            messages=[message],
            channels=self.desk.channels,
        )

    # -- one run ---------------------------------------------------------------------------------------------------

    async def _carry_out(self, rule: Rule, spec: RuleSpec, claim: Claim) -> End:
        run, now = claim.run, self.desk.clock()
        if not claim.fresh and (order := await self._found(run, rule.ticker)) is not None:
            return await self._end_of(order, spec)
        if now - run.time > GRACE and not rule.seen.get("triggered"):
            return End("skipped", self._missed(rule, spec, run.time, now))
        try:
            ticket = await self._ticket(rule, spec, run)
            placed = await self._sent(rule, run, ticket)
        except DuplicateOrderError:
            if (order := await self._found(run, rule.ticker)) is not None:
                return await self._end_of(order, spec)
            if now - run.time > GRACE:  # it would be shown by now: the id was used up by an order that was killed
                return End("refused", "its order was refused as one that was sent before, and none is there")
            raise LaterError("its order was sent before and isn't shown yet") from None
        except HaltedError as error:
            return End("skipped", str(error))
        except (
            UnsettledError,
            TradingPausedError,
            ExchangeUnavailableError,
            TooMany,
            JournalError,
            RecordsError,
        ) as error:
            raise LaterError(str(error)) from error
        except (MarketClosedError, InvalidRequestError, RefusedError, MissingError) as error:
            return End("refused", str(error))
        except PlatformError as error:
            if error.maybe_done or isinstance(error, NotAnswered):
                raise LaterError(str(error)) from error
            return End("refused", str(error))
        return ended(placed, spec)

    async def _sent(self, rule: Rule, run: Run, ticket: Ticket) -> Placed:
        account = self.desk.account
        call = WriteCall(
            "standing_order",
            {"standing_order": rule.id, "run": run.number},
            lambda: plan_order(account, ticket),
            agreed=f"standing order {rule.id}",
        )
        answer: Placed = await account.guard.carry_out(call, Agreed())
        return answer

    async def _ticket(self, rule: Rule, spec: RuleSpec, run: Run) -> Ticket:
        """The order of a run. Raises OverError where nothing is left to do, and what reading raises."""
        desk = self.desk
        if spec.action == "sell":
            return await self._sale(rule, spec, run)
        count: Decimal | None = spec.count
        price, most = spec.price, None
        if spec.kind == "entry":
            count = (spec.count or ZERO) - rule.filled
            if count <= 0:  # it was made less since
                raise OverError(f"{printed(rule.filled)} are bought")
        elif spec.kind == "twap":
            count = self._slice(rule, spec, await lookup.market(desk.account, rule.ticker))
        else:
            left = None if spec.max_total is None else spec.max_total - rule.spent
            bounds = [bound for bound in (left, spec.dollars) if bound is not None]
            most = min(bounds, default=None)
        if most is not None:
            market = await lookup.market(desk.account, rule.ticker)
            bought = await amounts.for_dollars(desk.account, market, spec, most)
            if bought is None and most != spec.dollars:
                raise OverError(f"the ${printed(most)} that are left of its total buy no contract")
            if bought is None:
                raise InvalidRequestError(f"${printed(most)} buys no whole contract of {rule.ticker} now.")
            count, price = min(bought.count, spec.count or bought.count), bought.price
        if not count:
            raise InvalidRequestError("The market's volume leaves nothing for this slice.")
        return Ticket(
            rule.ticker, spec.side, "buy", count, None if price is None else price * 100, "market",
            client_order_id=run.client_order_id, max_cost=most,
        )  # fmt: skip

    async def _sale(self, rule: Rule, spec: RuleSpec, run: Run) -> Ticket:
        """Only what is held is sold, and only so that it can't become anything else."""
        positions = await position_in(self.desk.account, rule.ticker)
        net = sum((p.position_fp for p in positions), ZERO)
        held = net if spec.side == "yes" else -net
        wanted = held
        if spec.kind == "recurring":
            wanted = spec.count or ZERO
        elif spec.kind == "twap":
            wanted = self._slice(rule, spec, await lookup.market(self.desk.account, rule.ticker))
        elif spec.count is not None:
            wanted = spec.count - rule.filled
        if held <= 0 or (spec.kind in EXITS and wanted <= 0):
            raise OverError("nothing is left to sell")
        if wanted <= 0:
            raise InvalidRequestError("The market's volume leaves nothing for this slice.")
        return Ticket(
            rule.ticker, spec.side, "sell", min(wanted, held), None if spec.price is None else spec.price * 100,
            "market", reduce_only=True, client_order_id=run.client_order_id,
        )  # fmt: skip

    def _slice(self, rule: Rule, spec: RuleSpec, market: Market) -> Decimal:
        self._volumes[rule.id] = market.volume_fp
        return amounts.slice_now(rule, spec, market.volume_fp)

    def _missed(self, rule: Rule, spec: RuleSpec, due: datetime, now: datetime) -> str:
        """What fell due while nothing ran, in words."""
        if spec.kind != "recurring":
            return f"it was due at {due:%Y-%m-%d %H:%M} UTC, {TOO_LATE}"
        number, last = timing.missed(spec.every, spec.start or rule.created, due, now - GRACE)
        span = (
            f"at {due:%Y-%m-%d %H:%M}"
            if number == 1
            else f"{number} times from {due:%Y-%m-%d %H:%M} to {last:%m-%d %H:%M}"
        )
        return f"due {span} UTC, {TOO_LATE}"

    # -- an order that is there --------------------------------------------------------------------------------------

    async def _found(self, run: Run, ticker: str) -> Order | None:
        """The order that an earlier try of this run placed. Raises PlatformError where that can't be told now."""
        since = int((run.time - LOOK_BACK).timestamp())
        return await self.desk.account.kalshi.orders.find(run.client_order_id, ticker, since_ts=since)

    async def _end_of(self, order: Order, spec: RuleSpec) -> End:
        """What an order came to that nobody heard the end of."""
        if order.status == "resting":
            raise LaterError("its order is still at work")
        traded = await self.desk.account.kalshi.orders.traded(order.order_id)
        if traded.count != order.fill_count_fp:
            raise LaterError("its fills aren't all shown yet")
        paid = traded.yes_cost if spec.side == "yes" else traded.count - traded.yes_cost
        return _end(spec, order.order_id, order.initial_count_fp, traded.count, paid, traded.fees)


def client_order_id(rule: Rule) -> str:
    """Made from the rule and the number of its run: two workers, or one that comes back, send one order."""
    return f"so-{rule.key}-{rule.runs + 1}"


def ended(placed: Placed, spec: RuleSpec) -> End:
    count = placed.filled + placed.resting + (placed.cancelled or ZERO)
    return _end(spec, placed.order_id, count, placed.filled, placed.total or ZERO, placed.fee or ZERO)


def _end(spec: RuleSpec, order_id: str, count: Decimal, filled: Decimal, total: Decimal, fee: Decimal) -> End:
    verb = "bought" if spec.action == "buy" else "sold"
    if not filled:
        return End("done", f"nothing of {printed(count)} could be {verb}", order_id)
    average = (total / filled).quantize(Decimal("0.0001"))
    money = f"${total + fee:,.2f} with fees" if spec.action == "buy" else f"${total - fee:,.2f} after fees"
    of = "" if filled == count else f" of {printed(count)}"
    said = f"{verb} {printed(filled)}{of} {spec.side} at {cents(average)} for {money}"
    return End("done", said, order_id, total + fee if spec.action == "buy" else ZERO, filled, whole=filled == count)


# -- what comes after a run ------------------------------------------------------------------------------------------


def after(rule: Rule, spec: RuleSpec, end: End, now: datetime) -> dict[str, Any]:
    """Columns of the rule after a run: when it is due next, or why it is over."""
    filled, spent = rule.filled + end.filled, rule.spent + end.spent
    if end.state == "skipped" and spec.kind != "recurring":
        return {"state": PAUSED, "due": None, "said": end.said, "seen": _without(rule.seen, "triggered", "tries")}
    if spec.kind == "recurring":
        return _after_recurring(rule, spec, spent, now)
    if spec.kind == "twap":
        return _after_slice(rule, spec, end, filled, now)
    if (spec.count is not None and filled >= spec.count) or (spec.kind in EXITS and end.whole):
        return {"state": DONE, "due": None, "said": "done"}
    if end.state == "done" and spec.kind == "entry":  # the rest waits for its price again
        return {"due": None, "seen": _without(rule.seen, "triggered", "tries")}
    tries = 0 if end.filled else int(rule.seen.get("tries", 0)) + 1
    wait = timedelta(seconds=BACKOFF_S[min(tries, len(BACKOFF_S) - 1)])
    return {"due": now + wait, "seen": {**rule.seen, "tries": tries}}


def _without(seen: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in seen.items() if name not in names}


def _after_recurring(rule: Rule, spec: RuleSpec, spent: Decimal, now: datetime) -> dict[str, Any]:
    start, due = spec.start or rule.created, rule.due or now
    _, last = timing.missed(spec.every, start, due, now - GRACE) if now - due > GRACE else (1, due)
    following = timing.next_due(spec.every, start, last)
    sent = rule.runs + 1
    if spec.max_runs is not None and sent >= spec.max_runs:
        return {"state": DONE, "due": None, "said": f"all {spec.max_runs} runs are over"}
    if spec.max_total is not None and spec.max_total - spent < Decimal("0.01"):
        return {"state": DONE, "due": None, "said": f"${spec.max_total:,.2f} is spent"}
    if following is None or (rule.until is not None and following > rule.until):
        return {"state": DONE, "due": None, "said": "its time is over"}
    return {"due": following}


def _after_slice(rule: Rule, spec: RuleSpec, end: End, filled: Decimal, now: datetime) -> dict[str, Any]:
    done = int(rule.seen.get("slices", 0)) + 1
    seen = {**rule.seen, "slices": done}
    if spec.count is not None and filled >= spec.count:
        return {"state": DONE, "due": None, "seen": seen, "said": f"all {printed(spec.count)} are traded"}
    if done >= spec.slices:
        said = f"{printed(filled)} of {printed(spec.count or ZERO)} traded when its time was over"
        return {"state": DONE, "due": None, "seen": seen, "said": said}
    return {"due": max((rule.due or now) + spec.step, now), "seen": seen}


def told(rule: Rule, spec: RuleSpec, run: Run, end: End, values: dict[str, Any]) -> list[Message]:
    """What a person hears of a run: each that traded or was skipped, refusals in a row now and then, and its end."""
    tries = int(values.get("seen", {}).get("tries", 0))
    over = values.get("state") in (DONE, PAUSED)
    if end.state != "skipped" and not end.filled and not over and spec.kind in TRIGGERED and tries not in TOLD:
        return []
    why = (rule.seen.get("triggered") or {}).get("said")
    parts = [f"{harmless(rule.ticker)} “{harmless(spec.title)}”: {end.said}"]
    if why:
        parts.append(f"since {why}")
    if over:
        parts.append(f"the rule is {values['state']}: {values.get('said') or end.said}")
    elif spec.kind in EXITS and not end.filled:
        parts.append("it is tried again")
    title = f"Standing order {rule.id} ({spec.kind.replace('_', ' ')}), run {run.number}: {end.state}"
    importance: Importance = "high" if spec.kind in EXITS else "normal"
    return [Message(f"run:{run.id}", title, f"{'; '.join(parts)}.", importance)]
