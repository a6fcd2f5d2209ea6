"""Automation: quotes against 10,000 alerts, from a trigger to the order at the exchange, and what an idle worker costs.

References from the same run: every alert looked at with every quote; the same order placed by the client alone.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from prediction_mcp.automation.attending import Attendant
from prediction_mcp.automation.board import Board, Watcher, figure_of
from prediction_mcp.automation.desk import Desk
from prediction_mcp.automation.standing.plan import plan_rule
from prediction_mcp.automation.standing.service import spec_as_asked
from prediction_mcp.connection import open_account
from prediction_mcp.kalshi.models.account import GenerateApiKey
from prediction_mcp.kalshi.models.orders import NewOrder, OrderExecution
from prediction_mcp.realtime.events import Quote
from prediction_mcp.settings import load_settings

ALERTS, MARKETS, QUOTES, SLOW = 10_000, 1_000, 300_000, 20_000
ORDERS = 120
SETTLE_S, IDLE_S = 20, 30
ACCOUNTS = 20
TICKS = os.sysconf("SC_CLK_TCK")


def conditions(chance: random.Random) -> list[Watcher]:
    made = []
    for number in range(ALERTS):
        level = Decimal(chance.randint(2, 98)) / 100
        low, high = (level, None) if number % 2 else (None, level)
        figure = chance.choice(("bid", "ask", "last", "middle"))
        made.append(Watcher(("alert", number), f"KXBENCH-{number % MARKETS}", figure, low, high))  # type: ignore[arg-type]
    return made


def quotes(chance: random.Random, number: int) -> list[tuple[str, Quote]]:
    """Each market's price goes a cent up or down, or stays."""
    middles, made = [chance.randint(5, 95) for _ in range(MARKETS)], []
    for _ in range(number):
        market = chance.randrange(MARKETS)
        middles[market] = max(2, min(97, middles[market] + chance.choice((-1, 0, 0, 1))))
        price = Decimal(middles[market]) / 100
        cent = Decimal("0.01")
        made.append((f"KXBENCH-{market}", Quote(price, price - cent, price + cent, Decimal(7))))
    return made


def board() -> None:
    told, fed = conditions(random.Random(1)), quotes(random.Random(2), QUOTES)
    made = Board()
    for watcher in told:
        made.put(watcher)
    begun, turns = time.perf_counter(), 0
    for ticker, quote in fed:
        turns += len(made.feed(ticker, quote))
    ours = QUOTES / (time.perf_counter() - begun)
    by_market: dict[str, list[Watcher]] = {}
    for watcher in conditions(random.Random(1)):
        by_market.setdefault(watcher.ticker, []).append(watcher)
    begun = time.perf_counter()
    for ticker, quote in fed[:SLOW]:
        for watcher in by_market[ticker]:
            value = figure_of(quote, watcher.figure)
            if value is not None:
                watcher.was = watcher.holds(value)
    slow = SLOW / (time.perf_counter() - begun)
    print(f"{ALERTS:,} alerts over {MARKETS:,} markets: {ours:,.0f} quotes/s, {turns:,} of them turned something; "
          f"each alert of the market looked at: {slow:,.0f} quotes/s")  # fmt: skip


