"""The tables. Each row belongs to an account (platform, environment and key), so paper, demo and live never mix.

Names of columns are the field's; money and contracts are millionths (:class:`.columns.Money`), times UTC. What is
written here and in ``migrations/`` is held to be the same by a test.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    TableClause,
    Text,
    UniqueConstraint,
    column,
    table,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from .columns import Moment, Money

BIG: TypeEngine[int] = BigInteger().with_variant(Integer, "sqlite")  # so that SQLite counts rows by itself


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {Decimal: Money, datetime: Moment, dict[str, Any]: JSON, str: Text}  # noqa: RUF012 - SQLAlchemy's


def _key() -> Mapped[int]:
    return mapped_column(BIG, Identity(always=False), primary_key=True)


def _account() -> Mapped[int]:
    return mapped_column(BIG, ForeignKey("accounts.id"))


class Account(Base):
    """One account at a platform: its environment and a hash of its key's id (or of the paper exchange's folder)."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("platform", "environment", "key_hash"),)
    id: Mapped[int] = _key()
    platform: Mapped[str] = mapped_column(String(20))
    environment: Mapped[str] = mapped_column(String(10))
    key_hash: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime]


class Transaction(Base):
    """What moved the account's cash or contracts, once each; rows are added, never changed.

    ``cash`` is what it did to the cash, after ``fee``; ``contracts`` what it did to the signed position (YES above 0).
    ``price`` is dollars a YES, of a settlement what a YES paid.
    """

    __tablename__ = "transactions"
    __table_args__ = (
        UniqueConstraint("account_id", "kind", "exchange_id", "subaccount"),
        Index(None, "account_id", "time", "id"),
        Index(None, "account_id", "ticker", "subaccount"),
    )
    id: Mapped[int] = _key()
    account_id: Mapped[int] = _account()
    kind: Mapped[str] = mapped_column(String(20))
    exchange_id: Mapped[str] = mapped_column(String(200))
    subaccount: Mapped[int] = mapped_column(Integer, default=0)
    time: Mapped[datetime]
    ticker: Mapped[str] = mapped_column(String(200), default="")
    contracts: Mapped[Decimal] = mapped_column(Money, default=0)
    price: Mapped[Decimal | None]
    fee: Mapped[Decimal] = mapped_column(Money, default=0)
    cash: Mapped[Decimal] = mapped_column(Money, default=0)
    order_id: Mapped[str] = mapped_column(String(200), default="")


