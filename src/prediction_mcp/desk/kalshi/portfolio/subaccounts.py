"""Subaccounts: what lies on each, and moving money between them; as a plan."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.desk.results import MONEY, Answer, Number, Result
from prediction_mcp.kalshi.errors import InvalidRequestError, KalshiError
from prediction_mcp.kalshi.models.money import NewTransfer
from prediction_mcp.safety.plan import Done, Plan, Terms

if TYPE_CHECKING:
    from ..account import Account

MOST = 63


class SubaccountLine(Result):
    """0 is the primary account; ``cash`` is free, in dollars. ``netting`` where it is on."""

    subaccount: int
    cash: Number
    netting: bool | None = None


class SubaccountList(Answer):
    count: int
    subaccounts: list[SubaccountLine]


class Transferred(Answer):
    """Dollars that moved, and the free cash of both afterwards where it could be read."""

    amount: Number
    from_subaccount: int
    to_subaccount: int
    transfer_id: str
    cash: list[SubaccountLine]


async def subaccounts_of(account: Account) -> SubaccountList:
    """The primary account and all subaccounts."""
    balances = await account.kalshi.subaccounts.balances()
    netting = {item.subaccount_number: item.enabled for item in await account.kalshi.subaccounts.netting()}
    lines = [
        SubaccountLine(subaccount=b.subaccount_number, cash=b.balance, netting=netting.get(b.subaccount_number) or None)
        for b in balances
    ]
    return SubaccountList(source=account.environment, count=len(lines), subaccounts=lines)


async def plan_transfer(account: Account, source: int, target: int, amount: Decimal) -> MoveMoney:
    """Dollars from one subaccount (0: the primary) to another.

    Raises:
        InvalidRequestError: what is wrong; nothing was sent.
    """
    if source == target:
        raise InvalidRequestError("The money is there already: name two different subaccounts.")
    cents = amount * 100
    if amount <= 0 or cents != cents.to_integral_value():
        raise InvalidRequestError("The amount is in dollars and whole cents, above 0.")
    cash = {line.subaccount: line.cash for line in (await subaccounts_of(account)).subaccounts}
    for number in (source, target):
        if number not in cash:
            raise InvalidRequestError(
                f"There is no subaccount {number}: there are {', '.join(map(str, sorted(cash)))}."
            )
    if cash[source] < amount:
        raise InvalidRequestError(f"Subaccount {source} has ${cash[source]:,.2f} free, less than ${amount:,.2f}.")
    return MoveMoney(account, source, target, int(cents))


class MoveMoney(Plan[Transferred]):
    kind = "arrangement"
    loose = frozenset({"client_transfer_id"})

    def __init__(self, account: Account, source: int, target: int, cents: int) -> None:
        self._account = account
        transfer = NewTransfer(
            client_transfer_id=str(uuid.uuid4()), from_subaccount=source, to_subaccount=target, amount_cents=cents
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
            transfer_id=transfer.client_transfer_id,
            cash=[line for line in lines if line.subaccount in ends],
        )

    async def words(self) -> str:
        source, target = self.terms["from_subaccount"], self.terms["to_subaccount"]
        return (
            f"Move ${self._amount:,.2f} from {_called(source)} to {_called(target)}; it stays yours. "
            f"{MONEY[self._account.environment]}"
        )

    def done(self, result: Transferred) -> Done:
        return Done(f"moved ${result.amount:,.2f}: {result.transfer_id}")


def _called(number: int) -> str:
    return "the primary account" if number == 0 else f"subaccount {number}"
