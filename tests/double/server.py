"""REST and WebSocket of the double, over a real loopback socket."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.facts import load

from .feed import Connection
from .world import Json, Refused, World, iso, total

PREFIX = "/trade-api/v2"


@dataclass
class Double:
    """The double and its troubles."""

    world: World = field(default_factory=World)
    cut: Counter[str] = field(default_factory=Counter)
    """How often the connection breaks in the middle of the answer to a GET of a path."""
    paused: int = 4
    """A shard that doesn't trade; no recorded market lies on 4."""
    slow_s: float = 0.0
    """How long every answer takes."""
    asked: Counter[str] = field(default_factory=Counter)
    """Requests by method and path."""
    commands: Counter[str] = field(default_factory=Counter)
    """WebSocket commands."""
    change: Callable[[str, Any], Any] = lambda path, answer: answer
    """Changes the answer to a GET of a path before it leaves."""
    url: str = ""

    async def feed(self, socket: WebSocket) -> None:
        """One WebSocket connection."""
        await Connection(self.world, self.commands, socket).serve()

    # -- REST --------------------------------------------------------------------------------------------------------

    async def rest(self, request: Request) -> Response:
        path, method = request.url.path.removeprefix(PREFIX), request.method
        self.asked[f"{method} {path}"] += 1
        await asyncio.sleep(self.slow_s)
        body = json.loads(await request.body() or b"{}")
        try:
            if method == "GET":
                answer: Json | None = self.change(path, self._read(path, request.query_params))
            else:
                answer = self._write(method, path, body)
        except Refused as refused:
            return JSONResponse(refused.body, refused.status)
        if method == "GET" and self.cut[path] > 0:
            self.cut[path] -= 1
            return Cut(json.dumps(answer).encode())
        if answer is None:
            return Response(status_code=204)
        return JSONResponse(answer, 201 if method == "POST" and "amend" not in path else 200)

    def _write(self, method: str, path: str, body: Json) -> Json | None:
        world, parts = self.world, path.strip("/").split("/")
        match [method, *parts]:
            case ["POST", "portfolio", "events", "orders"]:
                return world.place(body)
            case ["POST", "portfolio", "events", "orders", order_id, "amend"]:
                return world.amend(order_id, body)
            case ["DELETE", "portfolio", "events", "orders"]:
                for order in [o for o in world.orders.values() if o["status"] == "resting"]:
                    world.cancel(order["order_id"])
                return None
            case ["DELETE", "portfolio", "events", "orders", "batched"]:
                return {"orders": [self._cancelled(item["order_id"]) for item in body["orders"]]}
            case ["DELETE", "portfolio", "events", "orders", order_id]:
                return world.cancel(order_id)
            case ["POST", "portfolio", "intra_exchange_instance_transfer"]:
                return {"transfer_id": world.move(body)}
        raise Refused(404, "not_found", "not found")

    def _cancelled(self, order_id: str) -> Json:
        try:
            return self.world.cancel(order_id)
        except Refused as refused:
            return {"order_id": order_id, "reduced_by": "0.00", "ts_ms": None, "error": refused.body["error"]}

    def _read(self, path: str, query: Any) -> Json:
        parts, world = path.strip("/").split("/"), self.world
        match parts:
            case ["exchange", "status"]:
                return self._status()
            case ["exchange", "schedule"]:
                return {"schedule": {"standard_hours": [], "maintenance_windows": []}}
            case ["exchange", "announcements"]:
                return {"announcements": []}
            case ["exchange", "user_data_timestamp"]:
                return {"as_of_time": iso(_now())}
            case ["historical", "cutoff"]:
                start = "2020-01-01T00:00:00Z"
                return {"market_settled_ts": start, "trades_created_ts": start, "orders_updated_ts": start}
            case ["historical", *_]:
                return {"markets": [], "fills": [], "orders": [], "trades": [], "positions": [], "cursor": ""}
            case ["account", "limits"]:
                return {**load("kalshi/recorded/account__limits"), "usage_tier": "prestige", **_BUDGET}
            case ["account", "endpoint_costs"]:
                costs: Json = load("kalshi/recorded/account__endpoint_costs")
                return costs
            case ["series"]:
                return {"series": list(world.series.values())}
            case ["series", "fee_changes"]:
                return {"series_fee_change_arr": []}
            case ["series", name]:
                return {"series": world.series.get(name) or self._series(name)}
            case ["series", _, "markets", ticker, "candlesticks"]:
                return {"ticker": ticker, "candlesticks": world.candles.get(ticker, [])}
            case ["multivariate_event_collections"]:
                return {"multivariate_contracts": world.collections, "cursor": ""}
            case ["milestones"]:
                return {"milestones": [], "cursor": ""}
            case ["portfolio" | "communications", *_]:
                return self._account(parts[1:], query)
        return self._listed(parts, query)

    def _series(self, name: str) -> Json:
        listed = [e for e in self.world.events.values() if e["series_ticker"] == name]
        if not listed:
            raise Refused(404, "not_found", "not found")
        return next(iter(self.world.series.values())) | {
            "ticker": name,
            "title": name,
            "category": listed[0]["category"],
            "fee_type": "quadratic",
            "fee_multiplier": 1,
        }

    def _status(self) -> Json:
        """One shard is paused, the rest trades; the top-level fields speak of shard 0 alone."""
        shards = [
            {
                "exchange_index": index,
                "description": "",
                "exchange_active": True,
                "trading_active": index != self.paused,
                "intra_exchange_transfers_active": True,
            }
            for index in range(5)
        ]
        return {**load("kalshi/recorded/exchange__status"), "exchange_index_statuses": shards}

    def _listed(self, parts: list[str], query: Any) -> Json:
        world = self.world
        match parts:
            case ["events"]:
                events = [
                    e
                    for e in world.events.values()
                    if not query.get("series_ticker") or e["series_ticker"] == query["series_ticker"]
                    if query.get("status") != "open" or any(m["status"] == "active" for m in e["markets"])
                ]
                nested = query.get("with_nested_markets") == "true"
                return _page([e if nested else _without(e, "markets") for e in events], "events", query) | {
                    "milestones": []
                }
            case ["events", "multivariate"]:
                return {"events": [e for e in world.events.values() if "KXMVE" in e["event_ticker"]], "cursor": ""}
            case ["events", ticker] if ticker in world.events:
                event = world.events[ticker]
                nested = query.get("with_nested_markets") == "true"
                return {"event": event if nested else _without(event, "markets"), "markets": event["markets"]}
            case ["markets"]:
                return _page([m for m in world.markets.values() if _wanted(m, query)], "markets", query)
            case ["markets", "orderbooks"]:
                tickers = ",".join(query.getlist("tickers")).split(",")
                return {"orderbooks": [{"ticker": t, "orderbook_fp": world.book(t)} for t in tickers]}
            case ["markets", "trades"]:
                return _page(self._trades(query.get("ticker")), "trades", query)
            case ["markets", "candlesticks"]:
                tickers = ",".join(query.getlist("market_tickers")).split(",")
                return {"markets": [{"market_ticker": t, "candlesticks": world.candles.get(t, [])} for t in tickers]}
            case ["markets", ticker] if ticker in world.markets:
                return {"market": world.markets[ticker]}
            case ["markets", ticker, "orderbook"]:
                return {"orderbook_fp": world.book(ticker)}
        raise Refused(404, "not_found", "not found")

    def _trades(self, ticker: str | None) -> list[Json]:
        recorded = load("kalshi/recorded/trades__public_recorded")["trades"]
        return [trade | {"ticker": ticker or trade["ticker"], "created_time": iso(_now())} for trade in recorded]

    def _account(self, parts: list[str], query: Any) -> Json:
        world = self.world
        match parts:
            case ["balance"]:
                return self._balance(int(query.get("subaccount") or 0))
            case ["subaccounts", "balances"]:
                rows = [
                    {
                        "subaccount_number": s,
                        "exchange_index": x,
                        "balance": f"{b:.4f}",
                        "updated_ts": int(_now().timestamp()),
                    }
                    for (s, x), b in world.cash.items()
                ]
                return {"subaccount_balances": rows}
            case ["subaccounts", "netting"]:
                return {"netting_configs": []}
            case ["orders"]:
                orders = [o for o in world.orders.values() if query.get("status") in (None, o["status"])]
                return _page([o for o in orders if query.get("ticker") in (None, o["ticker"])], "orders", query)
            case ["orders", "queue_positions"]:
                return {"queue_positions": None}
            case ["orders", order_id, "queue_position"]:
                world.resting(order_id)
                return {"queue_position_fp": "3.00"}
            case ["orders", order_id] if order_id in world.orders:
                return {"order": world.orders[order_id]}
            case ["fills"]:
                fills = [f for f in world.fills if query.get("ticker") in (None, f["ticker"])]
                return _page([f for f in fills if query.get("order_id") in (None, f["order_id"])], "fills", query)
            case ["positions"]:
                held = [p for t, p in world.positions.items() if query.get("ticker") in (None, t)]
                return {"market_positions": held, "event_positions": [], "cursor": ""}
            case ["settlements"]:
                listed = [s for s in world.settlements if query.get("ticker") in (None, s["ticker"])]
                return _page(listed, "settlements", query)
            case ["deposits" | "withdrawals" as kind]:
                return {kind: world.deposits if kind == "deposits" else [], "cursor": ""}
            case ["summary", "total_resting_order_value"]:
                return {"total_resting_order_value": 0, "resting_order_value_breakdown": []}
            case ["intra_exchange_instance_transfers"]:
                return {"transfers": [world.transfer(known) for known in world.transfers], "cursor": ""}
            case ["intra_exchange_instance_transfers", transfer_id] if transfer_id in world.transfers:
                return {"transfer": world.transfer(transfer_id)}
            case ["subaccounts", "transfers"]:
                return {"transfers": [], "cursor": ""}
            case ["order_groups"]:
                return {"order_groups": None}
            case ["rfqs" | "quotes" as kind]:
                if kind == "quotes" and not {"user_filter", "rfq_user_filter"} & query.keys():
                    raise Refused(400, "invalid_parameters", "invalid parameters")
                return {kind: [], "cursor": ""}
            case ["id"]:
                return {"communications_id": ""}
        raise Refused(404, "not_found", "not found")

    def _balance(self, subaccount: int) -> Json:
        by_shard = {x: b for (s, x), b in self.world.cash.items() if s == subaccount}
        cash = total(by_shard.values())
        return {
            "balance": int(cash * 100),
            "balance_dollars": f"{cash:.4f}",
            "portfolio_value": 0,
            "updated_ts": int(_now().timestamp()),
            "balance_breakdown": [{"exchange_index": x, "balance": f"{b:.4f}"} for x, b in by_shard.items()],
        }


