"""Money between parts of the exchange. This exchange has one shard and no margin, so there is little to move."""

from __future__ import annotations

import uuid
from typing import Literal

import msgspec

from prediction_mcp.exchange.engine.changes import Transfer
from prediction_mcp.exchange.engine.ledger import transfer
from prediction_mcp.exchange.engine.rejection import RejectionError, invalid, not_found
from prediction_mcp.kalshi.units import MICROS, PRICE_UNITS

from ..call import MAX_INT, Call, Json, bounded
from ..wire import EXCHANGE_INDEX

CENTICENT = MICROS // PRICE_UNITS


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
    """Within the one shard it is a transfer between subaccounts, and listed as one."""
    body = call.decode(MoveBetween)
    call.unbound()
    if "margined" in (body.source, body.destination):
        raise RejectionError("forbidden", "the account has no margined instance", 403)
    if (body.source_exchange_shard, body.destination_exchange_shard) != (EXCHANGE_INDEX, EXCHANGE_INDEX):
        raise invalid("source_exchange_shard, destination_exchange_shard", f"there is shard {EXCHANGE_INDEX} only")
    if body.client_transfer_id is not None:
        raise invalid("client_transfer_id", "isn't taken where numbered subaccounts are involved")
    source, target = call.subaccount(body.source_subaccount), call.subaccount(body.destination_subaccount)
    if source is target:
        raise invalid("destination_subaccount", "is where the money is already")
    micros = bounded(body.amount, "amount", MAX_INT // CENTICENT) * CENTICENT
    transfer(source, target, micros, call.now_ms)
    changes = call.exchange.changes
    changes.accounts[source] = changes.accounts[target] = None
    done = Transfer(str(uuid.uuid4()), source, target, micros, call.now_ms)
    changes.transfers.append(done)
    return {"transfer_id": done.transfer_id}


def moves(call: Call) -> Json:
    """Those between shards or instances: there are none."""
    call.limit(100, 500)
    return {"transfers": [], "cursor": ""}


def one_move(call: Call) -> Json:
    raise not_found("transfer not found")


def allocation(call: Call) -> Json:
    percent, reservation = call.exchange.store.allocation(call.member.account_id)
    shares = [{"exchange_index": EXCHANGE_INDEX, "percent": percent}] if percent else []
    return {"allocations": shares, "resting_margin_reservation": reservation}


def set_allocation(call: Call) -> Json:
    """Kept and shown; with one shard there is nothing to move."""
    body, member = call.decode(Allocation), call.unbound()
    shares = body.allocations
    if [share.exchange_index for share in shares] not in ([], [EXCHANGE_INDEX]):
        raise invalid("allocations", f"there is shard {EXCHANGE_INDEX} only, and it is named once")
    if shares and shares[0].percent != 100:
        raise invalid("allocations", "must total 100")
    call.exchange.store.save_allocation(member.account_id, 100 if shares else 0, body.resting_margin_reservation)
    return {}
