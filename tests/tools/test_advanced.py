"""The toolset advanced through MCP sessions in both eras: each tool, what it does at the exchange, its attacks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult

from prediction_mcp.desk.kalshi.discovery.terms import text_of
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.fronts.documents import pdf
from prediction_mcp.net.documents import DocumentError, fetch
from prediction_mcp.net.errors import MissingError
from prediction_mcp.server import create_server
from tests.conftest import MARKET, Served
from tests.tools.conftest import ERAS, Assistant, settings_for

OTHER = MARKET[:-3] + "BAL"
MOVE = "kalshi_transfer_between_subaccounts"


class Trader(Assistant):
    """An assistant whose user says yes, and what was asked."""

    def __init__(self, client: Client[Any], asked: list[str]) -> None:
        super().__init__(client)
        self.asked = asked


@pytest.fixture(params=ERAS)
async def trader(request: pytest.FixtureRequest, served: Served, tmp_path: Path) -> AsyncIterator[Trader]:
    asked = list[str]()

    async def person(message: str, *_: Any) -> ElicitResult[Any]:
        asked.append(message)
        return ElicitResult(action="accept", content={"confirm": True})

    settings = settings_for(served, tmp_path, toolsets="advanced", confirm="always")
    async with Client(create_server(settings), mode=request.param, elicitation_handler=person) as client:
        yield Trader(client, asked)


def book(served: Served) -> None:
    """Somebody quotes 40¢ / 60¢ for YES."""
    engine, crowd = served.exchange.engine, served.exchange.crowd.takers[0]
    engine.cancel_many([*engine.markets[MARKET].book.bids, *engine.markets[MARKET].book.asks], served.exchange.clock())
    served.exchange.engine.submit(crowd, MARKET, BID, 4_000, 10_000, served.exchange.clock())
    served.exchange.engine.submit(crowd, MARKET, ASK, 6_000, 10_000, served.exchange.clock())


# -- asking for a price ------------------------------------------------------------------------------------------


async def test_a_price_is_asked_for_taken_confirmed_and_traded(trader: Trader, served: Served) -> None:
    exchange = served.exchange
    sent = await trader.call("kalshi_create_rfq", ticker=MARKET.lower(), count="500")
    assert "Nothing is traded by asking" in trader.asked[-1]
    exchange.quoters.step(exchange.clock())
    quotes = (await trader.call("kalshi_get_quotes", rfq_id=sent["rfq_id"]))["quotes"]
    best = exchange.negotiations.quotes[quotes[0]["quote_id"]]
    assert quotes[0]["buy_yes"] == f"{(10_000 - best.no_bid) / 100:g}¢ for 500 contracts"
    assert all(best.no_bid + best.yes_bid >= q.no_bid + q.yes_bid for q in best.rfq.quotes.values()), (
        "the best quote comes first"
    )
    taken = await trader.call("kalshi_accept_quote", quote_id=best.quote_id, side="YES")
    assert (best.status, best.accepted_side) == ("accepted", "no"), "the maker's NO is what makes us buy YES"
    assert "buy 500 yes" in trader.asked[-1]
    assert "30 s to confirm" in trader.asked[-1]
    assert taken["accepted"] == "you buy yes"
    assert taken["next"] == "The maker has to confirm."
    assert taken["confirm_by"] > taken["as_of"]
    exchange.quoters.step(exchange.clock())
    exchange.negotiations.advance(exchange.clock() + 16_000)
    (done,) = (await trader.call("kalshi_get_quotes", quote_id=best.quote_id))["quotes"]
    assert done["status"] == "executed"
    assert served.member.holding(MARKET).position == 50_000
    fills = await trader.call("kalshi_get_fills", order_id=done["order_id"])
    assert sum(f["count"] for f in fills["fills"]) == 500
    assert (await trader.call("kalshi_get_rfqs"))["count"] == 0


async def test_what_a_quote_costs_is_what_was_asked_about(trader: Trader, served: Served) -> None:
    book(served)
    exchange, maker = served.exchange, served.exchange.crowd.takers[0]
    sent = await trader.call("kalshi_create_rfq", ticker=MARKET, count=100)
    rfq = exchange.negotiations.rfqs[sent["rfq_id"]]
    quote = exchange.negotiations.quote(maker, rfq, 3_000, 5_500, exchange.clock())
    await trader.call("kalshi_accept_quote", quote_id=quote.quote_id, side="yes")
    text = trader.asked[-1]
    assert "buy 100 yes at 45¢ ($0.45)" in text
    assert "the book's best price now is 60¢" in text
    assert "you lose $46.74" in text, "100 × 0.45 + 1.7325 of fees, to the cent above"


async def test_a_request_is_quoted_confirmed_and_traded(trader: Trader, served: Served) -> None:
    book(served)
    exchange, asker = served.exchange, served.exchange.crowd.takers[1]
    rfq = exchange.negotiations.ask(asker, exchange.catalogue.markets[MARKET], exchange.clock(), contracts=1_000)
    listed = (await trader.call("kalshi_get_rfqs", own=False))["rfqs"]
    assert [(r["rfq_id"], r["asked"]) for r in listed] == [(rfq.rfq_id, "10 contracts")]
    wrong = await trader.call("kalshi_create_quote", rfq_id=rfq.rfq_id, yes_price=54)
    await trader.call("kalshi_cancel_rfq", quote_id=wrong["quote_id"])
    assert exchange.negotiations.quotes[wrong["quote_id"]].status == "cancelled"
    made = await trader.call("kalshi_create_quote", rfq_id=rfq.rfq_id, yes_price="45¢", no_price=40)
    assert made["quote"] == "you pay 45¢ for yes or 40¢ for no"
    quote = exchange.negotiations.quotes[made["quote_id"]]
    assert (quote.yes_bid, quote.no_bid) == (4_500, 4_000)
    assert "nothing to confirm" in await trader.error("kalshi_confirm_quote", quote_id=quote.quote_id)
    exchange.negotiations.accept(quote, "yes", exchange.clock())
    confirmed = await trader.call("kalshi_confirm_quote", quote_id=quote.quote_id)
    assert "can't be taken back" in trader.asked[-1]
    assert confirmed["accepted"] == "you buy yes"
    exchange.negotiations.advance(exchange.clock() + 16_000)
    assert quote.status == "executed"
    assert served.member.holding(MARKET).position == 1_000


async def test_quotes_that_are_over_are_said_to_be(trader: Trader, served: Served) -> None:
    book(served)
    exchange, maker = served.exchange, served.exchange.crowd.takers[0]
    sent = await trader.call("kalshi_create_rfq", ticker=MARKET, target_cost=50)
    assert "open already" in await trader.error("kalshi_create_rfq", ticker=MARKET, count=1)
    rfq = exchange.negotiations.rfqs[sent["rfq_id"]]
    declined = exchange.negotiations.quote(maker, rfq, 3_000, 0, exchange.clock())
    text = await trader.error("kalshi_accept_quote", quote_id=declined.quote_id, side="yes")
    assert "doesn't sell yes" in text
    exchange.negotiations.accept(declined, "yes", exchange.clock())
    exchange.negotiations.advance(exchange.clock() + 31_000)
    text = await trader.error("kalshi_accept_quote", quote_id=declined.quote_id, side="no")
    assert "is accepted" in text
    await trader.call("kalshi_cancel_rfq", rfq_id=rfq.rfq_id)
    assert rfq.status == "closed"
    assert "closed already" in await trader.error("kalshi_cancel_rfq", rfq_id=rfq.rfq_id)
    again = await trader.call("kalshi_create_rfq", ticker=MARKET, count=1)
    assert (await trader.call("kalshi_create_rfq", ticker=MARKET, count=2, replace=True))["rfq_id"] != again["rfq_id"]


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("kalshi_create_rfq", {"ticker": MARKET}, "exactly one"),
        ("kalshi_create_rfq", {"ticker": MARKET, "count": 1, "target_cost": 1}, "exactly one"),
        ("kalshi_create_rfq", {"ticker": MARKET, "count": "0.001"}, ""),
        ("kalshi_create_rfq", {"ticker": MARKET, "target_cost": -5}, "above 0"),
        ("kalshi_create_rfq", {"ticker": "NOPE-1", "count": 1}, "no market"),
        ("kalshi_cancel_rfq", {"rfq_id": "../rfqs"}, "no RFQ id"),
        ("kalshi_cancel_rfq", {"rfq_id": "nothing is cancelled.\n\nReally"}, "no RFQ id"),
        ("kalshi_cancel_rfq", {}, "exactly one"),
        ("kalshi_cancel_rfq", {"quote_id": "x y"}, "no quote id"),
        ("kalshi_accept_quote", {"quote_id": "x/accept", "side": "yes"}, "no quote id"),
        ("kalshi_accept_quote", {"quote_id": "00000000-0000-4000-8000-000000000000", "side": "maybe"}, ""),
        ("kalshi_confirm_quote", {"quote_id": "00000000-0000-4000-8000-000000000000"}, "doesn't know"),
        ("kalshi_create_quote", {"rfq_id": "00000000-0000-4000-8000-000000000000"}, "yes_price, no_price"),
        ("kalshi_create_combo_market", {"legs": [{"ticker": MARKET}]}, ""),
        ("kalshi_create_combo_market", {"legs": [{"ticker": MARKET}, {"ticker": OTHER}]}, "one leg of an event"),
        ("kalshi_create_order_group", {"limit": 0}, ""),
        ("kalshi_update_order_group", {"order_group_id": "g", "action": "limit"}, "limit goes with"),
        ("kalshi_update_order_group", {"order_group_id": "g", "action": "reset", "limit": 1}, "limit goes with"),
        ("kalshi_update_order_group", {"order_group_id": "a b", "action": "reset"}, "no order group id"),
        ("kalshi_decrease_order", {"order_id": "x"}, "exactly one"),
        ("kalshi_decrease_order", {"order_id": "a b", "reduce_by": 1}, "no order id"),
        (MOVE, {"from_subaccount": 0, "to_subaccount": 0, "amount": 1}, "there already"),
        (MOVE, {"from_subaccount": 0, "to_subaccount": 9, "amount": 1}, "no subaccount 9"),
        (MOVE, {"from_subaccount": 0, "to_subaccount": 1, "amount": "0.001"}, "whole cents"),
        ("kalshi_get_live_data", {}, "exactly one"),
        ("kalshi_get_live_data", {"city": "../../portfolio/balance"}, "no city"),
        ("kalshi_get_live_data", {"city": "atlantis"}, "doesn't know"),
        ("kalshi_get_forecast_history", {"event_ticker": MARKET.rsplit("-", 1)[0], "percentiles": [100]}, "below 100"),
        ("kalshi_get_contract_terms", {"ticker": MARKET, "offset": 10_000_000}, "characters"),
        ("kalshi_batch_create_orders", {"orders": []}, ""),
    ],
)  # fmt: skip
async def test_bad_input_reaches_nobody(
    trader: Trader, served: Served, tool: str, arguments: dict[str, Any], said: str
) -> None:
    before = len(served.orders), len(served.exchange.negotiations.rfqs), len(served.exchange.groups)
    assert said in await trader.error(tool, **arguments)
    assert (len(served.orders), len(served.exchange.negotiations.rfqs), len(served.exchange.groups)) == before
    assert (await trader.call("kalshi_get_account_limits"))["tier"] == "prestige"


# -- batches, groups ---------------------------------------------------------------------------------------------


def order(price: int | str, **changes: Any) -> dict[str, Any]:
    return {"ticker": MARKET, "side": "yes", "action": "buy", "count": 1, "price": price, **changes}


async def test_twenty_orders_of_which_three_fail(trader: Trader, served: Served) -> None:
    book(served)
    orders = [order(price) for price in range(1, 18)] + [order(90, post_only=True) for _ in range(3)]
    done = await trader.call("kalshi_batch_create_orders", orders=orders)
    assert len(trader.asked) == 1, "one question"
    assert trader.asked[0].count("\n") == 21, "with all orders listed"
    assert (done["placed"], done["failed"]) == (17, 3)
    fates = [line.get("status") or line["error"] for line in done["orders"]]
    assert fates[:17] == ["resting"] * 17
    assert all("post-only order may not trade at once" in fate for fate in fates[17:])
    assert [o.price for o in served.orders.values()] == [price * 100 for price in range(1, 18)]


async def test_a_wrong_order_stops_the_batch_before_it_leaves(trader: Trader, served: Served) -> None:
    text = await trader.error("kalshi_batch_create_orders", orders=[order(1), order("4.5"), order(3)])
    assert text.startswith("Order 2 of the batch: ")
    same = [order(1, client_order_id="a"), order(2, client_order_id="a")]
    assert "same client_order_id" in await trader.error("kalshi_batch_create_orders", orders=same)
    assert not served.orders
    assert not trader.asked


async def test_a_batch_is_held_against_the_limits_whole(served: Served, tmp_path: Path) -> None:
    """Each order alone fits; together they don't: none is sent."""
    book(served)
    settings = settings_for(served, tmp_path, toolsets="advanced", limit_day_spent=3, limit_day_orders=4)
    async with Client(create_server(settings)) as client:
        trader = Trader(client, [])
        text = await trader.error("kalshi_batch_create_orders", orders=[order(10, count=9) for _ in range(4)])
        assert "day" in text
        assert "$3.00" in text
        text = await trader.error("kalshi_batch_create_orders", orders=[order(1) for _ in range(5)])
        assert "4 orders today" in text
        assert not served.orders
        await trader.call("kalshi_batch_create_orders", orders=[order(10, count=9) for _ in range(3)])
        assert len(served.orders) == 3


