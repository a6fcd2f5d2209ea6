"""Requests for quotes: the whole way to a fill, and every way it ends before. Windows from the exchange's guide."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect

from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.engine.rfq import Quote, Rfq
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.kalshi.fees import FeeSchedule
from prediction_mcp.kalshi.units import MICROS
from tests.conftest import MARKET, Served
from tests.funds import spread

NOW = 1_795_000_000_000


def taker_rate(market: Market) -> int:
    fees = market.event.fees
    assert isinstance(fees, FeeSchedule)
    return fees.taker_rate


class Deal:
    """Ann asks, bob quotes, on a market with an empty book or on a combo."""

    def __init__(self, *, combo: bool = False) -> None:
        self.now = NOW
        self.exchange = Exchange(1, lambda: self.now)
        self.ann, self.bob = (self.exchange.add_member(name) for name in ("ann", "bob"))
        self.market: Market = next(
            m
            for m in self.exchange.catalogue.markets.values()
            if m.status == "active" and bool(m.legs) == combo and 1_500 < self.exchange.crowd.fair_price(m) < 8_500
        )
        if combo:
            spread(self.exchange, self.ann, self.bob)
        book = self.exchange.engine.markets[self.market.ticker].book
        self.exchange.engine.cancel_many([*book.bids, *book.asks], self.now)

    def ask(self, **options: Any) -> Rfq:
        return self.exchange.negotiations.ask(self.ann, self.market, self.now, **(options or {"contracts": 1_000}))

    def quote(
        self, rfq: Rfq, yes: int = 4_000, no: int = 5_500, account: Account | None = None, **options: Any
    ) -> Quote:
        return self.exchange.negotiations.quote(account or self.bob, rfq, yes, no, self.now, **options)

    def later(self, ms: int) -> None:
        self.now += ms
        self.exchange.negotiations.advance(self.now)

    def positions(self) -> tuple[int, int]:
        shard = self.market.event.shard
        holdings = [a.on(shard).holdings.get(self.market.ticker) for a in (self.ann, self.bob)]
        ann, bob = (holding.position if holding else 0 for holding in holdings)
        return ann, bob


def test_accepting_yes_takes_the_yes_bid() -> None:
    """Bob bids 40¢ for YES: he gets 10 YES, ann 10 NO at 60¢. The taker's fee is 0.07 × 10 × 0.4 × 0.6 = 0.168."""
    deal = Deal()
    quote = deal.quote(deal.ask())
    deal.exchange.negotiations.accept(quote, "yes", deal.now)
    deal.exchange.negotiations.confirm(quote, deal.now)
    deal.later(14_999)
    assert deal.positions() == (0, 0)
    deal.later(1)
    assert (quote.status, quote.rfq.status, deal.positions()) == ("executed", "closed", (-1_000, 1_000))
    factor = taker_rate(deal.market) / 700_000_000
    assert deal.ann.cash == 10_000 * MICROS - 6 * MICROS - round(168_000 * factor)
    assert deal.bob.cash == 10_000 * MICROS - 4 * MICROS
    assert quote.maker_order_id != quote.taker_order_id
    audit(deal.exchange.engine)


def test_accepting_no_takes_the_no_bid() -> None:
    deal = Deal()
    quote = deal.quote(deal.ask())
    deal.exchange.negotiations.accept(quote, "no", deal.now)
    deal.exchange.negotiations.confirm(quote, deal.now)
    deal.later(15_000)
    assert deal.positions() == (1_000, -1_000)
    assert deal.bob.cash == 10_000 * MICROS - 10 * 550_000


@pytest.mark.parametrize(("combo", "window"), [(False, 30_000), (True, 3_000)])
def test_what_is_not_confirmed_in_time_stays_accepted_and_is_void(combo: bool, window: int) -> None:
    deal = Deal(combo=combo)
    quote = deal.quote(deal.ask())
    deal.exchange.negotiations.accept(quote, "yes", deal.now)
    deal.later(window)
    assert not quote.lapsed
    deal.later(1)
    assert (quote.status, quote.lapsed, quote.rfq.status) == ("accepted", True, "open")
    with pytest.raises(RejectionError, match="expired"):
        deal.exchange.negotiations.confirm(quote, deal.now)
    other = deal.quote(quote.rfq, 3_000)  # the request goes on
    deal.exchange.negotiations.accept(other, "yes", deal.now)
    deal.exchange.negotiations.confirm(other, deal.now)
    deal.later(15_000)
    assert (quote.status, other.status) == ("accepted", "executed")


def test_a_confirmation_is_late_before_the_exchange_looks() -> None:
    deal = Deal()
    quote = deal.quote(deal.ask())
    deal.exchange.negotiations.accept(quote, "yes", deal.now)
    with pytest.raises(RejectionError, match="expired"):
        deal.exchange.negotiations.confirm(quote, deal.now + 30_001)


