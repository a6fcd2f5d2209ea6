"""What kind of answer an endpoint gives, for who keeps answers for a moment.

Orders, fills and the state of the exchange are missing on purpose: one acts on them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prediction_mcp.net.caching import Kind

KINDS: Mapping[str, Kind] = {
    "/markets": "prices", "/markets/{ticker}": "prices", "/markets/{ticker}/orderbook": "prices",
    "/markets/orderbooks": "prices", "/markets/trades": "prices", "/events": "prices", "/events/{ticker}": "prices",
    "/events/multivariate": "prices",
    "/portfolio/balance": "balances", "/portfolio/subaccounts/balances": "balances",
    "/portfolio/summary/total_resting_order_value": "balances",
    "/series/{series_ticker}/markets/{ticker}/candlesticks": "market data", "/markets/candlesticks": "market data",
    "/series/{series_ticker}/events/{ticker}/candlesticks": "market data",
    "/historical/markets/{ticker}/candlesticks": "market data", "/historical/markets": "market data",
    "/historical/markets/{ticker}": "market data", "/historical/trades": "market data",
    "/milestones": "market data", "/multivariate_event_collections": "market data",
    "/portfolio/positions": "portfolio", "/portfolio/settlements": "portfolio",
    "/historical/positions": "transactions", "/portfolio/deposits": "transactions",
    "/portfolio/withdrawals": "transactions", "/portfolio/subaccounts/transfers": "transactions",
    "/series": "series", "/series/{ticker}": "series", "/series/fee_changes": "series",
    "/search/tags_by_categories": "series", "/search/filters_by_sport": "series",
    "/events/{ticker}/metadata": "series", "/structured_targets": "series",
}  # fmt: skip
