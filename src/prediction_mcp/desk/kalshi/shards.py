"""Cash by shard: for answers and sentences, and moving it from one shard to another."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.desk.results import Number, Result
from prediction_mcp.kalshi.cash import CENTICENT, DEFAULT_SHARD, PRIMARY, CashBalances, ShardMove
from prediction_mcp.kalshi.errors import KalshiError, NotFoundError, PermissionDeniedError, TradingPausedError
from prediction_mcp.kalshi.models.money import NewShardTransfer
from prediction_mcp.net import deadline

from .held import cash_of

if TYPE_CHECKING:
    from .account import Account

ARRIVES_AFTER = (0.0, 0.2, 0.4, 0.8, 1.5, 2.0, 2.5)
"""Seconds before each look at a transfer that was accepted: the exchange does it later."""
SHOWS_AFTER = (0.0, 0.2, 0.5, 1.0)
"""Seconds before each look at the cash that a complete transfer brought."""
ARRIVES_S, SHOWS_S = 10.0, 4.0
"""How long all of these looks may take: the order that waits for them needs time, too."""
UNREAD = "The exchange didn't answer in time."


class ShardCash(Result):
    """Free dollars on one shard of the exchange."""

    shard: int
    cash: Number


def split_of(cash: Mapping[int, Decimal]) -> list[ShardCash] | None:
    """Cash by shard; None where all of it is on the default shard."""
    held = {shard: amount for shard, amount in cash.items() if amount}
    if not held.keys() - {DEFAULT_SHARD}:
        return None
    return [ShardCash(shard=shard, cash=amount) for shard, amount in held.items()]


def said_by_shard(cash: Mapping[int, Decimal]) -> str:
    """Cash by shard in words: "$12.00 on shard 0 and $0.50 on shard 2"."""
    parts = [f"${amount:,.2f} on shard {shard}" for shard, amount in cash.items() if amount]
    return " and ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else parts[0] if parts else "no cash"


def margin_note(cash: CashBalances) -> str | None:
    """That money for perpetuals and margin isn't counted; None where the account has none."""
    if not cash.margin:
        return None
    return f"Not counted: perpetuals and margin (subaccount 64), which hold ${cash.margin:,.2f} of cash."


async def margin_note_of(account: Account) -> str | None:
    """The note of :func:`margin_note`; None where the key may not list subaccounts."""
    try:
        return margin_note(CashBalances.of(await account.kalshi.subaccounts.balances()))
    except (PermissionDeniedError, NotFoundError):
        return None


def transfer_of(move: ShardMove, subaccount: int = PRIMARY) -> NewShardTransfer:
    """The request for a move. Numbered subaccounts take no id of ours."""
    return NewShardTransfer(
        source="event_contract",
        destination="event_contract",
        amount=int(move.amount / CENTICENT),
        client_transfer_id=str(uuid.uuid4()) if subaccount == PRIMARY else None,
        source_exchange_shard=move.source,
        destination_exchange_shard=move.target,
        source_subaccount=subaccount or None,
        destination_subaccount=subaccount or None,
    )


async def check_transfers(account: Account, shards: Iterable[int]) -> None:
    """Raise TradingPausedError where a shard lets no money in or out now."""
    status = await account.kalshi.exchange.status()
    for shard in shards:
        if not status.shard(shard).intra_exchange_transfers_active:
            raise TradingPausedError(f"No money moves to or from shard {shard} now: nothing was sent, try again later.")


async def move_cash(account: Account, transfer: NewShardTransfer) -> tuple[str, bool]:
    """Send a move and wait a few seconds for it.

    Returns:
        The transfer's id, and whether the money arrived. Where it didn't it was accepted and is on its way.

    Raises:
        OutcomeUnknownError: it isn't known whether the exchange took it.
        KalshiError: the exchange refused it.
    """
    transfer_id, complete = await account.kalshi.shards.move(transfer), False
    with contextlib.suppress(deadline.DeadlineError):
        async with deadline.within(ARRIVES_S, UNREAD):
            for wait in ARRIVES_AFTER:
                await asyncio.sleep(wait)
                try:
                    complete = (await account.kalshi.shards.get(transfer_id)).status == "complete"
                except KalshiError as error:  # it may not show yet; that it was taken is known
                    logger.warning("transfer {} can't be read now: {}", transfer_id, error)
                if complete:
                    break
    return transfer_id, complete


async def wait_for_cash(account: Account, shard: int, least: Decimal, subaccount: int) -> None:
    """Wait until reads show the cash that a complete transfer brought, a few seconds at most: reads may lag."""
    with contextlib.suppress(deadline.DeadlineError):
        async with deadline.within(SHOWS_S, UNREAD):
            for wait in SHOWS_AFTER:
                await asyncio.sleep(wait)
                with contextlib.suppress(KalshiError):  # the exchange decides by its own books, not by reads
                    if (await cash_of(account)).on(shard, subaccount) >= least:
                        return
