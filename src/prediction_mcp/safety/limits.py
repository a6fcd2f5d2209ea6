"""Limits on what may be ordered: pure. The settings are ceilings; at run time they can only be made tighter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from prediction_mcp.kalshi.models.base import BookSide

from .plan import Stake
from .policy import RefusedError

if TYPE_CHECKING:
    from prediction_mcp.settings import Settings

ZERO = Decimal(0)
N = TypeVar("N", int, Decimal)


class LimitError(RefusedError):
    """A limit of this server stands against the order; the message names it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Dollars, contracts and cents; None is no limit. ``cash_reserve`` is a floor, all others are ceilings."""

    order_contracts: Decimal | None = None
    order_cost: Decimal | None = None
    price_band_cents: Decimal | None = None
    day_spent: Decimal | None = None
    day_orders: int | None = None
    minute_orders: int | None = None
    market_exposure: Decimal | None = None
    event_exposure: Decimal | None = None
    cash_reserve: Decimal | None = None
    day_loss: Decimal | None = None
    allow_series: frozenset[str] | None = None
    deny_series: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The settings' limits: ceilings that nothing loosens."""
        return cls(
            order_contracts=settings.limit_order_contracts,
            order_cost=settings.limit_order_cost,
            price_band_cents=settings.limit_price_band_cents,
            day_spent=settings.limit_day_spent,
            day_orders=settings.limit_day_orders,
            minute_orders=settings.limit_minute_orders,
            market_exposure=settings.limit_market_exposure,
            event_exposure=settings.limit_event_exposure,
            cash_reserve=settings.cash_reserve,
            day_loss=settings.limit_day_loss,
            allow_series=settings.allowed_series,
            deny_series=settings.denied_series,
        )

    @property
    def any(self) -> bool:
        return any(getattr(self, f.name) not in (None, frozenset()) for f in fields(self))

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

    def tightened(self, other: Limits) -> Limits:
        """Both at once: of each limit the tighter one. Nothing is ever loosened by this."""

        allowed = [v for v in (self.allow_series, other.allow_series) if v is not None]
        return Limits(
            order_contracts=_lower(self.order_contracts, other.order_contracts),
            order_cost=_lower(self.order_cost, other.order_cost),
            price_band_cents=_lower(self.price_band_cents, other.price_band_cents),
            day_spent=_lower(self.day_spent, other.day_spent),
            day_orders=_lower(self.day_orders, other.day_orders),
            minute_orders=_lower(self.minute_orders, other.minute_orders),
            market_exposure=_lower(self.market_exposure, other.market_exposure),
            event_exposure=_lower(self.event_exposure, other.event_exposure),
            cash_reserve=max((v for v in (self.cash_reserve, other.cash_reserve) if v is not None), default=None),
            day_loss=_lower(self.day_loss, other.day_loss),
            allow_series=frozenset.intersection(*allowed) if allowed else None,
            deny_series=self.deny_series | other.deny_series,
        )


@dataclass(frozen=True, slots=True)
class Resting:
    """An order that may fill: contracts at a YES price."""

    book_side: BookSide
    price: Decimal
    count: Decimal
    order_id: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """One market: contracts held (YES above zero), what they cost, and the orders that may fill."""

    held: Decimal = ZERO
    cost: Decimal = ZERO
    orders: tuple[Resting, ...] = ()


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


def exposure(standing: Standing) -> Decimal:
    """Dollars that can be lost in a market, whichever of its orders fill: the worse of "all bids" and "all asks"."""
    bids, asks = (sum((cost for _, _, cost in opening(standing, side)), ZERO) for side in ("bid", "ask"))
    held = standing.cost
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
class Account:
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


def check(limits: Limits, stake: Stake, used: Used, account: Account | None) -> None:
    """Raises LimitError with the first limit that the order would break, in a sentence with both figures."""
    _order(limits, stake)
    _pace(limits, stake, used, ZERO if account is None else account.latent)
    if account is not None:
        _account(limits, stake, used, account)


def _order(limits: Limits, stake: Stake) -> None:
    series = stake.series.upper()
    if series in limits.deny_series:
        raise LimitError(f"Orders in series {series} are denied by this server's settings.")
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


def _account(limits: Limits, stake: Stake, used: Used, account: Account) -> None:
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


def _exposures(stake: Stake, used: Used, account: Account, only: set[str] | None) -> tuple[Decimal, Decimal]:
    """(before, after) the order, over the markets of its event or some of them, with what is under way."""
    markets = dict(account.markets)
    for ticker, order in used.pending:
        standing = markets.get(ticker, Standing())
        markets[ticker] = replace(standing, orders=(*standing.orders, order))
    counted = {t: s for t, s in markets.items() if only is None or t in only}
    before = sum(map(exposure, counted.values()), ZERO)
    mine = counted.get(stake.ticker, Standing())
    kept = tuple(o for o in mine.orders if not stake.replaces or o.order_id != stake.replaces)
    new = Resting(stake.book_side, stake.yes_price, stake.contracts)
    counted[stake.ticker] = replace(mine, orders=(*kept, new))
    return before, sum(map(exposure, counted.values()), ZERO)


def _lower(one: N | None, other: N | None) -> N | None:
    return min((v for v in (one, other) if v is not None), default=None)


def _money(value: Decimal) -> str:
    return f"${value:,.2f}"


def _number(value: Decimal) -> str:
    return f"{value.normalize():,f}"


def _names(series: frozenset[str]) -> str:
    return ", ".join(sorted(series)) or "none"
