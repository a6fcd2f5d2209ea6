"""A server that is killed between the legs of a pair: nothing is unknown afterwards, and nothing doubled."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.fronts.polymarket.opening import Second
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.second import PolymarketExchange
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import Clock
from prediction_mcp.exchange.world.fair import SharedFair
from tests.safety.test_chaos import children


async def said(client: Any, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, arguments)
    assert answer.structured_content is not None
    found: dict[str, Any] = answer.structured_content
    return found


@pytest.mark.skipif(not Path("/proc").exists(), reason="kills processes by what /proc says")
@pytest.mark.parametrize(("there", "held"), [("first leg", (20, 0)), ("second leg", (20, 20))])
async def test_killed_between_the_legs(there: str, held: tuple[int, int], tmp_path: Path) -> None:
    clock = Clock()  # the machine's: what became of an order is asked for by when it left
    first = Exchange(1, clock)
    second = Second(first)
    exchange = second.exchange()
    kalshi, polymarket = a_question(first, exchange)
    member = first.add_member()
    key_id, pem = first.issue_key(member)
    for name, text in (("key.pem", pem), ("wallet.key", f"{7:064x}")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("KALSHI_", "POLYMARKET_", "PAPER_"))}
    async with serve(first, with_crowd=False, second=second) as url:
        exchange.with_crowd = False
        plant(first, exchange, clock, kalshi, polymarket)
        env = clean | {
            "KALSHI_ENV": "paper", "KALSHI_BASE_URL": url, "KALSHI_API_KEY_ID": key_id, "TOOLSETS": "across,polymarket",
            "KALSHI_PRIVATE_KEY_PATH": str(tmp_path / "key.pem"), "SAFETY_FOLDER": str(tmp_path / "safety"),
            "POLYMARKET_BASE_URL": f"{url.partition('/trade-api')[0]}/polymarket", "LOG_LEVEL": "ERROR",
            "POLYMARKET_PRIVATE_KEY_PATH": str(tmp_path / "wallet.key"), "LIMIT_DAY_SPENT": "100",
        }  # fmt: skip

        def server() -> Any:
            return Client(
                StdioTransport(sys.executable, ["-m", "prediction_mcp"], env=env, keep_alive=False), timeout=60
            )

        client = server()
        await client.__aenter__()
        kept = await said(client, "create_market_pair", market=kalshi, other=polymarket, relation="identity")
        engine = first.engine if there == "first leg" else exchange.engine
        engine.submit = killing(engine.submit)  # type: ignore[method-assign]
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever a client says when its server is gone
            await client.call_tool("trade_pair", {"pair": kept["pair"], "contracts": 50})
        async with server() as again:
            resting = await said(
                again, "kalshi_create_order", ticker=kalshi, side="yes", action="buy", count=1, price=1
            )
            assert resting["status"] == "resting"
            seen = await said(again, "unified_portfolio")
            counts = {p["platform"]: p["count"] for p in seen["held"]}
            assert (counts.get("kalshi", 0), counts.get("polymarket", 0)) == held
    (folder,) = (tmp_path / "safety").iterdir()
    db = sqlite3.connect(folder / "safety.db")
    ends = db.execute("SELECT ticker, state FROM intents WHERE tool = 'trade_pair' ORDER BY at, rowid").fetchall()
    db.close()
    assert [state for _, state in ends] == (["done", "refused"] if there == "first leg" else ["done", "done"])
    wallet = next(a for name, a in exchange.engine.accounts.items() if name in exchange.wallets)
    assert not wallet.orders, "what rests ends by itself, or was cancelled"
    assert len([o for o in member.orders.values() if o.ticker == kalshi]) == 1


def killing(submit: Callable[..., Any]) -> Callable[..., Any]:
    """The order is carried out, and nobody is there to hear it."""
    done = list[bool]()

    def carried_out(*args: Any, **more: Any) -> Any:
        made = submit(*args, **more)
        if not done:
            done.append(True)
            for pid in children(os.getpid()):
                os.kill(pid, 9)
        return made

    return carried_out


def a_question(first: Exchange, second: PolymarketExchange) -> tuple[str, str]:
    """A cut of 25 basis points at the next meeting, on both."""
    for event in second.catalogue.events.values():
        other = first.catalogue.events.get(event.fair.of) if isinstance(event.fair, SharedFair) else None
        if other is not None and other.series.ticker == "KXFEDDECISION" and event.markets[1].status == "active":
            return next(m.ticker for m in other.markets if m.ticker.endswith("-C25")), event.markets[1].ticker
    raise AssertionError("no meeting is listed")


def plant(first: Exchange, second: PolymarketExchange, clock: Clock, kalshi: str, polymarket: str) -> None:
    """Yes costs 40¢ at Kalshi (20 of it), no 45¢ at Polymarket (30)."""
    for exchange, ticker in ((first, kalshi), (second, polymarket)):
        book = exchange.engine.markets[ticker].book
        exchange.engine.cancel_many([*book.bids, *book.asks], clock())
    first.engine.submit(first.crowd.takers[0], kalshi, ASK, 4_000, 2_000, clock())
    second.engine.submit(second.crowd.takers[0], polymarket, BID, 5_500, 3_000, clock())
