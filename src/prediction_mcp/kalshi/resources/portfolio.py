"""/portfolio: balance, positions, fills, settlements."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from ..models.portfolio import (
    Balance,
    DepositPage,
    Fill,
    FillPage,
    MarketPosition,
    PositionPage,
    RestingValue,
    Settlement,
    SettlementPage,
    Transfer,
    WithdrawalPage,
)
from ..pagination import everything

if TYPE_CHECKING:
    from ..transport import Transport


class PortfolioResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def balance(self, *, subaccount: int | None = None, exchange_index: int | None = None) -> Balance:
        """Free cash and what the positions are worth; the primary account unless a subaccount is named."""
        query = {"subaccount": subaccount, "exchange_index": exchange_index}
        return await self._transport.get(Balance, "/portfolio/balance", signed=True, query=query)

    async def positions(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        settlement_status: str | None = None,
        count_filter: str | None = None,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        historical: bool = False,
    ) -> PositionPage:
        """A page of positions (1,000 at most); ``settlement_status`` is unsettled (default), settled or all."""
        query = {
            "ticker": ticker,
            "event_ticker": event_ticker,
            "settlement_status": None if historical else settlement_status,
            "count_filter": None if historical else count_filter,
            "subaccount": subaccount,
            "exchange_index": None if historical else exchange_index,
            "limit": limit,
            "cursor": cursor,
        }
        template = "/historical/positions" if historical else "/portfolio/positions"
        return await self._transport.get(PositionPage, template, signed=True, query=query)

    def all_positions(self, **filters: Any) -> AsyncIterator[MarketPosition]:
        """Every market position that fits, over all pages; filters as for :meth:`positions`."""
        return everything(
            lambda cursor: self.positions(**{"limit": 1000, **filters, "cursor": cursor}), lambda p: p.market_positions
        )

    async def fills(
        self,
        *,
        ticker: str | None = None,
        order_id: str | None = None,
        min_ts: int | None = None,
        max_ts: int | None = None,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        historical: bool = False,
    ) -> FillPage:
        """A page of fills (1,000 at most), newest first; times in Unix seconds."""
        query = {
            "ticker": ticker,
            "order_id": None if historical else order_id,
            "min_ts": min_ts,
            "max_ts": max_ts,
            "subaccount": subaccount,
            "exchange_index": None if historical else exchange_index,
            "limit": limit,
            "cursor": cursor,
        }
        template = "/historical/fills" if historical else "/portfolio/fills"
        return await self._transport.get(FillPage, template, signed=True, query=query)

    def all_fills(self, **filters: Any) -> AsyncIterator[Fill]:
        """Every fill that fits, over all pages; filters as for :meth:`fills`."""
        return everything(lambda cursor: self.fills(**{"limit": 1000, **filters, "cursor": cursor}), lambda p: p.fills)

    async def settlements(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        min_ts: int | None = None,
        max_ts: int | None = None,
        subaccount: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> SettlementPage:
        """A page of settlements (1,000 at most), newest first."""
        query = {
            "ticker": ticker,
            "event_ticker": event_ticker,
            "min_ts": min_ts,
            "max_ts": max_ts,
            "subaccount": subaccount,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.get(SettlementPage, "/portfolio/settlements", signed=True, query=query)

    def all_settlements(self, **filters: Any) -> AsyncIterator[Settlement]:
        """Every settlement that fits, over all pages; filters as for :meth:`settlements`."""
        return everything(
            lambda cursor: self.settlements(**{"limit": 1000, **filters, "cursor": cursor}), lambda p: p.settlements
        )

    async def resting_value(self) -> RestingValue:
        """What all resting orders are worth."""
        return await self._transport.get(RestingValue, "/portfolio/summary/total_resting_order_value", signed=True)

    async def deposits(self, *, limit: int | None = None, cursor: str | None = None) -> DepositPage:
        """A page of deposits (500 at most), newest first."""
        query = {"limit": limit, "cursor": cursor}
        return await self._transport.get(DepositPage, "/portfolio/deposits", signed=True, query=query)

    async def withdrawals(self, *, limit: int | None = None, cursor: str | None = None) -> WithdrawalPage:
        """A page of withdrawals (500 at most), newest first."""
        query = {"limit": limit, "cursor": cursor}
        return await self._transport.get(WithdrawalPage, "/portfolio/withdrawals", signed=True, query=query)

    def all_deposits(self) -> AsyncIterator[Transfer]:
        """Every deposit, over all pages."""
        return everything(lambda cursor: self.deposits(limit=500, cursor=cursor), lambda p: p.deposits)

    def all_withdrawals(self) -> AsyncIterator[Transfer]:
        """Every withdrawal, over all pages."""
        return everything(lambda cursor: self.withdrawals(limit=500, cursor=cursor), lambda p: p.withdrawals)
