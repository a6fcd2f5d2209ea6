"""Money between shards of the exchange, and how a member wants it split. There is no margined instance here."""

from __future__ import annotations

import uuid
from itertools import pairwise
from typing import Literal

import msgspec

from prediction_mcp.exchange.engine.changes import Transfer
from prediction_mcp.exchange.engine.ledger import Account, transfer
from prediction_mcp.exchange.engine.rejection import RejectionError, invalid, not_found
from prediction_mcp.kalshi.units import MICROS, PRICE_UNITS, format_dollars

from ..call import MAX_INT, Call, Json, bounded

CENTICENT = MICROS // PRICE_UNITS
MAX_SHARD = 100
ALLOCATION = "allocation"
"""Kind of what the store keeps of it."""


class MoveBetween(msgspec.Struct, kw_only=True):
    """``amount`` is in centicents ($0.0001)."""

    source: Literal["event_contract", "margined"]
    destination: Literal["event_contract", "margined"]
    amount: int
    client_transfer_id: str | None = None
    source_exchange_shard: int = 0
    destination_exchange_shard: int = 0
    source_subaccount: int = 0
    destination_subaccount: int = 0


class Share(msgspec.Struct, kw_only=True):
    exchange_index: int
    percent: int


class Allocation(msgspec.Struct, kw_only=True):
    allocations: list[Share]
    resting_margin_reservation: Literal["none", "max", "sum"] = "sum"


def move(call: Call) -> Json:
    """Move money between shards; on one shard it is a transfer between subaccounts, and listed as one.

    Money of numbered subaccounts crosses shards through the primary account, in up to three steps. A step that is
    refused undoes none before it.

    Raises:
        RejectionError: nothing or not every step was done.
    """
    body = call.decode(MoveBetween)
    if "margined" in (body.source, body.destination):
        raise RejectionError("forbidden", "the account has no margined instance", 403)
    if call.locked is not None and {body.source_subaccount, body.destination_subaccount} != {call.locked}:
        raise RejectionError("forbidden", f"the API key is bound to subaccount {call.locked}", 403)
    here, there = body.source_exchange_shard, body.destination_exchange_shard
    for name, shard in (("source_exchange_shard", here), ("destination_exchange_shard", there)):
        if shard not in call.exchange.shards:
            raise invalid(name, f"must be one of the shards {', '.join(map(str, call.exchange.shards))}")
    source, target = call.subaccount(body.source_subaccount), call.subaccount(body.destination_subaccount)
    if source is target and here == there:
        raise invalid("destination_exchange_shard", "is where the money is already")
    client_id = _client_id(body)
    engine, member = call.exchange.engine, call.member
    on_shard = engine.on_shard
    if client_id and any(
        done.client_id == client_id and done.source.shard == here for _, done in call.exchange.archive.transfers(member)
    ):
        raise RejectionError("conflict", "this client_transfer_id was used for another transfer", 409)
    micros = bounded(body.amount, "amount", MAX_INT // CENTICENT) * CENTICENT
    stops = [on_shard(source, here), on_shard(member, here), on_shard(member, there), on_shard(target, there)]
    if here == there:
        del stops[1:3]
    stops = [stop for number, stop in enumerate(stops) if not number or stop is not stops[number - 1]]
    transfer_id = ""
    for start, end in pairwise(stops):
        done = _step(call, start, end, micros, client_id)
        if here == there or done.crosses_shards:
            transfer_id = done.transfer_id
    return {"transfer_id": transfer_id}


def _client_id(body: MoveBetween) -> str:
    if body.client_transfer_id is None:
        return ""
    if body.source_subaccount or body.destination_subaccount:
        raise invalid("client_transfer_id", "isn't taken where numbered subaccounts are involved")
    try:
        return str(uuid.UUID(body.client_transfer_id))
    except ValueError:
        raise invalid("client_transfer_id", "must be a UUID") from None


def _step(call: Call, source: Account, target: Account, micros: int, client_id: str = "") -> Transfer:
    """One transfer between two accounts of the member. Raises RejectionError; nothing of it was done."""
    for account in (source, target):
        call.exchange.check_shard_up(account.shard)
    transfer(source, target, micros, call.now_ms)
    done = Transfer(str(uuid.uuid4()), source, target, micros, call.now_ms, client_id)
    changes = call.exchange.changes
    changes.accounts[source] = changes.accounts[target] = None
    changes.transfers.append(done)
    return done


def _shown(done: Transfer) -> Json:
    out: Json = {
        "transfer_id": done.transfer_id,
        "source": "event_contract",
        "destination": "event_contract",
        "source_exchange_shard": done.source.shard,
        "destination_exchange_shard": done.target.shard,
        "amount": format_dollars(done.micros),
        "status": "complete",
        "created_ts": done.ts_ms // 1000,
    }
    return out | ({"client_transfer_id": done.client_id} if done.client_id else {})


def moves(call: Call) -> Json:
    """Those between shards, newest first."""
    found = (item for item in call.exchange.archive.transfers(call.member) if item[1].crosses_shards)
    page, cursor = call.page(found, lambda item: item[0], call.limit(100, 500))
    return {"transfers": [_shown(done) for _, done in page], "cursor": cursor}


def one_move(call: Call) -> Json:
    for _, done in call.exchange.archive.transfers(call.member, call.path["transfer_id"]):
        if done.crosses_shards:
            return {"transfer": _shown(done)}
    raise not_found("transfer not found")


def allocation(call: Call) -> Json:
    kept = dict(call.exchange.store.extras(ALLOCATION)).get(call.member.account_id)
    shown: Json = msgspec.to_builtins(
        Allocation(allocations=[]) if kept is None else msgspec.json.decode(kept, type=Allocation)
    )
    return shown


def set_allocation(call: Call) -> Json:
    """Keep how a member wants the money split; nothing is moved by it (docs/decisions.md)."""
    body, member = call.decode(Allocation), call.unbound()
    indexes = [share.exchange_index for share in body.allocations]
    if len(set(indexes)) < len(indexes) or not set(indexes) <= set(call.exchange.shards):
        raise invalid("allocations", f"names shards of {', '.join(map(str, call.exchange.shards))}, each once")
    if any(not 0 <= share.percent <= 100 for share in body.allocations):
        raise invalid("allocations", "a percent lies between 0 and 100")
    if body.allocations and sum(share.percent for share in body.allocations) != 100:
        raise invalid("allocations", "must total 100")
    call.exchange.changes.extras[ALLOCATION, member.account_id] = msgspec.json.encode(body)
    return {}
