"""Combos: one market of several legs, which pays where all of them are right; as a plan."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prediction_mcp.desk.results import MONEY, Answer
from prediction_mcp.kalshi.errors import InvalidRequestError, NotFoundError
from prediction_mcp.kalshi.models.reference import Collection, NewCombo, SelectedLeg
from prediction_mcp.net.sides import Side
from prediction_mcp.safety.plan import Done, Plan, Terms

from .. import lookup
from .entry import check_open
from .question import named

if TYPE_CHECKING:
    from prediction_mcp.kalshi.models.markets import Market

    from ..account import Account

MOST_PAGES = 10
"""Pages of collections that are looked through for one that has all legs."""


class ComboAnswer(Answer):
    """A market that can be traded as any other; combos are priced by asking for quotes."""

    ticker: str
    event_ticker: str
    legs: list[str]
    next: str


async def plan_combo(account: Account, legs: Sequence[tuple[str, Side]], collection: str | None) -> MakeCombo:
    """The market of some legs: (market, side). The collection is found where none is named.

    Raises:
        InvalidRequestError, NotFoundError, MarketClosedError: what is wrong; nothing was sent.
    """
    if len(legs) < 2:
        raise InvalidRequestError("A combo takes two legs or more.")
    markets = list(await asyncio.gather(*(lookup.market(account, ticker) for ticker, _ in legs)))
    for market in markets:
        check_open(market)
    events = [market.event_ticker for market in markets]
    if len(set(events)) < len(events):
        raise InvalidRequestError("A combo takes one leg of an event: two of them exclude or contain each other.")
    if collection is not None:
        found = await account.kalshi.collections.get(collection.strip().upper())
    else:
        found = await _collection_with(account, events)
    if not found.size_min <= len(legs) <= (found.size_max or len(legs)):
        raise InvalidRequestError(f"{found.collection_ticker} takes {found.sizes} legs.")
    sides = [side for _, side in legs]
    return MakeCombo(account, found.collection_ticker, markets, sides)


async def _collection_with(account: Account, events: Sequence[str]) -> Collection:
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await account.kalshi.collections.list(
            status="open", associated_event_ticker=events[0], limit=100, cursor=cursor
        )
        for collection in page.multivariate_contracts:
            if set(events) <= {event.ticker for event in collection.associated_events}:
                return collection
        cursor = page.cursor
        if not cursor:
            break
    raise NotFoundError(
        "No open collection takes all these legs: kalshi_get_multivariate_collections lists what can be combined.",
        status=404,
    )


class MakeCombo(Plan[ComboAnswer]):
    kind = "arrangement"

    def __init__(self, account: Account, collection: str, markets: Sequence[Market], sides: Sequence[Side]) -> None:
        self._account, self._markets, self._sides = account, markets, sides
        legs = [
            SelectedLeg(market_ticker=market.ticker, event_ticker=market.event_ticker, side=side)
            for market, side in zip(markets, sides, strict=True)
        ]
        self.terms = {"collection": collection, "selected_markets": [leg.model_dump() for leg in legs]}

    @property
    def _legs(self) -> list[str]:
        return [f"{side} of {market.ticker}" for market, side in zip(self._markets, self._sides, strict=True)]

    async def send(self, terms: Terms) -> ComboAnswer:
        made = await self._account.kalshi.collections.create_market(
            terms["collection"], NewCombo(selected_markets=[SelectedLeg(**leg) for leg in terms["selected_markets"]])
        )
        return ComboAnswer(
            source=self._account.environment,
            ticker=made.market_ticker,
            event_ticker=made.event_ticker,
            legs=self._legs,
            next="Ask for a price with kalshi_create_rfq, or trade it as any market.",
        )

    async def words(self) -> str:
        legs = "; ".join(
            f"{side} of “{named(market)}”" for market, side in zip(self._markets, self._sides, strict=True)
        )
        return (
            f"List a combo that pays where all of this comes true: {legs}. Nothing is traded by this. "
            f"{MONEY[self._account.environment]}"
        )

    def done(self, result: ComboAnswer) -> Done:
        return Done(f"listed {result.ticker}")
