"""``halt``, ``resume``, ``limits``, ``journal``: for the person in charge, beside a running server or without one."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from prediction_mcp.connection import open_account, open_both
from prediction_mcp.desk.both import Both
from prediction_mcp.desk.kalshi.guarded import Guarded
from prediction_mcp.desk.polymarket.guarded import Guarded as Wallet
from prediction_mcp.net import deadline
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.safety.halt import UNREAD, WARNING, Cancels, cancel_everything, pull
from prediction_mcp.safety.journal import JournalError
from prediction_mcp.safety.limits import JOINS, Limits
from prediction_mcp.safety.records import Records
from prediction_mcp.safety.text import clean
from prediction_mcp.safety.told import SHOWN, told
from prediction_mcp.settings import Settings, SettingsError, load_settings

from .output import DONE, REFUSED, show
from .shapes import HaltDone, LimitLine, LimitsShown, Resumed, Settled


async def halt_trading(*, as_json: bool) -> int:
    """Refuse new orders from every server of this user, and cancel what rests; returns the exit code."""
    done, said = await _halt(load_settings())
    if as_json:
        show(done, as_json=True)
    else:
        console = Console(highlight=False, soft_wrap=True)
        for sentence in said:
            console.print(sentence)
    return DONE if done.halted and done.left == 0 else REFUSED


async def _halt(settings: Settings) -> tuple[HaltDone, list[str]]:
    """What was done, and the same in sentences."""
    records, problem, switched = None, None, "Halted: no new orders."
    halted, problems = True, list[str]()
    try:
        records, problem = pull(_home(settings), _who())
    except JournalError as error:
        switched, halted = f"The switch could NOT be pulled, running servers go on ({error}).", False
        problems.append(switched)
    try:
        trades_there = settings.has_polymarket and settings.has_wallet
        if not settings.has_key and not trades_there:
            problems.append("There is no API key, so nothing could be cancelled.")
            return HaltDone(halted=halted, problems=problems), [f"{switched} {problems[-1]}"]
        try:
            async with (
                deadline.within(deadline.LIMITS.write, UNREAD),
                _guarded(settings, both=trades_there) as guarded,
            ):
                done = await cancel_everything(guarded, records)
        except PlatformError as error:
            problems.append(f"What rests could NOT be cancelled ({error}): run halt again.")
            return HaltDone(halted=halted, problems=problems), [f"{switched} {problems[-1]}"]
    finally:
        if records is not None:
            records.close()
    said = [f"{switched} Cancelled {done.cancelled} resting orders, {done.contracts:f} contracts."]
    if problem is not None:
        problems.append(f"It is not all written down: {problem}")
    if done.left is None:
        problems.append(UNREAD)
    elif done.left:
        problems.append(f"{done.left} orders still rest: run halt again.")
    said += [text for text in problems if text != switched]
    said.append(f"{WARNING} “prediction-mcp resume” lets orders through again.")
    found = HaltDone(
        halted=halted, cancelled=done.cancelled, contracts=done.contracts, left=done.left, problems=problems
    )
    return found, said


@asynccontextmanager
async def _guarded(settings: Settings, *, both: bool) -> AsyncIterator[Cancels]:
    """What is cancelled: the account at Kalshi, and the wallet at Polymarket where that toolset is chosen."""
    if both:
        async with open_both(settings) as (account, wallet):
            yield Both(Guarded(account), Wallet(wallet))
    else:
        async with open_account(settings) as account:
            yield Guarded(account)


def resume_trading(*, as_json: bool) -> None:
    """Let orders through again."""
    records = _records(load_settings())
    was = records.resume(_who())
    records.close()
    if as_json:
        show(Resumed(was_halted=was), as_json=True)
        return
    Console(highlight=False).print("Orders go through again." if was else "Trading wasn't halted.")


def show_limits(*, reset: bool, as_json: bool) -> None:
    """What holds, and what was made tighter at run time; ``reset`` goes back to the settings."""
    settings, console = load_settings(), Console(highlight=False, soft_wrap=True)
    records = _records(settings)
    if reset:
        records.loosen()
        if not as_json:
            console.print("Back to the limits of the settings.")
    base, tightened = Limits.of(settings), records.tightened()
    both, used = base.tightened(tightened), records.used("", time.time())
    halted = records.halted()
    records.close()
    if as_json:
        lines = [LimitLine(limit=n, settings=_plain(getattr(base, n)), now=_plain(getattr(both, n))) for n in JOINS]
        by = None if halted is None else f"{halted['by']} at {halted['at']}"
        shown = LimitsShown(limits=lines, orders_today=used.day_orders, spent_today=used.day_spent, halted_by=by)
        show(shown, as_json=True)
        return
    table = Table(box=None)
    for heading in ("limit", "settings", "now"):
        table.add_column(heading)
    for name in JOINS:
        table.add_row(name, _said(getattr(base, name)), _said(getattr(both, name)))
    console.print(table)
    console.print(f"today (UTC): {used.day_orders} orders, ${used.day_spent:,.2f} spent or committed")
    if halted is not None:
        console.print(f"HALTED by {halted['by']} at {halted['at']}")


def show_journal(*, last: int, as_json: bool) -> None:
    """The newest lines of the journal, oldest first."""
    settings = load_settings()
    records = _records(settings)
    lines = [line for line in records.lines() if line["what"] in SHOWN][-last:]
    damaged, open_ones = records.damaged, records.unsettled()
    records.close()
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        for line in lines:
            console.out(json.dumps(line))
        return
    console.print(f"{records.file.path}", style="dim")
    for line in lines:
        console.out(clean(f"{str(line.get('at'))[:19]}Z  {_id(line)}  {line['what']:9} {told(line)}"))
    if damaged:
        console.print(f"{damaged} lines of the journal can't be read and were set aside.")
    for intent in open_ones:
        console.out(clean(f"of unknown fate: {intent.id[:8]} {intent.tool} {intent.ticker} {intent.which}"))


def settle_by_hand(prefix: str, *, as_json: bool) -> None:
    """Take a write of unknown fate off the list, after a person looked: it counts at its worst from then on."""
    records = _records(load_settings())
    try:
        intent = records.let_go(prefix, _who())
    except LookupError as error:
        raise SettingsError(str(error)) from None
    finally:
        records.close()
    if as_json:
        show(Settled(tool=intent.tool, which=intent.which), as_json=True)
        return
    Console(highlight=False).print(
        f"Let go of {intent.tool} {intent.which}: it counts at its worst against the limits, and holds up nothing."
    )


def _id(line: dict[str, Any]) -> str:
    return f"{str(line.get('id', ''))[:8]:8}"


def _plain(value: Any) -> str | float | list[str] | None:
    """A limit for a program: dollars and counts as numbers."""
    if isinstance(value, frozenset):
        return sorted(value)
    return float(value) if isinstance(value, int | Decimal) else value if value is None else str(value)


def _said(value: Any) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "-"
    return "-" if value is None else f"{value:,}"


def _who() -> str:
    return f"{getpass.getuser()} at the command line"


def _home(settings: Settings) -> Path:
    if settings.safety_home is None:
        raise SettingsError("PAPER_KEEP is false, so there is no journal outside the session.")
    return settings.safety_home


def _records(settings: Settings) -> Records:
    try:
        return Records(_home(settings))
    except JournalError as error:
        raise SettingsError(str(error)) from None
