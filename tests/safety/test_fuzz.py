"""Whatever is called with whatever: without a yes, no write reaches the exchange. ``--fuzz 1250`` makes 5,000 calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.fronts.kalshi.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.transport import Transport
from prediction_mcp.server import create_server
from tests.conftest import MARKET, Served
from tests.safety.conftest import REAL
from tests.tools.conftest import settings_for

OTHER = MARKET[:-3] + "BAL"
TOKENS = st.none() | st.text(max_size=30) | st.sampled_from(["", "confirm", "true", "null", "0" * 24])
_TICKED, _UNTICKED = {"confirm": True}, {"confirm": False}
NOT_YES = st.sampled_from(
    [
        ElicitResult(action="decline"),
        ElicitResult(action="cancel"),
        ElicitResult(action="accept", content=_UNTICKED),
        ElicitResult(action="decline", content=_TICKED),
        ElicitResult(action="cancel", content=_TICKED),
    ]
)
NUMBER: st.SearchStrategy[Any] = (
    st.integers(-3, 120) | st.decimals(0, 100, places=2).map(str) | st.floats() | st.text(max_size=3)
)


def calls(order_ids: list[str]) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Calls of write tools: many that could well be meant, some that are nonsense."""
    order_id = st.sampled_from(order_ids) | st.text(max_size=40)
    sensible: st.SearchStrategy[Any] = st.integers(1, 20)
    create = st.fixed_dictionaries(
        {
            "ticker": st.sampled_from([MARKET, OTHER, MARKET.lower(), "NOPE"]),
            "side": st.sampled_from(["yes", "no"]),
            "action": st.sampled_from(["buy", "sell"]),
            "count": sensible | NUMBER,
        },
        optional={
            "price": sensible | NUMBER, "order_type": st.sampled_from(["limit", "market", "x"]),
            "time_in_force": st.sampled_from(["immediate_or_cancel", "fill_or_kill", "good_till_canceled"]),
            "post_only": st.booleans(), "reduce_only": st.booleans(), "client_order_id": st.text(max_size=20),
            "max_cost": NUMBER, "confirmation": TOKENS, "confirm": st.booleans(),
        },
    )  # fmt: skip
    amend = st.fixed_dictionaries(
        {"order_id": order_id},
        optional={"count": sensible | NUMBER, "price": sensible | NUMBER, "confirmation": TOKENS},
    )
    cancel = st.fixed_dictionaries({"order_id": order_id}, optional={"confirmation": TOKENS})
    many = st.fixed_dictionaries(
        {},
        optional={
            "order_ids": st.lists(order_id, max_size=3), "ticker": st.just(MARKET), "all": st.booleans(),
            "confirmation": TOKENS,
        },
    )  # fmt: skip
    return st.one_of(
        create.map(lambda a: ("kalshi_create_order", a)),
        amend.map(lambda a: ("kalshi_amend_order", a)),
        cancel.map(lambda a: ("kalshi_cancel_order", a)),
        many.map(lambda a: ("kalshi_batch_cancel_orders", a)),
    )


class Running:
    """Exchange, server and client on a loop of their own, for tests that aren't coroutines."""

    def __init__(self, tmp_path: Path, era: str, *, asks: bool) -> None:
        self.answer: Any = ElicitResult(action="decline")
        self.asks = asks
        self.writes: list[str] = []
        self.asked = 0
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._stack = AsyncExitStack()
        self.run(self._open(tmp_path, era, asks=asks))

    async def _open(self, tmp_path: Path, era: str, *, asks: bool) -> None:
        exchange = Exchange(seed=1, scenario="small")
        member = exchange.add_member(tier="prestige")
        url = await self._stack.enter_async_context(serve(exchange, with_crowd=False))
        self.served = Served(exchange, url, member, *exchange.issue_key(member))
        for price in (100, 200):
            exchange.engine.submit(member, MARKET, BID, price, 500, exchange.clock())
        self.before = await self.state()
        changes = REAL if asks else {**REAL, "env": "demo"}
        server = create_server(settings_for(self.served, tmp_path, **changes))

        async def person(*_: Any) -> Any:
            self.asked += 1
            return self.answer

        options: dict[str, Any] = {"elicitation_handler": person} if asks else {}
        self.client = await self._stack.enter_async_context(Client(server, mode=era, **options))

    async def state(self) -> list[tuple[str, str, int, int]]:
        return [(o.order_id, o.status, o.remaining, o.price) for o in self.served.orders.values()]

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)


@pytest.fixture(params=[(era, asks) for era in ("auto", "legacy") for asks in (True, False)], ids=str)
def running(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    era, asks = request.param
    made = Running(tmp_path, era, asks=asks)
    real = Transport.send

    async def watched(self: Transport, method: str, *args: Any, **kwargs: Any) -> bytes:
        if method != "GET":
            made.writes.append(method)
        return await real(self, method, *args, **kwargs)

    monkeypatch.setattr(Transport, "send", watched)
    yield made
    made.close()


def test_no_call_without_a_yes_reaches_the_exchange(running: Running, request: pytest.FixtureRequest) -> None:
    number = request.config.getoption("--fuzz")
    order_ids = [order_id for order_id, *_ in running.before]

    @settings(
        max_examples=number, deadline=None, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(calls(order_ids), NOT_YES)
    def call(made: tuple[str, dict[str, Any]], answer: Any) -> None:
        tool, arguments = made
        running.answer = answer
        said = running.run(running.client.call_tool(tool, arguments, raise_on_error=False))
        if not said.is_error:
            assert said.structured_content["status"] == "nothing was sent yet"
        assert running.writes == []

    call()
    assert running.run(running.state()) == running.before
    assert running.asked > number / 60 or not running.asks  # many calls came as far as a question