class Cut(Response):
    """An answer whose connection breaks in the middle of the body."""

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        length = str(len(self.body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[: len(self.body) // 2], "more_body": True})
        raise ConnectionResetError("the double cuts this answer")


_BUDGET = {
    "read": {"refill_rate": 12_000, "bucket_capacity": 12_000},
    "write": {"refill_rate": 9_600, "bucket_capacity": 9_600},
}


def _now() -> datetime:
    return datetime.now(UTC)


def _wanted(market: Json, query: Any) -> bool:
    tickers = ",".join(query.getlist("tickers")).split(",") if query.get("tickers") else None
    states = {
        "open": ("active",),
        "settled": ("finalized", "determined"),
        "unopened": ("initialized",),
        "closed": ("closed",),
    }
    return (
        (tickers is None or market["ticker"] in tickers)
        and query.get("event_ticker") in (None, market["event_ticker"])
        and (not query.get("series_ticker") or market["event_ticker"].startswith(query["series_ticker"]))
        and (not query.get("status") or market["status"] in states[query["status"]])
        and (query.get("mve_filter") != "exclude" or not market.get("mve_selected_legs"))
    )


def _page(items: list[Json], name: str, query: Any) -> Json:
    start, size = int(query.get("cursor") or 0), int(query.get("limit") or 100)
    more = start + size < len(items)
    return {name: items[start : start + size], "cursor": str(start + size) if more else ""}


def _without(value: Json, name: str) -> Json:
    return {k: v for k, v in value.items() if k != name}


@asynccontextmanager
async def served(double: Double) -> AsyncIterator[Double]:
    """Serve it on a free port of 127.0.0.1 while the block runs."""
    methods = ["GET", "POST", "PUT", "DELETE"]
    app = Starlette(
        routes=[
            WebSocketRoute("/trade-api/ws/v2", double.feed),
            Route(PREFIX + "/{path:path}", double.rest, methods=methods),
        ]
    )
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", ws="websockets-sansio", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        double.url = f"http://127.0.0.1:{port}{PREFIX}"
        yield double
    finally:
        server.should_exit = True
        await task
