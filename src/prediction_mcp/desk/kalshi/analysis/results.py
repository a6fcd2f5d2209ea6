"""Results of analyses: the figures one decides with, and what they rest on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, Self

from prediction_mcp.analytics import arbitrage as arb
from prediction_mcp.analytics.book import mid, spread
from prediction_mcp.analytics.flow import Flow, Print
from prediction_mcp.analytics.liquidity import BANDS, NEAR, RoundTrip, Score, depth_within, imbalance
from prediction_mcp.analytics.volatility import Volatility
from prediction_mcp.desk.choices import Interval
from prediction_mcp.desk.results import Answer, Minute, Number, Result, Second
from prediction_mcp.kalshi.models.markets import Candlestick, Orderbook

Grade = Literal["low", "medium", "high"]


FEWEST_HOURS = 3
"""Hours with trades below which nothing is said of how much a price moves."""


def rounded(value: float | Decimal | None, digits: int = 4) -> Decimal | None:
    return None if value is None else round(Decimal(str(value)), digits)


class Candles(Answer):
    """``rows`` are [end of period, open, high, low, close, contracts], YES dollars; only periods with trades."""

    ticker: str
    interval: Interval
    count: int
    left_out: int | None = None
    volume: Number
    rows: list[tuple[Minute, Number, Number, Number, Number, Number]]

    @classmethod
    def of(cls, ticker: str, interval: Interval, sticks: Sequence[Candlestick], most: int, source: str) -> Self:
        rows = []
        for stick in sticks:
            p = stick.price
            if p.open_dollars is None or p.high_dollars is None or p.low_dollars is None or p.close_dollars is None:
                continue
            at = datetime.fromtimestamp(stick.end_period_ts, UTC)
            rows.append((at, p.open_dollars, p.high_dollars, p.low_dollars, p.close_dollars, stick.volume_fp))
        return cls(
            source=source,
            ticker=ticker,
            interval=interval,
            count=len(rows[-most:]),
            left_out=max(len(rows) - most, 0) or None,
            volume=sum((row[5] for row in rows), Decimal(0)),
            rows=rows[-most:],
        )


class Depth(Result):
    within_cents: Number
    bid_contracts: Number
    ask_contracts: Number


class LiquidityAnswer(Answer):
    """Dollars and contracts of YES. ``score`` goes to 100; ``round_trip_cost`` is in and out at once, fees included."""

    ticker: str
    spread: Number | None = None
    mid: Number | None = None
    depth: list[Depth]
    imbalance: Number | None = None
    size: Number
    round_trip_cost: Number | None = None
    round_trip_fees: Number | None = None
    too_thin_by: Number | None = None
    score: int
    because: list[str]

    @classmethod
    def of(cls, ticker: str, book: Orderbook, trip: RoundTrip, score: Score, source: str) -> Self:
        bids, asks = book.yes_bids, book.yes_asks
        bid, ask = (levels[0][0] if levels else None for levels in (bids, asks))
        centre = mid(bid, ask)
        depth = []
        if centre is not None:
            depth = [
                Depth(
                    within_cents=band * 100,
                    bid_contracts=depth_within(bids, centre, band),
                    ask_contracts=depth_within(asks, centre, band),
                )
                for band in BANDS
            ]
        near = None if centre is None else imbalance(depth_within(bids, centre, NEAR), depth_within(asks, centre, NEAR))
        return cls(
            source=source,
            ticker=ticker,
            spread=spread(bid, ask),
            mid=centre,
            depth=depth,
            imbalance=rounded(near),
            size=trip.size,
            round_trip_cost=trip.cost,
            round_trip_fees=trip.fees,
            too_thin_by=trip.unfilled or None,
            score=score.total,
            because=score.reasons,
        )


class Move(Result):
    ends: Minute
    change: Number


class VolatilityAnswer(Answer):
    """Dollars of YES price. ``daily`` is a day's typical move; in log-odds moves near 0 and 1 weigh like others."""

    ticker: str
    window: str
    daily: Number | None = None
    daily_log_odds: Number | None = None
    to_expiry: Number | None = None
    low: Number
    high: Number
    net_change: Number
    largest: list[Move]
    hours_with_trades: int
    note: str | None = None

    @classmethod
    def of(
        cls,
        ticker: str,
        window: str,
        found: Volatility,
        sticks: Sequence[Candlestick],
        days_left: Decimal | None,
        source: str,
    ) -> Self:
        """``to_expiry`` scales a day's move by the root of the days left, and caps it at half a dollar."""
        hours = sum(stick.is_traded for stick in sticks)
        moves, enough = [], hours >= FEWEST_HOURS
        for stick in sticks:
            opened, closed = stick.price.previous_dollars or stick.price.open_dollars, stick.price.close_dollars
            if opened is not None and closed is not None and opened != closed:
                moves.append(Move(ends=datetime.fromtimestamp(stick.end_period_ts, UTC), change=closed - opened))
        ahead = None
        if days_left is not None and found.daily is not None:
            ahead = min(found.daily * float(days_left) ** 0.5, 0.5)
        return cls(
            source=source,
            ticker=ticker,
            window=window,
            daily=rounded(found.daily) if enough else None,
            daily_log_odds=rounded(found.daily_log_odds) if enough else None,
            to_expiry=rounded(ahead) if enough else None,
            low=rounded(found.low) or Decimal(0),
            high=rounded(found.high) or Decimal(0),
            net_change=rounded(found.net) or Decimal(0),
            largest=sorted(moves, key=lambda move: abs(move.change), reverse=True)[:3],
            hours_with_trades=hours,
            note=None if enough else "Too few hours with trades to say how much the price moves.",
        )


