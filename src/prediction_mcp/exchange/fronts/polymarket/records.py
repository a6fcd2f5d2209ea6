"""Data API v2: what wallets hold and did, public by their address. Sizes are shares, money is dollars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prediction_mcp.exchange.engine import tokens
from prediction_mcp.exchange.engine.ledger import Account, Lot, TokenHolding
from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.token_trades import Part, TokenTrade
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.kalshi.units import COUNT_UNITS, PRICE_UNITS

from . import books, wire
from .call import Call, cursor_of, offset_of
from .refusals import RefusalError

Json = dict[str, Any]
LIMIT, MOST = 100, 10_000
SHARE = COUNT_UNITS


def _page(call: Call, rows: list[Json], most: int = 500) -> Json:
    limit = max(1, call.number("limit", LIMIT, most))
    start = offset_of(call.query.get("cursor"))
    more = start + limit < len(rows)
    pagination: Json = {"limit": limit, "has_more": more, "next_cursor": cursor_of(start + limit) if more else None}
    return {"data": rows[start : start + limit], "pagination": pagination}


def whole(rows: Any) -> Json:
    return {"data": rows, "pagination": {"has_more": False, "next_cursor": None}}


def user(call: Call) -> Account | None:
    """The wallet asked about; None for one that never traded here."""
    address = (call.query.get("user") or "").lower()
    if len(address) != 42:
        raise RefusalError("user is required")
    account = call.exchange.engine.accounts.get(address)
    return account if account is not None and account.tokens else None


def numbers(**figures: str) -> Json:
    return {name: wire.number(text) for name, text in figures.items()}


def _titles(market: Market) -> Json:
    return {"title": market.title, "slug": market.ticker, "event_slug": market.event.ticker, "icon": ""}


# -- positions -----------------------------------------------------------------------------------------------------


def lots(holding: TokenHolding) -> Iterator[tuple[int, Lot]]:
    yield from enumerate((holding.yes, holding.no))


def token_price(call: Call, market: Market, index: int) -> int:
    """What a token is worth now, in price units: the middle of its book, or what it was decided to be."""
    state = call.exchange.engine.markets[market.ticker]
    if state.payout is not None:
        middle = state.payout
    else:
        bid, ask = state.book.bids.best, state.book.asks.best
        middle = (bid + ask) // 2 if bid is not None and ask is not None else state.last_price
    return middle if index == 0 else PRICE_UNITS - middle


def _status(market: Market, lot: Lot) -> str:
    if not lot.count:
        return "CLOSED"
    return "REDEEMABLE" if wire.is_resolved(market) else "OPEN"


def _fees(call: Call, account: Account, market: Market, index: int, holding: TokenHolding) -> int:
    """Micros of fees on one token. A holding counts both tokens together: where both were bought, trades split them."""
    if not (holding.yes.bought and holding.no.bought):
        return holding.fees
    wallet, fees = account.account_id, market.event.fees
    first = sum(
        fees.worst(maker.price, maker.count)
        for trade in call.exchange.trades.of([wallet])
        if trade.ticker == market.ticker and trade.taker.wallet == wallet and trade.taker.yes
        if not call.exchange.has_failed(trade.trade_id)
        for maker in trade.makers
    )
    return first if index == 0 else holding.fees - first


def _position(call: Call, account: Account, market: Market, index: int, lot: Lot, holding: TokenHolding) -> Json:
    current = token_price(call, market, index)
    value, unrealized = current * lot.count, current * lot.count - lot.cost
    total, basis = unrealized + lot.realized, max(lot.cost, 1)
    average = lot.cost // lot.count if lot.count else 0
    ids, labels = wire.tokens_of(market), wire.outcomes(market)
    return {
        "proxy_wallet": account.account_id, "token_id": ids[index], "condition_id": wire.condition(market),
        **numbers(
            current_size=wire.size(lot.count), avg_price=wire.price(average), entry_cost_usdc=wire.dollars(lot.cost),
            entry_fees_usdc=wire.dollars(_fees(call, account, market, index, holding)),
            total_cost_usdc=wire.dollars(lot.cost),
            current_price=wire.price(current), current_value=wire.dollars(value), total_size=wire.size(lot.bought),
            realized_pnl=wire.dollars(lot.realized), unrealized_pnl=wire.dollars(unrealized),
            total_pnl=wire.dollars(total),
            percent_pnl=wire.decimal_text(unrealized * 10_000 // basis, 100),
            percent_realized_pnl=wire.decimal_text(lot.realized * 10_000 // basis, 100),
        ),
        "status": _status(market, lot), "redeemable": _status(market, lot) == "REDEEMABLE",
        "mergeable": not wire.is_resolved(market) and min(holding.yes.count, holding.no.count) > 0,
        "negative_risk": market.event.exclusive, "archived": False, "verified": False, **_titles(market),
        "outcome": labels[index], "opposite_outcome": labels[1 - index], "outcome_index": index,
        "opposite_token_id": ids[1 - index], "event_id": wire.event_id(market.event), "name": "", "profile_image": "",
        "end_date": wire.iso(market.close_ms)[:10], "last_event_at": holding.updated_ms // 1000, "first_entry_at": None,
    }  # fmt: skip


def _positions(call: Call, account: Account, wanted: Callable[[Lot], bool]) -> list[tuple[Json, bool]]:
    """Each with whether it is lost: still held, resolved, and worth nothing."""
    listed = call.exchange.catalogue.markets
    return [
        (
            _position(call, account, listed[ticker], index, lot, holding),
            bool(lot.count) and wire.is_resolved(listed[ticker]) and not token_price(call, listed[ticker], index),
        )
        for ticker, holding in tokens.tokens_of(account)
        if ticker in listed
        for index, lot in lots(holding)
        if (lot.count or lot.bought) and wanted(lot)
    ]


STATUSES = ("OPEN", "REDEEMABLE", "REDEEMABLE_LOST", "MERGEABLE", "CLOSED")


def positions(call: Call, wanted: Callable[[Lot], bool] = lambda _: True) -> Json:
    """One status a query; without one it is OPEN, all that is held. ``wanted`` narrows further."""
    account, status = user(call), call.query.get("status") or "OPEN"
    if status not in STATUSES:
        raise RefusalError(f"status is invalid: take one of {', '.join(STATUSES)}")
    conditions, events = call.all_of("condition_id"), call.all_of("event_id")
    words = (call.query.get("title") or "").lower()
    rows = [] if account is None else _positions(call, account, wanted)
    return _page(call, [
        row
        for row, lost in rows
        if (not conditions or row["condition_id"] in conditions)
        and _has_status(row, status, lost=lost)
        and (not events or row["event_id"] in events)
        and words in row["title"].lower()
    ])  # fmt: skip


def _has_status(row: Json, status: str, *, lost: bool) -> bool:
    """OPEN holds all that isn't closed; MERGEABLE and REDEEMABLE_LOST are filters only, no row has them."""
    if status == "OPEN":
        return bool(row["status"] != "CLOSED")
    return bool({"MERGEABLE": row["mergeable"], "REDEEMABLE_LOST": lost}.get(status, row["status"] == status))


