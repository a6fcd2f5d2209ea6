"""Batches of requests: each child to whoever bids best, all or none, and every way it ends before. By hand."""

from __future__ import annotations

from typing import Any

import pytest

from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.batches import Batch, BatchQuote, Child
from prediction_mcp.exchange.engine.ledger import Account, transfer
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.listed import Market
from tests.funds import spread

NOW = 1_795_000_000_000


class Deal:
    """Ann asks for prices on two combos with empty books; bob and cid quote."""

    def __init__(self) -> None:
        self.now = NOW
        self.exchange = Exchange(1, lambda: self.now)
        self.ann, self.bob, self.cid = (self.exchange.add_member(name) for name in ("ann", "bob", "cid"))
        spread(self.exchange, self.ann, self.bob, self.cid)
        combos = [m for m in self.exchange.catalogue.markets.values() if m.status == "active" and m.legs]
        self.markets: list[Market] = combos[:2]
        for market in self.markets:
            book = self.exchange.engine.markets[market.ticker].book
            self.exchange.engine.cancel_many([*book.bids, *book.asks], self.now)
        self.batches = self.exchange.batches

    def ask(self, **options: Any) -> Batch:
        return self.batches.ask(self.ann, [Child(m, 1_000, 0) for m in self.markets], self.now, **options)

    def quote(self, batch: Batch, account: Account, *yes: int, **options: Any) -> BatchQuote:
        """YES bids of a maker, child by child; its NO bids are 10¢."""
        bids = {rfq.rfq_id: (bid, 1_000) for rfq, bid in zip(batch.rfqs, yes, strict=True)}
        return self.batches.quote(account, batch, bids, self.now, **options)

    def accept(self, batch: Batch, *least: int) -> None:
        limits = {rfq.rfq_id: bid for rfq, bid in zip(batch.rfqs, least, strict=True)}
        self.batches.accept(batch, "yes", limits, self.now, "key")

    def later(self, ms: int) -> None:
        self.now += ms
        self.batches.advance(self.now)

    def positions(self, account: Account) -> list[int]:
        holdings = [account.on(market.event.shard).holdings.get(market.ticker) for market in self.markets]
        return [holding.position if holding else 0 for holding in holdings]


def test_each_child_goes_to_the_maker_that_bids_best() -> None:
    deal = Deal()
    batch = deal.ask()
    bob, cid = deal.quote(batch, deal.bob, 4_000, 3_000), deal.quote(batch, deal.cid, 3_900, 3_500)
    deal.accept(batch, 4_000, 3_500)
    assert [batch.won[rfq.rfq_id].account for rfq in batch.rfqs] == [deal.bob, deal.cid]
    deal.batches.confirm(bob, deal.now)
    deal.later(900)
    assert batch.status == "accepted", "nothing trades before every winner has confirmed"
    deal.batches.confirm(cid, deal.now)
    deal.later(1_000)
    assert (batch.status, batch.reason, bob.status, cid.status) == ("closed", "executed", "executed", "executed")
    assert (deal.positions(deal.ann), deal.positions(deal.bob), deal.positions(deal.cid)) == (
        [-1_000, -1_000],
        [1_000, 0],
        [0, 1_000],
    )
    audit(deal.exchange.engine)


def test_of_equal_bids_the_earliest_wins_and_an_unchanged_one_keeps_its_time() -> None:
    deal = Deal()
    batch = deal.ask()
    deal.quote(batch, deal.bob, 4_000, 4_000)
    deal.now += 1_000
    deal.quote(batch, deal.cid, 4_000, 4_000)
    deal.now += 1_000
    deal.quote(batch, deal.bob, 4_000, 3_000)  # the first child at the same price, the second lower
    best = [batch.best[rfq.rfq_id, "yes"].account for rfq in batch.rfqs]
    assert best == [deal.bob, deal.cid]


def test_prices_lapse_after_half_a_minute_and_each_change_of_the_best_counts() -> None:
    deal = Deal()
    batch = deal.ask()
    deal.quote(batch, deal.bob, 4_000, 4_000)
    assert (batch.version, batch.complete("yes")) == (1, True)
    deal.quote(batch, deal.cid, 3_000, 3_000)
    assert batch.version == 1
    deal.later(20_000)
    deal.quote(batch, deal.cid, 3_000, 3_000)
    deal.later(10_000)
    assert (batch.version, batch.best[batch.rfqs[0].rfq_id, "yes"].account) == (2, deal.cid)
    deal.later(20_000)
    assert (batch.version, batch.complete("yes")) == (3, False)
    with pytest.raises(RejectionError, match="not every child"):
        deal.accept(batch, 0, 0)


