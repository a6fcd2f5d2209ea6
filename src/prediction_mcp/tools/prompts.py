"""What a person picks from a menu: work worth doing, told to the assistant in the order an analyst would do it."""

from typing import Annotated

from fastmcp.server.providers import LocalProvider
from pydantic import Field

mcp = LocalProvider()

Ticker = Annotated[str, Field(description="a market, like KXFEDDECISION-26DEC-C25")]


@mcp.prompt(title="Research a market")
def research_market(ticker: Ticker) -> str:
    """What the market asks, what its price says, what moves it, what could go wrong."""
    return f"""\
Research the prediction market {ticker} for me.

1. Read it with kalshi_analyze_market_opportunity, and its siblings with kalshi_get_implied_probabilities on its event.
2. Say in one sentence what exactly has to happen for YES, from the rules: who decides, by when, and the wording that \
could surprise.
3. Say what the price implies, how far it moved and on what flow (kalshi_get_candlesticks with chart=true when a \
picture helps).
4. Look for reasons it is too high and too low. Mark what you know from elsewhere and how old that is; make up nothing.
5. Grade the risks with kalshi_assess_market_risk.

End with your own probability as a range, what would change it, and whether there is an edge after fees. \
Place no order."""


@mcp.prompt(title="Find mispriced ladders")
def find_mispriced_ladders(category: Annotated[str, Field(description="like Economics; empty for all")] = "") -> str:
    """Events whose prices contradict each other, and what that is worth after fees."""
    where = f"in the category {category}" if category.strip() else "across the exchange"
    given = f' with category="{category.strip()}"' if category.strip() else ""
    return f"""\
Find events {where} whose prices contradict each other.

1. Run kalshi_find_arbitrage{given}: what it returns is riskless after exact fees, with the size that is there.
2. Then look for the merely odd: take the busiest events (kalshi_scan_markets{given}, by=volume and by=spread) and \
read kalshi_get_implied_probabilities for each: overround, gaps between strikes, strikes out of order.
3. Show a short table: event, what is odd, legs, size, profit in dollars after fees, what could go wrong (a stale \
quote, one leg filled and the other not, different rules or dates).

Check every leg again with kalshi_get_orderbook before you call it real. Place no order."""


@mcp.prompt(title="Review my portfolio")
def review_portfolio(period: Annotated[str, Field(description="day, week, month or all")] = "week") -> str:
    """What it is worth, what made and lost money, where the risk sits, what to think about."""
    return f"""\
Review my portfolio.

1. kalshi_get_portfolio_value, and kalshi_get_pnl with period={period}: what it is worth, what was made, what it cost \
in fees.
2. kalshi_get_portfolio_exposure by event and by expiry: where the money is at risk, what settles next.
3. For the three largest positions kalshi_calculate_position_risk: what selling now would bring, what has to be true.
4. kalshi_get_orders with status=resting: are the orders still meant? Compare with kalshi_get_best_price.

Give me one paragraph, then a table of positions (what, size, cost, value, what has to happen, by when), then at most \
three things worth deciding. Say what couldn't be priced. Place and cancel no order."""


@mcp.prompt(title="Plan an entry")
def plan_entry(
    ticker: Ticker,
    my_probability: Annotated[str, Field(description="of YES, like 0.62")],
    risk_dollars: Annotated[str, Field(description="the most I want to lose")] = "",
) -> str:
    """From a belief to an order: side, size, price, cost, worst case, and when you would be wrong."""
    most = f"I want to lose at most ${risk_dollars.strip()}." if risk_dollars.strip() else "Ask me what I want to risk."
    return f"""\
I think YES of {ticker} has a probability of {my_probability}. {most} Plan the entry with me.

1. kalshi_analyze_market_opportunity with my_probability={my_probability}: is there an edge at the price that can be \
had, after fees, and on which side?
2. kalshi_estimate_slippage and kalshi_simulate_order: compare taking now with resting a better price.
3. Size: the smaller of what I want to risk and half of Kelly; say both.
4. kalshi_check_order_validity for the order you would place.

Show: side, contracts, price, cost and fee, worst case, break-even, and what would prove me wrong before the end. \
Place it only when I say so."""
