"""Looking through what is listed for riskless trades: groups of markets whose ends are known together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, cast

from prediction_mcp.analytics import arbitrage as arb
from prediction_mcp.analytics.ends import Claim, End, Strike, of_combos, of_exclusive, of_number, of_numbers
from prediction_mcp.analytics.subject import subject
from prediction_mcp.kalshi.errors import InvalidRequestError, NotFoundError
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.models.events import Event
from prediction_mcp.kalshi.models.markets import Market, Orderbook
from prediction_mcp.kalshi.models.series import Series

from .. import lookup
from ..fees import of_market
from ..fees import schedule as schedule_of
from .one_event import is_ladder
from .reading import books_of
from .results import ArbitrageAnswer, ArbitrageLine

if TYPE_CHECKING:
    from ..account import Account


EVENT_PAGES = 10
COMBOS = 100
"""Events of combos that are looked at in a call; there are many thousands of them."""
LEGS = 30
"""Events of legs that are read in a call beside those that were looked through."""
MOST_ENDS = 300
"""Of a combo with its legs; one with more of them is left out."""
SHOWN = 20
COMBO_SERIES = "KXMVE"
"""How the series of combos begin; Kalshi lists their events apart."""
ZERO, ONE = Decimal(0), Decimal(1)
TOGETHER = " + "
"""Between the names of events that are about one number."""
NO_FEE = FeeSchedule.of("quadratic", ZERO)
STANDS_ON = (
    "Riskless as far as the exchange's word goes: outcomes it calls exclusive are, strikes mean what they say, and no "
    "market is voided or settled at a fraction. Events named together (A + B) are taken to be about one number because "
    "their rules say the same but for the strikes."
)


@dataclass(frozen=True, slots=True)
class Group:
    """Markets whose ends are known together, by the event or combo they are named after."""

    name: str
    markets: tuple[tuple[Market, Event], ...]
    ends: tuple[End, ...]


async def find_arbitrage(
    account: Account,
    event_ticker: str | None,
    series_ticker: str | None,
    category: str | None,
    min_edge_cents: Decimal,
) -> ArbitrageAnswer:
    """Riskless trades after fees, by the books as they are now."""
    if sum(given is not None for given in (event_ticker, series_ticker, category)) > 1:
        raise InvalidRequestError(
            "Give one of event_ticker, series_ticker and category, or none for the whole exchange."
        )
    events, cut = await _events(account, event_ticker, series_ticker, category)
    groups = [group for event in events if promising(event) and (group := of_event(event)) is not None]
    groups += [group for group in same_number(events) if quotes_pay(group)]
    groups += await _combos(account, events)
    fees = {s.ticker: s for s in await account.kalshi.series.list()} if events else {}
    books = await books_of(account, list(dict.fromkeys(m.ticker for g in groups for m, _ in g.markets)))
    found, unknown = await asyncio.to_thread(scan, groups, books, fees, min_edge_cents / 100)
    return ArbitrageAnswer(
        source=account.environment,
        scanned_events=len(events),
        scanned_markets=sum(len(e.markets or []) for e in events),
        not_computable=unknown or None,
        found=found[:SHOWN],
        stands_on=STANDS_ON if found else None,
        note="Only the first pages of the exchange were scanned: name a series or a category." if cut else None,
    )


async def _events(
    account: Account, event_ticker: str | None, series_ticker: str | None, category: str | None
) -> tuple[list[Event], bool]:
    if event_ticker is not None:
        return [await lookup.event(account, event_ticker)], False
    combos = list[Event]()
    if category is None and (series_ticker is None or series_ticker.startswith(COMBO_SERIES)):
        page = await account.kalshi.events.multivariate(
            series_ticker=series_ticker, with_nested_markets=True, limit=COMBOS
        )
        combos = [e for e in page.events if any(m.is_open for m in e.markets or [])]
    found, cursor = list[Event](), None
    for _ in range(EVENT_PAGES):
        page = await account.kalshi.events.list(
            series_ticker=series_ticker, status="open", with_nested_markets=True, limit=200, cursor=cursor
        )
        found += [e for e in page.events if category is None or (e.category or "").casefold() == category.casefold()]
        cursor = page.cursor or None
        await account.report(len(found), None)
        if cursor is None:
            return found + combos, False
    return found + combos, True


# -- groups ------------------------------------------------------------------------------------------------------


def promising(event: Event) -> bool:
    """Whether the best quotes alone, before fees, could leave something: books are read only then."""
    quotes = [(m, *m.yes_quotes) for m in event.markets or [] if m.is_open]
    if event.mutually_exclusive:
        bids = [bid for _, bid, _ in quotes if bid is not None]
        asks = [ask for _, _, ask in quotes if ask is not None]
        return sum(bids, ZERO) > ONE or (len(asks) == len(event.markets or []) and sum(asks, ZERO) < ONE)
    if not is_ladder(event):
        return sum(claim_of(m) is not None for m, _, _ in quotes) > 1
    ordered = sorted(quotes, key=lambda q: q[0].floor_strike or ZERO)
    lowest: Decimal | None = None
    for _, bid, ask in ordered:
        if lowest is not None and bid is not None and bid > lowest:
            return True
        lowest = ask if lowest is None else min(lowest, ask) if ask is not None else lowest
    return False


def claim_of(market: Market) -> Claim | None:
    """What a market says of a number, if it does."""
    kind, floor, cap = market.strike_type, market.floor_strike, market.cap_strike
    wanted = {"greater": floor, "greater_or_equal": floor, "less": cap, "less_or_equal": cap, "between": floor and cap}
    if kind not in wanted or wanted[kind] is None:
        return None
    return Claim(market.ticker, cast("Strike", kind), floor, cap)


def of_event(event: Event) -> Group | None:
    """An event's open markets that pay a dollar or nothing, and how they can end; None where that isn't known."""
    taken, claims = numbers_of(event)
    if claims:
        ends = of_number(claims, exclusive=event.mutually_exclusive)
    elif event.mutually_exclusive:
        taken = [m for m in _listed(event) if m.is_open]
        ends = of_exclusive([m.ticker for m in taken])
    else:
        return None
    return _group(event.event_ticker, [(m, event) for m in taken], ends)


def _listed(event: Event) -> list[Market]:
    return [m for m in event.markets or [] if m.market_type == "binary" and not m.mve_selected_legs]


def numbers_of(event: Event) -> tuple[list[Market], list[Claim]]:
    """An event's open markets about a number, and what is claimed: of exclusive ones by the closed ones, too."""
    about = {m.ticker: claim for m in _listed(event) if (claim := claim_of(m)) is not None}
    taken = [m for m in _listed(event) if m.is_open and m.ticker in about]
    if event.mutually_exclusive:
        return (taken, list(about.values())) if len(about) == len(event.markets or []) else ([], [])
    return taken, [about[m.ticker] for m in taken]


