"""The toolset automation in real MCP sessions, both eras: alerts, standing orders, a worker within; what goes wrong."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import mcp_types
import pytest
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from pydantic import SecretStr

from prediction_mcp.automation import attending
from prediction_mcp.server import create_server
from tests.automation.conftest import hold, quote
from tests.conftest import MARKET, Served
from tests.tools.conftest import ERAS, Assistant, settings_for

PATIENCE_S = 60.0


class Asked(Assistant):
    """An assistant whose user answers questions, and keeps them."""

    def __init__(self, client: Client[Any], questions: list[str]) -> None:
        super().__init__(client)
        self.questions = questions

    async def until(self, tool: str, so: Any, **arguments: Any) -> dict[str, Any]:
        """Call again until something is so."""
        for _ in range(int(PATIENCE_S / 0.2)):
            answer = await self.call(tool, **arguments)
            if so(answer):
                return answer
            await asyncio.sleep(0.2)
        raise AssertionError(answer)


@asynccontextmanager
async def at(served: Served, tmp_path: Path, era: str, **changes: Any) -> AsyncIterator[Asked]:
    settings = settings_for(
        served, tmp_path, records_folder=tmp_path / "records", confirm="over:1",
        **({"alerts_every": 1, "standing_every": 1, "toolsets": "automation"} | changes),
    )  # fmt: skip
    questions = list[str]()

    async def answer(message: str, *_: Any) -> ElicitResult[Any]:
        questions.append(message)
        return ElicitResult(action="accept", content={"confirm": True})

    async with Client(create_server(settings), mode=era, elicitation_handler=answer) as client:
        yield Asked(client, questions)


@pytest.fixture(params=ERAS)
async def desk(request: pytest.FixtureRequest, served: Served, tmp_path: Path) -> AsyncIterator[Asked]:
    quote(served, 49, 51)
    async with at(served, tmp_path, request.param) as made:
        yield made


async def test_the_52_stay_and_nine_come(desk: Asked) -> None:
    tools = await desk.client.list_tools()
    assert sum(tool.name.startswith("kalshi_") for tool in tools) == 52
    assert {tool.name for tool in tools if not tool.name.startswith("kalshi_")} == {
        "create_alert", "get_alerts", "delete_alert", "create_standing_order", "get_standing_orders",
        "change_standing_order", "pause_standing_order", "cancel_standing_order", "get_worker_status",
    }  # fmt: skip


async def test_an_alert_is_told_once_in_the_conversation(desk: Asked, served: Served) -> None:
    made = await desk.call("create_alert", kind="price_above", ticker=MARKET.lower(), value=55, note="sell half")
    assert made["alert"]["what"] == f"{MARKET}: middle at or above 55¢"
    await desk.until("get_worker_status", lambda s: s["runs"] and any(j["name"] == "alerts" for j in s["jobs"]))
    quote(served, 56, 58)
    told = await desk.until("kalshi_get_exchange_status", lambda answer: "alerts" in answer)
    (alert,) = told["alerts"]
    assert alert["said"] == f"{MARKET}: middle is 57¢, at or above 55¢"
    assert "alerts" not in await desk.call("kalshi_get_exchange_status")
    listed = await desk.call("get_alerts", status="all")
    assert (listed["alerts"][0]["state"], listed["alerts"][0]["fired"]) == ("done", 1)
    (content,) = await desk.client.read_resource("kalshi://alerts")
    assert isinstance(content, mcp_types.TextResourceContents)
    assert json.loads(content.text)["alerts"][0]["firings"][0]["said"] == alert["said"]


@pytest.mark.parametrize("era", ERAS)
async def test_what_is_made_is_watched_at_once(
    served: Served, tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not from the worker's next look on, which never comes here."""
    monkeypatch.setattr(attending, "CHANGES_S", 1e9)
    hold(served, 12)
    quote(served, 49, 51)
    async with at(served, tmp_path, era, alerts_every=86_400, standing_every=86_400) as desk:
        await desk.until("get_worker_status", lambda s: any(j["name"] == "standing" for j in s["jobs"]))
        await desk.call("create_alert", kind="price_above", ticker=MARKET, value=40)
        await desk.until("kalshi_get_exchange_status", lambda answer: "alerts" in answer)
        await desk.call("create_standing_order", kind="trailing_stop", ticker=MARKET, trail=5)
        await desk.until("get_standing_orders", lambda a: a["orders"][0].get("stop_at") == 0.44)
        made = await desk.call("create_standing_order", kind="stop_loss", ticker=MARKET, stop=30)
        await desk.call("change_standing_order", standing_order_id=made["order"]["id"], stop=60)
        await desk.until("get_standing_orders", lambda a: a["orders"][0]["state"] == "done", status="all")
    assert served.member.holdings[MARKET].position == 0


async def test_a_stop_is_asked_once_and_sells_by_itself(desk: Asked, served: Served) -> None:
    hold(served, 12)
    quote(served, 49, 51)
    made = await desk.call("create_standing_order", kind="stop_loss", ticker=MARKET, stop=45)
    (question,) = desk.questions
    assert "sell all you hold of yes" in question
    assert "at any price that is quoted then" in question
    assert made["status"] == "made"
    quote(served, 44, 46)
    listed = await desk.until("get_standing_orders", lambda a: a["orders"][0]["state"] == "done", status="all")
    order = listed["orders"][0]
    assert order["filled"] == 12
    assert any(run["state"] == "done" and run["order_id"] for run in order["last_runs"])
    assert len(desk.questions) == 1
    assert served.member.holdings[MARKET].position == 0


