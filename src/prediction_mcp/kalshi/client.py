"""KalshiClient: opens, closes and holds the resources."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from .rate_limit import RateLimiter
from .resources.account import AccountResource
from .resources.collections import CollectionsResource
from .resources.communications import CommunicationsResource
from .resources.events import EventsResource
from .resources.exchange import ExchangeResource
from .resources.groups import OrderGroupsResource
from .resources.live_data import LiveDataResource
from .resources.markets import MarketsResource
from .resources.orders import OrdersResource
from .resources.portfolio import PortfolioResource
from .resources.reference import ReferenceResource
from .resources.series import SeriesResource
from .resources.subaccounts import ShardsResource, SubaccountsResource

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from prediction_mcp.net.caching import ReadCache

    from .auth import Signer

LIVE_URL = "https://external-api.kalshi.com/trade-api/v2"
DEMO_URL = "https://external-api.demo.kalshi.co/trade-api/v2"


class KalshiClient:
    """A typed async client.

    >>> async with KalshiClient(DEMO_URL) as kalshi:
    ...     page = await kalshi.markets.list(status="open", limit=5)

    Args:
        base_url: up to and including ``/trade-api/v2``; :data:`LIVE_URL`, :data:`DEMO_URL` or a paper exchange.
        signer: from :mod:`prediction_mcp.kalshi.auth`; without it only public market data can be read.
        max_tries: tries of one request, the first included.
        http: an httpx client of your own; it is closed with this one.
        budget: a folder of this account alone: all processes that name it share its rate limits.
        cache: keeps answers for a moment, for work that allows it; closed with this one.
    """

    def __init__(
        self,
        base_url: str = LIVE_URL,
        signer: Signer | None = None,
        *,
        max_tries: int = 6,
        http: httpx.AsyncClient | None = None,
        budget: Path | None = None,
        cache: ReadCache | None = None,
    ) -> None:
        from .transport import Transport  # HTTP is loaded by who uses it, not by who names the client

        self.limiter = RateLimiter(budget)
        self.transport = Transport(base_url, signer, self.limiter, max_tries=max_tries, http=http, cache=cache)
        self.exchange = ExchangeResource(self.transport)
        self.series = SeriesResource(self.transport)
        self.events = EventsResource(self.transport)
        self.markets = MarketsResource(self.transport)
        self.orders = OrdersResource(self.transport)
        self.reference = ReferenceResource(self.transport)
        self.portfolio = PortfolioResource(self.transport)
        self.account = AccountResource(self.transport)
        self.collections = CollectionsResource(self.transport)
        self.communications = CommunicationsResource(self.transport)
        self.order_groups = OrderGroupsResource(self.transport)
        self.live_data = LiveDataResource(self.transport)
        self.subaccounts = SubaccountsResource(self.transport)
        self.shards = ShardsResource(self.transport)

    @property
    def has_key(self) -> bool:
        """Whether it can read and write an account."""
        return self.transport.signer is not None

    async def learn_limits(self) -> None:
        """Ask the exchange for this account's budget and mirror it from now on. Needs a key."""
        limits = await self.account.limits()
        costs = await self.account.endpoint_costs()
        self.limiter.learn_limits(
            limits.usage_tier,
            (limits.read.refill_rate, limits.read.bucket_capacity),
            (limits.write.refill_rate, limits.write.bucket_capacity),
        )
        self.limiter.learn_costs(costs.default_cost, {(c.method, c.path): c.cost for c in costs.endpoint_costs})

    async def close(self) -> None:
        await self.transport.close()

    async def __aenter__(self) -> KalshiClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
