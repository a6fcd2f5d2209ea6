"""Foreign clients of Polymarket on the paper front: which of their methods were tried, and which failed, by name.

The official TypeScript SDK (``@polymarket/client``), both older official clients (``@polymarket/clob-client-v2`` and
``py-clob-client-v2``) and ccxt's Polymarket class. A client that isn't installed fails its test.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from prediction_mcp.exchange.fronts.polymarket import wire
from prediction_mcp.exchange.fronts.polymarket.opening import Second
from prediction_mcp.exchange.fronts.serving import serve, serve_roots
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.exchange.world.listed import Market
from tests.conformance.polymarket import FOLDER, KEY, WALLET, reachable, urls_of

pytestmark = pytest.mark.conformance
HERE = Path(__file__).parent
MODULES = FOLDER / "node_modules"
NODE = MODULES / ".bin" / "node"
NOT_SIMULATED = {
    "create_readonly_api_key": "read-only keys", "get_readonly_api_keys": "read-only keys",
    "delete_readonly_api_key": "read-only keys", "create_builder_api_key": "builder keys",
    "get_builder_api_keys": "builder keys", "revoke_builder_api_key": "builder keys",
    "get_builder_trades": "builder orders", "get_market_trades_events": "the live activity of the site",
}  # fmt: skip
"""Methods of py-clob-client-v2 for what docs/exchange.md says isn't there."""


@dataclass
class Tried:
    """What was tried of a client: names, and the errors of those that failed."""

    client: str
    names: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def one(self, name: str, run: Callable[[], Any], check: Callable[[Any], object] = lambda _: True) -> Any:
        """Run a method; an error or a false check is its failure, and its answer is None then."""
        self.names.append(name)
        try:
            answer = run()
            if not check(answer):
                self.failed[name] = f"unexpected answer: {answer!r:.300}"
        except Exception as error:  # noqa: BLE001 - any error is the finding
            self.failed[name] = f"{type(error).__name__}: {error}"[:700]
            return None
        return answer

    def judge(self, least: int) -> None:
        """Print what was tried and fail if anything of it failed, or fewer than ``least`` methods were tried."""
        passed = [name for name in self.names if name not in self.failed]
        print(f"\n{self.client}: tried {len(self.names)}, passed {len(passed)}, failed {len(self.failed)}")
        print(f"passed: {', '.join(passed)}")
        for name, error in self.failed.items():
            print(f"failed: {name}: {error}")
        assert not self.failed
        assert len(passed) >= least


@dataclass
class Stage:
    """The front, and a market of each protocol to trade in."""

    urls: dict[str, str]
    roots: dict[str, str]
    market: Market
    v2: Market

    @property
    def values(self) -> dict[str, str]:
        event = self.market.event
        return {
            "tokenId": wire.tokens_of(self.market)[0], "conditionId": wire.condition(self.market),
            "marketId": wire.market_id(self.market), "slug": self.market.ticker, "eventId": wire.event_id(event),
            "eventSlug": event.ticker, "position": wire.tokens_of(self.v2)[0], "v2": self.v2.ticker,
        }  # fmt: skip

    def given(self) -> str:
        """What the scripts read."""
        return json.dumps(
            {"modules": str(MODULES), "urls": self.urls, "key": KEY, "wallet": WALLET, "values": self.values}
        )


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    first = Exchange(1, Clock())
    second = Second(first)
    async with serve(first, with_crowd=False, second=second) as url, serve_roots(second) as roots:
        exchange = second.exchange()
        exchange.with_crowd = False

        def calm(market: Market) -> bool:
            """Whether orders here trade at once, between 0.30 and 0.70, with a tick of 0.01."""
            question, book = wire.question_of(market), exchange.engine.markets[market.ticker].book
            waits = question.seconds_delay or question.delays_takers
            ask = book.asks.best or 0
            return market.structure == "0.01" and not waits and 3_000 < ask < 7_000 and market.status == "active"

        listed = exchange.catalogue.markets.values()
        old = next(m for m in listed if calm(m) and not m.event.exclusive and m.yes_sub_title == "Yes")
        new = next(m for m in listed if wire.is_v2(m) and (exchange.engine.markets[m.ticker].book.asks.best or 0) > 500)
        yield Stage(urls_of(url), roots, old, new)


