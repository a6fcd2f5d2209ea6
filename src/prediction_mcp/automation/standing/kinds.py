"""What a standing order may be, what each kind needs, and when its price is reached. Prices are dollars of its side."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from prediction_mcp.kalshi.errors import InvalidOrderError
from prediction_mcp.net.sides import Action, Side
from prediction_mcp.net.words import cents, printed

from ..board import Figure, Watcher
from .timing import checked

RuleKind = Literal["recurring", "stop_loss", "take_profit", "bracket", "trailing_stop", "entry", "twap"]
On = Literal["bid", "ask", "last", "middle"]
EXITS: frozenset[RuleKind] = frozenset({"stop_loss", "take_profit", "bracket", "trailing_stop"})
"""Kinds that only sell what is held."""
TRIGGERED: frozenset[RuleKind] = EXITS | {"entry"}
"""Kinds that wait for a price."""
ONE = Decimal(1)
MOST_RUNS, MOST_SLICES = 10_000, 1_000
LONGEST_HOLD_S, LONGEST_TWAP_S = 86_400, 30 * 86_400
TICK = Decimal("0.0001")
_OPPOSITE: dict[On, Figure] = {"bid": "ask", "ask": "bid", "last": "last", "middle": "middle"}


class RuleSpec(BaseModel):
    """A standing order's terms, as they were confirmed. Dollars of the side traded, contracts, seconds.

    Attributes:
        count: contracts: of each run (recurring), in all (entry, twap), at most of what is held (exits).
        dollars: to spend a run instead of a count, fees included.
        price: the worst price an order may trade at; None takes any.
        stop, take: sell once the price is at or below, at or above.
        trail: sell once the price is this far below its highest.
        at, rising: entry once the price is at or below, or at or above where it is to rise.
        on: which price of the side is looked at; hold_s: how long it must stay.
        every, start, max_runs, max_total: of what recurs; max_total is dollars in all, fees included.
        over_s, slices, share: of a twap; share is the part of the market's volume that it stays under.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: RuleKind
    ticker: str
    side: Side
    action: Action
    count: Decimal | None = None
    dollars: Decimal | None = None
    price: Decimal | None = None
    stop: Decimal | None = None
    take: Decimal | None = None
    trail: Decimal | None = None
    at: Decimal | None = None
    rising: bool = False
    on: On = "bid"
    hold_s: int = 0
    every: str = ""
    start: datetime | None = None
    max_runs: int | None = None
    max_total: Decimal | None = None
    over_s: int = 0
    slices: int = 0
    share: Decimal | None = None
    title: str = ""
    """The market's, as it was called when the rule was made."""

    @property
    def stored(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"kind", "ticker"})

    @property
    def step(self) -> timedelta:
        """Between two slices."""
        return timedelta(seconds=self.over_s / max(self.slices, 1))


_TAKES: dict[RuleKind, tuple[frozenset[str], frozenset[str]]] = {
    # kind: (needs, may have beside)
    "recurring": (frozenset({"every"}), frozenset({"count", "dollars", "price", "start", "max_runs", "max_total"})),
    "stop_loss": (frozenset({"stop"}), frozenset({"count", "price"})),
    "take_profit": (frozenset({"take"}), frozenset({"count", "price"})),
    "bracket": (frozenset({"stop", "take"}), frozenset({"count", "price"})),
    "trailing_stop": (frozenset({"trail"}), frozenset({"count", "price"})),
    "entry": (frozenset({"at", "count"}), frozenset({"price", "rising"})),
    "twap": (frozenset({"count", "over_s", "slices"}), frozenset({"price", "share"})),
}
_ALWAYS = frozenset({"kind", "ticker", "side", "action", "on", "hold_s", "title"})
_CALLED = {"over_s": "minutes", "at": "trigger", "hold_s": "hold_seconds"}


def checked_spec(spec: RuleSpec, *, bounded: bool) -> RuleSpec:
    """A rule that makes sense, or the first thing that doesn't; ``bounded``: a date ends it.

    Raises:
        InvalidOrderError: one sentence.
    """
    needs, may = _TAKES[spec.kind]
    given = {name for name in RuleSpec.model_fields if getattr(spec, name) != RuleSpec.model_fields[name].default}
    if missing := sorted(_CALLED.get(name, name) for name in needs - given):
        raise InvalidOrderError(f"A {spec.kind} rule needs {' and '.join(missing)}.")
    if extra := sorted(_CALLED.get(name, name) for name in given - needs - may - _ALWAYS):
        raise InvalidOrderError(f"A {spec.kind} rule has no {' or '.join(extra)}.")
    if spec.kind in EXITS and spec.action != "sell":
        raise InvalidOrderError(f"A {spec.kind} rule sells what you hold: action is sell.")
    for name in ("price", "stop", "take", "trail", "at"):
        value = getattr(spec, name)
        if value is not None and not 0 < value < 1:
            raise InvalidOrderError(f"{_CALLED.get(name, name)} is in cents, between 0 and 100.")
    if spec.count is not None and (spec.count <= 0 or spec.count != spec.count.to_integral_value()):
        raise InvalidOrderError("count is a whole number of contracts above 0.")
    if spec.stop is not None and spec.take is not None and spec.stop >= spec.take:
        raise InvalidOrderError(f"The stop ({cents(spec.stop)}) must lie below the profit taken ({cents(spec.take)}).")
    if not 0 <= spec.hold_s <= LONGEST_HOLD_S:
        raise InvalidOrderError(f"hold_seconds lies between 0 and {LONGEST_HOLD_S}.")
    if spec.hold_s and spec.kind not in TRIGGERED:
        raise InvalidOrderError(f"A {spec.kind} rule has no hold_seconds.")
    if spec.kind == "recurring":
        return _recurring(spec, bounded=bounded)
    if spec.kind == "twap":
        _twap(spec)
    return spec


