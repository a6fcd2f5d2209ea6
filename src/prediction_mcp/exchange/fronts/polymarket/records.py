"""Data API v2: what wallets hold and did, public by their address. Sizes are shares, money is dollars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prediction_mcp.exchange.disk.archive import Where
from prediction_mcp.exchange.engine import tokens
from prediction_mcp.exchange.engine.ledger import Account, Fill, Lot, TokenHolding
from prediction_mcp.exchange.engine.matching import BID, Order
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.kalshi.units import MICROS, PRICE_UNITS

from . import books, wire
from .call import Call, cursor_of, offset_of
from .refusals import RefusalError

Json = dict[str, Any]
LIMIT, MOST = 100, 10_000


def _page(call: Call, rows: list[Json], most: int = 500) -> Json:
    limit = max(1, call.number("limit", LIMIT, most))
    start = offset_of(call.query.get("cursor"))
    more = start + limit < len(rows)
    pagination: Json = {"limit": limit, "has_more": more, "next_cursor": cursor_of(start + limit) if more else None}
    return {"data": rows[start : start + limit], "pagination": pagination}


def _whole(rows: Any) -> Json:
    return {"data": rows, "pagination": {"has_more": False, "next_cursor": None}}


def _user(call: Call) -> Account | None:
    """The wallet asked about; None for one that never traded here."""
    address = (call.query.get("user") or "").lower()
    if len(address) != 42:
        raise RefusalError("user is required")
    account = call.exchange.engine.accounts.get(address)
    return account if account is not None and account.tokens else None


def _numbers(**figures: str) -> Json:
    return {name: wire.number(text) for name, text in figures.items()}


def _titles(market: Market) -> Json:
    return {"title": market.title, "slug": market.ticker, "event_slug": market.event.ticker, "icon": ""}


# -- positions -----------------------------------------------------------------------------------------------------


def _lots(holding: TokenHolding) -> Iterator[tuple[int, Lot]]:
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


def _position(call: Call, account: Account, market: Market, index: int, lot: Lot, holding: TokenHolding) -> Json:
    current = token_price(call, market, index)
    value, unrealized = current * lot.count, current * lot.count - lot.cost
    total, basis = unrealized + lot.realized, max(lot.cost, 1)
    average = lot.cost // lot.count if lot.count else 0
    ids, labels = wire.tokens_of(market), wire.outcomes(market)
    return {
        "proxy_wallet": account.account_id, "token_id": ids[index], "condition_id": wire.condition(market),
        **_numbers(
            current_size=wire.size(lot.count), avg_price=wire.price(average), entry_cost_usdc=wire.dollars(lot.cost),
            entry_fees_usdc=wire.dollars(holding.fees), total_cost_usdc=wire.dollars(lot.cost),
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


def _positions(call: Call, account: Account) -> list[Json]:
    listed = call.exchange.catalogue.markets
    return [
        _position(call, account, listed[ticker], index, lot, holding)
        for ticker, holding in tokens.tokens_of(account)
        if ticker in listed
        for index, lot in _lots(holding)
        if lot.count or lot.bought
    ]


def positions(call: Call) -> Json:
    account = _user(call)
    conditions, statuses = call.all_of("condition_id"), call.all_of("status")
    events, words = call.all_of("event_id"), (call.query.get("title") or "").lower()
    rows = [] if account is None else _positions(call, account)
    found = [
        row
        for row in rows
        if (not conditions or row["condition_id"] in conditions)
        and _has_status(row, statuses)
        and (not events or row["event_id"] in events)
        and words in row["title"].lower()
    ]
    return _page(call, found)


def _has_status(row: Json, statuses: set[str]) -> bool:
    """Without a filter, what is held; "mergeable" and "lost" are not statuses of the wire."""
    if not statuses:
        return bool(row["status"] != "CLOSED")
    lost = row["status"] == "REDEEMABLE" and str(row["current_price"]) == "0"
    return (
        row["status"] in statuses
        or ("MERGEABLE" in statuses and row["mergeable"])
        or ("REDEEMABLE_LOST" in statuses and lost)
    )


def value(call: Call) -> Json:
    account, conditions = _user(call), call.all_of("condition_id")
    listed, total = call.exchange.catalogue.markets, 0
    for ticker, holding in [] if account is None else list(tokens.tokens_of(account)):
        if ticker in listed and (not conditions or wire.condition(listed[ticker]) in conditions):
            total += sum(token_price(call, listed[ticker], i) * lot.count for i, lot in _lots(holding))
    return _whole({"proxy_wallet": call.query["user"].lower(), **_numbers(value=wire.dollars(total))})


# -- trades and activity -------------------------------------------------------------------------------------------


def _own_trade(call: Call, fill: Fill, order: Order) -> Json:
    market = call.exchange.catalogue.markets[fill.ticker]
    index = 0 if tokens.is_yes(order) else 1
    return {
        "proxy_wallet": fill.account.account_id, "token_id": wire.tokens_of(market)[index],
        "condition_id": wire.condition(market), "side": wire.side_of(order),
        **_numbers(size=wire.size(fill.count), price=wire.price(tokens.unit_price(order, fill.price))),
        "timestamp": fill.ts_ms // 1000,
        "transaction_hash": wire.transaction_hash(call.exchange.engine.trade_id(fill.seq)),
        **_titles(market), "outcome": wire.outcomes(market)[index], "outcome_index": index, "name": "", "pseudonym": "",
        "bio": "", "profile_image": "", "profile_image_optimized": "",
    }  # fmt: skip


def _fills(call: Call, account: Account) -> Iterator[tuple[int, Json]]:
    """(sequence, trade) of a wallet, newest first."""
    listed = call.exchange.catalogue.markets
    for fill in call.exchange.archive.fills(account, Where()):
        where = Where().add("order_id = ?", fill.order_id)
        order = account.orders.get(fill.order_id) or next(iter(call.exchange.archive.orders(account, where)), None)
        if order is not None and fill.ticker in listed and (fill.is_taker or call.flag("taker_only") is False):
            yield fill.seq, _own_trade(call, fill, order)


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
                **_numbers(size=wire.size(trade.count), price=wire.price(paid)), "timestamp": trade.ts_ms // 1000,
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
    account = _user(call)
    return [] if account is None else [row for _, row in _fills(call, account)]


def activity(call: Call) -> Json:
    """Trades, and what else moved tokens and money, newest first."""
    account, kinds = _user(call), call.all_of("type")
    rows: list[tuple[int, int, Json]] = []
    if account is not None:
        for seq, trade in _fills(call, account):
            paid = str(wire.dollars(_micros(str(trade["size"])) * _units(str(trade["price"])) // PRICE_UNITS))
            row = {**trade, "type": "TRADE", "is_combo": False, **_numbers(usdc_size=paid)}
            rows.append((row["timestamp"], seq, row))
        for note in call.exchange.activity(account):
            market = call.exchange.catalogue.markets.get(note["ticker"] or "")
            more = {} if market is None else {"condition_id": wire.condition(market), **_titles(market)}
            rows.append((note["ts_ms"] // 1000, note["seq"], {
                "proxy_wallet": account.account_id, "timestamp": note["ts_ms"] // 1000, "type": note["type"],
                "transaction_hash": wire.transaction_hash(f"note/{note['seq']}"),
                **_numbers(usdc_size=wire.dollars(note["micros"])), "name": "", "pseudonym": "", "bio": "",
                "profile_image": "", "profile_image_optimized": "", **more,
            }))  # fmt: skip
        rows += [
            (d.ts_ms // 1000, 0, {
                "proxy_wallet": account.account_id, "timestamp": d.ts_ms // 1000, "type": "DEPOSIT",
                "transaction_hash": wire.transaction_hash(f"deposit/{number}"),
                **_numbers(usdc_size=wire.dollars(d.micros)), "name": "", "pseudonym": "", "bio": "",
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


def _micros(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole) * MICROS + int((part + "000000")[:6])


def _units(text: str) -> int:
    return _micros(text) * PRICE_UNITS // MICROS


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
                 **_numbers(amount=wire.size(count)), "outcome_index": index, "display_username_public": False,
                 "verified": False, "name": "", "pseudonym": "", "bio": "", "profile_image": "",
                 "profile_image_optimized": ""}
                for count, who in sorted(found, reverse=True)[: call.number("limit", 20, 500)]
            ]})  # fmt: skip
    return _whole(rows)


def open_interest(call: Call) -> Json:
    state = call.exchange.engine.markets
    return _whole([
        {"condition_id": wire.condition(m), **_numbers(value=wire.size(state[m.ticker].open_interest))}
        for m in _markets(call)
    ])  # fmt: skip


def live_volume(call: Call) -> Json:
    events = call.all_of("event_id")
    found = [m for m in call.exchange.catalogue.markets.values() if wire.event_id(m.event) in events]
    volumes = [(wire.condition(m), call.exchange.engine.markets[m.ticker].volume) for m in found]
    return _whole({
        **_numbers(taker_volume_total=wire.size(sum(v for _, v in volumes))),
        "conditions": [{"condition_id": c, **_numbers(taker_volume=wire.size(v))} for c, v in volumes],
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
    rows = [{"timestamp": ts, **_numbers(price=wire.price(p)), "resolution_seconds": step} for ts, p in points]
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
    return _whole(rows)


# -- a wallet's record ---------------------------------------------------------------------------------------------


def _profits(call: Call, account: Account) -> tuple[int, int]:
    """(realized, unrealized) micros."""
    listed = call.exchange.catalogue.markets
    realized = unrealized = 0
    for ticker, holding in tokens.tokens_of(account):
        for index, lot in _lots(holding):
            realized += lot.realized
            if lot.count and ticker in listed:
                unrealized += token_price(call, listed[ticker], index) * lot.count - lot.cost
        realized -= holding.fees
    return realized, unrealized


def user_pnl(call: Call) -> Json:
    """The profit as it stands; what it was before isn't kept here."""
    account = _user(call)
    interval, fidelity = call.query.get("interval") or "max", call.query.get("fidelity") or "1d"
    points = [] if account is None else [_point(call, account)]
    return _whole({
        "proxy_wallet": call.query["user"].lower(), "interval": interval, "fidelity": fidelity,
        "source_fidelity": fidelity, "points": points,
    })  # fmt: skip


