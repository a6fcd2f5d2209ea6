"""Tools are found by the words people use: with the ranking of FastMCP's search, among the first three."""

from __future__ import annotations

import sys

from fastmcp import Client
from fastmcp.server.transforms.search.bm25 import BM25SearchTransform

from prediction_mcp.server import create_server
from prediction_mcp.settings import load_settings

SENTENCES: tuple[tuple[str, str], ...] = (
    ("find markets about the fed cutting rates", "search_markets"),
    ("what markets are there on bitcoin", "search_markets"),
    ("show me the biggest movers today", "scan_markets"),
    ("which markets have the most volume in sports", "scan_markets"),
    ("what closes in the next hours", "scan_markets"),
    ("what is the price of this market and what are its rules", "get_market"),
    ("list all outcomes of this event", "get_event"),
    ("what categories and series do you have", "get_series"),
    ("is the exchange open right now", "get_exchange_status"),
    ("when is the next game", "get_milestones"),
    ("which events can I combine into a parlay", "get_multivariate_collections"),
    ("show me the order book", "get_orderbook"),
    ("how deep is the book, bids and asks", "get_orderbook"),
    ("what were the last trades", "get_trades"),
    ("draw a chart of the price over the last week", "get_candlesticks"),
    ("how liquid is this market", "analyze_liquidity"),
    ("how volatile has it been", "analyze_volatility"),
    ("are people buying or selling", "analyze_trade_flow"),
    ("what probability does the market give each outcome", "get_implied_probabilities"),
    ("is there any arbitrage between these markets", "find_arbitrage"),
    ("compare these two markets", "compare_markets"),
    ("is this a good trade if I believe 60 percent", "analyze_market_opportunity"),
    ("what could go wrong with this market, what are the risks", "assess_market_risk"),
    ("buy 10 yes at 40 cents", "create_order"),
    ("place a limit order", "create_order"),
    ("sell my contracts at market", "create_order"),
    ("cancel my order", "cancel_order"),
    ("cancel everything in this market", "batch_cancel_orders"),
    ("change the price of my resting order", "amend_order"),
    ("did my order fill", "get_order"),
    ("show my open orders", "get_orders"),
    ("show my fills with fees", "get_fills"),
    ("what would this order cost with fees", "calculate_order_cost"),
    ("how much slippage for 1000 contracts", "estimate_slippage"),
    ("what is the best bid and ask", "get_best_price"),
    ("would this order be accepted", "check_order_validity"),
    ("simulate buying 100 without sending it", "simulate_order"),
    ("my past orders from last month", "get_order_history"),
    ("how much cash do I have", "get_balance"),
    ("what do I hold, my positions", "get_positions"),
    ("what is my portfolio worth", "get_portfolio_value"),
    ("how much did I make or lose this week, profit and loss", "get_pnl"),
    ("what was settled and what did it pay", "get_settlement_history"),
    ("how much could I lose on this position", "calculate_position_risk"),
    ("how exposed am I by category", "get_portfolio_exposure"),
    ("how much collateral do my resting orders lock up", "get_margin_requirements"),
    ("export my portfolio as csv", "export_portfolio"),
    ("watch this market and tell me when the price changes", "subscribe_ticker"),
    ("stream the order book live", "subscribe_orderbook"),
    ("notify me when my orders are filled", "subscribe_fills"),
    ("stop watching", "unsubscribe"),
    ("ask market makers for a price on 5000 contracts", "create_rfq"),
    ("take that quote", "accept_quote"),
    ("make a parlay of three games", "create_combo_market"),
    ("place twenty orders at once", "batch_create_orders"),
    ("where am I in the queue", "get_queue_position"),
    ("are there rewards for providing liquidity", "get_incentives"),
    ("what is the score of the game now", "get_live_data"),
    ("read the contract terms, the legal text", "get_contract_terms"),
    ("stop all trading now, kill switch", "halt_trading"),
)
FIRST, OF = 3, 57


async def test_sixty_sentences_find_their_tool() -> None:
    server = create_server(load_settings(paper_keep=False, toolsets="advanced safety"))
    async with Client(server) as client:
        listed = {tool.name for tool in await client.list_tools()}
    tools = await server.list_tools()
    ranking = BM25SearchTransform(max_results=FIRST)
    assert len(SENTENCES) == 60
    missed = list[str]()
    for sentence, name in SENTENCES:
        assert f"kalshi_{name}" in listed
        found = [tool.name.removeprefix("kalshi_") for tool in await ranking._search(tools, sentence)]
        if name not in found:
            missed.append(f"{sentence!r} wants {name}, finds {', '.join(found)}")
    found_of = f"{len(SENTENCES) - len(missed)} of {len(SENTENCES)} among the first {FIRST}"
    sys.stdout.write("\n  ".join(["", found_of, *missed, ""]))
    assert len(SENTENCES) - len(missed) >= OF, found_of