def _group(name: str, markets: Sequence[tuple[Market, Event]], ends: Sequence[End]) -> Group | None:
    if len(markets) < 2 or not ends:
        return None
    names = {m.ticker for m, _ in markets}
    seen = tuple(dict.fromkeys(end & names for end in ends))  # where a closed one happened, the open ones are all NO
    return Group(name, tuple(markets), seen)


def same_number(events: Sequence[Event]) -> list[Group]:
    """Events of several series whose rules are about one number: alike but for their strikes, and decided together."""
    alike = dict[tuple[object, ...], list[Event]]()
    for event in events:
        if (key := _number_of(event)) is not None:
            alike.setdefault(key, []).append(event)
    groups = list[Group]()
    for found in alike.values():
        if len(found) < 2:
            continue
        parts = [(event, *numbers_of(event)) for event in found]
        markets = [(market, event) for event, taken, _ in parts for market in taken]
        ends = of_numbers([(claims, event.mutually_exclusive) for event, _, claims in parts])
        name = TOGETHER.join(event.event_ticker for event in found)
        groups += [group] if (group := _group(name, markets, ends)) is not None else []
    return groups


def _number_of(event: Event) -> tuple[object, ...] | None:
    """What all markets of an event are about and when it is known; None where they don't say the same."""
    taken, _ = numbers_of(event)
    known = {
        (subject(m.rules_primary, m.floor_strike, m.cap_strike), m.close_time, m.expected_expiration_time)
        for m in taken
    }
    (key,) = known if len(known) == 1 else ((None,),)
    return None if key[0] is None else key


def quotes_pay(group: Group) -> bool:
    """Whether the best quotes alone, before fees, leave something; books are read only then."""
    sides = list[arb.Side]()
    for market, _ in group.markets:
        bid, ask = market.yes_quotes
        sides += [] if ask is None else [arb.Side(market.ticker, "yes", [(ask, ONE)], NO_FEE)]
        sides += [] if bid is None else [arb.Side(market.ticker, "no", [(ONE - bid, ONE)], NO_FEE)]
    return arb.find(sides, group.ends) is not None