@pytest.mark.parametrize(
    ("package", "script", "least"),
    [
        ("@polymarket/client", "polymarket_client.mjs", 60),
        ("@polymarket/clob-client-v2", "polymarket_clob_client.mjs", 60),
    ],
)
async def test_the_typescript_clients(package: str, script: str, least: int) -> None:
    version = json.loads((MODULES / package / "package.json").read_text("utf-8"))["version"]
    async with staged() as stage:
        command, given = [str(NODE), str(HERE / script)], stage.given()
        done = await asyncio.to_thread(
            lambda: subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        )
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout.splitlines()[-1])
    tried = Tried(f"{package} {version}", [r["name"] for r in results])
    tried.failed = {r["name"]: r["error"] for r in results if r["error"]}
    tried.judge(least)


async def test_py_clob_client_v2() -> None:
    reachable()
    async with staged() as stage:
        tried = await asyncio.to_thread(_py_clob_client, stage)
    tried.judge(58)


def _py_clob_client(stage: Stage) -> Tried:
    import py_clob_client_v2 as sdk  # type: ignore[import-not-found,unused-ignore]

    tried, values = Tried("py-clob-client-v2"), stage.values
    token, market = values["tokenId"], values["conditionId"]
    host, both = stage.urls["clob"], [sdk.BookParams(token, "BUY")]
    client = sdk.ClobClient(host, 137, key=KEY)

    def one(name: str, *given: Any, check: Callable[[Any], object] = lambda _: True) -> Any:
        return tried.one(name, lambda: getattr(client, name)(*given), check)

    one("get_ok")
    one("get_version", check=lambda version: version == 2)
    one("get_server_time")
    for name in ("get_markets", "get_simplified_markets", "get_sampling_markets", "get_sampling_simplified_markets"):
        one(name, check=lambda page: page["data"] and page["next_cursor"] == "LTE=")
    one("get_market", market, check=lambda found: found["condition_id"] == market)
    one("get_clob_market_info", market)
    book = one("get_order_book", token, check=lambda found: found["bids"])
    one("get_order_books", both, check=lambda books: books[0]["asset_id"] == token)
    one("get_order_book_hash", book)
    one("get_tick_size", token, check=lambda tick: tick == "0.01")
    one("get_neg_risk", token, check=lambda found: found is False)
    one("get_fee_rate_bps", token)
    one("get_fee_exponent", token)
    for name in ("midpoint", "spread", "last_trade_price"):
        one(f"get_{name}", token)
    one("get_price", token, "BUY", check=lambda answer: answer["price"] == book["bids"][-1]["price"])
    for name in ("midpoints", "prices", "spreads", "last_trades_prices"):
        one(f"get_{name}", both)
    one("get_prices_history", sdk.PricesHistoryParams(market=token, interval="1d"))
    one("calculate_market_price", token, "BUY", 10, sdk.OrderType.FAK)
    one("get_current_rewards", check=lambda rows: rows == [])
    one("get_raw_rewards_for_market", market, check=lambda rows: rows == [])
    client.set_api_creds(one("create_or_derive_api_key"))
    one("derive_api_key", check=lambda made: made.api_key == client.creds.api_key)
    one("get_api_keys", check=lambda found: client.creds.api_key in found["apiKeys"])
    one("get_closed_only_mode")
    one("post_heartbeat")
    money = sdk.BalanceAllowanceParams(asset_type=sdk.AssetType.COLLATERAL)
    one("get_balance_allowance", money, check=lambda found: int(found["balance"]) > 0)
    one("update_balance_allowance", money)
    low = round(float(book["bids"][-1]["price"]) - 0.05, 2)
    wanted = sdk.OrderArgs(token_id=token, price=low, size=10, side="BUY")
    v2 = sdk.OrderArgs(position_id=values["position"], price=0.02, size=10, side="BUY")
    tried.one("create_and_post_order (V2)", lambda: client.create_and_post_order(v2), lambda a: a["status"] == "live")
    placed = one("create_and_post_order", wanted, check=lambda answer: answer["status"] == "live")
    signed = one("create_order", wanted)
    one("post_order", signed, sdk.OrderType.GTC, True, check=lambda answer: answer["success"])
    one("post_orders", [sdk.PostOrdersV2Args(client.create_order(wanted))], check=lambda a: a[0]["status"] == "live")
    order_id = placed["orderID"]
    one("get_order", order_id, check=lambda order: order["id"] == order_id)
    one("get_open_orders", sdk.OpenOrderParams(market=market, asset_id=token), check=lambda rows: len(rows) == 3)
    one("get_pre_migration_orders", check=lambda rows: rows == [])
    one("is_order_scoring", sdk.OrderScoringParams(order_id), check=lambda answer: answer == {"scoring": False})
    one("are_orders_scoring", sdk.OrdersScoringParams([order_id]))
    one("cancel_order", sdk.OrderPayload(order_id), check=lambda answer: answer["canceled"] == [order_id])
    one("cancel_orders", [order_id], check=lambda answer: order_id in answer["not_canceled"])
    buy = sdk.MarketOrderArgs(token_id=token, amount=10, side="BUY", order_type=sdk.OrderType.FAK)
    one("create_market_order", buy)
    bought = one("create_and_post_market_order", buy, None, sdk.OrderType.FAK, check=lambda a: a["status"] == "matched")
    one("get_trades", sdk.TradeParams(market=market), check=lambda rows: rows[0]["id"] == bought["tradeIDs"][0])
    one("get_trades_paginated", sdk.TradeParams(market=market))
    one("get_notifications", check=lambda rows: rows == [])
    one("drop_notifications", sdk.DropNotificationParams(ids=["1"]))
    one("cancel_market_orders", sdk.OrderMarketCancelParams(market=market), check=lambda a: len(a["canceled"]) == 2)
    one("cancel_all")
    for name in ("get_earnings_for_user_for_day", "get_total_earnings_for_user_for_day"):
        one(name, "2026-12-01", check=lambda rows: rows == [])
    one("get_user_earnings_and_markets_config", "2026-12-01")
    one("get_reward_percentages")
    one("delete_api_key")
    one("create_api_key", 7, check=lambda made: made.api_key != client.creds.api_key)
    left = {name for name, _ in inspect.getmembers(type(client), inspect.isfunction) if not name.startswith("_")}
    left -= {*tried.names, *NOT_SIMULATED}
    print(f"\nnot tried: {sorted(left)}; not simulated: {NOT_SIMULATED}")
    return tried


