"""Every call ends in time with a sentence, whatever the other side does, and no write is lost by that.

That nothing hangs is held by :data:`HANG_S`, which is far beyond each limit: no test measures how long something takes.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from fastmcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import TextContent

from prediction_mcp import cli
from prediction_mcp.exchange.faults import Rule
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.errors import ExchangeUnavailableError, OutcomeUnknownError, SendError
from prediction_mcp.kalshi.models.orders import NewOrder
from prediction_mcp.net import deadline
from prediction_mcp.net.errors import PlatformError
from prediction_mcp.net.retrying import Retrier
from prediction_mcp.safety.send_tasks import SendTasks, UnderWayError
from prediction_mcp.server import create_server
from prediction_mcp.settings.whole import TOOLSETS
from tests.conftest import MARKET, Served
from tests.net.slow import Pace, Slow
from tests.tools.conftest import ERAS, Assistant, settings_for
from tests.tools.test_long_input import filled

Shorten = Callable[[], deadline.Limits]
HANG_S = 45.0
SLOW: tuple[Pace, ...] = tuple(pace for pace in get_args(Pace) if pace != "whole")
ORDER: dict[str, Any] = {"ticker": MARKET, "side": "yes", "action": "buy", "count": 1, "price": 1}
ORDERS = "/portfolio/events/orders"


def journal(settings: Any) -> list[dict[str, Any]]:
    lines = (settings.safety_home / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def outcomes(settings: Any) -> list[str]:
    return [line["state"] for line in journal(settings) if line["what"] == "outcome"]


# -- the scope itself --------------------------------------------------------------------------------------------


async def test_the_innermost_scope_says_why() -> None:
    with pytest.raises(deadline.DeadlineError, match="the inner one"):
        async with deadline.within(0.5, "the outer one"), deadline.within(9, "the inner one"):
            await asyncio.sleep(HANG_S)


async def test_a_timeout_of_something_inside_stays_what_it_is() -> None:
    with pytest.raises(TimeoutError):
        async with deadline.within(HANG_S, "never"), asyncio.timeout(0.01):
            await asyncio.sleep(HANG_S)


async def test_the_time_of_a_person_is_not_counted() -> None:
    async with deadline.within(0.3, "too long"):
        with deadline.paused():
            await asyncio.sleep(0.5)
        left = deadline.left()
    assert left is not None


async def test_what_goes_on_after_a_call_has_time_of_its_own(served: Served) -> None:
    """A feed that a call started asks for books long after the call: before, no request of it had any time left."""
    heard = asyncio.Event()

    async def read(_: list[str]) -> None:
        await kalshi.markets.list(status="open", limit=1)
        heard.set()

    async with asyncio.timeout(HANG_S), KalshiClient(served.url, served.signer) as kalshi:
        retrier = Retrier(read)
        async with deadline.within(0.05, "the call that starts it"):
            retrier.need("a book", "it is stale", after_s=0.2)
        await heard.wait()
        await retrier.close()


def test_no_task_outlives_a_call_in_its_scope() -> None:
    """Tasks are made by ``deadline.background``, but for those that a call waits for, and those of whole processes."""
    waited_for = {"net/deadline.py", "safety/send_tasks.py", "desk/kalshi/trading/view.py"}
    of_processes = {
        "server.py", "protocol/embedded.py", "kalshi/raw_feed.py", "exchange/home.py", "exchange/fronts/serving.py",
        "automation/pages.py", "automation/worker.py", "automation/attending.py", "automation/crew.py",
        "automation/notices/sending.py",
    }  # fmt: skip
    source = Path(cli.__file__).parent.parent
    found = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if re.search(r"\.(create_task|ensure_future)\(", path.read_text(encoding="utf-8"))
    }
    assert found == waited_for | of_processes


async def test_a_send_that_began_is_never_told_as_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the journal's line and the wait for the task the limit may pass: sqlite holds the loop meanwhile."""
    monkeypatch.setattr(deadline, "LIMITS", deadline.LIMITS.scaled(0.01))
    sends, done = SendTasks(), asyncio.Event()

    async def send() -> str:
        await done.wait()
        return "sent"

    async def write() -> str:
        async with deadline.within(0.05, "nothing was sent"):
            time.sleep(0.2)  # the journal's disk is slow
            return await sends.wait(send())

    with pytest.raises(UnderWayError):
        await write()
    done.set()
    await sends.close()


