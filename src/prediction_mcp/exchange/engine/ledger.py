"""Accounts: cash, positions, collateral for resting orders, fees and settlement. Exact to the last micro.

The model, in which money is conserved by construction:

* A matched pair of one YES and one NO is worth exactly $1, which lies in the market's *pool*. Who buys YES at p pays p
  into it, who sells YES (buys NO) pays 1 − p; who held the other side already is paid out of it instead (netting).
* ``cash`` is what the account owns; ``held`` is the part that resting orders may still need; ``available`` is the rest.
* An order is accepted only while ``available`` stays ≥ 0 in the worst case: all of it fills at its limit, with fees.
  What a fill really costs is never more (see :meth:`Holding.requirement`), so cash never goes below zero.
* A fill's rounding fee can exceed what was held for fees when an order fills in very many pieces. The engine then
  cancels what is left of the order instead of letting anyone owe the exchange.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from prediction_mcp.kalshi.fees import GRID_DIRECT
from prediction_mcp.kalshi.units import PRICE_UNITS

from .matching import BID, Order
from .rejection import RejectionError


class Holding:
    """What one account has and wants in one market. Money in micros, counts in count units."""

    __slots__ = (
        "ask_cost",
        "ask_count",
        "bid_cost",
        "bid_count",
        "contracts",
        "cost",
        "fees",
        "position",
        "realized",
        "slack",
        "traded",
        "updated_ms",
    )

    def __init__(self) -> None:
        self.position = 0  # > 0 YES, < 0 NO
        self.cost = 0  # cost basis of the open position
        self.realized = 0  # before fees
        self.fees = 0
        self.contracts = 0  # traded over all fills
        self.traded = 0  # over all fills, the price of the side that was bought, closing or not (recorded)
        # Of resting orders: what filling them costs with trade fees, how many, and what is held for rounding
        self.bid_cost = self.bid_count = self.ask_cost = self.ask_count = self.slack = 0
        self.updated_ms = 0

    def requirement(self) -> int:
        """Micros that resting orders may need in the worst case.

        Per side: what all its orders cost with their trade fees, less $1 for each contract that closes the position
        held. Any subset of them, in any sequence, needs at most this: opening more only adds, and closing a contract
        at q pays 1 − q, which is more than its fee. So it is enough, never counts a closing order twice, and lets
        somebody without a cent sell what they hold. Rounding fees are held apart, since a tiny closing fill can lose
        a grid unit.
        """
        position = self.position
        bids = self.bid_cost - PRICE_UNITS * min(-position, self.bid_count) if position < 0 else self.bid_cost
        asks = self.ask_cost - PRICE_UNITS * min(position, self.ask_count) if position > 0 else self.ask_cost
        return (bids if bids > 0 else 0) + (asks if asks > 0 else 0) + self.slack

    @property
    def is_idle(self) -> bool:
        return not (self.position or self.bid_count or self.ask_count or self.traded)


@dataclass(slots=True)
class Lot:
    """One of a market's two tokens in one account: count units, and micros."""

    count: int = 0
    cost: int = 0
    realized: int = 0
    bought: int = 0

    def gain(self, count: int, paid: int) -> None:
        self.count += count
        self.cost += paid
        self.bought += count

    def lose(self, count: int, got: int) -> None:
        """Give up tokens for ``got`` micros; their share of the cost goes with them."""
        basis = self.cost * count // self.count
        self.count -= count
        self.cost -= basis
        self.realized += got - basis