class Progress(Base):
    """How far each kind of transaction was read: everything before ``until`` is here."""

    __tablename__ = "progress"
    account_id: Mapped[int] = mapped_column(BIG, ForeignKey("accounts.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    until: Mapped[datetime]


class Lot(Base):
    """Contracts of one side that one fill opened; ``basis`` is what they cost with fees, of all and of those left."""

    __tablename__ = "lots"
    __table_args__ = (Index(None, "account_id", "ticker"),)
    id: Mapped[int] = _key()
    account_id: Mapped[int] = _account()
    transaction_id: Mapped[int] = mapped_column(BIG, ForeignKey("transactions.id"))
    ticker: Mapped[str] = mapped_column(String(200))
    subaccount: Mapped[int] = mapped_column(Integer)
    side: Mapped[str] = mapped_column(String(3))
    acquired: Mapped[datetime]
    contracts: Mapped[Decimal]
    basis: Mapped[Decimal]
    left: Mapped[Decimal]
    left_basis: Mapped[Decimal]


class Closing(Base):
    """A part of a lot that a fill or a settlement closed. Gain is proceeds less basis; fees are in both already.

    ``opened_by`` and ``acquired`` are missing where the exchange paid for contracts whose fills it doesn't list.
    """

    __tablename__ = "closings"
    __table_args__ = (Index(None, "account_id", "disposed"), Index(None, "account_id", "ticker"))
    id: Mapped[int] = _key()
    account_id: Mapped[int] = _account()
    transaction_id: Mapped[int] = mapped_column(BIG, ForeignKey("transactions.id"))
    opened_by: Mapped[int | None] = mapped_column(BIG, ForeignKey("transactions.id"))
    ticker: Mapped[str] = mapped_column(String(200))
    subaccount: Mapped[int] = mapped_column(Integer)
    side: Mapped[str] = mapped_column(String(3))
    acquired: Mapped[datetime | None]
    disposed: Mapped[datetime]
    contracts: Mapped[Decimal]
    proceeds: Mapped[Decimal]
    basis: Mapped[Decimal]
    fees: Mapped[Decimal]


class NamedLot(Base):
    """The person's word: of this closing so many contracts come out of that lot."""

    __tablename__ = "named_lots"
    __table_args__ = (UniqueConstraint("account_id", "closing", "opening"),)
    id: Mapped[int] = _key()
    account_id: Mapped[int] = _account()
    closing: Mapped[str] = mapped_column(String(200))
    opening: Mapped[str] = mapped_column(String(200))
    contracts: Mapped[Decimal]


class Snapshot(Base):
    """What the account was worth at a moment. A value is missing where a position had no price."""

    __tablename__ = "snapshots"
    __table_args__ = (Index(None, "account_id", "time"),)
    id: Mapped[int] = _key()
    account_id: Mapped[int] = _account()
    time: Mapped[datetime]
    cash: Mapped[Decimal]
    resting: Mapped[Decimal]
    at_bid: Mapped[Decimal | None]
    at_middle: Mapped[Decimal | None]
    at_cost: Mapped[Decimal]


class SnapshotPosition(Base):
    """One market of a snapshot: signed contracts, and what all of them were worth in dollars."""

    __tablename__ = "snapshot_positions"
    snapshot_id: Mapped[int] = mapped_column(BIG, ForeignKey("snapshots.id", ondelete="CASCADE"), primary_key=True)
    ticker: Mapped[str] = mapped_column(String(200), primary_key=True)
    subaccount: Mapped[int] = mapped_column(Integer, primary_key=True)
    contracts: Mapped[Decimal]
    at_bid: Mapped[Decimal | None]
    at_middle: Mapped[Decimal | None]
    at_cost: Mapped[Decimal]


class Forecast(Base):
    """What the person believed of YES, beside the market's prices of that moment; ``value`` is what YES paid."""

    __tablename__ = "forecasts"
    __table_args__ = (Index(None, "account_id", "made"), Index(None, "account_id", "ticker"))
    id: Mapped[int] = _key()
    account_id: Mapped[int] = _account()
    ticker: Mapped[str] = mapped_column(String(200))
    title: Mapped[str]
    category: Mapped[str] = mapped_column(String(100), default="")
    made: Mapped[datetime]
    probability: Mapped[Decimal]
    bid: Mapped[Decimal | None]
    ask: Mapped[Decimal | None]
    fee: Mapped[str] = mapped_column(String(60), default="")
    note: Mapped[str] = mapped_column(default="")
    value: Mapped[Decimal | None]
    settled: Mapped[datetime | None]


class Alert(Base):
    """A condition that a person wants to hear of. ``version`` counts what was written of it, so that of two workers
    that see the same thing one writes; ``seen`` is what it has to remember between two looks."""

    __tablename__ = "alerts"
    __table_args__ = (Index(None, "account_id", "state"),)
    id: Mapped[int] = _key()
    account_id: Mapped[int] = _account()
    kind: Mapped[str] = mapped_column(String(40))
    ticker: Mapped[str] = mapped_column(String(200), default="")
    spec: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(20))
    created: Mapped[datetime]
    until: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, default=0)
    fired: Mapped[int] = mapped_column(Integer, default=0)
    last: Mapped[datetime | None]
    seen: Mapped[dict[str, Any]]


class AlertFiring(Base):
    """An alert that became true at ``time`` and was noticed at ``found``: one row a firing, however often it is worked
    on. ``shown`` is when a conversation was told."""

    __tablename__ = "alert_firings"
    __table_args__ = (UniqueConstraint("alert_id", "number"), Index(None, "account_id", "shown"))
    id: Mapped[int] = _key()
    account_id: Mapped[int] = _account()
    alert_id: Mapped[int] = mapped_column(BIG, ForeignKey("alerts.id"))
    number: Mapped[int] = mapped_column(Integer)
    time: Mapped[datetime]
    found: Mapped[datetime]
    said: Mapped[str]
    shown: Mapped[datetime | None]


class StandingOrder(Base):
    """A rule that sends orders later, as its person confirmed it.

    ``key`` was made with the plan, so that a confirmation makes one rule; ``due`` is when it is next to be looked at;
    ``spent`` and ``filled`` add up its runs.
    """

    __tablename__ = "standing_orders"
    __table_args__ = (Index(None, "account_id", "state"), UniqueConstraint("account_id", "key"))
    id: Mapped[int] = _key()
    account_id: Mapped[int] = _account()
    key: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(40))
    ticker: Mapped[str] = mapped_column(String(200))
    spec: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(20))
    created: Mapped[datetime]
    until: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, default=0)
    runs: Mapped[int] = mapped_column(Integer, default=0)
    due: Mapped[datetime | None]
    spent: Mapped[Decimal] = mapped_column(Money, default=0)
    filled: Mapped[Decimal] = mapped_column(Money, default=0)
    seen: Mapped[dict[str, Any]]
    said: Mapped[str] = mapped_column(default="")


