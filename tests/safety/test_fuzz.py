"""Whatever is called with whatever: without a yes, no write reaches the exchange. ``--fuzz 1250`` makes 5,000 calls."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prediction_mcp.exchange.engine.groups import OrderGroup
from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.transport import Transport
from prediction_mcp.server import create_server
from prediction_mcp.settings import Settings
from tests.conftest import MARKET, Served
from tests.safety.conftest import REAL
from tests.tools.conftest import settings_for

OTHER = MARKET[:-3] + "BAL"
EACH, TOOLS = 1_000, 13
"""Of so many calls at least so many tools have asked; 16 write, and there are no combos here."""
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


@dataclass(frozen=True)
class There:
    """What there is to write about: ids of the exchange, each of its kind."""

    orders: list[str]
    rfqs: list[str]
    quotes: list[str]
    groups: list[str]
    games: list[str]


def calls(there: There) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Calls of write tools: many that could well be meant, some that are nonsense."""
    return st.one_of(everyday_calls(there), advanced_calls(there))


def advanced_calls(there: There) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    def one(ids: list[str]) -> st.SearchStrategy[str]:
        known = st.sampled_from(ids)
        return st.one_of(known, known, known, st.text(max_size=40))

    sensible: st.SearchStrategy[Any] = st.integers(1, 20)
    number = st.one_of(sensible, sensible, sensible, NUMBER)
    token = {"confirmation": TOKENS}
    side = st.sampled_from(["yes", "no", "YES", "x"])
    order = st.fixed_dictionaries(
        {
            "ticker": st.sampled_from([MARKET, OTHER]), "side": side, "action": st.sampled_from(["buy", "sell"]),
            "count": number, "price": number,
        },
        optional={"post_only": st.booleans(), "client_order_id": st.text(max_size=5)},
    )  # fmt: skip
    leg = st.fixed_dictionaries({"ticker": st.sampled_from([MARKET, *there.games])}, optional={"side": side})
    shapes: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "batch_create_orders": (
            {"orders": st.lists(order, max_size=4)}, {"order_group_id": one(there.groups)} | token,
        ),
        "decrease_order": ({"order_id": one(there.orders)}, {"reduce_by": number, "reduce_to": number} | token),
        "cancel_all_orders": ({}, token),
        "create_order_group": ({"limit": number}, token),
        "update_order_group": (
            {
                "order_group_id": one(there.groups),
                "action": st.sampled_from(["limit", "reset", "trigger", "delete", "x"]),
            },
            {"limit": number} | token,
        ),
        "create_rfq": (
            {"ticker": st.sampled_from([MARKET, OTHER, "NOPE"])},
            {"count": number, "target_cost": number, "replace": st.booleans()} | token,
        ),
        "cancel_rfq": ({}, {"rfq_id": one(there.rfqs), "quote_id": one(there.quotes)} | token),
        "create_quote": ({"rfq_id": one(there.rfqs)}, {"yes_price": number, "no_price": number} | token),
        "accept_quote": ({"quote_id": one(there.quotes), "side": side}, token),
        "confirm_quote": ({"quote_id": one(there.quotes)}, token),
        "create_combo_market": ({"legs": st.lists(leg, min_size=1, max_size=3)}, token),
        "transfer_between_subaccounts": (
            {"from_subaccount": st.integers(0, 2), "to_subaccount": st.integers(0, 2), "amount": number}, token,
        ),
        "move_cash_between_shards": (
            {"from_shard": st.integers(0, 4), "to_shard": st.integers(0, 4), "amount": number},
            {"subaccount": st.integers(0, 2)} | token,
        ),
    }  # fmt: skip
    return st.one_of(
        *(
            st.tuples(st.just(f"kalshi_{name}"), st.fixed_dictionaries(needed, optional=others))
            for name, (needed, others) in shapes.items()
        )
    )


def everyday_calls(there: There) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    order_id = st.sampled_from(there.orders) | st.text(max_size=40)
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
        self.asked: Counter[str] = Counter()
        self.tool = ""
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
        self.there = self._set_the_scene()
        self.before = await self.state()
        changes = {**REAL, "toolsets": "advanced"} if asks else {**REAL, "env": "demo", "toolsets": "advanced"}
        await self.connect(settings_for(self.served, tmp_path, **changes), era)

    async def connect(self, server_settings: Settings, era: str) -> None:
        """The server, and a client whose person gives ``answer``, or that can't ask."""
        server = create_server(server_settings)

        async def person(*_: Any) -> Any:
            self.asked[self.tool] += 1
            return self.answer

        options: dict[str, Any] = {"elicitation_handler": person} if self.asks else {}
        self.client = await self._stack.enter_async_context(Client(server, mode=era, **options))

    def _set_the_scene(self) -> There:
        """Requests and quotes of both sides at each step, a group, a subaccount."""
        exchange, member = self.served.exchange, self.served.member
        talk, now, crowd = exchange.negotiations, exchange.clock(), exchange.crowd
        exchange.add_subaccount(member)
        group = OrderGroup("11111111-1111-4111-8111-111111111111", member, 500)
        exchange.groups[group.group_id] = group
        market, other = exchange.catalogue.markets[MARKET], exchange.catalogue.markets[OTHER]
        asked = talk.ask(member, market, now, contracts=1_000)
        theirs = [talk.quote(maker, asked, 1_000, 8_000, now) for maker in crowd.makers[:2]]
        foreign = [talk.ask(taker, other, now, contracts=500) for taker in crowd.takers[:2]]
        own = [talk.quote(member, rfq, 1_000, 1_000, now) for rfq in foreign]
        talk.accept(own[0], "yes", now)
        games = [m.ticker for m in exchange.catalogue.markets.values() if m.event.series.ticker == "KXNFLGAME"]
        exchange.sync()
        return There(
            [order_id for order_id, *_ in self.served.orders.items()],
            [asked.rfq_id, *(rfq.rfq_id for rfq in foreign)],
            [quote.quote_id for quote in (*theirs, *own)],
            [group.group_id],
            games[:4] or [OTHER],
        )

    async def state(self) -> list[Any]:
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

    @settings(
        max_examples=number, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(calls(running.there), NOT_YES)
    def call(made: tuple[str, dict[str, Any]], answer: Any) -> None:
        tool, arguments = made
        running.answer, running.tool = answer, tool
        said = running.run(running.client.call_tool(tool, arguments, raise_on_error=False))
        if not said.is_error:
            assert said.structured_content["status"] == "nothing was sent yet"
        assert running.writes == []

    call()
    assert running.run(running.state()) == running.before
    if running.asks:  # many calls came as far as a question; of a thousand some of each tool, but for combos
        assert running.asked.total() > number / 60
        assert number < EACH or len(running.asked) >= TOOLS, running.asked
    sys.stdout.write(f"\n{running.asked.total()} questions, about {len(running.asked)} tools\n")
