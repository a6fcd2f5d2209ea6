"""/communications/block-trade-proposals: trades agreed on outside the book. Rules: :mod:`..blocks`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from prediction_mcp.exchange.engine.blocks import Proposal
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.rejection import RejectionError, invalid, not_found

from .. import wire
from ..call import MAX_CONTRACTS, Call, Json, bounded


class Propose(msgspec.Struct, kw_only=True):
    """The price in centi-cents ($0.0001) of YES, the count in hundredths of contracts."""

    buyer_user_id: str
    seller_user_id: str
    market_ticker: str
    price_centi_cents: int
    centicount: int
    maker_side: Literal["yes", "no"]
    expiration_ts: str
    buyer_subaccount: int | None = None
    seller_subaccount: int | None = None


class Accept(msgspec.Struct, kw_only=True):
    subtrader_id: str | None = None
    subaccount: int | None = None


def _party(call: Call, user_id: str, number: int | None, name: str) -> Account:
    found = next((a.primary for a in call.exchange.engine.accounts.values() if a.user_id == user_id), None)
    if found is None:
        raise invalid(f"{name}_user_id", "is no member")
    if found is call.member:
        return call.subaccount(number)
    if number:
        raise invalid(f"{name}_subaccount", "the other side chooses its own")
    return found


def propose(call: Call) -> Json:
    body = call.decode(Propose)
    market = call.exchange.catalogue.markets.get(body.market_ticker)
    if market is None:
        raise RejectionError("market_not_found", status=404)
    try:
        expires = datetime.fromisoformat(body.expiration_ts)
        expires_ms = int((expires if expires.tzinfo else expires.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise invalid("expiration_ts", "must be an RFC 3339 time") from None
    made = call.exchange.block_trades.propose(
        call.member,
        _party(call, body.buyer_user_id, body.buyer_subaccount, "buyer"),
        _party(call, body.seller_user_id, body.seller_subaccount, "seller"),
        market,
        body.price_centi_cents,
        bounded(body.centicount, "centicount", MAX_CONTRACTS * 100),
        body.maker_side,
        expires_ms,
        call.now_ms,
    )
    return {"block_trade_proposal_id": made.proposal_id}


def _own(call: Call, proposal: Proposal) -> bool:
    return call.member in (proposal.buyer.primary, proposal.seller.primary)


def _shown(call: Call, item: Proposal) -> Json:
    """A proposal as one of its sides sees it: without who the other is."""
    buying = call.member is item.buyer.primary
    own = "buyer" if buying else "seller"
    out: Json = {
        "id": item.proposal_id,
        "proposer_user_id": item.proposer.user_id,
        "buyer_user_id": item.buyer.user_id if buying else "",
        "seller_user_id": "" if buying else item.seller.user_id,
        "market_ticker": item.market.ticker,
        "price_centi_cents": item.price,
        "centicount": item.count,
        "maker_side": item.maker_side,
        "expiration_ts": wire.moment(item.expires_ms),
        "status": item.status,
        "created_ts": wire.moment(item.created_ms),
        "updated_ts": wire.moment(item.updated_ms),
        "buyer_accepted": item.buyer_accepted_ms > 0,
        "seller_accepted": item.seller_accepted_ms > 0,
    }
    for name in ("buyer_accepted", "seller_accepted", "executed"):
        if at := getattr(item, f"{name}_ms"):
            out[f"{name}_ts"] = wire.moment(at)
    if order_id := getattr(item, f"{own}_order_id"):
        out[f"{own}_order_id"] = order_id
    return out


def proposals(call: Call) -> Json:
    ticker, status = call.text("market_ticker"), call.text("status")
    found = [
        proposal
        for proposal in call.exchange.block_trades.proposals.values()
        if _own(call, proposal)
        and (ticker is None or proposal.market.ticker == ticker)
        and (status is None or proposal.status == status)
    ]
    page, cursor = call.page(reversed(found), lambda proposal: proposal.serial, call.limit(100, 100))
    return {"block_trade_proposals": [_shown(call, proposal) for proposal in page], "cursor": cursor}


def accept(call: Call) -> None:
    proposal = call.exchange.block_trades.proposals.get(call.uuid("block_trade_proposal_id"))
    if proposal is None or not _own(call, proposal):
        raise not_found("block trade proposal not found")
    body = call.decode(Accept)
    mine = proposal.buyer if call.member is proposal.buyer.primary else proposal.seller
    chosen = body.subaccount is not None or call.locked is not None
    account = call.subaccount(body.subaccount) if chosen else mine
    call.exchange.block_trades.accept(proposal, account, call.now_ms)