async def test_two_sales_in_a_batch_close_a_position_once(served: Served, tmp_path: Path) -> None:
    book(served)
    served.exchange.engine.submit(served.member, MARKET, BID, 6_000, 500, served.exchange.clock())
    settings = settings_for(served, tmp_path, toolsets="advanced", limit_order_cost=1)
    async with Client(create_server(settings)) as client:
        sale = order(70, action="sell", count=5)
        text = await Trader(client, []).error("kalshi_batch_create_orders", orders=[sale, sale])
    assert "may cost $1." in text
    assert "limit is $1.00" in text
    assert len(served.orders) == 1, "the one that bought"


async def test_what_a_batch_may_cost_is_said_with_its_second_sale_opening(trader: Trader, served: Served) -> None:
    book(served)
    served.exchange.engine.submit(served.member, MARKET, BID, 6_000, 500, served.exchange.clock())
    sale = order(70, action="sell", count=5)
    await trader.call("kalshi_batch_create_orders", orders=[sale, sale])
    first, second = trader.asked[0].splitlines()[1:3]
    assert first.endswith("only closes what you hold.")
    assert "$1.58 at worst" in second
    assert "At worst all of it loses $1.58" in trader.asked[0]


async def test_an_order_group_stops_and_starts_again(trader: Trader, served: Served) -> None:
    book(served)
    group = (await trader.call("kalshi_create_order_group", limit=5))["group_id"]
    placed = await trader.call("kalshi_batch_create_orders", orders=[order(p) for p in (1, 2)], order_group_id=group)
    ids = [line["order_id"] for line in placed["orders"]]
    assert (await trader.call("kalshi_get_order_groups", order_group_id=group))["orders"] == ids
    queue = (await trader.call("kalshi_get_queue_position"))["orders"]
    assert sorted(line["order_id"] for line in queue) == sorted(ids)
    crossing = [order(60, count=6, time_in_force="immediate_or_cancel")]
    await trader.call("kalshi_batch_create_orders", orders=crossing, order_group_id=group)
    assert not [o for o in served.orders.values() if o.status == "resting"], "the limit was traded"
    refused = await trader.call("kalshi_batch_create_orders", orders=[order(3)], order_group_id=group)
    assert refused["failed"] == 1
    await trader.call("kalshi_update_order_group", order_group_id=group, action="reset")
    again = await trader.call("kalshi_batch_create_orders", orders=[order(3)], order_group_id=group)
    assert again["placed"] == 1
    await trader.call("kalshi_update_order_group", order_group_id=group, action="limit", limit="7.5")
    assert served.exchange.groups[group].limit == 750
    await trader.call("kalshi_update_order_group", order_group_id=group, action="trigger")
    await trader.call("kalshi_update_order_group", order_group_id=group, action="delete")
    assert not served.exchange.groups
    assert (await trader.call("kalshi_get_order_groups"))["count"] == 0


