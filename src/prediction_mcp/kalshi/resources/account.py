"""/account: the usage tier's limits and what each endpoint costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models.portfolio import AccountLimits, EndpointCosts

if TYPE_CHECKING:
    from ..transport import Transport


class AccountResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def limits(self) -> AccountLimits:
        """The account's two token buckets."""
        return await self._transport.get(AccountLimits, "/account/limits", signed=True)

    async def endpoint_costs(self) -> EndpointCosts:
        """Tokens of each endpoint that doesn't cost the default."""
        return await self._transport.get(EndpointCosts, "/account/endpoint_costs")
