"""``/paper/…``: what only the paper exchange has. Faults, its clock, its hours, deposits, and a glance at the account.

A browser must not be able to change anything from some web page, so changes need a header that no page can send
unasked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from prediction_mcp.kalshi.units import format_dollars, parse_dollars

from ..engine.changes import DepositStatus
from ..engine.ledger import Account
from ..engine.rejection import RejectionError
from ..faults import KINDS, Rule
from ..simulation import Exchange
from ..world.clock import MAX_TIME_S, Clock
from .kalshi.wire import moment

Json = dict[str, Any]
CONTROL_HEADER = "x-paper-control"
MAX_STEP_SECONDS = 30 * 86_400
MAX_DEPOSIT = 10**15
"""Micros, all deposits together: a billion dollars is enough to learn with."""


class FaultSetting(msgspec.Struct, forbid_unknown_fields=True):
    """Rules replace those in force; the two states are left alone when not named.

    ``shards``: the shards that the states are of; the whole exchange, if none is named.
    """

    rules: list[Rule] | None = None
    paused: bool | None = None
    maintenance: bool | None = None
    shards: list[int] | None = None


class ClockSetting(msgspec.Struct, forbid_unknown_fields=True):
    """Another speed, a step forward, or both."""

    speed: float | None = None
    step_seconds: float = 0.0


class HoursSetting(msgspec.Struct, forbid_unknown_fields=True):
    """Whether trading pauses every Thursday, and announced windows as [start, end] in Unix seconds."""

    weekly: bool | None = None
    windows: list[tuple[int, int]] | None = None


class DepositSetting(msgspec.Struct, forbid_unknown_fields=True):
    dollars: str
    account: str = "you"
    status: DepositStatus = "applied"


def routes(exchange: Exchange) -> list[Route]:
    """The control endpoints of an exchange."""

    def route(
        path: str, show: Callable[[], Json], change: Callable[[bytes], None], undo: Callable[[], None] | None = None
    ) -> Route:
        async def handle(request: Request) -> Response:
            if request.method != "GET" and request.headers.get(CONTROL_HEADER) != "1":
                return _refusal(403, "forbidden", f"send the header {CONTROL_HEADER}: 1")
            try:
                if request.method == "DELETE" and undo is not None:
                    undo()
                elif request.method in ("PUT", "POST"):
                    change(await request.body())
                exchange.sync()
            except (msgspec.DecodeError, RecursionError, ValueError, LookupError) as error:
                return _refusal(400, "invalid_parameters", str(error))
            return Response(orjson.dumps(show()), media_type="application/json")

        return Route(path, handle, methods=["GET", "PUT", "POST", *(["DELETE"] if undo else [])])

    control = _Control(exchange)
    return [
        route("/paper/faults", control.faults, control.set_faults, control.no_faults),
        route("/paper/clock", control.time, control.set_time),
        route("/paper/hours", control.hours, control.set_hours),
        route("/paper/account", control.account, control.deposit),
    ]


class _Control:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    # -- faults ------------------------------------------------------------------------------------------------

    def faults(self) -> Json:
        exchange = self._exchange
        return {
            "rules": [asdict(rule) for rule in exchange.faults.rules],
            "struck": exchange.faults.struck,
            "paused": exchange.paused,
            "maintenance": exchange.down,
            "paused_shards": sorted(exchange.paused_shards),
            "shards_in_maintenance": sorted(exchange.down_shards),
            "kinds": KINDS,
        }

    def set_faults(self, body: bytes) -> None:
        setting, exchange = msgspec.json.decode(body, type=FaultSetting), self._exchange
        shards = set(setting.shards or ())
        if not shards <= set(exchange.shards):
            raise ValueError(f"the shards are {', '.join(map(str, exchange.shards))}")
        if setting.rules is not None:
            exchange.faults.rules[:] = setting.rules
        if setting.paused is not None:
            (exchange.pause if setting.paused else exchange.resume)(shards)
        if setting.maintenance is None:
            return
        if not shards:
            exchange.down = setting.maintenance
        exchange.down_shards -= shards or exchange.down_shards
        if setting.maintenance:
            exchange.down_shards |= shards

    def no_faults(self) -> None:
        self._exchange.faults.rules.clear()
        self._exchange.down = False
        self._exchange.down_shards.clear()
        self._exchange.resume()

    # -- time --------------------------------------------------------------------------------------------------

    def _clock(self) -> Clock:
        clock = self._exchange.clock
        if isinstance(clock, Clock):
            return clock
        raise LookupError("this exchange runs by the clock of whoever made it")

    def time(self) -> Json:
        clock = self._exchange.clock
        return {"time": moment(clock()), "speed": clock.speed if isinstance(clock, Clock) else 1.0}

    def set_time(self, body: bytes) -> None:
        """Everything that falls due in a step has happened when the answer comes."""
        setting, clock = msgspec.json.decode(body, type=ClockSetting), self._clock()
        if not 0 <= setting.step_seconds <= MAX_STEP_SECONDS:
            raise ValueError(f"step_seconds lies between 0 and {MAX_STEP_SECONDS}")
        if setting.speed is not None:
            clock.speed = setting.speed
        if setting.step_seconds:
            clock.step(round(setting.step_seconds * 1000))
            self._exchange.advance(with_crowd=self._exchange.with_crowd)

    def hours(self) -> Json:
        hours = self._exchange.hours
        windows = [[start // 1000, end // 1000] for start, end in hours.windows]
        return {"weekly": hours.weekly, "windows": windows, "paused": self._exchange.paused}

    def set_hours(self, body: bytes) -> None:
        setting = msgspec.json.decode(body, type=HoursSetting)
        windows = setting.windows or []
        if any(not 0 <= start < end <= MAX_TIME_S for start, end in windows):
            raise ValueError("a window ends after it starts; both are Unix seconds, no later than the year 9999")
        if setting.weekly is not None:
            self._exchange.hours.weekly = setting.weekly
        if setting.windows is not None:
            self._exchange.hours.windows[:] = [(start * 1000, end * 1000) for start, end in windows]
        self._exchange.apply_hours()

    # -- money -------------------------------------------------------------------------------------------------

    def _member(self, name: str) -> Account:
        member = self._exchange.engine.accounts.get(name)
        if member is None or not member.keeps_history:
            raise LookupError(f"there is no account {name!r}")
        return member

    def account(self) -> Json:
        """Every member's account at a glance."""
        accounts = self._exchange.engine.accounts.values()
        return {"accounts": [summary(a) for a in accounts if a.keeps_history and a.home is a]}

    def deposit(self, body: bytes) -> None:
        setting = msgspec.json.decode(body, type=DepositSetting)
        deposit(self._exchange, self._member(setting.account), setting.dollars, setting.status)


