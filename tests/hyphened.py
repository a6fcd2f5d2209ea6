"""An event whose series has a hyphen, beside a series that is named like its beginning: as production lists them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from prediction_mcp.exchange.world.listed import Event, Series
from prediction_mcp.exchange.world.listings import Listing, yes_no_event
from tests.conftest import Served

SERIES, BEGINNING = "KXCROSS-SHARD1", "KXCROSS"


def list_hyphened(served: Served) -> Event:
    """List an open event of series KXCROSS-SHARD1, at half the fees of the series KXCROSS, which is another one."""
    exchange = served.exchange
    now = datetime.fromtimestamp(exchange.clock() / 1000, UTC)

    def series(ticker: str, multiplier: str) -> Series:
        source = ("the office", "https://office.example/")
        return Series(ticker, ticker, "World", [], "custom", source, fee_multiplier=Decimal(multiplier))

    made, other = series(SERIES, "0.5"), series(BEGINNING, "1")
    for one in (made, other):
        exchange.catalogue.series[one.ticker] = one
    opens, closes = now - timedelta(hours=2), now + timedelta(days=20)
    listing = Listing(made, "26DEC", "Will it happen?", "December", opens, closes, closes + timedelta(hours=1))
    event = yes_no_event(listing, "T1", "Happens", random.Random(1))
    exchange.list_event(event)
    exchange.sync()
    return event
