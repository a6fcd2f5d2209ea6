"""An order at Polymarket whose answer is lost, and that matched."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from prediction_mcp.polymarket import PolymarketAccount
from prediction_mcp.polymarket.errors import RateLimitedError
from prediction_mcp.server import create_server
from tests.conftest import Served
from tests.net.slow import Slow
from tests.net.test_deadlines import HANG_S, Shorten, outcomes
from tests.tools.conftest import Assistant, settings_for


async def test_a_matched_order_at_polymarket_is_unknown_where_it_cant_be_read(
    slow: tuple[Slow, Served], shorten: Shorten, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer is lost and it is found as matched; before, a 429 to the next look was journaled as its refusal."""
    server, there = slow
    settings = settings_for(there, tmp_path, confirm="never", toolsets="polymarket", polymarket_env="paper")
    real, looks = PolymarketAccount.order, list[str]()

    async def order(self: PolymarketAccount, order_id: str) -> Any:
        looks.append(order_id)
        if len(looks) > 1:
            raise RateLimitedError("Polymarket asks for fewer requests: try again later.")
        return await real(self, order_id)

    monkeypatch.setattr(PolymarketAccount, "order", order)
    async with asyncio.timeout(HANG_S), Client(create_server(settings)) as client:
        at = Assistant(client)
        found = await at.call("polymarket_search_markets", query="fed decision", limit=1)
        terms = {"market": found["markets"][0]["slug"], "outcome": "yes", "action": "buy", "size": 10, "price": 99}
        await at.call("polymarket_get_orders")
        shorten()
        server.pace, server.slows = "silent", lambda method, path: method == "POST" and path.endswith("/order")
        assert "was placed and matched" in await at.error("polymarket_create_order", **terms)
    assert len(looks) == 2
    assert outcomes(settings) == ["unknown"]
