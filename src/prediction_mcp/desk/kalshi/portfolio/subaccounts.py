"""Subaccounts: the cash of each, and transfers between them as plans."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.desk.results import MONEY, Answer, Number, Result
from prediction_mcp.kalshi.cash import DEFAULT_SHARD, MARGIN_SUBACCOUNT, CashBalances
from prediction_mcp.kalshi.errors import InvalidRequestError, KalshiError
from prediction_mcp.kalshi.models.money import NewTransfer
from prediction_mcp.safety.plan import Done, Plan, Terms

from ..shards import ShardCash, margin_note, said_by_shard, split_of

if TYPE_CHECKING:
    from ..account import Account

MOST = 63


class SubaccountLine(Result):
    """Free cash in dollars; 0 is the primary account. ``shards`` where cash lies on another shard than 0."""

    subaccount: int
    cash: Number
    shards: list[ShardCash] | None = None
    netting: bool | None = None


class SubaccountList(Answer):
    count: int
    subaccounts: list[SubaccountLine]
    note: str | None = None


class Transferred(Answer):
    """Dollars that moved, and the free cash of both afterwards where it could be read."""

    amount: Number
    from_subaccount: int
    to_subaccount: int
    shard: int | None = None
    transfer_id: str
    cash: list[SubaccountLine]


async def subaccounts_of(account: Account) -> SubaccountList:
    """The primary account and all subaccounts, each once."""
    cash, netting = await _read(account)
    lines = [
        SubaccountLine(
            subaccount=number,
            cash=cash.of_subaccount(number),
            shards=split_of(cash.by_shard(number)),
            netting=netting.get(number) or None,
        )
        for number in sorted({*cash.subaccounts, *netting})
    ]
    return SubaccountList(source=account.environment, count=len(lines), subaccounts=lines, note=margin_note(cash))


async def _read(account: Account) -> tuple[CashBalances, dict[int, bool]]:
    """Cash, and whether each subaccount nets on any shard: both lists have a row per (subaccount, shard)."""
    subaccounts, netting = account.kalshi.subaccounts, dict[int, bool]()
    cash = CashBalances.of(await subaccounts.balances())
    for item in await subaccounts.netting():
        netting[item.subaccount_number] = item.enabled or netting.get(item.subaccount_number, False)
    netting.pop(MARGIN_SUBACCOUNT, None)
    return cash, netting


async def plan_transfer(account: Account, source: int, target: int, amount: Decimal) -> MoveMoney:
    """Dollars from one subaccount (0: the primary) to another, on the lowest shard where the source has them.

    Raises:
        InvalidRequestError: what is wrong; nothing was sent.
    """
    if source == target:
        raise InvalidRequestError("The money is there already: name two different subaccounts.")
    cents = amount * 100
    if amount <= 0 or cents != cents.to_integral_value():
        raise InvalidRequestError("The amount is in dollars and whole cents, above 0.")
    cash, netting = await _read(account)
    known = sorted({*cash.subaccounts, *netting})
    for number in (source, target):
        if number not in known:
            raise InvalidRequestError(f"There is no subaccount {number}: there are {', '.join(map(str, known))}.")
    split = cash.by_shard(source)
    shard = next((shard for shard, free in split.items() if free >= amount), None)
    if shard is None:
        free = cash.of_subaccount(source)
        if free < amount:
            raise InvalidRequestError(f"Subaccount {source} has ${free:,.2f} free, less than ${amount:,.2f}.")
        raise InvalidRequestError(
            f"Subaccount {source} has ${amount:,.2f}, but on no single shard: {said_by_shard(split)}. Move it to one "
            f"with kalshi_move_cash_between_shards first, or send a transfer for each."
        )
    return MoveMoney(account, source, target, int(cents), shard)


class MoveMoney(Plan[Transferred]):
    kind = "arrangement"
    loose = frozenset({"client_transfer_id"})

    def __init__(self, account: Account, source: int, target: int, cents: int, shard: int = DEFAULT_SHARD) -> None:
        self._account = account
        transfer = NewTransfer(
            client_transfer_id=str(uuid.uuid4()),
            from_subaccount=source,
            to_subaccount=target,
            amount_cents=cents,
            exchange_index=shard or None,
        )
        self.terms = transfer.model_dump(exclude_none=True)

    @property
    def _amount(self) -> Decimal:
        return Decimal(int(self.terms["amount_cents"])) / 100

    async def send(self, terms: Terms) -> Transferred:
        transfer = NewTransfer(**terms)
        await self._account.kalshi.subaccounts.transfer(transfer)
        ends, lines = (transfer.from_subaccount, transfer.to_subaccount), list[SubaccountLine]()
        try:
            lines = (await subaccounts_of(self._account)).subaccounts
        except KalshiError as error:  # the money has moved, whatever happens here
            logger.warning("the subaccounts can't be read now: {}", error)
        return Transferred(
            source=self._account.environment,
            amount=self._amount,
            from_subaccount=transfer.from_subaccount,
            to_subaccount=transfer.to_subaccount,
            shard=transfer.exchange_index,
            transfer_id=transfer.client_transfer_id,
            cash=[line for line in lines if line.subaccount in ends],
        )

    async def words(self) -> str:
        source, target = self.terms["from_subaccount"], self.terms["to_subaccount"]
        shard = self.terms.get("exchange_index")
        where = "" if shard is None else f" on shard {shard}"
        return (
            f"Move ${self._amount:,.2f} from {_called(source)} to {_called(target)}{where}; it stays yours. "
            f"{MONEY[self._account.environment]}"
        )

    def done(self, result: Transferred) -> Done:
        return Done(f"moved ${result.amount:,.2f}: {result.transfer_id}")


def _called(number: int) -> str:
    return "the primary account" if number == 0 else f"subaccount {number}"
