"""What a client can attach without a tool call: a market, its book, the portfolio, the server's state.

Each is the answer of the tool of the same kind, so the two can't disagree.
"""

from fastmcp.dependencies import Depends
from fastmcp.server.providers import LocalProvider

from prediction_mcp.desk import spoken
from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.desk.kalshi.realtime.feeds import BOOK_URI, PORTFOLIO_URI
from prediction_mcp.desk.results import Answer
from prediction_mcp.protocol.push import FEEDS_URI, Push
from prediction_mcp.protocol.session import get_account, get_push

from .kalshi.discovery import kalshi_get_exchange_status, kalshi_get_market
from .kalshi.realtime import kalshi_get_subscriptions

mcp = LocalProvider()

JSON = "application/json"
MARKET_URI = "kalshi://markets/{ticker}"
STATUS_URI = "kalshi://server/status"
POSITIONS = 50
LEVELS = 10


def _ticker(text: str) -> str:
    """As tools take it. Raises InvalidRequestError."""
    from prediction_mcp.kalshi.errors import InvalidRequestError

    try:
        return spoken.ticker(text)
    except ValueError as error:
        raise InvalidRequestError(f"The market must be {error}.") from None


@mcp.resource(MARKET_URI, name="market", title="A market", mime_type=JSON)
async def market(ticker: str, account: Account = Depends(get_account)) -> str:
    """Prices, rules, fees, time left."""
    return _json(await kalshi_get_market(_ticker(ticker), account))


@mcp.resource(BOOK_URI, name="orderbook", title="A market's order book", mime_type=JSON)
async def orderbook(
    ticker: str,
    account: Account = Depends(get_account),
) -> str:
    """YES bids and asks, best first."""
    from prediction_mcp.desk.kalshi.analysis.books import books_of

    answer, _ = await books_of(account, [_ticker(ticker)], LEVELS)
    return _json(answer)


@mcp.resource(PORTFOLIO_URI, name="portfolio", title="Your portfolio", mime_type=JSON)
async def portfolio(account: Account = Depends(get_account)) -> str:
    """Cash, what positions are worth, and each open position."""
    from prediction_mcp.desk.kalshi.portfolio.listing import positions
    from prediction_mcp.desk.kalshi.portfolio.listing import value as worth_of
    from prediction_mcp.desk.kalshi.portfolio.results import Portfolio

    value = await worth_of(account)
    held = await positions(account, None, None, "open", POSITIONS, None)
    return _json(
        Portfolio(
            source=value.source,
            cash=value.cash,
            positions_at_bid=value.positions_at_bid,
            positions_at_cost=value.positions_at_cost,
            unpriced=value.unpriced,
            positions=held.positions,
            more=held.cursor is not None or None,
        )
    )


@mcp.resource(FEEDS_URI, name="feeds-status", title="What is watched", mime_type=JSON)
async def feeds(account: Account = Depends(get_account), push: Push = Depends(get_push)) -> str:
    """Subscriptions, the state of the live feed, recent alerts."""
    return _json(await kalshi_get_subscriptions(account, push))


@mcp.resource(STATUS_URI, name="server-status", title="State of exchange and server", mime_type=JSON)
async def status(account: Account = Depends(get_account)) -> str:
    """Whether the exchange trades, this server's mode, and the rate budget left."""
    return _json(await kalshi_get_exchange_status(account))


def _json(answer: Answer) -> str:
    return answer.model_dump_json()
