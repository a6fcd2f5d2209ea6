"""What can be told of, what each kind needs, and how it is said. A rule here is the tool's and the command's alike."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from prediction_mcp.kalshi.errors import InvalidRequestError
from prediction_mcp.net.words import cents, printed
from prediction_mcp.records.outbox import Importance

from ..board import Figure, Watcher

AlertKind = Literal[
    "price_above", "price_below", "price_moved", "spread_under", "volume_over", "order_filled", "closes_within",
    "determined", "settled", "portfolio_above", "portfolio_below", "day_profit", "day_loss", "exposure_over",
    "new_market", "arbitrage", "exchange_paused", "feed_down",
]  # fmt: skip
OF_PRICE: frozenset[AlertKind] = frozenset({"price_above", "price_below", "price_moved", "spread_under", "volume_over"})
"""Kinds that a quote decides."""
OF_STATE: frozenset[AlertKind] = frozenset({"closes_within", "determined", "settled"})
"""Kinds that a market's times and status decide."""
OF_ACCOUNT: frozenset[AlertKind] = frozenset(
    {"portfolio_above", "portfolio_below", "day_profit", "day_loss", "exposure_over"}
)
"""Kinds that the account's worth decides."""
_IN_CENTS: frozenset[AlertKind] = frozenset({"price_above", "price_below", "price_moved", "spread_under", "arbitrage"})
_NEEDS_VALUE = OF_PRICE | OF_ACCOUNT | {"closes_within", "arbitrage", "feed_down"}
_NEEDS_TICKER = OF_PRICE | OF_STATE
_TAKES_TICKER = _NEEDS_TICKER | {"order_filled"}
MOST = 20_000
"""Alerts of one account that may be active."""
LONGEST_HOURS, LONGEST_SECONDS = 24 * 366, 86_400


class AlertSpec(BaseModel):
    """A condition. ``value`` is dollars of YES, dollars, contracts, hours or seconds, as its kind has it.

    Attributes:
        on: which price is looked at.
        words: all of them stand in a new market's title or ticker; or the event, series or category to scan.
        order_id: the order whose fills are told.
        pause_s: seconds after a firing in which it isn't told again; None tells once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: AlertKind
    ticker: str = ""
    value: Decimal | None = None
    on: Figure = "middle"
    words: str = ""
    order_id: str = ""
    pause_s: int | None = None
    importance: Importance = "normal"
    note: str = ""
    title: str = ""
    """The market's, as it was called when the alert was made."""

    @property
    def stored(self) -> dict[str, Any]:
        """As JSON has it, without what is as always."""
        return self.model_dump(mode="json", exclude_defaults=True)


def made(
    kind: AlertKind, ticker: str | None, value: Decimal | None, words: str | None, order_id: str | None, **more: Any
) -> AlertSpec:
    """A checked condition; ``value`` as people say it: cents, dollars, contracts, hours, seconds by kind.

    Raises:
        InvalidRequestError: one sentence about what is missing or can't be.
    """
    if kind in _NEEDS_TICKER and not ticker:
        raise InvalidRequestError(f"An alert of {kind} needs a ticker.")
    if ticker and kind not in _TAKES_TICKER:
        raise InvalidRequestError(f"An alert of {kind} isn't about one market: leave ticker out.")
    if (value is None) == (kind in _NEEDS_VALUE):
        wanted = "needs a value" if value is None else "takes no value"
        raise InvalidRequestError(f"An alert of {kind} {wanted}.")
    if kind in ("new_market", "arbitrage") and not (words or "").strip():
        raise InvalidRequestError(
            f"An alert of {kind} needs words: "
            + ("what its title holds." if kind == "new_market" else "an event or series ticker, or a category.")
        )
    if words and kind not in ("new_market", "arbitrage"):
        raise InvalidRequestError(f"An alert of {kind} takes no words.")
    if order_id and kind != "order_filled":
        raise InvalidRequestError(f"An alert of {kind} takes no order_id.")
    return AlertSpec(
        kind=kind, ticker=ticker or "", value=_units(kind, value), words=(words or "").strip(), order_id=order_id or "",
        **more,
    )  # fmt: skip