def _point(call: Call, account: Account) -> Json:
    realized, unrealized = _profits(call, account)
    traded = sum(h.contracts for _, h in tokens.tokens_of(account))
    moved = sum(h.traded for _, h in tokens.tokens_of(account))
    count = sum(1 for _ in call.exchange.archive.fills(account, Where()))
    return {
        "timestamp": call.now_ms // 1000, "source_block": 0, "trade_count": count,
        **_numbers(
            realized_market_pnl=wire.dollars(realized), realized_lp_pnl="0", realized_combo_pnl="0",
            realized_pnl=wire.dollars(realized), volume=wire.size(traded), volume_usdc=wire.dollars(moved),
            unrealized_pnl=wire.dollars(unrealized), deposits=wire.dollars(account.deposited),
        ),
    }  # fmt: skip


def user_stats(call: Call) -> Json:
    account = _user(call)
    if account is None:
        return _whole(None)
    best = max((lot.realized for _, h in tokens.tokens_of(account) for _, lot in _lots(h)), default=0)
    point = _point(call, account)
    return _whole({
        "proxy_wallet": account.account_id, "trades": point["trade_count"],
        **_numbers(biggest_win=wire.dollars(max(best, 0))), "views": 0, "join_date": None, "all_time_pnl": point,
    })  # fmt: skip