async def test_an_order_is_made_smaller_in_its_place(trader: Trader, served: Served) -> None:
    book(served)
    placed = await trader.call("kalshi_batch_create_orders", orders=[order(10, count=9)])
    order_id = placed["orders"][0]["order_id"]
    before = served.orders[order_id].queued
    assert (await trader.call("kalshi_decrease_order", order_id=order_id, reduce_by="2.5"))["remaining"] == 6.5
    assert (await trader.call("kalshi_decrease_order", order_id=order_id, reduce_to=4))["remaining"] == 4
    assert served.orders[order_id].queued == before
    assert "leaves fewer" in await trader.error("kalshi_decrease_order", order_id=order_id, reduce_to=4)
    assert "leaves fewer" in await trader.error("kalshi_decrease_order", order_id=order_id, reduce_by=5)
    done = await trader.call("kalshi_cancel_all_orders")
    assert (done["cancelled"], done["contracts"]) == (1, 4)
    assert "nothing to decrease" in await trader.error("kalshi_decrease_order", order_id=order_id, reduce_by=1)


# -- around the markets, and money -------------------------------------------------------------------------------


@pytest.mark.everyday
async def test_a_combo_is_listed_priced_and_taken(trader: Trader, served: Served) -> None:
    exchange, games = served.exchange, dict[str, str]()
    for market in exchange.catalogue.markets.values():
        if market.event.series.ticker == "KXNFLGAME" and market.status == "active":
            games.setdefault(market.event.ticker, market.ticker)
    legs = [{"ticker": t} for t in list(games.values())[:2]]
    combo = (await trader.call("kalshi_create_combo_market", legs=legs))["ticker"]
    assert "pays where all of this comes true" in trader.asked[-1]
    assert (await trader.call("kalshi_create_combo_market", legs=legs[::-1]))["ticker"] == combo
    sent = await trader.call("kalshi_create_rfq", ticker=combo, count=10)
    exchange.quoters.step(exchange.clock())
    quotes = (await trader.call("kalshi_get_quotes", rfq_id=sent["rfq_id"]))["quotes"]
    await trader.call("kalshi_accept_quote", quote_id=quotes[0]["quote_id"], side="yes")
    assert "3 s to confirm" in trader.asked[-1]
    exchange.quoters.step(exchange.clock())
    exchange.negotiations.advance(exchange.clock() + 1_500)
    assert served.member.on(1).holding(combo).position == 1_000


