"""How writes are said to the person who decides: sums, prices, orders, and other people's words made harmless."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import TYPE_CHECKING

from prediction_mcp.kalshi.orders import from_book
from prediction_mcp.net.words import cents, printed
from prediction_mcp.safety.text import quoted

from .. import lookup

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.markets import Market
    from prediction_mcp.kalshi.models.orders import Order

    from ..account import Account

LISTED = 5
"""Orders that a question names."""


def named(market: Market) -> str:
    """A market's own words, made harmless: one line that isn't long, no quotes that could end ours."""
    return quoted(market.name)


def both(price: Decimal) -> str:
    """A price as people say it and as it is paid: 60¢ ($0.60)."""
    dollars = printed(price)
    return f"{cents(price)} (${dollars if len(dollars) > 3 else f'{price:.2f}'})"


def pays(dollars: Decimal) -> str:
    """To the cent, never less than it is."""
    return f"${dollars.quantize(Decimal('0.01'), ROUND_UP):,}"


def gets(dollars: Decimal) -> str:
    """To the cent, never more than it is."""
    return f"${dollars.quantize(Decimal('0.01'), ROUND_DOWN):,}"


def in_short(order: Order) -> str:
    """The order from the side that it is about: "buy yes at 42¢"."""
    side = order.outcome_side
    action, price = from_book(order.book_side, order.yes_price_dollars, side)
    return f"{action} {side} at {cents(price)}"


async def listed(account: Account, orders: Sequence[Order]) -> str:
    """Orders in words, the first few with their market's title."""
    if not orders:
        return "there is none now."
    lines = list[str]()
    for order in orders[:LISTED]:
        market = await lookup.market(account, order.ticker)
        lines.append(f"{in_short(order)}, {printed(order.remaining_count_fp)} open, in “{named(market)}”")
    more = f" and {len(orders) - LISTED} more" if len(orders) > LISTED else ""
    return f"{'; '.join(lines)}{more}."
