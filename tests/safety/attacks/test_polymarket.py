"""Ways round the guard at Polymarket: names that end our quotes, and dollars that get more shares than were counted."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastmcp.client.elicitation import ElicitResult

from prediction_mcp.desk.polymarket.lookup import side_of
from prediction_mcp.desk.polymarket.trading.ticket import Entry, Ticket, View
from prediction_mcp.polymarket.errors import InvalidRequestError
from prediction_mcp.polymarket.models import FeeSchedule, Market, Orderbook
from prediction_mcp.polymarket.orders import Terms
from prediction_mcp.safety.text import clean
from tests.safety.attacks.test_words import TITLES, is_clean
from tests.tools.conftest import ERAS
from tests.tools.test_polymarket import at

YES = ElicitResult(action="accept", content={"confirm": True})


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("name", TITLES)
async def test_names_of_strangers_write_no_line_of_a_question(era: str, name: str, tmp_path: Path) -> None:
    async with at(era, tmp_path, confirm="always", read_only=False) as desk:
        market = desk.exchange.catalogue.markets[(await desk.some_market())["slug"]]
        evil = TITLES[name]
        market.title, market.yes_sub_title, market.no_sub_title = evil, evil[:100], "no " + evil[:100]
        desk.answers += [YES] * 2
        placed = await desk.call(
            "polymarket_create_order", market=market.ticker, outcome=clean(evil[:100]), action="buy", size=10, price=20
        )
        await desk.call("polymarket_cancel_order", order_id=placed["order_id"])
        for asked, lines, quotes in zip(desk.asked, (5, 1), (3, 2), strict=True):
            assert len(asked.splitlines()) == lines, asked
            assert len(asked) < 1_200
            assert is_clean(asked)
            assert asked.count("“") == asked.count("”") == quotes, asked
            assert "<system>" not in asked


@pytest.mark.parametrize("era", ERAS)
async def test_dollars_get_no_more_shares_than_the_limit(era: str, tmp_path: Path) -> None:
    """A buy by dollars at 97 cents where shares are offered for far less: the shares of the low price count."""
    async with at(era, tmp_path, order_contracts=Decimal(20), safety_folder=tmp_path / "safety") as desk:
        market = await desk.some_market()
        order = {"market": market["slug"], "outcome": "Yes", "action": "buy", "order_type": "FAK", "price": 97}
        assert 15 / 0.97 < 20 < 15 / market["best_ask"]
        assert "20" in await desk.error("polymarket_create_order", **order, dollars=15)
        placed = await desk.call("polymarket_create_order", **order, dollars=5)
        assert placed["filled"] <= 20


def entry(exponent: str, dollars: str, price: str, ask: str) -> Entry:
    book: dict[str, Any] = {
        "market": "0x1", "asset_id": "1", "timestamp": "1", "hash": "", "bids": [], "tick_size": "0.01",
        "asks": [{"price": ask, "size": "1000000"}], "min_order_size": "5", "neg_risk": False,
    }  # fmt: skip
    schedule = FeeSchedule.model_validate({"rate": "0.25", "exponent": exponent})
    ticket = Ticket("x", "Yes", "buy", None, Decimal(dollars), Decimal(price) * 100, "FAK", None, False, None)
    view = View(None, Orderbook.model_validate(book), Terms(Decimal("0.01"), False), Decimal(5), schedule)  # type: ignore[arg-type]
    return Entry(ticket, view, Decimal(price), Decimal(dollars) / Decimal(price), Decimal(dollars))


@pytest.mark.parametrize("exponent", ["0", "1", "2", "3"])
@pytest.mark.parametrize("ask", ["0.02", "0.30", "0.60"])
def test_no_price_within_costs_more_than_the_worst(exponent: str, ask: str) -> None:
    """The worst cost against all prices that the order could trade at, one after another."""
    order = entry(exponent, "100", "0.80", ask)
    for tick in range(round(Decimal(ask) * 1000), 801):
        price = Decimal(tick) / 1000
        assert Decimal(100) + order.view.fee(price, Decimal(100) / price) <= order.worst_cost + Decimal("0.00001")


def test_two_outcomes_of_one_name_are_nobodys() -> None:
    listed = Market.model_validate(
        {"id": "1", "question": "?", "conditionId": "0x" + "1" * 64, "slug": "x", "outcomes": '["Yes","Y\u200bES"]',
         "clobTokenIds": f'["{2**255 + 2**60}","{2**254 + 2**60}"]', "outcomePrices": '["0.5","0.5"]'}
    )  # fmt: skip
    with pytest.raises(InvalidRequestError, match="same name"):
        side_of(listed, "yes")
