"""What the channel ``communications`` says of requests for quotes and of quotes."""

from __future__ import annotations

from collections.abc import Callable

from prediction_mcp.exchange.engine.matching import Order
from prediction_mcp.exchange.engine.negotiation import communications_id
from prediction_mcp.exchange.engine.rfq import Quote, Rfq
from prediction_mcp.kalshi.units import format_count, format_dollars, format_price

from . import wire, wire_market
from .wire import Json


class QuoteMessages:
    """Writes them; ``send`` is the hub's: (kind, body, only these members, who asked, what shards go by)."""

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send

    def asked(self, rfq: Rfq) -> None:
        body = self._rfq(rfq) | {"created_ts": wire.moment(rfq.created_ms)}
        if rfq.market.legs:
            body["mve_collection_ticker"] = rfq.market.event.collection
            body["mve_selected_legs"] = wire_market.legs(rfq.market)
        self._send(b"rfq_created", body, creator=rfq.account)

    def withdrawn(self, rfq: Rfq, now_ms: int) -> None:
        self._send(b"rfq_deleted", self._rfq(rfq) | {"deleted_ts": wire.moment(now_ms)}, creator=rfq.account)

    @staticmethod
    def _rfq(rfq: Rfq) -> Json:
        body: Json = {
            "id": rfq.rfq_id,
            "creator_id": communications_id(None if rfq.obscured else rfq.account),
            "market_ticker": rfq.market.ticker,
            "event_ticker": rfq.market.event.ticker,
        }
        if rfq.target_cost:
            body["target_cost_dollars"] = format_dollars(rfq.target_cost)
        else:
            body["contracts_fp"] = format_count(rfq.contracts)
        return body

    def told(self, kind: str, quote: Quote) -> None:
        """A quote was created or accepted: for its two parties."""
        rfq = quote.rfq
        body = self._parties(quote) | {
            "event_ticker": rfq.market.event.ticker,
            "yes_bid_dollars": format_price(quote.yes_bid),
            "no_bid_dollars": format_price(quote.no_bid),
            "yes_contracts_offered_fp": format_count(quote.count("yes")),
            "no_contracts_offered_fp": format_count(quote.count("no")),
        }
        if rfq.target_cost:
            body["rfq_target_cost_dollars"] = format_dollars(rfq.target_cost)
        if quote.accepted_side is not None:
            body["accepted_side"] = quote.accepted_side
            body["contracts_accepted_fp"] = format_count(quote.count(quote.accepted_side))
        else:
            body["created_ts"] = wire.moment(quote.created_ms)
        self._send(kind.encode(), body, (quote.account, rfq.account))

    def executed(self, quote: Quote, maker: Order, taker: Order) -> None:
        """A quote's orders were placed: each party hears of its own."""
        for order in (maker, taker):
            body = self._parties(quote) | {
                "order_id": order.order_id,
                "client_order_id": order.client_order_id,
                "executed_ts": wire.moment(quote.executed_ms),
            }
            if quote.rfq.batch_id:
                body["rfq_batch_id"] = quote.rfq.batch_id
            self._send(b"quote_executed", body, (order.account,), part=quote.rfq.batch_id)

    @staticmethod
    def _parties(quote: Quote) -> Json:
        return {
            "quote_id": quote.quote_id,
            "rfq_id": quote.rfq.rfq_id,
            "quote_creator_id": communications_id(quote.account),
            "rfq_creator_id": communications_id(None if quote.rfq.obscured else quote.rfq.account),
            "market_ticker": quote.rfq.market.ticker,
        }