@pytest.mark.everyday
async def test_what_stands_around_the_markets(trader: Trader, served: Served) -> None:
    markets = [m for m in served.exchange.catalogue.markets.values() if m.status == "active"]
    game = next(m.event.ticker for m in markets if m.event.series.ticker == "KXNFLGAME")
    number = next(m.event.ticker for m in markets if m.event.series.ticker == "KXBTCD")
    rewards = await trader.call("kalshi_get_incentives", limit=200)
    assert rewards["count"] == 20
    assert {line["kind"] for line in rewards["incentives"]} == {"liquidity", "volume"}
    one = rewards["incentives"][0]["ticker"]
    assert {
        line["ticker"] for line in (await trader.call("kalshi_get_incentives", ticker=one, limit=200))["incentives"]
    } == {one}
    live = await trader.call("kalshi_get_live_data", event_ticker=game, plays=True)
    assert live["type"] == "football_game"
    assert {"home", "away", "status"} <= live["details"].keys()
    assert len((await trader.call("kalshi_get_live_data", event_ticker=number))["details"]["points"]) == 24
    weather = await trader.call("kalshi_get_live_data", city="NYC")
    assert len(weather["details"]["time_and_value"]) == 24
    history = await trader.call("kalshi_get_forecast_history", event_ticker=number, percentiles=[10, "50", 90])
    assert history["count"] >= 20
    values = history["points"][-1]["values"]
    assert values["10"] <= values["50"] <= values["90"]
    assert (await trader.call("kalshi_get_structured_targets", limit=3))["cursor"]
    terms = await trader.call("kalshi_get_contract_terms", ticker=number)
    assert "is worth $1.00" in terms["text"]
    assert terms["characters"] == len(terms["text"])


