"""Each recorded request made of the paper exchange in the same situation: status, shape, codes and keys agree.

What can't agree stands in a table in docs/exchange.md, "Against the recordings", with its reason.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import time_machine
from websockets.asyncio.client import connect

from prediction_mcp.exchange.engine.matching import ASK, BID
from prediction_mcp.exchange.fronts.kalshi import ws
from prediction_mcp.exchange.fronts.kalshi.api import PREFIX
from prediction_mcp.exchange.fronts.serving import serve
from prediction_mcp.exchange.lag import ReadLag
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.kalshi.auth import KeySigner, signer_from_pem
from tests.conformance.recorded import MARKET, Recorded, feeds, requests
from tests.conftest import MARKET as OURS

OPENING = 98_018_600
"""Micros the recorded account had: $98.0186."""
OTHERWISE: dict[str, str] = {
    "orders__legacy_create": "the V1 endpoints are gone since the summer: 410, as production answers now",
    "orders__legacy_cancel": "the V1 endpoints are gone since the summer: 410, as production answers now",
    "markets__page1": "cursors are opaque: ours are shorter",
    "markets__page2": "cursors are opaque: ours are shorter",
    "markets__page3": "cursors are opaque: ours are shorter",
    "account__endpoint_costs": "the list is October's: V1 endpoints and margin aren't in it",
    "orders__numeric_field_types": "the words of details are those of another programming language",
    "cleanup__leftover_2": "the order of orders__settlement_seed: recorded under its id, which is ours here",
}
"""Requests with a difference that is meant, and why. All but the first two agree in status, shape and keys."""
GONE = {"orders__legacy_create", "orders__legacy_cancel"}
OF_SOME_MARKETS = {
    "custom_strike", "primary_participant_key", "is_provisional", "floor_strike", "cap_strike", "strike_type",
    "occurrence_datetime", "early_close_condition", "mve_collection_ticker", "mve_selected_legs",
    "settlement_value_dollars", "settlement_ts",
}  # fmt: skip
"""Keys that a market has or hasn't by its kind and stage."""
GONE_FIELDS = {"fractional_trading_enabled", "response_price_units", "liquidity_dollars", "resting_orders_count"}
"""Fields of June that production sends no more: liquidity_dollars since 2026-10-01, the others since July."""