def _recurring(spec: RuleSpec, *, bounded: bool) -> RuleSpec:
    if (spec.count is None) == (spec.dollars is None):
        raise InvalidOrderError("A recurring rule needs either count or dollars.")
    if spec.dollars is not None and (spec.action == "sell" or spec.dollars <= 0):
        raise InvalidOrderError("dollars are for buying, and above 0: give a count to sell.")
    if spec.max_total is not None and (spec.action == "sell" or spec.max_total <= 0):
        raise InvalidOrderError("max_total limits what buying may cost, and is above 0.")
    if spec.max_runs is not None and not 1 <= spec.max_runs <= MOST_RUNS:
        raise InvalidOrderError(f"max_runs lies between 1 and {MOST_RUNS}.")
    if spec.action == "buy" and spec.max_total is None and spec.max_runs is None and not bounded:
        raise InvalidOrderError("Say where it ends: until, max_runs, or max_total (dollars in all).")
    return spec.model_copy(update={"every": checked(spec.every)})


def _twap(spec: RuleSpec) -> None:
    if not 2 <= spec.slices <= MOST_SLICES:
        raise InvalidOrderError(f"slices lies between 2 and {MOST_SLICES}.")
    if not 60 <= spec.over_s <= LONGEST_TWAP_S:
        raise InvalidOrderError(f"minutes lies between 1 and {LONGEST_TWAP_S // 60}.")
    if spec.over_s / spec.slices < 1:
        raise InvalidOrderError("Slices are at least a second apart: give more minutes or fewer slices.")
    if spec.share is not None and not 0 < spec.share <= 1:
        raise InvalidOrderError("share is a part of the volume, above 0 and at most 1 (or 100%).")
    if spec.price is None and spec.action == "buy":
        raise InvalidOrderError("A twap that buys needs a price: the most a contract may cost.")


# -- when a price is reached ---------------------------------------------------------------------------------------


def as_side(spec: RuleSpec, value: Decimal) -> Decimal:
    """A figure of YES as the rule's side has it."""
    return value if spec.side == "yes" else ONE - value


def watcher_of(rule_id: int, spec: RuleSpec, seen: dict[str, Any]) -> Watcher | None:
    """What the board watches for a rule; None for kinds that wait for no price.

    A trailing stop also watches for a new high: a tick above the highest so far.
    """
    low, high = levels_of(spec, seen)
    if low is None and high is None:
        return None
    figure: Figure = spec.on if spec.side == "yes" else _OPPOSITE[spec.on]
    if spec.side == "no":
        low, high = None if high is None else ONE - high, None if low is None else ONE - low
    return Watcher(("rule", rule_id), spec.ticker, figure, low, high, seen.get("true"))


def levels_of(spec: RuleSpec, seen: dict[str, Any]) -> tuple[Decimal | None, Decimal | None]:
    """(at or below, at or above), in dollars of the rule's side: where something is to be done."""
    if spec.kind == "trailing_stop":
        if (highest := seen.get("highest")) is None:
            return ONE, Decimal(0)  # the first price that is seen begins it
        top = Decimal(highest)
        return top - (spec.trail or Decimal(0)), top + TICK
    if spec.kind == "entry":
        return (None, spec.at) if spec.rising else (spec.at, None)
    return spec.stop, spec.take


def reached(spec: RuleSpec, seen: dict[str, Any], value: Decimal) -> str | None:
    """What is reached at a price of the rule's side, in words; None for a price that only lifts a trailing stop."""
    low, high = levels_of(spec, seen)
    said = f"the {spec.on} of {spec.side} is {cents(value)}"
    if spec.kind == "trailing_stop":
        if seen.get("highest") is None or low is None or value > low:
            return None
        return f"{said}, {cents(spec.trail)} or more below its highest {cents(Decimal(seen['highest']))}"
    if low is not None and value <= low:
        return f"{said}, at or below {cents(low)}"
    if high is not None and value >= high:
        return f"{said}, at or above {cents(high)}"
    return None


def described(spec: RuleSpec) -> str:
    """The rule in a sentence without its market's words."""
    what = "all you hold" if spec.count is None and spec.dollars is None else ""
    what = what or (
        f"{printed(spec.count)} contracts" if spec.count is not None else f"${printed(spec.dollars or ONE)}"
    )
    order = f"{spec.action} {what} of {spec.side} in {spec.ticker}"
    held = f" for {spec.hold_s} s" if spec.hold_s else ""
    match spec.kind:
        case "recurring":
            when = f"every {spec.every}" if " " not in spec.every else f"by “{spec.every}” (cron, UTC)"
            order = order.replace("of ", "worth of ", 1) if spec.dollars is not None else order
            return f"{order}, {when}"
        case "stop_loss":
            return f"{order} once the {spec.on} is at or below {cents(spec.stop)}{held}"
        case "take_profit":
            return f"{order} once the {spec.on} is at or above {cents(spec.take)}{held}"
        case "bracket":
            return (
                f"{order} once the {spec.on} is at or below {cents(spec.stop)} or at or above {cents(spec.take)}{held}"
            )
        case "trailing_stop":
            return f"{order} once the {spec.on} is {cents(spec.trail)} below its highest{held}"
        case "entry":
            where = "at or above" if spec.rising else "at or below"
            return f"{order} once the {spec.on} is {where} {cents(spec.at)}{held}"
        case "twap":
            share = f", under {printed((spec.share or ONE) * 100)}% of the volume" if spec.share is not None else ""
            return f"{order} in {spec.slices} slices over {printed(Decimal(spec.over_s) / 60)} min{share}"