def markets_traded(account: Account) -> int:
    """In how many markets a wallet ever traded."""
    return sum(1 for _, holding in tokens.tokens_of(account) if holding.contracts)


def value(call: Call) -> Json:
    account, conditions = user(call), call.all_of("condition_id")
    listed, total = call.exchange.catalogue.markets, 0
    for ticker, holding in [] if account is None else list(tokens.tokens_of(account)):
        if ticker in listed and (not conditions or wire.condition(listed[ticker]) in conditions):
            total += sum(token_price(call, listed[ticker], i) * lot.count for i, lot in lots(holding))
    return whole({"proxy_wallet": call.query["user"].lower(), **numbers(value=wire.dollars(total))})


# -- trades and activity -------------------------------------------------------------------------------------------


def _row(trade: TokenTrade, part: Part, market: Market, yes_price: int, count: int) -> Json:
    index = 0 if part.yes else 1
    return {
        "proxy_wallet": part.wallet, "token_id": wire.tokens_of(market)[index],
        "condition_id": wire.condition(market), "side": "SELL" if part.sells else "BUY",
        **numbers(size=wire.size(count), price=wire.price(wire.own_price(part, yes_price))),
        "timestamp": trade.matched_ms // 1000, "transaction_hash": wire.transaction_hash(trade.trade_id),
        **_titles(market), "outcome": wire.outcomes(market)[index], "outcome_index": index, "name": "", "pseudonym": "",
        "bio": "", "profile_image": "", "profile_image_optimized": "",
    }  # fmt: skip


def _fills(call: Call, account: Account) -> Iterator[tuple[int, int, Json]]:
    """(sequence, micros that changed hands, row) of a wallet's fills, newest first: one for each order it met."""
    wallet, listed = account.account_id, call.exchange.catalogue.markets
    for trade in call.exchange.trades.of([wallet]):
        for maker in reversed(trade.makers):
            part = trade.taker if trade.taker.wallet == wallet else maker
            if part.wallet == wallet and (part is trade.taker or call.flag("taker_only") is False):
                row = _row(trade, part, listed[trade.ticker], maker.price, maker.count)
                yield maker.seq, wire.own_price(part, maker.price) * maker.count, row