async def test_rules_are_paused_resumed_changed_and_ended(desk: Asked, served: Served) -> None:
    made = await desk.call(
        "create_standing_order", kind="recurring", ticker=MARKET, every="daily", count=2, max_runs=5, price=60
    )
    number = made["order"]["id"]
    assert made["order"]["worst"] == 6.168  # 5 × (2 × 60¢ and 3.36¢ of fee)
    await desk.until("get_standing_orders", lambda a: a["orders"][0].get("filled") == 2)
    paused = await desk.call("pause_standing_order", standing_order_id=number)
    assert paused["order"]["state"] == "paused"
    assert len(desk.questions) == 1
    await desk.call("change_standing_order", standing_order_id=number, max_runs=3)  # less: nobody is asked
    assert len(desk.questions) == 1
    await desk.call("change_standing_order", standing_order_id=number, resume=True)
    assert "Resume standing order" in desk.questions[-1]
    ended = await desk.call("cancel_standing_order", standing_order_id=number)
    assert ended["order"]["state"] == "cancelled"
    assert "is cancelled already" in await desk.error("pause_standing_order", standing_order_id=number)


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("create_alert", {"kind": "price_above", "value": 5}, "needs a ticker"),
        ("create_alert", {"kind": "price_above", "ticker": MARKET}, "needs a value"),
        ("create_alert", {"kind": "price_above", "ticker": MARKET, "value": 500}, "between 0 and 100"),
        ("create_alert", {"kind": "price_above", "ticker": MARKET, "value": 0.6}, "for 60¢ say 60"),
        ("create_alert", {"kind": "price_above", "ticker": "KXNOPE-1-X", "value": 50}, "KXNOPE-1-X"),
        ("create_alert", {"kind": "new_market"}, "needs words"),
        ("create_alert", {"kind": "nonsense"}, "kind must be"),
        ("create_alert", {"kind": "settled", "ticker": MARKET, "until": "2020-01-01"}, "until"),
        ("delete_alert", {"alert_id": 999}, "no alert 999"),
        ("create_standing_order", {"kind": "entry", "ticker": MARKET, "count": 5}, "needs trigger"),
        ("create_standing_order", {"kind": "stop_loss", "ticker": MARKET, "stop": 40}, "nothing to sell"),
        ("change_standing_order", {"standing_order_id": 4}, "no standing order 4"),
        ("get_standing_orders", {"cursor": "x"}, "no cursor"),
        ("cancel_standing_order", {"standing_order_id": 0}, "standing_order_id"),
    ],
)
async def test_bad_input_is_told_in_a_sentence(desk: Asked, tool: str, arguments: dict[str, Any], says: str) -> None:
    assert says in await desk.error(tool, **arguments)
    assert (await desk.call("get_alerts", status="all"))["count"] == 0
    assert (await desk.call("get_standing_orders", status="all"))["count"] == 0


@pytest.mark.parametrize("era", ERAS)
async def test_a_server_without_worker_says_so(served: Served, tmp_path: Path, era: str) -> None:
    quote(served, 49, 51)
    async with at(served, tmp_path, era, worker="off") as desk:
        made = await desk.call("create_alert", kind="price_above", ticker=MARKET, value=55)
        assert "no worker runs" in made["note"]
        assert (await desk.call("get_worker_status"))["runs"] is False


@pytest.mark.parametrize("era", ERAS)
async def test_a_channel_that_cant_be_read_breaks_no_other_tool(served: Served, tmp_path: Path, era: str) -> None:
    settings = {"notify_urls": SecretStr("nonsense"), "toolsets": "automation safety"}
    async with at(served, tmp_path, era, **settings) as desk:
        await desk.call("kalshi_get_exchange_status")
        assert "NOTIFY_URLS" in await desk.error("get_alerts")


@pytest.mark.parametrize("era", ERAS)
async def test_a_tool_that_needs_no_connection_needs_none_for_alerts(served: Served, tmp_path: Path, era: str) -> None:
    async with at(served, tmp_path, era, worker="off", toolsets="automation safety") as desk:
        await desk.call("kalshi_tighten_limits", order_contracts=5)


@pytest.mark.parametrize("era", ERAS)
async def test_an_alert_isnt_spent_on_a_question(served: Served, tmp_path: Path, era: str) -> None:
    """2026-07-28 answers a call that has to ask with a question, which carries no alerts; the answer after it does."""
    quote(served, 49, 51)
    async with at(served, tmp_path, era, worker="off") as desk:
        await desk.call("create_alert", kind="price_above", ticker=MARKET, value=55)
        with closing(sqlite3.connect(tmp_path / "records" / "records.db")) as db, db:  # as another process tells it
            db.execute(
                "INSERT INTO alert_firings (account_id, alert_id, number, time, found, said)"
                " SELECT account_id, id, 1, created, created, 'it is so' FROM alerts"
            )
        made = await desk.call(
            "create_standing_order", kind="recurring", ticker=MARKET, every="daily", count=1, max_runs=3
        )
        assert len(desk.questions) == 1
        assert [alert["said"] for alert in made["alerts"]] == ["it is so"]
