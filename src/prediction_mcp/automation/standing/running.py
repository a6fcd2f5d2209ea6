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
from prediction_mcp.net.words import printed
from prediction_mcp.records.errors import RecordsError
from prediction_mcp.records.outbox import Message
from prediction_mcp.records.rules import DONE, Claim, End, Rule, Run
from prediction_mcp.safety.asking import WriteCall
from prediction_mcp.safety.journal import JournalError
from prediction_mcp.safety.policy import RefusedError
from prediction_mcp.safety.records import HaltedError
from prediction_mcp.safety.recovery import UnsettledError

from ..notices.wording import harmless
from . import amounts, ends, timing
from .ends import GRACE
from .kinds import EXITS, RuleSpec
from .person import Agreed
from .triggers import spec_of

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.trading.results import Placed
    from prediction_mcp.kalshi.models.markets import Market
    from prediction_mcp.kalshi.models.orders import Order

    from ..desk import Desk

HELD = timedelta(seconds=60)
"""How long a run is its worker's."""
TOO_LATE = "and couldn't go within 5 minutes: nothing was running, or the exchange didn't answer"
AGAIN = timedelta(seconds=10)
"""When a run that couldn't be carried out now is taken up again."""
LOOK_BACK = timedelta(hours=1)
AT_ONCE = 8
COMING = frozenset({"initialized", "inactive", "active"})
"""Markets of these states may yet take orders; a rule in any other has nothing left to do."""
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
            values = ends.after(rule, spec, end, desk.clock())
            if (volume := self._volumes.pop(rule.id, None)) is not None and "seen" in values:
                values["seen"] = {**values["seen"], "volume": str(volume + end.filled)}
        said = ends.told(rule, spec, claim.run, end, values)
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
        except MarketClosedError as error:
            market = await self._listed(rule)
            if market is not None and market.status in COMING:
                return End("refused", str(error))
            raise OverError(str(error).rstrip(".")) from None
        except (InvalidRequestError, RefusedError, MissingError) as error:
            return End("refused", str(error))
        except PlatformError as error:
            if error.maybe_done or isinstance(error, NotAnswered):
                raise LaterError(str(error)) from error
            return End("refused", str(error))
        return ends.ended(placed, spec)

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

    async def _listed(self, rule: Rule) -> Market | None:
        """The rule's market; None where it isn't there any more. Raises LaterError where that can't be told now."""
        try:
            return await lookup.market(self.desk.account, rule.ticker)
        except MissingError:
            return None
        except PlatformError as error:
            raise LaterError(str(error)) from error

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
        return ends.end_of(spec, order.order_id, order.initial_count_fp, traded.count, paid, traded.fees)


def client_order_id(rule: Rule) -> str:
    """Made from the rule and the number of its run: two workers, or one that comes back, send one order."""
    return f"so-{rule.key}-{rule.runs + 1}"
