"""Deposits that are pending or failed are listed, and are never money: not in cash, statement, records, or worth."""

from __future__ import annotations

from typing import get_args

import httpx
import pytest

from prediction_mcp.desk.kalshi.guarded import Guarded
from prediction_mcp.desk.kalshi.portfolio.export import statement
from prediction_mcp.desk.kalshi.records.reading import NEVER, moved
from prediction_mcp.exchange.engine.changes import DepositStatus
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.units import MICROS
from prediction_mcp.records.entries import MoneyEntry
from prediction_mcp.safety.plan import Look
from tests.conftest import Served, account_of

from .test_answers import production


async def test_what_is_pending_or_failed_is_no_money(served: Served, kalshi: KalshiClient) -> None:
    exchange, member = served.exchange, served.member
    before = (await kalshi.portfolio.balance()).balance_dollars
    for status in get_args(DepositStatus):
        exchange.deposit(member, 200 * MICROS, status)
    exchange.sync()
    exchange.access.budgets["you"].balance.tokens = 3.0
    recorded = {d["status"]: d for d in production("subaccount_balances_by_shard")["deposits_2026-10"]}
    listed = [d async for d in kalshi.portfolio.all_deposits()][:3]
    assert [d.status for d in listed] == ["failed", "pending", "applied"]
    for deposit in listed:
        ended = recorded[deposit.status]["finalized_ts"] == recorded[deposit.status]["created_ts"]
        assert deposit.finalized_ts == (deposit.created_ts if ended else 0)
    balance = await kalshi.portfolio.balance()
    assert balance.balance_dollars == before + 200
    account = await account_of(kalshi).open()
    rows, missing = await statement(account)
    assert missing == 0
    assert len([row for row in rows if row.record == "deposit"]) == 2  # the opening one, and the applied one
    entries = [entry for entry in await moved(account, NEVER, 0) if isinstance(entry, MoneyEntry)]
    assert sum(entry.cash for entry in entries) == balance.balance_dollars
    exchange.access.budgets["you"].balance.tokens = 3.0
    look = await Guarded(account).now()
    assert await Guarded(account).made(look) == {"kalshi": 0}
    assert isinstance(look, Look)


@pytest.mark.parametrize("status", ["pending", "failed"])
async def test_they_can_be_listed_while_an_exchange_runs(served: Served, status: str) -> None:
    headers = {"X-Paper-Control": "1"}
    url = served.url.removesuffix("/trade-api/v2") + "/paper/account"
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(url, headers=headers, json={"dollars": "50.00", "status": status})
        assert answer.is_success, answer.text
        odd = await http.post(url, headers=headers, json={"dollars": "50.00", "status": "returned"})
        assert odd.status_code == 400
    listed = served.exchange.archive.deposits(served.member)
    assert [deposit.status for _, deposit in listed] == [status, "applied"]