def test_a_quote_off_the_grid_is_taken_and_comes_to_nothing() -> None:
    deal = Deal()
    quote = deal.quote(deal.ask(), 4_005)
    deal.exchange.negotiations.accept(quote, "yes", deal.now)
    deal.exchange.negotiations.confirm(quote, deal.now)
    deal.later(15_000)
    assert (quote.status, quote.reason, deal.positions()) == ("cancelled", "invalid price", (0, 0))


def test_a_combo_is_executed_after_a_second() -> None:
    deal = Deal(combo=True)
    quote = deal.quote(deal.ask())
    deal.exchange.negotiations.accept(quote, "yes", deal.now)
    deal.exchange.negotiations.confirm(quote, deal.now)
    deal.later(1_000)
    assert quote.status == "executed"


def test_a_target_cost_buys_what_it_buys() -> None:
    """$10 of NO at 60¢ (YES bid 40¢): 16.66 without fees; with them fewer, and one more would cost too much."""
    deal = Deal()
    bare = deal.quote(deal.ask(target_cost=10 * MICROS, excludes_fees=True))
    assert bare.count("yes") == 1_666
    deal.exchange.negotiations.withdraw(bare.rfq, deal.now)
    full = deal.quote(deal.ask(target_cost=10 * MICROS))
    rfq, unit = full.rfq, 6_000

    def cost(count: int) -> float:
        p = unit / 10_000
        rate = taker_rate(rfq.market) / 1e10
        return count / 100 * p + rate * count / 100 * p * (1 - p)

    count = full.count("yes")
    assert cost(count) <= 10 + 1e-6 < cost(count + 2)


def test_prices_and_roles_are_checked() -> None:
    deal = Deal()
    rfq = deal.ask()
    for yes, no in ((0, 0), (6_000, 4_100)):
        with pytest.raises(RejectionError, match="bid must be positive"):
            deal.quote(rfq, yes, no)
    with pytest.raises(RejectionError, match="one's own"):
        deal.quote(rfq, account=deal.ann)
    with pytest.raises(RejectionError, match="already_exists") as conflict:
        deal.ask()
    assert conflict.value.status == 409
    one_sided = deal.quote(rfq, 0, 5_000)
    with pytest.raises(RejectionError, match="no bid for yes"):
        deal.exchange.negotiations.accept(one_sided, "yes", deal.now)
    again = deal.quote(rfq, 3_000, 5_000)
    assert (one_sided.status, again.status) == ("cancelled", "open")
    replaced = deal.ask(contracts=5, replace=True)
    assert (rfq.status, again.status, replaced.status) == ("closed", "cancelled", "open")
    with pytest.raises(RejectionError, match="closed"):
        deal.quote(rfq)


def test_a_confirmed_quote_binds_both() -> None:
    deal = Deal()
    quote = deal.quote(deal.ask())
    deal.exchange.negotiations.accept(quote, "yes", deal.now)
    with pytest.raises(RejectionError, match="accepted quote"):
        deal.quote(quote.rfq)
    deal.exchange.negotiations.confirm(quote, deal.now)
    with pytest.raises(RejectionError, match="about to be executed"):
        deal.exchange.negotiations.withdraw(quote.rfq, deal.now)
    with pytest.raises(RejectionError, match="not_found"):
        deal.exchange.negotiations.withdraw_quote(quote, deal.now)


def test_what_nobody_can_pay_any_more_is_called_off() -> None:
    deal = Deal()
    quote = deal.quote(deal.ask(), rest_remainder=True)
    deal.exchange.negotiations.accept(quote, "yes", deal.now)
    deal.exchange.negotiations.confirm(quote, deal.now)
    deal.ann.deposited -= deal.ann.cash
    deal.ann.cash = 0
    deal.later(15_000)
    assert (quote.status, quote.rfq.status, deal.positions()) == ("cancelled", "open", (0, 0))
    assert quote.reason == "insufficient balance"
    assert not deal.bob.orders[quote.maker_order_id].remaining  # bob's order doesn't stay behind
    audit(deal.exchange.engine)


def test_the_remainder_rests_where_it_shall() -> None:
    deal = Deal()
    better = deal.exchange.engine.submit(deal.bob, deal.market.ticker, 1, 4_100, 400, deal.now)
    quote = deal.quote(deal.ask(), rest_remainder=True)
    deal.exchange.negotiations.accept(quote, "yes", deal.now)
    deal.exchange.negotiations.confirm(quote, deal.now)
    deal.later(15_000)
    assert better.status == "executed"  # a better public order goes first, as on any book
    maker = deal.bob.orders[quote.maker_order_id]
    assert (maker.status, maker.remaining) == ("resting", 400)


def test_a_closed_market_ends_its_requests() -> None:
    deal = Deal()
    quote = deal.quote(deal.ask())
    deal.exchange.engine.close_market(deal.market.ticker, deal.now)
    deal.later(1)
    assert (quote.rfq.status, quote.status, quote.rfq.reason) == ("closed", "cancelled", "market closed")


