"""What an account risks: one position, all of them in groups, and the collateral behind them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from prediction_mcp.analytics.ends import leaves_no_gap
from prediction_mcp.analytics.orders import meet, outcome
from prediction_mcp.analytics.risk import Exposure, Held, exposure, kelly
from prediction_mcp.desk.choices import GroupBy
from prediction_mcp.kalshi.errors import NotFoundError
from prediction_mcp.kalshi.models.events import Event
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.portfolio import MarketPosition
from prediction_mcp.net.words import printed

from .. import lookup
from ..held import positions_of
from .account_results import ExposureAnswer, ExposureLine, Margin, PositionRisk

if TYPE_CHECKING:
    from ..account import Account


SHOWN = 30
ZERO = Decimal(0)


async def risk_of(account: Account, market: Market, belief: Decimal | None) -> PositionRisk:
    """The risk of what is held in a market. Raises NotFoundError when nothing is."""
    found = await positions_of(account, ticker=market.ticker)
    if not found:
        raise NotFoundError(f"You have no open position in {market.ticker}.")
    position = found[0]
    side: Literal["yes", "no"] = "yes" if position.position_fp > 0 else "no"
    count, cost, fees = abs(position.position_fp), position.market_exposure_dollars, position.fees_paid_dollars
    book, (_, schedule) = await asyncio.gather(account.kalshi.markets.orderbook(market.ticker), account.fees.of(market))
    fills = meet(book.levels(side, "sell"), count, ZERO, buying=False)
    leaving = outcome(fills, count, count, schedule, buying=False, rests=False)
    answer = PositionRisk(
        source=account.environment,
        ticker=market.ticker,
        market=market.name,
        held=f"{printed(count)} {side}",
        cost=cost,
        fees=fees,
        max_loss=cost + fees,
        max_gain=count - cost - fees,
        break_even_probability=round((cost + fees) / count, 6),
        exit_value=leaving.received or None,
        exit_fee=leaving.fee or None,
        exit_average=round(leaving.received / leaving.filled, 6) if leaving.filled else None,
        exit_unfilled=(count - leaving.filled) or None,
        note=None if market.is_open else f"The market is {market.status}: it can't be sold now.",
    )
    if belief is None:
        return answer
    return answer.model_copy(update=await _kelly(account, side, belief, cost / count, position))


async def _kelly(
    account: Account, side: str, belief: Decimal, price: Decimal, position: MarketPosition
) -> dict[str, Decimal]:
    """Kelly's share of cash and position together, and how many contracts that is at the price that was paid."""
    balance = await account.kalshi.portfolio.balance()
    bankroll = balance.balance_dollars + position.market_exposure_dollars
    share = kelly(belief if side == "yes" else 1 - belief, min(max(price, Decimal("0.0001")), Decimal("0.9999")))
    return {"kelly_share": round(share, 4), "kelly_contracts": (share * bankroll / price).quantize(Decimal(1))}


async def exposure_of(account: Account, by: GroupBy) -> ExposureAnswer:
    """Positions grouped; within a group each event is netted by itself, then the events are added up."""
    positions = await positions_of(account)
    markets = await lookup.markets_of(account, (p.ticker for p in positions))
    events = await lookup.events_of(account, (m.event_ticker for m in markets.values()))
    grouped: dict[str, dict[str, list[Held]]] = defaultdict(lambda: defaultdict(list))
    for position in positions:
        market = markets.get(position.ticker)
        event_ticker = market.event_ticker if market else position.ticker
        held = Held(position.ticker, position.position_fp, position.market_exposure_dollars)
        grouped[_group(by, market, events.get(event_ticker), position.ticker)][event_ticker].append(held)
    lines, gross = list[ExposureLine](), ZERO
    for group, by_event in grouped.items():
        found = [_netted(held, events.get(ticker)) for ticker, held in by_event.items()]
        gross += sum((e.cost for e in found), ZERO)
        lines.append(
            ExposureLine(
                group=group,
                positions=sum(len(held) for held in by_event.values()),
                cost=sum((e.cost for e in found), ZERO),
                max_loss=sum((e.max_loss for e in found), ZERO),
                max_gain=sum((e.max_gain for e in found), ZERO),
                share=ZERO,
            )
        )
    total = sum((line.max_loss for line in lines), ZERO)
    lines = [line.model_copy(update={"share": round(line.max_loss / total, 4) if total else ZERO}) for line in lines]
    lines.sort(key=lambda line: line.max_loss, reverse=True)
    return ExposureAnswer(
        source=account.environment,
        by=by,
        positions=len(positions),
        cost=gross,
        max_loss=total,
        netted=(gross - total) or None,
        groups=lines[:SHOWN],
        groups_left_out=max(len(lines) - SHOWN, 0) or None,
    )


def _netted(held: list[Held], event: Event | None) -> Exposure:
    """The exposure of one event. That one of the outcomes must happen is only sure where their ranges leave no gap."""
    if event is None or not event.mutually_exclusive:
        return exposure(held, exclusive=False)
    listed = event.markets or []
    whole = leaves_no_gap([(m.floor_strike, m.cap_strike) for m in listed])
    everything = {m.ticker for m in listed} <= {h.ticker for h in held}
    return exposure(held, exclusive=True, one_must_happen=whole and everything)


def _group(by: GroupBy, market: Market | None, event: Event | None, ticker: str) -> str:
    if by == "category":
        return (event.category if event else None) or "unknown"
    if by == "event":
        return f"{event.event_ticker}: {event.title}" if event else ticker
    if by == "series":
        return (event.series_ticker if event else None) or "unknown"
    return f"{market.close_time:%Y-%m-%d}" if market and market.close_time else "unknown"


async def margin_of(account: Account) -> Margin:
    """Cash, what resting orders hold, and what positions cost."""
    balance, resting, positions = await asyncio.gather(
        account.kalshi.portfolio.balance(), account.kalshi.portfolio.resting_value(), positions_of(account)
    )
    orders = [o async for o in account.kalshi.orders.all(status="resting")]
    return Margin(
        source=account.environment,
        free_cash=balance.balance_dollars,
        held_for_orders=Decimal(resting.total_resting_order_value) / 100,
        resting_orders=len(orders),
        paid_for_positions=sum((p.market_exposure_dollars for p in positions), ZERO),
        positions=len(positions),
    )
