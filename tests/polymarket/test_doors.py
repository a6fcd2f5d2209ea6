"""Whatever is sent to the second front, through its doors or before them: it answers, and answers the next one too."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from urllib.parse import quote

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from prediction_mcp.exchange.fronts.polymarket.door import ENDPOINTS, Endpoint
from prediction_mcp.exchange.second import tokens_of
from tests.polymarket.test_front import Front, Trader, front

__all__ = ["front"]
Query = dict[str, str]
VALUES = ("", "-1", "1e5", "9" * 40, str(2**63), "NaN", "١", "\x00", "true", "[]", "a" * 800)
ALONE = ("-1", str(2**63), "NaN")
"""Tried in each parameter by itself, too."""
NAMES = (
    "limit", "offset", "after_cursor", "next_cursor", "user", "condition_id", "token_id", "asset_id", "market", "id",
    "slug", "q", "startTs", "endTs", "interval", "fidelity", "order", "closed", "type", "status", "start", "end",
    "signature_type", "asset_type",
)  # fmt: skip
BODIES = (
    b"[" * 200_000, b'{"a":' * 50_000, b"null", b"[null]", b"{}", b"[1]", b"\xff\xfe", b'"x"', b"[[]]",
    b'{"orderID":1}', b'{"orderID":"' + b"0" * 10_000 + b'"}', b'[{"token_id":1}]', b'{"market":[],"asset_id":{}}',
    b'{"order":{},"owner":"","orderType":"GTC"}', b'{"market":"0x1","amount":"' + b"9" * 5_000 + b'"}',
    b'{"markets":["0x1"],"amount":"1"}', b'{"heartbeat_id":{}}', b'{"heartbeat_id":"' + b"x" * 5_000 + b'"}',
)  # fmt: skip
FRAMES: tuple[str | bytes, ...] = (
    "[" * 100_000, "null", "1", "[]", "{}", '{"assets_ids":1,"type":"market"}',
    '{"assets_ids":[1,null,{}],"type":"market"}', json.dumps({"assets_ids": ["9" * 80] * 5_000, "type": "market"}),
    '{"auth":1,"type":"user"}', '{"auth":{"apiKey":[],"secret":{},"passphrase":1},"type":"user","markets":7}',
    '{"operation":"subscribe","assets_ids":[[]]}', '{"operation":7}', b"\x00\xff", "PING" * 1_000,
)  # fmt: skip


async def send(front: Front, trader: Trader, endpoint: Endpoint, path: str, content: bytes, query: Query) -> None:
    headers: dict[str, str] = {}
    if endpoint.door == "L2":
        headers = trader.key.headers(trader.wallet.signer, int(time.time()), endpoint.method, path, content)
    answer = await front.http.request(
        endpoint.method, f"/{endpoint.service}{path}", content=content, headers=headers, params=query
    )
    assert answer.status_code < 500, (endpoint.method, path[:80], query, content[:40], answer.text)


@pytest.mark.parametrize("service", sorted({endpoint.service for endpoint in ENDPOINTS}))
async def test_nothing_breaks_an_endpoint(front: Front, service: str) -> None:
    for number, endpoint in enumerate(e for e in ENDPOINTS if e.service == service):
        trader = await front.trader()
        for value in VALUES:
            path = re.sub(r"\{[^}]+\}", quote(value or "x", safe="").replace("\\", "")[:200], endpoint.path)
            queries: list[Query] = [dict.fromkeys(NAMES, value)]
            if endpoint.method == "GET" and value in ALONE:
                turn = number + ALONE.index(value)  # each name meets each value, at one endpoint or another
                queries += [{name: value} for name in NAMES[turn % len(ALONE) :: len(ALONE)]]
            for query in queries:
                await send(front, trader, endpoint, path, b"", query)
        for body in BODIES if endpoint.method != "GET" else ():
            await send(front, trader, endpoint, endpoint.path, body, {})
        again = await front.trader()
        assert (await again.send("GET", "/data/orders")).status_code == 200, endpoint.path


@pytest.mark.parametrize("channel", ["market", "user", "sports"])
async def test_nothing_breaks_a_feed(front: Front, channel: str) -> None:
    for frame in FRAMES:
        with contextlib.suppress(WebSocketException, TimeoutError):
            async with connect(f"{front.ws}/{channel}") as connection:
                await connection.send(frame)
                await asyncio.wait_for(connection.recv(), 0.05)
    async with connect(f"{front.ws}/market") as connection:
        token = tokens_of(front.market())[0]
        await connection.send(json.dumps({"assets_ids": [token], "type": "market"}))
        assert token in str(await asyncio.wait_for(connection.recv(), 60))