def _tape(call: Call) -> list[Json]:
    """What all traded, newest first: as takers of the first outcome's token, or of the second's."""
    rows = []
    conditions, events = call.all_of("condition_id"), call.all_of("event_id")
    for market in call.exchange.catalogue.markets.values():
        if conditions and wire.condition(market) not in conditions:
            continue
        if events and wire.event_id(market.event) not in events:
            continue
        for trade in list(call.exchange.engine.markets[market.ticker].trades)[-MOST:]:
            trade_id = call.exchange.engine.trade_id(trade.seq)
            # who takes the bid's side buys the first token; the other side is shown as buying the second
            index = 0 if trade.taker_side == BID else 1
            paid = trade.price if index == 0 else PRICE_UNITS - trade.price
            rows.append((trade.seq, {
                "proxy_wallet": wire.stranger(trade_id)[1], "token_id": wire.tokens_of(market)[index],
                "condition_id": wire.condition(market), "side": "BUY",
                **numbers(size=wire.size(trade.count), price=wire.price(paid)), "timestamp": trade.ts_ms // 1000,
                "transaction_hash": wire.transaction_hash(trade_id), **_titles(market),
                "outcome": wire.outcomes(market)[index], "outcome_index": index, "name": "", "pseudonym": "", "bio": "",
                "profile_image": "", "profile_image_optimized": "",
            }))  # fmt: skip
    return [row for _, row in sorted(rows, key=lambda pair: (-pair[1]["timestamp"], -pair[0]))][:MOST]


def trades(call: Call) -> Json:
    rows = _tape(call) if call.query.get("user") is None else _of_user(call)
    side, start, end = call.query.get("side"), call.number("start", 0, 10**11), call.number("end", 10**11, 10**11)
    conditions = call.all_of("condition_id")
    return _page(call, [
        row for row in rows
        if (side is None or row["side"] == side) and start <= row["timestamp"] <= end
        and (not conditions or row["condition_id"] in conditions)
    ])  # fmt: skip


def _of_user(call: Call) -> list[Json]:
    account = user(call)
    return [] if account is None else [row for _, _, row in _fills(call, account)]


def activity(call: Call) -> Json:
    """Trades, and what else moved tokens and money, newest first."""
    account, kinds = user(call), call.all_of("type")
    rows: list[tuple[int, int, Json]] = []
    if account is not None:
        for seq, paid, trade in _fills(call, account):
            row = {**trade, "type": "TRADE", "is_combo": False, **numbers(usdc_size=wire.dollars(paid))}
            rows.append((row["timestamp"], seq, row))
        for note in call.exchange.activity(account):
            market = call.exchange.catalogue.markets.get(note["ticker"] or "")
            more = {} if market is None else {"condition_id": wire.condition(market), **_titles(market)}
            rows.append((note["ts_ms"] // 1000, note["seq"], {
                "proxy_wallet": account.account_id, "timestamp": note["ts_ms"] // 1000, "type": note["type"],
                "transaction_hash": wire.transaction_hash(f"note/{note['seq']}"),
                **numbers(usdc_size=wire.dollars(note["micros"])), "name": "", "pseudonym": "", "bio": "",
                "profile_image": "", "profile_image_optimized": "", **more,
            }))  # fmt: skip
        rows += [
            (d.ts_ms // 1000, 0, {
                "proxy_wallet": account.account_id, "timestamp": d.ts_ms // 1000, "type": "DEPOSIT",
                "transaction_hash": wire.transaction_hash(f"deposit/{number}"),
                **numbers(usdc_size=wire.dollars(d.micros)), "name": "", "pseudonym": "", "bio": "",
                "profile_image": "", "profile_image_optimized": "",
            })
            for number, d in call.exchange.archive.deposits(account)
        ]  # fmt: skip
    conditions = call.all_of("condition_id")
    ordered = [row for _, _, row in sorted(rows, key=lambda entry: (-entry[0], -entry[1]))]
    return _page(call, [
        row for row in ordered
        if (not kinds or row["type"] in kinds) and (not conditions or row.get("condition_id") in conditions)
    ])  # fmt: skip


# -- markets -------------------------------------------------------------------------------------------------------


def _markets(call: Call) -> list[Market]:
    conditions = call.all_of("condition_id")
    return [m for m in call.exchange.catalogue.markets.values() if wire.condition(m) in conditions]


