"""Pictures of the tools that have them: a PNG beside the numbers, drawn of what they say."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import pytest
from mcp_types import ImageContent

from prediction_mcp.desk.bars import MOST, Bar, bars
from prediction_mcp.desk.kalshi.analysis.depth_chart import draw as draw_depth
from prediction_mcp.kalshi.models.markets import Orderbook
from tests.automation.conftest import hold, quote
from tests.conftest import EVENT, MARKET, Served
from tests.tools.conftest import Assistant


async def drawn(assistant: Assistant, tool: str, **arguments: Any) -> Any:
    """The numbers of a call with a picture, which are those without one."""
    plain = await assistant.client.call_tool(tool, arguments)
    found = await assistant.client.call_tool(tool, {**arguments, "chart": True})
    (picture,) = [block for block in found.content if isinstance(block, ImageContent)]
    assert base64.b64decode(picture.data).startswith(b"\x89PNG")
    assert len(picture.data) < 100_000
    first, second = plain.structured_content, found.structured_content
    assert first is not None
    assert second is not None
    assert first | {"as_of": ""} == second | {"as_of": ""}
    return second


async def test_a_book_an_event_and_a_portfolio(assistant: Assistant, served: Served) -> None:
    hold(served, 12, 40)
    quote(served, 44, 46)
    book = await drawn(assistant, "kalshi_get_orderbook", ticker=MARKET)
    assert book["books"][0]["bids"][0][0] == 0.44
    event = await drawn(assistant, "kalshi_get_event", event_ticker=EVENT)
    assert len(event["markets"]) > 1
    worth = await drawn(assistant, "kalshi_get_portfolio_value")
    assert worth["positions_at_bid"] == 5.28


async def test_what_cant_be_drawn_is_said(assistant: Assistant, served: Served) -> None:
    quote(served, None, None)
    assert "empty" in await assistant.error("kalshi_get_orderbook", ticker=MARKET, chart=True)
    assert "one ticker" in await assistant.error("kalshi_get_orderbook", tickers=[MARKET], chart=True)
    worth = await assistant.client.call_tool("kalshi_get_portfolio_value", {"chart": True})
    assert [block.type for block in worth.content] == ["text", "image"]


def test_depth_grows_at_each_price() -> None:
    """Ten to be had at 60¢, five more at 61¢: a step of two thirds, and one to the whole."""
    ten, five = Decimal(10), Decimal(5)
    book = Orderbook(yes_dollars=[(Decimal("0.5"), ten)], no_dollars=[(Decimal("0.4"), ten), (Decimal("0.39"), five)])
    text = draw_depth(book, "x", "paper").svg
    assert ">bids: best 50¢</text>" in text
    assert ">asks: best 60¢</text>" in text
    alone = Orderbook(yes_dollars=[], no_dollars=[(Decimal("0.4"), five)])
    assert "bids" not in draw_depth(alone, "x", "paper").svg


def test_long_lists_are_cut_and_say_so() -> None:
    rows = [Bar(f"row {number}", float(number)) for number in range(MOST + 3)]
    text = bars("x", rows, "under", "{:g}".format).svg
    assert f"row {MOST - 1}<" in text
    assert f"row {MOST}<" not in text
    assert "under; 3 more are left out" in text


@pytest.mark.parametrize("rows", [[], [Bar("a", None)], [Bar("a", 0.0)], [Bar("a", -5.0, -6.0, -4.0)]])
def test_bars_of_nothing_and_of_losses(rows: list[Bar]) -> None:
    assert bars("x", rows, "under", "{:g}".format).png.startswith(b"\x89PNG")