def summary(account: Account) -> Json:
    """An account at a glance, over all shards; ``shards`` is what is available on each that it uses."""
    accounts = account.shards.values()
    return {
        "account": account.account_id,
        "cash_dollars": format_dollars(sum(a.cash for a in accounts)),
        "available_dollars": format_dollars(sum(a.available for a in accounts)),
        "deposited_dollars": format_dollars(account.deposited),
        "shards": {str(a.shard): format_dollars(a.available) for a in account.in_use},
        "positions": sum(1 for a in accounts for holding in a.holdings.values() if holding.position),
        "resting_orders": sum(1 for order in account.orders.values() if order.status == "resting"),
    }


def deposit(exchange: Exchange, account: Account, dollars: str, status: DepositStatus = "applied") -> None:
    """Add paper money, or list a deposit that is pending or failed.

    Raises:
        ValueError: the amount isn't positive, not in whole cents, or not modest.
    """
    micros = parse_dollars(dollars)
    if micros <= 0 or micros % 10_000:
        raise ValueError("a deposit is positive, in whole cents")
    if account.deposited + micros > MAX_DEPOSIT:
        raise ValueError("a billion paper dollars is the most an account can be given")
    exchange.deposit(account, micros, status)


def _refusal(status: int, code: str, message: str) -> Response:
    body = RejectionError(code, message, status).body
    return Response(orjson.dumps(body), status, media_type="application/json")
