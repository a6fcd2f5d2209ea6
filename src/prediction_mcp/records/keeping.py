"""What is kept for a while only: the last prices of watched markets, and the end of what is old."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import delete, insert, select

from .ledger import Ledger
from .tables import Alert, AlertFiring, Notification, Price, StandingOrder, StandingRun

OVER = ("done", "deleted", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class Quoted:
    """Dollars of YES."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None


class Keeping:
    """One account's prices and clean-up."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.database = ledger.database

    async def prices(self, quotes: Mapping[str, Quoted], now: datetime) -> None:
        """These prices, and no others."""
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            await self.ledger.lock(connection, account)
            await connection.execute(delete(Price).where(Price.account_id == account))
            rows = [
                {"account_id": account, "ticker": ticker, "time": now, "bid": q.bid, "ask": q.ask, "last": q.last}
                for ticker, q in quotes.items()
            ]
            if rows:
                await connection.execute(insert(Price), rows)

    async def clean(self, before: datetime) -> None:
        """Forget messages, firings, and alerts and rules that are over, where all of it is older than a moment.

        Transactions, lots, snapshots and forecasts are never forgotten.
        """
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            messages = delete(Notification).where(
                Notification.account_id == account, Notification.created < before,
                Notification.state.in_(("delivered", "given_up")),
            )  # fmt: skip
            await connection.execute(messages)
            firings = delete(AlertFiring).where(AlertFiring.account_id == account, AlertFiring.found < before)
            await connection.execute(firings)
            left = select(AlertFiring.alert_id).where(AlertFiring.account_id == account)
            alerts = delete(Alert).where(
                Alert.account_id == account, Alert.state.in_(OVER), Alert.created < before, Alert.id.not_in(left)
            )
            await connection.execute(alerts)
            rules = select(StandingOrder.id).where(
                StandingOrder.account_id == account, StandingOrder.state.in_(OVER), StandingOrder.created < before
            )
            young = select(StandingRun.standing_order_id).where(
                StandingRun.standing_order_id.in_(rules), StandingRun.time >= before
            )
            old = list((await connection.execute(rules.where(StandingOrder.id.not_in(young)))).scalars())
            await connection.execute(delete(StandingRun).where(StandingRun.standing_order_id.in_(old)))
            await connection.execute(delete(StandingOrder).where(StandingOrder.id.in_(old)))
