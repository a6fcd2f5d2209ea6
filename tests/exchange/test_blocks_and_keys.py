"""Block trades between two members, API keys with their scopes, and what a key of one subaccount may do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prediction_mcp.exchange.disk.store import Store
from prediction_mcp.exchange.engine.audit import audit
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.fronts.kalshi.api import PREFIX, create_app
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.kalshi.auth import KeySigner, signer_from_pem

NOW = 1_795_000_000_000


class Deal:
    def __init__(self) -> None:
        self.exchange = Exchange(1, lambda: NOW, scenario="small")
        self.ann, self.bob = (self.exchange.add_member(name) for name in ("ann", "bob"))
        self.market = next(m for m in self.exchange.catalogue.markets.values() if m.status == "active")

    def propose(self, price: int = 4_000, count: int = 1_000, maker: str = "yes", lasts: int = 60_000) -> Any:
        return self.exchange.block_trades.propose(
            self.ann, self.ann, self.bob, self.market, price, count, maker, NOW + lasts, NOW
        )

    def position(self, account: Account) -> int:
        holding = account.holdings.get(self.market.ticker)
        return holding.position if holding else 0


def test_a_block_trade_waits_for_the_other_and_stays_off_the_book() -> None:
    """Ann buys 10 YES at 40¢ of bob: $4 and as the maker no fee; bob pays the taker's."""
    deal = Deal()
    state = deal.exchange.engine.markets[deal.market.ticker]
    before = (state.volume, [*state.book.bids.depth()], [*state.book.asks.depth()])
    proposal = deal.propose()
    assert (proposal.status, deal.position(deal.ann)) == ("open", 0)
    deal.exchange.block_trades.accept(proposal, deal.bob, NOW)
    assert (proposal.status, deal.position(deal.ann), deal.position(deal.bob)) == ("executed", 1_000, -1_000)
    assert (state.volume - before[0], state.trades[-1].is_block) == (1_000, True)
    assert ([*state.book.bids.depth()], [*state.book.asks.depth()]) == before[1:]
    assert deal.ann.deposited - deal.ann.cash == 4_000_000
    assert deal.bob.deposited - deal.bob.cash == 6_000_000 + 168_000  # 0.07 × 10 × 0.4 × 0.6
    audit(deal.exchange.engine)
    with pytest.raises(RejectionError, match="executed"):
        deal.exchange.block_trades.accept(proposal, deal.bob, NOW)


def test_who_cannot_pay_leaves_it_open_and_nothing_behind() -> None:
    deal = Deal()
    proposal = deal.propose(count=2_000_000)
    with pytest.raises(RejectionError, match="insufficient_balance"):
        deal.exchange.block_trades.accept(proposal, deal.bob, NOW)
    assert (proposal.status, deal.position(deal.ann), deal.ann.held, deal.bob.held) == ("open", 0, 0, 0)
    audit(deal.exchange.engine)


def test_proposals_end_with_their_time_and_are_between_two() -> None:
    deal = Deal()
    proposal = deal.propose(lasts=1_000)
    deal.exchange.block_trades.advance(NOW + 1_000)
    assert proposal.status == "expired"
    with pytest.raises(RejectionError, match="between two members"):
        deal.exchange.block_trades.propose(deal.ann, deal.ann, deal.ann, deal.market, 4_000, 100, "yes", NOW + 1, NOW)
    with pytest.raises(RejectionError, match="grid"):
        deal.propose(price=4_001)


# -- keys --------------------------------------------------------------------------------------------------------


class Caller:
    def __init__(self, exchange: Exchange) -> None:
        transport = httpx.ASGITransport(create_app(exchange), raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url=f"http://paper{PREFIX}")

    async def send(self, signer: KeySigner, method: str, path: str, **more: Any) -> httpx.Response:
        return await self._http.request(method, path, headers=signer.headers(method, PREFIX + path), **more)


@pytest.fixture
async def member(tmp_path: Path) -> AsyncIterator[tuple[Exchange, Caller, KeySigner]]:
    exchange = Exchange(1, Clock(), Store(tmp_path / "x.db"), "small", read_lag_ms=0)
    key_id, pem = exchange.issue_key(exchange.add_member(tier="advanced"))
    yield exchange, Caller(exchange), signer_from_pem(key_id, pem)
    exchange.store.close()


ORDERS = "/portfolio/events/orders"


async def test_a_narrow_key_does_what_its_scopes_say(member: tuple[Exchange, Caller, KeySigner]) -> None:
    _, caller, owner = member
    body = {"name": "cancels", "key_type": "ed25519", "scopes": ["write::trade", "read::portfolio_balance"]}
    made = (await caller.send(owner, "POST", "/api_keys/generate", json=body)).json()
    narrow = signer_from_pem(made["api_key_id"], made["private_key"])
    allowed = {("GET", "/portfolio/balance"): 200, ("DELETE", ORDERS): 204}
    refused = [("GET", "/portfolio/orders"), ("POST", "/portfolio/subaccounts"), ("POST", "/api_keys/generate")]
    for (method, path), status in allowed.items():
        assert (await caller.send(narrow, method, path)).status_code == status
    for method, path in refused:
        answer = await caller.send(narrow, method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "insufficient_scope")
    await caller.send(owner, "DELETE", f"/api_keys/{made['api_key_id']}")
    assert (await caller.send(narrow, "GET", "/portfolio/balance")).status_code == 401


