"""An absent quote is never a price: recorded as 0.0000 or 1.0000 with a size of 0.00, on either side."""

from __future__ import annotations

from decimal import Decimal

import pytest

from prediction_mcp.analytics.positions import mark
from prediction_mcp.automation.alerts.prices import _quotes
from prediction_mcp.automation.board import Figure, figure_of
from prediction_mcp.desk.kalshi.catalogue import listed
from prediction_mcp.desk.kalshi.realtime.source import quote_of
from prediction_mcp.desk.kalshi.venue import shaped
from prediction_mcp.kalshi.models.base import quoted
from prediction_mcp.kalshi.models.feed import TickerMsg
from prediction_mcp.kalshi.models.markets import Candlestick, Market, Orderbook
from prediction_mcp.realtime.events import Quote

FIGURES: tuple[Figure, ...] = ("bid", "ask", "middle", "spread", "last")
NEVER_QUOTED = ("0.0000", "0.00", "0.0000", "0.00")
"""(bid, size, ask, size) of 162 of the 200 markets in recorded/markets__status_open.json."""
WITHDRAWN = ("0.0000", "0.00", "1.0000", "0.00")
"""The same of a market that was quoted before."""
ONE_SIDED = ("0.0000", "0.00", "0.9800", "200.00")
SIZE_GONE = ("0.4700", "0.00", "0.5200", "0.00")


def market(quotes: tuple[str, str, str, str]) -> Market:
    bid, bid_size, ask, ask_size = quotes
    return Market.model_validate(
        {
            "ticker": "KXMLBHIT-26JUN111310MINDET-MINBBUXTON25-4",
            "event_ticker": "KXMLBHIT-26JUN111310MINDET",
            "status": "active",
            "yes_bid_dollars": bid,
            "yes_bid_size_fp": bid_size,
            "yes_ask_dollars": ask,
            "yes_ask_size_fp": ask_size,
            "no_bid_dollars": str(1 - Decimal(ask)),
            "no_ask_dollars": str(1 - Decimal(bid)),
            "last_price_dollars": "0.0000",
        }
    )


def ticker(quotes: tuple[str, str, str, str]) -> TickerMsg:
    bid, bid_size, ask, ask_size = quotes
    return TickerMsg(
        market_ticker="M", price_dollars="0.0000", yes_bid_dollars=bid, yes_ask_dollars=ask, yes_bid_size_fp=bid_size,
        yes_ask_size_fp=ask_size,
    )  # fmt: skip


@pytest.mark.parametrize("quotes", [NEVER_QUOTED, WITHDRAWN, SIZE_GONE])
def test_an_unquoted_market_has_no_price(quotes: tuple[str, str, str, str]) -> None:
    found = market(quotes)
    assert found.yes_quotes == (None, None)
    for position in (10, -10):
        assert mark(Decimal(position), Decimal(4), *found.yes_quotes).exit_price is None
    row = listed(found, ())
    assert (row.bid, row.ask) == (0, 10_000)  # the index's words for "not quoted"
    across = shaped(found, None, exclusive=None)
    assert (across.bid, across.ask) == (None, None)


@pytest.mark.parametrize("quotes", [NEVER_QUOTED, WITHDRAWN, SIZE_GONE])
def test_no_alert_or_trigger_sees_a_price_in_an_unquoted_ticker(quotes: tuple[str, str, str, str]) -> None:
    seen = quote_of(ticker(quotes))
    assert seen == Quote()
    assert [figure_of(seen, figure) for figure in FIGURES] == [None] * len(FIGURES)


def test_a_side_that_is_quoted_stays_a_price() -> None:
    assert market(ONE_SIDED).yes_quotes == (None, Decimal("0.98"))
    assert quote_of(ticker(ONE_SIDED)) == Quote(None, None, Decimal("0.98"))
    without_sizes = market(SIZE_GONE).model_copy(update={"yes_bid_size_fp": None, "yes_ask_size_fp": None})
    assert without_sizes.yes_quotes == (Decimal("0.47"), Decimal("0.52"))  # a size that isn't sent says nothing


def test_every_price_of_the_finest_grid() -> None:
    for units in range(-1, 10_003):
        price = Decimal(units).scaleb(-4)
        assert quoted(price) == (price if 1 <= units <= 9_999 else None)
        assert quoted(price, Decimal(0)) is None


def test_a_candlestick_of_an_unquoted_minute_reaches_no_alert() -> None:
    empty = dict.fromkeys(("open_dollars", "low_dollars", "high_dollars", "close_dollars"), "0.0000")
    stick = Candlestick.model_validate(
        {
            "end_period_ts": 1_786_293_900,
            "price": {"previous_dollars": "0.0000"},
            "yes_bid": empty,
            "yes_ask": {**empty, "high_dollars": "1.0000"},
            "volume_fp": "0.00",
        }
    )
    assert _quotes(stick) == [Quote(), Quote()]
    assert not stick.is_traded


def test_a_level_at_zero_or_one_or_without_contracts_is_no_level() -> None:
    book = Orderbook.model_validate(
        {
            "yes_dollars": [["0.0000", "5.00"], ["0.4700", "3.00"], ["0.4600", "0.00"]],
            "no_dollars": [["1.0000", "9.00"], ["0.4800", "0.00"]],
        }
    )
    assert book.yes_bids == [(Decimal("0.47"), Decimal(3))]
    assert book.yes_asks == []
    assert book.levels("no", "sell") == []
