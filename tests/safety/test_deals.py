"""Quotes, groups, transfers whose answers are lost or whose process dies: each fate is found, nothing happens twice."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.engine.rfq import Quote, Rfq
from prediction_mcp.exchange.faults import Rule
from prediction_mcp.kalshi.resources import fates
from prediction_mcp.safety.intents import Caller, WriteRecord
from prediction_mcp.safety.records import Records
from prediction_mcp.server import create_server
from tests.conftest import MARKET, Served
from tests.safety.conftest import Desk
from tests.tools.conftest import settings_for

TALK = "/communications"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch, short_waits: None) -> None:
    """Pauses between looks are real but short."""
    monkeypatch.setattr(fates, "ASK_AGAIN_AFTER", (0.0, 0.01))


@asynccontextmanager
async def desk_of(served: Served, tmp_path: Path, era: str = "auto", **changes: Any) -> AsyncIterator[Desk]:
    settings = settings_for(served, tmp_path, **{"toolsets": "advanced", **changes})
    async with Client(create_server(settings), mode=era) as client:
        yield Desk(client, None)


def states(served: Served, tmp_path: Path) -> list[tuple[str, str, str]]:
    """(tool, state, outcome) of all writes."""
    home = settings_for(served, tmp_path).safety_home
    assert home is not None
    rows = sqlite3.connect(home / "safety.db").execute("SELECT tool, state, outcome FROM intents ORDER BY at")
    return [(tool.removeprefix("kalshi_"), state, outcome) for tool, state, outcome in rows.fetchall()]


def lose(served: Served, kind: str, path: str, method: str = "", times: int | None = 1) -> None:
    served.exchange.faults.rules.append(Rule(kind, method=method, path=path, times=times))


def asked_and_quoted(served: Served, count: int = 1_000, no_bid: int = 5_500) -> tuple[Rfq, Quote]:
    """A request of ours on an empty book, with one quote."""
    exchange = served.exchange
    book, now = exchange.engine.markets[MARKET].book, exchange.clock()
    exchange.engine.cancel_many([*book.bids, *book.asks], now)
    rfq = exchange.negotiations.ask(served.member, exchange.catalogue.markets[MARKET], now, contracts=count)
    return rfq, exchange.negotiations.quote(exchange.crowd.makers[0], rfq, 4_000, no_bid, now)


async def test_an_accept_whose_answer_is_lost_is_found(served: Served, tmp_path: Path, era: str) -> None:
    _, quote = asked_and_quoted(served)
    lose(served, "cut_after", f"{TALK}/rfqs", "PUT")
    async with desk_of(served, tmp_path, era) as at:
        taken = await at.call("kalshi_accept_quote", quote_id=quote.quote_id, side="yes")
    assert taken["status"] == quote.status == "accepted"
    assert states(served, tmp_path) == [("accept_quote", "done", f"accept: quote {quote.quote_id} is accepted")]


async def test_an_accept_that_never_arrived_is_unknown_and_settled_before_the_next_order(
    served: Served, tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prediction_mcp.safety.recovery.QUIET_S", 0.0)
    _, quote = asked_and_quoted(served)
    lose(served, "cut_before", f"{TALK}/rfqs", "PUT")
    async with desk_of(served, tmp_path, era) as at:
        text = await at.error("kalshi_accept_quote", quote_id=quote.quote_id, side="yes")
        assert "may still come" in text
        assert states(served, tmp_path)[0][:2] == ("accept_quote", "unknown")
        await at.call("kalshi_create_order", ticker=MARKET, side="yes", action="buy", count=1, price=1)
    assert quote.status == "open"
    assert states(served, tmp_path)[0] == ("accept_quote", "refused", "settled: it never reached the exchange")


async def test_a_confirm_whose_answer_is_lost_is_found(served: Served, tmp_path: Path) -> None:
    exchange, taker = served.exchange, served.exchange.crowd.takers[0]
    rfq = exchange.negotiations.ask(taker, exchange.catalogue.markets[MARKET], exchange.clock(), contracts=500)
    quote = exchange.negotiations.quote(served.member, rfq, 4_000, 4_000, exchange.clock())
    exchange.negotiations.accept(quote, "yes", exchange.clock())
    lose(served, "cut_after", f"{TALK}/rfqs", "PUT")
    async with desk_of(served, tmp_path) as at:
        assert (await at.call("kalshi_confirm_quote", quote_id=quote.quote_id))["status"] == "confirmed"
        text = await at.error("kalshi_confirm_quote", quote_id=quote.quote_id)
    assert "nothing to confirm" in text
    assert quote.status == "confirmed"


async def test_requests_and_quotes_whose_answers_are_lost_are_there_once(served: Served, tmp_path: Path) -> None:
    exchange = served.exchange
    lose(served, "cut_after", f"{TALK}/rfqs", "POST")
    lose(served, "cut_after", f"{TALK}/quotes", "POST")
    lose(served, "cut_after", f"{TALK}/rfqs", "DELETE", times=2)
    theirs = exchange.negotiations.ask(
        exchange.crowd.takers[0], exchange.catalogue.markets[MARKET], exchange.clock(), contracts=500
    )
    async with desk_of(served, tmp_path) as at:
        rfq = await at.call("kalshi_create_rfq", ticker=MARKET, count=3)
        quote = await at.call("kalshi_create_quote", rfq_id=theirs.rfq_id, yes_price=10)
        mine = [r for r in exchange.negotiations.rfqs.values() if r.account is served.member]
        assert [r.rfq_id for r in mine] == [rfq["rfq_id"]]
        assert list(theirs.quotes) == [quote["quote_id"]]
        await at.call("kalshi_cancel_rfq", rfq_id=rfq["rfq_id"])
        await at.call("kalshi_cancel_rfq", quote_id=quote["quote_id"])
        lose(served, "cut_before", f"{TALK}/rfqs", "POST")
        assert "none shows" in await at.error("kalshi_create_rfq", ticker=MARKET, count=3)
    assert (mine[0].status, theirs.quotes[quote["quote_id"]].status) == ("closed", "cancelled")
    assert len([r for r in exchange.negotiations.rfqs.values() if r.account is served.member]) == 1


async def test_groups_and_transfers_whose_answers_are_lost(served: Served, tmp_path: Path) -> None:
    served.exchange.add_subaccount(served.member)
    async with desk_of(served, tmp_path) as at:
        group = (await at.call("kalshi_create_order_group", limit=5))["group_id"]
        for action in ("trigger", "reset", "delete"):
            lose(served, "cut_after", "/portfolio/order_groups")
            await at.call("kalshi_update_order_group", order_group_id=group, action=action)
        lose(served, "cut_after", "/portfolio/order_groups", "POST")
        assert "look among your order groups" in await at.error("kalshi_create_order_group", limit=5)
        lose(served, "cut_after", "/portfolio/subaccounts/transfer", "POST", times=2)
        await at.call("kalshi_transfer_between_subaccounts", from_subaccount=0, to_subaccount=1, amount=5)
    assert len(served.exchange.groups) == 1
    assert [t.micros for _, t in served.exchange.archive.transfers(served.member)] == [5_000_000]


def left_open(served: Served, tmp_path: Path, kind: Any, tool: str, **terms: Any) -> None:
    """A write of a process that died between sending and hearing."""
    home = settings_for(served, tmp_path).safety_home
    assert home is not None
    records = Records(home)
    records.open(WriteRecord(Caller("t", "1"), tool, kind, {}, terms), None)
    records.db.execute("UPDATE intents SET at = at - 60, mono = mono - 60")
    records.close()


async def test_what_a_dead_process_left_is_settled(served: Served, tmp_path: Path) -> None:
    rfq, quote = asked_and_quoted(served)
    terms = {
        "quote_id": quote.quote_id,
        "rfq_id": rfq.rfq_id,
        "ticker": MARKET,
        "side": "yes",
        "count": "10.00",
        "price": "0.45",
    }
    exchange = served.exchange
    left_open(served, tmp_path, "deal", "kalshi_accept_quote", step="accept", **terms)
    nowhere = {**terms, "step": "accept", "quote_id": "00000000-0000-4000-8000-000000000000"}
    left_open(served, tmp_path, "deal", "kalshi_accept_quote", **nowhere)
    left_open(served, tmp_path, "arrangement", "kalshi_create_rfq", market_ticker=MARKET)
    left_open(served, tmp_path, "arrangement", "kalshi_transfer_between_subaccounts", client_transfer_id="never")
    order = {"ticker": MARKET, "side": "yes", "action": "buy", "count": 1, "price": 1}
    async with desk_of(served, tmp_path) as at:
        await at.call("kalshi_create_order", **order)
        said = {outcome for _, _, outcome in states(served, tmp_path)[:4]}
        assert said == {
            "settled: it never reached the exchange", "settled: there is no such quote",
            "settled: nothing was at stake; whether it came about shows in the lists",
            "settled: the transfer never reached the exchange",
        }  # fmt: skip
        exchange.negotiations.accept(quote, "no", exchange.clock())
        left_open(served, tmp_path, "deal", "kalshi_accept_quote", step="accept", **terms)
        await at.call("kalshi_create_order", **order)
        assert states(served, tmp_path)[-2][1:] == ("done", f"settled: quote {quote.quote_id} is accepted")
        exchange.negotiations.confirm(quote, exchange.clock())
        exchange.negotiations.advance(exchange.clock() + 16_000)
        left_open(served, tmp_path, "deal", "kalshi_accept_quote", step="accept", **terms)
        await at.call("kalshi_create_order", **order)
        state, outcome = states(served, tmp_path)[-2][1:]
    assert state == "done"
    assert "10 of 10 contracts filled" in outcome


async def test_a_quote_that_was_taken_counts_before_it_is_traded(served: Served, tmp_path: Path) -> None:
    """$4.50 for ten at 45¢ and then ten more at 45¢: with $8 a market the second is one too many, at any moment."""
    rfq, quote = asked_and_quoted(served)
    exchange, order = served.exchange, {"ticker": MARKET, "side": "yes", "action": "buy", "count": 10, "price": 45}
    async with desk_of(served, tmp_path, limit_market_exposure=8) as at:
        await at.call("kalshi_accept_quote", quote_id=quote.quote_id, side="yes")
        assert "$8.00" in await at.error("kalshi_create_order", **order)
        exchange.negotiations.confirm(quote, exchange.clock())
        exchange.negotiations.advance(exchange.clock() + 16_000)
        assert rfq.reason == "executed"
        assert "$8.00" in await at.error("kalshi_create_order", **order)
        again, dear = asked_and_quoted(served)
        assert "$8.00" in await at.error("kalshi_accept_quote", quote_id=dear.quote_id, side="yes")
    assert again.status == "open"
    assert served.member.holding(MARKET).position == 1_000


async def test_a_halt_stops_deals_and_arrangements_and_no_cancel(served: Served, tmp_path: Path) -> None:
    rfq, quote = asked_and_quoted(served)
    served.exchange.engine.submit(served.member, MARKET, BID, 100, 500, served.exchange.clock())
    served.exchange.engine.submit(served.member, MARKET, ASK, 9_900, 500, served.exchange.clock())
    async with desk_of(served, tmp_path, toolsets="advanced safety") as at:
        group = (await at.call("kalshi_create_order_group", limit=5))["group_id"]
        await at.call("kalshi_halt_trading")
        for tool, arguments in (
            ("kalshi_accept_quote", {"quote_id": quote.quote_id, "side": "yes"}),
            ("kalshi_create_rfq", {"ticker": MARKET, "count": 1, "replace": True}),
            ("kalshi_create_order_group", {"limit": 1}),
            ("kalshi_update_order_group", {"order_group_id": group, "action": "reset"}),
            (
                "kalshi_batch_create_orders",
                {"orders": [{"ticker": MARKET, "side": "yes", "action": "buy", "count": 1, "price": 1}]},
            ),
        ):
            assert "halted" in await at.error(tool, **arguments)
        await at.call("kalshi_update_order_group", order_group_id=group, action="trigger")
        await at.call("kalshi_cancel_rfq", rfq_id=rfq.rfq_id)
    assert (quote.status, rfq.status) == ("cancelled", "closed")
