"""Order groups: a limit on what orders may trade together within 15 seconds."""

from .base import Count, KalshiModel, Request


class OrderGroup(KalshiModel):
    """``contracts_limit_fp``: contracts within any 15 s; at it every order of the group is cancelled."""

    id: str
    contracts_limit_fp: Count | None = None
    is_auto_cancel_enabled: bool = True
    exchange_index: int | None = None


class OrderGroupList(KalshiModel):
    order_groups: list[OrderGroup] = []


class OrderGroupDetail(KalshiModel):
    """``orders`` are the ids of those that rest."""

    orders: list[str] = []
    contracts_limit_fp: Count | None = None
    is_auto_cancel_enabled: bool = True
    exchange_index: int | None = None


class OrderGroupMade(KalshiModel):
    order_group_id: str
    subaccount: int = 0
    exchange_index: int | None = None


class NewOrderGroup(Request):
    contracts_limit_fp: str
    subaccount: int | None = None
    exchange_index: int | None = None


class OrderGroupLimit(Request):
    contracts_limit_fp: str


class Nothing(KalshiModel):
    """An answer without content."""


class Empty(Request):
    """A body without content, where the exchange wants one."""
