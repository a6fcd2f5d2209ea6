"""The account's statement as a file: every deposit, fill and settlement with its change of cash, then what is held."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from prediction_mcp.analytics.cashflow import Change, changes
from prediction_mcp.analytics.pnl import Ending
from prediction_mcp.analytics.positions import mark
from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.kalshi.models.portfolio import MarketPosition, Transfer
from prediction_mcp.net.words import printed

from ... import files
from .. import lookup
from ..held import positions_of
from .export_results import ExportAnswer, Format, Record, Row
from .reading import execution, history

if TYPE_CHECKING:
    import pyarrow

    from prediction_mcp.kalshi.models.markets import Market

    from ..account import Account

INLINE = 20_000
"""Bytes that are returned at most; more is for files."""
ZERO, CENT = Decimal(0), Decimal("0.01")


async def export(account: Account, kind: Format, path: str | None, folder: Path) -> ExportAnswer:
    """The statement, returned or written.

    Raises:
        InvalidRequestError: a path outside the folder, a file that is there, a statement too long to be returned,
            Parquet without its extra.
    """
    if path is None and kind == "parquet":
        raise InvalidRequestError("Parquet is for files: give a path, like portfolio.parquet.")
    if kind == "parquet" and find_spec("pyarrow") is None:
        raise InvalidRequestError("Parquet needs the extra: install prediction-mcp[data], or take csv.")
    target = None if path is None else files.place(path, kind, folder)
    rows, unexplained = await statement(account)
    data = await asyncio.to_thread(encode, rows, kind)
    answer = ExportAnswer(
        source=account.environment,
        format=kind,
        rows=len(rows),
        bytes=len(data),
        cash=sum((row.cash or ZERO for row in rows), ZERO),
        unexplained=unexplained or None,
        note="Part of the account's history isn't listed by the exchange." if unexplained else None,
    )
    if target is not None:
        await asyncio.to_thread(files.write_new, target, data)
        return answer.model_copy(update={"file": str(target)})
    if len(data) > INLINE:
        raise InvalidRequestError(
            f"The statement has {len(rows):,} rows ({len(data) // 1000} kB), too long to be read here: "
            f"give path=portfolio.{kind} and it is written to {folder}."
        )
    if kind == "csv":
        return answer.model_copy(update={"csv": data.decode()})
    return answer.model_copy(update={"statement": [_said(row) for row in rows]})


async def statement(account: Account) -> tuple[list[Row], Decimal]:
    """(rows oldest first and then positions, dollars by which their sum misses the account's cash)."""

    async def transfers() -> list[tuple[Record, Transfer]]:
        found: list[tuple[Record, Transfer]] = [("deposit", d) async for d in account.kalshi.portfolio.all_deposits()]
        found += [("withdrawal", w) async for w in account.kalshi.portfolio.all_withdrawals()]
        return [(record, t) for record, t in found if t.status == "applied"]

    await account.report(0, None)
    past, moved, positions = await asyncio.gather(history(account), transfers(), positions_of(account))
    await account.report(len(past.fills) + len(past.settlements), None)
    balance, resting, markets = await asyncio.gather(
        account.kalshi.portfolio.balance(),
        account.kalshi.portfolio.resting_value(),
        lookup.markets_of(account, (p.ticker for p in positions)),
    )
    rows = [_transfer(record, t) for record, t in moved]
    rows += [_changed(c) for c in changes(map(execution, past.fills), past.endings)]
    rows.sort(key=lambda row: row.time)
    rows += [_held(p, markets.get(p.ticker)) for p in positions]
    cash = sum((row.cash or ZERO for row in rows), ZERO)
    missing = balance.balance_dollars + Decimal(resting.total_resting_order_value) / 100 - cash
    return rows, missing if abs(missing) >= CENT else ZERO


def _transfer(record: Record, done: Transfer) -> Row:
    sign = 1 if record == "deposit" else -1
    cents = sign * done.amount_cents - done.fee_cents
    fee = Decimal(done.fee_cents) / 100
    return Row(
        _time(datetime.fromtimestamp(done.created_ts, UTC)),
        record,
        fee=fee,
        cash=_plain(Decimal(cents) / 100),
        id=done.id,
    )


def _changed(change: Change) -> Row:
    """A fill as people say it: it closes what was held, and only opens the other side where nothing was."""
    of, after = change.of, change.position
    if isinstance(of, Ending):
        return Row(
            _time(of.time), "settlement", of.ticker, price=of.value, cash=_plain(change.cash), position_after=after
        )
    bid = of.book_side == "bid"
    before = after - of.count if bid else after + of.count
    action, side = (
        ("sell", "no")
        if bid and before < 0
        else ("sell", "yes")
        if not bid and before > 0
        else ("buy", "yes" if bid else "no")
    )
    price = of.price if side == "yes" else 1 - of.price
    return Row(
        _time(of.time), "fill", of.ticker, side, action, _plain(of.count), _plain(price), _plain(of.fee),
        _plain(change.cash), _plain(after), id=of.id,
    )  # fmt: skip


def _held(position: MarketPosition, market: Market | None) -> Row:
    held, cost = position.position_fp, position.market_exposure_dollars
    value = mark(held, cost, *(market.yes_quotes if market else (None, None))).value
    return Row(
        _time(datetime.now(UTC)), "position", position.ticker, "yes" if held > 0 else "no", contracts=_plain(abs(held)),
        price=_plain(round(cost / abs(held), 6)), fee=_plain(position.fees_paid_dollars), position_after=_plain(held),
        value=None if value is None else _plain(value),
    )  # fmt: skip


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(number: Decimal) -> Decimal:
    """Without trailing zeros or an exponent; exact all the same."""
    return Decimal(printed(number))


# -- formats -----------------------------------------------------------------------------------------------------


def encode(rows: Sequence[Row], kind: Format) -> bytes:
    """The rows as a file's bytes."""
    if kind == "json":
        import orjson

        return orjson.dumps([_said(row) for row in rows], option=orjson.OPT_INDENT_2)
    if kind == "csv":
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
        return text.getvalue().encode()
    return _parquet(rows)


def _said(row: Row) -> dict[str, str]:
    """A row without what is empty; numbers as text, so that no reader makes floats of them."""
    return {name: str(cell) for name, cell in row._asdict().items() if cell is not None and cell != ""}


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    money = pa.decimal128(18, 6)
    kinds = {"contracts": money, "price": money, "fee": money, "cash": money, "position_after": money, "value": money}
    columns: dict[str, pyarrow.Array] = {}
    for at, name in enumerate(Row._fields):
        cells = [row[at] for row in rows]
        if name == "time":
            moments = [datetime.fromisoformat(str(cell)) for cell in cells]
            columns[name] = pa.array(moments, pa.timestamp("ms", tz="UTC"))
        else:
            columns[name] = pa.array([None if cell == "" else cell for cell in cells], kinds.get(name, pa.string()))
    into = io.BytesIO()
    pq.write_table(pa.table(columns), into)
    return into.getvalue()