THEIRS = {
    "fetch_positions": "reads the key data of what is documented, and answered, as an array",
    "fetch_position": "reads the key data of what is documented, and answered, as an array",
    "create_market_buy_order_with_cost": "bids the catalogue's middle price, below the best ask",
}
"""What ccxt 4.5.90 does wrong on any exchange; what is expected of it here is asserted."""


async def test_ccxt() -> None:
    if str(FOLDER.parent) not in sys.path:
        sys.path.append(str(FOLDER.parent))
    import ccxt as package  # type: ignore[import-untyped,unused-ignore]
    from ccxt.prediction.polymarket import polymarket  # type: ignore[import-untyped,unused-ignore]

    async with staged() as stage:
        client = polymarket({"privateKey": KEY, "walletAddress": WALLET, "enableRateLimit": False})
        client.aiohttp_trust_env = False
        client.urls["api"].update(stage.roots)
        client.urls["api"].update({"ws": f"{stage.urls['ws']}/market", "wsUser": f"{stage.urls['ws']}/user"})
        tried = Tried(f"ccxt {package.__version__}")
        try:
            await _ccxt(client, stage, tried)
        finally:
            await client.close()
    own = {name for name, f in vars(polymarket).items() if inspect.iscoroutinefunction(f)}
    print(f"\nnot tried: {sorted(own - {*tried.names})}; theirs: {THEIRS}")
    tried.judge(34)