def skeleton(value: Any) -> Any:
    """Keys and types of an answer; a list by its first entry."""
    if isinstance(value, dict):
        return {key: skeleton(item) for key, item in value.items() if key not in OF_SOME_MARKETS | GONE_FIELDS}
    if isinstance(value, list):
        return [skeleton(item) for item in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def missing(recorded: Any, ours: Any, where: str = "") -> list[str]:
    """What the recorded skeleton has and ours hasn't, or has otherwise. Ours may say more: October's file does."""
    if isinstance(recorded, dict):
        if not isinstance(ours, dict):
            return [f"{where} is no object"]
        return [
            wrong
            for key, item in recorded.items()
            for wrong in (missing(item, ours[key], f"{where}.{key}") if key in ours else [f"{where}.{key} isn't there"])
        ]
    if isinstance(recorded, list):
        if not isinstance(ours, list):
            return [f"{where} is no list"]
        return missing(recorded[0], ours[0], f"{where}[]") if recorded and ours else []
    return [] if recorded == ours else [f"{where}: {recorded}, not {ours}"]


class Replay:
    """The recorded session, played again: ids that the exchange gives are translated."""

    def __init__(self, exchange: Exchange, url: str, signer: KeySigner) -> None:
        self.exchange, self.signer = exchange, signer
        self._http = httpx.AsyncClient(base_url=url, trust_env=False)
        self._ids: dict[str, str] = {}
        self._requests = {made.name: made for made in requests()}

    async def play(self, made: Recorded) -> httpx.Response:
        self._set_scene(made.name)
        path = self._translate(made.path)
        url = urlsplit(path)
        body = json.loads(self._translate(json.dumps(made.body))) if made.body is not None else None
        answer = await self._http.request(
            made.method,
            url.path,
            params=httpx.QueryParams(url.query),
            json=body,
            headers=self._headers(made, url.path),
        )
        recorded_id = made.answer.get("order_id")
        if answer.is_success and recorded_id:
            self._ids[recorded_id] = answer.json()["order_id"]
        return answer

    def _translate(self, text: str) -> str:
        for recorded, ours in self._ids.items():
            text = text.replace(recorded, ours)
        return text.replace(MARKET, OURS).replace(MARKET.rsplit("-", 1)[0], OURS.rsplit("-", 1)[0])

    def _headers(self, made: Recorded, path: str) -> dict[str, str]:
        if made.auth in ("unauthenticated",) or made.auth.startswith("NONE"):
            return {}
        skew = re.fullmatch(r"auth__skew_(plus|minus)(\d+)(s|min)", made.name)
        if skew is None:
            headers = self.signer.headers(made.method, PREFIX + path)
        else:
            seconds = int(skew[2]) * (60 if skew[3] == "min" else 1) * (1 if skew[1] == "plus" else -1)
            headers = self._skewed(made.method, PREFIX + path, seconds)
        if made.auth == "bad-signature":
            headers["KALSHI-ACCESS-SIGNATURE"] = self.signer.headers("GET", "/other")["KALSHI-ACCESS-SIGNATURE"]
        elif made.auth == "unknown-key-id":
            headers["KALSHI-ACCESS-KEY"] = "00000000-0000-0000-0000-000000000000"
        elif made.auth == "missing-signature-header":
            del headers["KALSHI-ACCESS-SIGNATURE"]
        return headers

    def _skewed(self, method: str, path: str, seconds: int) -> dict[str, str]:
        with time_machine.travel(time.time() + seconds, tick=False):
            return self.signer.headers(method, path)

    def _set_scene(self, name: str) -> None:
        """What was so on the exchange at that moment."""
        exchange = self.exchange
        exchange.access.budgets["you"].balance.tokens = 1.0
        if name == "orders__cancel_v2":
            exchange.lag = ReadLag(60_000)  # the read after the cancel came before reads had caught up
        elif name == "orders__cancel_already_canceled":
            exchange.lag = ReadLag(0)


@pytest.fixture
async def replay() -> AsyncIterator[Replay]:
    """The account and the market as they were: bids of 47¢ and asks of 52¢, three contracts each."""
    exchange = Exchange(seed=1, read_lag_ms=0)
    member = exchange.add_member(tier="prestige", deposit=OPENING)
    market = exchange.engine.markets[OURS]
    exchange.engine.cancel_many([*market.book.bids, *market.book.asks], exchange.clock())
    maker, now = exchange.add_member("maker"), exchange.clock()
    exchange.engine.submit(maker, OURS, BID, 4_700, 300, now)
    exchange.engine.submit(maker, OURS, ASK, 5_200, 300, now)
    key_id, pem = exchange.issue_key(member)
    async with serve(exchange, with_crowd=False) as url:
        yield Replay(exchange, url, signer_from_pem(key_id, pem))


async def test_the_recorded_session_played_again(replay: Replay) -> None:
    played, wrong = requests(), list[str]()
    assert len(played) == 57
    for made in played:
        answer = await replay.play(made)
        ours = answer.json() if answer.content else {}
        if made.name in GONE:
            assert (answer.status_code, ours["error"]["code"]) == (410, "deprecated_v1_order_endpoint")
            continue
        if answer.status_code != made.status:
            wrong.append(f"{made.name}: {answer.status_code} {answer.text[:200]}, recorded {made.status}")
            continue
        if made.status >= 400:
            same = ours == made.answer or (made.name in OTHERWISE and skeleton(ours) == skeleton(made.answer))
            if not same:
                wrong.append(f"{made.name}: {ours}, recorded {made.answer}")
            continue
        wrong += [f"{made.name}: {what}" for what in missing(skeleton(made.answer), skeleton(ours))]
    print(f"\n{len(played)} requests played again, {len(GONE)} answered otherwise on purpose, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)


async def test_figures_of_the_recorded_session(replay: Replay) -> None:
    """Beyond the shape: what was filled, paid and left, to the last digit."""
    ours = {made.name: (await replay.play(made)).json() for made in requests() if made.status < 300}
    recorded = {made.name: made.answer for made in requests()}
    for name in ("orders__create_v2_maker", "orders__create_v2_taker_ioc", "orders__stp_self_cross"):
        for key in recorded[name].keys() - {"order_id", "ts_ms"}:
            assert ours[name][key] == recorded[name][key], f"{name}.{key}"
    assert ours["orders__cancel_v2"]["reduced_by"] == recorded["orders__cancel_v2"]["reduced_by"]
    for name in ("orders__get_after_create", "orders__get_after_cancel"):
        same = recorded[name]["order"].keys() - {
            "order_id", "user_id", "ticker", "created_time", "last_update_time",
        }  # fmt: skip
        for key in same:
            assert ours[name]["order"][key] == recorded[name]["order"][key], f"{name}.{key}"
    fill, theirs = ours["fills__after_taker"]["fills"][0], recorded["fills__after_taker"]["fills"][0]
    for key in ("action", "book_side", "count_fp", "fee_cost", "is_taker", "side", "yes_price_dollars"):
        assert fill[key] == theirs[key]
    assert ours["orderbook__base"] == recorded["orderbook__base"]
    assert ours["auth__balance_ok"]["balance_dollars"] == recorded["auth__balance_ok"]["balance_dollars"]
    assert ours["auth__balance_ok"]["balance"] == recorded["auth__balance_ok"]["balance"]


@pytest.mark.parametrize("name", ["ws__orderbook_trade_noleg", "ws__orderbook_trade_yes"])
async def test_the_recorded_feed_played_again(replay: Replay, name: str) -> None:
    """The same subscription on the same book with the same changes: the same frames, which may say more."""
    command, recorded = feeds()[name]
    exchange, engine = replay.exchange, replay.exchange.engine
    book, now = engine.markets[OURS].book, exchange.clock()
    engine.cancel_many([*book.bids, *book.asks], now)
    maker = engine.accounts["maker"]
    levels = {}
    for side, start in (("yes", BID), ("no", ASK)):
        for price, count in recorded[2]["msg"].get(f"{side}_dollars_fp", []):
            levels[side] = engine.submit(maker, OURS, start, _yes_price(side, price, command), _units(count), now)
    url = str(replay._http.base_url.copy_with(scheme="ws", path=ws.PATH))
    headers = replay.signer.headers("GET", ws.PATH)
    async with connect(url, additional_headers=headers, proxy=None) as connection:
        await connection.send(json.dumps(command).replace(MARKET, OURS))
        frames = [json.loads(await connection.recv()) for _ in range(3)]
        for frame in recorded[3:]:
            change = frame["msg"]
            side, count = change["side"], _units(change["delta_fp"])
            if count < 0:
                engine.cancel(levels.pop(side), now)
            else:
                price = _yes_price(side, change["price_dollars"], command)
                levels[side] = engine.submit(maker, OURS, BID if side == "yes" else ASK, price, count, now)
            frames.append(json.loads(await connection.recv()))
    for theirs, ours in zip(recorded, frames, strict=True):
        assert missing(skeleton(theirs), skeleton(ours)) == []
        for key in ("type", "sid", "seq", "id"):
            assert ours.get(key) == theirs.get(key)
        for key in ("price_dollars", "delta_fp", "side", "yes_dollars_fp", "no_dollars_fp", "channel"):
            assert ours["msg"].get(key) == theirs["msg"].get(key), key


def _units(count: str) -> int:
    return round(float(count) * 100)


def _yes_price(side: str, price: str, command: dict[str, Any]) -> int:
    units = round(float(price) * 10_000)
    return 10_000 - units if side == "no" and not command["params"]["use_yes_price"] else units


def test_the_table_of_differences_is_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "exchange.md").read_text()
    for name in OTHERWISE:
        assert f"`{name}`" in text, f"docs/exchange.md doesn't tell of {name}"
