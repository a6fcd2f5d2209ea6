"""Lots of the account, worked out where something is new."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prediction_mcp.analytics.lots import METHODS, Book, Method, lots_of
from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.records.columns import from_micros, to_moment
from prediction_mcp.records.shelf import KeptClosing, KeptLot, Shelf, Trade, Work, groups

if TYPE_CHECKING:
    from .home import History


def known_method(name: str) -> Method:
    """A method by its name. Raises InvalidRequestError."""
    if name not in METHODS:
        raise InvalidRequestError(f"method must be one of {', '.join(METHODS)}, not {name!r}.")
    return name


async def refresh(history: History) -> Shelf:
    """Work out the lots of markets in which something is new, by the account's method; returns what has them."""
    shelf = Shelf(history.ledger)
    while (work := await shelf.work()) is not None:
        method, named = known_method(await shelf.method()), await shelf.named()
        lots, closings = await asyncio.to_thread(_rows, work, method, named)
        if await shelf.replace(work, lots, closings):
            break
    return shelf


def _rows(
    work: Work, method: Method, named: Mapping[str, Mapping[str, int]]
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    ids = {(f"{trade.subaccount}/{trade.ticker}", trade.key): trade.id for trade in work.trades}
    places = {f"{trade.subaccount}/{trade.ticker}": (trade.ticker, trade.subaccount) for trade in work.trades}
    lots, closings = list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    for group, book in lots_of(groups(work.trades), method, named).items():
        where = places[group]
        lots += [
            (
                ids[group, lot.key], *where, lot.side, to_moment(lot.acquired), lot.contracts, lot.basis, lot.left,
                lot.left_basis,
            )
            for lot in book.lots
        ]  # fmt: skip
        closings += [
            (
                ids[group, one.key], None if one.opened_by is None else ids[group, one.opened_by], *where, one.side,
                None if one.acquired is None else to_moment(one.acquired), to_moment(one.disposed), one.contracts,
                one.proceeds, one.basis, one.fees,
            )
            for one in book.closed
        ]  # fmt: skip
    return lots, closings


def closings_of(books: Mapping[str, Book], trades: list[Trade], since: datetime, until: datetime) -> list[KeptClosing]:
    """Closings of books that aren't kept, in a stretch of time."""
    places = {f"{trade.subaccount}/{trade.ticker}": trade for trade in trades}
    found = [
        KeptClosing(
            places[group].ticker, places[group].subaccount, one.side,
            None if one.acquired is None else to_moment(one.acquired), to_moment(one.disposed),
            one.contracts, one.proceeds, one.basis, one.fees,
        )
        for group, book in books.items()
        for one in book.closed
        if since <= one.disposed < until
    ]  # fmt: skip
    return sorted(found, key=lambda one: one.disposed)


def lots_in(books: Mapping[str, Book], trades: list[Trade]) -> list[KeptLot]:
    """What is open in books that aren't kept."""
    places = {f"{trade.subaccount}/{trade.ticker}": trade for trade in trades}
    found = [
        KeptLot(
            lot.key, places[group].ticker, places[group].subaccount, lot.side, lot.acquired, from_micros(lot.left),
            from_micros(lot.left_basis),
        )
        for group, book in books.items()
        for lot in book.lots
    ]  # fmt: skip
    return sorted(found, key=lambda lot: lot.acquired)
