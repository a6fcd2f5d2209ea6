"""/communications/rfq_batches: several combos asked for, quoted and executed together. Rules: :mod:`..batches`."""

from __future__ import annotations

from typing import Literal

import msgspec

from prediction_mcp.exchange.engine.batches import Batch, BatchQuote, Child
from prediction_mcp.exchange.engine.negotiation import communications_id
from prediction_mcp.exchange.engine.rejection import RejectionError, invalid, not_found
from prediction_mcp.exchange.world.listed import Market

from .. import wire
from ..call import Call, Json, count_of, dollars_of, price_of
from ..ws_batches import best_of
from .combos import Chosen, find_or_list
from .communications import quote_json, rfq_json

MAX_CLIENT_ID = 128
PAGE_RFQS = 100
"""A page of batches stops before it would hold more requests than this."""


class ChildOf(msgspec.Struct, kw_only=True):
    """One combo, by its ticker or its legs; its own size, unless the batch has one for all."""

    market_ticker: str | None = None
    selected_markets: list[Chosen] | None = None
    contracts_fp: str | None = None
    target_cost_dollars: str | None = None


class CreateBatch(msgspec.Struct, kw_only=True):
    children: list[ChildOf]
    mve_collection_ticker: str | None = None
    contracts_fp: str | None = None
    target_cost_dollars: str | None = None
    target_cost_excludes_fees: bool | None = None
    rest_remainder: bool | None = None
    replace_existing: bool | None = None
    obscure_creator_id: bool | None = None
    client_batch_id: str | None = None
    subaccount: int | None = None


class Entry(msgspec.Struct, kw_only=True):
    rfq_id: str
    yes_bid: str
    no_bid: str


class CreateBatchQuote(msgspec.Struct, kw_only=True):
    quotes: list[Entry]
    rest_remainder: bool
    post_only: bool | None = None
    subaccount: int | None = None


class Limit(msgspec.Struct, kw_only=True):
    rfq_id: str
    bid_dollars: str


class AcceptBatch(msgspec.Struct, kw_only=True):
    accepted_side: Literal["yes", "no"]
    min_bids: list[Limit]
    client_order_id: str | None = None


# -- the requester -----------------------------------------------------------------------------------------------


def _size(sized: ChildOf | CreateBatch) -> tuple[int, int] | None:
    """(count units, micros) with one of them 0; None where no size is named."""
    contracts = count_of(sized.contracts_fp, "contracts_fp") if sized.contracts_fp is not None else 0
    cost = dollars_of(sized.target_cost_dollars, "target_cost_dollars") if sized.target_cost_dollars is not None else 0
    if sized.contracts_fp is None and sized.target_cost_dollars is None:
        return None
    if (contracts > 0) == (cost > 0) or contracts < 0 or cost < 0:
        raise invalid("contracts_fp, target_cost_dollars", "one is given, and positive")
    return contracts, cost


def _market(call: Call, child: ChildOf, collection: str | None) -> Market:
    if (child.market_ticker is None) == (child.selected_markets is None):
        raise invalid("children", "name a market_ticker or selected_markets")
    if child.selected_markets is not None:
        if collection is None:
            raise invalid("mve_collection_ticker", "is required with selected_markets")
        return find_or_list(call, collection, child.selected_markets)
    found = call.exchange.catalogue.markets.get(child.market_ticker or "")
    if found is None:
        raise RejectionError("market_not_found", status=404)
    return found


def create_batch(call: Call) -> Json:
    body = call.decode(CreateBatch)
    if body.rest_remainder:
        raise invalid("rest_remainder", "must be false: a batch is one fill-or-kill")
    if body.client_batch_id is not None and len(body.client_batch_id) > MAX_CLIENT_ID:
        raise invalid("client_batch_id", f"takes at most {MAX_CLIENT_ID} characters")
    account, common = call.subaccount(body.subaccount), _size(body)
    sizes = [_size(child) or common for child in body.children]
    children = []
    for child, size in zip(body.children, sizes, strict=True):
        if size is None:
            raise invalid("children", "each needs a size, its own or the batch's")
        children.append(Child(_market(call, child, body.mve_collection_ticker), *size))
    batch = call.exchange.batches.ask(
        account,
        children,
        call.now_ms,
        excludes_fees=bool(body.target_cost_excludes_fees),
        obscured=bool(body.obscure_creator_id),
        replace=bool(body.replace_existing),
        client_batch_id=body.client_batch_id or "",
    )
    return {"rfq_batch": _shown(call, batch)}


def _find(call: Call) -> Batch:
    found = call.exchange.batches.batches.get(call.uuid("rfq_batch_id"))
    if found is None:
        raise not_found("RFQ batch not found")
    return found


def _own(call: Call, batch: Batch) -> Batch:
    if batch.account.primary is not call.member:
        raise RejectionError("forbidden", "only who made the RFQ batch can do this", 403)
    return batch


def _shown(call: Call, batch: Batch) -> Json:
    mine = batch.account.primary is call.member
    out: Json = {
        "id": batch.batch_id,
        "creator_id": communications_id(None if batch.obscured and not mine else batch.account),
        "status": batch.status,
        "created_ts": wire.moment(batch.created_ms),
        "updated_ts": wire.moment(batch.updated_ms),
        "rfqs": [rfq_json(call, rfq) for rfq in batch.rfqs],
    }
    for name in ("accepted", "closed"):
        if at := getattr(batch, f"{name}_ms"):
            out[f"{name}_ts"] = wire.moment(at)
    if batch.reason:
        out["close_reason"] = batch.reason
    if mine:
        out["creator_user_id"], out["creator_subaccount"] = call.member.user_id, batch.account.number
        if batch.client_batch_id:
            out["client_batch_id"] = batch.client_batch_id
    return out


