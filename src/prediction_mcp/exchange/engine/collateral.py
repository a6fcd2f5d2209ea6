"""What is set aside for resting orders, taken back as they fill or end. See :meth:`.ledger.Holding.requirement`."""

from __future__ import annotations

from prediction_mcp.kalshi.units import PRICE_UNITS

from . import tokens
from .ledger import Account, Holding, revenue_of
from .matching import BID, Order
from .rejection import EXCHANGE, RejectionError


def hold(account: Account, holding: Holding, order: Order) -> None:
    """Set aside what the order may cost in the worst case, or refuse it and leave everything as it was."""
    if account.tokens:
        tokens.hold(account, holding, order)
        return
    before = holding.requirement()
    release(holding, order, -order.remaining, -order.fee_hold, -order.slack)
    change = holding.requirement() - before
    if account.cash - account.held < change:
        release(holding, order, order.remaining, order.fee_hold, order.slack)
        raise RejectionError("insufficient_balance", service=EXCHANGE)
    account.held += change


def release(holding: Holding, order: Order, count: int, fee: int, slack: int) -> None:
    """Release this much of what is held for an order; negative amounts hold more."""
    if order.account.tokens:
        tokens.release(holding, order, count, fee)
    elif order.side == BID:
        holding.bid_cost -= order.price * count + fee
        holding.bid_count -= count
        holding.slack -= slack
    else:
        holding.ask_cost -= (PRICE_UNITS - order.price) * count + fee
        holding.ask_count -= count
        holding.slack -= slack


def fee_sources(order: Order, fee: int) -> tuple[int, int]:
    """How much of a fee comes out of what is held for fees and for rounding; the rest is free cash."""
    released = fee if fee < order.fee_hold else order.fee_hold
    excess = fee - released
    return released, excess if excess < order.slack else order.slack


def affords(order: Order, holding: Holding, price: int, count: int, fee: int) -> bool:
    """Whether a fill leaves its owner solvent; only asked when free cash alone doesn't cover the fee, or isn't held."""
    account = order.account
    if account.tokens:
        return tokens.affords(order, price, count, fee)
    before = holding.requirement()
    position = holding.position
    released, slack = fee_sources(order, fee)
    revenue = revenue_of(holding, order.side, price, count)
    release(holding, order, count, released, slack)
    holding.position += count if order.side == BID else -count
    after = holding.requirement()
    holding.position = position
    release(holding, order, -count, -released, -slack)
    return account.cash + revenue - fee - (account.held + after - before) >= 0
