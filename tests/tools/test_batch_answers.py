"""An entry of a batch whose counts are null has an unknown outcome: it may rest, and nothing says that it doesn't."""

from __future__ import annotations

import json
from decimal import Decimal

import httpx

from prediction_mcp.desk.kalshi.trading.batch import plan_batch
from prediction_mcp.desk.kalshi.trading.entry import Ticket
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.safety.plan import Done, Unknown
from tests.conftest import MARKET, Served, account_of


class Nulls(httpx.AsyncHTTPTransport):
    """The exchange, whose answers to batches have null where the specification allows it, in the first entry."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if not request.url.path.endswith("/batched"):
            return response
        body = json.loads(await response.aread())
        body["orders"][0] |= {"fill_count": None, "remaining_count": None}
        return httpx.Response(response.status_code, json=body)


async def test_an_entry_without_counts_is_not_called_unfilled(served: Served) -> None:
    async with KalshiClient(served.url, served.signer, http=httpx.AsyncClient(transport=Nulls())) as client:
        account = await account_of(client).open()
        tickets = [Ticket(MARKET, "yes", "buy", Decimal(2), Decimal(price)) for price in (1, 2)]
        plan = await plan_batch(account, tickets)
        placed = await plan.send(plan.terms)
    unknown, resting = placed.orders
    assert unknown.unknown
    assert "look for its client_order_id" in (unknown.error or "")
    assert resting.status == "resting"
    assert resting.resting == 2
    first, second = plan.fates(placed)
    assert isinstance(first, Unknown)
    assert isinstance(second, Done)
    assert len(served.orders) == 2
