"""Cash by subaccount and shard, held against the recorded rows and against a recomputation."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from prediction_mcp.kalshi.cash import MARGIN_SUBACCOUNT, CashBalances, ShardMove, moves_to_fund
from prediction_mcp.kalshi.models.money import SubaccountBalances
from prediction_mcp.kalshi.models.portfolio import Balance
from tests.facts import load

RECORDED = "kalshi/production/subaccount_balances_by_shard"
D = Decimal
dollars = st.integers(0, 10**9).map(lambda n: D(n) / 10_000)
rows = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 63, MARGIN_SUBACCOUNT]), st.integers(0, 3), dollars), unique_by=lambda r: r[:2]
)


def cash_of(listed: list[tuple[int, int, D]]) -> CashBalances:
    answer = SubaccountBalances.model_validate(
        {
            "subaccount_balances": [
                {"subaccount_number": n, "exchange_index": shard, "balance": f"{amount:.4f}", "updated_ts": 1}
                for n, shard, amount in listed
            ]
        }
    )
    return CashBalances.of(answer.subaccount_balances)


def test_the_recorded_rows() -> None:
    """Production has two rows of the primary account: one on shard 0 and one on shard 2."""
    cash = CashBalances.of(SubaccountBalances.model_validate(load(RECORDED)["answer"]).subaccount_balances)
    assert cash.subaccounts == [0, 1, 2]
    assert cash.by_shard() == {0: D("12410.2500"), 2: D("155.5000")}
    assert cash.total == D("12660.75")
    assert cash.on(2) == D("155.50")
    assert cash.on(3) == 0


@given(rows)
def test_every_sum_is_the_sum_of_its_rows(listed: list[tuple[int, int, D]]) -> None:
    """Brute force: each figure is added up again from the rows; money for margin is in none of them."""
    cash = cash_of(listed)
    counted = [row for row in listed if row[0] != MARGIN_SUBACCOUNT]
    assert cash.total == sum((amount for *_, amount in counted), D(0))
    assert cash.margin == sum((amount for number, _, amount in listed if number == MARGIN_SUBACCOUNT), D(0))
    assert cash.subaccounts == sorted({number for number, *_ in counted} | {0})
    assert sum((cash.of_subaccount(number) for number in cash.subaccounts), D(0)) == cash.total
    for number, shard, amount in counted:
        assert cash.on(shard, number) == amount


def test_a_balance_with_and_without_its_split() -> None:
    split = {"balance_dollars": "3.0000", "balance_breakdown": [{"exchange_index": 2, "balance": "3.0000"}]}
    assert CashBalances.of_primary(Balance.model_validate(split)).by_shard() == {2: D(3)}
    assert CashBalances.of_primary(Balance.model_validate({"balance_dollars": "3.0000"})).on(None) == 3


shards = st.dictionaries(st.integers(0, 4), dollars, max_size=5)


@example({1: D("0.0954")}, {2: D("0.0001"), 3: D("0.0859")})
@given(shards, shards)
def test_transfers_fund_every_need_or_there_is_too_little(cash: dict[int, D], needs: dict[int, D]) -> None:
    """The law: afterwards each shard has what it needs, none is below zero, and no dollar came or went."""
    moves = moves_to_fund(cash, needs)
    total, needed = sum(cash.values(), D(0)), sum(needs.values(), D(0))
    if moves is None:
        assert total < needed
        return
    after = defaultdict(D, cash)
    for move in moves:
        assert move.amount > 0
        assert move.source != move.target
        assert move.amount == move.amount.quantize(D("0.0001"))
        after[move.source] -= move.amount
        after[move.target] += move.amount
    assert sum(after.values(), D(0)) == total
    assert all(amount >= needs.get(shard, D(0)) for shard, amount in after.items())
    assert all(cash.get(move.target, D(0)) < needs[move.target] for move in moves)


def test_what_lacks_comes_from_the_shard_with_the_most_in_whole_cents() -> None:
    moves = moves_to_fund({0: D(10), 3: D(90), 2: D("0.005")}, {2: D("5.0001")})
    assert moves == [ShardMove(3, 2, D("5.00"))]
    assert moves_to_fund({0: D("0.50"), 3: D("0.60")}, {2: D(1)}) == [
        ShardMove(3, 2, D("0.60")), ShardMove(0, 2, D("0.40"))
    ]  # fmt: skip
    assert moves_to_fund({0: D(1)}, {0: D(1)}) == []
