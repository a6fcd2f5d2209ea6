"""Resources, prompts and completions through a real session in both eras."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference, TextContent, TextResourceContents

from prediction_mcp.server import create_server
from prediction_mcp.settings import load_settings
from tests.conftest import MARKET, Served
from tests.tools.conftest import ERAS, Assistant, assert_plain

ABOUT_A_MARKET = ResourceTemplateReference(type="ref/resource", uri="kalshi://markets/{ticker}")
PROMPTS = {
    "research_market": {"ticker": MARKET},
    "find_mispriced_ladders": {"category": "Economics"},
    "review_portfolio": {"period": "month"},
    "plan_entry": {"ticker": MARKET, "my_probability": "0.2", "risk_dollars": "40"},
}


async def read(assistant: Assistant, uri: str) -> dict[str, Any]:
    (block,) = await assistant.client.read_resource(uri)
    assert isinstance(block, TextResourceContents)
    assert block.mime_type == "application/json"
    read: dict[str, Any] = json.loads(block.text)
    return read


def but_for_time(answer: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in answer.items() if k not in ("as_of", "time_left", "budget")}


async def test_resources_are_the_answers_of_tools(assistant: Assistant) -> None:
    templates = {t.uri_template for t in await assistant.client.list_resource_templates()}
    assert templates == {"kalshi://markets/{ticker}", "kalshi://markets/{ticker}/orderbook"}
    listed = {str(r.uri) for r in await assistant.client.list_resources() if not str(r.uri).startswith("ui://")}
    assert listed == {"kalshi://portfolio", "kalshi://server/status", "kalshi://feeds/status"}
    for uri, tool, arguments in (
        (f"kalshi://markets/{MARKET}", "kalshi_get_market", {"ticker": MARKET}),
        (f"kalshi://markets/{MARKET.lower()}/orderbook", "kalshi_get_orderbook", {"ticker": MARKET, "depth": 10}),
        ("kalshi://server/status", "kalshi_get_exchange_status", {}),
    ):
        assert but_for_time(await read(assistant, uri)) == but_for_time(await assistant.call(tool, **arguments))


async def test_the_portfolio_is_a_resource(assistant: Assistant) -> None:
    await assistant.call("kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=3, order_type="market")
    seen = await read(assistant, "kalshi://portfolio")
    value = await assistant.call("kalshi_get_portfolio_value")
    (line,) = (await assistant.call("kalshi_get_positions"))["positions"]
    assert seen["positions"] == [line]
    assert [seen["cash"], seen["positions_at_bid"]] == [value["cash"], value["positions_at_bid"]]


async def test_a_resource_that_is_not_there_says_what_was_meant(assistant: Assistant) -> None:
    with pytest.raises(MCPError) as failed:
        await assistant.client.read_resource(f"kalshi://markets/{MARKET[:-1]}Y")
    assert_plain(str(failed.value))
    assert MARKET in str(failed.value)


async def test_prompts_name_tools_that_are_there(assistant: Assistant) -> None:
    tools = {t.name: t for t in await assistant.client.list_tools()}
    listed = {p.name: p for p in await assistant.client.list_prompts()}
    assert set(listed) == set(PROMPTS)
    for name, arguments in PROMPTS.items():
        assert listed[name].title
        assert listed[name].description
        (message,) = (await assistant.client.get_prompt(name, arguments)).messages
        assert isinstance(message.content, TextContent)
        text = message.content.text
        named = set(re.findall(r"kalshi_\w+", text))
        assert named <= set(tools)
        assert len(named) >= 2
        writes = {n for n in named if not (a := tools[n].annotations) or not a.read_only_hint}
        assert not writes, "a prompt never tells the assistant to trade"
        for value in arguments.values():
            assert value in text


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("plan_entry", {"ticker": MARKET}, "my_probability is required."),
        ("research_market", {"tikcer\x1b[31m": MARKET}, "ticker is required. There is no parameter tikcer[31m."),
        ("research_market", {"ticker": "A" * 100_000}, "ticker takes at most 200 characters."),
        (
            "review_portfolio",
            {f"p{number}": "" for number in range(10_000)},
            "".join(f"There is no parameter p{number}. " for number in range(19)) + "Problems beside these: 9,981.",
        ),
        ("nothing", {}, "Unknown prompt: 'nothing'"),
    ],
)
async def test_wrong_words_to_a_prompt_are_told_in_a_sentence(
    assistant: Assistant, caplog: pytest.LogCaptureFixture, name: str, arguments: dict[str, str], said: str
) -> None:
    with pytest.raises(MCPError) as refused:
        await assistant.client.get_prompt(name, arguments)
    assert str(refused.value) == said
    assert not [record for record in caplog.records if record.exc_info], "a wrong call is no failure of the server"
    assert (await assistant.client.get_prompt("review_portfolio", {})).messages


async def test_completions_come_from_the_catalogue(assistant: Assistant, served: Served) -> None:
    research = PromptReference(type="ref/prompt", name="research_market")
    found = await assistant.client.complete(research, {"name": "ticker", "value": MARKET[:6].lower()})
    assert MARKET in found.values
    assert all(v.startswith(MARKET[:6]) for v in found.values)
    many = await assistant.client.complete(ABOUT_A_MARKET, {"name": "ticker", "value": ""})
    volumes = {m.ticker: m for m in served.exchange.catalogue.markets.values()}
    assert (len(many.values), many.has_more) == (20, True)
    assert all(volumes[v].status == "active" and not volumes[v].legs for v in many.values)
    words = await assistant.client.complete(ABOUT_A_MARKET, {"name": "ticker", "value": "football champion"})
    assert MARKET in words.values
    ladders = PromptReference(type="ref/prompt", name="find_mispriced_ladders")
    categories = await assistant.client.complete(ladders, {"name": "category", "value": "spo"})
    assert categories.values == ["Sports"]
    review = PromptReference(type="ref/prompt", name="review_portfolio")
    assert (await assistant.client.complete(review, {"name": "period", "value": "m"})).values == ["month"]
    plan = PromptReference(type="ref/prompt", name="plan_entry")
    assert (await assistant.client.complete(plan, {"name": "my_probability", "value": "0"})).values == []


@pytest.mark.parametrize("era", ERAS)
async def test_without_an_exchange_menus_stay_empty_and_resources_say_why(era: str, tmp_path: Path) -> None:
    settings = load_settings(env="demo", api_key_id="k", private_key_path=tmp_path / "none.pem")
    async with Client(create_server(settings), mode=era) as client:
        assert (await client.complete(ABOUT_A_MARKET, {"name": "ticker", "value": "K"})).values == []
        with pytest.raises(MCPError) as failed:
            await client.read_resource("kalshi://portfolio")
        assert_plain(str(failed.value))
        assert "none.pem" in str(failed.value)