class TokenHolding(Holding):
    """What an account that holds tokens has and wants in one market.

    ``bid_cost`` and ``ask_cost`` are the dollars that open orders to buy YES and NO want, with fees; ``bid_count`` and
    ``ask_count`` the NO and the YES that open orders sell.
    """

    __slots__ = ("no", "yes")

    def __init__(self) -> None:
        super().__init__()
        self.yes, self.no = Lot(), Lot()

    def requirement(self) -> int:
        """Nothing is held over all markets: see :func:`.tokens.trim`."""
        return 0

    @property
    def wanted(self) -> int:
        """Micros that open orders may spend in this market."""
        return self.bid_cost + self.ask_cost

    def free(self, *, yes: bool) -> int:
        """Tokens that no open order sells."""
        return self.yes.count - self.ask_count if yes else self.no.count - self.bid_count

    @property
    def is_idle(self) -> bool:
        return not (self.yes.count or self.no.count or self.wanted or self.traded)

    def sync(self) -> None:
        """Keep the net position and its cost, which other parts read, in step with the tokens."""
        self.position = self.yes.count - self.no.count
        self.cost = self.yes.cost + self.no.cost


@dataclass(slots=True)
class Fill:
    """One account's half of a trade."""

    fill_id: str
    account: Account
    order_id: str
    client_order_id: str
    ticker: str
    side: int
    price: int
    count: int
    is_taker: bool
    fee: int
    ts_ms: int
    seq: int


@dataclass(slots=True)
class Settlement:
    """What a market's end paid one account."""

    account: Account
    ticker: str
    result: str
    value: int  # price units paid for one YES
    position: int  # contracts held at the end: > 0 YES, < 0 NO
    cost: int
    revenue: int
    fees: int
    ts_ms: int
    seq: int


@dataclass(slots=True)
class Returned:
    """What an account has of an event's pools already, in micros, and what its orders may have to give back of it.

    ``decided``: one of the event's markets ended with YES, so that every NO left is sure.
    """

    amount: int = 0
    held: int = 0
    decided: bool = False


@dataclass(slots=True, eq=False)
class Account:
    """The money and positions of one subaccount (0: the member's primary account) on one shard of the exchange.

    ``keeps_history`` is False for simulated traders. Each account has its own money and positions; orders, fills and
    settlements are the member's, kept with the primary account.
    """

    account_id: str
    grid: int = GRID_DIRECT
    keeps_history: bool = True
    number: int = 0
    parent: Account | None = None
    netting: bool = False
    tokens: bool = False
    """Holds YES and NO side by side: see :mod:`.tokens`."""
    shard: int = 0
    base: Account | None = None
    """Account of this subaccount on shard 0; None on shard 0 itself."""
    cash: int = 0
    held: int = 0
    deposited: int = 0
    holdings: dict[str, Holding] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    by_client_id: dict[str, str] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    settled: dict[str, Holding] = field(default_factory=dict)
    returns: dict[str, Returned] = field(default_factory=dict)
    """By event; see :mod:`.netting`."""
    updated_ms: int = 0
    home: Account = field(init=False)
    """Return the account of this subaccount on shard 0."""
    shards: dict[int, Account] = field(init=False)
    """Return the accounts of this subaccount by shard, itself included."""
    primary: Account = field(init=False)
    user_id: str = field(init=False)
    """The member's UUID in answers, always the same for its name."""

    def __post_init__(self) -> None:
        self.primary = self.parent or self
        self.home = self.base or self
        self.shards = {} if self.base is None else self.base.shards
        self.shards[self.shard] = self
        self.user_id = str(uuid.uuid5(uuid.NAMESPACE_OID, self.primary.account_id))
        if self.parent is not None:
            self.orders, self.by_client_id = self.parent.orders, self.parent.by_client_id
            self.fills, self.settlements = self.parent.fills, self.parent.settlements

    @property
    def nets(self) -> bool:
        """Whether collateral is returned to it, or was."""
        return self.netting or bool(self.returns)

    @property
    def returned(self) -> int:
        """Micros that it has of the pools already."""
        return sum(one.amount for one in self.returns.values())

    @property
    def available(self) -> int:
        """Micros that are free for new orders."""
        return self.cash - self.held

    def deposit(self, micros: int) -> None:
        """Add money from outside. Raises ValueError unless it is positive and on the account's balance grid."""
        if micros <= 0 or micros % self.grid:
            raise ValueError("a deposit must be positive and on the account's balance grid")
        self.cash += micros
        self.deposited += micros

    def on(self, shard: int) -> Account:
        """Return the account of a subaccount on a shard; open an empty one if there is none."""
        found = self.shards.get(shard)
        if found is None:
            home = self.home
            found = Account(
                f"{home.account_id}#{shard}", self.grid, self.keeps_history, self.number, home.primary, self.netting,
                self.tokens, shard, home,
            )  # fmt: skip
        return found

    @property
    def in_use(self) -> list[Account]:
        """Its accounts by shard: the one on shard 0, and those through which money ever moved."""
        return [one for _, one in sorted(self.shards.items()) if not one.shard or one.updated_ms]

    def holding(self, ticker: str) -> Holding:
        holding = self.holdings.get(ticker)
        if holding is None:
            holding = self.holdings[ticker] = TokenHolding() if self.tokens else Holding()
        return holding


