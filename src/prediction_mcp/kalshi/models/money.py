"""Money within an account: subaccounts, transfers, and the parts (shards) of the exchange that it lies on."""

from decimal import Decimal
from typing import Literal

from .base import Dollars, KalshiModel, Page, Request

Instance = Literal["event_contract", "margined"]
Reservation = Literal["none", "max", "sum"]


class IndexedBalance(KalshiModel):
    """Dollars on one shard."""

    exchange_index: int
    balance: Dollars


class SubaccountBalance(KalshiModel):
    """Free cash in dollars; ``subaccount_number`` 0 is the primary account. Unix seconds."""

    subaccount_number: int
    exchange_index: int = 0
    balance: Dollars
    updated_ts: int = 0


class SubaccountBalances(KalshiModel):
    subaccount_balances: list[SubaccountBalance] = []


class SubaccountTransfer(KalshiModel):
    """Cents that moved between two subaccounts; Unix seconds."""

    transfer_id: str
    from_subaccount: int
    to_subaccount: int
    amount_cents: int
    created_ts: int
    exchange_index: int = 0


class SubaccountTransferPage(Page):
    transfers: list[SubaccountTransfer] = []


class SubaccountNetting(KalshiModel):
    subaccount_number: int
    enabled: bool
    exchange_index: int = 0


class SubaccountNettings(KalshiModel):
    netting_configs: list[SubaccountNetting] = []


class SubaccountMade(KalshiModel):
    subaccount_number: int


class ShardTransfer(KalshiModel):
    """Dollars that move between shards or instances of the exchange; Unix seconds."""

    transfer_id: str
    client_transfer_id: str | None = None
    source: str
    destination: str
    source_exchange_shard: int = 0
    destination_exchange_shard: int = 0
    amount: Decimal
    status: str
    created_ts: int


class ShardTransferAnswer(KalshiModel):
    transfer: ShardTransfer


class ShardTransferPage(Page):
    transfers: list[ShardTransfer] = []


class TransferMade(KalshiModel):
    transfer_id: str


class BalanceShare(KalshiModel):
    """How many percent of the cash shall lie on a shard."""

    exchange_index: int
    percent: int


class BalanceAllocation(KalshiModel):
    allocations: list[BalanceShare] = []
    resting_margin_reservation: str = "sum"


class NewSubaccount(Request):
    exchange_index: int | None = None


class NewTransfer(Request):
    """Cents between two subaccounts; the same ``client_transfer_id`` (a UUID) twice is one transfer."""

    client_transfer_id: str
    from_subaccount: int
    to_subaccount: int
    amount_cents: int
    exchange_index: int | None = None


class SetNetting(Request):
    subaccount_number: int
    enabled: bool


class NewShardTransfer(Request):
    """``amount`` is in $0.0001. ``client_transfer_id`` (a UUID) is good once; numbered subaccounts take none."""

    source: Instance
    destination: Instance
    amount: int
    client_transfer_id: str | None = None
    source_exchange_shard: int | None = None
    destination_exchange_shard: int | None = None
    source_subaccount: int | None = None
    destination_subaccount: int | None = None


class NewShare(Request):
    exchange_index: int
    percent: int


class SetAllocation(Request):
    allocations: list[NewShare]
    resting_margin_reservation: Reservation | None = None
