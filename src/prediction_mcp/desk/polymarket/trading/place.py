"""A new order as a plan, and what it would cost or do now."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from prediction_mcp.desk.results import MONEY
from prediction_mcp.net.words import cents, printed
from prediction_mcp.polymarket import orders as making
from prediction_mcp.polymarket.errors import InvalidOrderError, OutcomeUnknownError, PolymarketError
from prediction_mcp.polymarket.orders import EARLY_S, SignedOrder
from prediction_mcp.polymarket.orders import Terms as MarketTerms
from prediction_mcp.polymarket.own import Placed as Answered
from prediction_mcp.safety.guard import LAG_S, MOST_LAG_S
from prediction_mcp.safety.plan import Done, Look, Plan, Stake, Terms
from prediction_mcp.safety.text import quoted

from ...both import MARKET
from .. import fees
from ..guarded import standings
from ..portfolio import MILLIONTHS
from .results import Cost, Placed, Simulation
from .ticket import Entry, Ticket, look, prepare

if TYPE_CHECKING:
    from prediction_mcp.polymarket import PolymarketAccount

    from ..account import Account

ZERO = Decimal(0)
FEE_UNSURE = "fee is that of the average price: its trades can't be read yet, polymarket_get_activity will have it."
SERIES = "POLYMARKET"
"""What allow and deny lists of series call all of it."""
SALT_BITS = 53
_RULES = {
    "GTC": "rests until cancelled",
    "FAK": "what isn't filled at once is cancelled",
    "FOK": "all at once or nothing",
}


async def plan_order(account: Account, ticket: Ticket) -> PlaceOrder:
    """A new order. Raises InvalidOrderError and others: one sentence about the first thing that is wrong."""
    began = time.time()
    await account.require_place()
    entry = prepare(ticket, await look(account, ticket))
    needs = account.guard.needs(selling=not ticket.buys)
    account.feeds.know(entry.view.side)
    seen = None
    if needs.event or needs.cash:
        seen = await _look(account, entry, began, cash=needs.cash)
    if not ticket.buys:
        await _require_shares(account, entry)
    trader = await account.trader()
    return PlaceOrder(account, entry, trader.api_key.key, seen)


async def _require_shares(account: Account, entry: Entry) -> None:
    """Selling gives up what is there. Raises InvalidOrderError where it isn't."""
    trader, side = await account.trader(), entry.view.side
    held = (await trader.balance(side.token)).balance / MILLIONTHS
    resting = await trader.open_orders(side.condition, side.token)
    sold = sum((o.original_size - o.size_matched for o in resting if o.side == "SELL"), ZERO)
    if entry.shares > held - sold:
        raise InvalidOrderError(
            f"You hold {printed(held)} shares of “{quoted(side.name)}”, {printed(sold)} of them on sale already."
        )


async def _look(account: Account, entry: Entry, began: float, *, cash: bool) -> Look:
    event = entry.view.side.market.event_slug
    siblings = () if event is None else (await account.polymarket.event(event)).markets
    conditions = frozenset(m.condition_id or "" for m in siblings) | {entry.view.side.condition}
    found = await standings(account, conditions=conditions)
    money = worth = None
    if cash:
        money = (await (await account.trader()).balance()).balance / MILLIONTHS
        worth = (await account.polymarket.value(account.address)).value
    # Nobody says how far the public record is behind the order book: as far as Kalshi's reads may be, is assumed.
    return Look(began - MOST_LAG_S - LAG_S, found, True, money, worth, "polymarket")


