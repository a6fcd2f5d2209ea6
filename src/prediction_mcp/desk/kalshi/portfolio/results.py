"""Results about balance and positions."""

from decimal import Decimal
from typing import Literal, Self

from prediction_mcp.analytics.positions import mark
from prediction_mcp.desk.results import Answer, ListAnswer, Number, Result, time_left
from prediction_mcp.kalshi.cash import CashBalances
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.portfolio import Balance, MarketPosition

from ..shards import ShardCash, split_of


class BalanceAnswer(Answer):
    """Dollars. ``available`` is what resting orders leave free; ``positions_value`` is the exchange's own figure."""

    available: Number
    positions_value: Number
    shards: list[ShardCash] | None = None
    note: str | None = None

    @classmethod
    def of(cls, balance: Balance, source: str, note: str | None = None) -> Self:
        """``shards`` is the split of ``available`` where some of it isn't on shard 0."""
        positions, split = Decimal(balance.portfolio_value) / 100, split_of(CashBalances.of_primary(balance).by_shard())
        available = balance.balance_dollars
        return cls(source=source, available=available, positions_value=positions, shards=split, note=note)


class PositionLine(Result):
    """A position. ``cost`` is what the open contracts cost; P&L is before fees, which stand beside it."""

    ticker: str
    side: Literal["yes", "no"] | None = None
    count: Number
    cost: Number | None = None
    average_price: Number | None = None
    exit_price: Number | None = None
    value: Number | None = None
    unrealized_pnl: Number | None = None
    realized_pnl: Number | None = None
    fees: Number | None = None

    @classmethod
    def of(cls, position: MarketPosition, market: Market | None) -> Self:
        """With its market's quotes, where they are at hand."""
        held, cost = position.position_fp, position.market_exposure_dollars
        now = mark(held, cost, *(market.yes_quotes if market else (None, None)))
        return cls(
            ticker=position.ticker,
            side=("yes" if held > 0 else "no") if held else None,
            count=abs(held),
            cost=cost if held else None,
            average_price=round(cost / abs(held), 4) if held else None,
            exit_price=now.exit_price,
            value=now.value,
            unrealized_pnl=now.unrealized,
            realized_pnl=position.realized_pnl_dollars or None,
            fees=position.fees_paid_dollars or None,
        )


class PositionList(ListAnswer):
    """``unpriced`` counts positions nobody bids for now; they are left out of the sums."""

    positions: list[PositionLine]
    cost: Number
    value: Number
    unrealized_pnl: Number
    realized_pnl: Number
    fees: Number
    unpriced: int | None = None

    @classmethod
    def of(cls, lines: list[PositionLine], cursor: str | None, source: str) -> Self:
        def total(values: list[Decimal | None]) -> Decimal:
            return sum((v for v in values if v is not None), Decimal(0))

        priced = [line for line in lines if line.value is not None]
        return cls(
            source=source,
            count=len(lines),
            cursor=cursor,
            positions=lines,
            cost=total([line.cost for line in lines]),
            value=total([line.value for line in priced]),
            unrealized_pnl=total([line.unrealized_pnl for line in priced]),
            realized_pnl=total([line.realized_pnl for line in lines]),
            fees=total([line.fees for line in lines]),
            unpriced=sum(1 for line in lines if line.side and line.value is None) or None,
        )


class Portfolio(Answer):
    """Dollars: free cash, what positions are worth at the bid, and each; ``more`` where not all are listed."""

    cash: Number
    positions_at_bid: Number
    positions_at_cost: Number
    unpriced: list[str] | None = None
    positions: list[PositionLine]
    more: bool | None = None


class PositionDetail(Answer):
    """One position with what it is worth now: at the best bid for it, before the exit fee."""

    market: str
    status: str
    time_left: str | None = None
    position: PositionLine
    if_right: Number | None = None
    net_pnl: Number | None = None

    @classmethod
    def of(cls, position: MarketPosition, market: Market, source: str) -> Self:
        """``net_pnl`` is realized + unrealized − fees; ``if_right`` what the position pays if its side wins."""
        line = PositionLine.of(position, market)
        open_pnl = line.unrealized_pnl if line.side else Decimal(0)
        net = None if open_pnl is None else open_pnl + position.realized_pnl_dollars - position.fees_paid_dollars
        return cls(
            source=source,
            market=market.name,
            status=market.status,
            time_left=time_left(market.close_time) if market.is_open else None,
            position=line,
            if_right=line.count if line.side else None,
            net_pnl=net,
        )
