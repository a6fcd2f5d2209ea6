"""Ends that aren't yes or no come on binary markets, to the fourth decimal; ``value`` of a settlement is null then.

Production facts of 2026: ties and weather end so, and ``value`` is whole cents. Such an end must never count as 0.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import httpx
import pytest

from prediction_mcp.desk.kalshi.portfolio.export import statement
from prediction_mcp.desk.kalshi.portfolio.reading import history
from prediction_mcp.desk.kalshi.records.reading import settlement_entries
from prediction_mcp.desk.kalshi.settled import settled_value
from prediction_mcp.exchange.engine.matching import BID
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.exchange.world.fair import ExclusiveFair
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.auth import signer_from_pem
from prediction_mcp.kalshi.errors import MalformedResponseError, NotFoundError
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.models.portfolio import Settlement
from tests.conftest import account_of

from .shapes import Shape, differences
from .test_answers import found, kind_of_market, production, recorded_markets
from .test_rfq_lives import Party


async def test_a_binary_market_ends_between_yes_and_no() -> None:
    """Ten YES, held to an end that isn't clear: cash, statement, profit and records agree on what they paid."""
    clock = Clock(speed=0)
    exchange = Exchange(seed=1, clock=clock, scenario="small", read_lag_ms=0)
    member = exchange.add_member(tier="prestige")
    rains = [m for m in exchange.catalogue.markets.values() if m.event.series.ticker == "KXRAINNYC"]
    market = next(m for m in rains if m.status == "active" and exchange.engine.markets[m.ticker].book.asks.best)
    cast("ExclusiveFair", market.event.fair).unclear = True
    exchange.engine.submit(
        member, market.ticker, BID, exchange.engine.markets[market.ticker].book.asks.best or 0, 1_000, clock()
    )
    signer = signer_from_pem(*exchange.issue_key(member))
    async with serve(exchange, with_crowd=False) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        party = Party(http, signer)
        clock.step(4 * 86_400_000)
        exchange.advance(with_crowd=False)
        shown = (await party.get(f"/markets/{market.ticker}"))["market"]
        (settled,) = (await party.get("/portfolio/settlements"))["settlements"]
        paid = Decimal(shown["settlement_value_dollars"])
        assert (shown["market_type"], shown["result"], shown["status"]) == ("binary", "scalar", "finalized")
        assert 0 < paid < 1
        assert settled["market_result"] == "scalar"
        assert settled["value"] == (None if paid % Decimal("0.01") else paid * 100)
        finalized = kind_of_market(recorded_markets(), "structured", "finalized")
        meant = {"liquidity_dollars", "settlement_bounds_type", "expiration_value"}  # gone, newer, a name there
        assert set(differences(Shape(finalized), Shape([shown]))) <= meant
        async with KalshiClient(url, signer) as kalshi:
            account = await account_of(kalshi).open()
            rows, missing = await statement(account)
            assert missing == 0
            assert [Decimal(row.price or 0) for row in rows if row.record == "settlement"] == [paid]
            past = await history(account)
            assert [ending.value for ending in past.endings] == [paid]
            (entry,) = await settlement_entries(account, past.settlements)
            assert entry.value == paid


class Unread:
    """A market that can't be read any more, or that says what it paid."""

    def __init__(self, market: Market | None = None) -> None:
        self.historical = self
        self._market = market

    async def get(self, ticker: str) -> Market:
        if self._market is None:
            raise NotFoundError("no such market")
        return self._market


def account_with(markets: Unread) -> Any:
    return type("Account", (), {"kalshi": type("Kalshi", (), {"markets": markets})})


def settlement(**fields: Any) -> Settlement:
    first = next(found(production("portfolio_settlements_redacted"), "market_result"))
    return Settlement.model_validate({**first, "market_result": "scalar", **fields})


@pytest.mark.parametrize(
    ("fields", "paid"),
    [
        ({"value": 37}, "0.37"),
        ({"value": None, "yes_count_fp": "10.00", "no_count_fp": "0.00", "revenue": 371}, "0.3710"),
        ({"value": None, "yes_count_fp": "0.00", "no_count_fp": "10.00", "revenue": 629}, "0.3710"),
        ({"value": None, "yes_count_fp": "2.00", "no_count_fp": "12.00", "revenue": 829}, "0.3710"),
    ],
)
async def test_where_the_market_cannot_be_read_what_the_account_got_says_it(fields: dict[str, Any], paid: str) -> None:
    assert await settled_value(account_with(Unread()), settlement(**fields)) == Decimal(paid)


async def test_a_value_that_nothing_says_is_not_guessed() -> None:
    even = settlement(value=None, yes_count_fp="5.00", no_count_fp="5.00", revenue=500)
    with pytest.raises(MalformedResponseError, match="doesn't say what"):
        await settled_value(account_with(Unread()), even)


async def test_recorded_settlements_pay_what_their_results_say() -> None:
    for body in found(production("portfolio_settlements_redacted"), "market_result"):
        row = Settlement.model_validate(body)
        value = await settled_value(account_with(Unread()), row)
        assert value * 100 == row.value
        assert Decimal(row.revenue) / 100 == row.yes_count_fp * value + row.no_count_fp * (1 - value)