class PlaceOrder(Plan[Placed]):
    """An order that is signed when it is sent; its id, salt and moment are known before, and stay the same."""

    kind = "order"
    loose = frozenset({"client_order_id", "salt", "timestamp"})

    def __init__(self, account: Account, entry: Entry, owner: str, seen: Look | None) -> None:
        self._account, self._entry, self._owner = account, entry, owner
        ticket, side = entry.ticket, entry.view.side
        terms: dict[str, Any] = {
            "ticker": MARKET + side.condition, "token_id": side.token, "side": ticket.action.upper(),
            "price": printed(entry.price), "order_type": ticket.order_type, "expiration": ticket.expiration or 0,
            "post_only": ticket.post_only, "tick": printed(entry.view.terms.tick),
            "neg_risk": entry.view.terms.neg_risk,
            "salt": secrets.randbits(SALT_BITS), "timestamp": time.time_ns() // 1_000_000,
        }  # fmt: skip
        if entry.dollars is not None:
            terms["dollars"] = printed(entry.dollars)
        else:
            terms["size"] = printed(entry.shares)
        terms["client_order_id"] = self._signed(terms).id
        if ticket.at_once and ticket.price is None:
            self.loose = self.loose | {"price"}
        self.terms = terms
        self.best = entry.view.best(ticket.action)
        self.look = seen

    def _signed(self, terms: Terms) -> SignedOrder:
        rules = MarketTerms(Decimal(terms["tick"]), terms["neg_risk"])
        price, side = Decimal(terms["price"]), terms["side"]
        if terms["order_type"] in ("FAK", "FOK"):
            amounts = making.market_amounts(rules, side, price, Decimal(terms.get("dollars") or terms["size"]))
        else:
            amounts = making.amounts(rules, side, price, Decimal(terms["size"]))
        return making.sign(
            self._account.wallet(), self._owner, rules, terms["token_id"], side, amounts, salt=terms["salt"],
            timestamp_ms=terms["timestamp"], order_type=terms["order_type"], expiration=terms["expiration"],
            post_only=terms["post_only"],
        )  # fmt: skip

    @property
    def limit(self) -> Decimal:
        """Dollars a share, at worst."""
        return self._entry.price

    def fee(self, price: Decimal, shares: Decimal) -> Decimal:
        """What a taker pays."""
        return self._entry.view.fee(price, shares)

    async def fee_paid(self, order_id: str, filled: Decimal) -> Decimal | None:
        """Dollars of fees that the order paid on so many shares, fill by fill; None where that can't be read now."""
        view = self._entry.view
        return await fees.of_order(self._account, order_id, view.side.condition, filled, view.schedule)

    def resized(self, terms: Terms, size: Decimal) -> Terms:
        """The same order for fewer shares: another order, with an id of its own."""
        made = {**terms, "size": printed(size)}
        return made | {"client_order_id": self._signed(made).id}

    @property
    def stake(self) -> Stake | None:
        entry, side = self._entry, self._entry.view.side
        buys, cost = entry.ticket.buys, entry.worst_cost
        middle = entry.view.middle
        best = entry.view.best(entry.ticket.action)
        worth = entry.shares * max(entry.price, best or ZERO, middle or ZERO)
        event = side.market.event_slug or side.condition
        return Stake(
            ticker=MARKET + side.condition,
            event=MARKET + event,
            series=SERIES,
            book_side=entry.book_side,
            contracts=entry.most_shares,
            opening=entry.most_shares if buys else ZERO,
            cost=cost,
            cost_if_open=cost,
            amount=cost if buys else worth,
            yes_price=entry.first_price,
            yes_mid=middle if middle is None or entry.first else 1 - middle,
            as_of=time.time(),
            apart=True,
        )

    async def send(self, terms: Terms) -> Placed:
        trader = await self._account.trader()
        answered = await trader.place(self._signed(terms))
        if answered.making_amount is None and answered.taking_amount is None and answered.status == "matched":
            answered = await self._found_again(trader, answered)
        return await self._placed(answered, terms)

    async def _found_again(self, trader: PolymarketAccount, answered: Answered) -> Answered:
        """An order whose answer was lost: filled as the book has it, at its trades' prices, or its own at worst.

        Raises OutcomeUnknownError where the book can't be asked: the order is placed, and must not look refused.
        """
        try:
            order = await trader.order(answered.order_id)
        except PolymarketError as error:
            raise OutcomeUnknownError(
                f"The order {answered.order_id} was placed and matched, but what it filled can't be read now: read "
                "your orders before sending another."
            ) from error
        condition, filled = self._entry.view.side.condition, order.size_matched
        fills = await fees.fills_of_order(self._account, order.id, condition, filled)
        dollars = filled * order.price if fills is None else sum((f.size * f.price for f in fills), ZERO)
        paid, got = (dollars, order.size_matched) if order.side == "BUY" else (order.size_matched, dollars)
        return answered.model_copy(update={"making_amount": paid, "taking_amount": got})

    async def _placed(self, answered: Answered, terms: Terms) -> Placed:
        entry, side = self._entry, self._entry.view.side
        buys = entry.ticket.buys
        dollars = (answered.making_amount if buys else answered.taking_amount) or ZERO
        filled = (answered.taking_amount if buys else answered.making_amount) or ZERO
        resting = ZERO
        if not entry.ticket.at_once and answered.status != "delayed":
            resting = max(Decimal(terms["size"]) - filled, ZERO)
        average = round(dollars / filled, 6) if filled else None
        fee = note = None
        if average is not None:
            fee = await self.fee_paid(answered.order_id, filled)
            if fee is None:
                fee, note = self.fee(average, filled), FEE_UNSURE
        return Placed(
            source=self._account.source,
            order_id=answered.order_id,
            market=side.market.question,
            slug=side.market.slug or side.market.id,
            order=said(entry),
            status=answered.status,
            filled=filled,
            resting=resting,
            average_price=average,
            total=dollars or None,
            fee=fee,
            ends=datetime.fromtimestamp(terms["expiration"] - EARLY_S, UTC) if terms["expiration"] else None,
            note=note,
        )

    async def words(self) -> str:
        entry, side = self._entry, self._entry.view.side
        walk, cost = entry.walk(), entry.worst_cost
        order = said(entry)
        lines = [
            f"{order[0].upper()}{order[1:]} or better; {_rule(entry.ticket)}.",
            f"Market: “{quoted(side.market.question)}”.",
        ]
        best = entry.view.best(entry.ticket.action)
        there = f"the best price is {cents(best)}" if best is not None else "nobody quotes this side"
        if walk.average is None:
            lines.append(f"Now nothing would fill; {there}.")
        else:
            money = f"for ${walk.dollars:,.2f}" if entry.ticket.buys else f"bringing ${walk.dollars:,.2f}"
            lines.append(
                f"Now {printed(walk.filled)} would fill at {cents(walk.average)} {money} and a fee of "
                f"${walk.fee:,.2f}; {there}."
            )
        if entry.view.delay_ms:
            held = _span(entry.view.delay_ms)
            lines.append(f"An order that trades at once is held back {held} and can't be cancelled then.")
        if entry.ticket.buys:
            lines.append(
                f"At worst you lose ${cost:,.2f}, fees included; if “{quoted(side.name)}” is right each share pays $1."
            )
        else:
            lines.append("It only gives up shares that you hold.")
        lines.append(f"Polymarket. {MONEY[self._account.environment]}")
        return "\n".join(lines)

    def done(self, result: Placed) -> Done:
        buys = self._entry.ticket.buys
        rest = result.resting * self._entry.price if buys else ZERO
        spent = (result.total or ZERO) + (result.fee or ZERO) if buys else ZERO
        if result.status == "delayed":  # what it comes to isn't known yet
            spent, rest = self._entry.worst_cost, ZERO
        text = f"{result.status}: {printed(result.filled)} of {printed(self._entry.shares)} shares filled"
        return Done(text, result.order_id, spent + rest, rest, result.resting)


