"""A denied series lets no order through, and an allowed one lets no other in, whatever their names look like."""

from __future__ import annotations

from typing import Any

import pytest

from prediction_mcp.settings import load_settings
from tests.conftest import Served
from tests.hyphened import BEGINNING, SERIES, list_hyphened
from tests.safety.attacks.test_spending import FREE
from tests.safety.conftest import Open, traded

MARKET = f"{SERIES}-26DEC-T1"
ORDER = {"ticker": MARKET, "side": "yes", "action": "buy", "count": 2, "price": 3}
ALL = {**FREE, "toolsets": "advanced,safety"}


async def refused(desk: Open, **limits: Any) -> None:
    """Every tool that could bring an order into the market says that a limit on series stands against it."""
    async with desk([], **ALL, **limits) as at:
        for tool, given in (
            ("kalshi_create_order", ORDER),
            ("kalshi_create_order", ORDER | {"side": "no", "order_type": "market", "price": 99}),
            ("kalshi_batch_create_orders", {"orders": [ORDER]}),
        ):
            said = await at.error(tool, **given)
            assert "denied" in said or "isn't among those" in said, (tool, said)


@pytest.mark.parametrize("denied", [SERIES, BEGINNING, SERIES.lower(), f"KXGDP, {SERIES}", f"{SERIES}-26DEC", MARKET])
async def test_a_denied_series_event_or_market_lets_no_order_through(desk: Open, served: Served, denied: str) -> None:
    """Combos moved from KXMVECROSSCATEGORY to KXMVECROSSCATEGORY-SHARD1: who denied the first one denied both."""
    list_hyphened(served)
    await refused(desk, deny_series=load_settings(deny_series=denied).deny_series)
    assert not traded(served)


@pytest.mark.parametrize("denied", ["KXCROSS-SHARD", "KXCROS", "KXCROSS-SHARD1-26DE", "KXCROSS-SHARD12"])
async def test_another_series_with_a_name_like_it_is_not_denied(desk: Open, served: Served, denied: str) -> None:
    list_hyphened(served)
    async with desk([], **ALL, deny_series=denied) as at:
        await at.call("kalshi_create_order", **ORDER)
    assert traded(served) == 1


@pytest.mark.parametrize("allowed", [BEGINNING, "KXGDP", f"{SERIES}-26DEC", MARKET])
async def test_only_the_series_itself_allows(desk: Open, served: Served, allowed: str) -> None:
    list_hyphened(served)
    await refused(desk, allow_series=allowed)
    assert not traded(served)
    async with desk([], **ALL, allow_series=f"{allowed},{SERIES}") as at:
        await at.call("kalshi_create_order", **ORDER)
    assert traded(served) == 1


async def test_a_series_denied_at_run_time_stops_amends_too(desk: Open, served: Served) -> None:
    list_hyphened(served)
    async with desk([], **ALL) as at:
        order_id = (await at.call("kalshi_create_order", **ORDER))["order_id"]
        await at.call("kalshi_tighten_limits", deny_series=[SERIES])
        for change in ({"price": 4}, {"count": 5}):
            assert "denied" in await at.error("kalshi_amend_order", order_id=order_id, **change)
        assert "denied" in await at.error("kalshi_create_order", **ORDER)
        await at.call("kalshi_cancel_order", order_id=order_id)
    assert traded(served) == 1


async def test_no_quote_is_taken_or_stood_by_in_a_denied_series(desk: Open, served: Served) -> None:
    """Deals are weighed as orders are; asking and quoting put nothing at stake."""
    market = list_hyphened(served).markets[0]
    deals, other, now = served.exchange.negotiations, served.exchange.crowd.takers[0], served.exchange.clock()
    offered = deals.quote(other, deals.ask(served.member, market, now, contracts=100), 3_000, 5_500, now)
    made = deals.quote(served.member, deals.ask(other, market, now, contracts=100), 3_000, 5_500, now)
    deals.accept(made, "yes", now)
    async with desk([], **ALL, deny_series=SERIES) as at:
        assert "denied" in await at.error("kalshi_accept_quote", quote_id=offered.quote_id, side="yes")
        assert "denied" in await at.error("kalshi_confirm_quote", quote_id=made.quote_id)
    assert (offered.status, made.status) == ("open", "accepted")
    assert not traded(served)


@pytest.mark.everyday
@pytest.mark.parametrize("deny", [0, 1, 2])
async def test_no_combo_bets_on_a_denied_series_event_or_market(desk: Open, served: Served, deny: int) -> None:
    """A combo is a market of another series; one sure leg beside the denied one would be an order on that."""
    exchange, games = served.exchange, dict[str, str]()
    for market in exchange.catalogue.markets.values():
        if market.event.series.ticker == "KXNFLGAME" and market.status == "active":
            games.setdefault(market.event.ticker, market.ticker)
    (event, leg), (_, other) = list(games.items())[:2]
    async with desk([], **ALL) as at:
        combo = (await at.call("kalshi_create_combo_market", legs=[{"ticker": leg}, {"ticker": other}]))["ticker"]
        sent = await at.call("kalshi_create_rfq", ticker=combo, count=10)
        exchange.quoters.step(exchange.clock())
        quotes = (await at.call("kalshi_get_quotes", rfq_id=sent["rfq_id"]))["quotes"]
    async with desk([], **ALL, deny_series=("KXNFLGAME", event, leg)[deny]) as at:
        assert "denied" in await at.error("kalshi_create_order", **ORDER | {"ticker": combo})
        assert "denied" in await at.error("kalshi_accept_quote", quote_id=quotes[0]["quote_id"], side="yes")
    assert not traded(served)
