"""What commands answer to programs: shapes that aren't a tool's."""

from __future__ import annotations

from typing import Any

from prediction_mcp.desk.results import Number, Result


class ErrorAnswer(Result):
    """Any command that failed, beside its exit code."""

    error: str


class Where(Result):
    where: str
    there: bool
    revision: str | None = None
    bytes: int | None = None


class Revision(Result):
    where: str
    revision: str | None = None
    needs: str
    fits: bool


class RevisionLine(Result):
    revision: str
    what: str


class Revisions(Result):
    revisions: list[RevisionLine]


class ToolLine(Result):
    name: str
    what: str
    writes: bool


class Tools(Result):
    """``context_bytes``: names, descriptions and input schemas."""

    mode: str
    context_bytes: int
    tools: list[ToolLine]


class HaltDone(Result):
    """``left`` orders still rest; absent where that couldn't be read."""

    halted: bool
    cancelled: int = 0
    contracts: Number | None = None
    left: int | None = None
    problems: list[str]


class Resumed(Result):
    was_halted: bool


class LimitLine(Result):
    limit: str
    settings: str | float | list[str] | None = None
    now: str | float | list[str] | None = None


class LimitsShown(Result):
    limits: list[LimitLine]
    orders_today: int
    spent_today: Number
    halted_by: str | None = None


class Settled(Result):
    tool: str
    which: str


class PaperStatus(Result):
    """Dollars. ``running`` in which process, at which address; absent where no server uses it.

    ``free_by_shard``: by number of the exchange's shard, where money was on more than one.
    """

    folder: str
    there: bool
    process: int | None = None
    url: str | None = None
    time: str | None = None
    cash: Number | None = None
    free: Number | None = None
    free_by_shard: dict[str, Number] | None = None
    deposited: Number | None = None
    positions: int | None = None
    resting_orders: int | None = None


class PaperCash(Result):
    cash: Number


class PaperGone(Result):
    gone: bool


class Listening(Result):
    """A paper exchange that runs; its key lies in a file, or stands here."""

    venue: str
    addresses: dict[str, str]
    key: dict[str, str]


class Shown(Result):
    """A line of ``watch``: one market as it is, each time something changed."""

    ticker: str
    state: str
    bids: list[tuple[Number, Number]]
    asks: list[tuple[Number, Number]]
    trades: list[dict[str, Any]]


class Serviced(Result):
    """Whether the system keeps a worker now, by which file, and what couldn't be done."""

    installed: bool
    file: str
    problems: list[str]


class Installed(Result):
    """Whether the server stands in the client's file now, and whether that was changed."""

    client: str
    file: str
    installed: bool
    changed: bool
    note: str