def _units(kind: AlertKind, value: Decimal | None) -> Decimal | None:
    """A value in the units it is kept in. Raises InvalidRequestError where it can't be one."""
    if value is None:
        return None
    if kind in _IN_CENTS:
        if not 0 < value < 100:
            raise InvalidRequestError(f"The value of {kind} is in cents, between 0 and 100, not {printed(value)}.")
        if value < 1 and kind in ("price_above", "price_below"):
            raise InvalidRequestError(
                f"{printed(value)} is {printed(value)}¢, which no alert is likely to mean: for {printed(value * 100)}¢ "
                f"say {printed(value * 100)}."
            )
        return value / 100
    if kind == "closes_within" and not 0 < value <= LONGEST_HOURS:
        raise InvalidRequestError(f"The value of closes_within is hours, up to {LONGEST_HOURS}, not {printed(value)}.")
    if kind == "feed_down" and not 1 <= value <= LONGEST_SECONDS:
        raise InvalidRequestError(f"The value of feed_down is seconds, 1 to {LONGEST_SECONDS}, not {printed(value)}.")
    if value <= 0 and kind not in ("portfolio_above", "portfolio_below"):
        raise InvalidRequestError(f"The value of {kind} must be above 0.")
    return value


def watcher_of(alert_id: int, spec: AlertSpec, seen: dict[str, Any]) -> Watcher:
    """A condition on prices for the board; what it was when it was last seen comes with it."""
    key, value = ("alert", alert_id), spec.value
    assert value is not None  # noqa: S101 - kinds of prices have one
    was = seen.get("true")
    if spec.kind == "price_above":
        return Watcher(key, spec.ticker, spec.on, high=value, was=was)
    if spec.kind == "price_below":
        return Watcher(key, spec.ticker, spec.on, low=value, was=was)
    if spec.kind == "spread_under":
        return Watcher(key, spec.ticker, "spread", low=value, was=was)
    if spec.kind == "volume_over":
        return Watcher(key, spec.ticker, "volume", high=value, was=was)
    anchor = seen.get("anchor")
    if anchor is None:  # the first price that is seen becomes the anchor: anything counts as reaching it
        return Watcher(key, spec.ticker, spec.on, low=Decimal(1), high=Decimal(0))
    return Watcher(key, spec.ticker, spec.on, low=Decimal(anchor) - value, high=Decimal(anchor) + value, was=False)


def described(spec: AlertSpec) -> str:
    """The condition in words."""
    where, value = spec.ticker, spec.value or Decimal(0)
    price = {"bid": "bid", "ask": "ask", "last": "last price", "middle": "middle"}.get(spec.on, spec.on)
    match spec.kind:
        case "price_above":
            return f"{where}: {price} at or above {cents(value)}"
        case "price_below":
            return f"{where}: {price} at or below {cents(value)}"
        case "price_moved":
            return f"{where}: {price} moved by {cents(value)}"
        case "spread_under":
            return f"{where}: spread at or under {cents(value)}"
        case "volume_over":
            return f"{where}: {printed(value)} contracts traded"
        case "order_filled":
            return (
                f"order {spec.order_id} filled"
                if spec.order_id
                else f"an order filled{f' in {where}' if where else ''}"
            )
        case "closes_within":
            return f"{where}: closes within {printed(value)} h"
        case "determined" | "settled":
            return f"{where}: {spec.kind}"
        case "portfolio_above" | "portfolio_below":
            return f"account worth at or {spec.kind.removeprefix('portfolio_')} ${value:,.2f}"
        case "day_profit" | "day_loss":
            return f"the day's {spec.kind.removeprefix('day_')} at or over ${value:,.2f}"
        case "exposure_over":
            return f"positions cost ${value:,.2f} or more"
        case "new_market":
            return f"a new market with “{spec.words}”"
        case "arbitrage":
            return f"arbitrage of {cents(value)} or more after fees in {spec.words}"
        case "exchange_paused":
            return "the exchange paused"
        case "feed_down":
            return f"the live feed down for {printed(value)} s"


def reached(spec: AlertSpec, value: Decimal, anchor: Decimal | None = None) -> str:
    """What a quote did, in words."""
    if spec.kind == "price_moved" and anchor is not None:
        return f"{spec.ticker}: {spec.on} moved from {cents(anchor)} to {cents(value)}"
    if spec.kind == "volume_over":
        return f"{spec.ticker}: {printed(value)} contracts traded"
    if spec.kind == "spread_under":
        return f"{spec.ticker}: spread is {cents(value)}"
    side = "at or above" if spec.kind == "price_above" else "at or below"
    return f"{spec.ticker}: {spec.on} is {cents(value)}, {side} {cents(spec.value)}"


def may_fire(spec: AlertSpec, last: datetime | None, now: datetime) -> bool:
    """Whether a condition that became true is told: the first time, or after its pause."""
    return last is None or (spec.pause_s is not None and (now - last).total_seconds() >= spec.pause_s)
