"""The second front's door: its endpoints by service, who may pass, faults, and what an error leaves (nothing)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from loguru import logger
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from prediction_mcp.exchange.access import Bucket
from prediction_mcp.exchange.disk.store import StoreError, UnstorableError
from prediction_mcp.exchange.keeping import Credentials
from prediction_mcp.exchange.second import PolymarketExchange
from prediction_mcp.exchange.world.clock import wall_clock_ms

from . import books, clob_markets, data_v1, gamma, orders, own, paper, profits, records, signing
from .call import Call
from .opening import PREFIX
from .refusals import BAD_KEY, BAD_PAYLOAD, POST_ONLY_MODE, RefusalError

Json = dict[str, Any]
MAX_BODY = 1 << 20
TRANSPORT = "paper.transport"
LIMITS = {"orders": (40, 60), "cancels": (80, 120)}
"""(a second, at once) of a signer, in the lowest tier."""
Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``door`` is "" for all, "L1" for a wallet's signature, "L2" for a key's; ``bucket`` what it counts against."""

    service: str
    method: str
    path: str
    run: Handler
    door: str = ""
    bucket: str = ""


def _all(service: str, table: dict[str, Handler]) -> list[Endpoint]:
    return [Endpoint(service, "GET", path, run) for path, run in table.items()]


# -- keys ----------------------------------------------------------------------------------------------------------


def _nonce(call: Call) -> int:
    return int(call.headers.get("poly_nonce", "0"))


def create_key(call: Call) -> Json:
    """A new key for a wallet and nonce; the one it has already is told again."""
    signer, nonce = call.credentials.signer, _nonce(call)
    made = _known(call.exchange, signer, nonce)
    if made is None:
        salt = uuid.uuid4().hex
        secret = base64.urlsafe_b64encode(hashlib.sha256(f"{salt}/{uuid.uuid4().hex}".encode()).digest()).decode()
        made = Credentials(str(uuid.uuid4()), secret, hashlib.sha256(salt.encode()).hexdigest(), signer, nonce)
        call.exchange.keep_credentials(made)
        call.exchange.wallet(signer, signer)
    return {"apiKey": made.key, "secret": made.secret, "passphrase": made.passphrase}


def derive_key(call: Call) -> Json:
    made = _known(call.exchange, call.credentials.signer, _nonce(call))
    if made is None:
        raise RefusalError("Could not derive api key!")
    return {"apiKey": made.key, "secret": made.secret, "passphrase": made.passphrase}


def _known(exchange: PolymarketExchange, signer: str, nonce: int) -> Credentials | None:
    return next((c for c in exchange.credentials.values() if c.signer == signer and c.nonce == nonce), None)


def api_keys(call: Call) -> Json:
    signer = call.credentials.signer
    return {"apiKeys": [c.key for c in call.exchange.credentials.values() if c.signer == signer]}


def delete_key(call: Call) -> str:
    call.exchange.drop_credentials(call.credentials.key)
    return "OK"


def closed_only(call: Call) -> Json:
    return {"closed_only": False}


def geoblock(_: Call) -> Json:
    return {"blocked": False, "ip": "127.0.0.1", "country": "", "region": ""}


def nothing(call: Call) -> list[Json]:
    return []


def updated(call: Call) -> Json:
    return {}