async def _ccxt(client: Any, stage: Stage, tried: Tried) -> None:
    token, event = stage.values["tokenId"], stage.values["eventSlug"]

    async def one(name: str, *given: Any, check: Callable[[Any], object] = lambda _: True) -> Any:
        outcome = (await asyncio.gather(getattr(client, name)(*given), return_exceptions=True))[0]

        def answer() -> Any:
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        return tried.one(name, answer, check)

    markets = await one("fetch_markets", {"limit": 100}, check=lambda rows: len(rows) > 50)
    assert markets
    await one("fetch_events", {"query": "bitcoin"}, check=bool)
    await one("fetch_event", event, check=lambda found: found["slug"] == event)
    await one("fetch_outcome", token, check=lambda found: found["outcomeId"] == token)
    await one("fetch_outcomes", [token])
    book = await one("fetch_order_book", token, check=lambda found: found["bids"][0][0] < found["asks"][0][0])
    bid, ask = book["bids"][0][0], book["asks"][0][0]
    await one("fetch_ticker", token, check=lambda found: (found["bid"], found["ask"]) == (bid, ask))
    await one("fetch_tickers", [token])
    await one("fetch_ohlcv", token, "1h", check=bool)
    await one("fetch_time", check=lambda ms: ms > 1_700_000_000_000)
    await one("fetch_status", check=lambda found: found["status"] == "ok")
    for name in ("fetch_open_interest", "fetch_trading_fee"):
        await one(name, token)
    await one("fetch_trades", token, check=bool)
    for name in ("create_api_key", "derive_api_key", "create_or_derive_api_key", "load_api_credentials"):
        await one(name)
    await one("fetch_balance", check=lambda found: found["USDC"]["total"] == 10_000)
    low = round(bid - 0.05, 2)
    placed = await one("create_order", token, "limit", "buy", 10, low, check=lambda order: order["status"] == "open")
    await one("fetch_order", placed["id"], token, check=lambda order: order["remaining"] == 10)
    await one("fetch_open_orders", token, check=lambda orders: [o["id"] for o in orders] == [placed["id"]])
    await one("cancel_order", placed["id"], token)
    two = [{"outcome": token, "type": "limit", "side": "buy", "amount": size, "price": low} for size in (10, 11)]
    both = await one("create_orders", two, check=lambda orders: len(orders) == 2)
    await one("cancel_orders", [order["id"] for order in both], token)
    watching = {name: asyncio.ensure_future(getattr(client, name)(token)) for name in (
        "watch_order_book", "watch_trades", "watch_ticker", "watch_orders", "watch_my_trades")}  # fmt: skip
    await asyncio.sleep(1)
    bought = await one("create_order", token, "limit", "buy", 10, ask, check=lambda order: order["status"] == "closed")
    for name, watched in watching.items():
        await asyncio.wait([watched], timeout=10)
        tried.one(name, watched.result, bool)  # a task that still waits raises
    (mine,) = await one("fetch_my_trades", token)
    assert (mine["side"], mine["amount"]) == ("buy", 10)
    await one("fetch_order_trades", bought["id"], token, check=lambda rows: len(rows) == 1)
    await client.create_order(token, "limit", "buy", 10, low)
    await one("cancel_all_orders", token, check=lambda orders: len(orders) == 1)
    assert await client.fetch_positions([token]) == []
    with pytest.raises(Exception, match="FOK orders are fully filled or killed"):
        await client.create_market_buy_order_with_cost(token, 10)