def batches(call: Call) -> Json:
    status, mine = call.choice("status", ("open", "accepted", "closed")), call.choice("user_filter", ("self",))
    only, limit = call.only(), call.limit(20, 20)
    found = [
        batch
        for batch in reversed(call.exchange.batches.batches.values())
        if (status is None or batch.status == status)
        and (not mine or batch.account.primary is call.member)
        and (only is None or batch.account is only)
    ]
    while limit > 1 and sum(len(batch.rfqs) for batch in found[:limit]) > PAGE_RFQS:
        limit -= 1
    page, cursor = call.page(found, lambda batch: batch.serial, limit)
    return {"rfq_batches": [_shown(call, batch) for batch in page], "cursor": cursor}


def one_batch(call: Call) -> Json:
    return {"rfq_batch": _shown(call, _find(call))}


def delete_batch(call: Call) -> None:
    batch = _find(call)
    if batch.account.primary is not call.member:
        raise not_found("RFQ batch not found")
    call.exchange.batches.withdraw(batch, call.now_ms)


def best_quotes(call: Call) -> Json:
    batch = _own(call, _find(call))
    out: Json = {
        "rfq_batch_id": batch.batch_id,
        "status": batch.status,
        "version": batch.version,
        "yes_complete": batch.status == "open" and batch.complete("yes"),
        "no_complete": batch.status == "open" and batch.complete("no"),
        "rfqs": best_of(batch, named=False) if batch.status == "open" else [],
    }
    if batch.best_ms:
        out["updated_ts"] = wire.moment(batch.best_ms)
    return {"best_quotes": out}


def accept_batch(call: Call) -> Json:
    batch, body = _own(call, _find(call)), call.decode(AcceptBatch)
    limits = {limit.rfq_id: price_of(limit.bid_dollars, "bid_dollars") for limit in body.min_bids}
    if len(limits) < len(body.min_bids):
        raise invalid("min_bids", "takes exactly one entry per child")
    key = body.client_order_id or ""
    call.exchange.batches.accept(batch, body.accepted_side, limits, call.now_ms, key)
    return {
        "accepted_side": batch.accepted_side,
        "quotes": [quote_json(call, quote) for quote in batch.won.values()],
    }


# -- makers ------------------------------------------------------------------------------------------------------


def _offer_json(call: Call, offer: BatchQuote) -> Json:
    batch = offer.batch
    accepted = batch.accepted_side is not None
    quotes = [quote for quote in offer.quotes.values() if not accepted or quote in batch.won.values()]
    out: Json = {
        "id": offer.batch_quote_id,
        "rfq_batch_id": batch.batch_id,
        "creator_id": communications_id(offer.account),
        "rfq_creator_id": communications_id(None if batch.obscured else batch.account),
        "status": offer.status,
        "created_ts": wire.moment(offer.created_ms),
        "updated_ts": wire.moment(max(offer.sent_ms, offer.confirmed_ms, batch.accepted_ms)),
        "quotes": [quote_json(call, quote) for quote in quotes],
        "rest_remainder": offer.rest_remainder,
    }
    if batch.accepted_side is not None:
        out["accepted_side"], out["accepted_ts"] = batch.accepted_side, wire.moment(batch.accepted_ms)
    if offer.confirmed_ms:
        out["confirmed_ts"] = wire.moment(offer.confirmed_ms)
    if offer.account.primary is call.member:
        out |= {"creator_user_id": call.member.user_id, "creator_subaccount": offer.account.number}
        out["post_only"] = offer.post_only
    else:
        out |= {"rfq_creator_user_id": call.member.user_id, "rfq_creator_subaccount": batch.account.number}
    return out


def quotes_of_batch(call: Call) -> Json:
    """A maker sees its own; the requester the winners', once it has accepted."""
    batch = _find(call)
    asked = batch.account.primary is call.member and batch.accepted_side is not None
    seen = [
        offer
        for offer in batch.quotes.values()
        if offer.account.primary is call.member
        or (asked and any(quote in batch.won.values() for quote in offer.quotes.values()))
    ]
    return {"batch_quotes": [_offer_json(call, offer) for offer in seen]}


def create_batch_quote(call: Call) -> Json:
    batch, body = _find(call), call.decode(CreateBatchQuote)
    bids = {e.rfq_id: (price_of(e.yes_bid, "yes_bid"), price_of(e.no_bid, "no_bid")) for e in body.quotes}
    if len(bids) < len(body.quotes):
        raise invalid("quotes", "takes exactly one entry per child")
    made = call.exchange.batches.quote(
        call.subaccount(body.subaccount),
        batch,
        bids,
        call.now_ms,
        rest_remainder=body.rest_remainder,
        post_only=bool(body.post_only),
    )
    return {"id": made.batch_quote_id}


def _offer(call: Call) -> BatchQuote:
    found = _find(call).quotes.get(call.uuid("batch_quote_id"))
    if found is None or found.account.primary is not call.member:
        raise not_found("batch quote not found")
    return found


def delete_batch_quote(call: Call) -> None:
    call.exchange.batches.withdraw_quote(_offer(call), call.now_ms)


def confirm_batch_quote(call: Call) -> None:
    call.exchange.batches.confirm(_offer(call), call.now_ms)