async def test_money_moves_between_subaccounts_once(trader: Trader, served: Served) -> None:
    served.exchange.add_subaccount(served.member)
    before = served.member.available
    done = await trader.call("kalshi_transfer_between_subaccounts", from_subaccount=0, to_subaccount=1, amount="12.34")
    assert "Move $12.34 from the primary account to subaccount 1" in trader.asked[-1]
    assert [line["cash"] for line in done["cash"]][1] == 12.34
    assert served.member.available == before - 12_340_000
    assert len([*served.exchange.archive.transfers(served.member)]) == 1
    text = await trader.error("kalshi_transfer_between_subaccounts", from_subaccount=1, to_subaccount=0, amount=13)
    assert "has $12.34 free" in text
    assert [line["cash"] for line in (await trader.call("kalshi_get_subaccounts"))["subaccounts"]][1] == 12.34


# -- documents ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.pdf", "https://127.0.0.1/a.pdf", "https://localhost/a.pdf", "https://[::1]/a.pdf",
        "https://169.254.169.254/latest/meta-data", "https://user:secret@example.com/a.pdf", "https://example.com:8443/a",
        "file:///etc/passwd", "ftp://example.com/a", "", "https://10.0.0.1/a", "https://0x7f000001/a",
    ],
)  # fmt: skip
async def test_a_listing_cannot_make_this_machine_ask_its_own_network(url: str) -> None:
    with pytest.raises(DocumentError):
        await fetch(url)


async def test_a_document_that_is_none_is_said_to_be(served: Served) -> None:
    base = httpx.URL(served.url)
    with pytest.raises(MissingError):
        await fetch(str(base.copy_with(path="/documents/terms/NOPE.pdf")), trusted=served.url)
    whole = await fetch(str(base.copy_with(path="/documents/terms/KXSB.pdf")), trusted=served.url)
    with pytest.raises(DocumentError, match="longer than"):
        await fetch(str(base.copy_with(path="/documents/terms/KXSB.pdf")), trusted=served.url, most=len(whole) - 1)
    assert "terms of the contracts" in text_of(whole)
    for broken in (b"<html>", b"%PDF-", whole[: len(whole) // 2], b"%PDF-1.4\n" + b"\0" * 5_000, pdf("")):
        with pytest.raises(DocumentError):
            text_of(broken)


def test_our_pdf_says_what_it_was_given() -> None:
    text = "\n".join(f"line {n} with (parentheses) and \\ and é" for n in range(150))
    assert [line.strip() for line in text_of(pdf(text)).splitlines() if line.strip()] == text.splitlines()