def book_fill(account: Account, holding: Holding, side: int, price: int, count: int, fee: int) -> int:
    """Move money and contracts of one half of a trade; returns the pool's change in micros.

    ``fee`` is the net fee. The caller has computed it from :func:`revenue_of` and updates what is held afterwards.
    """
    position = holding.position
    unit = price if side == BID else PRICE_UNITS - price  # what opening one contract costs
    closing = min(count, -position) if side == BID else min(count, position)
    if closing > 0:
        proceeds = (PRICE_UNITS - unit) * closing
        basis = holding.cost * closing // abs(position)
        holding.cost -= basis
        holding.realized += proceeds - basis
        opening = count - closing
    else:
        proceeds = 0
        opening = count
    paid = unit * opening
    holding.cost += paid
    holding.position = position + count if side == BID else position - count
    holding.fees += fee
    holding.traded += unit * count
    holding.contracts += count
    account.cash += proceeds - paid - fee
    return paid - proceeds


def transfer(source: Account, target: Account, micros: int, now_ms: int) -> None:
    """Move free cash between two accounts of one member. Raises RejectionError where it isn't there."""
    if micros <= 0 or micros % target.grid:
        raise RejectionError("invalid_parameters", "the amount must be positive")
    if source.available < micros:
        raise RejectionError("insufficient_balance", "the balance that orders don't need is less than the amount")
    source.cash -= micros
    target.cash += micros
    source.updated_ms = target.updated_ms = now_ms


def revenue_of(holding: Holding, side: int, price: int, count: int) -> int:
    """Micros a fill moves before fees: negative to open, positive to close."""
    unit = price if side == BID else PRICE_UNITS - price
    closing = min(count, -holding.position) if side == BID else min(count, holding.position)
    if closing > 0:
        return (PRICE_UNITS - unit) * closing - unit * (count - closing)
    return -unit * count


def settle(account: Account, ticker: str, result: str, value: int, now_ms: int, seq: int) -> tuple[int, int]:
    """Pay an account out of a market that ended at ``value`` price units per YES.

    Returns:
        (micros taken from the pool, micros of it that the exchange keeps because balances sit on a grid).
    """
    holding = account.holdings.pop(ticker, None)
    if holding is None:
        return 0, 0
    account.held -= holding.requirement()
    owed = holding.position * value if holding.position > 0 else -holding.position * (PRICE_UNITS - value)
    paid = owed - owed % account.grid
    account.cash += paid
    account.updated_ms = now_ms
    if account.keeps_history and holding.traded:
        position, cost = holding.position, holding.cost
        holding.realized += paid - holding.cost
        holding.cost = 0
        holding.position = 0
        holding.updated_ms = now_ms
        account.settled[ticker] = holding
        if position:
            account.settlements.append(
                Settlement(
                    account=account,
                    ticker=ticker,
                    result=result,
                    value=value,
                    position=position,
                    cost=cost,
                    revenue=paid,
                    fees=holding.fees,
                    ts_ms=now_ms,
                    seq=seq,
                )
            )
    return owed, owed - paid
