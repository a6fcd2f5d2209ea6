from __future__ import annotations

from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.kalshi.errors import InvalidOrderError
from prediction_mcp.kalshi.orders import check_count, check_price, from_book, in_words, to_book
from prediction_mcp.kalshi.units import CENT_GRID, PriceGrid
from prediction_mcp.net.sides import Action, BookSide, Side

cents = st.integers(1, 9_999).map(lambda n: Decimal(n) / 10_000)


def test_buy_yes_at_30_becomes_bid_at_30() -> None:
    assert to_book("yes", "buy", Decimal("0.30")) == ("bid", Decimal("0.30"))


def test_sell_yes_at_30_becomes_ask_at_30() -> None:
    assert to_book("yes", "sell", Decimal("0.30")) == ("ask", Decimal("0.30"))


def test_buy_no_at_30_becomes_ask_at_70() -> None:
    assert to_book("no", "buy", Decimal("0.30")) == ("ask", Decimal("0.70"))


def test_sell_no_at_30_becomes_bid_at_70() -> None:
    assert to_book("no", "sell", Decimal("0.30")) == ("bid", Decimal("0.70"))


def test_a_book_order_in_words() -> None:
    assert in_words("bid", Decimal("0.42")) == "buy yes at 42¢ (= sell no at 58¢)"
    assert in_words("ask", Decimal("0.425")) == "buy no at 57.5¢ (= sell yes at 42.5¢)"


@given(st.sampled_from(get_args(Side)), st.sampled_from(get_args(Action)), cents)
def test_all_four_come_back(side: Side, action: Action, price: Decimal) -> None:
    book, yes_price = to_book(side, action, price)
    assert book in get_args(BookSide)
    assert from_book(book, yes_price, side) == (action, price)


@given(st.sampled_from(get_args(Side)), cents)
def test_buying_and_selling_a_side_stand_opposite_at_the_same_price(side: Side, price: Decimal) -> None:
    (bought, at), (sold, also_at) = to_book(side, "buy", price), to_book(side, "sell", price)
    assert bought != sold
    assert at == also_at


def test_a_price_off_the_grid_names_the_nearest_of_the_side_traded() -> None:
    with pytest.raises(InvalidOrderError, match=r"no price of 30\.5¢: the nearest it takes is 30¢ or 31¢"):
        check_price(Decimal("0.305"), "no", CENT_GRID)


def test_the_grid_is_checked_in_yes_prices() -> None:
    """A grid that is fine only near $0 of YES is fine only near $1 of NO."""
    grid = PriceGrid.parse([("0", "0.1", "0.001"), ("0.1", "1", "0.01")])
    assert check_price(Decimal("0.999"), "no", grid) == 10
    with pytest.raises(InvalidOrderError):
        check_price(Decimal("0.001"), "no", grid)
    with pytest.raises(InvalidOrderError) as near:  # on the NO side the fine steps are the dear ones
        check_price(Decimal("0.855"), "no", grid)
    assert str(near.value) == "This market takes no price of 85.5¢: the nearest it takes is 85¢ or 86¢."
    assert check_price(Decimal("0.099"), "yes", grid) == 990
    with pytest.raises(InvalidOrderError, match="nearest it takes is 15¢ or 16¢"):
        check_price(Decimal("0.155"), "yes", grid)
    with pytest.raises(InvalidOrderError, match=r"^The price 50\.001¢ is not a price: .+\.$"):
        check_price(Decimal("0.50001"), "yes", grid)


@pytest.mark.parametrize("bad", ["0", "-1", "0.001", "NaN"])
def test_bad_counts(bad: str) -> None:
    with pytest.raises(InvalidOrderError, match="count"):
        check_count(Decimal(bad))


def test_fractions_only_where_the_market_trades_them() -> None:
    assert check_count(Decimal("2.5")) == 250
    assert (check_count(Decimal("0.01")), check_count(Decimal("101"), fractional=False)) == (1, 10_100)
    with pytest.raises(InvalidOrderError, match="whole"):
        check_count(Decimal("1.01"), fractional=False)
    with pytest.raises(InvalidOrderError, match="whole"):
        check_count(Decimal("2.5"), fractional=False)
