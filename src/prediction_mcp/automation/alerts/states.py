"""Alerts that no quote decides: a market's end, the account's worth and fills, what is new, the exchange's state.

Each kind is one look at the world for all alerts of it. What can't be read now is left as it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from loguru import logger

from prediction_mcp.desk.kalshi import lookup
from prediction_mcp.desk.kalshi.analysis.arbitrage import find_arbitrage
from prediction_mcp.desk.kalshi.discovery.status import pause_of
from prediction_mcp.desk.kalshi.guarded import Guarded
from prediction_mcp.desk.kalshi.records.worth import valued
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.net.words import cents, printed
from prediction_mcp.safety.journal import JournalError

from ..notices.wording import harmless
from .kinds import OF_ACCOUNT, OF_STATE, AlertKind
from .telling import expire, fire, spec_of, turned

if TYPE_CHECKING:
    from prediction_mcp.desk.kalshi.account import Account
    from prediction_mcp.kalshi.models.markets import Market
    from prediction_mcp.records.ledger import Kept
    from prediction_mcp.records.watching import AlertRow

    from ..desk import Desk

Look = Callable[["Desk", "list[AlertRow]"], Awaitable[None]]
ZERO = Decimal(0)
ENDED = frozenset({"determined", "disputed", "amended", "finalized"})
NEW_AT_ONCE = 5
"""New markets that one firing names."""


async def look(desk: Desk, rows: Sequence[AlertRow]) -> list[str]:
    """Look at everything that isn't a price; returns what couldn't be read, in words."""
    problems = list[str]()
    active = [row for row in rows if not await expire(desk, row)]
    for kinds, at in _LOOKS:
        mine = [row for row in active if row.kind in kinds]
        if not mine:
            continue
        try:
            await at(desk, mine)
        except (PlatformError, JournalError) as error:
            logger.warning("alerts on {} can't be looked at now: {}", ", ".join(sorted(kinds)), error)
            problems.append(str(error))
    return problems


async def _markets(desk: Desk, rows: list[AlertRow]) -> None:
    found = await lookup.markets_of(desk.account, {row.ticker for row in rows})
    for row in rows:
        if (market := found.get(row.ticker)) is not None:
            said, true, since = state_of(row.kind, market, spec_of(row).value or ZERO, desk.clock())
            await turned(desk, row, true=true, said=said, since=since)


def state_of(kind: str, market: Market, hours: Decimal, now: datetime) -> tuple[str, bool, datetime | None]:
    """(words, whether it is true, since when) of a market's end."""
    if kind == "closes_within":
        close = market.close_time
        begins = None if close is None else close - timedelta(seconds=int(hours * 3_600))
        true = begins is not None and begins <= now and market.is_open
        return f"{market.ticker} closes at {close:%Y-%m-%d %H:%M} UTC" if close else "", true, begins
    result = f" with {market.result}" if market.result else ""
    if kind == "determined":
        return f"{market.ticker} was determined{result}", market.status in ENDED, market.settlement_ts
    value = market.settlement_value_dollars
    paid = f"; YES paid {cents(value)}" if value is not None else ""
    settled = market.status == "finalized" and market.settlement_ts is not None
    return f"{market.ticker} settled{result}{paid}", settled, market.settlement_ts


async def _account(desk: Desk, rows: list[AlertRow]) -> None:
    worth, _ = await valued(desk.account)
    made = await _made_today(desk) if any(row.kind in ("day_profit", "day_loss") for row in rows) else ZERO
    for row in rows:
        value, figure = spec_of(row).value or ZERO, worth.total
        if row.kind == "exposure_over":
            await turned(desk, row, true=worth.at_cost >= value, said=f"positions cost ${worth.at_cost:,.2f}")
        elif row.kind in ("day_profit", "day_loss"):
            amount = made if row.kind == "day_profit" else -made
            word = "profit" if row.kind == "day_profit" else "loss"
            await turned(desk, row, true=amount >= value, said=f"today's {word} is ${amount:,.2f}")
        elif figure is not None:  # a position without a price leaves it as it was
            true = figure >= value if row.kind == "portfolio_above" else figure <= value
            await turned(desk, row, true=true, said=f"the account is worth ${figure:,.2f}")


async def _made_today(desk: Desk) -> Decimal:
    """Dollars made since the first look of the day (UTC), deposits apart: what LIMIT_DAY_LOSS counts."""
    guarded = Guarded(desk.account)
    made = (await guarded.made(await guarded.now()))["kalshi"]
    return made - desk.account.records().day_start(made)


