"""Every list with a cursor: its pages of one row are together the page of all, nothing lost and nothing twice.

The tools come from the server's own list: one that takes or gives a cursor and has no case here fails.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from prediction_mcp import tools
from prediction_mcp.desk.results import ListAnswer
from tests.conftest import EVENT, MARKET
from tests.tools.test_polymarket import Desk, at
from tests.tools.test_records import end, trade

SETS = "across,advanced,automation,polymarket,records"
MOST_PAGES = 60
FEW_TRADES = "a market of few trades"
CASES: list[tuple[str, dict[str, Any]]] = [
    ("kalshi_get_series", {"category": "Politics"}),
    ("kalshi_get_milestones", {}),
    ("kalshi_get_multivariate_collections", {}),
    ("kalshi_get_markets", {"event_ticker": EVENT}),
    ("kalshi_get_markets", {"series_ticker": EVENT.partition("-")[0], "status": "open", "closes_after": "now"}),
    ("kalshi_get_events", {"series_ticker": "KXBTCD"}),
    ("kalshi_get_events", {"category": "Economics"}),
    ("kalshi_get_trades", {"ticker": MARKET}),
    ("kalshi_get_orders", {}),
    ("kalshi_get_fills", {}),
    ("kalshi_get_order_history", {}),
    ("kalshi_get_positions", {"status": "all"}),
    ("kalshi_get_settlement_history", {}),
    ("kalshi_get_rfqs", {"own": True}),
    ("kalshi_get_quotes", {}),
    ("kalshi_get_incentives", {}),
    ("kalshi_get_structured_targets", {}),
    ("polymarket_search_markets", {"query": "bitcoin"}),
    ("polymarket_search_markets", {"query": "president", "closed": True}),
    ("polymarket_get_events", {"tag": "politics"}),
    ("polymarket_get_trades", {"market": FEW_TRADES}),
    ("polymarket_get_positions", {"status": "open"}),
    ("polymarket_get_positions", {"status": "all"}),
    ("polymarket_get_activity", {}),
    ("polymarket_get_orders", {}),
    ("get_market_pairs", {}),
    ("get_alerts", {}),
    ("get_standing_orders", {}),
    ("get_transactions", {}),
    ("get_forecasts", {}),
]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with at("auto", tmp_path, toolsets=SETS, records_folder=tmp_path / "records", confirm="never") as made:
        yield made


async def fill(desk: Desk) -> None:
    """A few rows for every list that an account fills."""
    markets = [m["ticker"] for m in (await desk.call("kalshi_get_markets", event_ticker=EVENT))["markets"]]
    for number, ticker in enumerate(markets[:4]):
        trade(desk.served, "buy", 30 + number, 5, ticker)
        await desk.call("record_forecast", ticker=ticker, probability=0.3)
        await desk.call("create_alert", kind="price_above", ticker=ticker, value=90)
        await desk.call("create_standing_order", kind="stop_loss", ticker=ticker, count=1, stop=2, price=1)
        order = {"ticker": ticker, "side": "yes", "action": "buy", "count": 3, "price": 2}
        await desk.call("kalshi_create_order", **order)
        gone = await desk.call("kalshi_create_order", **order)
        await desk.call("kalshi_cancel_order", order_id=gone["order_id"])
        await desk.call("kalshi_create_rfq", ticker=ticker, count=100)
    exchange = desk.served.exchange
    exchange.quoters.step(exchange.clock())
    for ticker in (
        m["ticker"] for m in (await desk.call("kalshi_get_markets", series_ticker="KXCPIYOY"))["markets"][:3]
    ):
        trade(desk.served, "buy", 40, 2, ticker)
        end(desk.served, ticker, "yes", 10_000)
    found = await desk.call("polymarket_search_markets", query="bitcoin up or down", limit=20)
    soon = next(m["slug"] for m in found["markets"] if "updown" in m["slug"] and m["status"] == "trading")
    other = (await desk.some_market())["slug"]
    bets = [(soon, "Up"), (soon, "Down"), (other, "Yes"), (other, "No")]
    for slug, outcome in bets:
        order = {"market": slug, "outcome": outcome, "action": "buy"}
        await desk.call("polymarket_create_order", **order, dollars=5, order_type="FAK")
    for price in (2, 3, 4):
        await desk.call("polymarket_create_order", **(order | {"size": 10, "price": price}))
    for name in markets[:3]:
        await desk.call("create_market_pair", market=name, other=slug, relation="overlap")


async def few_trades(desk: Desk) -> str:
    """A market of Polymarket's with enough trades for pages, and few enough to read them one by one."""
    for market in (await desk.call("polymarket_search_markets", query="will", limit=50))["markets"]:
        found = await desk.call("polymarket_get_trades", market=market["slug"], limit=100)
        if 1 < found["count"] < MOST_PAGES:
            return str(market["slug"])
    raise AssertionError("no such market")


async def walk(desk: Desk, tool: str, arguments: dict[str, Any], limit: int) -> list[str]:
    """Every row of a list, page by page."""
    rows, cursor, seen = list[str](), None, set[str]()
    for _ in range(MOST_PAGES):
        answer = await desk.call(tool, **arguments, limit=limit, **({} if cursor is None else {"cursor": cursor}))
        (page,) = [value for value in answer.values() if isinstance(value, list)]
        assert len(page) <= limit
        rows += [json.dumps(row, sort_keys=True) for row in page]
        cursor = answer.get("cursor")
        if cursor is None:
            return rows
        assert cursor not in seen, f"{tool} gives a cursor twice"
        seen.add(cursor)
    raise AssertionError(f"{tool} has no end")


async def test_pages_of_one_row_are_the_page_of_all(desk: Desk) -> None:
    given = {tool.name: tool.input_schema["properties"] for tool in await desk.client.list_tools()}
    assert {tool for tool, _ in CASES} == {name for name, parameters in given.items() if "cursor" in parameters}
    await fill(desk)
    wrong, slug = [], await few_trades(desk)
    for tool, case in CASES:
        arguments = {name: slug if value == FEW_TRADES else value for name, value in case.items()}
        whole = await walk(desk, tool, arguments, given[tool]["limit"]["maximum"])
        single = await walk(desk, tool, arguments, 1)
        assert len(whole) > 1 or tool == "kalshi_get_multivariate_collections", (tool, whole)
        if Counter(whole) != Counter(single):
            wrong.append(f"{tool} {arguments}: {len(whole)} rows in one page, {len(single)} one by one")
    assert not wrong, wrong


def kinds(of: type[ListAnswer]) -> Iterator[str]:
    for kind in of.__subclasses__():
        yield kind.__name__
        yield from kinds(kind)


def test_an_answer_with_a_cursor_is_of_a_tool_that_takes_it() -> None:
    """Lists without pages are WholeLists: they can't give a cursor that no tool takes."""
    paged, seen = set(kinds(ListAnswer)), set[str]()
    for file in sorted(Path(tools.__path__[0]).rglob("*.py")):
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(function, ast.AsyncFunctionDef) and function.decorator_list and function.returns is not None:
                answers = {node.id for node in ast.walk(function.returns) if isinstance(node, ast.Name)} & paged
                seen |= answers
                takes = {argument.arg for argument in function.args.args}
                assert not answers or "cursor" in takes, (function.name, answers)
    assert len(seen) > 12
