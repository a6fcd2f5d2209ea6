"""Each method of Polymarket's official Python SDK for what the paper front simulates, by name."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from decimal import Decimal
from importlib.metadata import distributions
from typing import Any

import pytest

from tests.conformance.polymarket import FOLDER, KEY, WALLET, environment
from tests.conformance.test_polymarket_clients import Stage, Tried, staged

pytestmark = pytest.mark.conformance
PARTS = (
    "builder", "perps", "combo", "comment", "leaderboard", "biggest", "session_key", "rfq", "erc", "collateral_return",
)  # fmt: skip
ELSEWHERE = {
    "download_accounting_snapshot", "get_public_profile", "split_position", "merge_positions", "redeem_positions",
    "merge_multiple_positions", "execute_transaction", "get_trading_approvals_state", "setup_trading_approvals",
    "setup_gasless_wallet", "is_gasless_ready", "clear_session", "create", "close", "end_authentication", "fetch",
}  # fmt: skip
"""Not simulated: profiles, snapshots, and what is done on chain."""


async def test_every_method_of_the_python_sdk() -> None:
    async with staged() as stage:
        base = stage.urls["clob"].removesuffix("/polymarket/clob")
        environ = environment(f"{base}/trade-api/v2")
        from polymarket import AsyncSecureClient  # type: ignore[import-not-found,unused-ignore]

        (version,) = (d.version for d in distributions(path=[str(FOLDER)]) if d.name == "polymarket-client")
        tried = Tried(f"polymarket-client {version}")
        async with await AsyncSecureClient.create(private_key=KEY, wallet=WALLET, environment=environ) as client:
            await _reads(client, stage, tried)
            await _orders(client, stage, tried)
            names = {name for name, value in inspect.getmembers(type(client)) if inspect.isfunction(value)}
    left = {n for n in names - {*tried.names} - ELSEWHERE if n[0] != "_" and not any(part in n for part in PARTS)}
    print(f"\nnot simulated: {sorted(names & ELSEWHERE)} and what names {PARTS}; not tried: {sorted(left)}")
    tried.judge(70)
    assert not left


async def one(
    tried: Tried, client: Any, name: str, check: Callable[[Any], object] = lambda _: True, **given: Any
) -> Any:
    """Call a method; of a list that comes in pages, the first page's items."""

    async def run() -> Any:
        called = getattr(client, name)(**given)
        return (await anext(aiter(called))).items if hasattr(called, "__aiter__") else await called

    outcome: Any = (await asyncio.gather(run(), return_exceptions=True))[0]

    def answer() -> Any:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return tried.one(name, answer, check)


def nothing(rows: Any) -> bool:
    """Whether a list is empty: rewards, which the paper exchange doesn't pay."""
    return len(rows) == 0


async def _reads(client: Any, stage: Stage, tried: Tried) -> None:
    from polymarket import PriceRequest  # type: ignore[import-not-found,unused-ignore]

    values = stage.values
    token, condition, market, event = (values[n] for n in ("tokenId", "conditionId", "marketId", "eventId"))

    async def call(name: str, check: Callable[[Any], object] = lambda _: True, **given: Any) -> Any:
        return await one(tried, client, name, check, **given)

    await call("list_markets", bool, closed=False)
    await call("get_market", lambda m: m.id == market, slug=values["slug"])
    await call("get_market_tags", bool, id=market)
    await call("list_events", bool, closed=False)
    await call("get_event", lambda e: e.id == event, id=event)
    await call("get_event_tags", bool, id=event)
    await call("search", lambda found: found[0].events, q="bitcoin")
    tag = (await call("list_tags", bool))[0].id
    await call("get_tag", lambda found: found.id == tag, id=tag)
    await call("get_related_tags", id=tag)
    await call("get_related_tag_resources", id=tag)
    series = (await call("list_series", bool))[0].id
    await call("get_series", lambda found: found.id == series, id=series)
    for name in ("get_sports", "get_sports_market_types", "list_teams"):
        await call(name, bool)
    await call("get_order_book", lambda book: book.bids, asset_id=token)
    await call("get_order_books", bool, asset_ids=[token])
    await call("get_price", lambda price: price > 0, asset_id=token, side="BUY")
    await call("get_prices", bool, requests=[PriceRequest(asset_id=token, side="BUY")])
    for name in ("get_midpoint", "get_spread", "get_last_trade_price"):
        await call(name, asset_id=token)
    for name in ("get_midpoints", "get_spreads", "get_last_trade_prices"):
        await call(name, bool, asset_ids=[token])
    await call("estimate_market_price", asset_id=token, side="BUY", amount=10)
    await call("list_price_history", bool, asset_id=token, interval="1d")
    await call("get_token_references", bool, asset_ids=[token])
    await call("get_resolutions", condition_ids=[condition])
    await call("list_market_holders", bool, condition_ids=[condition])
    await call("get_open_interests", bool, condition_ids=[condition])
    await call("get_event_live_volume", event_ids=[int(event)])
    await call("list_current_rewards", nothing)
    await call("list_market_rewards", nothing, condition_id=condition)
    await call("list_reward_markets", nothing)
    await call("get_current_rebates", nothing, date="2026-12-01", maker_address=WALLET)
    day = {"date": "2026-12-01"}
    await call("list_user_earnings_for_day", nothing, **day)
    await call("get_total_earnings_for_user_for_day", nothing, **day)
    await call("list_user_earnings_and_markets_config", nothing, **day)
    await call("get_reward_percentages", nothing)
    await call("get_notifications", nothing)
    await call("drop_notifications", ids=["1"])
    await call("fetch_api_keys", bool)
    await call("get_closed_only_mode", lambda closed: closed is False)
    await call("send_order_heartbeat")
    await call("get_balance_allowance", lambda found: found.balance > 0, asset_type="COLLATERAL")


