"""``prediction-mcp demo``: the main job through a real MCP client and a real stdio server, told for a person."""

from __future__ import annotations

import os
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from mcp_types import TextContent
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from prediction_mcp.settings import SettingsError

Json = dict[str, Any]
COUNT = 25


class Story:
    """Calls tools and tells what happens."""

    def __init__(self, client: Client[Any], console: Console) -> None:
        self._client = client
        self._console = console

    def say(self, text: str) -> None:
        self._console.print(f"\n[bold cyan]You:[/] {text}")

    def tell(self, text: str) -> None:
        self._console.print(f"  {text}")

    async def call(self, tool: str, **arguments: Any) -> Json:
        shown = ", ".join(f"{name}={value}" for name, value in arguments.items())
        self._console.print(f"  [dim]→ {escape(f'{tool}({shown})')}[/]")
        answer = await self._client.call_tool(tool, arguments, raise_on_error=False)
        if answer.is_error or answer.structured_content is None:
            text = " ".join(block.text for block in answer.content if isinstance(block, TextContent))
            raise SettingsError(f"The demo stopped at {tool}: {text}")
        return answer.structured_content


def _money(value: float) -> str:
    return f"{'-' if value < 0 else ''}${abs(value):,.2f}"


def _cents(value: float) -> str:
    return f"{value * 100:g}¢"


def _book(view: Json) -> Table:
    table = Table(box=None, padding=(0, 2))
    for heading in ("buyers want", "at", "|", "at", "sellers offer"):
        table.add_column(heading, justify="right")
    for row in range(max(len(view["bids"]), len(view["asks"]))):
        bid = view["bids"][row] if row < len(view["bids"]) else None
        ask = view["asks"][row] if row < len(view["asks"]) else None
        table.add_row(
            f"{bid[1]:,g}" if bid else "", f"[green]{_cents(bid[0])}[/]" if bid else "", "",
            f"[red]{_cents(ask[0])}[/]" if ask else "", f"{ask[1]:,g}" if ask else "",
        )  # fmt: skip
    return table


async def play() -> None:
    """Start the server as an assistant would, with nothing configured, and trade on it."""
    console = Console(highlight=False)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KALSHI_", "PAPER_", "READ_"))}
    transport = StdioTransport(sys.executable, ["-m", "prediction_mcp"], env={**clean, "PAPER_KEEP": "false"})
    console.print("[bold]prediction-mcp[/]: a real MCP session over stdio, nothing configured, paper money.")
    async with Client(transport) as client:
        story = Story(client, console)
        ticker = await _find(story, console)
        bought = await _buy(story, console, ticker)
        await _look(story, ticker)
        await _rest_and_cancel(story, ticker)
        await _sell(story, ticker, bought)
    console.print("\nThat was the whole way. Add it to your assistant:\n  prediction-mcp install claude-desktop")


async def _find(story: Story, console: Console) -> str:
    story.say("What does the market think the Fed will do next?")
    state = await story.call("kalshi_get_exchange_status")
    story.tell(f"Exchange {'trading' if state['trading'] else 'paused'}, mode {state['mode']}.")
    events = await story.call("kalshi_get_events", series_ticker="KXFEDDECISION", limit=1)
    event = await story.call("kalshi_get_event", event_ticker=events["events"][0]["event_ticker"])
    table = Table(box=None, padding=(0, 2), title=event["title"], title_justify="left")
    table.add_column("outcome")
    table.add_column("chance", justify="right")
    table.add_column("bid / ask", justify="right")
    for rung in event["markets"]:
        chance = rung.get("probability")
        quotes = f"{_cents(rung['yes_bid'])} / {_cents(rung['yes_ask'])}" if chance is not None else "one-sided"
        table.add_row(rung["outcome"], "" if chance is None else f"{chance:.0%}", quotes)
    console.print(table)
    priced = [rung for rung in event["markets"] if rung.get("probability") is not None]
    ticker: str = min(priced, key=lambda rung: abs(rung["probability"] - 0.5))["ticker"]
    return ticker


async def _buy(story: Story, console: Console, ticker: str) -> Json:
    market = await story.call("kalshi_get_market", ticker=ticker)
    story.say(f"Show me the book of “{market['outcome']}”.")
    book = await story.call("kalshi_get_orderbook", ticker=ticker, depth=3)
    console.print(_book(book["books"][0]))
    story.say(f"What would {COUNT} contracts of yes cost?")
    price = market["yes_ask"] * 100
    order = {"ticker": ticker, "side": "yes", "action": "buy", "count": COUNT, "price": round(price, 2)}
    cost = await story.call("kalshi_calculate_order_cost", **order)
    story.tell(
        f"{_money(cost['pays'])} and a fee of {_money(cost['taker_fee'])}. If it happens you win "
        f"{_money(cost['max_profit'])}, if not you lose {_money(cost['max_loss'])}; "
        f"it pays if the chance is above {cost['break_even_probability']:.1%}."
    )
    story.say("Buy them.")
    placed = await story.call("kalshi_create_order", **order)
    story.tell(f"{placed['order']}: [green]{placed['status']}[/], fee {_money(placed.get('fee', 0))}.")
    return placed


async def _look(story: Story, ticker: str) -> None:
    story.say("How do I stand?")
    held = await story.call("kalshi_get_position", ticker=ticker)
    line, balance = held["position"], await story.call("kalshi_get_balance")
    worth = "nobody bids for them now"
    if "value" in line:
        worth = f"sold now they bring {_money(line['value'])}, so the profit after fees is {_money(held['net_pnl'])}"
    story.tell(f"{line['count']} {line['side']} that cost {_money(line['cost'])}; {worth}.")
    story.tell("The spread and the fee are paid, the rest is up to the world.")
    story.tell(f"Cash {_money(balance['available'])}, positions {_money(balance['positions_value'])}.")


async def _rest_and_cancel(story: Story, ticker: str) -> None:
    story.say("Offer 10 of them at 98¢, in case it runs. And then don't.")
    placed = await story.call(
        "kalshi_create_order", ticker=ticker, side="yes", action="sell", count=10, price=98, post_only=True
    )
    story.tell(f"{placed['order']}: {placed['status']}.")
    gone = await story.call("kalshi_cancel_order", order_id=placed["order_id"])
    story.tell(f"Cancelled, {gone['cancelled']} contracts were still open.")


async def _sell(story: Story, ticker: str, bought: Json) -> None:
    story.say("Enough: sell everything at the market.")
    count = bought["filled"]
    sold = await story.call(
        "kalshi_create_order", ticker=ticker, side="yes", action="sell", count=count, order_type="market"
    )
    story.tell(f"{sold['order']}: [green]{sold['status']}[/] for {_money(sold['total'])}.")
    result = await story.call("kalshi_get_position", ticker=ticker)
    story.tell(f"Result of the round trip, fees included: [bold]{_money(result['net_pnl'])}[/].")