def test_a_bid_that_became_worse_is_not_taken() -> None:
    deal = Deal()
    batch = deal.ask()
    deal.quote(batch, deal.bob, 4_000, 4_000)
    with pytest.raises(RejectionError) as caught:
        deal.accept(batch, 4_000, 4_100)
    assert (caught.value.code, caught.value.status) == ("rfq_batch_quotes_changed", 409)
    assert caught.value.details == batch.rfqs[1].rfq_id
    assert batch.status == "open"
    deal.accept(batch, 3_000, 3_000)  # better than asked for is welcome
    deal.accept(batch, 3_000, 3_000)  # the same accept once more
    with pytest.raises(RejectionError, match="accepted"):
        deal.batches.accept(batch, "yes", {}, deal.now, "another")
    with pytest.raises(RejectionError, match="accepted"):
        deal.batches.withdraw(batch, deal.now)


def test_a_winner_that_is_silent_ends_all() -> None:
    deal = Deal()
    batch = deal.ask()
    bob = deal.quote(batch, deal.bob, 4_000, 3_000)
    deal.quote(batch, deal.cid, 3_900, 3_500)
    deal.accept(batch, 0, 0)
    deal.batches.confirm(bob, deal.now)
    deal.later(3_001)
    assert (batch.status, batch.reason, bob.status) == ("closed", "not confirmed in time", "cancelled")
    assert deal.positions(deal.ann) == [0, 0]
    with pytest.raises(RejectionError):
        deal.batches.confirm(bob, deal.now)


def test_nothing_trades_unless_everything_can() -> None:
    """Bob can pay for the first child when he confirms, and for nothing when the time has come."""
    deal = Deal()
    batch = deal.ask()
    bob = deal.quote(batch, deal.bob, 4_000, 4_000)
    deal.accept(batch, 0, 0)
    deal.batches.confirm(bob, deal.now)
    purse = deal.bob.on(deal.markets[0].event.shard)
    transfer(purse, deal.bob, purse.cash - 5_000_000, deal.now)  # $5 left: enough for one child of $4, not for both
    deal.later(1_000)
    assert (batch.status, batch.reason) == ("closed", "insufficient balance")
    assert (deal.positions(deal.ann), deal.positions(deal.bob), deal.bob.held) == ([0, 0], [0, 0], 0)
    audit(deal.exchange.engine)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"children": []}, "takes 1 to"),
        ({"children": [0, 0]}, "distinct"),
        ({"sizes": [(1_000, 0), (0, 1_000_000)]}, "all by target cost"),
        ({"children": ["plain"]}, "must be combos"),
    ],
)
def test_batches_that_cannot_be(change: dict[str, Any], why: str) -> None:
    deal = Deal()
    plain = next(m for m in deal.exchange.catalogue.markets.values() if m.status == "active" and not m.legs)
    markets = [plain if i == "plain" else deal.markets[i] for i in change.get("children", [0, 1])]
    sizes = change.get("sizes", [(1_000, 0)] * len(markets))
    with pytest.raises(RejectionError, match=why):
        deal.batches.ask(deal.ann, [Child(m, *size) for m, size in zip(markets, sizes, strict=True)], deal.now)
    assert not deal.batches.batches
    assert not deal.exchange.negotiations.rfqs


def test_a_clients_key_is_used_once_and_children_go_with_their_batch_only() -> None:
    deal = Deal()
    batch = deal.ask(client_batch_id="mine")
    with pytest.raises(RejectionError, match="already_exists"):
        deal.ask(client_batch_id="mine")
    rfq = batch.rfqs[0]
    for single in (
        lambda: deal.exchange.negotiations.quote(deal.bob, rfq, 4_000, 1_000, deal.now),
        lambda: deal.exchange.negotiations.withdraw(rfq, deal.now),
    ):
        with pytest.raises(RejectionError, match="batch"):
            single()
    offer = deal.quote(batch, deal.bob, 4_000, 4_000)
    with pytest.raises(RejectionError, match="batch"):
        deal.exchange.negotiations.accept(offer.quotes[rfq.rfq_id], "yes", deal.now)
    deal.batches.withdraw(batch, deal.now)
    assert (offer.status, rfq.status, rfq.reason) == ("cancelled", "closed", "deleted")


def test_the_crowd_prices_a_batch_and_stands_by_it() -> None:
    deal = Deal()
    batch = deal.ask()
    deal.exchange.quoters.step(deal.now)
    assert batch.complete("no")
    deal.batches.accept(batch, "no", {rfq.rfq_id: 100 for rfq in batch.rfqs}, deal.now)
    deal.exchange.quoters.step(deal.now)
    deal.later(1_000)
    assert (batch.reason, deal.positions(deal.ann)) == ("executed", [1_000, 1_000])


def test_a_batch_that_finds_no_room_opens_none_of_its_children() -> None:
    deal = Deal()
    plain = [m for m in deal.exchange.catalogue.markets.values() if m.status == "active" and not m.legs]
    for market in plain[:99]:
        deal.exchange.negotiations.ask(deal.ann, market, deal.now, contracts=100)
    with pytest.raises(RejectionError, match="more requests than can be open"):
        deal.ask()
    assert len(deal.exchange.negotiations.rfqs) == 99
    assert not deal.batches.batches