async def test_a_key_of_a_subaccount_stays_in_it(member: tuple[Exchange, Caller, KeySigner], tmp_path: Path) -> None:
    exchange, caller, owner = member
    await caller.send(owner, "POST", "/portfolio/subaccounts", json={})
    money = {
        "client_transfer_id": "0b6f3c1e-5f0d-4d1c-8a56-2b8c1a5f6e70", "from_subaccount": 0, "to_subaccount": 1,
        "amount_cents": 5_000,
    }  # fmt: skip
    assert (await caller.send(owner, "POST", "/portfolio/subaccounts/transfer", json=money)).status_code == 200
    made = (
        await caller.send(owner, "POST", "/api_keys/generate", json={"name": "one", "key_type": "rsa", "subaccount": 1})
    ).json()
    assert made["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    bound = signer_from_pem(made["api_key_id"], made["private_key"])
    balance = (await caller.send(bound, "GET", "/portfolio/balance")).json()
    assert balance["balance_dollars"] == "50.0000"
    ticker = next(m.ticker for m in exchange.catalogue.markets.values() if m.status == "active")
    order = {
        "ticker": ticker, "side": "bid", "count": "1", "price": "0.0100", "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }  # fmt: skip
    placed = (await caller.send(bound, "POST", ORDERS, json=order)).json()["order_id"]
    mine = (await caller.send(owner, "POST", ORDERS, json=order)).json()["order_id"]
    listed = (await caller.send(bound, "GET", "/portfolio/orders")).json()["orders"]
    assert [o["order_id"] for o in listed] == [placed]
    for method, path, body in (
        ("POST", ORDERS, order | {"subaccount": 0}),
        ("POST", "/portfolio/subaccounts/transfer", money),
        ("POST", "/portfolio/subaccounts", {}),
        ("DELETE", f"{ORDERS}/{mine}", None),
        ("GET", f"/portfolio/orders/{mine}", None),
    ):
        answer = await caller.send(bound, method, path, **({"json": body} if body is not None else {}))
        assert answer.status_code in (403, 404), (path, answer.text)
    # without a subaccount the owner's cancel means the primary
    assert (await caller.send(owner, "DELETE", f"{ORDERS}/{placed}")).status_code == 404
    assert (await caller.send(bound, "DELETE", f"{ORDERS}/{placed}")).status_code == 200

    # keys outlive a restart, bound as they were
    exchange.store.close()
    again = Exchange(1, Clock(), Store(tmp_path / "x.db"), read_lag_ms=0)
    assert again.access.keys[made["api_key_id"]].subaccount == 1
    assert (await Caller(again).send(bound, "GET", f"/portfolio/orders/{mine}")).status_code == 404
    again.store.close()


@pytest.mark.parametrize(
    "change",
    [{"name": ""}, {"name": "x" * 129}, {"scopes": ["write"]}, {"scopes": ["all"]}, {"scopes": []}, {"subaccount": 9}],
)
async def test_keys_that_cannot_be(member: tuple[Exchange, Caller, KeySigner], change: dict[str, Any]) -> None:
    exchange, caller, owner = member
    answer = await caller.send(owner, "POST", "/api_keys/generate", json={"name": "k"} | change)
    assert answer.status_code == 400
    assert len(exchange.access.keys) == 1


async def test_a_public_key_of_ones_own_needs_a_tier(member: tuple[Exchange, Caller, KeySigner]) -> None:
    exchange, caller, owner = member
    body = {"name": "own", "public_key": "-----BEGIN PUBLIC KEY-----\nno\n-----END PUBLIC KEY-----"}
    assert (await caller.send(owner, "POST", "/api_keys", json=body)).status_code == 403
    exchange.raise_tier(next(a for a in exchange.engine.accounts.values() if a.keeps_history), "premier")
    assert (await caller.send(owner, "POST", "/api_keys", json=body)).status_code == 400


async def test_the_balance_has_a_bucket_of_its_own(member: tuple[Exchange, Caller, KeySigner]) -> None:
    """One look a second in the lower tiers, without a burst; other reads don't draw it down, nor it them."""
    _, caller, owner = member
    statuses = [(await caller.send(owner, "GET", "/portfolio/balance")).status_code for _ in range(3)]
    assert statuses == [200, 429, 429]
    assert (await caller.send(owner, "GET", "/portfolio/orders")).status_code == 200


def test_an_older_exchange_is_brought_up_to_date(tmp_path: Path) -> None:
    """A file as the version before left it: the same books and money, and what is new has its beginning."""
    exchange = Exchange(1, Clock(), Store(tmp_path / "x.db"), "small", sharded=False)
    exchange.add_member(deposit=7_000_000)
    db = exchange.store.db
    db.execute("ALTER TABLE trades DROP COLUMN is_block")
    db.execute("ALTER TABLE keys DROP COLUMN name")
    db.execute("ALTER TABLE keys DROP COLUMN subaccount")
    db.execute("DROP TABLE rfqs")
    db.execute("DROP TABLE returns")
    db.execute("ALTER TABLE deposits DROP COLUMN status")
    db.execute("ALTER TABLE accounts DROP COLUMN shard")
    db.execute("ALTER TABLE transfers DROP COLUMN client_id")
    db.execute("ALTER TABLE accounts DROP COLUMN tokens")
    db.execute("ALTER TABLE orders DROP COLUMN sells")
    db.execute("ALTER TABLE positions DROP COLUMN lots")
    db.execute("DROP TABLE extras")
    db.execute("PRAGMA user_version = 1")
    exchange.store.close()
    again = Exchange(1, Clock(), Store(tmp_path / "x.db"))
    assert again.engine.accounts["you"].cash == 7_000_000
    again.advance()
    again.store.close()
