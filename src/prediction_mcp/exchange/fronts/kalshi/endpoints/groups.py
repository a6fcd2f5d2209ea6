"""/portfolio/order_groups: orders that stop together. Rule: docs/kalshi.md, "Orders and reads"."""

from __future__ import annotations

import uuid

import msgspec

from prediction_mcp.exchange.engine.groups import MAX_GROUPS, OrderGroup
from prediction_mcp.exchange.engine.rejection import RejectionError, invalid, not_found
from prediction_mcp.kalshi.units import COUNT_UNITS, format_count

from ..call import AUTO, Call, Json, contracts_of, count_of


class GroupLimit(msgspec.Struct, kw_only=True):
    """A limit, given as whole contracts or as a fixed-point string; if both, they must agree."""

    contracts_limit: int | None = None
    contracts_limit_fp: str | None = None

    @property
    def units(self) -> int:
        if self.contracts_limit is None and self.contracts_limit_fp is None:
            raise invalid("contracts_limit", "is required")
        if self.contracts_limit_fp is None:
            limit = contracts_of(self.contracts_limit or 0, "contracts_limit")
        else:
            limit = count_of(self.contracts_limit_fp, "contracts_limit_fp")
            if self.contracts_limit is not None and limit != self.contracts_limit * COUNT_UNITS:
                raise invalid("contracts_limit", "differs from contracts_limit_fp")
        if limit <= 0:
            raise invalid("contracts_limit", "must be at least 1")
        return limit


class CreateGroup(GroupLimit, kw_only=True):
    subaccount: int | None = None
    exchange_index: int | None = None


def find_group(call: Call, group_id: str, status: int = 404) -> OrderGroup:
    """The member's own group; somebody else's is as good as none, which is answered with ``status``."""
    found = call.exchange.groups.get(group_id)
    if found is None or found.account.primary is not call.member:
        raise not_found("order group not found") if status == 404 else invalid("order_group_id", "is not one of yours")
    return found


def _named(call: Call) -> OrderGroup:
    group = find_group(call, call.path["order_group_id"])
    if call.text("subaccount") is not None and group.account.home is not call.owned():
        raise not_found("order group not found in this subaccount")
    return group


def _to_change(call: Call) -> OrderGroup:
    """The named group, on the shard that the query names, by default 0. Raises RejectionError if it isn't there."""
    group, shard = _named(call), call.integer("exchange_index", 0, 0)
    if group.account.shard != shard:
        raise not_found(f"order group not found on shard {shard}")
    call.exchange.check_shard_up(shard)
    return group


def create_group(call: Call) -> Json:
    body = call.decode(CreateGroup)
    if body.exchange_index == AUTO:
        raise invalid("exchange_index", "an order group has no market to route by")
    shard = body.exchange_index or 0
    call.exchange.check_shard_up(shard)
    account = call.exchange.engine.on_shard(call.subaccount(body.subaccount), shard)
    if sum(group.account.primary is call.member for group in call.exchange.groups.values()) >= MAX_GROUPS:
        raise RejectionError("too_many_order_groups", f"at most {MAX_GROUPS} order groups")
    group = OrderGroup(str(uuid.uuid4()), account, body.units)
    call.exchange.groups[group.group_id] = group
    call.exchange.engine.tell_group(group, "created", call.now_ms)
    return {
        "order_group_id": group.group_id,
        "subaccount": account.number,
        "exchange_index": shard,
    }


def _shown(group: OrderGroup) -> Json:
    return {
        "contracts_limit_fp": format_count(group.limit),
        "is_auto_cancel_enabled": True,
        "exchange_index": group.account.shard,
    }


def groups(call: Call) -> Json:
    only = call.only()
    mine = [group for group in call.exchange.groups.values() if group.account.primary is call.member]
    return {
        "order_groups": [{"id": g.group_id, **_shown(g)} for g in mine if only is None or g.account.home is only],
    }


def one_group(call: Call) -> Json:
    group = _named(call)
    return {"orders": list(group.orders), **_shown(group)}


def reset_group(call: Call) -> Json:
    group = _to_change(call)
    group.reset()
    call.exchange.engine.tell_group(group, "reset", call.now_ms)
    return {}


def trigger_group(call: Call) -> Json:
    call.exchange.engine.trigger(_to_change(call), call.now_ms)
    return {}


def limit_group(call: Call) -> Json:
    """A limit that what traded in the window has reached already triggers the group."""
    group = _to_change(call)
    group.limit = call.decode(GroupLimit).units
    call.exchange.engine.tell_group(group, "limit_updated", call.now_ms)
    if group.is_spent(call.now_ms) and not group.triggered:
        call.exchange.engine.trigger(group, call.now_ms)
    return {}


def delete_group(call: Call) -> Json:
    group = _to_change(call)
    call.exchange.engine.cancel_many(list(group.orders.values()), call.now_ms)
    group.deleted = True
    del call.exchange.groups[group.group_id]
    call.exchange.engine.tell_group(group, "deleted", call.now_ms)
    return {}