def _rule(ticket: Ticket) -> str:
    if ticket.expiration is None:
        return _RULES[ticket.order_type]
    ends = datetime.fromtimestamp(ticket.expiration - EARLY_S, UTC)
    return f"rests until {ends:%Y-%m-%d %H:%M:%S} UTC, {EARLY_S} s before its expiration"


def _span(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{printed(Decimal(milliseconds) / 1000)} s"


def said(entry: Entry) -> str:
    """The order in a few words."""
    name = quoted(entry.view.side.name)
    if entry.dollars is not None:
        return f"{entry.ticket.action} “{name}” for ${entry.dollars:,.2f} at {cents(entry.price)}"
    return f"{entry.ticket.action} {printed(entry.shares)} “{name}” at {cents(entry.price)}"


async def cost(account: Account, ticket: Ticket) -> Cost:
    """What an order costs exactly, whatever the book does with it."""
    entry = prepare(ticket, await look(account, ticket))
    shares, price = entry.shares, entry.price
    fee = entry.view.fee(price, shares)
    paid = entry.dollars if entry.dollars is not None else price * shares
    buys = ticket.buys
    return Cost(
        source=account.source,
        slug=entry.view.side.market.slug or "",
        order=said(entry),
        shares=shares,
        fee=fee,
        worst=entry.worst_cost if buys else None,
        resting=paid if buys and not ticket.at_once else None,
        brings=None if buys else price * shares - fee,
        pays_if_right=shares if buys else None,
        break_even=round((paid + fee) / shares, 6) if buys else None,
    )


async def simulation(account: Account, ticket: Ticket) -> Simulation:
    """What the book would do with an order now; what would be refused is said, not raised."""
    view = await look(account, ticket)
    try:
        entry = prepare(ticket, view)
    except PolymarketError as refused:
        market = view.side.market
        return Simulation(
            source=account.source, slug=market.slug or "", question=market.question, order=ticket.action, filled=ZERO,
            best_price=view.best(ticket.action), would_be_refused=str(refused),
        )  # fmt: skip
    walk = entry.walk()
    left = max(entry.shares - walk.filled, ZERO) if entry.dollars is None else ZERO
    killed = ticket.order_type == "FOK" and left > 0
    return Simulation(
        source=account.source,
        slug=view.side.market.slug or "",
        question=view.side.market.question,
        order=said(entry),
        filled=ZERO if killed else walk.filled,
        average_price=None if killed else walk.average,
        worst_price=None if killed else walk.worst,
        dollars=None if killed else walk.dollars or None,
        fee=None if killed else walk.fee or None,
        resting=left or None if not ticket.at_once else None,
        unfilled=left or None if ticket.at_once else None,
        best_price=view.best(ticket.action),
        would_be_refused="The book can't fill all of it, and it is all or nothing." if killed else None,
        note=f"Orders that trade at once are held back {_span(view.delay_ms)}."
        if view.delay_ms and walk.filled
        else None,
    )
