"""Whatever Polymarket's write tools are called with, without a yes nothing is sent. ``--fuzz 1250``: 5,000 calls."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prediction_mcp.exchange.fronts.polymarket.opening import Second
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.second import tokens_of
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.polymarket import PolymarketAccount
from prediction_mcp.polymarket.account import api_key
from prediction_mcp.polymarket.orders import Terms, amounts, sign
from prediction_mcp.polymarket.wallet import Wallet
from tests.conformance.polymarket import urls_of
from tests.conftest import Served
from tests.safety.test_fuzz import NOT_YES, NUMBER, TOKENS
from tests.safety.test_fuzz import Running as Kalshis
from tests.tools.conftest import settings_for

KEY = f"{7:064x}"


def calls(slugs: list[str], order_ids: list[str]) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Calls of the four write tools: many that could well be meant, some that are nonsense."""
    market = st.sampled_from([*slugs, *slugs, "nope", "0x" + "1" * 64, "https://polymarket.com/event/x", ""])
    order_id = st.sampled_from([*order_ids, *order_ids, "0x" + "1" * 64]) | st.text(max_size=80)
    sensible: st.SearchStrategy[Any] = st.integers(5, 40)
    number = st.one_of(sensible, sensible, sensible, NUMBER)
    create = st.fixed_dictionaries(
        {
            "market": market, "outcome": st.sampled_from(["Yes", "yes", "No", "Up", ""]),
            "action": st.sampled_from(["buy", "buy", "sell", "x"]),
        },
        optional={
            "size": number, "price": number, "dollars": number, "post_only": st.booleans(), "max_cost": NUMBER,
            "order_type": st.sampled_from(["GTC", "GTC", "GTC", "FAK", "FOK", "GTD", "x"]),
            "expiration": st.sampled_from(["2h", "yesterday", 5]), "confirmation": TOKENS, "confirm": st.booleans(),
        },
    )  # fmt: skip
    plain = st.fixed_dictionaries({"market": market, "outcome": st.just("Yes"), "action": st.just("buy"),
                                   "size": sensible, "price": sensible})  # fmt: skip
    one = st.fixed_dictionaries({"order_id": order_id}, optional={"confirmation": TOKENS})
    many = st.fixed_dictionaries(
        {}, optional={"order_ids": st.lists(order_id, max_size=3), "market": market, "all": st.booleans(),
                      "confirmation": TOKENS},
    )  # fmt: skip
    redeem = st.fixed_dictionaries({"market": market}, optional={"confirmation": TOKENS})
    return st.one_of(
        create.map(lambda a: ("polymarket_create_order", a)), plain.map(lambda a: ("polymarket_create_order", a)),
        one.map(lambda a: ("polymarket_cancel_order", a)), many.map(lambda a: ("polymarket_cancel_orders", a)),
        redeem.map(lambda a: ("polymarket_redeem_positions", a)),
    )  # fmt: skip


class Running(Kalshis):
    """The same with the second front behind it, and a wallet whose orders rest."""

    async def _open(self, tmp_path: Path, era: str, *, asks: bool) -> None:
        first = Exchange(seed=1, scenario="small")
        second = Second(first)
        self.exchange = second.exchange()
        member = first.add_member()
        url = await self._stack.enter_async_context(serve(first, with_crowd=False, second=second))
        served = Served(first, url, member, *first.issue_key(member))
        path = tmp_path / "wallet.key"
        path.write_text(KEY)
        path.chmod(0o600)
        markets = [
            m for m in self.exchange.catalogue.markets.values() if m.status == "active" and m.structure == "0.01"
        ][:6]  # fmt: skip
        self.slugs = [m.ticker for m in markets]
        wallet = Wallet(KEY)
        key = await api_key(wallet, urls_of(url)["clob"], new=True)
        account = PolymarketAccount(wallet, key, urls_of(url)["clob"])
        for market in markets[:3]:
            terms = Terms(Decimal("0.01"), market.event.exclusive)
            made = amounts(terms, "BUY", Decimal("0.01"), Decimal(5))
            order = sign(wallet, key.key, terms, tokens_of(market)[0], "BUY", made, salt=secrets.randbits(50),
                         timestamp_ms=time.time_ns() // 1_000_000)  # fmt: skip
            await account.place(order)
        self.order_ids = [o.id for o in await account.open_orders()]
        await account.close()
        self.before = await self.state()
        changes = {"toolsets": "polymarket", "polymarket_key_path": path, "confirm": "always", "read_only": False,
                   "confirm_fallback": "token"}  # fmt: skip
        await self.connect(settings_for(served, tmp_path, **changes), era)

    async def state(self) -> list[Any]:
        account = self.exchange.engine.accounts[Wallet(KEY).address.lower()]
        return [(o.order_id, o.status, o.remaining) for o in account.orders.values()]


@pytest.fixture(params=[(era, asks) for era in ("auto", "legacy") for asks in (True, False)], ids=str)
def running(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    era, asks = request.param
    made = Running(tmp_path, era, asks=asks)
    real = PolymarketAccount._send

    async def watched(self: PolymarketAccount, method: str, path: str, *args: Any, **kwargs: Any) -> bytes:
        if method != "GET":
            made.writes.append(path)
        return await real(self, method, path, *args, **kwargs)

    monkeypatch.setattr(PolymarketAccount, "_send", watched)
    yield made
    made.close()


def test_no_call_without_a_yes_is_sent(running: Running, request: pytest.FixtureRequest) -> None:
    number = request.config.getoption("--fuzz")

    @settings(
        max_examples=number, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(calls(running.slugs, running.order_ids), NOT_YES)
    def call(made: tuple[str, dict[str, Any]], answer: Any) -> None:
        tool, arguments = made
        running.answer, running.tool = answer, tool
        said = running.run(running.client.call_tool(tool, arguments, raise_on_error=False))
        if not said.is_error:
            assert said.structured_content["status"] == "nothing was sent yet"
        elif said.content:
            assert "failed inside this server" not in said.content[0].text, arguments
        assert running.writes == []

    call()
    assert running.run(running.state()) == running.before
    if running.asks:
        assert running.asked.total() > number / 60
        assert number < 1_000 or len(running.asked) == 3, running.asked  # there is nothing to redeem
