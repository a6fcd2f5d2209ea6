"""The outbox: messages that are to reach a person, each once a channel, and what came of them. No address is here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from .ledger import Ledger
from .tables import Notification

Importance = Literal["low", "normal", "high"]
State = Literal["waiting", "sending", "delivered", "given_up"]


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be told. ``reason`` names what it is about: it is told once a reason and channel."""

    reason: str
    title: str
    body: str
    importance: Importance = "normal"


@dataclass(frozen=True, slots=True)
class Posted:
    """A message in the outbox."""

    id: int
    reason: str
    channel: str
    importance: str
    title: str
    body: str
    state: str
    tries: int
    created: datetime
    next_try: datetime
    done: datetime | None
    said: str
    sent_with: int | None
    """The message that stands for it, where several were gathered into one."""


_COLUMNS: tuple[Any, ...] = (
    Notification.id, Notification.reason, Notification.channel, Notification.importance, Notification.title,
    Notification.body, Notification.state, Notification.tries, Notification.created, Notification.next_try,
    Notification.done, Notification.said, Notification.sent_with,
)  # fmt: skip
OPEN = ("waiting", "sending")


async def put(
    connection: AsyncConnection, account: int, messages: Iterable[Message], channels: Sequence[str], now: datetime
) -> None:
    """Add messages within the transaction of what they are about, so that neither is there without the other."""
    rows = [
        {
            "account_id": account, "reason": message.reason, "channel": channel, "importance": message.importance,
            "title": message.title, "body": message.body, "state": "waiting", "created": now, "next_try": now,
        }
        for message in messages
        for channel in channels
    ]  # fmt: skip
    if rows:
        await connection.execute(insert(Notification), rows)


class Outbox:
    """The outbox of one account."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.database = ledger.database

    async def add(self, message: Message, channels: Sequence[str], now: datetime) -> None:
        """Add one by itself; one whose reason is there already is left as it is. Raises RecordsError."""
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            known = select(Notification.channel).where(
                Notification.account_id == account, Notification.reason == message.reason
            )
            there = set((await connection.execute(known)).scalars())
            await put(connection, account, [message], [name for name in channels if name not in there], now)

    async def waiting(self, channels: Sequence[str], now: datetime) -> list[Posted]:
        """What is to be sent by these channels now, oldest first; what died while it was sent comes again."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            query = select(*_COLUMNS).where(
                Notification.account_id == account, Notification.state.in_(OPEN), Notification.next_try <= now,
                Notification.channel.in_(channels),
            )  # fmt: skip
            return [Posted(*row) for row in await connection.execute(query.order_by(Notification.id).limit(1_000))]

    async def take(self, ids: Sequence[int], worker: str, now: datetime, until: datetime) -> list[int]:
        """Those of the messages that nobody else is sending: they are the worker's until a moment."""
        async with self.database.writing() as connection:
            account = await self.ledger.account_id(connection)
            taken = (
                update(Notification)
                .where(
                    Notification.account_id == account, Notification.id.in_(ids), Notification.state.in_(OPEN),
                    Notification.next_try <= now,
                )
                .values(state="sending", worker=worker, next_try=until, tries=Notification.tries + 1)
                .returning(Notification.id)
            )  # fmt: skip
            return sorted((await connection.execute(taken)).scalars())

    async def delivered(self, ids: Sequence[int], now: datetime) -> None:
        """They were sent, as one message; the first of them stands for it."""
        await self._end(ids, state="delivered", done=now, sent_with=min(ids), said="")

    async def failed(self, ids: Sequence[int], again: datetime | None, said: str, now: datetime) -> None:
        """They weren't; to be tried again at a moment, or given up."""
        if again is None:
            await self._end(ids, state="given_up", done=now, said=said)
        else:
            await self._end(ids, state="waiting", next_try=again, said=said)

    async def _end(self, ids: Sequence[int], **values: object) -> None:
        async with self.database.writing() as connection:
            await connection.execute(update(Notification).where(Notification.id.in_(ids)).values(**values))

    async def sent_since(self, channel: str, since: datetime) -> list[datetime]:
        """When messages left by a channel since a moment; what was gathered into one counts as one."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            query = select(Notification.done).where(
                Notification.account_id == account, Notification.channel == channel, Notification.done > since,
                Notification.state == "delivered", Notification.sent_with == Notification.id,
            )  # fmt: skip
            return [at for at in (await connection.execute(query.order_by(Notification.done))).scalars() if at]

    async def counts(self) -> dict[tuple[str, str], int]:
        """How many messages are in which state, by (channel, state)."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            query = select(Notification.channel, Notification.state, func.count()).where(
                Notification.account_id == account
            )
            found = await connection.execute(query.group_by(Notification.channel, Notification.state))
            return {(channel, state): number for channel, state, number in found}

    async def newest(self, limit: int = 50) -> list[Posted]:
        """The newest messages."""
        async with self.database.reading() as connection:
            account = await self.ledger.account_id(connection, make=False)
            query = select(*_COLUMNS).where(and_(Notification.account_id == account))
            return [
                Posted(*row) for row in await connection.execute(query.order_by(Notification.id.desc()).limit(limit))
            ]
