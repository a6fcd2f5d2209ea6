"""How often an order asks the exchange: one look at the world for each decision."""

from __future__ import annotations

from typing import Any

import pytest

from prediction_mcp.kalshi.transport import Transport
from tests.conftest import Served
from tests.safety.conftest import ORDER, YES, Open

ACCOUNT_LIMIT = {"market_exposure": 50}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request that leaves the client, tries of one counted once."""
    seen, real = list[str](), Transport.send

    async def counted(self: Transport, method: str, path: str, *args: Any, **kwargs: Any) -> bytes:
        seen.append(f"{method} {path}")
        return await real(self, method, path, *args, **kwargs)

    monkeypatch.setattr(Transport, "send", counted)
    return seen


async def test_an_order_that_nobody_is_asked_about_takes_four(desk: Open, served: Served, asked: list[str]) -> None:
    async with desk([], confirm="never") as at:
        await at.call("kalshi_get_balance")
        asked.clear()
        placed = await at.call("kalshi_create_order", **ORDER)
        assert placed["status"] == "filled"
    assert sorted(asked) == [
        "GET /markets/{ticker}",
        "GET /portfolio/fills",
        "GET /portfolio/subaccounts/balances",
        "POST /portfolio/events/orders",
    ]


@pytest.mark.parametrize("price", [5, 20], ids=["rests", "fills"])
async def test_a_confirmed_order_with_a_limit_on_the_account(
    desk: Open, served: Served, asked: list[str], price: int
) -> None:
    """Market, fees, account, cash by shard; after the yes all but the fees again; the order, its fills."""
    async with desk([YES], **ACCOUNT_LIMIT) as at:
        await at.call("kalshi_get_balance")
        asked.clear()
        placed = await at.call("kalshi_create_order", **ORDER | {"price": price})
        assert placed["status"] == ("filled" if price == 20 else "resting")
    assert len(asked) <= 11, asked
    assert len(at.person.asked) == 1


async def test_amending_and_cancelling_with_a_limit_on_the_account(
    desk: Open, served: Served, asked: list[str]
) -> None:
    async with desk([YES, YES, YES], **ACCOUNT_LIMIT) as at:
        placed = await at.call("kalshi_create_order", **ORDER | {"price": 5})
        asked.clear()
        await at.call("kalshi_amend_order", order_id=placed["order_id"], price=6)
        assert len(asked) <= 14, asked
        asked.clear()
        await at.call("kalshi_cancel_order", order_id=placed["order_id"])
        assert len(asked) <= 5, asked