# -- the client --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pace", SLOW)
async def test_a_program_of_its_own_waits_no_longer(pace: Pace, slow: tuple[Slow, Served], shorten: Shorten) -> None:
    """Requests outside of any call have a limit, too; before, a body that drips held them for ever."""
    server, there = slow
    server.pace = pace
    shorten()
    async with asyncio.timeout(HANG_S), KalshiClient(there.url, there.signer) as kalshi:
        with pytest.raises(ExchangeUnavailableError, match="didn't answer in time"):
            await kalshi.markets.list(status="open")


async def test_pages_without_end_are_one_call(slow: tuple[Slow, Served], shorten: Shorten) -> None:
    """Each page comes in time and there is always another: the call ends all the same."""
    _, there = slow
    short = shorten()

    async def read(kalshi: KalshiClient) -> None:
        async with deadline.within(short.read, "It took too long."):
            while True:
                await kalshi.markets.list(status="open", limit=1)

    async with asyncio.timeout(HANG_S), KalshiClient(there.url, there.signer) as kalshi:
        with pytest.raises(PlatformError):
            await read(kalshi)


async def test_a_lost_order_is_unknown_in_time(slow: tuple[Slow, Served], shorten: Shorten) -> None:
    server, there = slow
    server.pace, server.carries_out = "silent", False
    short = shorten()
    async with asyncio.timeout(HANG_S), KalshiClient(there.url, there.signer) as kalshi:
        with pytest.raises(OutcomeUnknownError, match="may still appear"):
            async with deadline.within(short.write, "never said"):
                await kalshi.orders.create(
                    NewOrder(
                        ticker=MARKET, side="bid", count="1.00", price="0.0100", client_order_id="one",
                        time_in_force="good_till_canceled", self_trade_prevention_type="taker_at_cross",
                    )
                )  # fmt: skip


async def test_an_order_without_time_left_is_not_begun(slow: tuple[Slow, Served], shorten: Shorten) -> None:
    server, there = slow
    short = shorten()
    async with KalshiClient(there.url, there.signer) as kalshi:
        async with deadline.within(short.outcome + short.answer, "never said"):
            with pytest.raises(SendError, match="before this could be sent") as refused:
                await kalshi.orders.cancel_all()
        assert not refused.value.maybe_done
    assert not server.seen


async def test_a_hundred_hanging_reads_hold_up_no_cancel(slow: tuple[Slow, Served]) -> None:
    server, there = slow
    server.pace, server.slows = "silent", lambda method, path: method == "GET"
    async with asyncio.timeout(HANG_S), KalshiClient(there.url, there.signer) as kalshi:
        reads = [asyncio.create_task(kalshi.markets.get(f"X{n}")) for n in range(120)]
        while len(server.seen) < 15:  # noqa: ASYNC110 - as many as the rate budget lets through at once
            await asyncio.sleep(0.01)
        await kalshi.orders.cancel_all()
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)


# -- every tool ----------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(("era", "pace"), [*(("auto", pace) for pace in SLOW), ("legacy", "drip")])
async def test_every_tool_ends_with_a_sentence(
    era: str, pace: Pace, slow: tuple[Slow, Served], shorten: Shorten, tmp_path: Path
) -> None:
    server, there = slow
    settings = settings_for(
        there, tmp_path, toolsets=",".join(TOOLSETS), polymarket_env="paper", export_folder=tmp_path / "exports",
        confirm="never", cache="on", worker="off",
    )  # fmt: skip
    came: Counter[str] = Counter()
    async with asyncio.timeout(HANG_S * 2), Client(create_server(settings), mode=era) as client:
        await client.call_tool("kalshi_get_balance", {})
        shorten()
        tools = [tool for tool in await client.list_tools() if tool.name != "kalshi_halt_trading"]
        server.pace = pace

        async def one(name: str, arguments: dict[str, Any]) -> None:
            answer = await client.call_tool(name, arguments, raise_on_error=False)
            said = "".join(block.text for block in answer.content if isinstance(block, TextContent))
            assert "inside this server" not in said, (name, said)
            came["refused" if answer.is_error else "answered"] += 1
            if answer.is_error:
                assert said.endswith((".", "?")), (name, said)

        await asyncio.gather(*(one(tool.name, filled(tool)) for tool in tools))
        for uri in ("kalshi://portfolio", f"kalshi://markets/{MARKET}", "kalshi://server/status"):
            with pytest.raises(MCPError):
                await client.read_resource(uri)
        await client.complete({"type": "ref/prompt", "name": "research_market"}, {"name": "ticker", "value": "KX"})
    assert came["refused"] > 60


