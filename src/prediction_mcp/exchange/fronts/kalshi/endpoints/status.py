"""/exchange, /account: whether it runs, when, and what a request costs."""

from __future__ import annotations

from prediction_mcp.exchange.access import DEFAULT_COST, ENDPOINT_COSTS
from prediction_mcp.exchange.world.shards import SHARDS

from ..call import Call, Json
from ..wire import moment

MAINTENANCE_DAY = "thursday"


def exchange_status(call: Call) -> Json:
    """The top-level fields are those of shard 0."""
    shards = [_shard_status(call, shard) for shard in call.exchange.shards]
    names = ("exchange_active", "trading_active", "intra_exchange_transfers_active")
    return {**{name: shards[0][name] for name in names}, "exchange_index_statuses": shards}


def _shard_status(call: Call, shard: int) -> Json:
    up = not call.exchange.down and shard not in call.exchange.down_shards
    return {
        "exchange_index": shard,
        "description": SHARDS[shard],
        "exchange_active": up,
        "trading_active": call.exchange.is_trading(shard),
        "intra_exchange_transfers_active": up,
    }


def schedule(call: Call) -> Json:
    """Hours in Eastern time: open round the clock, but for Thursday mornings where the weekly maintenance is on."""
    whole_day = [{"open_time": "00:00", "close_time": "24:00"}]
    split_day = [{"open_time": "00:00", "close_time": "03:00"}, {"open_time": "05:00", "close_time": "24:00"}]
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    hours: Json = {
        day: split_day if day == MAINTENANCE_DAY and call.exchange.hours.weekly else whole_day for day in days
    }
    year = 365 * 86_400_000
    hours["start_time"] = moment(call.exchange.started_ms - year)
    hours["end_time"] = moment(call.exchange.started_ms + year)
    windows = [
        {"start_datetime": moment(start), "end_datetime": moment(end)}
        for start, end in call.exchange.hours.windows
        if end > call.now_ms
    ]
    return {"schedule": {"standard_hours": [hours], "maintenance_windows": windows}}


def user_data_timestamp(call: Call) -> Json:
    return {"as_of_time": moment(call.now_ms)}


def account_limits(call: Call) -> Json:
    budget = call.exchange.access.budgets[call.member.account_id]
    return {
        "usage_tier": budget.tier,
        "read": {"refill_rate": budget.read.rate, "bucket_capacity": budget.read.capacity},
        "write": {"refill_rate": budget.write.rate, "bucket_capacity": budget.write.capacity},
        "grants": [],
    }


def endpoint_costs(call: Call) -> Json:
    return {
        "default_cost": DEFAULT_COST,
        "endpoint_costs": [
            {"method": method, "path": f"/trade-api/v2{path}", "cost": cost}
            for (method, path), cost in ENDPOINT_COSTS.items()
        ],
    }
