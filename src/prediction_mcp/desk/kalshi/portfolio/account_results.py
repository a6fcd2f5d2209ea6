"""Results about a whole account: value, profit, risk, exposure, collateral, settlements."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Self

from prediction_mcp.analytics.book import mid
from prediction_mcp.analytics.pnl import Lots
from prediction_mcp.analytics.positions import mark
from prediction_mcp.desk.choices import Period
from prediction_mcp.desk.results import Answer, ListAnswer, Number, Result, Second
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.portfolio import Balance, MarketPosition, Settlement
from prediction_mcp.net.words import printed

ZERO = Decimal(0)
DAYS: dict[str, int] = {"day": 1, "week": 7, "month": 30}


def _sum(values: Sequence[Decimal]) -> Decimal:
    return sum(values, ZERO)


class PortfolioValue(Answer):
    """Dollars: cash with positions valued three ways. ``unpriced`` are positions without a bid or a middle."""

    cash: Number
    positions_at_bid: Number
    positions_at_mid: Number
    positions_at_cost: Number
    total_at_bid: Number
    unpriced: list[str] | None = None
    unpriced_cost: Number | None = None
    exchange_says: Number
    note: str | None = None

    @classmethod
    def of(
        cls, balance: Balance, positions: Sequence[MarketPosition], markets: Mapping[str, Market], source: str
    ) -> Self:
        """``cash`` is what is free; what resting orders hold is in kalshi_get_margin_requirements."""
        at_bid = at_mid = at_cost = missing_cost = ZERO
        missing = list[str]()
        for position in positions:
            held, cost = position.position_fp, position.market_exposure_dollars
            market = markets.get(position.ticker)
            quotes = market.yes_quotes if market else (None, None)
            now, middle = mark(held, cost, *quotes), mid(*quotes)
            at_cost += cost
            if now.value is None:
                missing.append(position.ticker)
                missing_cost += cost
            at_bid += now.value or ZERO
            if middle is not None:
                at_mid += held * middle if held > 0 else -held * (1 - middle)
        return cls(
            source=source,
            cash=balance.balance_dollars,
            positions_at_bid=at_bid,
            positions_at_mid=at_mid,
            positions_at_cost=at_cost,
            total_at_bid=balance.balance_dollars + at_bid,
            unpriced=missing or None,
            unpriced_cost=missing_cost or None,
            exchange_says=balance.balance_dollars + Decimal(balance.portfolio_value) / 100,
        )


class MarketPnl(Result):
    """Dollars. ``realized`` (after fees) and ``fees`` are of the period; ``unrealized`` and ``open`` are now."""

    ticker: str
    realized: Number
    fees: Number | None = None
    unrealized: Number | None = None
    open: Number | None = None
    fills: int


class DayPnl(Result):
    day: str
    net_realized: Number


class PnlAnswer(Answer):
    """Dollars, first in, first out. ``realized`` (after fees) and ``fees`` are of the period, ``unrealized`` is now.

    ``exchange_realized`` is of all time, before fees.
    """

    period: Period
    realized: Number
    fees: Number
    unrealized: Number
    unpriced: list[str] | None = None
    markets: list[MarketPnl]
    markets_left_out: int | None = None
    days: list[DayPnl]
    exchange_realized: Number
    difference: Number | None = None
    why_different: str | None = None


def pnl_answer(
    lots: Mapping[str, Lots],
    markets: Mapping[str, Market],
    exchange_realized: Decimal,
    period: Period,
    source: str,
    shown: int = 20,
) -> PnlAnswer:
    """Add up the lots. The exchange's own realized figure goes over everything, at average cost and before fees."""
    since = None if period == "all" else datetime.now(UTC).date() - timedelta(days=DAYS[period] - 1)
    days: dict[date, Decimal] = {}
    lines, unpriced = list[MarketPnl](), list[str]()
    unrealized = charged = ZERO
    for ticker, lot in lots.items():
        fees = _sum([fee for day, fee in lot.fees_by_day.items() if since is None or day >= since])
        made, charged = ZERO, charged + fees
        for day, net in lot.by_day.items():
            if since is None or day >= since:
                made += net
                days[day] = days.get(day, ZERO) + net
        floating: Decimal | None = None
        if lot.count:
            market = markets.get(ticker)
            held = lot.count if lot.side == "yes" else -lot.count
            floating = mark(held, lot.cost, *(market.yes_quotes if market else (None, None))).unrealized
            if floating is None:
                unpriced.append(ticker)
            unrealized += floating or ZERO
        if made or floating is not None or lot.count:
            lines.append(
                MarketPnl(
                    ticker=ticker,
                    realized=made,
                    fees=fees or None,
                    unrealized=floating,
                    open=lot.count or None,
                    fills=lot.fills,
                )
            )
    lines.sort(key=lambda line: abs(line.realized) + abs(line.unrealized or ZERO), reverse=True)
    gross = _sum([lot.realized for lot in lots.values()])
    difference = gross - exchange_realized
    return PnlAnswer(
        source=source,
        period=period,
        realized=_sum([line.realized for line in lines]),
        fees=charged,
        unrealized=unrealized,
        unpriced=unpriced or None,
        markets=lines[:shown],
        markets_left_out=max(len(lines) - shown, 0) or None,
        days=[DayPnl(day=day.isoformat(), net_realized=net) for day, net in sorted(days.items(), reverse=True)[:31]],
        exchange_realized=exchange_realized,
        difference=difference or None,
        why_different=_why(lots) if difference else None,
    )