async def _orders(client: Any, stage: Stage, tried: Tried) -> None:
    token, condition = stage.values["tokenId"], stage.values["conditionId"]

    async def call(name: str, check: Callable[[Any], object] = lambda _: True, **given: Any) -> Any:
        return await one(tried, client, name, check, **given)

    book = await client.get_order_book(asset_id=token)
    wanted = {"asset_id": token, "price": book.bids[-1].price - Decimal("0.05"), "size": 10, "side": "BUY"}
    placed = await call("place_limit_order", lambda order: order.status == "live", **wanted)
    await call("get_order", lambda order: order.id == placed.order_id, order_id=placed.order_id)
    await call("list_open_orders", bool, asset_id=token, market=condition)
    await call("get_order_scoring", lambda scoring: scoring is False, order_id=placed.order_id)
    await call("get_orders_scoring", bool, order_ids=[placed.order_id])
    await call("cancel_order", lambda done: done.canceled, order_id=placed.order_id)
    signed = await call("create_limit_order", **wanted)
    await call("post_order", lambda order: order.status == "live", signed_order=signed)
    more = await client.create_limit_order(**wanted)
    answers = await call("post_orders", lambda found: found[0].ok, signed_orders=[more])
    await call("cancel_orders", lambda done: len(done.canceled) == 1, order_ids=[answers[0].order_id])
    await call("create_market_order", asset_id=token, amount=10, side="BUY")
    bought = await call("place_market_order", lambda o: o.status == "matched", asset_id=token, amount=10, side="BUY")
    await call("wait_for_order_fill_settlement", lambda hashes: len(hashes) == 1, order=bought)
    await call("list_account_trades", lambda trades: trades[0].trader_side == "TAKER", market=condition)
    await call("cancel_market_orders", lambda done: len(done.canceled) == 1, market=condition)
    await client.place_limit_order(**wanted)
    await call("cancel_all", lambda done: len(done.canceled) == 1)
    for status in ("OPEN", "REDEEMABLE", "REDEEMABLE_LOST", "MERGEABLE", "CLOSED"):
        held = await call("list_positions", user=WALLET, status=status)
        assert bool(held) == (status == "OPEN")
    await call("list_activity", bool, user=WALLET)
    await call("list_trades", bool, condition_id=condition)  # a secure client asks for its own
    await call("get_portfolio_value", lambda found: found.value > 0, user=WALLET)
    await call("get_user_stats", lambda stats: stats.traded_market_count == 1, user=WALLET)
    await call("get_user_pnl", user=WALLET)
    await call("get_user_volume", user=WALLET)
    from polymarket.streams import UserSpec  # type: ignore[import-not-found,unused-ignore]

    handle = await call("subscribe", specs=UserSpec())
    await handle.close()
    await call("delete_api_key")