def test_the_crowd_asks_too_and_takes_what_is_fair() -> None:
    deal = Deal()
    negotiations, taker = deal.exchange.negotiations, deal.exchange.crowd.takers[0]
    fair = deal.exchange.crowd.fair_price(deal.market)
    rfq = negotiations.ask(taker, deal.market, deal.now, contracts=500)
    mean = deal.quote(rfq, max(fair - 900, 100), 0)
    deal.exchange.quoters.step(deal.now)
    assert mean.status == "open"
    kind = deal.quote(rfq, fair, 0)
    deal.exchange.quoters.step(deal.now)
    assert (kind.status, kind.accepted_side) == ("accepted", "yes")
    deal.now += 1
    other = Deal()
    other.ask()  # a request that stays open doesn't keep the old ones
    for _ in range(8_000):
        other.now += 5_000
        other.exchange.quoters.step(other.now)
        other.exchange.negotiations.advance(other.now)
    asked = [r for r in other.exchange.negotiations.rfqs.values() if r.account in other.exchange.crowd.takers]
    assert len(asked) > 900
    assert len(other.exchange.negotiations.rfqs) <= 1_100


@asynccontextmanager
async def listening(served: Served, member: Account, *channels: str) -> AsyncIterator[Any]:
    key_id, pem = served.exchange.issue_key(member)
    signed = Served(served.exchange, served.url, member, key_id, pem).signer.headers("GET", "/trade-api/ws/v2")
    url = served.url.replace("http", "ws").replace("/v2", "/ws/v2")
    async with connect(url, additional_headers=signed) as socket:
        params = {"channels": list(channels), "market_tickers": [MARKET]}  # these channels aren't about markets
        await socket.send(json.dumps({"id": 1, "cmd": "subscribe", "params": params}))
        for _ in channels:
            await socket.recv()
        yield socket


async def heard(socket: Any) -> list[dict[str, Any]]:
    found = []
    try:
        while True:
            found.append(json.loads(await asyncio.wait_for(socket.recv(), 0.3)))
    except TimeoutError:
        return found


@pytest.mark.everyday
async def test_the_feed_tells_each_what_concerns_it(served: Served) -> None:
    """Requests go to all; quotes only to the two; the third hears of neither; groups go to their owner, in sequence."""
    exchange = served.exchange
    bob, eve = exchange.add_member("bob"), exchange.add_member("eve")
    spread(exchange, served.member, bob)
    market = next(m for m in exchange.catalogue.markets.values() if m.status == "active" and m.legs)
    async with (
        listening(served, served.member, "communications", "order_group_updates") as mine,
        listening(served, bob, "communications", "order_group_updates") as his,
        listening(served, eve, "communications") as hers,
    ):
        negotiations, now = exchange.negotiations, exchange.clock()
        rfq = negotiations.ask(served.member, market, now, contracts=1_000, obscured=True)
        quote = negotiations.quote(bob, rfq, 100, 9_500, now)
        negotiations.accept(quote, "no", now)
        negotiations.confirm(quote, now)
        negotiations.advance(now + 1_000)
        async with served_http(served) as http:
            made = (await http("POST", "/portfolio/order_groups/create", {"contracts_limit": 5}))["order_group_id"]
            await http("PUT", f"/portfolio/order_groups/{made}/trigger", None)
            await http("PUT", f"/portfolio/order_groups/{made}/reset", None)
        told = {name: await heard(socket) for name, socket in (("ann", mine), ("bob", his), ("eve", hers))}
    kinds = {name: [m["type"] for m in found if m["type"] != "order_group_updates"] for name, found in told.items()}
    whole = ["rfq_created", "quote_created", "quote_accepted", "quote_executed", "rfq_deleted"]
    assert kinds == {"ann": whole, "bob": whole, "eve": ["rfq_created", "rfq_deleted"]}
    ann, bobs = (next(m["msg"] for m in told[name] if m["type"] == "quote_executed") for name in ("ann", "bob"))
    assert (ann["order_id"], bobs["order_id"]) == (quote.taker_order_id, quote.maker_order_id)
    assert told["eve"][0]["msg"]["creator_id"].startswith("e3b0c442")  # obscured: the hash of nothing
    assert told["eve"][0]["msg"]["mve_selected_legs"]
    groups = [m for m in told["ann"] if m["type"] == "order_group_updates"]
    assert [(m["seq"], m["msg"]["event_type"]) for m in groups] == [(1, "created"), (2, "triggered"), (3, "reset")]
    assert groups[0]["msg"]["contracts_limit_fp"] == "5.00"
    assert not [m for m in told["bob"] if m["type"] == "order_group_updates"]


@asynccontextmanager
async def served_http(served: Served) -> AsyncIterator[Any]:
    import httpx

    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as client:

        async def send(method: str, path: str, body: Any) -> Any:
            headers = served.signer.headers(method, f"/trade-api/v2{path}")
            return (await client.request(method, path, json=body, headers=headers)).json()

        yield send
