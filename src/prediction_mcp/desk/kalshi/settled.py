"""Payout of a settled market: the one definition, for profits, statements and records."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from prediction_mcp.kalshi.errors import MalformedResponseError, NotFoundError

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.portfolio import Settlement

    from .account import Account

CENT, FINEST = Decimal("0.01"), Decimal("0.0001")
WHOLE = {"yes": Decimal(1), "no": Decimal(0)}


async def settled_value(account: Account, row: Settlement) -> Decimal:
    """Return what one YES paid, in dollars.

    A result other than yes or no (``scalar``) comes on binary markets, too, and pays to the fourth decimal. The market
    says it; ``value`` of the settlement is whole cents, and null at times. Without both, it follows from what the
    account got.

    Raises:
        MalformedResponseError: nothing says it. It isn't guessed, since a wrong value is a wrong profit for good.
    """
    if (whole := WHOLE.get(row.market_result)) is not None:
        return whole
    markets = account.kalshi.markets
    for read in (markets.get, markets.historical.get):
        try:
            value = (await read(row.ticker)).settlement_value_dollars
        except NotFoundError:
            continue
        if value is not None:
            return value
    if row.value is not None:
        return Decimal(row.value) * CENT
    net = row.yes_count_fp - row.no_count_fp
    if not net:
        raise MalformedResponseError(f"The exchange doesn't say what {row.ticker} paid at its end: try again later.")
    return ((Decimal(row.revenue) * CENT - row.no_count_fp) / net).quantize(FINEST)
