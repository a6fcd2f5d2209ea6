"""Every fee that production was recorded to take, recomputed to the last micro; and fees that are waived.

Trade fees were rounded up to $0.0001 until about mid-September 2026, to $0.000001 since; the recordings are of August.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from prediction_mcp.kalshi.fees import GRID_DIRECT, SOON, FeeSchedule, round_fee, trade_fee
from prediction_mcp.kalshi.models.markets import Market
from prediction_mcp.kalshi.units import parse_count, parse_price
from tests.facts import load

AUGUST = 100
"""Micros that trade fees were rounded up to in August 2026."""
FILLS: list[dict[str, Any]] = load("kalshi/production/portfolio_fills_redacted")["payload"]["fills"]
SETTLEMENTS: list[dict[str, Any]] = load("kalshi/production/portfolio_settlements_redacted")["payload"]["settlements"]
COMBO_MAKER: dict[str, list[dict[str, str]]] = load("kalshi/production/combo_maker_fees_prod_2026-08")["fills"]
SERIES: dict[str, Any] = load("kalshi/production/series_fee_fields")["payloads"]


def net_fee(rate: int, price: Decimal, count: Decimal, unit: int) -> Decimal:
    """Dollars that buying ``count`` at ``price`` costs in fees, the trade fee rounded up to ``unit`` micros."""
    units, contracts = parse_price(price), parse_count(count)
    fee = -(-trade_fee(rate, units, contracts) // unit) * unit
    return Decimal(round_fee(-units * contracts, fee, GRID_DIRECT, 0)[0]) / 1_000_000


def schedule(ticker: str) -> FeeSchedule:
    """The fees of then: series of baseball had half of them, as recorded; the others all."""
    return FeeSchedule.of("quadratic_with_maker_fees", "0.5" if ticker.startswith("KXMLB") else 1)


def test_baseball_had_half_fees() -> None:
    recorded = {
        ticker: found["series"]["fee_multiplier"] for ticker, found in SERIES.items() if ticker.startswith("KXMLB")
    }
    assert set(recorded.values()) == {0.5}


@pytest.mark.parametrize("fill", FILLS, ids=lambda f: f"{f['ticker']}@{f['yes_price_dollars']}")
def test_each_recorded_fill(fill: dict[str, Any]) -> None:
    price, count = Decimal(fill[f"{fill['outcome_side']}_price_dollars"]), Decimal(fill["count_fp"])
    rate = schedule(fill["ticker"]).rate(is_taker=fill["is_taker"])
    assert net_fee(rate, price, count, AUGUST) == Decimal(fill["fee_cost"])


@pytest.mark.parametrize("settlement", SETTLEMENTS, ids=lambda s: s["ticker"])
def test_each_recorded_settlement(settlement: dict[str, Any]) -> None:
    """``fee_cost`` is what the fills cost; each of these positions came of one fill of a taker."""
    (side,) = (s for s in ("yes", "no") if Decimal(settlement[f"{s}_count_fp"]))
    count, cost = Decimal(settlement[f"{side}_count_fp"]), Decimal(settlement[f"{side}_total_cost_dollars"])
    rate = schedule(settlement["ticker"]).taker_rate
    assert net_fee(rate, cost / count, count, AUGUST) == Decimal(settlement["fee_cost"])


@pytest.mark.parametrize(("rows", "makers_pay"), [("rows", True), ("rows2", False)])
def test_each_recorded_fill_of_a_combo_maker(rows: str, *, makers_pay: bool) -> None:
    """Half of a taker's fee from 2026-08-20 09:07 UTC; before that only what rounds the balance."""
    rate = FeeSchedule.of("quadratic_with_combo_maker_fees").maker_rate if makers_pay else 0
    assert COMBO_MAKER[rows]
    for row in COMBO_MAKER[rows]:
        fee = net_fee(rate, Decimal(row["price_dollars"]), Decimal(row["count"]), AUGUST)
        assert fee == Decimal(row["fee_cost"]), row


def test_fees_since_september_are_finer() -> None:
    """Never more than those of August, and less than $0.0002 apart: the grid of the balance stayed."""
    for fill in FILLS:
        price, count = Decimal(fill[f"{fill['outcome_side']}_price_dollars"]), Decimal(fill["count_fp"])
        now = schedule(fill["ticker"]).fee(price, count, is_taker=True)
        assert Decimal(0) <= Decimal(fill["fee_cost"]) - now < Decimal("0.0002")


NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "free"),
    [(None, False), (NOW - timedelta(days=1), False), (NOW + SOON, False), (NOW + SOON * 2, True)],
)
def test_a_waiver_counts_until_it_ends_soon(until: datetime | None, *, free: bool) -> None:
    fees = FeeSchedule.of("quadratic_with_maker_fees")
    found = fees.waived(until, NOW)
    assert (found.fee(Decimal("0.5"), Decimal(10), is_taker=True) == 0) is free
    assert (found.worst(5_000, 1_000) == 0) is free
    assert found.through(None) == fees
    assert found.through(NOW) == found
    assert found.through(NOW + timedelta(days=30)) == fees


def test_the_waiver_of_a_market_is_read() -> None:
    fields = {"ticker": "A", "event_ticker": "A", "status": "active"}
    for value, read in (("2026-12-03T18:00:00Z", datetime(2026, 12, 3, 18, tzinfo=UTC)), (None, None), ("", None)):
        assert Market.model_validate({**fields, "fee_waiver_expiration_time": value}).fee_waiver_expiration_time == read
    assert Market.model_validate(fields).fee_waiver_expiration_time is None