class StandingRun(Base):
    """One run of a rule; its number makes the order's client_order_id. Whoever works on it holds it until a moment; who
    comes later first asks the exchange what became of it."""

    __tablename__ = "standing_runs"
    __table_args__ = (UniqueConstraint("standing_order_id", "number"), Index(None, "standing_order_id", "state"))
    id: Mapped[int] = _key()
    standing_order_id: Mapped[int] = mapped_column(BIG, ForeignKey("standing_orders.id"))
    number: Mapped[int] = mapped_column(Integer)
    time: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    client_order_id: Mapped[str] = mapped_column(String(80))
    worker: Mapped[str] = mapped_column(String(80))
    held_until: Mapped[datetime]
    ended: Mapped[datetime | None]
    order_id: Mapped[str] = mapped_column(String(200), default="")
    spent: Mapped[Decimal] = mapped_column(Money, default=0)
    filled: Mapped[Decimal] = mapped_column(Money, default=0)
    said: Mapped[str] = mapped_column(default="")


class Notification(Base):
    """The outbox: a message that is to reach a person by one channel, and what came of it. No address stands here."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index(None, "account_id", "state", "next_try"),
        UniqueConstraint("account_id", "reason", "channel"),
    )
    id: Mapped[int] = _key()
    account_id: Mapped[int] = _account()
    reason: Mapped[str] = mapped_column(String(200))
    channel: Mapped[str] = mapped_column(String(80))
    importance: Mapped[str] = mapped_column(String(10))
    title: Mapped[str]
    body: Mapped[str]
    state: Mapped[str] = mapped_column(String(20))
    tries: Mapped[int] = mapped_column(Integer, default=0)
    created: Mapped[datetime]
    next_try: Mapped[datetime]
    worker: Mapped[str] = mapped_column(String(80), default="")
    sent_with: Mapped[int | None] = mapped_column(BIG)
    done: Mapped[datetime | None]
    said: Mapped[str] = mapped_column(default="")


class Job(Base):
    """How the jobs of a worker go: ``failures`` in a row, ``failed`` in all, ``took`` milliseconds."""

    __tablename__ = "jobs"
    account_id: Mapped[int] = mapped_column(BIG, ForeignKey("accounts.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    runs: Mapped[int] = mapped_column(BIG, default=0)
    failed: Mapped[int] = mapped_column(BIG, default=0)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    ended: Mapped[datetime | None]
    done: Mapped[datetime | None]
    took: Mapped[int] = mapped_column(BIG, default=0)
    worker: Mapped[str] = mapped_column(String(80), default="")
    said: Mapped[str] = mapped_column(default="")


class Worker(Base):
    """A worker that is, or was, at work for an account."""

    __tablename__ = "workers"
    account_id: Mapped[int] = mapped_column(BIG, ForeignKey("accounts.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    within: Mapped[str] = mapped_column(String(20))
    version: Mapped[str] = mapped_column(String(40))
    started: Mapped[datetime]
    seen: Mapped[datetime]


class Price(Base):
    """The last prices of watched markets, for what is told when nothing else is running."""

    __tablename__ = "prices"
    account_id: Mapped[int] = mapped_column(BIG, ForeignKey("accounts.id"), primary_key=True)
    ticker: Mapped[str] = mapped_column(String(200), primary_key=True)
    time: Mapped[datetime]
    bid: Mapped[Decimal | None]
    ask: Mapped[Decimal | None]
    last: Mapped[Decimal | None]


class Setting(Base):
    """What a person chose for an account, like the method of its lots."""

    __tablename__ = "settings"
    account_id: Mapped[int] = mapped_column(BIG, ForeignKey("accounts.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[str]


def in_units(model: type[Base]) -> TableClause:
    """The table as it lies there, for rows by the hundred thousand: money and times are integers already."""
    return table(
        model.__tablename__,
        *(
            column(c.name, BigInteger() if isinstance(c.type, Money | Moment) else c.type)
            for c in model.__table__.columns
        ),
    )
