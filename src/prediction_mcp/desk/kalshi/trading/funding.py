"""Orders whose market's shard lacks cash that another shard has: their plan starts with the transfer.

Transfers and order are one confirmed plan. All parts are journaled before the first leaves. What can happen, and then:

* a transfer is refused, or its answer is lost: the order is not sent;
* the money doesn't arrive within seconds: the order is not sent, and the money is on its way;
* the kill switch is pulled meanwhile: the order is not sent, and the money stays where it went;
* the process dies: recovery asks the exchange for each part by its own id. The order is never sent by recovery;
* the order is refused: the money stays where it went. Nothing is moved back.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import BaseModel

from prediction_mcp.kalshi.cash import CENT, DEFAULT_SHARD, PRIMARY, CashBalances, ShardMove, moves_to_fund
from prediction_mcp.kalshi.errors import InsufficientBalanceError, KalshiError, TradingPausedError, TransferPendingError
from prediction_mcp.kalshi.models.money import NewShardTransfer
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.safety.plan import Done, Fate, Part, Plan, Steps, Terms, Unknown

from ..held import cash_of
from ..shards import move_cash, said_by_shard, transfer_of, wait_for_cash
from .results import FundedAnswer

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.markets import Market

    from ..account import Account

R = TypeVar("R", bound=BaseModel)
E = TypeVar("E", bound=PlatformError)
ZERO = Decimal(0)
SOON_S = 600.0
"""A transfer that is pending for longer isn't waited for: it may stay so, and would hold up every order there."""
UNSENT = "not sent: the money for it didn't arrive first"


def shard_of(market: Market) -> int:
    """The shard that a market trades on, and that its orders are paid from."""
    return DEFAULT_SHARD if market.exchange_index is None else market.exchange_index


class PaidOrder(Protocol):
    """An order or deal that takes cash from its market's shard."""

    @property
    def shard(self) -> int: ...

    @property
    def where(self) -> tuple[str, str]:
        """Its market and side of the book: what one order there closes, the next can't."""

    @property
    def most(self) -> Decimal:
        """Dollars that it can't cost more than, known without a look at fees and positions."""

    async def worst(self, *, first: bool = True) -> Decimal:
        """Dollars that it costs at worst; all of an order that isn't the ``first`` there counts as opening."""


@dataclass(frozen=True, slots=True)
class KnownCost:
    """An order whose cost at worst was worked out already."""

    shard: int
    most: Decimal
    ticker: str

    @property
    def where(self) -> tuple[str, str]:
        return self.ticker, ""

    async def worst(self, *, first: bool = True) -> Decimal:
        del first
        return self.most


@dataclass(frozen=True, slots=True)
class Funding:
    """Money to move before an order. ``needs`` are dollars at worst by shard."""

    account: Account
    moves: Sequence[ShardMove] = ()
    needs: Mapping[int, Decimal] = field(default_factory=dict)
    subaccount: int = PRIMARY

    @property
    def said(self) -> str:
        """The transfers in words: "$6.50 from shard 0 to shard 2"."""
        return said_of(self.moves)

    def before(self, plan: Plan[R]) -> Plan[R]:
        """The plan, starting with the transfers; the plan itself where nothing has to move."""
        return FundedPlan(self, plan) if self.moves else plan


def said_of(moves: Sequence[ShardMove]) -> str:
    """Transfers in words: "$6.50 from shard 0 to shard 2"."""
    return " and ".join(f"${m.amount:,.2f} from shard {m.source} to shard {m.target}" for m in moves)


async def funding_of(
    account: Account, cash: CashBalances | None, orders: Sequence[PaidOrder], subaccount: int | None = None
) -> Funding:
    """The transfers that orders need first; none where their shards have enough, or all shards together too little.

    Args:
        subaccount: whose orders they are; None for orders that name none.

    Raises:
        TradingPausedError: the order's shard takes no orders, or no money moves there now.
        TransferPendingError: money is on its way there already.
    """
    if cash is None:
        return Funding(account)
    own = cash.trading_subaccount if subaccount is None else subaccount
    split, most = cash.by_shard(own), defaultdict[int, Decimal](Decimal)
    for order in orders:
        most[order.shard] += order.most
    if all(split.get(shard, ZERO) >= need for shard, need in most.items()):
        return Funding(account)
    needs, seen = defaultdict[int, Decimal](Decimal), set[tuple[str, str]]()
    for order in orders:
        needs[order.shard] += (await order.worst(first=order.where not in seen)).quantize(CENT, ROUND_UP)
        seen.add(order.where)
    moves = moves_to_fund(split, needs)
    if moves:
        await _check_ways(account, moves)
        moves = moves_to_fund((await cash_of(account)).by_shard(own), needs)  # after the look for money on its way
    return Funding(account, moves or (), needs, own)


async def _check_ways(account: Account, moves: Sequence[ShardMove]) -> None:
    """Raise where the money can't move now, where it would help nothing, or where some is on its way."""
    targets, status = {move.target for move in moves}, await account.kalshi.exchange.status()
    for shard in sorted(targets):
        if not status.shard(shard).takes_orders:
            raise TradingPausedError(f"Trading is paused on shard {shard}, where this market trades: nothing was sent.")
    for shard in sorted(targets | {move.source for move in moves}):
        if not status.shard(shard).intra_exchange_transfers_active:
            raise TradingPausedError(
                f"The order needs {said_of(moves)} first, and no money moves to or from shard {shard} now."
            )
    for done in (await account.kalshi.shards.list(limit=20)).transfers:
        is_new = done.created_ts > time.time() - SOON_S
        if done.status == "pending" and is_new and done.destination_exchange_shard in targets:
            raise TransferPendingError(
                f"${done.amount:,.2f} is on its way to shard {done.destination_exchange_shard} already: nothing was "
                "sent, try again in a moment."
            )


