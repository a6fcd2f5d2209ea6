"""Polymarket's resources: a market's book, the portfolio, the state of the feeds. Each is the answer of a tool."""

from fastmcp.dependencies import Depends
from fastmcp.server.providers import LocalProvider

from prediction_mcp.desk.polymarket import discovery, portfolio
from prediction_mcp.desk.polymarket.account import Account
from prediction_mcp.desk.polymarket.realtime import BOOK_URI, PORTFOLIO_URI, STATUS_URI
from prediction_mcp.protocol.session import get_wallet

mcp = LocalProvider()
JSON = "application/json"
LEVELS, POSITIONS = 10, 50


@mcp.resource(BOOK_URI, name="polymarket-orderbook", title="A Polymarket order book", mime_type=JSON)
async def orderbook(slug: str, account: Account = Depends(get_wallet)) -> str:
    """Bids and asks of a market's first outcome, best first."""
    return (await discovery.orderbook(account, slug, None, LEVELS)).model_dump_json()


@mcp.resource(PORTFOLIO_URI, name="polymarket-portfolio", title="Your Polymarket portfolio", mime_type=JSON)
async def wallet(account: Account = Depends(get_wallet)) -> str:
    """Cash, what positions are worth, and each position."""
    value = await portfolio.value(account)
    held = await portfolio.positions(account, None, "open", POSITIONS)
    return portfolio.Portfolio.of(value, held).model_dump_json()


@mcp.resource(STATUS_URI, name="polymarket-feeds", title="What is watched at Polymarket", mime_type=JSON)
async def feeds(account: Account = Depends(get_wallet)) -> str:
    """Subscriptions, the state of the feeds, counters."""
    return account.feeds.status().model_dump_json()