async def _combos(account: Account, events: Sequence[Event]) -> list[Group]:
    """Each combo with the markets of its legs, as far as their events are known or can be read in a few requests."""
    known = {e.event_ticker: e for e in events}
    combos = [
        (m, e)
        for e in events
        for m in e.markets or []
        if m.is_open and m.mve_selected_legs and m.market_type == "binary"
    ]
    names = {
        leg.event_ticker for m, _ in combos for leg in m.mve_selected_legs or [] if leg.event_ticker
    } - known.keys()
    for found in await asyncio.gather(*(_event_if_there(account, name) for name in sorted(names)[:LEGS])):
        if found is not None:
            known[found.event_ticker] = found
    return [group for m, e in combos if (group := of_combo(m, e, known)) is not None]


async def _event_if_there(account: Account, ticker: str) -> Event | None:
    try:
        return await account.kalshi.events.get(ticker)
    except NotFoundError:  # archived by now
        return None


def of_combo(combo: Market, event: Event, events: Mapping[str, Event]) -> Group | None:
    """A combo and its legs' markets; None where a leg isn't open or isn't known."""
    legs, parents = list[tuple[str, bool]](), dict[str, list[Market]]()
    for leg in combo.mve_selected_legs or []:
        parent = events.get(leg.event_ticker or "")
        market = next((m for m in (parent.markets if parent else None) or [] if m.ticker == leg.market_ticker), None)
        if parent is None or market is None or not market.is_open or leg.side not in ("yes", "no"):
            return None
        legs.append((market.ticker, leg.side == "yes"))
        if market not in parents.setdefault(parent.event_ticker, []):
            parents[parent.event_ticker].append(market)
    if 2 ** sum(map(len, parents.values())) > MOST_ENDS:
        return None
    ends = of_combos(
        [(combo.ticker, legs)],
        [([m.ticker for m in markets], bool(events[name].mutually_exclusive)) for name, markets in parents.items()],
    )
    markets = [(m, events[name]) for name, found in parents.items() for m in found]
    return Group(event.event_ticker, ((combo, event), *markets), tuple(ends))


# -- search ------------------------------------------------------------------------------------------------------


def scan(
    groups: Sequence[Group], books: Mapping[str, Orderbook], series: Mapping[str, Series], min_edge: Decimal
) -> tuple[list[ArbitrageLine], int]:
    """(what is riskless, most profit first; groups whose fees aren't known). ``min_edge``: dollars a contract.

    A trade over several events about one number takes the place of those within each: they want the same offers.
    """
    found = list[tuple[str, arb.Arbitrage]]()
    unknown = 0
    for group in groups:
        sides = sides_of(group, books, series)
        if sides is None:
            unknown += 1
        elif (trade := arb.find(sides, group.ends, min_edge)) is not None:
            parts = group.name.split(TOGETHER)
            parents = {m.ticker: e.event_ticker for m, e in group.markets}
            if len(parts) > 1:
                if len({parents[leg.ticker] for leg in trade.legs}) < 2:
                    continue
                found = [(name, other) for name, other in found if name not in parts]
            found.append((group.name, trade))
    lines = [ArbitrageLine.of(name, trade) for name, trade in found]
    return sorted(lines, key=lambda line: line.profit, reverse=True), unknown


def sides_of(group: Group, books: Mapping[str, Orderbook], series: Mapping[str, Series]) -> list[arb.Side] | None:
    """What can be bought of a group; None where a fee has no known formula."""
    sides = list[arb.Side]()
    for market, event in group.markets:
        parent, book = series.get(event.series_ticker), books.get(market.ticker)
        schedule = None if parent is None else of_market(schedule_of(parent, event), market)
        if schedule is None:
            return None
        if book is not None:
            sides += [_side(market, side, book, schedule) for side in ("yes", "no")]
    return sides


def _side(market: Market, side: Literal["yes", "no"], book: Orderbook, schedule: FeeSchedule) -> arb.Side:
    """What can be bought: YES from its asks; NO from the YES bids, at 1 − price."""
    offers = book.yes_asks if side == "yes" else [(ONE - price, count) for price, count in book.yes_bids]
    return arb.Side(market.ticker, side, offers, schedule)