def user_volume(call: Call) -> Json:
    account = _user(call)
    holdings = [] if account is None else [h for _, h in tokens.tokens_of(account)]
    count = 0 if account is None else sum(1 for _ in call.exchange.archive.fills(account, Where()))
    shares, moved = sum(h.contracts for h in holdings), sum(h.traded for h in holdings)
    return _whole({**_numbers(volume=wire.size(shares), volume_usdc=wire.dollars(moved)), "trade_count": count})


def token_references(call: Call) -> Json:
    rows = []
    wanted, conditions = call.all_of("token_id"), call.all_of("condition")
    for market in call.exchange.catalogue.markets.values():
        ids, question = wire.tokens_of(market), wire.question_of(market)
        for index, token in enumerate(ids):
            if token not in wanted and wire.condition(market) not in conditions:
                continue
            resolved = wire.is_resolved(market)
            payout = market.value if index == 0 else PRICE_UNITS - market.value
            rows.append({
                "token_id": token, "condition_id": wire.condition(market), "structural_condition_id": None,
                "module": "neg_risk" if market.event.exclusive else "binary" if question.v2 else "v1_ctf",
                "outcome_index": index, "clob_index": index, "outcome": wire.outcomes(market)[index],
                "opposite_token_id": ids[1 - index], "resolved": resolved,
                "final_price": wire.number(wire.price(payout)) if resolved else None, "title": market.title,
                "market_slug": market.ticker, "closed": resolved, "neg_risk": market.event.exclusive,
                "neg_risk_market_id": None, "question_index": market.event.markets.index(market),
                "event_id": wire.event_id(market.event), "event_slug": market.event.ticker,
            })  # fmt: skip
    return _whole(rows)
