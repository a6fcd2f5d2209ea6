"""/communications: requests for quotes, through accept and confirm to the fill. Rules: :mod:`..negotiation`."""

from __future__ import annotations

from typing import Literal

import msgspec

from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.negotiation import communications_id
from prediction_mcp.exchange.engine.rejection import RejectionError, invalid, not_found
from prediction_mcp.exchange.engine.rfq import Quote, Rfq
from prediction_mcp.kalshi.units import COUNT_UNITS, format_count, format_dollars, format_price

from .. import wire, wire_market
from ..call import MAX_INT, Call, Json, bounded, contracts_of, count_of, dollars_of, price_of

RFQ_STATUS = ("open", "closed")
MOST_WINDOW_S = 7 * 86_400
QUOTE_STATUS = ("open", "accepted", "confirmed", "executed", "cancelled")


class CreateRfq(msgspec.Struct, kw_only=True):
    market_ticker: str
    rest_remainder: bool
    contracts: int | None = None
    contracts_fp: str | None = None
    target_cost_centi_cents: int | None = None
    target_cost_dollars: str | None = None
    target_cost_excludes_fees: bool | None = None
    obscure_creator_id: bool | None = None
    replace_existing: bool | None = None
    subtrader_id: str | None = None
    subaccount: int | None = None


class CreateQuote(msgspec.Struct, kw_only=True):
    rfq_id: str
    yes_bid: str
    no_bid: str
    rest_remainder: bool
    post_only: bool | None = None
    subaccount: int | None = None


class AcceptQuote(msgspec.Struct, kw_only=True):
    accepted_side: Literal["yes", "no"]


def own_id(call: Call) -> Json:
    return {"communications_id": communications_id(call.member)}


# -- requests ----------------------------------------------------------------------------------------------------


