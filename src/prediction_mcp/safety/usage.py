"""What was used of the limits, as the index knows it."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace
from decimal import Decimal

from .limits import Used
from .plan import Resting, Stake

MICROS = 1_000_000
DEAL_S = 60.0
"""How long a quote that was taken or stood by counts beside the account's figures: until it is traded or void."""


def used(db: sqlite3.Connection, event: str, as_of: float, window_s: float) -> Used:
    """What was used of the limits. Orders since ``as_of`` aren't in the account's figures yet.

    ``window_s`` is how far back orders count that nobody was asked about.
    """
    now = time.time()
    day = now - now % 86_400
    (minute,) = db.execute("SELECT count(*) FROM orders WHERE at > ?", (now - 60,)).fetchone()
    (number, spent) = db.execute("SELECT count(*), coalesce(sum(cost), 0) FROM orders WHERE at >= ?", (day,)).fetchone()
    (unasked,) = db.execute(
        "SELECT coalesce(sum(amount), 0) FROM orders WHERE at > ? AND answer IS NULL AND state != 'refused'",
        (now - window_s,),
    ).fetchone()
    rows = db.execute(
        "SELECT cost, event, ticker, book_side, price, count, order_id FROM orders"
        " WHERE (state IN ('open', 'unknown') OR (state = 'done' AND closed > iif(kind = 'deal', ?, ?)))"
        " AND book_side != ''",
        (as_of - DEAL_S, as_of),
    ).fetchall()
    pending = tuple((r[2], Resting(r[3], Decimal(r[4]), Decimal(r[5]), r[6])) for r in rows if r[1] == event)
    return Used(minute, number, _dollars(spent), _dollars(sum(r[0] for r in rows)), pending, _dollars(unasked))


def closers(db: sqlite3.Connection) -> dict[str, dict[str, Decimal]]:
    """Orders that were taken as closing and may rest: {market: {order id: dollars they were weighed with}}."""
    found = dict[str, dict[str, Decimal]]()
    for ticker, order_id, cost in db.execute(
        "SELECT ticker, order_id, resting_cost FROM intents WHERE resting != '0' AND closing != '0'"
        " AND order_id != '' AND kind != 'cancel'"
    ):
        known = found.setdefault(ticker, {})
        known[order_id] = known.get(order_id, Decimal(0)) + _dollars(cost)
    return found


def closing_since(db: sqlite3.Connection, stake: Stake) -> Decimal:
    """Contracts of the same market and side that orders under way, or done since the stake was read, close."""
    rows = db.execute(
        "SELECT closing FROM orders WHERE ticker = ? AND book_side = ?"
        " AND (state IN ('open', 'unknown') OR (state = 'done' AND closed > ?))",
        (stake.ticker, stake.book_side, stake.as_of),
    )
    return sum((Decimal(closing) for (closing,) in rows), Decimal(0))


def weighed(db: sqlite3.Connection, stake: Stake) -> Stake:
    """An order that takes another's place: what that one was weighed with, as far as it was weighed here."""
    if not stake.replaces:
        return stake
    (number, cost) = db.execute(
        "SELECT count(*), coalesce(sum(resting_cost), 0) FROM intents WHERE order_id = ? AND kind != 'cancel'",
        (stake.replaces,),
    ).fetchone()
    return replace(stake, before=min(stake.before, _dollars(cost))) if number else stake


def _dollars(micros: int) -> Decimal:
    return Decimal(micros) / MICROS


def totals(db: sqlite3.Connection) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """(writes by kind and state, writes by what a person answered: accept, token, standing, none)."""
    states = {
        (kind, state): number
        for kind, state, number in db.execute("SELECT kind, state, count(*) FROM intents GROUP BY kind, state")
    }
    answers = dict(db.execute("SELECT coalesce(answer, 'none'), count(*) FROM intents GROUP BY 1").fetchall())
    return states, answers
