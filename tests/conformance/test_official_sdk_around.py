"""The official SDK at what is around orders: groups, subaccounts, requests for quotes, combos, live data."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from prediction_mcp.exchange.world.scenario import COLLECTION
from tests.conformance.test_official_sdk import _order, got, sdk
from tests.conftest import MARKET, Served
from tests.funds import spread

pytestmark = pytest.mark.conformance
__all__ = ["sdk"]  # the fixture


async def test_order_groups(sdk: Any) -> None:
    groups, orders = sdk._order_groups_api, sdk._orders_api
    made = await groups.create_order_group(contracts_limit=3)
    placed = await orders.create_order_v2(**_order(order_group_id=made.order_group_id))
    read = await groups.get_order_group(made.order_group_id)
    assert (read.orders, read.contracts_limit_fp, read.is_auto_cancel_enabled) == ([placed.order_id], "3.00", True)
    await groups.update_order_group_limit(made.order_group_id, contracts_limit_fp="7.00")
    assert [g.contracts_limit_fp for g in (await groups.get_order_groups()).order_groups] == ["7.00"]
    await groups.trigger_order_group(made.order_group_id)
    assert (await orders.get_order(placed.order_id)).order.status == "canceled"
    await groups.reset_order_group(made.order_group_id)
    again = await orders.create_order_v2(**_order(order_group_id=made.order_group_id))
    assert (await orders.get_order(again.order_id)).order.order_group_id == made.order_group_id
    await groups.delete_order_group(made.order_group_id)
    assert (await orders.get_order(again.order_id)).order.status == "canceled"
    assert (await groups.get_order_groups()).order_groups == []


async def test_subaccounts(sdk: Any) -> None:
    portfolio, orders = sdk._portfolio_api, sdk._orders_api
    assert (await portfolio.create_subaccount()).subaccount_number == 1
    transfer = {
        "client_transfer_id": str(uuid.uuid4()),
        "from_subaccount": 0,
        "to_subaccount": 1,
        "amount_cents": 5_000,
    }
    for _ in range(2):
        await portfolio.apply_subaccount_transfer(**transfer)
    balances = (await portfolio.get_subaccount_balances()).subaccount_balances
    assert [b.balance for b in balances] == ["9950.0000", "50.0000"]
    assert (await portfolio.get_balance(subaccount=1)).balance == 5_000
    placed = await orders.create_order_v2(**_order(subaccount=1))
    assert [o.order_id for o in (await orders.get_orders(subaccount=1)).orders] == [placed.order_id]
    assert (await orders.get_orders(subaccount=0)).orders == []
    assert [o.subaccount_number for o in (await orders.get_orders()).orders] == [1]
    assert [t.amount_cents for t in (await portfolio.get_subaccount_transfers()).transfers] == [5_000]
    await portfolio.update_subaccount_netting(subaccount_number=1, enabled=True)
    assert [c.enabled for c in (await portfolio.get_subaccount_netting()).netting_configs] == [False, True]
    assert [d.amount_cents for d in (await portfolio.get_deposits()).deposits] == [1_000_000]
    assert (await portfolio.get_withdrawals()).withdrawals == []


async def test_money_is_on_shards(sdk: Any, served: Served) -> None:
    """The SDK is refused for want of money on a market's shard, moves some there, trades, and cancels by shard."""
    from kalshi_python_async.exceptions import BadRequestException, ConflictException, NotFoundException

    portfolio, orders, groups = sdk._portfolio_api, sdk._orders_api, sdk._order_groups_api
    listed = served.exchange.catalogue.markets.values()
    market = next(m for m in listed if m.event.series.ticker == "KXBTCD" and m.status == "active")
    assert (await sdk._market_api.get_market(market.ticker)).market.exchange_index == 2
    with pytest.raises(BadRequestException):
        await orders.create_order_v2(**_order(ticker=market.ticker))
    move = {
        "source": "event_contract", "destination": "event_contract", "amount": 1_000_000, "client_transfer_id":
        str(uuid.uuid4()), "source_exchange_shard": 0, "destination_exchange_shard": 2,
    }  # fmt: skip
    moved = (await portfolio.intra_exchange_instance_transfer(**move)).transfer_id
    with pytest.raises(ConflictException):
        await portfolio.intra_exchange_instance_transfer(**move)
    read = (await portfolio.get_intra_exchange_instance_transfer(moved)).transfer
    assert (read.amount, read.destination_exchange_shard, read.status) == ("100.0000", 2, "complete")
    assert [t.transfer_id for t in (await portfolio.get_intra_exchange_instance_transfers()).transfers] == [moved]
    rows = (await portfolio.get_subaccount_balances()).subaccount_balances
    assert [(r.subaccount_number, r.exchange_index, r.balance) for r in rows] == [
        (0, 0, "9900.0000"), (0, 2, "100.0000"),
    ]  # fmt: skip
    split = (await portfolio.get_balance()).balance_breakdown
    assert {b.exchange_index: b.balance for b in split} == {0: "9900.0000", 2: "100.0000"}
    group = await groups.create_order_group(contracts_limit=3, exchange_index=2)
    placed = await orders.create_order_v2(**_order(ticker=market.ticker, order_group_id=group.order_group_id))
    assert (await orders.get_order(placed.order_id)).order.exchange_index == 2
    with pytest.raises(NotFoundException):
        await orders.cancel_order_v2(placed.order_id)
    await orders.cancel_order_v2(placed.order_id, exchange_index=2)
    served.exchange.pause({2})
    status = await sdk._exchange_api.get_exchange_status()
    assert status.trading_active
    assert {s.exchange_index: s.trading_active for s in status.exchange_index_statuses} == {
        0: True, 1: True, 2: False, 3: True,
    }  # fmt: skip


