"""A request for quotes with its quotes, as the disk keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from prediction_mcp.net.sides import Side

from ..engine.ledger import Account
from ..engine.rfq import Quote, Rfq
from ..world.listed import Market


class QuoteRow(msgspec.Struct):
    """Prices in price units, times in Unix milliseconds, as in :class:`~..engine.negotiation.Quote`."""

    quote_id: str
    account: str
    yes_bid: int
    no_bid: int
    rest_remainder: bool
    post_only: bool
    created_ms: int
    updated_ms: int
    serial: int
    status: str
    accepted_side: Side | None
    accepted_ms: int
    confirmed_ms: int
    executed_ms: int
    cancelled_ms: int
    reason: str
    maker_order_id: str
    taker_order_id: str
    lapsed: bool = False


class RfqRow(msgspec.Struct):
    """Count units and micros, as in :class:`~..engine.negotiation.Rfq`."""

    rfq_id: str
    account: str
    market: str
    contracts: int
    target_cost: int
    excludes_fees: bool
    obscured: bool
    rest_remainder: bool
    created_ms: int
    updated_ms: int
    serial: int
    status: str
    cancelled_ms: int
    reason: str
    quotes: list[QuoteRow]


def pack_rfq(rfq: Rfq) -> bytes:
    quotes = [QuoteRow(**_plain(quote, QuoteRow), account=quote.account.account_id) for quote in rfq.quotes.values()]
    owner, market = rfq.account.account_id, rfq.market.ticker
    return msgspec.json.encode(RfqRow(**_plain(rfq, RfqRow), account=owner, market=market, quotes=quotes))


def _plain(thing: Rfq | Quote, row: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields that are on disk as they are in memory."""
    return {n: getattr(thing, n) for n in row.__struct_fields__ if n not in ("account", "market", "quotes")}


def unpack_rfq(body: bytes, accounts: Mapping[str, Account], markets: Mapping[str, Market]) -> Rfq | None:
    """A request as it was; None where its market isn't listed any more."""
    row = msgspec.json.decode(body, type=RfqRow)
    market = markets.get(row.market)
    if market is None:
        return None
    rfq = Rfq(**(_fields(row) | {"account": accounts[row.account], "market": market, "quotes": {}}))
    for quote in row.quotes:
        fields = _fields(quote) | {"account": accounts[quote.account], "rfq": rfq}
        rfq.quotes[quote.quote_id] = Quote(**fields)
    return rfq


def _fields(row: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}