def _size(body: CreateRfq) -> tuple[int, int]:
    """(count units, micros): one of them is 0."""
    if body.contracts_fp is not None:
        contracts = count_of(body.contracts_fp, "contracts_fp")
        if body.contracts is not None and contracts != body.contracts * COUNT_UNITS:
            raise invalid("contracts", "differs from contracts_fp")
    else:
        contracts = contracts_of(body.contracts or 0, "contracts")
    if body.target_cost_dollars is not None:
        cost = dollars_of(body.target_cost_dollars, "target_cost_dollars")
    else:
        cost = bounded(body.target_cost_centi_cents or 0, "target_cost_centi_cents", MAX_INT // 100) * 100
    if (contracts > 0) == (cost > 0) or contracts < 0 or cost < 0:
        raise invalid("contracts_fp, target_cost_dollars", "exactly one must be given, and positive")
    return contracts, cost


def create_rfq(call: Call) -> Json:
    body = call.decode(CreateRfq)
    market = call.exchange.catalogue.markets.get(body.market_ticker)
    if market is None:
        raise RejectionError("market_not_found", f"market {body.market_ticker} not found", 404)
    contracts, cost = _size(body)
    rfq = call.exchange.negotiations.ask(
        call.subaccount(body.subaccount),
        market,
        call.now_ms,
        contracts=contracts,
        target_cost=cost,
        excludes_fees=bool(body.target_cost_excludes_fees),
        obscured=bool(body.obscure_creator_id),
        rest_remainder=body.rest_remainder,
        replace=bool(body.replace_existing),
    )
    return {"id": rfq.rfq_id}


def _find_rfq(call: Call, rfq_id: str) -> Rfq:
    found = call.exchange.negotiations.rfqs.get(rfq_id)
    if found is None:
        raise not_found("RFQ not found")
    return found


def rfq_json(call: Call, item: Rfq) -> Json:
    mine = item.account.primary is call.member
    out: Json = {
        "id": item.rfq_id,
        "creator_id": communications_id(None if item.obscured and not mine else item.account),
        "market_ticker": item.market.ticker,
        "contracts_fp": format_count(item.contracts),
        "status": item.status,
        "created_ts": wire.moment(item.created_ms),
        "updated_ts": wire.moment(item.updated_ms),
        "rest_remainder": item.rest_remainder,
    }
    if item.target_cost:
        out["target_cost_dollars"] = format_dollars(item.target_cost)
        out["target_cost_excludes_fees"] = item.excludes_fees
    if item.market.legs:
        out["mve_collection_ticker"] = item.market.event.collection
        out["mve_selected_legs"] = wire_market.legs(item.market)
    if item.cancelled_ms:
        out["cancelled_ts"], out["cancellation_reason"] = wire.moment(item.cancelled_ms), item.reason
    if mine:
        out["creator_user_id"], out["creator_subaccount"] = call.member.user_id, item.account.number
    return out


def rfqs(call: Call) -> Json:
    event, ticker = call.text("event_ticker"), call.text("market_ticker")
    status, mine = call.choice("status", RFQ_STATUS), call.choice("user_filter", ("self",))
    only = call.only()
    creator = call.text("creator_user_id")
    found = [
        rfq
        for rfq in call.exchange.negotiations.rfqs.values()
        if (ticker is None or rfq.market.ticker == ticker)
        and (event is None or rfq.market.event.ticker == event)
        and (status is None or rfq.status == status)
        and (not (mine or creator) or rfq.account.primary is call.member)
        and (creator is None or creator == call.member.user_id)
        and (only is None or rfq.account is only)
    ]
    page, cursor = call.page_up(found, lambda rfq: rfq.serial, call.limit(100, 100))
    return {"rfqs": [rfq_json(call, rfq) for rfq in page], "cursor": cursor}


def one_rfq(call: Call) -> Json:
    return {"rfq": rfq_json(call, _find_rfq(call, call.uuid("rfq_id")))}


def delete_rfq(call: Call) -> None:
    rfq = _find_rfq(call, call.uuid("rfq_id"))
    if rfq.account.primary is not call.member:
        raise not_found("RFQ not found")
    call.exchange.negotiations.withdraw(rfq, call.now_ms)


# -- quotes ------------------------------------------------------------------------------------------------------


def create_quote(call: Call) -> Json:
    body = call.decode(CreateQuote)
    quote = call.exchange.negotiations.quote(
        call.subaccount(body.subaccount),
        _find_rfq(call, body.rfq_id),
        price_of(body.yes_bid),
        price_of(body.no_bid),
        call.now_ms,
        rest_remainder=body.rest_remainder,
        post_only=bool(body.post_only),
    )
    return {"id": quote.quote_id}


def _find_quote(call: Call) -> Quote:
    """A quote that the member made or was made; nobody else may see it."""
    found = call.exchange.negotiations.quotes.get(call.uuid("quote_id"))
    if found is None or not (_is(call, found.account) or _is(call, found.rfq.account)):
        raise not_found("quote not found")
    if "rfq_id" in call.path and call.uuid("rfq_id") != found.rfq.rfq_id:
        raise not_found("quote not found for this RFQ")
    return found


def _is(call: Call, account: Account) -> bool:
    return account.primary is call.member


def quote_json(call: Call, item: Quote) -> Json:
    rfq = item.rfq
    out: Json = {
        "id": item.quote_id,
        "rfq_id": rfq.rfq_id,
        "creator_id": communications_id(item.account),
        "rfq_creator_id": communications_id(None if rfq.obscured and not _is(call, rfq.account) else rfq.account),
        "market_ticker": rfq.market.ticker,
        "contracts_fp": format_count(rfq.contracts),
        "yes_bid_dollars": format_price(item.yes_bid),
        "no_bid_dollars": format_price(item.no_bid),
        "created_ts": wire.moment(item.created_ms),
        "updated_ts": wire.moment(item.updated_ms),
        "status": item.status,
        "rest_remainder": item.rest_remainder,
        "yes_contracts_fp": format_count(item.count("yes")),
        "no_contracts_fp": format_count(item.count("no")),
    }
    for name in ("accepted", "confirmed", "executed", "cancelled"):
        if at := getattr(item, f"{name}_ms"):
            out[f"{name}_ts"] = wire.moment(at)
    if item.accepted_side is not None:
        out["accepted_side"] = item.accepted_side
    if item.reason:
        out["cancellation_reason"] = item.reason
    if rfq.target_cost:
        out["rfq_target_cost_dollars"] = format_dollars(rfq.target_cost)
        out["target_cost_excludes_fees"] = rfq.excludes_fees
    if _is(call, item.account):
        out["creator_user_id"] = call.member.user_id
        if item.account.number:
            out["creator_subaccount"] = item.account.number
        out["post_only"] = item.post_only
        if item.maker_order_id:
            out["creator_order_id"] = item.maker_order_id
    if _is(call, rfq.account):
        out |= {"rfq_creator_user_id": call.member.user_id, "rfq_creator_subaccount": rfq.account.number}
        if item.taker_order_id:
            out["rfq_creator_order_id"] = item.taker_order_id
    return out


def quotes(call: Call) -> Json:
    """Production refuses a list without a user filter and a window of seven days at most."""
    rfq_id, status = call.text("rfq_id"), call.choice("status", QUOTE_STATUS)
    made, asked = call.choice("user_filter", ("self",)), call.choice("rfq_user_filter", ("self",))
    made_by, asked_by = call.text("quote_creator_user_id"), call.text("rfq_creator_user_id")
    if not (made or asked):
        raise invalid("user_filter", "one of user_filter and rfq_user_filter must be given")
    first, last = call.seconds("min_ts"), call.seconds("max_ts")
    if first is None or last is None or not 0 <= last - first <= MOST_WINDOW_S:
        raise invalid("min_ts, max_ts", "a window of seven days at most must be given")
    updated = call.within("min_ts", "max_ts")
    own = call.member.user_id
    found = [
        quote
        for quote in call.exchange.negotiations.quotes.values()
        if (_is(call, quote.account) or _is(call, quote.rfq.account))
        and (rfq_id is None or quote.rfq.rfq_id == rfq_id)
        and (status is None or quote.status == status)
        and (not made or _is(call, quote.account))
        and (not asked or _is(call, quote.rfq.account))
        and (made_by is None or (made_by == own and _is(call, quote.account)))
        and (asked_by is None or (asked_by == own and _is(call, quote.rfq.account)))
        and updated(quote.updated_ms)
    ]
    page, cursor = call.page_up(found, lambda quote: quote.serial, call.limit(500, 500))
    return {"quotes": [quote_json(call, quote) for quote in page], "cursor": cursor}


def one_quote(call: Call) -> Json:
    return {"quote": quote_json(call, _find_quote(call))}


def delete_quote(call: Call) -> None:
    quote = _find_quote(call)
    if not _is(call, quote.account):
        raise RejectionError("forbidden", "only who made the quote can take it back", 403)
    call.exchange.negotiations.withdraw_quote(quote, call.now_ms)


def accept_quote(call: Call) -> None:
    """Take the quoter's bid for a side: the quoter buys that side, the requester the other."""
    quote, body = _find_quote(call), call.decode(AcceptQuote)
    if not _is(call, quote.rfq.account):
        raise RejectionError("forbidden", "only who made the RFQ can accept", 403)
    call.exchange.negotiations.accept(quote, body.accepted_side, call.now_ms)


def confirm_quote(call: Call) -> None:
    quote = _find_quote(call)
    if not _is(call, quote.account):
        raise RejectionError("forbidden", "only who made the quote can confirm", 403)
    call.exchange.negotiations.confirm(quote, call.now_ms)