def _why(lots: Mapping[str, Lots]) -> str:
    partly = [ticker for ticker, lot in lots.items() if lot.count and lot.realized]
    if partly:
        return (
            f"{len(partly)} positions are closed in part: there the oldest contracts count here, while the exchange "
            "takes the average cost. It evens out when they are closed."
        )
    return "The exchange's figure covers other records than the fills and settlements it lists."


class SettlementLine(Result):
    """``profit`` is revenue less the cost of what was held, after fees of the whole market."""

    ticker: str
    settled: Second
    result: str
    held: str
    revenue: Number
    cost: Number
    fees: Number | None = None
    profit: Number

    @classmethod
    def of(cls, item: Settlement) -> Self:
        cost, revenue = item.yes_total_cost_dollars + item.no_total_cost_dollars, Decimal(item.revenue) / 100
        held = [f"{printed(n)} {side}" for n, side in ((item.yes_count_fp, "yes"), (item.no_count_fp, "no")) if n]
        return cls(
            ticker=item.ticker,
            settled=item.settled_time,
            result=item.market_result,
            held=" and ".join(held) or "nothing",
            revenue=revenue,
            cost=cost,
            fees=item.fee_cost or None,
            profit=revenue - cost - item.fee_cost,
        )


class SettlementList(ListAnswer):
    profit: Number
    settlements: list[SettlementLine]


class PositionRisk(Answer):
    """Dollars. ``max_loss`` is what was paid with fees; ``exit_*`` is selling everything into the book now."""

    ticker: str
    market: str
    held: str
    cost: Number
    fees: Number
    max_loss: Number
    max_gain: Number
    break_even_probability: Number
    exit_value: Number | None = None
    exit_fee: Number | None = None
    exit_average: Number | None = None
    exit_unfilled: Number | None = None
    kelly_share: Number | None = None
    kelly_contracts: Number | None = None
    note: str | None = None


class ExposureLine(Result):
    group: str
    positions: int
    cost: Number
    max_loss: Number
    max_gain: Number
    share: Number


class ExposureAnswer(Answer):
    """Dollars. ``max_loss`` nets outcomes that exclude each other; ``share`` is of the whole of it."""

    by: str
    positions: int
    cost: Number
    max_loss: Number
    netted: Number | None = None
    groups: list[ExposureLine]
    groups_left_out: int | None = None


class Margin(Answer):
    """Dollars. Everything is paid in full beforehand: positions can't lose more than they cost."""

    free_cash: Number
    held_for_orders: Number
    resting_orders: int
    paid_for_positions: Number
    positions: int
    note: str = "No margin calls: a position's worst case is what it cost."