async def _fills(desk: Desk, rows: list[AlertRow]) -> None:
    """Fills that the records got since an alert last looked; each is told once, those of one order together."""
    ledger = desk.account.history.ledger
    since = min(int(row.seen.get("row", 0)) for row in rows)
    fills = [kept for kept in await ledger.after(since) if kept.kind == "fill"]
    for row in rows:
        spec, mark = spec_of(row), int(row.seen.get("row", 0))
        mine = [
            kept for kept in fills
            if kept.id > mark and kept.time >= row.created and spec.order_id in ("", kept.order_id)
            and row.ticker in ("", kept.ticker)
        ]  # fmt: skip
        if mine:
            await fire(desk, row, filled(mine), mine[-1].time, {**row.seen, "row": fills[-1].id})


def filled(fills: Sequence[Kept]) -> str:
    """Fills by order, in words."""
    orders: dict[str, list[Kept]] = {}
    for kept in fills:
        orders.setdefault(kept.order_id or kept.exchange_id, []).append(kept)
    lines = list[str]()
    for order_id, parts in orders.items():
        count = abs(sum((part.contracts for part in parts), ZERO))
        paid = sum((abs(part.contracts) * (part.price or ZERO) for part in parts), ZERO)
        side = "bought" if parts[0].contracts > 0 else "sold"
        price = f" at {cents((paid / count).quantize(Decimal('0.0001')))}" if count else ""
        lines.append(f"{side} {printed(count)} of {parts[0].ticker}{price} of YES (order {order_id})")
    more = f" and {len(lines) - NEW_AT_ONCE} orders more" if len(lines) > NEW_AT_ONCE else ""
    return "; ".join(lines[:NEW_AT_ONCE]) + more


async def _new_markets(desk: Desk, rows: list[AlertRow]) -> None:
    """Markets made since an alert last looked."""
    now = desk.clock()
    since = min(_moment(row.seen.get("since"), row.created) for row in rows)
    found = [
        market
        async for market in desk.account.kalshi.markets.all(
            min_created_ts=int(since.timestamp()), mve_filter="exclude"
        )
    ]  # fmt: skip
    for row in rows:
        known = set(row.seen.get("known", ()))
        mine = [m for m in found if m.ticker not in known and matches(spec_of(row).words, m)]
        if not mine:
            continue
        names = "; ".join(f"{m.ticker} “{harmless(m.name, 80)}”" for m in mine[:NEW_AT_ONCE])
        more = f" and {len(mine) - NEW_AT_ONCE} more" if len(mine) > NEW_AT_ONCE else ""
        seen = {**row.seen, "since": now.isoformat(), "known": sorted(m.ticker for m in found)[-1_000:]}
        await fire(desk, row, f"new: {names}{more}", now, seen)


def matches(words: str, market: Market) -> bool:
    """Whether all words stand in a market's title, answer or ticker, in any case."""
    text = f"{market.name} {market.title} {market.yes_sub_title} {market.ticker}".casefold()
    return all(word in text for word in words.casefold().split())


async def _arbitrage(desk: Desk, rows: list[AlertRow]) -> None:
    for row in rows:
        spec = spec_of(row)
        words = spec.words
        found = await find_arbitrage(
            desk.account, **await _scope(desk.account, words), min_edge_cents=(spec.value or ZERO) * 100
        )
        lines = [f"{one.event_ticker}: {printed(one.edge_cents)}¢ on {printed(one.count)}" for one in found.found]
        await turned(desk, row, true=bool(lines), said=f"arbitrage in {words}: {'; '.join(lines[:NEW_AT_ONCE])}")


async def _scope(account: Account, words: str) -> dict[str, Any]:
    """Return what to scan: a category, or, in capitals, the series or the event of that ticker."""
    if words != words.upper():
        kind = "category"
    else:
        kind = "series_ticker" if await account.series.is_listed(words) else "event_ticker"
    return dict.fromkeys(("event_ticker", "series_ticker", "category")) | {kind: words}


async def _paused(desk: Desk, rows: list[AlertRow]) -> None:
    pause = pause_of(await desk.account.kalshi.exchange.status())
    for row in rows:
        await turned(desk, row, true=pause is not None, said=pause or "")


async def _feed(desk: Desk, rows: list[AlertRow]) -> None:
    down = desk.feed_down
    said = f"the live feed is down since {down:%H:%M} UTC" if down else ""
    for row in rows:
        seconds = 0.0 if down is None else (desk.clock() - down).total_seconds()
        true = down is not None and seconds >= float(spec_of(row).value or ZERO)
        await turned(desk, row, true=true, said=said, since=down)


def _moment(text: str | None, otherwise: datetime) -> datetime:
    return otherwise if text is None else datetime.fromisoformat(text).astimezone(UTC)


_LOOKS: tuple[tuple[frozenset[AlertKind], Look], ...] = (
    (OF_STATE, _markets),
    (OF_ACCOUNT, _account),
    (frozenset({"order_filled"}), _fills),
    (frozenset({"new_market"}), _new_markets),
    (frozenset({"arbitrage"}), _arbitrage),
    (frozenset({"exchange_paused"}), _paused),
    (frozenset({"feed_down"}), _feed),
)
