"""What a step changed, for whoever keeps it on disk; and the records that only the disk keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .groups import OrderGroup
    from .ledger import Account
    from .market_state import Trade
    from .matching import Order
    from .rfq import Rfq


DepositStatus = Literal["applied", "pending", "failed"]


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money from outside, in micros. A ``pending`` or ``failed`` one is listed, and no money."""

    account: Account
    micros: int
    ts_ms: int
    status: DepositStatus = "applied"


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money between two accounts of one member, in micros.

    The member made the id of a transfer between subaccounts, or ``client_id`` of one between shards, so that none is
    done twice.
    """

    transfer_id: str
    source: Account
    target: Account
    micros: int
    ts_ms: int
    client_id: str = ""

    @property
    def crosses_shards(self) -> bool:
        return self.source.shard != self.target.shard


@dataclass(slots=True)
class Changes:
    """Everything that differs from the disk. An order brings its account, its position and its market with it."""

    orders: dict[Order, None] = field(default_factory=dict)
    positions: dict[tuple[Account, str], None] = field(default_factory=dict)
    accounts: dict[Account, None] = field(default_factory=dict)
    markets: dict[str, None] = field(default_factory=dict)  # what trading changes
    listings: dict[str, None] = field(default_factory=dict)  # what the life cycle changes
    events: dict[str, None] = field(default_factory=dict)
    groups: dict[OrderGroup, None] = field(default_factory=dict)
    rfqs: dict[Rfq, None] = field(default_factory=dict)  # with their quotes
    trades: list[tuple[str, Trade]] = field(default_factory=list)
    deposits: list[Deposit] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    extras: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    """What a front keeps besides, by kind and key; None strikes it out."""

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)
