"""Order groups: orders that stop together once they traded too much within 15 seconds; as plans."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from prediction_mcp.desk.results import MONEY, Answer, Number, Result
from prediction_mcp.kalshi.cash import DEFAULT_SHARD
from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.kalshi.models.groups import NewOrderGroup, OrderGroup
from prediction_mcp.kalshi.orders import check_count
from prediction_mcp.kalshi.units import format_count
from prediction_mcp.net.words import printed
from prediction_mcp.safety.plan import Done, Plan, Terms

from .. import lookup
from .funding import shard_of
from .rfqs import check_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prediction_mcp.kalshi.models.markets import Market

    from ..account import Account

Step = Literal["limit", "reset", "trigger", "delete"]
WINDOW_S = 15
_SAID: dict[Step, str] = {
    "limit": "Let the orders of group {group} trade up to {limit} contracts within 15 s, and stop then.",
    "reset": "Let the orders of group {group} trade again: what they traded within 15 s counts from zero.",
    "trigger": "Cancel every order of group {group} and take no new one before it is reset.",
    "delete": "End group {group}; its {orders} resting orders are cancelled.",
}
_DONE: dict[Step, str] = {"limit": "limit set", "reset": "reset", "trigger": "triggered", "delete": "deleted"}


class GroupAnswer(Answer):
    """``limit`` is contracts within any 15 seconds; ``orders`` are the ids of those that rest in it.

    Orders of markets on its ``shard`` (0 where it isn't named) can join it, and no others.
    """

    group_id: str
    limit: Number | None = None
    shard: int | None = None
    orders: list[str] | None = None
    status: str
    next: str | None = None


class GroupLine(Result):
    group_id: str
    limit: Number | None = None
    shard: int | None = None


class GroupList(Answer):
    count: int
    groups: list[GroupLine]


async def plan_group(account: Account, limit: Decimal, ticker: str | None = None) -> MakeGroup:
    """A new group on a market's shard; on the default shard without a market.

    Raises:
        InvalidOrderError, NotFoundError: the limit isn't a count, or there is no such market.
    """
    shard = DEFAULT_SHARD if ticker is None else shard_of(await lookup.market(account, ticker))
    return MakeGroup(account, limit, shard)


async def check_group(account: Account, group_id: str, markets: Iterable[Market]) -> None:
    """Raise InvalidRequestError where a market isn't on the shard of the group that its order is to join."""
    group = await account.kalshi.order_groups.get(check_id(group_id, "order group id"))
    shard = group.exchange_index or DEFAULT_SHARD
    for market in markets:
        if shard_of(market) != shard:
            raise InvalidRequestError(
                f"The order group is on shard {shard} and {market.ticker} trades on shard {shard_of(market)}: make a "
                "group with ticker= that market. Nothing was sent."
            )


class MakeGroup(Plan[GroupAnswer]):
    kind = "arrangement"

    def __init__(self, account: Account, limit: Decimal, shard: int) -> None:
        self._account, self._limit, self._shard = account, limit, shard
        group = NewOrderGroup(contracts_limit_fp=format_count(check_count(limit)), exchange_index=shard or None)
        self.terms = group.model_dump(exclude_none=True)

    async def send(self, terms: Terms) -> GroupAnswer:
        made = await self._account.kalshi.order_groups.create(NewOrderGroup(**terms))
        return GroupAnswer(
            source=self._account.environment,
            group_id=made.order_group_id,
            limit=self._limit,
            shard=self._shard or None,
            status="created",
            next="Put orders into it with kalshi_batch_create_orders(order_group_id=…).",
        )

    async def words(self) -> str:
        where = f" on shard {self._shard}" if self._shard else ""
        return (
            f"Make an order group{where}: once its orders traded {printed(self._limit)} contracts within {WINDOW_S} s, "
            f"all of them are cancelled. No order is placed by this. {MONEY[self._account.environment]}"
        )

    def done(self, result: GroupAnswer) -> Done:
        return Done(f"made order group {result.group_id}")


async def plan_group_step(account: Account, group_id: str, step: Step, limit: Decimal | None) -> StopGroup | SetGroup:
    """Another limit, or the end, stop or new start of a group. Raises InvalidRequestError, NotFoundError."""
    if (step == "limit") != (limit is not None):
        raise InvalidRequestError("limit goes with action=limit, and only with that.")
    group = await account.kalshi.order_groups.get(check_id(group_id, "order group id"))
    kind = StopGroup if step in ("trigger", "delete") else SetGroup
    return kind(account, group_id, step, limit, group.orders, group.exchange_index)


class _GroupStep(Plan[GroupAnswer]):
    def __init__(
        self,
        account: Account,
        group_id: str,
        step: Step,
        limit: Decimal | None,
        orders: list[str],
        exchange_index: int | None,
    ) -> None:
        self._account, self._step, self._limit, self._orders = account, step, limit, orders
        self._index = exchange_index
        self.terms = {"order_group_id": group_id, "step": step}
        if limit is not None:
            self.terms = {**self.terms, "contracts_limit_fp": format_count(check_count(limit))}

    async def send(self, terms: Terms) -> GroupAnswer:
        groups, group_id, index = self._account.kalshi.order_groups, terms["order_group_id"], self._index
        if self._step == "limit":
            await groups.set_limit(group_id, terms["contracts_limit_fp"], exchange_index=index)
        elif self._step == "reset":
            await groups.reset(group_id, exchange_index=index)
        elif self._step == "trigger":
            await groups.trigger(group_id, exchange_index=index)
        else:
            await groups.delete(group_id, exchange_index=index)
        return GroupAnswer(
            source=self._account.environment, group_id=group_id, limit=self._limit, status=_DONE[self._step]
        )

    async def words(self) -> str:
        limit = "" if self._limit is None else printed(self._limit)
        said = _SAID[self._step].format(group=self.terms["order_group_id"], limit=limit, orders=len(self._orders))
        return f"{said} {MONEY[self._account.environment]}"

    def done(self, result: GroupAnswer) -> Done:
        return Done(f"order group {result.group_id}: {result.status}")


class StopGroup(_GroupStep):
    """Takes risk away, so nothing holds it up."""

    kind = "cancel"


class SetGroup(_GroupStep):
    kind = "arrangement"


async def groups_of(account: Account, group_id: str | None) -> GroupList | GroupAnswer:
    """All groups, or one with its resting orders."""
    groups = account.kalshi.order_groups
    if group_id is not None:
        one = await groups.get(check_id(group_id, "order group id"))
        return GroupAnswer(
            source=account.environment,
            group_id=group_id,
            limit=one.contracts_limit_fp,
            shard=one.exchange_index or None,
            orders=one.orders,
            status="open",
        )
    lines = [_line(group) for group in await groups.list()]
    return GroupList(source=account.environment, count=len(lines), groups=lines)


def _line(group: OrderGroup) -> GroupLine:
    return GroupLine(group_id=group.id, limit=group.contracts_limit_fp, shard=group.exchange_index or None)