async def orders() -> None:
    """A quote that triggers an entry, until the exchange has answered: claim, look, limits, journal, disk in it."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "PAPER_FOLDER": f"{folder}/paper", "RECORDS_FOLDER": f"{folder}/records", "PAPER_TIER": "prestige",
            "XDG_CACHE_HOME": f"{folder}/cache",
        }  # fmt: skip
        server = await _exchange(folder)
        async with open_account(load_settings()) as account:
            desk = Desk(account)
            attendant = Attendant(desk)
            listed = (await account.kalshi.markets.list(status="open", limit=200)).markets
            market = next(m for m in listed if None not in m.yes_quotes)
            took, whole, alone = list[float](), list[float](), list[float]()
            create, answered = account.kalshi.orders.create, [0.0]

            async def noted(order: NewOrder) -> OrderExecution:
                done = await create(order)
                answered[0] = time.perf_counter()
                return done

            account.kalshi.orders.create = noted  # type: ignore[method-assign]
            for number in range(ORDERS):
                ask = (await account.kalshi.markets.get(market.ticker)).yes_quotes[1] or Decimal("0.5")
                spec = spec_as_asked(
                    kind="entry", ticker=market.ticker, side="yes", action=None, on=None, every=None, at=ask * 100 - 1,
                    count=1, price=Decimal(99),
                )  # fmt: skip
                plan = await plan_rule(desk, spec, None)
                await plan.send(plan.terms)
                await attendant.refresh()
                attendant.feed(market.ticker, Quote(None, Decimal("0.01"), ask, None))
                await attendant.work_off(wait=True)
                begun = time.perf_counter()
                attendant.feed(market.ticker, Quote(None, Decimal("0.01"), ask - Decimal("0.01"), None))
                await attendant.work_off(wait=True)
                took.append(answered[0] - begun)
                whole.append(time.perf_counter() - begun)
                begun = time.perf_counter()
                order = NewOrder(
                    ticker=market.ticker, side="bid", count="1.00", price="0.9900", client_order_id=f"alone-{number}",
                    time_in_force="immediate_or_cancel",
                )  # fmt: skip
                await create(order)
                alone.append(time.perf_counter() - begun)
            runs = await desk.rules.runs([r.id for r in await desk.rules.page(None, ORDERS)], ORDERS)
            assert sum(bool(run.order_id) for run in runs) == ORDERS
            await attendant.close()
        server.kill()
        await server.wait()
    print(f"trigger to order, {ORDERS} times: {_spread(took)}; until all is written: {_spread(whole)}; "
          f"the client's order alone: {_spread(alone)}")  # fmt: skip


async def _exchange(folder: str) -> asyncio.subprocess.Process:
    """An exchange in a process of its own, with a file and a crowd."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prediction_mcp", "exchange", "--store", f"{folder}/exchange.db", "--scenario", "small",
        "--tier", "prestige", "--key-file", f"{folder}/key.pem", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    told = {}
    for _ in range(4):
        line = (await process.stdout.readline()).decode()
        told[line[:15].strip()] = line[15:].strip()
    url = next(value for value in told.values() if value.startswith("http"))
    os.environ |= {
        "KALSHI_ENV": "paper", "KALSHI_BASE_URL": url, "KALSHI_API_KEY_ID": told["key id"],
        "KALSHI_PRIVATE_KEY_PATH": f"{folder}/key.pem", "SAFETY_FOLDER": f"{folder}/safety",
    }  # fmt: skip
    return process


def _spread(seconds: list[float]) -> str:
    ranked = sorted(seconds)
    return f"median {statistics.median(ranked) * 1000:.1f} ms, p99 {ranked[int(len(ranked) * 0.99)] * 1000:.1f} ms"


async def _at_rest(settle_s: float) -> tuple[float, float]:
    """What a worker of its own costs once it has settled: its share of a core, and megabytes."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prediction_mcp", "worker", stderr=asyncio.subprocess.DEVNULL
    )
    await asyncio.sleep(settle_s)
    before = _used(worker.pid)
    await asyncio.sleep(IDLE_S)
    share, memory = (_used(worker.pid) - before) / IDLE_S, _memory(worker.pid)
    worker.kill()
    await worker.wait()
    return share, memory


async def idle() -> None:
    """A worker with nothing to do, as a process of its own beside an exchange of its own."""
    with tempfile.TemporaryDirectory() as folder:
        server = await _exchange(folder)
        os.environ |= {"RECORDS_FOLDER": f"{folder}/records", "XDG_CACHE_HOME": f"{folder}/cache"}
        share, memory = await _at_rest(SETTLE_S)
        print(f"an idle worker: {share:.2%} of a core over {IDLE_S} s, {memory:.0f} MB")
        server.kill()
        await server.wait()


async def crew() -> None:
    """One idle worker of many accounts: what each account more costs."""
    with tempfile.TemporaryDirectory() as folder:
        server = await _exchange(folder)
        os.environ |= {"RECORDS_FOLDER": f"{folder}/records", "XDG_CACHE_HOME": f"{folder}/cache"}
        place = Path(folder) / "accounts"
        place.mkdir()
        async with open_account(load_settings()) as account:
            for number in range(ACCOUNTS):
                made = await account.kalshi.account.generate_key(GenerateApiKey(name=f"account {number}"))
                key, file = Path(folder) / f"{number}.pem", place / f"account-{number}.env"
                key.write_text(made.private_key)
                file.write_text(
                    f"KALSHI_ENV=paper\nKALSHI_BASE_URL={os.environ['KALSHI_BASE_URL']}\n"
                    f"KALSHI_API_KEY_ID={made.api_key_id}\nKALSHI_PRIVATE_KEY_PATH={key}\n"
                )
                for path in (key, file):
                    path.chmod(0o600)
        os.environ["WORKER_ACCOUNTS"] = str(place)
        share, memory = await _at_rest(SETTLE_S + ACCOUNTS)
        print(f"an idle worker of {ACCOUNTS} accounts: {share:.2%} of a core, {memory:.0f} MB")
        server.kill()
        await server.wait()
        del os.environ["WORKER_ACCOUNTS"]


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory(pid: int) -> float:
    """Megabytes that are in memory."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024


async def main() -> None:
    board()
    await orders()
    await idle()
    await crew()


if __name__ == "__main__":
    asyncio.run(main())
