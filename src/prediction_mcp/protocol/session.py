"""What a server holds for its present life, and what a tool can ask for with ``Depends``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from fastmcp.server.dependencies import get_context

from prediction_mcp.desk.kalshi.account import Account
from prediction_mcp.settings import Settings

from .push import Push

if TYPE_CHECKING:
    from prediction_mcp.automation.desk import Desk
    from prediction_mcp.desk.across.desk import Across
    from prediction_mcp.desk.both import Both
    from prediction_mcp.desk.polymarket.account import Access
    from prediction_mcp.desk.polymarket.account import Account as PolymarketDesk
    from prediction_mcp.kalshi import KalshiClient
    from prediction_mcp.safety.guard import Guard


class Session:
    """One server's life: its account, and what is pushed from it."""

    def __init__(
        self,
        settings: Settings,
        connect: Callable[[], AbstractAsyncContextManager[KalshiClient]],
        reach_polymarket: Callable[[Account], AbstractAsyncContextManager[Access]],
    ) -> None:
        self.settings = settings
        self.push = Push()
        self.account = Account(settings, connect, self.push, report_progress)
        self._polymarket: PolymarketDesk | None = None
        self._both: Both | None = None
        self._reach_polymarket = reach_polymarket
        self._across: Across | None = None
        self._automation: Desk | None = None
        if settings.has_polymarket:
            self.account.beside = self.both

    @property
    def polymarket(self) -> PolymarketDesk:
        """The wallet at Polymarket; made by what first needs it."""
        if self._polymarket is None:
            from prediction_mcp.desk.polymarket.account import Account as PolymarketDesk

            settings, account = self.settings, self.account
            self._polymarket = PolymarketDesk(
                settings, lambda: self._reach_polymarket(account), account.records, self.both, self.push
            )
        return self._polymarket

    def both(self) -> Both:
        """What guards ask of both platforms."""
        if self._both is None:
            from prediction_mcp.desk.both import Both
            from prediction_mcp.desk.kalshi.guarded import Guarded
            from prediction_mcp.desk.polymarket.guarded import Guarded as Wallet

            self._both = Both(Guarded(self.account), Wallet(self.polymarket))
        return self._both

    @property
    def across(self) -> Across:
        """Both platforms as one object."""
        if self._across is None:
            from prediction_mcp.desk.across.desk import Across
            from prediction_mcp.desk.kalshi.venue import KalshiVenue
            from prediction_mcp.desk.polymarket.venue import PolymarketVenue

            venues = (KalshiVenue(self.account), PolymarketVenue(self.polymarket))
            self._across = Across(venues, self.settings.pairs_file)
        return self._across

    @property
    def automation(self) -> Desk:
        """Alerts, standing orders and messages of an account that is open."""
        if self._automation is None:
            from prediction_mcp.automation.desk import Desk

            self._automation = Desk(self.account)
        return self._automation

    async def wanted(self, uri: str) -> None:
        """Somebody listens to a resource: watch what it shows."""
        await (self.polymarket if uri.startswith("polymarket:") else self.account).feeds.wanted(uri)

    async def unwanted(self, uri: str) -> None:
        """Nobody does any more."""
        await (self.polymarket if uri.startswith("polymarket:") else self.account).feeds.unwanted(uri)

    async def close(self) -> None:
        await self.push.close()
        if self._across is not None:
            self._across.close()
        if self._polymarket is not None:
            await self._polymarket.close()
        await self.account.close()


def get_session() -> Session:
    return cast("Session", get_context().lifespan_context["session"])


async def get_account() -> Account:
    """The account, open: the first call connects. Raises KalshiError when the credentials can't be used."""
    return await get_session().account.open()


def get_closed_account() -> Account:
    """The account as it is: for what needs no connection."""
    return get_session().account


def get_guard() -> Guard:
    return get_session().account.guard


async def get_wallet() -> PolymarketDesk:
    """The wallet at Polymarket, reachable; no key is touched by this."""
    return await get_session().polymarket.open()


def get_across() -> Across:
    """Both platforms; each is reached by what first asks it."""
    return get_session().across


async def get_automation() -> Desk:
    """What works while nobody looks, of the account, open."""
    await get_session().account.open()
    return get_session().automation


async def get_known_automation() -> Desk:
    """The same for what lasts: refused to somebody nobody knows. Raises ReadOnlyError."""
    from .asking import is_anonymous

    if is_anonymous():
        from prediction_mcp.safety.policy import ReadOnlyError

        raise ReadOnlyError("Over HTTP alerts and standing orders need authentication: the owner sets HTTP_TOKEN.")
    return await get_automation()


def get_wallet_guard() -> Guard:
    return get_session().polymarket.guard


def get_push() -> Push:
    return get_session().push


async def report_progress(known: int, expected: int | None) -> None:
    """Tell the client how far long work has come, if it asked to be told; a worker's work is no client's."""
    try:
        context = get_context()
    except RuntimeError:  # outside of a call
        return
    await context.report_progress(known, expected)


def local_now() -> datetime:
    """This moment in the user's time zone: where words like "yesterday" are read."""
    try:
        return datetime.now(get_session().settings.zone)
    except (RuntimeError, KeyError):  # read outside of a call
        return datetime.now(UTC)