# -- writes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("pace", SLOW)
async def test_an_order_whose_answer_is_slow_is_found(
    era: str, pace: Pace, slow: tuple[Slow, Served], shorten: Shorten, tmp_path: Path
) -> None:
    """The exchange has it and its answer never ends: it is looked up, and reported as placed."""
    server, there = slow
    settings = settings_for(there, tmp_path, confirm="never")
    async with asyncio.timeout(HANG_S), Client(create_server(settings), mode=era) as client:
        at = Assistant(client)
        await at.call("kalshi_get_balance")
        shorten()
        server.pace, server.slows = pace, lambda method, path: method == "POST"
        placed = await at.call("kalshi_create_order", **ORDER)
    assert placed["order_id"] in there.orders
    assert outcomes(settings) == ["done"]


@pytest.mark.parametrize("era", ERAS)
async def test_an_order_of_unknown_outcome_is_journaled_so(
    era: str, slow: tuple[Slow, Served], shorten: Shorten, tmp_path: Path
) -> None:
    """Neither the answer nor the look-up comes: "unknown", never "failed"."""
    server, there = slow
    settings = settings_for(there, tmp_path, confirm="never")
    async with asyncio.timeout(HANG_S), Client(create_server(settings), mode=era) as client:
        at = Assistant(client)
        await at.call("kalshi_get_balance")
        shorten()
        sent = False

        def slows(method: str, path: str) -> bool:
            nonlocal sent
            sent = sent or method == "POST"
            return sent

        server.pace, server.slows = "silent", slows
        said = await at.error("kalshi_create_order", **ORDER)
    assert "may still appear" in said
    assert "nothing was sent" not in said
    assert len(there.orders) == 1
    assert outcomes(settings) == ["unknown"]


async def test_an_order_that_can_not_be_planned_is_not_sent(
    slow: tuple[Slow, Served], shorten: Shorten, tmp_path: Path
) -> None:
    server, there = slow
    settings = settings_for(there, tmp_path, confirm="never")
    async with asyncio.timeout(HANG_S), Client(create_server(settings)) as client:
        at = Assistant(client)
        await at.call("kalshi_get_balance")
        shorten()
        server.pace, server.seen = "drip", []
        await at.error("kalshi_create_order", **ORDER)
    assert not there.orders
    assert {method for method, _ in server.seen} == {"GET"}


