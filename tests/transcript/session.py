"""A session as an assistant has it: a real stdio server, a real client, each tool once, written down as it went.

make transcript
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from mcp_types import ImageContent, TextContent

DOCS = Path(__file__).parents[2] / "docs"
FILES = {"auto": "transcript-2026-07-28.md", "legacy": "transcript-handshake.md"}
ITEMS, TEXT = 3, 90
"""Of lists and texts this much is printed."""
Json = dict[str, Any]


def short(value: Any) -> Any:
    """An answer as it is printed: long lists and texts cut, and saying so."""
    if isinstance(value, dict):
        return {name: short(part) for name, part in value.items()}
    if isinstance(value, list):
        rest = len(value) - ITEMS
        return [short(part) for part in value[:ITEMS]] + ([f"… {rest} more"] if rest > 0 else [])
    if isinstance(value, str) and len(value) > TEXT:
        return value[:TEXT] + "…"
    return value


@dataclass
class Session:
    """Calls tools and keeps what was said."""

    client: Client[Any]
    lines: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    prefix: str = "kalshi_"

    def say(self, text: str) -> None:
        self.lines += ["", f"**You:** {text}"]

    async def __call__(self, tool: str, **arguments: Any) -> Json:
        name = f"{self.prefix}{tool}"
        said = await self.client.call_tool(name, arguments, raise_on_error=False)
        self.used.append(name)
        given = ", ".join(f"{key}={json.dumps(value)}" for key, value in arguments.items())
        self.lines += ["", "```text", f"{name}({given})"]
        if said.is_error or said.structured_content is None:
            text = " ".join(block.text for block in said.content if isinstance(block, TextContent))
            self.lines += [f"error: {text}", "```"]
            return {}
        self.lines += _printed(short(said.structured_content))
        self.lines += [
            f"+ a picture, {len(b.data) * 3 // 4:,} bytes" for b in said.content if isinstance(b, ImageContent)
        ]
        self.lines.append("```")
        return said.structured_content

    async def quietly(self, tool: str, **arguments: Any) -> Json:
        """A call that is told in words instead."""
        said = await self.client.call_tool(f"{self.prefix}{tool}", arguments)
        return said.structured_content or {}


def _printed(answer: Json) -> Iterator[str]:
    for name, value in answer.items():
        if isinstance(value, list) and value and isinstance(value[0], dict | list):
            yield f"{name}:"
            for item in value:
                yield f"  {json.dumps(item, ensure_ascii=False)}"
        else:
            yield f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"


async def play(session: Session) -> None:
    """Find, study, trade, look after it, leave."""
    ticker, event = await _find(session)
    await _study(session, ticker, event)
    await _trade(session, ticker)
    await _watch(session, ticker)
    await _account(session, ticker)


async def _find(ask: Session) -> tuple[str, str]:
    ask.say("Is the exchange open? What is there, and what is busy today?")
    await ask("get_exchange_status")
    await ask("get_series", category="Economics", limit=3)
    await ask("scan_markets", by="volume", limit=3)
    await ask("get_events", category="Economics", limit=3)
    await ask("get_milestones", limit=2)
    await ask("get_multivariate_collections", limit=1)
    ask.say("What does the market think the Fed will do?")
    found = await ask("search_markets", query="fed decison december", limit=3)
    event = found["markets"][0]["ticker"].rpartition("-")[0]
    ladder = await ask("get_event", event_ticker=event)
    listed = (await ask("get_markets", event_ticker=event, limit=5))["markets"]
    open_ones = [m["ticker"] for m in listed if "yes_bid" in m and "yes_ask" in m] or [ladder["markets"][0]["ticker"]]
    await ask("get_market", ticker=open_ones[0])
    return open_ones[0], event


async def _study(ask: Session, ticker: str, event: str) -> None:
    ask.say("Show me its book, its trades and its chart.")
    await ask("get_orderbook", ticker=ticker, depth=3)
    await ask("get_trades", ticker=ticker, limit=3)
    await ask("get_candlesticks", ticker=ticker, interval="1d", chart=True)
    ask.say("Is it liquid? Does it move? Who has been buying?")
    await ask("analyze_liquidity", ticker=ticker, size=50)
    await ask("analyze_volatility", ticker=ticker, window="30d")
    await ask("analyze_trade_flow", ticker=ticker, window="7d")
    ask.say("What do the prices of the whole event imply, and is anything in it riskless?")
    implied = await ask("get_implied_probabilities", event_ticker=event)
    await ask("find_arbitrage", event_ticker=event)
    others = [o["ticker"] for o in implied.get("outcomes", []) if o["ticker"] != ticker]
    await ask("compare_markets", tickers=[ticker, *others[:1]], window="30d")
    ask.say("I believe it is ten points likelier than that. Worth it? What could go wrong?")
    share = next((o["probability"] for o in implied.get("outcomes", []) if o["ticker"] == ticker), 0.4)
    await ask("analyze_market_opportunity", ticker=ticker, my_probability=round(min(share + 0.1, 0.95), 2))
    await ask("assess_market_risk", ticker=ticker)


async def _trade(ask: Session, ticker: str) -> None:
    order = {"ticker": ticker, "side": "yes", "action": "buy", "count": 25}
    ask.say("What would 25 yes cost?")
    best = await ask("get_best_price", ticker=ticker)
    at = round(best["yes_ask"] * 100, 2)
    await ask("estimate_slippage", **order)
    await ask("calculate_order_cost", **order, price=at)
    await ask("check_order_validity", **order, price=at)
    await ask("simulate_order", **order, price=at)
    ask.say("Buy them, and bid for 20 more two cents under the best bid, in two orders.")
    await ask("create_order", **order, price=at)
    low = max(round(best["yes_bid"] * 100, 2) - 2, 1)
    resting = [await ask.quietly("create_order", **order | {"count": 10, "price": low}) for _ in range(2)]
    ids = [placed["order_id"] for placed in resting]
    ask.lines += ["", f"(Two orders of 10 now rest at {low:g}¢.)"]
    await ask("get_orders", status="resting", limit=3)
    await ask("get_order", order_id=ids[0])
    ask.say("Make the first one 6, then take it off; then take everything off.")
    await ask("amend_order", order_id=ids[0], count=6)
    await ask("cancel_order", order_id=ids[0])
    await ask("batch_cancel_orders", all=True)
    await ask("get_order_history", limit=3)
    await ask("get_fills", limit=3)


async def _watch(ask: Session, ticker: str) -> None:
    ask.say("Keep an eye on it: the book, its trades, my fills and orders, and tell me above 90 cents.")
    await ask("subscribe_orderbook", ticker=ticker)
    await ask("subscribe_trades", tickers=[ticker])
    await ask("subscribe_ticker", tickers=[ticker], above=90)
    await ask("subscribe_fills")
    await ask("subscribe_orders")
    await ask("get_latest_update", channel="orderbook", ticker=ticker)
    await ask("get_subscriptions")
    await ask("unsubscribe", channel="trades")


async def _account(ask: Session, ticker: str) -> None:
    ask.say("How do I stand?")
    await ask("get_balance")
    await ask("get_positions")
    await ask("get_position", ticker=ticker)
    await ask("get_portfolio_value")
    await ask("get_pnl", period="day")
    await ask("calculate_position_risk", ticker=ticker, my_probability=0.6)
    await ask("get_portfolio_exposure", by="expiry")
    await ask("get_margin_requirements")
    await ask("get_settlement_history")
    ask.say("Give me all of it for my spreadsheet.")
    await ask("export_portfolio", format="csv")


async def record(era: str) -> Session:
    """One whole session in an era, on an exchange of its own that leaves nothing behind."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KALSHI_", "PAPER_", "READ_"))}
    with tempfile.TemporaryDirectory() as folder:
        transport = StdioTransport(
            sys.executable, ["-m", "prediction_mcp"], env={**clean, "PAPER_KEEP": "false"}, cwd=folder, keep_alive=False
        )
        async with Client(transport, mode=era) as client:
            version = client.session.protocol_version
            session = Session(client, [f"# A session, protocol {version}", "", *INTRODUCTION])
            await play(session)
    return session


INTRODUCTION = [
    "A real client and a real server over stdio, nothing configured: what is asked and answered, each tool once.",
    "Long lists and texts are cut here, not by the server. Prices are invented, as all of the paper exchange's are.",
    "`make transcript` writes this page anew.",
]


async def written(record: Callable[[str], Awaitable[Session]], files: dict[str, str]) -> None:
    """A page for each era."""
    for era, name in files.items():
        session = await record(era)
        (DOCS / name).write_text("\n".join(session.lines) + "\n")
        sys.stdout.write(f"docs/{name}: {len(session.used)} calls\n")


if __name__ == "__main__":
    asyncio.run(written(record, FILES))
