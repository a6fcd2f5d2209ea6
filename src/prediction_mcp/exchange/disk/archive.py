"""What a member did, read from the disk: orders, fills, settlements, positions that ended, money in and out.

Everything is newest first and lazy: whoever pages through takes as many as it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..engine.changes import Deposit, Transfer
from ..engine.groups import OrderGroup
from ..engine.ledger import Account, Fill, Holding, Settlement
from ..engine.matching import Order
from ..world.listed import Market
from .store import ORDER_COLUMNS, POSITION_FIELDS, Store, read_holding

_ORDER_STATE = ORDER_COLUMNS[ORDER_COLUMNS.index("accumulator") :]


@dataclass(slots=True)
class Where:
    """Conditions of a query, with their values bound, never written into the text."""

    clauses: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, clause: str, *values: Any) -> Where:
        """Add a condition with a ``?`` for each value; a single value of None leaves it out."""
        if values != (None,):
            self.clauses.append(clause)
            self.values.extend(values)
        return self

    def of_accounts(self, accounts: Iterable[Account]) -> Where:
        """Rows of any of the accounts."""
        ids = [account.account_id for account in accounts]
        self.clauses.append(f"account_id IN ({', '.join('?' * len(ids))})")
        self.values += ids
        return self

    def within(self, column: str, window: tuple[int | None, int | None]) -> Where:
        """A time in milliseconds from the first to before the second."""
        return self.add(f"{column} >= ?", window[0]).add(f"{column} < ?", window[1])

    def in_events(self, events: list[str], listed: Mapping[str, Market]) -> Where:
        """Markets of any of the events, where some are named."""
        if events:
            wanted = [ticker for ticker, market in listed.items() if market.event.ticker in events]
            self.add(f"ticker IN ({', '.join('?' * len(wanted))})", *wanted)
        return self

    def __str__(self) -> str:
        return " AND ".join(self.clauses)


class Archive:
    """Reads a store for the accounts of an exchange, which are given live: more of them may come."""

    def __init__(self, store: Store, accounts: dict[str, Account], groups: dict[str, OrderGroup]) -> None:
        self._db = store.db
        self._accounts = accounts
        self._groups = groups

    def is_used(self, account: Account, client_order_id: str) -> bool:
        """Whether the member ever gave an order this id."""
        found = self._db.execute(
            "SELECT 1 FROM client_ids WHERE owner = ? AND client_order_id = ?",
            (account.primary.account_id, client_order_id),
        )
        return found.fetchone() is not None

    def orders(self, member: Account, where: Where | None = None) -> Iterator[Order]:
        where = (where or Where()).add("owner = ?", member.account_id)
        columns = ", ".join(ORDER_COLUMNS)
        for row in self._db.execute(f"SELECT {columns} FROM orders WHERE {where} ORDER BY seq DESC", where.values):
            yield self.read_order(row)

    def read_order(self, row: tuple[Any, ...]) -> Order:
        """An order from its columns :data:`~.store.ORDER_COLUMNS`."""
        (seq, order_id, account_id, _, ticker, side, price, initial, remaining, filled, status, created_ms, updated_ms,
         client_order_id, time_in_force, stp, expires_ms, cancel_on_pause, group_id, *state) = row  # fmt: skip
        order = Order(order_id, seq, self._accounts[account_id], ticker, side, price, initial, created_ms)
        order.remaining, order.filled, order.status, order.updated_ms = remaining, filled, status, updated_ms
        order.client_order_id, order.time_in_force, order.stp = client_order_id, time_in_force, stp
        order.expires_ms, order.cancel_on_pause = expires_ms, bool(cancel_on_pause)
        order.group = self._groups.get(group_id)
        for name, value in zip(_ORDER_STATE, state, strict=True):
            setattr(order, name, value)
        order.sells = bool(order.sells)
        return order

    def fills(self, member: Account, where: Where | None = None) -> Iterator[Fill]:
        where = (where or Where()).add("owner = ?", member.account_id)
        for (
            fill_id,
            account_id,
            order_id,
            client_order_id,
            ticker,
            side,
            price,
            count,
            is_taker,
            fee,
            ts_ms,
            seq,
        ) in self._db.execute(
            "SELECT fill_id, account_id, order_id, client_order_id, ticker, side, price, count, is_taker, fee, ts_ms,"
            f" seq FROM fills WHERE {where} ORDER BY seq DESC",
            where.values,
        ):
            yield Fill(
                fill_id, self._accounts[account_id], order_id, client_order_id, ticker, side, price, count,
                bool(is_taker), fee, ts_ms, seq,
            )  # fmt: skip

    def settlements(self, member: Account, where: Where | None = None) -> Iterator[Settlement]:
        where = (where or Where()).add("owner = ?", member.account_id)
        for account_id, *rest in self._db.execute(
            "SELECT account_id, ticker, result, value, position, cost, revenue, fees, ts_ms, seq FROM settlements"
            f" WHERE {where} ORDER BY seq DESC",
            where.values,
        ):
            yield Settlement(self._accounts[account_id], *rest)

    def settled_positions(
        self, accounts: Iterable[Account], where: Where | None = None
    ) -> Iterator[tuple[str, Holding]]:
        """(ticker, position) of markets that were settled, of some accounts together."""
        where = (where or Where()).of_accounts(accounts).add("settled = 1")
        columns = ", ".join((*POSITION_FIELDS, "lots"))
        for ticker, *row in self._db.execute(
            f"SELECT ticker, {columns} FROM positions WHERE {where} ORDER BY updated_ms, ticker", where.values
        ):
            yield ticker, read_holding(tuple(row))

    def deposits(self, member: Account) -> list[tuple[int, Deposit]]:
        """(id, deposit), newest first."""
        columns = "id, micros, ts_ms, status"
        rows = self._db.execute(
            f"SELECT {columns} FROM deposits WHERE account_id = ? ORDER BY id DESC", (member.account_id,)
        )
        return [(number, Deposit(member, *deposit)) for number, *deposit in rows]

    def transfers(self, member: Account, transfer_id: str | None = None) -> list[tuple[int, Transfer]]:
        """(row, transfer), newest first: all of the member's, or the one with an id."""
        rows = self._db.execute(
            "SELECT id, transfer_id, source, target, micros, ts_ms, client_id FROM transfers"
            " WHERE owner = ?1 AND (?2 IS NULL OR transfer_id = ?2) ORDER BY id DESC",
            (member.account_id, transfer_id),
        )
        return [
            (number, Transfer(transfer_id, self._accounts[source], self._accounts[target], micros, ts_ms, client_id))
            for number, transfer_id, source, target, micros, ts_ms, client_id in rows
        ]

    def touched_markets(self) -> set[str]:
        """Markets in which a member ever had an order, a fill or a position."""
        return {ticker for (ticker,) in self._db.execute(
            "SELECT ticker FROM orders WHERE owner NOT IN (SELECT owner FROM accounts WHERE NOT keeps_history)"
            " UNION SELECT ticker FROM fills"
        )}  # fmt: skip
