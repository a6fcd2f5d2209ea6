"""What a person believed, beside the market's prices of that moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import func, insert, select, update

from .ledger import Ledger
from .tables import Forecast

Status = Literal["open", "settled", "all"]


@dataclass(frozen=True, slots=True)
class Belief:
    """One forecast. ``fee`` is the fee type and multiplier of then; ``value`` what YES paid, once it is known."""

    ticker: str
    title: str
    category: str
    made: datetime
    probability: Decimal
    bid: Decimal | None
    ask: Decimal | None
    fee: str
    note: str
    value: Decimal | None = None
    settled: datetime | None = None
    id: int = 0


_COLUMNS = (
    Forecast.ticker, Forecast.title, Forecast.category, Forecast.made, Forecast.probability, Forecast.bid,
    Forecast.ask, Forecast.fee, Forecast.note, Forecast.value, Forecast.settled, Forecast.id,
)  # fmt: skip


class Beliefs:
    """The forecasts of one account. None is ever changed: a new belief is a new row."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.database = ledger.database

    async def add(self, belief: Belief) -> int:
        """Keep one; returns its id. Raises RecordsError."""
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            values = {
                "account_id": account, "ticker": belief.ticker, "title": belief.title, "category": belief.category,
                "made": belief.made, "probability": belief.probability, "bid": belief.bid, "ask": belief.ask,
                "fee": belief.fee, "note": belief.note,
            }  # fmt: skip
            return (await connection.execute(insert(Forecast).values(values).returning(Forecast.id))).scalar_one()

    async def list(
        self,
        status: Status = "all",
        since: datetime | None = None,
        category: str | None = None,
        limit: int | None = None,
        before: int | None = None,
    ) -> list[Belief]:
        """Newest first; ``before`` is the id of the last one of the page before."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            query = select(*_COLUMNS).where(Forecast.account_id == account)
            if status != "all":
                query = query.where(Forecast.value.is_(None) if status == "open" else Forecast.value.is_not(None))
            if since is not None:
                query = query.where(Forecast.made >= since)
            if category is not None:
                query = query.where(func.lower(Forecast.category) == category.lower())
            if before is not None:
                query = query.where(Forecast.id < before)
            query = query.order_by(Forecast.id.desc())
            return [Belief(*row) for row in await connection.execute(query if limit is None else query.limit(limit))]

    async def settle(self, values: Mapping[str, tuple[Decimal, datetime]]) -> int:
        """Write what markets paid, by ticker, beside their open forecasts; returns how many were settled by it."""
        done = 0
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            for ticker, (value, moment) in values.items():
                change = update(Forecast).where(
                    Forecast.account_id == account, Forecast.ticker == ticker, Forecast.value.is_(None)
                )
                done += (await connection.execute(change.values(value=value, settled=moment))).rowcount
        return done
