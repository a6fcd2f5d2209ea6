"""Other doors: the folder's ``.env``, HTTP without a token, clocks that jump, writes of unknown fate, replays."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from prediction_mcp.exchange.faults import Rule
from prediction_mcp.kalshi import KalshiClient
from prediction_mcp.kalshi.models.orders import NewOrder
from prediction_mcp.safety.records import Records
from prediction_mcp.settings import Settings, SettingsError, load_settings
from tests.conftest import MARKET, Served
from tests.safety.conftest import ORDER, YES, Open, traded
from tests.safety.test_guard import BOOK, home, left_open, over_http

FREE = {"confirm": "never"}
OTHER = MARKET[:-3] + "BAL"
__all__ = ["over_http"]

# -- the folder's .env ---------------------------------------------------------------------------------------------

LIVE = {"KALSHI_ENV": "live", "READ_ONLY": "false", "LIVE_TRADING": "real-money", "KALSHI_API_KEY_ID": "k",
        "KALSHI_PRIVATE_KEY": "x"}  # fmt: skip
LOOSER: dict[str, tuple[dict[str, str], str, Callable[[Settings], bool]]] = {
    "asks never": (LIVE, "CONFIRM=never", lambda s: s.confirm_over == 0),
    "asks seldom": (LIVE, "CONFIRM=over:1000", lambda s: s.confirm_over == 0),
    "asks more seldom": (LIVE | {"CONFIRM": "over:20"}, "CONFIRM=over:21", lambda s: s.confirm_over == 20),
    "confirms for its user": (LIVE, "CONFIRM_FALLBACK=token", lambda s: s.fallback == "refuse"),
    "tolerates any price": (LIVE, "CONFIRM_TOLERANCE_CENTS=99", lambda s: s.confirm_tolerance_cents == 2),
    "waits for ever": (LIVE, "CONFIRM_TIMEOUT=3600", lambda s: s.confirm_timeout == 120),
    "forgets at once": (LIVE, "CONFIRM_WINDOW=60", lambda s: s.confirm_window == 3600),
    "a relay": (LIVE, "KALSHI_BASE_URL=https://relay.example/trade-api/v2", lambda s: s.base_url is None),
    "a relay that looks right": (
        LIVE, "KALSHI_BASE_URL=https://kalshi.com.example/trade-api/v2", lambda s: s.base_url is None,
    ),
    "a relay on this machine": (LIVE, "KALSHI_BASE_URL=http://127.0.0.1:9/trade-api/v2", lambda s: s.base_url is None),
    "writes allowed": ({"KALSHI_ENV": "demo"}, "READ_ONLY=false", lambda s: not s.writes_allowed),
    "real money": (
        {**LIVE, "LIVE_TRADING": ""}, "LIVE_TRADING=real-money", lambda s: not s.writes_allowed,
    ),
    "a higher limit": (LIVE | {"LIMIT_ORDER_COST": "5"}, "LIMIT_ORDER_COST=500", lambda s: s.order_cost == 5),
    "a lower reserve": (LIVE | {"CASH_RESERVE": "50"}, "CASH_RESERVE=1", lambda s: s.cash_reserve == 50),
    "more series": (
        LIVE | {"ALLOW_SERIES": "KXA"}, "ALLOW_SERIES=KXA,KXB", lambda s: sorted(s.allow_series or ()) == ["KXA"],
    ),
    "fewer denied": (LIVE | {"DENY_SERIES": "KXA"}, "DENY_SERIES=KXB", lambda s: s.deny_series == {"KXA"}),
    "another journal": (LIVE, "SAFETY_FOLDER=/tmp/elsewhere", lambda s: "elsewhere" not in str(s.safety_home)),
    "a token of its own": (LIVE, "HTTP_TOKEN=" + "t" * 30, lambda s: not s.http_authenticated),
    "files anywhere": (LIVE, "EXPORT_FOLDER=/etc", lambda s: s.export_folder is None),
}  # fmt: skip


def written(text: str, mode: int = 0o600) -> None:
    Path(".env").write_text(text + "\n")
    Path(".env").chmod(mode)


@pytest.mark.parametrize("name", LOOSER)
def test_an_env_file_loosens_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    environment, text, holds = LOOSER[name]
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    written(text)
    assert holds(load_settings())


STRICTER: dict[str, tuple[str, Callable[[Settings], bool]]] = {
    "asks": ("CONFIRM=always", lambda s: s.confirm_over == 0),
    "read-only": ("READ_ONLY=true", lambda s: not s.writes_allowed),
    "a limit": ("LIMIT_ORDER_COST=5", lambda s: s.order_cost == 5),
    "a reserve": ("CASH_RESERVE=5", lambda s: s.cash_reserve == 5),
    "series": ("ALLOW_SERIES=KXA", lambda s: sorted(s.allow_series or ()) == ["KXA"]),
    "refuses": ("CONFIRM_FALLBACK=refuse", lambda s: s.fallback == "refuse"),
    "Kalshi's own host": (
        "KALSHI_ENV=live\nKALSHI_BASE_URL=https://api.elections.kalshi.com/trade-api/v2", lambda s: bool(s.base_url),
    ),
    "a paper exchange here": ("KALSHI_BASE_URL=http://127.0.0.1:9/trade-api/v2", lambda s: bool(s.base_url)),
    "an account": ("KALSHI_API_KEY_ID=mine", lambda s: s.api_key_id == "mine"),
}  # fmt: skip


@pytest.mark.parametrize("name", STRICTER)
def test_an_env_file_may_be_stricter(name: str) -> None:
    written(STRICTER[name][0])
    assert STRICTER[name][1](load_settings())


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_an_env_file_that_others_may_write_to_is_ignored(mode: int) -> None:
    written("KALSHI_ENV=demo", mode)
    assert load_settings().env == "paper"
    Path(".env").chmod(0o644)
    assert load_settings().env == "demo"


def test_an_env_file_that_is_nonsense_is_a_sentence() -> None:
    written("KALSHI_ENV=liev")
    with pytest.raises(SettingsError, match="KALSHI_ENV"):
        load_settings()
    Path(".env").write_bytes(b"\xff\xfe\x00KALSHI_ENV=demo")
    assert load_settings().env == "paper"


# -- HTTP ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("kalshi_tighten_limits", {"day_orders": 0}),
        ("kalshi_tighten_limits", {"deny_series": ["KXSB"]}),
        ("kalshi_halt_trading", {}),
        ("kalshi_batch_cancel_orders", {"all": True}),
        ("kalshi_cancel_order", {"order_id": "x"}),
        ("kalshi_amend_order", {"order_id": "x", "count": 1}),
        ("kalshi_create_order", ORDER),
    ],
)
async def test_http_without_a_token_changes_nothing_that_lasts(
    over_http: Callable[..., Any], served: Served, tmp_path: Path, kalshi: KalshiClient, tool: str, arguments: Any
) -> None:
    await kalshi.orders.create(NewOrder(**BOOK | {"price": "0.0100"}, client_order_id="mine"))
    answer = await over_http(None, tool, arguments, toolsets="safety")
    assert answer.is_error
    assert "need authentication" in answer.content[0].text
    assert not (home(served, tmp_path, env="paper") / "journal.jsonl").exists()
    assert [o.status for o in served.orders.values()] == ["resting"]


# -- read-only -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tool",
    ["kalshi_create_order", "kalshi_amend_order", "kalshi_cancel_order", "kalshi_batch_cancel_orders"],
)
async def test_a_write_where_nothing_may_be_written_says_why(desk: Open, served: Served, tool: str) -> None:
    async with desk([], read_only=True) as at:
        assert tool not in {t.name for t in await at.client.list_tools()}
        said = await at.error(tool, order_id="x")
        assert "read-only" in said
        assert "READ_ONLY=false" in said
    assert traded(served) == 0


# -- writes of unknown fate ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("short_waits")
async def test_an_unknown_fate_holds_up_its_own_market_only(desk: Open, served: Served, tmp_path: Path) -> None:
    async with desk([], **FREE, day_spent="100") as at:
        mine = (await at.call("kalshi_create_order", **ORDER | {"ticker": OTHER, "price": 1}))["order_id"]
        lost = left_open(home(served, tmp_path), "lost-9")
        served.exchange.faults.rules.append(Rule("cut_before", path="/portfolio/orders", method="GET"))
        for _ in range(2):
            assert "no known outcome" in await at.error("kalshi_create_order", **ORDER)
        await at.call("kalshi_create_order", **ORDER | {"ticker": OTHER, "price": 2})
        served.exchange.faults.rules.clear()
        served.exchange.faults.rules.append(Rule("cut_before", path="/portfolio/orders", method="GET"))
        assert (await at.call("kalshi_batch_cancel_orders", all=True))["orders"] == []
        assert (await at.call("kalshi_halt_trading"))["halted"]
    assert served.orders[mine].status == "canceled"
    records = Records(home(served, tmp_path))
    assert [i.id for i in records.unsettled()] == [lost]
    assert records.let_go(lost[:8], "ann").client_order_id == "lost-9"
    assert records.unsettled() == []
    with pytest.raises(LookupError):
        records.let_go(lost[:8], "ann")


async def test_a_clock_that_was_set_back_holds_up_nobody(
    desk: Open, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real = home(served, tmp_path), time.time
    monkeypatch.setattr("prediction_mcp.safety.journal.time.time", lambda: real() + 86_400)
    left_open(folder, "lost-1")
    records = Records(folder)
    records.db.execute("UPDATE intents SET at = at + 86400 + 60")
    records.close()
    monkeypatch.undo()
    async with desk([], **FREE) as at:
        await at.call("kalshi_create_order", **ORDER)


async def test_a_clock_that_was_set_forward_settles_nothing_too_early(
    desk: Open, served: Served, kalshi: KalshiClient, tmp_path: Path
) -> None:
    """Left a moment ago, by a process that died: however late the wall clock says it is, its arrival is waited for."""
    folder = home(served, tmp_path)
    left_open(folder, "lost-2")
    records = Records(folder)
    records.db.execute("UPDATE intents SET at = at - 86400, mono = ?", (time.monotonic(),))
    records.close()
    started = time.monotonic()
    async with desk([], **FREE) as at:
        await at.call("kalshi_create_order", **ORDER)
    assert time.monotonic() - started >= 4.9


# -- answers ---------------------------------------------------------------------------------------------------------


async def test_a_no_stays_a_no_where_less_is_at_stake_by_then(desk: Open, served: Served) -> None:
    """Asked above $50, declined; before the second round of 2026-07-28 the market fell below the threshold."""
    from fastmcp.client.elicitation import ElicitResult

    async def falls() -> Any:
        book = served.exchange.engine.markets[MARKET].book
        served.exchange.engine.cancel_many(list(book.bids), 1)
        return ElicitResult(action="decline")

    async with desk([], **FREE) as at:
        await at.call("kalshi_create_order", **ORDER | {"count": 450, "order_type": "market"} | {"price": 20})
    async with desk([falls], confirm="over:50", confirm_window=60) as at:
        said = await at.error("kalshi_create_order", **ORDER | {"action": "sell", "count": 450, "price": 1})
        assert "declined" in said
    assert traded(served) == 1


async def test_yes_to_one_order_is_no_yes_to_the_next(desk: Open, served: Served) -> None:
    async with desk([YES], confirm="always") as at:
        await at.call("kalshi_create_order", **ORDER)
        assert len(at.person.asked) == 1
        with pytest.raises(BaseException):  # noqa: B017, PT011 - nobody is there to answer, however the client says it
            await at.call("kalshi_create_order", **ORDER)
    assert traded(served) == 1
    assert sum((f.count for f in served.fills), 0) == Decimal(500)
