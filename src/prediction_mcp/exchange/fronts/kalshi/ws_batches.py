"""What the channel ``communications`` says of batches of requests: to all, to the requester, to a maker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prediction_mcp.exchange.engine.batches import Batch, BatchQuote
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.negotiation import communications_id
from prediction_mcp.exchange.engine.rfq import Quote
from prediction_mcp.kalshi.units import PRICE_UNITS, format_count, format_dollars, format_price

from . import wire

Json = dict[str, Any]


class BatchMessages:
    """Writes them; ``send`` is the hub's: (kind, body, only these members, who made the batch, what shards go by)."""

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send

    def _tell(
        self, kind: str, body: Json, batch: Batch, only: tuple[Account, ...] = (), creator: Account | None = None
    ) -> None:
        self._send(kind.encode(), body, only, creator=creator, part=batch.batch_id)

    def created(self, batch: Batch) -> None:
        legs: list[tuple[str, str, str]] = []
        rfqs = []
        for rfq in batch.rfqs:
            legs += [leg for leg in rfq.market.legs if leg not in legs]
            shown: Json = {
                "id": rfq.rfq_id,
                "market_ticker": rfq.market.ticker,
                "event_ticker": rfq.market.event.ticker,
                "mve_collection_ticker": rfq.market.event.collection,
                "leg_indices": [legs.index(leg) for leg in rfq.market.legs],
            }
            if rfq.target_cost:
                shown["target_cost_dollars"] = format_dollars(rfq.target_cost)
            else:
                shown["contracts_fp"] = format_count(rfq.contracts)
            rfqs.append(shown)
        body = {
            "id": batch.batch_id,
            "creator_id": _creator(batch),
            "created_ts": wire.moment(batch.created_ms),
            "legs": [{"event_ticker": event, "market_ticker": market, "side": side} for event, market, side in legs],
            "rfqs": rfqs,
        }
        self._tell("rfq_batch_created", body, batch, creator=batch.account)

    def deleted(self, batch: Batch, now_ms: int) -> None:
        body = {
            "id": batch.batch_id,
            "creator_id": _creator(batch),
            "rfq_ids": [rfq.rfq_id for rfq in batch.rfqs],
            "deleted_ts": wire.moment(now_ms),
        }
        self._tell("rfq_batch_deleted", body, batch, creator=batch.account)

    def quoted(self, offer: BatchQuote) -> None:
        """For the maker alone."""
        body = {
            "batch_quote_id": offer.batch_quote_id,
            "rfq_batch_id": offer.batch.batch_id,
            "quote_creator_id": communications_id(offer.account),
            "created_ts": wire.moment(offer.created_ms),
            "quotes": [_bids(quote) for quote in offer.quotes.values()],
        }
        self._tell("batch_quote_created", body, offer.batch, (offer.account,))

    def best_quotes(self, batch: Batch) -> None:
        """For the requester alone; makers aren't named."""
        body = {
            "rfq_batch_id": batch.batch_id,
            "version": batch.version,
            "updated_ts": wire.moment(batch.best_ms),
            "yes_complete": batch.complete("yes"),
            "no_complete": batch.complete("no"),
            "rfqs": best_of(batch),
        }
        if batch.client_batch_id:
            body["client_batch_id"] = batch.client_batch_id
        self._tell("rfq_batch_best_quotes", body, batch, (batch.account,))

    def accepted(self, offer: BatchQuote) -> None:
        """For a maker that won children."""
        side = offer.batch.accepted_side or "yes"
        won = [quote for quote in offer.quotes.values() if quote.status == "accepted"]
        body = {
            "batch_quote_id": offer.batch_quote_id,
            "rfq_batch_id": offer.batch.batch_id,
            "quote_creator_id": communications_id(offer.account),
            "rfq_creator_id": _creator(offer.batch),
            "accepted_side": side,
            "accepted_ts": wire.moment(offer.batch.accepted_ms),
            "quotes": [_bids(quote) | {"contracts_accepted_fp": format_count(quote.count(side))} for quote in won],
        }
        self._tell("batch_quote_accepted", body, offer.batch, (offer.account,))

    def ended(self, batch: Batch, now_ms: int) -> None:
        """An accepted batch has executed or failed: for the requester, and each maker that won children."""
        body: Json = {
            "rfq_batch_id": batch.batch_id,
            "rfq_creator_id": _creator(batch),
            "executed_ts": wire.moment(now_ms),
            "close_reason": batch.reason,
        }
        ids = {"client_batch_id": batch.client_batch_id} if batch.client_batch_id else {}
        self._tell("rfq_batch_executed", body | _fates(list(batch.won.values())) | ids, batch, (batch.account,))
        for offer in batch.quotes.values():
            won = [quote for quote in offer.quotes.values() if quote in batch.won.values()]
            if won:
                more = {"batch_quote_id": offer.batch_quote_id}
                self._tell("batch_quote_executed", body | _fates(won) | more, batch, (offer.account,))


def _creator(batch: Batch) -> str:
    return communications_id(None if batch.obscured else batch.account)


def _fates(quotes: list[Quote]) -> Json:
    return {
        "executed_rfq_ids": [quote.rfq.rfq_id for quote in quotes if quote.status == "executed"],
        "failed_rfq_ids": [quote.rfq.rfq_id for quote in quotes if quote.status != "executed"],
    }


def _bids(quote: Quote) -> Json:
    body: Json = {
        "quote_id": quote.quote_id,
        "rfq_id": quote.rfq.rfq_id,
        "market_ticker": quote.rfq.market.ticker,
        "event_ticker": quote.rfq.market.event.ticker,
        "yes_bid_dollars": format_price(quote.yes_bid),
        "no_bid_dollars": format_price(quote.no_bid),
        "yes_contracts_offered_fp": format_count(quote.count("yes")),
        "no_contracts_offered_fp": format_count(quote.count("no")),
    }
    if quote.rfq.target_cost:
        body["rfq_target_cost_dollars"] = format_dollars(quote.rfq.target_cost)
    return body


def best_of(batch: Batch, *, named: bool = True) -> list[Json]:
    """The best bids of every child, in its sequence; ``named`` with what the feed says more than REST."""
    out = []
    for rfq in batch.rfqs:
        shown: Json = {"rfq_id": rfq.rfq_id, "market_ticker": rfq.market.ticker}
        if named:
            shown["event_ticker"] = rfq.market.event.ticker
            if rfq.target_cost:
                shown["rfq_target_cost_dollars"] = format_dollars(rfq.target_cost)
            else:
                shown["contracts_fp"] = format_count(rfq.contracts)
        if (yes := batch.best.get((rfq.rfq_id, "yes"))) is not None:
            shown["yes_bid_dollars"] = format_price(yes.yes_bid)
            shown["yes_contracts_offered_fp"] = format_count(yes.count("yes"))
        if (no := batch.best.get((rfq.rfq_id, "no"))) is not None:
            shown["no_bid_dollars"] = format_price(min(no.no_bid, PRICE_UNITS))
            shown["no_contracts_offered_fp"] = format_count(no.count("no"))
        out.append(shown)
    return out