@pytest.mark.parametrize("pace", SLOW)
async def test_a_cancel_goes_though_nothing_can_be_read(
    pace: Pace, slow: tuple[Slow, Served], shorten: Shorten, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads hang, and the cancel of one order and of all leave all the same."""
    monkeypatch.setattr("prediction_mcp.desk.kalshi.trading.cancel.READ_S", 0.1)
    monkeypatch.setattr("prediction_mcp.desk.kalshi.held.READ_S", 0.1)
    server, there = slow
    settings = settings_for(there, tmp_path, confirm="never")
    async with asyncio.timeout(HANG_S), Client(create_server(settings)) as client:
        at = Assistant(client)
        first = (await at.call("kalshi_create_order", **ORDER))["order_id"]
        second = (await at.call("kalshi_create_order", **ORDER))["order_id"]
        shorten()
        server.pace, server.slows = pace, lambda method, path: method == "GET"
        assert (await at.call("kalshi_cancel_order", order_id=first))["order_id"] == first
        await at.call("kalshi_batch_cancel_orders", all=True)
    assert {there.orders[first].status, there.orders[second].status} == {"canceled"}


@pytest.mark.parametrize("kind", ["429", "500"])
async def test_a_cancel_goes_though_reads_are_refused(
    kind: str, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, an order whose read was refused for want of budget couldn't be cancelled."""
    monkeypatch.setattr("prediction_mcp.net.sending.wait_random_exponential", lambda **_: lambda _: 0.001)
    settings = settings_for(served, tmp_path, confirm="never")
    async with Client(create_server(settings)) as client:
        at = Assistant(client)
        resting = (await at.call("kalshi_create_order", **ORDER))["order_id"]
        served.exchange.faults.rules.append(Rule(kind, 1.0, "GET", "/portfolio/orders"))
        assert (await at.call("kalshi_cancel_order", order_id=resting))["order_id"] == resting
    assert served.orders[resting].status == "canceled"


async def test_halt_cancels_though_nothing_can_be_read(
    slow: tuple[Slow, Served], shorten: Shorten, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prediction_mcp.safety.halt.READ_S", 0.1)
    server, there = slow
    settings = settings_for(there, tmp_path, confirm="never", toolsets="safety")
    async with asyncio.timeout(HANG_S), Client(create_server(settings)) as client:
        at = Assistant(client)
        resting = (await at.call("kalshi_create_order", **ORDER))["order_id"]
        shorten()
        server.pace, server.slows = "drip", lambda method, path: method == "GET"
        await at.call("kalshi_halt_trading")
    assert there.orders[resting].status == "canceled"


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("reads_too", [False, True])
async def test_an_order_at_polymarket(
    era: str, reads_too: bool, slow: tuple[Slow, Served], shorten: Shorten, tmp_path: Path
) -> None:
    """Its answer never comes: it is found by its id; where that can't be asked it is unknown."""
    server, there = slow
    settings = settings_for(there, tmp_path, confirm="never", toolsets="polymarket", polymarket_env="paper")
    async with asyncio.timeout(HANG_S), Client(create_server(settings), mode=era) as client:
        at = Assistant(client)
        found = await at.call("polymarket_search_markets", query="fed decision", limit=1)
        order = {"market": found["markets"][0]["slug"], "outcome": "yes", "action": "buy", "size": 10, "price": 5}
        await at.call("polymarket_get_orders")
        await at.call("polymarket_create_order", **order)
        shorten()
        sent = False

        def slows(method: str, path: str) -> bool:
            nonlocal sent
            sent = sent or (method == "POST" and path.endswith("/order"))
            return sent if reads_too else path.endswith("/order")

        server.pace, server.slows = "silent", slows
        if reads_too:
            assert "may still come to rest" in await at.error("polymarket_create_order", **order)
        else:
            assert (await at.call("polymarket_create_order", **order))["status"] == "live"
    assert outcomes(settings) == ["done", "unknown" if reads_too else "done"]


@pytest.mark.parametrize("pace", SLOW)
async def test_commands_end_with_a_sentence(
    pace: Pace, slow: tuple[Slow, Served], tmp_path: Path, shorten: Shorten, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A command opens its account within its limit, too; 3 is the exit code of what can't be reached."""
    server, there = slow
    settings_for(there, tmp_path)  # writes the key
    monkeypatch.setattr("prediction_mcp.logs.configure_logging", lambda level: None)  # it would outlive the test
    shorten()
    for name, value in {
        "KALSHI_ENV": "demo", "KALSHI_BASE_URL": there.url, "KALSHI_API_KEY_ID": there.key_id,
        "KALSHI_PRIVATE_KEY_PATH": str(tmp_path / "key.pem"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    server.pace = pace
    for command in ("orders", "fills"):
        monkeypatch.setattr("sys.argv", ["prediction-mcp", command])
        async with asyncio.timeout(HANG_S):
            with pytest.raises(SystemExit) as ended:
                await asyncio.to_thread(cli.main)
        assert ended.value.code == 3
        assert capsys.readouterr().err.startswith("prediction-mcp: ")
