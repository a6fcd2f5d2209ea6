"""The Data API's first version, which keeps working: the second version's rows under their older names.

Source: Polymarket's documentation of the frozen routes, and a recorded answer of ``/trades``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from starlette.datastructures import QueryParams

from . import records
from .call import Call, cursor_of

Json = dict[str, Any]
QUERY = {"market": "condition_id", "eventId": "event_id", "takerOnly": "taker_only"}
"""Names of the second version for those of the first."""
_WHO = {"proxyWallet": "proxy_wallet", "name": "name", "pseudonym": "pseudonym", "bio": "bio",
        "profileImage": "profile_image", "profileImageOptimized": "profile_image_optimized"}  # fmt: skip
_MARKET = {"asset": "token_id", "conditionId": "condition_id", "title": "title", "slug": "slug", "icon": "icon",
           "eventSlug": "event_slug", "outcome": "outcome", "outcomeIndex": "outcome_index"}  # fmt: skip
_OTHER = {"oppositeOutcome": "opposite_outcome", "oppositeAsset": "opposite_token_id", "endDate": "end_date"}
TRADE = {**_WHO, **_MARKET, "side": "side", "size": "size", "price": "price", "timestamp": "timestamp",
         "transactionHash": "transaction_hash"}  # fmt: skip
ACTIVITY = {**TRADE, "type": "type", "usdcSize": "usdc_size"}
ACTIVITY_TYPES = "TRADE,SPLIT,MERGE,REDEEM,REWARD,CONVERSION,MAKER_REBATE,REFERRAL_REWARD,YIELD"
"""All that this version knows; deposits and withdrawals came with the second."""
POSITION = {
    "proxyWallet": "proxy_wallet", **_MARKET, **_OTHER, "size": "current_size", "avgPrice": "avg_price",
    "initialValue": "entry_cost_usdc", "currentValue": "current_value", "cashPnl": "unrealized_pnl",
    "percentPnl": "percent_pnl", "totalBought": "total_size", "realizedPnl": "realized_pnl",
    "percentRealizedPnl": "percent_realized_pnl", "curPrice": "current_price", "redeemable": "redeemable",
    "mergeable": "mergeable", "negativeRisk": "negative_risk", "eventId": "event_id",
}  # fmt: skip
CLOSED = {
    "proxyWallet": "proxy_wallet", **_MARKET, **_OTHER, "avgPrice": "avg_price", "totalBought": "total_size",
    "realizedPnl": "realized_pnl", "curPrice": "current_price", "timestamp": "last_event_at",
}  # fmt: skip
HOLDER = {**_WHO, "asset": "token_id", "amount": "amount", "outcomeIndex": "outcome_index",
          "displayUsernamePublic": "display_username_public"}  # fmt: skip


def _asked(call: Call, **more: str) -> Call:
    """The request as the second version takes it: other names, and a cursor for the offset."""
    pairs = [(QUERY.get(name, name), value) for name, value in call.query.multi_items() if name != "cursor"]
    cursor = cursor_of(call.number("offset", 0, 10_000))
    return dataclasses.replace(call, query=QueryParams([*pairs, *more.items(), ("cursor", cursor)]))


def _rows(names: dict[str, str], rows: list[Json]) -> list[Json]:
    return [{old: row[new] for old, new in names.items() if new in row} for row in rows]


def _list(names: dict[str, str], read: Callable[[Call], Json]) -> Callable[[Call], list[Json]]:
    return lambda call: _rows(names, read(_asked(call))["data"])


trades = _list(TRADE, records.trades)


def activity(call: Call) -> list[Json]:
    kinds = {} if call.query.get("type") else {"type": ACTIVITY_TYPES}
    return _rows(ACTIVITY, records.activity(_asked(call, **kinds))["data"])


def positions(call: Call) -> list[Json]:
    """Held positions of at least ``sizeThreshold`` shares, 1 unless given."""
    narrowed = "REDEEMABLE" if call.flag("redeemable") else "MERGEABLE" if call.flag("mergeable") else "OPEN"
    least = call.number("sizeThreshold", 1, 10**9)
    rows = records.positions(_asked(call, status=narrowed), lambda lot: lot.count >= least * records.SHARE)["data"]
    return _rows(POSITION, rows)


def closed_positions(call: Call) -> list[Json]:
    return _rows(CLOSED, records.positions(_asked(call, status="CLOSED"))["data"])


def value(call: Call) -> list[Json]:
    found = records.value(_asked(call))["data"]
    return [{"user": found["proxy_wallet"], "value": found["value"]}]


def holders(call: Call) -> list[Json]:
    rows = records.holders(_asked(call))["data"]
    return [{"token": row["token_id"], "holders": _rows(HOLDER, row["holders"])} for row in rows]


def open_interest(call: Call) -> list[Json]:
    rows = records.open_interest(_asked(call))["data"]
    return [{"market": row["condition_id"], "value": row["value"]} for row in rows]


def live_volume(call: Call) -> list[Json]:
    """``id`` names the event."""
    found = records.live_volume(_asked(call, event_id=call.query.get("id") or ""))["data"]
    rows = [{"market": row["condition_id"], "value": row["taker_volume"]} for row in found["conditions"]]
    return [{"total": found["taker_volume_total"], "markets": rows}]


def traded(call: Call) -> Json:
    """In how many markets a wallet ever traded."""
    account = records.user(call)
    return {"user": call.query["user"].lower(), "traded": 0 if account is None else records.markets_traded(account)}
