"""/portfolio/subaccounts, and money that moves between them or between shards of the exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from ..models.groups import Nothing
from ..models.money import (
    BalanceAllocation,
    NewShardTransfer,
    NewSubaccount,
    NewTransfer,
    SetAllocation,
    SetNetting,
    ShardTransfer,
    ShardTransferAnswer,
    ShardTransferPage,
    SubaccountBalance,
    SubaccountBalances,
    SubaccountMade,
    SubaccountNetting,
    SubaccountNettings,
    SubaccountTransfer,
    SubaccountTransferPage,
    TransferMade,
)
from ..pagination import everything
from .fates import done_or_found, nothing_shows

if TYPE_CHECKING:
    from ..transport import Transport

SUBACCOUNTS = "/portfolio/subaccounts"
SHARDS = "/portfolio/intra_exchange_instance_transfer"
ALLOCATION = "/portfolio/target_balance_allocation"
PAGE, LOOKED_AT = 100, 500
"""Transfers of a page, and how many of the newest are looked through for one."""


class SubaccountsResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def balances(self) -> Sequence[SubaccountBalance]:
        """Free cash of the primary account (0) and of each subaccount."""
        answer = await self._transport.get(SubaccountBalances, f"{SUBACCOUNTS}/balances", signed=True)
        return answer.subaccount_balances

    async def create(self, *, exchange_index: int | None = None) -> int:
        """The next subaccount; returns its number. Raises OutcomeUnknownError where the answer was lost."""

        async def send() -> int:
            body = NewSubaccount(exchange_index=exchange_index)
            made = await self._transport.write(SubaccountMade, "POST", SUBACCOUNTS, body=body, idempotent=False)
            return made.subaccount_number

        unknown = "The subaccount was asked for but the answer was lost: look at the subaccounts before another try."
        return await done_or_found(send(), nothing_shows, unknown)

    async def transfer(self, transfer: NewTransfer) -> None:
        """Move cents, exactly once: the same ``client_transfer_id`` is one transfer, however often it is sent.

        Raises:
            OutcomeUnknownError: no answer came; the same transfer can be sent again with its id.
        """

        async def send() -> Nothing:
            return await self._transport.write(Nothing, "POST", f"{SUBACCOUNTS}/transfer", body=transfer)

        async def look() -> Nothing | None:
            async for done in self.all_transfers():
                if done.transfer_id == transfer.client_transfer_id:
                    return Nothing()
            return None

        unknown = (
            "The transfer was sent but its answer was lost and it doesn't show: send it again with the same "
            f"client_transfer_id {transfer.client_transfer_id}, which can't move it twice."
        )
        await done_or_found(send(), look, unknown)

    async def transfers(self, *, limit: int | None = None, cursor: str | None = None) -> SubaccountTransferPage:
        """A page of transfers between subaccounts, newest first."""
        query = {"limit": limit, "cursor": cursor}
        return await self._transport.get(SubaccountTransferPage, f"{SUBACCOUNTS}/transfers", signed=True, query=query)

    def all_transfers(self) -> AsyncIterator[SubaccountTransfer]:
        """Every transfer between subaccounts, over all pages."""
        return everything(lambda cursor: self.transfers(cursor=cursor), lambda page: page.transfers)

    async def netting(self) -> Sequence[SubaccountNetting]:
        """Which subaccounts net what they hold."""
        answer = await self._transport.get(SubaccountNettings, f"{SUBACCOUNTS}/netting", signed=True)
        return answer.netting_configs

    async def set_netting(self, number: int, *, enabled: bool) -> None:
        """Turn the netting of a subaccount (0: the primary) on or off."""
        body = SetNetting(subaccount_number=number, enabled=enabled)
        await self._transport.write(Nothing, "PUT", f"{SUBACCOUNTS}/netting", body=body)


class ShardsResource:
    """The parts of the exchange that an account's money lies on."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def move(self, transfer: NewShardTransfer) -> str:
        """Move money between shards or instances; returns the transfer's id. It is done later: see :meth:`get`.

        With a ``client_transfer_id`` it is sent again where an answer is lost, and looked for by that id: the exchange
        does it once. Up to three steps that aren't undone when a later one fails.

        Raises:
            OutcomeUnknownError: the answer was lost and the transfer doesn't show.
        """

        async def send() -> str:
            again = transfer.client_transfer_id is not None
            return (
                await self._transport.write(TransferMade, "POST", SHARDS, body=transfer, idempotent=again)
            ).transfer_id

        async def look() -> str | None:
            done = None if transfer.client_transfer_id is None else await self.find(transfer.client_transfer_id)
            return None if done is None else done.transfer_id

        unknown = "The transfer was sent but its answer was lost: look among the transfers before another try."
        return await done_or_found(send(), look, unknown)

    async def find(self, client_transfer_id: str) -> ShardTransfer | None:
        """The transfer that was asked for with an id of ours, among the newest; None where none shows."""
        async for transfer in self.newest():
            if transfer.client_transfer_id == client_transfer_id:
                return transfer
        return None

    async def newest(self) -> AsyncIterator[ShardTransfer]:
        """The newest transfers, :data:`LOOKED_AT` at most."""
        number = 0
        async for transfer in self.all(limit=PAGE):
            yield transfer
            number += 1
            if number >= LOOKED_AT:
                return

    async def get(self, transfer_id: str) -> ShardTransfer:
        """One transfer. Raises NotFoundError."""
        ids = {"transfer_id": transfer_id}
        return (await self._transport.get(ShardTransferAnswer, SHARDS + "s/{transfer_id}", ids, signed=True)).transfer

    async def list(self, *, limit: int | None = None, cursor: str | None = None) -> ShardTransferPage:
        """A page of transfers between shards, newest first."""
        query = {"limit": limit, "cursor": cursor}
        return await self._transport.get(ShardTransferPage, SHARDS + "s", signed=True, query=query)

    def all(self, **filters: Any) -> AsyncIterator[ShardTransfer]:
        """Every transfer between shards, over all pages."""
        return everything(lambda cursor: self.list(**{**filters, "cursor": cursor}), lambda page: page.transfers)

    async def allocation(self) -> BalanceAllocation:
        """How the account's cash is kept spread over the shards; empty where it isn't."""
        return await self._transport.get(BalanceAllocation, ALLOCATION, signed=True)

    async def set_allocation(self, allocation: SetAllocation) -> None:
        """Keep the cash spread so; percentages total 100, none at all ends it."""
        await self._transport.write(Nothing, "POST", ALLOCATION, body=allocation)
