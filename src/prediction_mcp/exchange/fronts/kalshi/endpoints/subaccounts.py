"""/portfolio/subaccounts and the money that comes, goes and moves between them."""

from __future__ import annotations

import uuid

import msgspec

from prediction_mcp.exchange.engine.changes import Transfer
from prediction_mcp.exchange.engine.ledger import Account, transfer
from prediction_mcp.exchange.engine.rejection import RejectionError, invalid
from prediction_mcp.kalshi.units import MICROS

from .. import wire
from ..call import AUTO, MAX_INT, Call, Json, bounded

MAX_SUBACCOUNTS = 63
CENT = MICROS // 100


class CreateSubaccount(msgspec.Struct, kw_only=True):
    exchange_index: int | None = None


class MoveMoney(msgspec.Struct, kw_only=True):
    client_transfer_id: str
    from_subaccount: int
    to_subaccount: int
    amount_cents: int
    exchange_index: int | None = None


class Netting(msgspec.Struct, kw_only=True):
    subaccount_number: int
    enabled: bool


def create_subaccount(call: Call) -> Json:
    """The next number, on every shard; from the tier Advanced on, as at Kalshi."""
    if call.body:
        call.decode(CreateSubaccount)
    if call.exchange.access.budgets[call.unbound().account_id].tier == "basic":
        raise RejectionError("forbidden", "subaccounts need the usage tier advanced or above", 403)
    if len(call.exchange.subaccounts(call.member)) >= MAX_SUBACCOUNTS:
        raise RejectionError("too_many_subaccounts", f"at most {MAX_SUBACCOUNTS} subaccounts")
    return {"subaccount_number": call.exchange.add_subaccount(call.member).number}


def _in_use(call: Call) -> list[Account]:
    """A row per subaccount and shard that money ever lay on: shard 0 always, as recorded."""
    return [one for account in (call.member, *call.exchange.subaccounts(call.member)) for one in account.in_use]


def subaccount_balances(call: Call) -> Json:
    return {
        "subaccount_balances": [
            {
                "subaccount_number": account.number,
                "exchange_index": account.shard,
                "balance": wire.balance_dollars(account.available),
                "updated_ts": account.updated_ms // 1000,
            }
            for account in _in_use(call)
        ]
    }


def transfer_money(call: Call) -> Json:
    """A transfer of the same id is done once; the same id for another transfer is a conflict."""
    body = call.decode(MoveMoney)
    call.unbound()
    try:
        transfer_id = str(uuid.UUID(body.client_transfer_id))
    except ValueError:
        raise invalid("client_transfer_id", "must be a UUID") from None
    if body.exchange_index == AUTO:
        raise invalid("exchange_index", "a transfer has no market to route by")
    on_shard, shard = call.exchange.engine.on_shard, body.exchange_index or 0
    call.exchange.check_shard_up(shard)
    source, target = (on_shard(call.subaccount(n), shard) for n in (body.from_subaccount, body.to_subaccount))
    if source is target:
        raise invalid("to_subaccount", "is where the money is already")
    micros = bounded(body.amount_cents, "amount_cents", MAX_INT // CENT) * CENT
    asked = Transfer(transfer_id, source, target, micros, call.now_ms)
    for _, done in call.exchange.archive.transfers(call.member, transfer_id):
        if (done.source, done.target, done.micros) != (source, target, asked.micros):
            raise RejectionError("conflict", "this client_transfer_id was used for another transfer", 409)
        return {}
    transfer(source, target, asked.micros, call.now_ms)
    changes = call.exchange.changes
    changes.accounts[source] = changes.accounts[target] = None
    changes.transfers.append(asked)
    return {}


def subaccount_transfers(call: Call) -> Json:
    """Those on one shard, newest first."""
    found = (item for item in call.exchange.archive.transfers(call.member) if not item[1].crosses_shards)
    page, cursor = call.page(found, lambda item: item[0], call.limit())
    return {
        "transfers": [
            {
                "transfer_id": done.transfer_id,
                "from_subaccount": done.source.number,
                "to_subaccount": done.target.number,
                "amount_cents": done.micros // CENT,
                "created_ts": done.ts_ms // 1000,
                "exchange_index": done.source.shard,
            }
            for _, done in page
        ],
        "cursor": cursor,
    }


def netting(call: Call) -> Json:
    return {
        "netting_configs": [
            {"subaccount_number": account.number, "enabled": account.netting, "exchange_index": account.shard}
            for account in _in_use(call)
        ]
    }


def set_netting(call: Call) -> Json:
    """Whether collateral of exclusive outcomes is returned, from the next trade in an event on."""
    body = call.decode(Netting)
    for account in call.subaccount(body.subaccount_number).shards.values():
        account.netting = body.enabled
        call.exchange.changes.accounts[account] = None
    return {}


def deposits(call: Call) -> Json:
    """All of the member's; a pending one was finalized at 0 (recorded in October 2026)."""
    page, cursor = call.page(call.exchange.archive.deposits(call.member), lambda item: item[0], call.limit(100, 500))
    return {
        "deposits": [
            {
                "id": f"paper-{number}",
                "status": done.status,
                "type": "ach",  # the SDK knows no paper money
                "amount_cents": done.micros // CENT,
                "fee_cents": 0,
                "created_ts": done.ts_ms // 1000,
                "finalized_ts": 0 if done.status == "pending" else done.ts_ms // 1000,
            }
            for number, done in page
        ],
        "cursor": cursor,
    }


def withdrawals(call: Call) -> Json:
    """Paper money can't be taken out, so there is none."""
    call.limit(100, 500)
    return {"withdrawals": [], "cursor": ""}
