"""Another count or price for an order that rests, as a plan."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING

from prediction_mcp.desk.results import MONEY
from prediction_mcp.kalshi.cash import CENT
from prediction_mcp.kalshi.errors import InsufficientBalanceError, InvalidOrderError
from prediction_mcp.kalshi.models.orders import Amendment
from prediction_mcp.kalshi.orders import check_count, check_price, in_words, yes_price
from prediction_mcp.kalshi.units import format_count, format_price, parse_price
from prediction_mcp.net.words import cents, printed
from prediction_mcp.safety.plan import Carried, Done, Plan, Resting, Stake, Terms

from ..fees import waiver
from ..held import resting_as
from .entry import check_open, dollars
from .funding import funding_of, shard_of, short_of_cash
from .preview_results import Amended
from .question import in_short, named, pays
from .stake import amended, unit_cost
from .view import Wants, gather

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.orders import Order

    from ..account import Account
    from .view import View

ZERO = Decimal(0)
SHARE = Decimal("0.000001")
FEE_BOUND = Decimal("0.05")
"""Dollars that the fee of a contract can't exceed: 0.07 × a quarter, at twice the usual rate."""


async def plan_amend(account: Account, order_id: str, count: Decimal | None, price: Decimal | None) -> Plan[Amended]:
    """Another count to remain open, another price in cents of the side the order buys, or both.

    What it costs more than before is funded as a new order is.

    Raises:
        InvalidOrderError: nothing would change, or the order doesn't rest.
    """
    if count is None and price is None:
        raise InvalidOrderError("Give a count, a price, or both.")
    order = await account.kalshi.orders.get(order_id)
    if order.status != "resting":
        raise InvalidOrderError(f"The order is {order.status}: only one that rests can be changed.")
    needs = account.guard.needs(selling=True)  # what it closes is told apart, whichever way it trades
    view = await gather(account, order.ticker, Wants.of(needs) | Wants(cash=True))
    check_open(view.market)
    remaining = order.remaining_count_fp if count is None else count
    check_count(remaining)
    at = order.yes_price_dollars if price is None else yes_price(order.outcome_side, dollars(price))
    check_price(at, "yes", view.market.grid)
    if at == order.yes_price_dollars and remaining == order.remaining_count_fp:
        raise InvalidOrderError("The order has this count and price already.")
    new = Resting(order.book_side, at, remaining, order_id)
    plan = AmendOrder(account, order, new, view, weighed=needs.stake)
    return (await funding_of(account, view.cash, [plan], order.subaccount_number)).before(plan)


class AmendOrder(Plan[Amended]):
    kind = "change"

    def __init__(self, account: Account, order: Order, new: Resting, view: View, *, weighed: bool) -> None:
        self._account, self._order, self._new, self._view = account, order, new, view
        self._old = resting_as(order)
        change = Amendment(
            ticker=order.ticker,
            side=order.book_side,
            price=format_price(parse_price(new.price)),
            count=format_count(check_count(order.fill_count_fp + new.count)),
            exchange_index=order.exchange_index,
        )
        bid, ask = view.best
        self.terms = {"order_id": order.order_id, **change.model_dump(exclude_none=True)}
        self.best = ask if order.book_side == "bid" else bid
        self.look = view.look
        self._stake = amended(view, self._old, new) if weighed else None

    @property
    def stake(self) -> Stake | None:
        return self._stake

    @property
    def shard(self) -> int:
        return shard_of(self._view.market)

    @property
    def where(self) -> tuple[str, str]:
        return self._order.ticker, self._order.book_side

    @property
    def most(self) -> Decimal:
        """A dollar for each contract that it adds, what its price adds, and fees; nothing where it adds neither."""
        dearer = max(unit_cost(self._new) - unit_cost(self._old), ZERO) * self._new.count
        more = max(self._new.count - self._old.count, ZERO)
        return dearer + more + FEE_BOUND * self._new.count + CENT if dearer or more else ZERO

    async def worst(self, *, first: bool = True) -> Decimal:
        """Dollars that it takes at worst beyond what the order as it rests may take."""
        del first
        wants = Wants(fees=True, positions=True, resting=True)
        self._view = await self._view.with_more(self._account, wants)
        return amended(self._view, self._old, self._new).adds

    @property
    def _keeps_queue(self) -> bool:
        return self._new.price == self._old.price and self._new.count < self._old.count

    async def send(self, terms: Terms) -> Amended:
        order_id = self._order.order_id
        change = Amendment(**{name: value for name, value in terms.items() if name != "order_id"})
        subaccount = self._order.subaccount_number or None
        try:
            answer = await self._account.kalshi.orders.amend(order_id, change, subaccount=subaccount)
        except InsufficientBalanceError as error:
            raise await short_of_cash(self._account, self._view.market, self, error) from error
        return Amended(
            source=self._account.environment,
            order_id=order_id,
            order=in_words(self._new.book_side, self._new.price),
            filled_now=answer.fill_count or None,
            remaining=self._new.count if answer.remaining_count is None else answer.remaining_count,
            keeps_queue_position=self._keeps_queue,
        )

    async def words(self) -> str:
        view = await self._view.with_more(self._account, Wants(fees=True, positions=True, resting=True))
        bid, ask = view.best
        quotes = f"{'nobody' if bid is None else cents(bid)} / {'nobody' if ask is None else cents(ask)}"
        queue = "It keeps its place in the queue." if self._keeps_queue else "It goes to the end of the queue."
        worst = pays(amended(view, self._old, self._new).cost)
        return "\n".join(
            (
                f"Change the order {in_short(self._order)}, {printed(self._old.count)} open,",
                f"to {printed(self._new.count)} open: {in_words(self._new.book_side, self._new.price)}. {queue}",
                f"Market: “{named(view.market)}” ({view.market.ticker}), YES now {quotes}.",
                *filter(None, [waiver(view.schedule)]),
                f"At worst what is open then loses {worst}, fees included. {MONEY[self._account.environment]}",
            )
        )

    def done(self, result: Amended) -> Done:
        was, now = unit_cost(self._old) * self._old.count, unit_cost(self._new) * self._new.count
        kept = min(now / was, Decimal(1)).quantize(SHARE, ROUND_UP)
        carried = Carried(self._order.order_id, self._old.count, result.remaining, kept)
        text = f"changed: {printed(result.remaining)} open at {printed(self._new.price)} (YES)"
        more = max(now - was, ZERO)
        rest = more * result.remaining / self._new.count
        return Done(text, self._order.order_id, more, rest, result.remaining, amended=carried)
