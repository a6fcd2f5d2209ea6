"""Record the cassettes anew, over real HTTP, one for every tool that reads.

    make cassettes                                  # against the paper exchange, started here
    KALSHI_ENV=demo make cassettes                  # against Kalshi's demo, with the keys of your .env
    KALSHI_ENV=live make cassettes TOOLS=get_market # one tool against production; public data needs no keys

Nothing but reads is sent to demo and production. The balance, orders and fills of that account are in the answers:
record with an account whose history you don't mind to show.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from fastmcp import Client
from rich.console import Console

from prediction_mcp.connection import connect
from prediction_mcp.desk.kalshi.analysis.one_event import is_ladder
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock, wall_clock_ms
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import KalshiError
from prediction_mcp.kalshi.models.events import Event
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.orders import NewOrder
from prediction_mcp.server import create_server
from prediction_mcp.settings import Settings, load_settings

from . import recording

DAY_MS = int(timedelta(days=1).total_seconds() * 1000)
SMALL = ("kalshi_search_markets", "kalshi_scan_markets")
"""Tools that read the whole listing: in paper mode a small one."""
console = Console()


@contextlib.asynccontextmanager
async def paper(scenario: str) -> AsyncIterator[Settings]:
    """An exchange that began yesterday, with an account that traded then: some of it has been settled since."""
    clock = Clock(wall_clock_ms() - DAY_MS, speed=1)
    exchange = Exchange(seed=1, clock=clock, scenario=scenario)
    member = exchange.add_member(tier="prestige")
    key_id, pem = exchange.issue_key(member)
    async with serve(exchange, with_crowd=False) as url:
        settings = load_settings(env="paper", base_url=url, api_key_id=key_id, private_key=pem)
        async with connect(settings) as kalshi:
            await _trade(kalshi)
            clock.step(DAY_MS)
            exchange.advance(with_crowd=True)
            await _trade(kalshi)
        yield settings


async def _trade(kalshi: KalshiClient) -> None:
    """Take a little in a dozen markets, rest a little, and take it off again in some."""
    rng = random.Random(7)
    listed = await kalshi.markets.list(status="open", limit=1000, mve_filter="exclude")
    markets = sorted((m for m in listed.markets if None not in m.yes_quotes), key=lambda m: m.ticker)
    for market in rng.sample(markets, 12):
        bid, ask = market.yes_quotes
        for side, price in (("bid", ask), ("ask", bid), ("bid", bid)):
            with contextlib.suppress(KalshiError):  # a book may have changed under it: the next one will do
                await kalshi.orders.create(_order(market, side, price, rng.randrange(2, 30), rng))


def _order(market: Market, side: Any, price: Any, count: int, rng: random.Random) -> NewOrder:
    return NewOrder(
        ticker=market.ticker, side=side, count=f"{count}.00", price=f"{price}", time_in_force="good_till_canceled",
        client_order_id=f"{rng.getrandbits(128):032x}",
    )  # fmt: skip


async def cases(kalshi: KalshiClient) -> dict[str, dict[str, Any]]:
    """Arguments for each tool, from what the exchange lists and the account holds now."""
    listed = (await kalshi.markets.list(status="open", limit=1000, mve_filter="exclude")).markets
    busy = sorted((m for m in listed if None not in m.yes_quotes), key=lambda m: -m.volume_24h_fp)
    market, second = busy[0].ticker, busy[1].ticker
    events = (await kalshi.events.list(status="open", with_nested_markets=True, limit=200)).events
    ladder = next((e for e in events if is_ladder(e)), events[0])
    exclusive = next((e for e in events if e.mutually_exclusive and len(e.markets or []) > 2), ladder)
    held, order = market, "00000000-0000-0000-0000-000000000000"
    if kalshi.has_key:
        positions = [p async for p in kalshi.portfolio.all_positions(count_filter="position")]
        held = next((p.ticker for p in positions if p.position_fp), market)
        orders = (await kalshi.orders.list(status="resting", limit=1)).orders
        order = orders[0].order_id if orders else order
    return _arguments(market, second, held, order, ladder, exclusive)


def _arguments(
    market: str, second: str, held: str, order: str, ladder: Event, exclusive: Event
) -> dict[str, dict[str, Any]]:
    entry = {"ticker": market, "side": "yes", "action": "buy", "count": 25}
    asked: dict[str, dict[str, Any]] = {
        "search_markets": {"query": "rain in nyc tomorow"},
        "scan_markets": {"by": "volume", "limit": 5},
        "get_markets": {"event_ticker": exclusive.event_ticker},
        "get_market": {"ticker": market},
        "get_events": {"limit": 5},
        "get_event": {"event_ticker": exclusive.event_ticker},
        "get_series": {"series_ticker": ladder.series_ticker},
        "get_exchange_status": {},
        "get_milestones": {"limit": 5},
        "get_multivariate_collections": {"limit": 3},
        "get_orderbook": {"tickers": [market, second], "depth": 3},
        "get_trades": {"ticker": market, "limit": 10},
        "get_candlesticks": {"ticker": market, "interval": "1h", "chart": True},
        "analyze_liquidity": {"ticker": market, "size": 100},
        "analyze_volatility": {"ticker": market},
        "analyze_trade_flow": {"ticker": market},
        "get_implied_probabilities": {"event_ticker": ladder.event_ticker},
        "find_arbitrage": {"series_ticker": ladder.series_ticker},
        "compare_markets": {"tickers": [market, second]},
        "analyze_market_opportunity": {"ticker": market, "my_probability": 0.6},
        "assess_market_risk": {"ticker": market},
        "get_order": {"order_id": order},
        "get_orders": {"limit": 5},
        "get_fills": {"limit": 5},
        "calculate_order_cost": {**entry, "price": 50},
        "estimate_slippage": entry,
        "get_best_price": {"ticker": market},
        "check_order_validity": {**entry, "price": 99},
        "simulate_order": {**entry, "order_type": "market"},
        "get_order_history": {"limit": 5},
        "get_balance": {},
        "get_positions": {"limit": 5},
        "get_position": {"ticker": held},
        "get_portfolio_value": {},
        "get_pnl": {},
        "get_settlement_history": {"limit": 5},
        "calculate_position_risk": {"ticker": held, "my_probability": 0.6},
        "get_portfolio_exposure": {"by": "event"},
        "get_margin_requirements": {},
        "export_portfolio": {"format": "csv"},
    }
    return {f"kalshi_{name}": arguments for name, arguments in asked.items()}


async def record(settings: Settings, tools: set[str]) -> None:
    async with connect(settings) as kalshi:
        asked = await cases(kalshi)
    async with Client(create_server(settings)) as client:
        reads = {t.name for t in await client.list_tools() if recording.is_read(t)}
    if missing := reads - set(asked):
        raise SystemExit(f"There is no case for {', '.join(sorted(missing))}: add it to _arguments.")
    for tool, arguments in asked.items():
        if tool not in tools:
            continue
        case: recording.Case = {"env": settings.env, "at": recording.whole_second(), "arguments": arguments}
        async with recording.recorded(tool, case):
            case |= await recording.answer(settings, tool, arguments)
        recording.save(tool, case)
        size = (recording.FOLDER / f"{tool}.json").stat().st_size
        console.print(f"{tool}: {size / 1000:.0f} kB{', ' + case['error'] if 'error' in case else ''}")


async def main(names: list[str]) -> None:
    recording.FOLDER.mkdir(exist_ok=True)
    settings = load_settings()
    wanted = {f"kalshi_{name.removeprefix('kalshi_')}" for name in names} or set(
        _arguments("", "", "", "", Event(event_ticker=""), Event(event_ticker=""))
    )
    if not settings.runs_own_exchange:
        await record(settings, wanted)
        return
    for scenario, tools in (("everyday", wanted - set(SMALL)), ("small", wanted & set(SMALL))):
        if tools:
            async with paper(scenario) as own:
                await record(own, tools)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
