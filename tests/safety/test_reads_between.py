"""What is held and what rests are two reads: an order that fills between them counts, whichever comes first."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from prediction_mcp.connection import open_both
from prediction_mcp.desk.both import MARKET
from prediction_mcp.desk.kalshi.guarded import Guarded as KalshiGuarded
from prediction_mcp.desk.kalshi.trading.view import Wants, gather
from prediction_mcp.desk.polymarket.guarded import Guarded as WalletGuarded
from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.fronts.polymarket.opening import Second
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.models.orders import NewOrder
from prediction_mcp.kalshi.resources.order_reads import OrderReads
from prediction_mcp.kalshi.resources.portfolio import PortfolioResource
from prediction_mcp.polymarket import PolymarketAccount, PolymarketClient
from prediction_mcp.safety.intents import Intent
from prediction_mcp.safety.limits import at_risk
from prediction_mcp.safety.plan import Done
from tests.conftest import MARKET as TICKER
from tests.conftest import Served, account_of
from tests.tools.conftest import settings_for


def once_after(monkeypatch: pytest.MonkeyPatch, owner: type[Any], name: str, then: Callable[[], None]) -> None:
    """``then`` happens when the method has answered."""
    method = getattr(owner, name)

    async def wrapped(*args: Any, **more: Any) -> Any:
        answer = await method(*args, **more)
        then()
        return answer

    monkeypatch.setattr(owner, name, wrapped)


def once(do: Callable[[], Any]) -> Callable[[], None]:
    done = list[bool]()

    def run() -> None:
        if not done:
            done.append(True)
            do()

    return run


@pytest.mark.parametrize("platform", ["kalshi", "polymarket"])
async def test_what_fills_between_two_reads_is_counted(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Exchange(1, Clock(1_795_500_000_000, speed=0))
    second = Second(first)
    exchange = second.exchange()
    member = first.add_member()
    key = tmp_path / "wallet.key"
    key.write_text(f"{7:064x}")
    key.chmod(0o600)
    async with serve(first, with_crowd=False, second=second) as url:
        exchange.with_crowd = False
        served = Served(first, url, member, *first.issue_key(member))
        settings = settings_for(served, tmp_path, toolsets="polymarket", polymarket_key_path=key)
        async with open_both(settings) as (kalshi, wallet):
            own = first if platform == "kalshi" else exchange
            ticker = next(
                m.ticker for m in own.catalogue.markets.values()
                if m.status == "active" and m.event.series.ticker in ("KXFEDDECISION", "economics")
            )  # fmt: skip
            book, now = own.engine.markets[ticker].book, own.clock()
            own.engine.cancel_many([*book.bids, *book.asks], now)
            if platform == "kalshi":
                account: Any = member
                await kalshi.open()
            else:
                trader = await wallet.trader()
                await trader.open_orders()
                account = exchange.engine.accounts[wallet.address]
            own.engine.submit(account, ticker, BID, 4_000, 2_000, now)
            fill = once(lambda: own.engine.submit(own.crowd.takers[0], ticker, ASK, 4_000, 2_000, now))
            if platform == "kalshi":
                for owner, name in ((OrderReads, "list"), (PortfolioResource, "positions")):
                    once_after(monkeypatch, owner, name, fill)
                standing = await KalshiGuarded(kalshi).standing(ticker)
            else:
                for owner2, name in ((PolymarketAccount, "open_orders"), (PolymarketClient, "positions")):
                    once_after(monkeypatch, owner2, name, fill)
                condition = (await wallet.polymarket.market(ticker)).condition_id
                standing = await WalletGuarded(wallet).standing(f"{MARKET}{condition}")
            assert at_risk(standing) >= Decimal(8), "20 at 40 cents"
            if platform == "kalshi":
                own.engine.submit(account, ticker, BID, 3_000, 1_000, now)
                fill_more = once(lambda: own.engine.submit(own.crowd.takers[0], ticker, ASK, 3_000, 1_000, now))
                for owner, name in ((OrderReads, "list"), (PortfolioResource, "positions")):
                    once_after(monkeypatch, owner, name, fill_more)
                view = await gather(kalshi, ticker, Wants(positions=True, resting=True))
                assert at_risk(view.standing) >= Decimal(11)


async def test_fills_that_dont_show_yet_are_counted_in_full(
    served: Served, kalshi: KalshiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a lost order filled counts against the day's limit, though the list of its fills lags behind it."""
    ask = served.exchange.engine.markets[TICKER].book.asks.best
    assert ask is not None
    price = f"0.{ask + 100:04d}"
    await kalshi.orders.create(NewOrder(ticker=TICKER, side="bid", count="3.00", price=price, client_order_id="late"))

    async def none(*_: object) -> list[object]:
        return []

    monkeypatch.setattr(OrderReads, "fills", none)
    intent = Intent("i", time.time(), None, "p", "kalshi_create_order", "order", {}, TICKER, "late")
    done = await KalshiGuarded(account_of(kalshi)).fate(intent)
    assert isinstance(done, Done)
    assert done.spent >= 3 * Decimal(price)
