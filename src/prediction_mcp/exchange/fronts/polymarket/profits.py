"""Data API v2: what a wallet has made of it, and what a token is."""

from __future__ import annotations

from typing import Any

from prediction_mcp.exchange.disk.archive import Where
from prediction_mcp.exchange.engine import tokens
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.kalshi.units import PRICE_UNITS

from . import wire
from .call import Call
from .records import lots, markets_traded, numbers, token_price, user, whole

Json = dict[str, Any]


def _profits(call: Call, account: Account) -> tuple[int, int]:
    """(realized, unrealized) micros."""
    listed = call.exchange.catalogue.markets
    realized = unrealized = 0
    for ticker, holding in tokens.tokens_of(account):
        for index, lot in lots(holding):
            realized += lot.realized
            if lot.count and ticker in listed:
                unrealized += token_price(call, listed[ticker], index) * lot.count - lot.cost
        realized -= holding.fees
    return realized, unrealized


def user_pnl(call: Call) -> Json:
    """The profit as it stands; what it was before isn't kept here."""
    account = user(call)
    interval, fidelity = call.query.get("interval") or "max", call.query.get("fidelity") or "1d"
    points = [] if account is None else [_point(call, account)]
    return whole({
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
        **numbers(
            realized_market_pnl=wire.dollars(realized), realized_lp_pnl="0", realized_combo_pnl="0",
            realized_pnl=wire.dollars(realized), volume=wire.size(traded), volume_usdc=wire.dollars(moved),
            unrealized_pnl=wire.dollars(unrealized), deposits=wire.dollars(account.deposited),
        ),
    }  # fmt: skip


def user_stats(call: Call) -> Json:
    account = user(call)
    if account is None:
        return whole(None)
    best = max((lot.realized for _, h in tokens.tokens_of(account) for _, lot in lots(h)), default=0)
    point = _point(call, account)
    return whole({
        "proxy_wallet": account.account_id, "trades": markets_traded(account),
        **numbers(biggest_win=wire.dollars(max(best, 0))), "views": 0, "join_date": None, "all_time_pnl": point,
    })  # fmt: skip


def user_volume(call: Call) -> Json:
    account = user(call)
    holdings = [] if account is None else [h for _, h in tokens.tokens_of(account)]
    count = 0 if account is None else sum(1 for _ in call.exchange.archive.fills(account, Where()))
    shares, moved = sum(h.contracts for h in holdings), sum(h.traded for h in holdings)
    return whole({**numbers(volume=wire.size(shares), volume_usdc=wire.dollars(moved)), "trade_count": count})


def token_references(call: Call) -> Json:
    rows = []
    wanted, conditions = call.all_of("token_id"), call.all_of("condition")
    for market in call.exchange.catalogue.markets.values():
        ids, is_v2 = wire.tokens_of(market), wire.is_v2(market)
        for index, token in enumerate(ids):
            if token not in wanted and wire.condition(market) not in conditions:
                continue
            resolved = wire.is_resolved(market)
            payout = market.value if index == 0 else PRICE_UNITS - market.value
            rows.append({
                "token_id": token, "condition_id": wire.condition(market),
                "structural_condition_id": wire.condition(market) if is_v2 else None,
                "module": ("neg_risk" if market.event.exclusive else "binary") if is_v2 else "v1_ctf",
                "outcome_index": index, "clob_index": index, "outcome": wire.outcomes(market)[index],
                "opposite_token_id": ids[1 - index], "resolved": resolved,
                "final_price": wire.number(wire.price(payout)) if resolved else None, "title": market.title,
                "market_slug": market.ticker, "closed": resolved, "neg_risk": market.event.exclusive,
                "neg_risk_market_id": None, "question_index": market.event.markets.index(market),
                "event_id": wire.event_id(market.event), "event_slug": market.event.ticker,
            })  # fmt: skip
    return whole(rows)
