"""Results about records: history, transactions, lots, tax, forecasts. Dollars, and probabilities from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Self

from prediction_mcp.desk.results import Answer, ListAnswer, Minute, Number, Result, Second, WholeList
from prediction_mcp.records.beliefs import Belief
from prediction_mcp.records.ledger import Kept
from prediction_mcp.records.shelf import KeptLot


class HistoryPoint(Result):
    """``total`` is cash, what resting orders hold, and positions at the bid; absent where one has no bid."""

    at: Minute
    total: Number | None = None
    cash: Number
    resting: Number | None = None
    at_bid: Number | None = None
    at_middle: Number | None = None
    at_cost: Number


class HistoryAnswer(Answer):
    period: str
    snapshots: int
    change: Number | None = None
    points: list[HistoryPoint]
    note: str | None = None


class TransactionLine(Result):
    """``cash`` is what it did to the cash after ``fee``; ``contracts`` to the position, YES above zero."""

    id: str
    at: Second
    kind: str
    ticker: str | None = None
    contracts: Number | None = None
    price: Number | None = None
    fee: Number | None = None
    cash: Number
    subaccount: int | None = None

    @classmethod
    def of(cls, row: Kept) -> Self:
        return cls(
            id=row.exchange_id, at=row.time, kind=row.kind, ticker=row.ticker or None,
            contracts=row.contracts or None, price=row.price, fee=row.fee or None, cash=row.cash,
            subaccount=row.subaccount or None,
        )  # fmt: skip


class TransactionList(ListAnswer):
    """``up_to`` is the moment until which the exchange was read; ``waiting`` why a settlement isn't here yet."""

    up_to: Second
    waiting: str | None = None
    transactions: list[TransactionLine]


class LotLine(Result):
    """What is open of a fill: ``basis`` is what it cost with fees, ``id`` the fill's."""

    id: str
    ticker: str
    side: str
    acquired: Second
    contracts: Number
    basis: Number
    each: Number
    subaccount: int | None = None

    @classmethod
    def of(cls, lot: KeptLot) -> Self:
        return cls(
            id=lot.key, ticker=lot.ticker, side=lot.side, acquired=lot.acquired, contracts=lot.contracts,
            basis=lot.basis, each=round(lot.basis / lot.contracts, 6), subaccount=lot.subaccount or None,
        )  # fmt: skip


class LotList(WholeList):
    method: str
    basis: Number
    lots: list[LotLine]


class Totals(Result):
    closings: int
    proceeds: Number
    basis: Number
    fees: Number
    gain: Number


class TaxLine(Result):
    what: str
    side: str
    subaccount: int | None = None
    acquired: str | None = None
    disposed: str
    contracts: Number
    proceeds: Number
    basis: Number
    fees: Number
    gain: Number
    days_held: int | None = None


class TaxAnswer(Answer):
    """``fees`` are in basis and proceeds already; ``unknown_basis`` closings have no fill that the exchange lists."""

    verbatim: ClassVar[frozenset[str]] = frozenset({"csv"})

    year: int
    method: str
    timezone: str
    totals: Totals
    open_lots: int
    open_basis: Number
    unknown_basis: int | None = None
    file: str | None = None
    csv: str | None = None
    rows: list[TaxLine] | None = None
    note: str


class ForecastLine(Result):
    """``bid`` and ``ask`` are the market's when it was made; ``value`` what YES paid."""

    id: int
    ticker: str
    title: str
    at: Minute
    probability: Number
    bid: Number | None = None
    ask: Number | None = None
    note: str | None = None
    value: Number | None = None

    @classmethod
    def of(cls, belief: Belief) -> Self:
        return cls(
            id=belief.id, ticker=belief.ticker, title=belief.title, at=belief.made, probability=belief.probability,
            bid=belief.bid, ask=belief.ask, note=belief.note or None, value=belief.value,
        )  # fmt: skip


class ForecastKept(Answer):
    """``edge`` is the belief less the market's middle."""

    forecast: ForecastLine
    edge: Number | None = None


class ForecastList(ListAnswer):
    forecasts: list[ForecastLine]


class Score(Result):
    """Means; lower is better. A half said always scores 0.25 and 0.693."""

    brier: Number
    log: Number


class Against(Result):
    """Against the market's middle at the same moments; ``skill`` above 0 beats it; ``interval``: of ``better_by``."""

    forecasts: int
    events: int
    mine: Score
    market: Score
    skill: Number | None = None
    better_by: Number
    interval: list[Number] | None = None


class BinLine(Result):
    said: str
    count: int
    believed: Number
    happened: Number


class Betting(Result):
    """What bets at the prices of then would have made after fees, in dollars."""

    bets: int
    staked: Number
    profit: Number


class ScoreAnswer(Answer):
    forecasts: int
    open: int
    score: Score | None = None
    against_market: Against | None = None
    calibration: list[BinLine] | None = None
    flat: Betting | None = None
    kelly: Betting | None = None
    conclusion: str
    note: str | None = None


class Check(Answer):
    """Whether the rows add up to the account's cash, in dollars."""

    adds_up: bool
    rows: int
    recorded: Number
    free: Number
    resting: Number
    paid_back_early: Number | None = None
    missing: Number | None = None
    up_to: Second
    where: str


class SyncDone(Answer):
    new: int
    rows: int
    up_to: Second
    where: str


def summed(lots: Sequence[KeptLot]) -> Decimal:
    return sum((lot.basis for lot in lots), Decimal(0))