ENDPOINTS: tuple[Endpoint, ...] = (
    *_all("gamma", {
        "/status": gamma.status, "/markets/keyset": gamma.markets_keyset, "/events/keyset": gamma.events_keyset,
        "/markets": gamma.markets_offset, "/events": gamma.events_offset,
        "/markets/slug/{slug}": gamma.market, "/markets/{id}": gamma.market,
        "/markets/{id}/tags": gamma.market_tags, "/events/slug/{slug}": gamma.event, "/events/{id}": gamma.event,
        "/events/{id}/tags": gamma.event_tags, "/public-search": gamma.search, "/tags": gamma.tags,
        "/tags/slug/{slug}": gamma.tag, "/tags/slug/{slug}/related-tags": gamma.related_tags,
        "/tags/slug/{slug}/related-tags/tags": gamma.tags_related, "/tags/{id}": gamma.tag,
        "/tags/{id}/related-tags": gamma.related_tags, "/tags/{id}/related-tags/tags": gamma.tags_related,
        "/series": gamma.series, "/series/{id}": gamma.one_series, "/sports": gamma.sports,
        "/sports/market-types": gamma.sports_market_types, "/teams": gamma.teams,
    }),
    *_all("clob", {
        "/": books.ok, "/ok": books.ok, "/time": books.server_time, "/book": books.book, "/price": books.price,
        "/midpoint": books.midpoint, "/spread": books.spread, "/last-trade-price": books.last_trade_price,
        "/tick-size": books.tick_size, "/tick-size/{token_id}": books.tick_size, "/neg-risk": books.neg_risk,
        "/fee-rate": books.fee_rate, "/markets-by-token/{token_id}": books.market_by_token,
        "/clob-markets/{condition_id}": books.clob_market, "/prices-history": books.prices_history,
        "/markets": clob_markets.markets, "/markets/{condition_id}": clob_markets.market,
        "/simplified-markets": clob_markets.simplified, "/sampling-markets": clob_markets.sampling,
        "/sampling-simplified-markets": clob_markets.sampling_simplified, "/version": clob_markets.version,
        "/rewards/markets/current": clob_markets.no_rewards, "/rewards/markets/multi": clob_markets.no_rewards,
        "/rewards/markets/{condition_id}": clob_markets.no_rewards, "/rebates/current": nothing,
    }),
    *(Endpoint("clob", "POST", path, run) for path, run in {
        "/books": books.books, "/prices": books.prices, "/midpoints": books.midpoints, "/spreads": books.spreads,
        "/last-trades-prices": books.last_trades_prices,
    }.items()),
    Endpoint("clob", "POST", "/auth/api-key", create_key, "L1"),
    Endpoint("clob", "GET", "/auth/derive-api-key", derive_key, "L1"),
    Endpoint("clob", "GET", "/auth/api-keys", api_keys, "L2"),
    Endpoint("clob", "DELETE", "/auth/api-key", delete_key, "L2"),
    Endpoint("clob", "GET", "/auth/ban-status/closed-only", closed_only, "L2"),
    Endpoint("clob", "POST", "/order", orders.place, "L2", "orders"),
    Endpoint("clob", "POST", "/orders", orders.place_many, "L2", "orders"),
    Endpoint("clob", "DELETE", "/order", orders.cancel, "L2", "cancels"),
    Endpoint("clob", "DELETE", "/orders", orders.cancel_many, "L2", "cancels"),
    Endpoint("clob", "DELETE", "/cancel-all", orders.cancel_all, "L2", "cancels"),
    Endpoint("clob", "DELETE", "/cancel-market-orders", orders.cancel_market, "L2", "cancels"),
    Endpoint("clob", "GET", "/data/order/{order_id}", own.one_order, "L2"),
    Endpoint("clob", "GET", "/data/orders", own.open_orders, "L2"),
    Endpoint("clob", "GET", "/data/trades", own.trades, "L2"),
    Endpoint("clob", "GET", "/balance-allowance", own.balance_allowance, "L2"),
    Endpoint("clob", "GET", "/balance-allowance/update", updated, "L2"),
    Endpoint("clob", "POST", "/v1/heartbeats", own.heartbeat, "L2"),
    Endpoint("clob", "GET", "/notifications", nothing, "L2"),
    Endpoint("clob", "DELETE", "/notifications", books.ok, "L2"),
    Endpoint("clob", "GET", "/order-scoring", clob_markets.order_scoring, "L2"),
    Endpoint("clob", "POST", "/orders-scoring", clob_markets.orders_scoring, "L2"),
    *(Endpoint("clob", "GET", path, run, "L2") for path, run in {
        "/rewards/user": clob_markets.no_rewards, "/rewards/user/markets": clob_markets.no_rewards,
        "/rewards/user/total": nothing, "/rewards/user/percentages": clob_markets.no_percentages,
        "/data/pre-migration-orders": clob_markets.no_rewards,
    }.items()),
    *(Endpoint("clob", "POST", f"/paper/{name}", run, "L2") for name, run in {
        "split": paper.split, "merge": paper.merge, "convert": paper.convert, "redeem": paper.redeem,
    }.items()),
    *_all("data", {
        "/v2/positions": records.positions, "/v2/value": records.value, "/v2/trades": records.trades,
        "/v2/activity": records.activity, "/v2/holders": records.holders, "/v2/oi": records.open_interest,
        "/v2/live-volume": records.live_volume, "/v2/prices-history": records.price_history,
        "/v2/resolutions": records.resolutions, "/v2/user-pnl": profits.user_pnl, "/v2/user-stats": profits.user_stats,
        "/v2/user-volume": profits.user_volume, "/v2/tokens": profits.token_references,
        "/positions": data_v1.positions, "/closed-positions": data_v1.closed_positions, "/trades": data_v1.trades,
        "/activity": data_v1.activity, "/value": data_v1.value, "/holders": data_v1.holders,
        "/oi": data_v1.open_interest, "/live-volume": data_v1.live_volume, "/traded": data_v1.traded,
    }),
    Endpoint("site", "GET", "/api/geoblock", geoblock),
)  # fmt: skip


