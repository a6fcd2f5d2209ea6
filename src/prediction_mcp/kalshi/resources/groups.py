"""/portfolio/order_groups: orders that stop together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..models.groups import (
    Empty,
    NewOrderGroup,
    Nothing,
    OrderGroup,
    OrderGroupDetail,
    OrderGroupLimit,
    OrderGroupList,
    OrderGroupMade,
)
from .fates import done_or_found, gone, nothing_shows

if TYPE_CHECKING:
    from prediction_mcp.net.sending import Query

    from ..transport import Transport

GROUPS = "/portfolio/order_groups"
ONE = GROUPS + "/{order_group_id}"


class OrderGroupsResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self, *, subaccount: int | None = None) -> Sequence[OrderGroup]:
        """All groups of the account, or of one subaccount."""
        query = {"subaccount": subaccount}
        return (await self._transport.get(OrderGroupList, GROUPS, signed=True, query=query)).order_groups

    async def get(self, group_id: str, *, subaccount: int | None = None) -> OrderGroupDetail:
        """A group with the ids of its resting orders. Raises NotFoundError."""
        query, ids = {"subaccount": subaccount}, {"order_group_id": group_id}
        return await self._transport.get(OrderGroupDetail, ONE, ids, signed=True, query=query)

    async def create(self, group: NewOrderGroup) -> OrderGroupMade:
        """A new group. Raises OutcomeUnknownError where the answer was lost: an empty group does no harm."""

        async def send() -> OrderGroupMade:
            return await self._transport.write(OrderGroupMade, "POST", f"{GROUPS}/create", body=group, idempotent=False)

        unknown = "The group was asked for but the answer was lost: look among your order groups before another try."
        return await done_or_found(send(), nothing_shows, unknown)

    async def set_limit(
        self, group_id: str, contracts: str, *, subaccount: int | None = None, exchange_index: int | None = None
    ) -> None:
        """Another limit, in contracts as the wire's string. Triggers at once where as much traded already."""
        await self._put(
            group_id, "limit", OrderGroupLimit(contracts_limit_fp=contracts), _at(subaccount, exchange_index)
        )

    async def reset(self, group_id: str, *, subaccount: int | None = None, exchange_index: int | None = None) -> None:
        """Forget what traded and take orders again."""
        await self._put(group_id, "reset", Empty(), _at(subaccount, exchange_index))

    async def trigger(self, group_id: str, *, subaccount: int | None = None, exchange_index: int | None = None) -> None:
        """Cancel the group's orders and take no new ones until it is reset. Goes ahead of other writes."""
        await self._put(group_id, "trigger", Empty(), _at(subaccount, exchange_index), urgent=True)

    async def delete(self, group_id: str, *, subaccount: int | None = None, exchange_index: int | None = None) -> None:
        """End the group; its orders are cancelled. Goes ahead of other writes."""
        query, ids = _at(subaccount, exchange_index), {"order_group_id": group_id}
        await gone(self._transport.write(Nothing, "DELETE", ONE, ids, query=query, urgent=True), Nothing())

    async def _put(
        self, group_id: str, step: str, body: Empty | OrderGroupLimit, query: Query, *, urgent: bool = False
    ) -> None:
        ids = {"order_group_id": group_id}
        await self._transport.write(Nothing, "PUT", f"{ONE}/{step}", ids, query=query, body=body, urgent=urgent)


def _at(subaccount: int | None, exchange_index: int | None) -> Query:
    return {"subaccount": subaccount, "exchange_index": exchange_index}
