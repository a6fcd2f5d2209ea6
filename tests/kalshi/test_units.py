from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.kalshi.units import (
    CENT_GRID,
    PRICE_UNITS,
    PriceGrid,
    dollars_decimal,
    format_count,
    format_dollars,
    format_price,
    parse_count,
    parse_dollars,
    parse_price,
)

TAPERED = PriceGrid.parse(
    [("0.0000", "0.1000", "0.0010"), ("0.1000", "0.9000", "0.0100"), ("0.9000", "1.0000", "0.0010")]
)


@pytest.mark.parametrize(
    ("text", "units"), [("0.56", 5600), ("0.5600", 5600), ("0.0010", 10), ("1", 10_000), (Decimal("0.999"), 9990)]
)
def test_price_is_parsed_to_ten_thousandths(text: str | Decimal, units: int) -> None:
    assert parse_price(text) == units


@pytest.mark.parametrize("bad", ["0.56789", "abc", "nan", "inf", "", "1e-9"])
def test_what_is_not_exactly_a_price_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="price"):
        parse_price(bad)


def test_a_float_is_never_money() -> None:
    with pytest.raises(TypeError, match="exact"):
        parse_dollars(0.1)  # type: ignore[arg-type]


def test_kalshi_prints_dollars_with_four_to_six_decimals() -> None:
    assert [format_dollars(m) for m in (560_000, 3_639, 1_361, -60_000, 123_456_789, 10)] == [
        "0.5600", "0.003639", "0.001361", "-0.0600", "123.456789", "0.00001",
    ]  # fmt: skip


@given(st.integers(-(10**15), 10**15))
def test_dollars_come_back(micros: int) -> None:
    assert parse_dollars(format_dollars(micros)) == micros
    assert Decimal(format_dollars(micros)) == dollars_decimal(micros)


@given(st.integers(-(10**12), 10**12))
def test_counts_come_back(units: int) -> None:
    assert parse_count(format_count(units)) == units


@given(st.integers(0, PRICE_UNITS))
def test_prices_come_back(units: int) -> None:
    assert parse_price(format_price(units)) == units


def test_price_times_count_is_a_whole_micro() -> None:
    assert parse_price("0.0001") * parse_count("0.01") == parse_dollars("0.000001")


def test_cent_grid_has_99_prices() -> None:
    assert len(CENT_GRID.prices()) == 99
    assert 0 not in CENT_GRID
    assert PRICE_UNITS not in CENT_GRID


def test_tapered_grid_of_the_recorded_market() -> None:
    """Tenths of a cent below 10¢ and above 90¢, cents between: 99 + 81 + 99 prices, the two joints counted once."""
    assert len(TAPERED.prices()) == 99 + 1 + 79 + 1 + 99
    assert parse_price("0.099") in TAPERED
    assert parse_price("0.105") not in TAPERED
    assert TAPERED.neighbours(parse_price("0.105")) == (1000, 1100)
    assert TAPERED.neighbours(parse_price("0.9995")) == (9990, None)


@given(st.integers(1, PRICE_UNITS - 1))
def test_neighbours_enclose_and_are_nearest(price: int) -> None:
    below, above = TAPERED.neighbours(price)
    between = [p for p in TAPERED.prices() if (below or 0) < p < (above or PRICE_UNITS)]
    assert all(p == price for p in between) if price in TAPERED else not between


@pytest.mark.parametrize("ranges", [[], [("0", "1", "0")], [("0.5", "0.5", "0.01")], [("0", "1", "-0.01")]])
def test_a_grid_without_prices_is_refused(ranges: list[tuple[str, str, str]]) -> None:
    with pytest.raises(ValueError, match="grid"):
        PriceGrid.parse(ranges)