# -- the door ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Door:
    """Carries requests out. Limits of signers are told and, where ``enforces`` is set, kept (see docs/exchange.md)."""

    exchange: PolymarketExchange
    enforces: bool = False
    _buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    def key_of(self, request: Request, endpoint: Endpoint, body: bytes) -> Credentials | None:
        headers, now_s = request.headers, wall_clock_ms() // 1000
        if endpoint.door == "L1":
            signer, nonce = signing.auth_signer(headers, now_s)
            return Credentials("", "", "", signer, nonce)
        if endpoint.door != "L2":
            return None
        key = self.exchange.credentials.get(headers.get("poly_api_key", ""))
        if key is None or headers.get("poly_passphrase") != key.passphrase:
            raise RefusalError(BAD_KEY, 401)
        if headers.get("poly_address", "").lower() != key.signer:
            raise RefusalError(BAD_KEY, 401)
        path = request.scope["raw_path"].decode("latin-1").removeprefix(f"{PREFIX}/clob")
        signing.check_request(headers, key.secret, request.method, path, body, now_s)
        return key

    def charge(self, endpoint: Endpoint, key: Credentials | None, body: bytes) -> dict[str, str]:
        """Count a write against its signer; returns the headers that tell of it."""
        if not endpoint.bucket or key is None:
            return {}
        which = (key.signer, endpoint.bucket)
        if which not in self._buckets:
            rate, most = LIMITS[endpoint.bucket]
            self._buckets[which] = Bucket(rate, most, most, wall_clock_ms())
        bucket, cost = self._buckets[which], _items(body)
        if bucket.take(cost, wall_clock_ms()):
            return {"Poly-RateLimit-Remaining": str(int(bucket.tokens)), "Poly-RateLimit-Tier": "1"}
        if self.enforces:
            raise RefusalError("Too Many Requests", 429, retry_after_seconds=1)
        return {"Poly-RateLimit-Remaining": "0", "Poly-RateLimit-Tier": "1", "Poly-RateLimit-Warning": "exceeded"}

    def carry_out(self, request: Request, endpoint: Endpoint, body: bytes) -> Response:
        exchange = self.exchange
        try:
            key = self.key_of(request, endpoint, body)
            headers = self.charge(endpoint, key, body)
            exchange.sync()  # what reads see is what is on disk
            call = Call(
                exchange, request.path_params, request.query_params, body, exchange.clock(), key, request.headers
            )
            return _answer(200, self._run(endpoint, call), headers)
        except RefusalError as refusal:
            headers = {"Retry-After": "1"} if refusal.status == 429 else {}
            return _answer(refusal.status, refusal.body, headers)

    def _run(self, endpoint: Endpoint, call: Call) -> Any:
        """What it did is on disk before anybody hears of it; an error leaves nothing behind."""
        exchange = self.exchange
        try:
            try:
                answer = endpoint.run(call)
            except RefusalError:
                exchange.sync()  # a refusal may use up an order's id
                raise
            exchange.sync()
        except (RefusalError, StoreError):
            raise
        except UnstorableError as error:
            logger.error("{} {} was undone: {}", endpoint.method, endpoint.path, error)
            exchange.undo()
            raise RefusalError(BAD_PAYLOAD) from error
        except BaseException:
            if exchange.changes:
                exchange.undo()
            raise
        return answer

    async def with_faults(self, request: Request, endpoint: Endpoint, body: bytes) -> Response:
        """Carry a request out with the faults that strike it; paths are those below the service."""
        try:
            spared = () if orders.is_taking(endpoint.run, body) else ("post_only",)
            header = request.headers.get("x-paper-fault")
            struck = self.exchange.faults.for_request(request.method, endpoint.path, header, spared)
        except ValueError as unknown:
            return _answer(400, {"error": str(unknown)})
        kinds = {rule.kind for rule in struck}
        late = sum(rule.milliseconds for rule in struck if rule.kind == "latency")
        if late:
            await asyncio.sleep(late / 1000)
        for kind, status, error in (
            ("425", 425, {"error": "Too Early"}), ("429", 429, {"error": "Too Many Requests"}),
            ("500", 500, {"error": "internal server error"}), ("503", 503, {"error": "service unavailable"}),
            ("post_only", 503, {"error": POST_ONLY_MODE, "code": "post_only_mode", "retry_after_seconds": 1}),
        ):  # fmt: skip
            if kind in kinds:
                return _answer(status, error)
        if "cut_before" in kinds:
            return _cut(request)
        response = self.carry_out(request, endpoint, body)
        return _cut(request) if "cut_after" in kinds else response


def _cut(request: Request) -> Response:
    request.scope[TRANSPORT].abort()
    return Response(status_code=500)


def _items(body: bytes) -> int:
    """How many orders or ids a body names; what doesn't decode counts as one."""
    if not body.startswith(b"["):
        return 1
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        return 1
    return max(1, len(decoded))


def _answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


def _handler(door: Door, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        body = await request.body()
        if len(body) > MAX_BODY:
            return _answer(400, {"error": books.TOO_MUCH})
        if "x-paper-fault" in request.headers or door.exchange.faults.rules:
            return await door.with_faults(request, endpoint, body)
        return door.carry_out(request, endpoint, body)

    return handle


async def failed(_: Request, __: Exception) -> Response:
    return _answer(500, {"error": "the paper exchange failed; its log says why"})


async def no_route(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _answer(status, {"error": "not found" if status == 404 else "method not allowed"})


def mount(exchange: PolymarketExchange) -> list[Mount]:
    """The services as routes below :data:`PREFIX`."""
    door = Door(exchange)
    services: dict[str, list[Route]] = {}
    for endpoint in ENDPOINTS:
        route = Route(endpoint.path, _handler(door, endpoint), methods=[endpoint.method])
        services.setdefault(endpoint.service, []).append(route)
    return [Mount(f"/{service}", routes=routes) for service, routes in services.items()]
