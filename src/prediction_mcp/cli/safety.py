"""``halt``, ``resume``, ``limits``, ``journal``: for the person in charge, beside a running server or without one."""

from __future__ import annotations

import getpass
import json
import sqlite3
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from prediction_mcp.kalshi.errors import KalshiError
from prediction_mcp.safety.halt import WARNING, halt
from prediction_mcp.safety.records import Records
from prediction_mcp.server import connect
from prediction_mcp.settings import Settings, SettingsError, load_settings
from prediction_mcp.tools.context import limits_of

SHOWN = {"asked", "answered", "intent", "outcome", "halted", "resumed", "tightened", "loosened"}


async def halt_trading() -> int:
    """Refuse new orders from every server of this user, and cancel what rests; returns the exit code."""
    settings, console = load_settings(), Console(highlight=False, soft_wrap=True)
    records = _records(settings)
    try:
        if not settings.has_key:
            await halt(records, None, _who())
            console.print("Halted: no new orders. There is no API key, so nothing could be cancelled.")
            return 1
        try:
            async with connect(settings) as kalshi:
                done = await halt(records, kalshi, _who())
        except KalshiError as error:
            console.print(f"Halted: no new orders. What rests could NOT be cancelled ({error}): run halt again.")
            return 1
    finally:
        records.close()
    console.print(f"Halted: no new orders. Cancelled {done.cancelled} resting orders, {done.contracts:f} contracts.")
    if done.left:
        console.print(f"{done.left} orders still rest: run halt again.")
    console.print(f"{WARNING} “prediction-mcp resume” lets orders through again.")
    return 1 if done.left else 0


def resume_trading() -> None:
    """Let orders through again."""
    records = _records(load_settings())
    was = records.resume(_who())
    records.close()
    Console(highlight=False).print("Orders go through again." if was else "Trading wasn't halted.")


def show_limits(*, reset: bool) -> None:
    """What holds, and what was made tighter at run time; ``reset`` goes back to the settings."""
    settings, console = load_settings(), Console(highlight=False, soft_wrap=True)
    records = _records(settings)
    if reset:
        records.loosen()
        console.print("Back to the limits of the settings.")
    base, tightened = limits_of(settings), records.tightened()
    both, used = base.tightened(tightened), records.used("", time.time())
    table = Table(box=None)
    for heading in ("limit", "settings", "now"):
        table.add_column(heading)
    for name in both.__slots__:
        table.add_row(name, _said(getattr(base, name)), _said(getattr(both, name)))
    console.print(table)
    console.print(f"today (UTC): {used.day_orders} orders, ${used.day_spent:,.2f} spent or committed")
    if (halted := records.halted()) is not None:
        console.print(f"HALTED by {halted['by']} at {halted['at']}")
    records.close()


def show_journal(*, last: int, as_json: bool) -> None:
    """The newest lines of the journal, oldest first."""
    settings = load_settings()
    records = _records(settings)
    lines = [line for line in records.lines() if line["what"] in SHOWN][-last:]
    records.close()
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        for line in lines:
            console.out(json.dumps(line, ensure_ascii=False))
        return
    console.print(f"{records.folder / 'journal.jsonl'}", style="dim")
    for line in lines:
        console.out(f"{line['at'][:19]}Z  {line.get('id', '')[:8]:8}  {line['what']:9} {_told(line)}")


def _told(line: dict[str, Any]) -> str:
    """A line of the journal for a person."""
    if line["what"] == "intent":
        answer = f", confirmed by {line['answer']}" if line.get("answer") else ""
        return f"{line['tool']} {json.dumps(line['request'], ensure_ascii=False)} asked by {line['client']}{answer}"
    if line["what"] == "outcome":
        return f"{line['state']}: {line['outcome']}"
    if line["what"] == "asked":
        return f"{line['tool']}: {line['preview'].splitlines()[0]}"
    if line["what"] == "answered":
        return f"{line['answer']}{': ' + line['said'] if line.get('said') else ''}"
    return json.dumps(line.get("value") or line.get("by") or "", ensure_ascii=False)


def _said(value: Any) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "-"
    return "-" if value is None else f"{value:,}"


def _who() -> str:
    return f"{getpass.getuser()} at the command line"


def _records(settings: Settings) -> Records:
    if settings.safety_home is None:
        raise SettingsError("PAPER_KEEP is false, so there is no journal outside the session.")
    try:
        return Records(settings.safety_home)
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(f"The journal in {settings.safety_home} can't be used: {error}.") from None
