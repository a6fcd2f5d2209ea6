"""Free cash of an account by subaccount and by shard, read from the exchange's rows: pure and exact.

``GET /portfolio/subaccounts/balances`` has a row per (subaccount, shard), so a subaccount stands in as many rows as it
has shards with money. Whoever goes through subaccounts takes :attr:`CashBalances.subaccounts`, never the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from .models.money import IndexedBalance, SubaccountBalance
    from .models.portfolio import Balance

PRIMARY = 0
"""The account's own number among its subaccounts."""
DEFAULT_SHARD = 0
"""The shard of whatever names none."""
MARGIN_SUBACCOUNT = 64
"""Money for perpetuals and margin trading, which nothing here trades or values."""
ZERO, CENT, CENTICENT = Decimal(0), Decimal("0.01"), Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class CashBalances:
    """Free cash in dollars.

    Attributes:
        amounts: by (subaccount, shard), without money for perpetuals and margin.
        margin: dollars in the subaccount for perpetuals and margin; they are part of no sum.
    """

    amounts: Mapping[tuple[int, int], Decimal]
    margin: Decimal = ZERO

    @classmethod
    def of(cls, rows: Iterable[SubaccountBalance]) -> Self:
        """Cash from the rows of ``GET /portfolio/subaccounts/balances``."""
        amounts, margin = dict[tuple[int, int], Decimal](), ZERO
        for row in rows:
            if row.subaccount_number == MARGIN_SUBACCOUNT:
                margin += row.balance
                continue
            where = row.subaccount_number, row.exchange_index
            amounts[where] = amounts.get(where, ZERO) + row.balance
        return cls(amounts, margin)

    @classmethod
    def of_primary(cls, balance: Balance) -> Self:
        """Cash of the primary account from ``GET /portfolio/balance``; on the default shard where no split is given."""
        split: Sequence[IndexedBalance] = balance.balance_breakdown or ()
        if not split:
            return cls({(PRIMARY, DEFAULT_SHARD): balance.balance_dollars})
        return cls({(PRIMARY, part.exchange_index): part.balance for part in split})

    @property
    def total(self) -> Decimal:
        """Dollars over all subaccounts and shards."""
        return sum(self.amounts.values(), ZERO)

    @property
    def subaccounts(self) -> list[int]:
        """Each subaccount once, the primary account among them."""
        return sorted({number for number, _ in self.amounts} | {PRIMARY})

    def of_subaccount(self, number: int) -> Decimal:
        """Dollars of a subaccount over all shards."""
        return sum(self.by_shard(number).values(), ZERO)

    def by_shard(self, subaccount: int = PRIMARY) -> dict[int, Decimal]:
        """Dollars of a subaccount by shard, in the order of the shards."""
        return {shard: amount for (number, shard), amount in sorted(self.amounts.items()) if number == subaccount}

    def on(self, shard: int | None, subaccount: int = PRIMARY) -> Decimal:
        """Dollars of a subaccount on one shard, all that an order of a market there can use."""
        return self.amounts.get((subaccount, DEFAULT_SHARD if shard is None else shard), ZERO)

    @property
    def trading_subaccount(self) -> int:
        """The subaccount that orders without one are for: the primary, or the only one that the key may see."""
        seen = {number for number, _ in self.amounts}
        return next(iter(seen)) if len(seen) == 1 else PRIMARY


@dataclass(frozen=True, slots=True)
class ShardMove:
    """Dollars to move from one shard to another, within a subaccount."""

    source: int
    target: int
    amount: Decimal


def moves_to_fund(cash: Mapping[int, Decimal], needs: Mapping[int, Decimal]) -> list[ShardMove] | None:
    """Transfers after which each shard has what it needs, from the shards with the most to spare.

    Args:
        cash: dollars by shard.
        needs: dollars that orders need by shard.

    Returns:
        As few transfers as that takes, in whole cents where the source has them and in $0.0001 else; none where each
        shard has enough already; None where all shards together have too little.
    """
    in_cents = _moves(cash, needs, CENT)
    return _moves(cash, needs, CENTICENT) if in_cents is None else in_cents


def _moves(cash: Mapping[int, Decimal], needs: Mapping[int, Decimal], step: Decimal) -> list[ShardMove] | None:
    """Return the fees with amounts rounded up to a step."""
    spare = {shard: amount - needs.get(shard, ZERO) for shard, amount in cash.items()}
    spare = {shard: left.quantize(CENTICENT, ROUND_DOWN) for shard, left in spare.items() if left > 0}
    moves = list[ShardMove]()
    for target, need in sorted(needs.items()):
        lacking = (need - cash.get(target, ZERO)).quantize(CENTICENT, ROUND_UP)
        while lacking > 0:
            source = max(spare, key=lambda shard: (spare[shard], -shard), default=None)
            if source is None or not spare[source]:
                return None
            amount = min(lacking.quantize(step, ROUND_UP), spare[source])
            moves.append(ShardMove(source, target, amount))
            spare[source] -= amount
            lacking -= amount
    return moves
