"""Limits on what may be ordered: pure. The settings are ceilings; at run time they can only be made tighter."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

from prediction_mcp.net.sides import BookSide

from .plan import Resting, Stake, Standing
from .policy import RefusedError
from .text import clean, cut

ZERO = Decimal(0)
N = TypeVar("N", int, Decimal)


class LimitError(RefusedError):
    """A limit of this server stands against the order; the message names it."""


Join = Callable[[Any, Any], Any]
"""Of two values of a limit the tighter one."""


def lower(one: N, other: N) -> N:
    return min(one, other)


def higher(one: N, other: N) -> N:
    return max(one, other)


def both(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    return one & other


def either(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    return one | other


def series_in(names: Iterable[str]) -> frozenset[str]:
    """Return names of series as orders have them. Raises ValueError for words and other texts.

    A name with a hyphen may be a series, an event or a market; nothing in its text tells which.
    """
    found = frozenset(name.strip().upper() for name in names)
    if odd := sorted(name for name in found if not _SERIES.fullmatch(name)):
        raise ValueError(f"a series is named like KXFED, not {cut(clean(odd[0]), SHOWN)!r}")
    return found


def _names_in(value: object) -> object:
    """Names separated by commas or blanks, as the environment has them."""
    return series_in(value.replace(",", " ").split()) if isinstance(value, str) else value


_SERIES = re.compile(r"[A-Z0-9](?:[A-Z0-9._:-]{0,78}[A-Z0-9._:])?")
SHOWN = 60
"""Characters of a name that an error repeats."""
Names = Annotated[frozenset[str], NoDecode, BeforeValidator(_names_in)]


class Limits(BaseModel):
    """The one list of limits: settings, tool, command line and journal read it from here.

    Dollars, contracts and cents; None is no limit. Each says by which variable it is set and which of two values is the
    tighter one: ``cash_reserve`` is a floor, all other figures are ceilings.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    order_contracts: Annotated[Decimal | None, lower] = Field(None, alias="LIMIT_ORDER_CONTRACTS", gt=0)
    order_cost: Annotated[Decimal | None, lower] = Field(None, alias="LIMIT_ORDER_COST", gt=0)
    price_band_cents: Annotated[Decimal | None, lower] = Field(None, alias="LIMIT_PRICE_BAND_CENTS", ge=0)
    day_spent: Annotated[Decimal | None, lower] = Field(None, alias="LIMIT_DAY_SPENT", gt=0)
    day_orders: Annotated[int | None, lower] = Field(None, alias="LIMIT_DAY_ORDERS", ge=0)
    minute_orders: Annotated[int | None, lower] = Field(None, alias="LIMIT_MINUTE_ORDERS", ge=0)
    market_exposure: Annotated[Decimal | None, lower] = Field(None, alias="LIMIT_MARKET_EXPOSURE", gt=0)
    event_exposure: Annotated[Decimal | None, lower] = Field(None, alias="LIMIT_EVENT_EXPOSURE", gt=0)
    cash_reserve: Annotated[Decimal | None, higher] = Field(None, alias="CASH_RESERVE", ge=0)
    day_loss: Annotated[Decimal | None, lower] = Field(None, alias="LIMIT_DAY_LOSS", gt=0)
    allow_series: Annotated[Names | None, both] = Field(None, alias="ALLOW_SERIES")
    deny_series: Annotated[Names, either] = Field(frozenset(), alias="DENY_SERIES")

    @classmethod
    def given(cls, **values: Any) -> "Limits":
        """Limits of values that were checked where they came from; those not named are none."""
        return Limits.model_construct(**{n: v for n, v in values.items() if v is not None})

    @classmethod
    def of(cls, settings: "Limits") -> "Limits":
        """The settings' limits alone: ceilings that nothing loosens."""
        return cls.given(**{name: getattr(settings, name) for name in JOINS})

    @property
    def any(self) -> bool:
        return any(getattr(self, name) not in (None, frozenset()) for name in JOINS)

    @property
    def needs_account(self) -> bool:
        """Whether the account has to be read before an order."""
        return any(
            limit is not None for limit in (self.market_exposure, self.event_exposure, self.cash_reserve, self.day_loss)
        )

    @property
    def needs_cash(self) -> bool:
        """Whether the balance has to be read for it, which the exchange allows seldom."""
        return self.cash_reserve is not None or self.day_loss is not None

    def tightened(self, other: "Limits") -> "Limits":
        """Both at once: of each limit the tighter one. Nothing is ever loosened by this."""
        return self.given(**{name: tighter(name, self, other) for name in JOINS})


