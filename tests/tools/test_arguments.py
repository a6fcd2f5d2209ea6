"""Arguments as clients and models send them: every parameter of every tool, in both protocol eras."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from mcp_types import TextContent, Tool

from prediction_mcp.desk import spoken
from prediction_mcp.protocol.arguments import ASIDES, fit, kinds
from prediction_mcp.server import create_server
from prediction_mcp.settings import load_settings
from prediction_mcp.settings.whole import TOOLSETS
from tests.conftest import MARKET, Served
from tests.tools.conftest import ERAS, Assistant, settings_for
from tests.tools.test_long_input import filled

ORDER: dict[str, Any] = {"ticker": MARKET, "side": "yes", "action": "buy", "count": 1, "price": 1}
FORM = ("must be", "is required", "There is no parameter", "should be")
"""How an error begins that is about the form of an argument."""


def forms(schema: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = schema.get("anyOf") or [schema]
    return found


def optional(tool: Tool) -> Iterator[str]:
    yield from set(tool.input_schema.get("properties", {})) - set(tool.input_schema.get("required", []))


def lists(tool: Tool) -> Iterator[str]:
    """Parameters that take a list and no text."""
    for name, schema in tool.input_schema.get("properties", {}).items():
        if "array" in kinds(schema) and "string" not in kinds(schema):
            yield name


def an_item(schema: dict[str, Any]) -> Any:
    """One item that a list takes."""
    (items,) = [one["items"] for one in forms(schema) if one.get("type") == "array"]
    if "enum" in items:
        return items["enum"][0]
    return {"type": "x"} if items.get("type") == "object" else MARKET


def text_of(answer: Any) -> str:
    return "".join(block.text for block in answer.content if isinstance(block, TextContent))


def reads(tool: Tool) -> bool:
    return tool.annotations is not None and bool(tool.annotations.read_only_hint)


@pytest.mark.long
@pytest.mark.parametrize("era", ERAS)
async def test_every_parameter_of_every_tool(era: str, served: Served, tmp_path: Path) -> None:
    """A list as JSON text, one value for a list, null and "" for an optional: taken as what they mean.

    A blank number of a tool that writes may be refused: an order without its price is another order.
    """
    settings = settings_for(
        served, tmp_path, toolsets=",".join(TOOLSETS), polymarket_env="paper", export_folder=tmp_path / "exports",
        worker="off",
    )  # fmt: skip
    tried = 0
    async with Client(create_server(settings), mode=era) as client:

        async def said(tool: Tool, arguments: dict[str, Any]) -> str:
            answer = await client.call_tool(tool.name, arguments, raise_on_error=False)
            return text_of(answer) if answer.is_error else ""

        tools = [tool for tool in await client.list_tools() if tool.name != "kalshi_halt_trading"]
        for tool in tools if era == ERAS[0] else tools[::4]:  # the form is the same in both: a sample is enough
            base = filled(tool)
            for name in optional(tool):
                number = kinds(tool.input_schema["properties"][name]) & {"number", "integer"}
                for blank in (None, "", "  "):
                    error = await said(tool, base | {name: blank})
                    refused = f"{name} " in error and any(form in error for form in FORM)
                    may_be = bool(number and blank is not None and not reads(tool))
                    assert refused <= may_be, (tool.name, name, error)
                    tried += 1
            for name in lists(tool):
                item = an_item(tool.input_schema["properties"][name])
                for given in (json.dumps([item]), item, json.dumps(item) if isinstance(item, dict) else item):
                    error = await said(tool, base | {name: given})
                    plain = await said(tool, base | {name: [item]})
                    assert "valid list" not in error, (tool.name, name, given, error)
                    assert error.partition(".")[0] == plain.partition(".")[0], (tool.name, name, given)
                    tried += 1
    assert tried > (300 if era == ERAS[0] else 75)


@pytest.mark.parametrize("era", ERAS)
async def test_asides_are_dropped_by_readers_and_refused_by_writers(era: str, served: Served, tmp_path: Path) -> None:
    async with Client(create_server(settings_for(served, tmp_path)), mode=era) as client:
        at = Assistant(client)
        for aside in ("random_string", "explanation", "reason"):
            answer = await at.call("kalshi_get_market", ticker=MARKET, **{aside: "because"})
            assert answer["ignored_parameters"] == [aside]
            assert f"There is no parameter {aside}." in await at.error(
                "kalshi_create_order", **ORDER, **{aside: "because"}
            )
        assert "There is no parameter colour." in await at.error("kalshi_get_market", ticker=MARKET, colour="red")
        assert "ignored_parameters" not in await at.call("kalshi_get_market", ticker=MARKET)
    assert not served.orders


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("given", ["GTC", "gtc", "good-till-canceled", "GOOD_TILL_CANCELLED"])
async def test_times_in_force(era: str, given: str, served: Served, tmp_path: Path) -> None:
    async with Client(create_server(settings_for(served, tmp_path)), mode=era) as client:
        placed = await Assistant(client).call("kalshi_create_order", **ORDER, time_in_force=given)
    assert placed["order_id"] in served.orders


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("kalshi_get_orders", {"status": "active"}),
        ("kalshi_get_orders", {"status": "open"}),
        ("kalshi_get_orders", {"status": "cancelled"}),
        ("kalshi_get_orders", {"status": "FILLED"}),
        ("kalshi_get_positions", {"status": "active"}),
        ("kalshi_get_events", {"status": "active"}),
        ("kalshi_get_candlesticks", {"ticker": MARKET, "interval": 60}),
        ("kalshi_get_candlesticks", {"ticker": MARKET, "interval": "1440"}),
        ("kalshi_get_orderbook", {"tickers": f'["{MARKET}"]'}),
        ("kalshi_get_orderbook", {"tickers": MARKET}),
        ("kalshi_check_order_validity", ORDER | {"time_in_force": "FOK"}),
        ("kalshi_check_order_validity", ORDER | {"price": 28.000000000000004}),
        ("kalshi_check_order_validity", ORDER | {"price": "$0.28000000000000003"}),
    ],
)
async def test_words_of_the_field(assistant: Assistant, tool: str, arguments: dict[str, Any]) -> None:
    await assistant.call(tool, **arguments)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"side": "long"}, "side must be 'yes' or 'no'"),
        ({"action": "open"}, "action must be 'buy' or 'sell'"),
        ({"side": ""}, "side must be 'yes' or 'no'"),
        ({"count": ""}, "count must be a plain number"),
        ({"price": 1.5}, "nearest it takes is 1¢ or 2¢"),
        ({"price": 28.00001}, "more decimals than a price can have"),
        ({"price": '["40"]'}, "price must be a price"),
        ({"time_in_force": "day"}, "time_in_force must be"),
    ],
)
async def test_nothing_of_money_is_guessed(
    assistant: Assistant, served: Served, change: dict[str, Any], said: str
) -> None:
    assert said in await assistant.error("kalshi_create_order", **ORDER | change)
    assert not served.orders


@pytest.mark.parametrize(("given", "meant"), [("prod", "live"), ("Production", "live"), ("sandbox", "demo")])
def test_environments(given: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALSHI_ENV", given)
    assert load_settings().env == meant


@pytest.mark.parametrize(
    ("given", "cents"),
    [
        (28.000000000000004, "28"), (0.1 + 0.2 + 27.7, "28"), (56.99999999999999, "57"), (2.5000000000000004, "2.5"),
        ("28.000000000000004", "28"), ("$0.28000000000000003", "28"), (28.0001, "28.0001"),
        (28.00000001, "28.00000001"),
    ],
)  # fmt: skip
def test_noise_of_binary_fractions(given: Any, cents: str) -> None:
    """What is farther than a billionth of a cent from a price of a grid stays off the grid."""
    assert str(spoken.price(given).normalize()) == cents


def test_what_is_in_form_already_stays_as_it_is() -> None:
    schema = {
        "type": "object",
        "properties": {
            "names": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
            "text": {"type": "string"},
            "either": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            "rule": {"type": "object", "properties": {"n": {"type": "integer"}, "m": {"type": "integer"}}},
        },
        "required": ["text"],
    }
    given = {"names": ["[a", ""], "text": "[1, 2]", "either": "plain", "rule": {"n": 1}, "more": ""}
    before = copy.deepcopy(given)
    assert fit(given, schema, reads=True).arguments == before
    assert fit({"names": None, "text": "", "rule": '{"n": 1, "m": ""}'}, schema, reads=True).arguments == {
        "names": None, "text": "", "rule": {"n": 1},
    }  # fmt: skip
    assert fit({"either": '["a"]', "names": "[" * 100_000}, schema, reads=True).arguments == {
        "either": ["a"], "names": ["[" * 100_000],
    }  # fmt: skip
    assert fit({"text": "x", "reason": "y"}, schema, reads=True).dropped == ("reason",)
    assert "reason" in ASIDES