class LargeTrade(Result):
    time: Second
    price: Number
    count: Number
    taker: Literal["yes", "no"]

    @classmethod
    def of(cls, item: Print) -> Self:
        return cls(time=item.time, price=item.price, count=item.count, taker=item.taker)


class FlowAnswer(Answer):
    """Contracts that takers took. ``imbalance`` goes from −1 (all NO) to 1 (all YES); ``vwap`` is YES dollars."""

    ticker: str
    window: str
    trades: int
    contracts: Number
    taken_yes: Number
    taken_no: Number
    imbalance: Number | None = None
    vwap: Number | None = None
    last_hour: Number
    per_hour: Number
    large: list[LargeTrade]
    note: str | None = None

    @classmethod
    def of(cls, ticker: str, window: str, found: Flow, *, cut: bool, source: str) -> Self:
        return cls(
            source=source,
            ticker=ticker,
            window=window,
            trades=found.trades,
            contracts=found.yes + found.no,
            taken_yes=found.yes,
            taken_no=found.no,
            imbalance=rounded(found.imbalance),
            vwap=rounded(found.vwap),
            last_hour=found.last_hour,
            per_hour=rounded(found.per_hour, 2) or Decimal(0),
            large=[LargeTrade.of(p) for p in found.large],
            note=f"There were more than {found.trades} trades: these are the newest." if cut else None,
        )


class OutcomeProbability(Result):
    ticker: str
    outcome: str
    probability: Number
    price: Number | None = None


class RangeProbability(Result):
    range: str
    probability: Number


class ImpliedAnswer(Answer):
    """Probabilities from the middles of the quotes. ``overround``: what all asks cost beyond the dollar they pay."""

    event_ticker: str
    title: str
    method: str
    overround: Number | None = None
    underround: Number | None = None
    outcomes: list[OutcomeProbability] | None = None
    median: Number | None = None
    ranges: list[RangeProbability] | None = None
    broken: list[str] | None = None
    unpriced: list[str] | None = None


class ArbitrageLeg(Result):
    buy: str
    limit: Number
    count: Number
    cost: Number
    fee: Number


class ArbitrageLine(Result):
    """Dollars. ``profit`` is certain once every leg is filled at its limit; a leg that moves away leaves risk."""

    event_ticker: str
    kind: str
    why: str
    count: Number
    profit: Number
    edge_cents: Number
    cost: Number
    fees: Number
    legs: list[ArbitrageLeg]

    @classmethod
    def of(cls, event_ticker: str, found: arb.Arbitrage) -> Self:
        return cls(
            event_ticker=event_ticker,
            kind=found.kind,
            why=_WHY[found.kind],
            count=found.count,
            profit=round(found.profit, 4),
            edge_cents=round(found.edge * 100, 4),
            cost=found.cost,
            fees=found.fees,
            legs=[
                ArbitrageLeg(
                    buy=f"{leg.side} {leg.ticker}", limit=leg.limit, count=leg.count, cost=leg.cost, fee=leg.fee
                )
                for leg in found.legs
            ],
        )


_WHY = {
    "sell_all": "at most one of these happens, so all NO but one pay",
    "buy_all": "exactly one of these happens, so one YES pays",
    "ladder": "where one of the two doesn't pay, the other one does",
    "set": "however it ends, enough of the legs pay",
}


class ArbitrageAnswer(Answer):
    """What was looked through, and what is riskless after fees in the books as they were."""

    scanned_events: int
    scanned_markets: int
    not_computable: int | None = None
    found: list[ArbitrageLine]
    stands_on: str | None = None
    note: str | None = None


class ComparedLine(Result):
    ticker: str
    title: str
    yes_bid: Number | None = None
    yes_ask: Number | None = None
    change: Number | None = None
    daily_volatility: Number | None = None
    volume_24h: Number | None = None
    time_left: str | None = None


class Pair(Result):
    a: str
    b: str
    correlation: Number | None = None


class Comparison(Answer):
    """``change`` is over the window; correlations are of hourly changes, 1 moving together, −1 against each other."""

    window: str
    markets: list[ComparedLine]
    pairs: list[Pair]
    divergence: Number | None = None


class Opportunity(Answer):
    """A brief before a trade. With ``my_probability``: the better side, its edge after fees, and a Kelly size.

    ``offered`` is how many contracts there are at ``price``; more of them cost more. ``kelly_contracts`` walks the book
    with fees until the next contract isn't worth it; ``kelly_if_all_at_price`` is what it would be if it were deep.
    """

    ticker: str
    market: str
    closes_in: str | None = None
    yes_bid: Number | None = None
    yes_ask: Number | None = None
    liquidity_score: int
    round_trip_cents: Number | None = None
    change_7d: Number | None = None
    daily_volatility: Number | None = None
    taker_imbalance_24h: Number | None = None
    volume_24h: Number
    settles_by: str | None = None
    rules: str
    belief: Number | None = None
    best_side: str | None = None
    price: Number | None = None
    offered: Number | None = None
    fee_per_contract: Number | None = None
    edge: Number | None = None
    kelly_share: Number | None = None
    kelly_contracts: Number | None = None
    kelly_average: Number | None = None
    kelly_if_all_at_price: Number | None = None
    what_must_be_true: str | None = None


class RiskItem(Result):
    risk: str
    grade: Grade
    evidence: str


class RiskAnswer(Answer):
    ticker: str
    market: str
    overall: Grade
    risks: list[RiskItem]