JOINS: dict[str, Join] = {
    name: next(mark for mark in field.metadata if mark in (lower, higher, both, either))
    for name, field in Limits.model_fields.items()
}
"""The limits by name, each with which of two values is the tighter one."""


def tighter(name: str, one: Limits, other: Limits) -> Any:
    """Of a limit the tighter value; None where neither has one."""
    ours, theirs = getattr(one, name), getattr(other, name)
    return theirs if ours is None else ours if theirs is None else JOINS[name](ours, theirs)


def opening(standing: Standing, side: BookSide) -> list[tuple[Resting, Decimal, Decimal]]:
    """(order, contracts that open, dollars they cost) of one side of a market, if all of that side fills.

    Bids fill from the highest price down, asks from the lowest up; the first close what the other side holds, the rest
    opens, a bid at its price and an ask (NO) at 1 − price. Fees apart.
    """
    sign, found = (1 if side == "bid" else -1), list[tuple[Resting, Decimal, Decimal]]()
    left = max(-standing.held * sign, ZERO)
    for order in sorted((o for o in standing.orders if o.book_side == side), key=lambda o: -sign * o.price):
        closes = min(left, order.count)
        left -= closes
        opens = order.count - closes
        found.append((order, opens, opens * (order.price if side == "bid" else 1 - order.price)))
    return found


def at_risk(standing: Standing) -> Decimal:
    """Dollars that can be lost in a market, whichever of its orders fill: the worse of "all bids" and "all asks".

    With both outcomes held apart one of them pays a dollar a share, which is no less than it cost: what the other one
    cost can be lost, be it held alone or in pairs. So a sale never adds to it, whatever it parts.
    """
    bids, asks = (sum((cost for _, _, cost in opening(standing, side)), ZERO) for side in ("bid", "ask"))
    held = standing.cost
    if standing.opposite is not None:
        return max(held + bids, standing.opposite + asks)
    return max(bids + (held if standing.held > 0 else ZERO), asks + (held if standing.held < 0 else ZERO), held)


def latent(standing: Standing, known: Mapping[str, Decimal]) -> Decimal:
    """Dollars by which orders that were weighed as closing (``known``: what they were weighed with) can open now."""
    more = ZERO
    for side in ("bid", "ask"):
        for order, _, cost in opening(standing, side):
            if order.order_id in known:
                more += max(cost - known[order.order_id], ZERO)
    return more


@dataclass(frozen=True, slots=True)
class Used:
    """What this user's servers did: dollars, and orders. ``pending`` isn't in the account's figures yet."""

    minute_orders: int = 0
    day_orders: int = 0
    day_spent: Decimal = ZERO
    pending_cost: Decimal = ZERO
    pending: tuple[tuple[str, Resting], ...] = ()
    """(market, order), of the event that was asked about."""
    unasked: Decimal = ZERO
    """Dollars at stake in orders that nobody was asked about, within the time that the rule looks back."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The account as the exchange tells it, right up to ``as_of`` (Unix seconds).

    ``markets`` are those of the order's event; ``cash`` is None where no limit asked for it.
    ``lost_today`` is what it has made less than at the first look of the day; deposits and withdrawals don't count.
    ``latent`` is what resting orders that were taken as closing would now cost if they opened.
    """

    as_of: float
    cash: Decimal | None
    markets: Mapping[str, Standing]
    lost_today: Decimal
    latent: Decimal = ZERO


def check(limits: Limits, stake: Stake, used: Used, account: Figures | None) -> None:
    """Raises LimitError with the first limit that the order would break, in a sentence with both figures."""
    _order(limits, stake)
    _pace(limits, stake, used, ZERO if account is None else account.latent)
    if account is not None:
        _account(limits, stake, used, account)


