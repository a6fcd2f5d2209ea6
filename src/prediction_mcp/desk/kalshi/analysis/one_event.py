"""What an event's prices imply."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from prediction_mcp.analytics.book import mid
from prediction_mcp.analytics.probability import Rung, ladder, normalised, overround
from prediction_mcp.kalshi.errors import NotFoundError
from prediction_mcp.kalshi.models.events import Event
from prediction_mcp.kalshi.models.markets import Market

from .. import lookup
from .results import ImpliedAnswer, OutcomeProbability, RangeProbability, rounded

if TYPE_CHECKING:
    from ..account import Account


EVENT_PAGES = 10
SHOWN = 20
ZERO, ONE = Decimal(0), Decimal(1)


def is_ladder(event: Event) -> bool:
    """Whether an event's markets are "above k" of one number."""
    markets = event.markets or []
    return (
        not event.mutually_exclusive
        and len(markets) > 1
        and all(m.strike_type in ("greater", "greater_or_equal") and m.floor_strike is not None for m in markets)
    )


async def implied(account: Account, event_ticker: str) -> ImpliedAnswer:
    """The distribution that an event's prices imply."""
    event = await lookup.event(account, event_ticker)
    priced = [(m, middle) for m in event.markets or [] if (middle := mid(*m.yes_quotes)) is not None]
    missing = [m.ticker for m in event.markets or [] if mid(*m.yes_quotes) is None]
    if not priced:
        raise NotFoundError(f"No market of {event.event_ticker} has both a bid and an ask now, so nothing is implied.")
    if is_ladder(event):
        return _ladder(event, priced, missing, account.environment)
    if event.mutually_exclusive:
        return _exclusive(event, priced, missing, account.environment)
    outcomes = [
        OutcomeProbability(ticker=m.ticker, outcome=m.yes_sub_title or m.title, probability=p) for m, p in priced
    ]
    return ImpliedAnswer(
        source=account.environment,
        event_ticker=event.event_ticker,
        title=event.title,
        method="each market by itself: these outcomes neither exclude each other nor stand on a ladder",
        outcomes=outcomes,
        unpriced=missing or None,
    )


def _exclusive(
    event: Event, priced: Sequence[tuple[Market, Decimal]], missing: list[str], source: str
) -> ImpliedAnswer:
    shares = normalised([price for _, price in priced])
    quotes = [m.yes_quotes for m, _ in priced]
    outcomes = [
        OutcomeProbability(
            ticker=m.ticker, outcome=m.yes_sub_title or m.title, probability=rounded(share, 5) or ZERO, price=price
        )
        for (m, price), share in zip(priced, shares, strict=True)
    ]
    whole = not missing
    return ImpliedAnswer(
        source=source,
        event_ticker=event.event_ticker,
        title=event.title,
        method="middles of the quotes, divided by their sum",
        overround=overround([ask for _, ask in quotes if ask is not None]) if whole else None,
        underround=ONE - sum((bid for bid, _ in quotes if bid is not None), ZERO) if whole else None,
        outcomes=sorted(outcomes, key=lambda o: o.probability, reverse=True),
        unpriced=missing or None,
    )


def _ladder(event: Event, priced: Sequence[tuple[Market, Decimal]], missing: list[str], source: str) -> ImpliedAnswer:
    found = ladder([Rung(m.floor_strike or ZERO, price) for m, price in priced])

    def said(low: Decimal | None, high: Decimal | None) -> str:
        if low is None:
            return f"up to {high:,f}"
        return f"above {low:,f}" if high is None else f"{low:,f} to {high:,f}"

    return ImpliedAnswer(
        source=source,
        event_ticker=event.event_ticker,
        title=event.title,
        method="differences between neighbouring strikes; the median lies where the chance of more is one half",
        median=rounded(found.median),
        ranges=[RangeProbability(range=said(a, b), probability=rounded(p, 5) or ZERO) for a, b, p in found.between],
        broken=[f"{b:,f} is priced likelier than {a:,f}" for a, b in found.broken] or None,
        unpriced=missing or None,
    )
