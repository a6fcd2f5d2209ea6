"""The records brought up to date, and held against the account's cash.

Trades are read in stretches of time, oldest first; each stretch and the mark that says it is complete are written in
one transaction. A process that dies leaves whole stretches, and the next sync begins a little before the mark: what is
there already isn't written again.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from prediction_mcp.records.entries import Kind

from ..held import cash_of
from .reading import TooManyError, moved, traded

if TYPE_CHECKING:
    from ..account import Account
    from .home import History

BEGINNING = 1_609_459_200
"""2021: there was no exchange before."""
OVERLAP_S = 300
"""Seconds that are read again: a fill may be listed later than one after it."""
AT_ONCE = 20_000
"""Fills of one stretch: they are in memory together. Of more, the newest half is left for a later stretch."""
AHEAD = timedelta(days=1)
TRIES = 4
PAUSE_S = 1.5
"""Between two looks at an account that is trading."""
ZERO, CENT = Decimal(0), Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Synced:
    """Rows that came new, up to when everything is here, and since when a settlement waits for its fills."""

    rows: int
    until: datetime
    waiting: datetime | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """Dollars by the records, and by the exchange: free, held by resting orders, less collateral paid back early."""

    rows: int
    recorded: Decimal
    free: Decimal
    resting: Decimal
    returned: Decimal
    until: datetime

    @property
    def missing(self) -> Decimal:
        """Dollars that the account has and the rows don't say; what rests is known to the cent only."""
        off = self.free + self.resting - self.returned - self.recorded
        return ZERO if self.resting and abs(off) < CENT else off


async def sync(history: History) -> Synced:
    """Read what is new from the exchange and write it. Raises KalshiError, RecordsError; what was written stays."""
    account, ledger = history.account, history.ledger
    until = (await account.kalshi.exchange.user_data_timestamp()).as_of_time.astimezone(UTC)
    if account.environment != "paper":  # whose time may be put forward
        until = no_later(until, datetime.now(UTC))
    known = await ledger.progress()
    rows, waiting = 0, None

    money = min((known[kind] for kind in ("deposit", "withdrawal", "transfer") if kind in known), default=None)
    since = datetime.fromtimestamp(BEGINNING, UTC) if money is None else money
    reached: dict[Kind, datetime] = {"deposit": until, "withdrawal": until, "transfer": until}
    rows += (await ledger.add(await moved(account, since, OVERLAP_S), reached, until)).rows

    trades = min((known[kind] for kind in ("fill", "settlement") if kind in known), default=None)
    low = BEGINNING if trades is None else math.floor(trades.timestamp()) - OVERLAP_S
    ends = list[int]()  # of stretches, the next one last; the open end comes after all of them
    while True:
        high = ends[-1] if ends else None
        top = math.ceil(until.timestamp()) if high is None else high
        try:
            most = AT_ONCE if top - low > 1 else None  # of one second whatever there is
            entries = await traded(account, low, high, most)
        except TooManyError as error:
            ends.append(max(top - max(math.ceil(error.seconds / 2), 1), low + 1))
            continue
        upto = until if high is None else datetime.fromtimestamp(high, UTC)
        added = await ledger.add(entries, {"fill": upto, "settlement": upto}, until)
        rows, waiting = rows + added.rows, added.waiting or waiting
        await account.report(rows, None)
        if high is None:
            return Synced(rows, until, waiting)
        low = ends.pop()


def no_later(told: datetime, now: datetime) -> datetime:
    """Up to when an exchange says that everything is shown, but not beyond a day from now.

    What is read up to then isn't read again: a clock of theirs that once ran ahead must not hide what comes later.
    """
    return min(told, now + AHEAD)


async def check(history: History) -> Checked:
    """Sync, and hold the sum of all rows against the account's cash.

    While orders fill between two reads both can't agree: it is looked at up to four times.
    """
    for left in reversed(range(TRIES)):
        before = await _cash(history.account)
        synced = await sync(history)
        sums, rows = await history.ledger.sums(), await history.ledger.count()
        free, resting, returned = await _cash(history.account)
        found = Checked(rows, sum(sums.values(), ZERO), free, resting, returned, synced.until)
        if (free, resting, returned) == before and not found.missing:
            break
        if left:
            await asyncio.sleep(PAUSE_S)
    return found


async def _cash(account: Account) -> tuple[Decimal, Decimal, Decimal]:
    """(free, held by resting orders, collateral paid back early) in dollars, over all subaccounts and shards."""
    portfolio = account.kalshi.portfolio
    cash, resting = await asyncio.gather(cash_of(account), portfolio.resting_value())
    returned = ZERO
    for number in cash.subaccounts:
        page = await portfolio.positions(subaccount=number, limit=1000)
        while True:
            returned += sum((p.market_exposure_dollars for p in page.market_positions), ZERO)
            returned -= sum((e.event_exposure_dollars for e in page.event_positions), ZERO)
            if not page.cursor:
                break
            page = await portfolio.positions(subaccount=number, limit=1000, cursor=page.cursor)
    return cash.total, Decimal(resting.total_resting_order_value) * CENT, returned