def _order(limits: Limits, stake: Stake) -> None:
    series = stake.series.upper()
    names = (series, stake.event, stake.ticker, *stake.legs)
    for denied in sorted(limits.deny_series):
        if any(name == denied or name.startswith(f"{denied}-") for name in names):
            raise LimitError(f"Orders in {denied} are denied by this server's settings.")
    if not series and (limits.deny_series or limits.allow_series is not None):
        raise LimitError(f"The exchange names no series for {stake.ticker}, so that no limit on series can be checked.")
    if limits.allow_series is not None and series not in limits.allow_series:
        raise LimitError(f"Series {series} isn't among those this server may trade: {_names(limits.allow_series)}.")
    if limits.order_contracts is not None and stake.contracts > limits.order_contracts:
        raise LimitError(
            f"The order has {_number(stake.contracts)} contracts; this server's limit is "
            f"{_number(limits.order_contracts)} an order."
        )
    if limits.order_cost is not None and stake.cost > limits.order_cost:
        raise LimitError(
            f"The order may cost {_money(stake.cost)}; this server's limit is {_money(limits.order_cost)}."
        )
    if limits.price_band_cents is not None:
        if stake.yes_mid is None:
            raise LimitError("The price can't be held against the middle of the market: nobody quotes both sides now.")
        away = abs(stake.yes_price - stake.yes_mid) * 100
        if away > limits.price_band_cents:
            raise LimitError(
                f"The price is {_number(away)}¢ from the middle of the market; this server's limit is "
                f"{_number(limits.price_band_cents)}¢."
            )


def _pace(limits: Limits, stake: Stake, used: Used, latent: Decimal) -> None:
    if limits.minute_orders is not None and used.minute_orders >= limits.minute_orders:
        raise LimitError(f"{used.minute_orders} orders in the last minute is this server's limit: wait.")
    if limits.day_orders is not None and used.day_orders >= limits.day_orders:
        raise LimitError(f"{used.day_orders} orders today (UTC) is this server's limit.")
    if limits.day_spent is not None and used.day_spent + latent + stake.adds > limits.day_spent and stake.adds:
        rests = f", orders that rest and no longer only close may cost {_money(latent)}," if latent else ""
        raise LimitError(
            f"{_money(used.day_spent)} is spent today (UTC){rests} and this would add up to {_money(stake.adds)}; "
            f"this server's limit is {_money(limits.day_spent)}."
        )


def _account(limits: Limits, stake: Stake, used: Used, account: Figures) -> None:
    for limit, name, before, after in (
        (limits.market_exposure, "market", *_exposures(stake, used, account, {stake.ticker})),
        (limits.event_exposure, "event", *_exposures(stake, used, account, None)),
    ):
        if limit is not None and after > limit and after > before:
            raise LimitError(
                f"{_money(before)} is at risk in this {name} and this would make it {_money(after)}; "
                f"this server's limit is {_money(limit)}."
            )
    if not stake.adds:
        return  # what only closes, or costs no more than before, makes none of these worse
    if limits.needs_cash and account.cash is None:
        raise LimitError("The limits became tighter while the order was looked at: nothing was sent, try again.")
    if limits.cash_reserve is not None and account.cash is not None:
        left = account.cash - used.pending_cost - stake.adds
        if left < limits.cash_reserve:
            raise LimitError(
                f"This would leave {_money(left)} of cash; this server keeps {_money(limits.cash_reserve)} in reserve."
            )
    if limits.day_loss is not None and account.lost_today >= limits.day_loss:
        raise LimitError(
            f"The account lost {_money(account.lost_today)} today (UTC); this server stops opening at "
            f"{_money(limits.day_loss)}: closing orders still go."
        )


def _exposures(stake: Stake, used: Used, account: Figures, only: set[str] | None) -> tuple[Decimal, Decimal]:
    """(before, after) the order, over the markets of its event or some of them, with what is under way."""
    markets = dict(account.markets)
    for ticker, order in used.pending:
        standing = markets.get(ticker, Standing())
        markets[ticker] = replace(standing, orders=(*standing.orders, order))
    counted = {t: s for t, s in markets.items() if only is None or t in only}
    before = sum(map(at_risk, counted.values()), ZERO)
    mine = counted.get(stake.ticker, Standing())
    kept = tuple(o for o in mine.orders if not stake.replaces or o.order_id != stake.replaces)
    new = Resting(stake.book_side, stake.yes_price, stake.may_fill)
    counted[stake.ticker] = replace(mine, orders=(*kept, new))
    return before, sum(map(at_risk, counted.values()), ZERO)


def _money(value: Decimal) -> str:
    return f"${value:,.2f}"


def _number(value: Decimal) -> str:
    return f"{value.normalize():,f}"


def _names(series: frozenset[str]) -> str:
    return ", ".join(sorted(series)) or "none"