async def test_a_combo_through_a_request_for_quotes_to_a_fill(sdk: Any, served: Served) -> None:
    from kalshi_python_async.models.user_filter import UserFilter

    exchange, multivariate, talk = served.exchange, sdk._multivariate_api, sdk._communications_api
    spread(exchange, served.member)
    (collection,) = (await multivariate.get_multivariate_event_collections()).multivariate_contracts
    assert (await multivariate.get_multivariate_event_collection(COLLECTION)).multivariate_contract.size_min == 2
    listed = exchange.catalogue.events
    legs = [
        {"event_ticker": e.ticker, "market_ticker": listed[e.ticker].markets[i % 2].ticker, "side": "yes"}
        for i, e in enumerate(collection.associated_events[:2])
    ]
    made = await multivariate.create_market_in_multivariate_event_collection(
        COLLECTION, selected_markets=legs, with_market_payload=True
    )
    assert made.market.mve_collection_ticker == COLLECTION
    assert made.market.status == "active"

    assert (await talk.get_communications_id()).communications_id
    rfq = await talk.create_rfq(market_ticker=made.market_ticker, contracts_fp="20.00", rest_remainder=False)
    exchange.quoters.step(exchange.clock())
    offers = (await talk.get_quotes(rfq_id=rfq.id, **got())).quotes
    best = max(offers, key=lambda quote: float(quote.no_bid_dollars))
    await talk.accept_rfq_quote(rfq.id, best.id, accepted_side="no")
    exchange.quoters.step(exchange.clock())
    exchange.negotiations.advance(exchange.clock() + 1_000)
    done = (await talk.get_rfq_quote(rfq.id, best.id)).quote
    assert (done.status, done.accepted_side) == ("executed", "no")
    fills = (await sdk._portfolio_api.get_fills(order_id=done.rfq_creator_order_id)).fills
    assert sum(float(fill.count_fp) for fill in fills) == 20
    assert (await talk.get_rfq(rfq.id)).rfq.status == "closed"
    assert (await talk.get_rfqs(user_filter=UserFilter("self"))).rfqs[0].mve_selected_legs

    gone = await talk.create_rfq(market_ticker=MARKET, target_cost_dollars="10.00", rest_remainder=False)
    await talk.delete_rfq(gone.id)
    theirs = exchange.negotiations.ask(
        exchange.crowd.takers[0], exchange.catalogue.markets[MARKET], exchange.clock(), contracts=500
    )
    terms = {"rfq_id": theirs.rfq_id, "yes_bid": "0.0200", "no_bid": "0", "rest_remainder": False}
    await talk.delete_quote((await talk.create_quote(**terms)).id)
    await talk.delete_rfq_quote(theirs.rfq_id, (await talk.create_quote(**terms)).id)
    ours = await talk.create_quote(**terms)
    exchange.negotiations.accept(exchange.negotiations.quotes[ours.id], "yes", exchange.clock())
    await talk.confirm_quote(ours.id)
    exchange.negotiations.advance(exchange.clock() + 15_000)
    assert (await talk.get_quote(ours.id)).quote.creator_order_id


async def test_what_is_around_the_markets(sdk: Any, served: Served) -> None:
    markets, now = served.exchange.catalogue.markets.values(), int(time.time())
    game = next(m.event for m in markets if m.event.series.ticker == "KXNBAGAME" and m.status == "active")
    number = next(m.event for m in markets if m.event.series.ticker == "KXBTCD" and m.status == "active")
    (milestone,) = (await sdk._milestone_api.get_milestones(limit=3, related_event_ticker=game.ticker)).milestones
    assert (await sdk._milestone_api.get_milestone(milestone.id)).milestone.type == "basketball_game"
    live = sdk._live_data_api
    assert (await live.get_live_data_by_milestone(milestone.id)).live_data.details["home"]
    assert (await live.get_live_data("basketball_game", milestone.id)).live_data.milestone_id == milestone.id
    assert len((await live.get_live_datas([milestone.id])).live_datas) == 1
    assert len((await live.get_game_stats(milestone.id)).pbp.periods) == 4
    assert (await live.get_event_live_data(number.ticker)).live_data.type == "crypto_price"
    weather = await live.get_weather_index("nyc", detailed=True)
    assert len(weather.timeseries) >= 60
    assert (await live.get_weather_index_calibrations("nyc")).calibrations[0].stations
    targets = (await sdk._structured_targets_api.get_structured_targets(type="football_team")).structured_targets
    assert (await sdk._structured_targets_api.get_structured_target(targets[0].id)).structured_target.name
    search = sdk._search_api
    assert "Sports" in (await search.get_tags_for_series_categories()).tags_by_categories
    assert (await search.get_filters_for_sports()).sport_ordering == ["Basketball", "Football"]
    assert (await sdk._incentive_programs_api.get_incentive_programs(status="active")).incentive_programs
    assert (await sdk._exchange_api.get_series_fee_changes(show_historical=True)).series_fee_change_arr
    assert (await sdk._events_api.get_event_fee_changes()).event_fee_changes
    forecast = await sdk._events_api.get_event_forecast_percentiles_history(
        number.ticker, "KXBTCD", percentiles=[1_000, 5_000, 9_000], start_ts=now - 7_200, end_ts=now, period_interval=60
    )
    low, middle, high = (p.raw_numerical_forecast for p in forecast.forecast_history[-1].percentile_points)
    assert low < middle < high
