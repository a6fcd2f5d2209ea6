"""Moving cash from one shard of the exchange to another, as a plan."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.desk.results import MONEY, Answer, Number
from prediction_mcp.kalshi.cash import CENTICENT, PRIMARY, ShardMove
from prediction_mcp.kalshi.errors import InvalidRequestError, KalshiError
from prediction_mcp.kalshi.models.money import NewShardTransfer
from prediction_mcp.safety.plan import Done, Plan, Terms

from ..held import cash_of
from ..shards import ShardCash, check_transfers, move_cash, said_by_shard, transfer_of

if TYPE_CHECKING:
    from ..account import Account


class CashMoved(Answer):
    """Dollars that moved, and free cash by shard afterwards where it could be read. ``status``: complete or pending."""

    amount: Number
    from_shard: int
    to_shard: int
    subaccount: int | None = None
    transfer_id: str
    status: str
    cash: list[ShardCash]


async def plan_move(account: Account, source: int, target: int, amount: Decimal, subaccount: int = PRIMARY) -> MoveCash:
    """Dollars from one shard to another, within a subaccount (0: the primary account).

    Raises:
        InvalidRequestError, TradingPausedError: what is wrong; nothing was sent.
    """
    if source == target:
        raise InvalidRequestError("The money is there already: name two different shards.")
    if amount <= 0 or amount % CENTICENT:
        raise InvalidRequestError("The amount is in dollars, above 0, with four decimals at most.")
    known = [shard.exchange_index for shard in (await account.kalshi.exchange.status()).shards]
    for shard in (source, target):
        if shard not in known:
            raise InvalidRequestError(f"There is no shard {shard}: there are {', '.join(map(str, sorted(known)))}.")
    await check_transfers(account, (source, target))
    cash = await cash_of(account)
    if cash.on(source, subaccount) < amount:
        raise InvalidRequestError(
            f"Shard {source} has ${cash.on(source, subaccount):,.2f} free, less than ${amount:,.2f}; there is "
            f"{said_by_shard(cash.by_shard(subaccount))}."
        )
    return MoveCash(account, ShardMove(source, target, amount), subaccount)


class MoveCash(Plan[CashMoved]):
    kind = "arrangement"
    loose = frozenset({"client_transfer_id"})

    def __init__(self, account: Account, move: ShardMove, subaccount: int) -> None:
        self._account, self._move, self._subaccount = account, move, subaccount
        self.terms = transfer_of(move, subaccount).model_dump(exclude_none=True)

    async def send(self, terms: Terms) -> CashMoved:
        transfer_id, complete = await move_cash(self._account, NewShardTransfer(**terms))
        cash = list[ShardCash]()
        try:
            split = (await cash_of(self._account)).by_shard(self._subaccount)
            cash = [ShardCash(shard=shard, cash=amount) for shard, amount in split.items()]
        except KalshiError as error:  # the money has moved, whatever happens here
            logger.warning("the cash can't be read now: {}", error)
        return CashMoved(
            source=self._account.environment,
            amount=self._move.amount,
            from_shard=self._move.source,
            to_shard=self._move.target,
            subaccount=self._subaccount or None,
            transfer_id=transfer_id,
            status="complete" if complete else "pending",
            cash=cash,
        )

    async def words(self) -> str:
        move = self._move
        whose = f" within subaccount {self._subaccount}" if self._subaccount else ""
        return (
            f"Move ${move.amount:,.2f} from shard {move.source} to shard {move.target}{whose}; it stays yours. "
            f"{MONEY[self._account.environment]}"
        )

    def done(self, result: CashMoved) -> Done:
        return Done(f"moved ${result.amount:,.2f} to shard {result.to_shard} ({result.status}): {result.transfer_id}")
