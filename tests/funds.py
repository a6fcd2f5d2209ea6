"""Cash on the shards where the orders of a test need it: what the desk's transfers do for its users."""

from __future__ import annotations

import uuid

from prediction_mcp.exchange.engine.changes import Transfer
from prediction_mcp.exchange.engine.ledger import Account, transfer
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.units import MICROS


def spread(exchange: Exchange, *accounts: Account, dollars: int = 0) -> None:
    """Move whole dollars from shard 0 to each other shard: as many as are named, else an equal part of what is free."""
    others = [shard for shard in exchange.shards if shard]
    for account in accounts:
        part = dollars * MICROS or account.available // (1 + len(others)) // MICROS * MICROS
        for shard in others:
            target = exchange.engine.on_shard(account, shard)
            transfer(account, target, part, exchange.clock())
            exchange.changes.transfers.append(Transfer(str(uuid.uuid4()), account, target, part, exchange.clock()))
            exchange.changes.accounts[account] = exchange.changes.accounts[target] = None