def holders(call: Call) -> Json:
    """Who holds most of each token. The crowd counts: what it holds net."""
    rows = []
    for market in _markets(call):
        for index, token in enumerate(wire.tokens_of(market)):
            found = []
            for account in call.exchange.engine.accounts.values():
                holding = account.holdings.get(market.ticker)
                if isinstance(holding, TokenHolding):
                    count = (holding.yes, holding.no)[index].count
                else:
                    count = 0 if holding is None else max(holding.position if index == 0 else -holding.position, 0)
                if count:
                    found.append((count, account.account_id))
            rows.append({"token_id": token, "holders": [
                {"proxy_wallet": who if who.startswith("0x") else wire.stranger(who)[1], "token_id": token,
                 **numbers(amount=wire.size(count)), "outcome_index": index, "display_username_public": False,
                 "verified": False, "name": "", "pseudonym": "", "bio": "", "profile_image": "",
                 "profile_image_optimized": ""}
                for count, who in sorted(found, reverse=True)[: call.number("limit", 20, 500)]
            ]})  # fmt: skip
    return whole(rows)


def open_interest(call: Call) -> Json:
    state = call.exchange.engine.markets
    return whole([
        {"condition_id": wire.condition(m), **numbers(value=wire.size(state[m.ticker].open_interest))}
        for m in _markets(call)
    ])  # fmt: skip


def live_volume(call: Call) -> Json:
    events = call.all_of("event_id")
    found = [m for m in call.exchange.catalogue.markets.values() if wire.event_id(m.event) in events]
    volumes = [(wire.condition(m), call.exchange.engine.markets[m.ticker].volume) for m in found]
    return whole({
        **numbers(taker_volume_total=wire.size(sum(v for _, v in volumes))),
        "conditions": [{"condition_id": c, **numbers(taker_volume=wire.size(v))} for c, v in volumes],
    })  # fmt: skip


def price_history(call: Call) -> Json:
    """Exactly one of interval, start and as_of; a window of fifteen days at most."""
    given = [name for name in ("interval", "start", "as_of") if call.query.get(name) is not None]
    if len(given) != 1:
        raise RefusalError("provide exactly one of interval, start, as_of")
    known = call.exchange.by_token(call.query.get("token_id") or "")
    if known is None:
        raise RefusalError("Invalid token id")
    now = call.now_ms // 1000
    if given[0] == "interval":
        start, end = books.window(call)
    elif given[0] == "as_of":
        end = call.number("as_of", now, 10**11)
        start = 0
    else:
        start, end = call.number("start", 0, 10**11), call.number("end", now, 10**11)
        if not 0 <= end - start <= books.WINDOW_S:
            raise RefusalError("the window is 15 days at most")
    step = max(60, (end - max(start, known[0].open_ms // 1000)) // 500 // 60 * 60)
    points = books.history_points(call, known[0], start, end, step, first=known[1])
    if given[0] == "as_of":
        points = points[-1:]
    rows = [{"timestamp": ts, **numbers(price=wire.price(p)), "resolution_seconds": step} for ts, p in points]
    return _page(call, rows, MOST)


RESOLUTION = {"proposed": "proposed", "disputed": "disputed", "resolved": "resolved"}


def resolutions(call: Call) -> Json:
    events = call.all_of("event_id")
    rows = []
    for market in call.exchange.catalogue.markets.values():
        question = wire.question_of(market)
        wanted = wire.condition(market) in call.all_of("condition_id") or wire.event_id(market.event) in events
        if not wanted or not question.statuses:
            continue
        status, resolved = question.statuses[-1], wire.is_resolved(market)
        proposals = question.statuses.count("proposed")
        rows.append({
            "question_id": "", "condition_id": wire.condition(market),
            "status": "reproposed" if status == "proposed" and proposals > 1 else RESOLUTION[status],
            "extended_review": False, "was_disputed": "disputed" in question.statuses, "new_version_q": False,
            "expected_settlement_time": None, "settlement_time_basis": None,
            "proposed_price": wire.number(wire.price(market.value)), "reproposed_price": wire.number("69"),
            "price": wire.number(wire.price(market.value) if resolved else "69"),
            "transaction_hash": "", "log_index": None, "last_update_timestamp": question.changed_ms // 1000,
            "market_type": "ATOMIC_NEGRISK" if market.event.exclusive else "BINARY",
            "payouts": [market.value * 100, (PRICE_UNITS - market.value) * 100] if resolved else None,
            "resolution_source": "reported", "reporter": "UMA_OO", "was_arbitrated": False, "resolved_block": None,
            "resolved_at": wire.iso(question.changed_ms) if resolved else None,
        })  # fmt: skip
    return whole(rows)