class FundedPlan(Plan[R]):
    """A plan that starts with transfers between shards."""

    def __init__(self, funding: Funding, plan: Plan[R]) -> None:
        self._funding, self._plan, self._account = funding, plan, funding.account
        self.kind, self.lasts, self.lessens = plan.kind, plan.lasts, plan.lessens
        self.best, self.look = plan.best, plan.look
        moves = [transfer_of(move, funding.subaccount).model_dump(exclude_none=True) for move in funding.moves]
        self.terms = {"transfers": moves, "order": dict(plan.terms)}

    # -- for the guard -------------------------------------------------------------------------------------------

    @property
    def binding(self) -> dict[str, Any]:
        moves = [(move.source, move.target, str(move.amount)) for move in self._funding.moves]
        return {"transfers": moves, "order": self._plan.binding}

    @property
    def bests(self) -> tuple[Decimal | None, ...]:
        return self._plan.bests

    @property
    def parts(self) -> Sequence[Part]:
        return [*(Part(None, None, "arrangement") for _ in self._funding.moves), *self._plan.parts]

    def split(self, terms: Terms) -> Sequence[Terms]:
        return [*terms["transfers"], *self._plan.split(terms["order"])]

    async def words(self) -> str:
        return (
            f"First move {self._funding.said}, where this order is paid from; it stays yours, and stays there if the "
            f"order doesn't go. Then:\n{await self._plan.words()}"
        )

    def done(self, result: R) -> Done:
        return self._plan.done(result)

    def fates(self, result: R) -> Sequence[Fate]:
        moved = [Done("moved") for _ in self._funding.moves]  # each has ended before: these are never asked for
        return [*moved, *self._plan.fates(result)]

    # -- sending -------------------------------------------------------------------------------------------------

    async def send(self, terms: Terms) -> R:
        raise AssertionError("transfers and order are sent in steps")

    async def send_in_steps(self, terms: Terms, steps: Steps) -> R:
        transfers, left = [NewShardTransfer(**transfer) for transfer in terms["transfers"]], 0
        try:
            for part, transfer in enumerate(transfers):
                left += 1
                await self._move(part, transfer, steps)
            self._account.guard.require_running()
            for part in range(len(transfers), len(self.parts)):
                steps.leaves(part)
        except BaseException:
            for part in range(left, len(self.parts)):
                steps.ended(part, UNSENT)
            raise
        try:
            result = await self._plan.send_in_steps(terms["order"], _Shifted(steps, len(transfers)))
        except PlatformError as error:
            raise reworded(error, f"{error} Before that {self._funding.said} was moved; it stays there.") from error
        moved = {"transfer": f"{self._funding.said} was moved first."}
        return result.model_copy(update=moved) if isinstance(result, FundedAnswer) else result

    async def _move(self, part: int, transfer: NewShardTransfer, steps: Steps) -> None:
        """One transfer, whose end stands in the journal before anything else leaves."""
        move = self._funding.moves[part]
        try:
            if part:
                steps.leaves(part)
            transfer_id, complete = await move_cash(self._account, transfer)
        except PlatformError as error:
            steps.ended(part, Unknown(str(error)) if error.maybe_done else str(error))
            text = f"The order wasn't sent, since {said_of([move])} didn't move first: {error}"
            raise reworded(error, text) from error
        said = "moved" if complete else "accepted, not arrived yet"
        steps.ended(part, Done(f"{said} {said_of([move])}: {transfer_id}"))
        if not complete:
            raise TransferPendingError(
                f"The order wasn't sent: {said_of([move])} is on its way and hasn't arrived; try again in a moment."
            )
        needed = self._funding.needs.get(move.target, ZERO)
        await wait_for_cash(self._account, move.target, needed, self._funding.subaccount)


class _Shifted:
    """Steps of a plan whose parts come after others."""

    def __init__(self, steps: Steps, by: int) -> None:
        self._steps, self._by = steps, by

    def restate(self, part: int, terms: Terms) -> None:
        self._steps.restate(part + self._by, terms)

    def leaves(self, part: int) -> None:
        self._steps.leaves(part + self._by)

    def ended(self, part: int, fate: Fate, answer: object = None) -> None:
        self._steps.ended(part + self._by, fate, answer)


def reworded(error: E, text: str) -> E:
    """Return the error itself with another message."""
    error.message = text
    error.args = (text,)
    return error


async def short_of_cash(
    account: Account, market: Market, order: PaidOrder, error: InsufficientBalanceError
) -> InsufficientBalanceError:
    """The refusal of an order for want of cash, naming its shard, what is there, and what is elsewhere."""
    try:
        cash, need = await cash_of(account), await order.worst()
    except KalshiError:  # the refusal stands, whatever can be read
        return error
    split = cash.by_shard(cash.trading_subaccount)
    there, total = split.get(order.shard, ZERO), sum(split.values(), ZERO)
    lacks = f"The order needs up to ${need:,.2f} on shard {order.shard}, where {market.ticker} trades"
    if there < need <= total:
        return reworded(
            error,
            f"{lacks}, and the account has {said_by_shard(split)}: order again, which moves it first, or move it with "
            "kalshi_move_cash_between_shards.",
        )
    return reworded(
        error,
        f"{lacks}, and the exchange refused it ({error.details or error.code}); the account has "
        f"{said_by_shard(split)}: make it smaller, or add or free some cash.",
    )
