"""Collateral that is returned where outcomes exclude each other: of several NO in one event all but one must win.

Who holds n1, n2 … NO in markets of which at most one ends with YES is paid at least their sum less the largest of them.
Where an account asks for it that much is paid out at once, and taken back from what the positions bring later: by being
sold, or at the end. Source: Kalshi's help pages ("Collateral return") and docs/kalshi.md; off by default, as there.

What was returned is money of the markets' pools that the account has already: :func:`.audit.audit` counts it so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prediction_mcp.kalshi.units import PRICE_UNITS

from .ledger import Account, Returned

if TYPE_CHECKING:
    from .market_state import MarketState


def refresh(account: Account, market: MarketState) -> None:
    """Return, take back and hold what fits the account's positions and orders in the market's event as they are now.

    Resting orders that close NO may have to give back what was returned: that is held for them.
    """
    known = account.returns.get(market.event)
    amount = 0 if known is None else known.amount
    counts, closing = _no(account, market)
    sure = sum(counts) if known is not None and known.decided else sum(counts) - max(counts, default=0)
    target = sure * PRICE_UNITS
    if not account.netting or (known is not None and known.decided):
        target = min(target, amount)
    if known is None:
        if not target:
            return
        known = account.returns[market.event] = Returned()
    account.cash += target - amount
    known.amount = target
    hold = min(target, closing * PRICE_UNITS)
    account.held += hold - known.held
    known.held = hold


def _no(account: Account, market: MarketState) -> tuple[list[int], int]:
    """(count units of NO held in each market of the event, those of them that resting bids would close)."""
    found = [h for ticker in market.peers if (h := account.holdings.get(ticker)) is not None and h.position < 0]
    return [-h.position for h in found], sum(min(-h.position, h.bid_count) for h in found)


def settled(account: Account, market: MarketState, paid: int, *, won: bool) -> int:
    """Take back what a market's end paid on NO, as far as what is left doesn't bear it; the market is gone already.

    Args:
        paid: micros that NO in it was paid.
        won: it ended with YES: all others of the event will end with NO.

    Returns:
        Micros that nothing is left to bear: the exchange's loss. It needs ends that contradict the event's word.
    """
    known = account.returns.get(market.event)
    if known is None:
        return 0
    known.decided = known.decided or won
    counts, closing = _no(account, market)
    sure = sum(counts) if known.decided else sum(counts) - max(counts, default=0)
    repaid = min(paid, max(known.amount - sure * PRICE_UNITS, 0)) if not known.decided else min(paid, known.amount)
    account.cash -= repaid
    known.amount -= repaid
    hold = min(known.amount, closing * PRICE_UNITS)
    account.held += hold - known.held
    known.held = hold
    if counts or not known.amount:
        return 0
    lost, known.amount = known.amount, 0
    return lost


def hold_again(account: Account, event: str, markets: Mapping[str, MarketState]) -> None:
    """After a restart: hold for resting orders what they may have to give back."""
    market = next((m for m in markets.values() if m.event == event), None)
    known = account.returns[event]
    if market is not None:
        known.held = min(known.amount, _no(account, market)[1] * PRICE_UNITS)
        account.held += known.held
