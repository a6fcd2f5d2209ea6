"""Prices that are agreed outside of the book: quotes that are taken, and one's own that are stood by; as plans.

Who asks is bound by nothing before accepting; who quotes by nothing before confirming. What is bought then goes through
the public book: the maker's order first, then the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from loguru import logger

from prediction_mcp.desk.results import MONEY
from prediction_mcp.kalshi.cash import CENT
from prediction_mcp.kalshi.errors import InsufficientBalanceError, InvalidRequestError, KalshiError
from prediction_mcp.kalshi.orders import check_count
from prediction_mcp.kalshi.resources.communications import CLOCKS_S
from prediction_mcp.kalshi.units import format_count
from prediction_mcp.net.sides import Side
from prediction_mcp.net.words import cents, printed
from prediction_mcp.safety.plan import Done, Plan, Stake, Terms

from ..fees import waiver
from .entry import Entry, Ticket, prepare
from .funding import funding_of, shard_of, short_of_cash
from .question import both, gets, named, pays
from .quote_results import (
    QuoteLine,
    confirm_by,
    windows,
)
from .rfqs import check_id
from .stake import stake_of
from .view import Wants, gather

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from prediction_mcp.kalshi.models.communications import Quote

    from ..account import Account
    from .view import View

ZERO = Decimal(0)
MOST_RFQS = 100
"""RFQs of a page."""
OTHER: dict[Side, Side] = {"yes": "no", "no": "yes"}


# -- taking and standing by --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deal:
    """What one side of a quote comes to for us: we buy ``count`` contracts of ``side`` at ``price`` dollars."""

    side: Side
    price: Decimal
    count: Decimal

    @property
    def ticket_price(self) -> Decimal:
        return self.price * 100


async def plan_accept(account: Account, quote_id: str, side: Side) -> Plan[QuoteLine]:
    """Take a quote: buy ``side`` from the maker, who buys the other one.

    Raises:
        InvalidOrderError, InvalidRequestError, MarketClosedError: what is wrong; nothing was sent.
    """
    quote = await account.kalshi.communications.quote(check_id(quote_id, "quote id"))
    if quote.is_own:
        raise InvalidRequestError("That quote is yours: who asked for it accepts it, you confirm.")
    if quote.status != "open":
        raise InvalidRequestError(f"That quote is {quote.status}{_why(quote)}: nothing was sent.")
    theirs = OTHER[side]
    bid, count = quote.bid(theirs), quote.count(theirs)
    if not bid or not count:
        raise InvalidRequestError(f"The maker doesn't sell {side}: that side was declined. Nothing was sent.")
    deal = Deal(side, 1 - bid, count)
    return await _funded(TakeQuote(account, quote, deal, *await _weighed(account, quote, side, deal.price, count)))


async def plan_confirm(account: Account, quote_id: str) -> Plan[QuoteLine]:
    """Stand by a quote of one's own that was accepted.

    Raises:
        InvalidOrderError, InvalidRequestError, MarketClosedError: what is wrong; nothing was sent.
    """
    quote = await account.kalshi.communications.quote(check_id(quote_id, "quote id"))
    if not quote.is_own:
        raise InvalidRequestError("That quote is somebody else's: only who made it confirms it.")
    if quote.status != "accepted" or quote.accepted_side is None:
        raise InvalidRequestError(f"That quote is {quote.status}{_why(quote)}: there is nothing to confirm now.")
    until = confirm_by(quote, combo=False)
    if until is not None and until < datetime.now(UTC) - timedelta(seconds=CLOCKS_S):
        raise InvalidRequestError(f"That quote was to be confirmed by {until:%Y-%m-%d %H:%M:%S} UTC: it has lapsed.")
    side = quote.accepted_side
    deal = Deal(side, quote.bid(side), quote.count(side))
    return await _funded(StandBy(account, quote, deal, *await _weighed(account, quote, side, deal.price, deal.count)))


async def _funded(plan: _Dealt) -> Plan[QuoteLine]:
    """The plan, after the transfer that its shard needs."""
    return (await funding_of(plan.account, plan.view.cash, [plan])).before(plan)


def _why(quote: Quote) -> str:
    return f" ({quote.cancellation_reason})" if quote.cancellation_reason else ""


async def _weighed(
    account: Account, quote: Quote, side: Side, price: Decimal, count: Decimal
) -> tuple[View, Stake | None, Entry, Ticket]:
    """The market, and what buying there puts at stake: the same as an order of that size and price."""
    needs = account.guard.needs(selling=True)
    view = await gather(account, quote.market_ticker, Wants.of(needs) | Wants(cash=True))
    ticket = Ticket(quote.market_ticker, side, "buy", count, price * 100)
    entry = prepare(ticket, view)
    return view, stake_of(view, entry, ticket) if needs.stake else None, entry, ticket


class _Dealt(Plan[QuoteLine]):
    """A step that binds: from here on the trade may come about without us."""

    kind = "deal"
    step: str

    def __init__(
        self, account: Account, quote: Quote, deal: Deal, view: View, stake: Stake | None, entry: Entry, ticket: Ticket
    ) -> None:
        self.account, self._quote, self._deal, self.view = account, quote, deal, view
        self._stake, self._entry, self._ticket = stake, entry, ticket
        self.terms = {
            "step": self.step, "quote_id": quote.id, "rfq_id": quote.rfq_id, "ticker": quote.market_ticker,
            "side": deal.side, "count": format_count(check_count(deal.count)), "price": printed(deal.price),
        }  # fmt: skip
        self.best = view.best_of(deal.side, "buy")
        self.look = view.look

    @property
    def stake(self) -> Stake | None:
        return self._stake

    @property
    def shard(self) -> int:
        return shard_of(self.view.market)

    @property
    def where(self) -> tuple[str, str]:
        return self.view.market.ticker, self._entry.order.side

    @property
    def most(self) -> Decimal:
        return self._deal.count + CENT

    async def worst(self, *, first: bool = True) -> Decimal:
        del first
        return (await self._worst())[0]

    @property
    def _combo(self) -> bool:
        return bool(self.view.market.mve_selected_legs)

    async def _worst(self) -> tuple[Decimal, Decimal]:
        """(dollars that can be lost, contracts that open)."""
        view = await self.view.with_more(self.account, Wants(fees=True, positions=True, resting=True))
        put = stake_of(view, self._entry, self._ticket)
        return put.cost, put.opening

    async def _lines(self, how: str, then: str) -> str:
        deal, market = self._deal, self.view.market
        cost, opens = await self._worst()
        best = self.best
        book = "nobody offers it in the book" if best is None else f"the book's best price now is {cents(best)}"
        worst = (
            f"At worst you lose {pays(cost)}, fees included; if {deal.side} wins you are paid {gets(opens)}."
            if cost
            else "It only closes what you hold."
        )
        return "\n".join(
            (
                f"{how}: buy {printed(deal.count)} {deal.side} at {both(deal.price)}; {book}.",
                f"Market: “{named(market)}” ({market.ticker}).",
                worst,
                *filter(None, [waiver(self.view.schedule)]),
                f"{then} {MONEY[self.account.environment]}",
            )
        )

    async def _paid(self, step: Awaitable[Quote | None]) -> Quote | None:
        """The step; a refusal for want of cash names the shard."""
        try:
            return await step
        except InsufficientBalanceError as error:
            raise await short_of_cash(self.account, self.view.market, self, error) from error

    async def _now(self, known: Quote | None) -> QuoteLine:
        """How the quote reads now; the step is done whatever happens here."""
        quote = known
        if quote is None:
            try:
                quote = await self.account.kalshi.communications.quote(self._quote.id, rfq_id=self._quote.rfq_id)
            except KalshiError as error:
                logger.warning("quote {} can't be read now: {}", self._quote.id, error)
                quote = self._quote.model_copy(update={"status": f"{self.step}ed, not read since"})
        return QuoteLine.of(quote, self.account.environment, combo=self._combo)

    def done(self, result: QuoteLine) -> Done:
        worst = self._stake.cost if self._stake is not None else self._deal.price * self._deal.count
        return Done(f"{self.step}: quote {self._quote.id} is {result.status}", spent=worst)


class TakeQuote(_Dealt):
    step = "accept"

    async def send(self, terms: Terms) -> QuoteLine:
        communications, quote = self.account.kalshi.communications, self._quote
        side = OTHER[self._deal.side]  # the exchange is told whose bid is taken
        return await self._now(await self._paid(communications.accept_quote(quote.id, side, rfq_id=quote.rfq_id)))

    async def words(self) -> str:
        first, then = windows(combo=self._combo)
        return await self._lines(
            "Take the quote",
            f"The maker has {first} s to confirm and may let it pass; {then} s after that both orders go to the book. "
            "Until then closing the request takes it back.",
        )


class StandBy(_Dealt):
    step = "confirm"

    async def send(self, terms: Terms) -> QuoteLine:
        quote = self._quote
        done = await self._paid(self.account.kalshi.communications.confirm_quote(quote.id, rfq_id=quote.rfq_id))
        return await self._now(done)

    async def words(self) -> str:
        _, then = windows(combo=self._combo)
        return await self._lines(
            "Stand by your quote, which was accepted",
            f"{then} s after you confirm both orders go to the book; it can't be taken back.",
        )
