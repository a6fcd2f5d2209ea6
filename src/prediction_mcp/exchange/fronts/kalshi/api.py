"""REST as Kalshi speaks it: the table of endpoints, the door in front of them, the error envelope."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec
import orjson
from loguru import logger
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from prediction_mcp.exchange.access import DEFAULT_COST, ENDPOINT_COSTS, AccessError
from prediction_mcp.exchange.disk.store import StoreError, UnstorableError
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import wall_clock_ms

from .. import control, documents
from .call import Call, Json
from .endpoints import (
    batches,
    blocks,
    combos,
    communications,
    groups,
    keys,
    listing,
    live_data,
    market_data,
    orders,
    portfolio,
    reference,
    shards,
    status,
    subaccounts,
)

PREFIX = "/trade-api/v2"
BATCH = "/communications/rfq_batches/{rfq_batch_id}"
MAX_BODY = 1 << 20
TRANSPORT = "paper.transport"
"""Where the server leaves the connection in a request's scope, for faults that cut it."""
Handler = Callable[[Call], Json | None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the API. ``signed`` ones refuse a caller without a key; public ones take both."""

    method: str
    path: str
    run: Handler
    signed: bool = False
    success: int = 200

    @property
    def operation(self) -> str:
        """What Kalshi calls it in messages about its parameters: GET /markets is GetMarkets."""
        words = [part for part in self.path.split("/") if part and not part.startswith("{")]
        return self.method.capitalize() + "".join(word.capitalize() for word in words[-1].split("_"))

    @property
    def cost(self) -> int:
        return ENDPOINT_COSTS.get((self.method, self.path), DEFAULT_COST)


def _public(path: str, run: Handler) -> Endpoint:
    return Endpoint("GET", path, run)


def _own(path: str, run: Handler) -> Endpoint:
    return Endpoint("GET", path, run, signed=True)


def _write(method: str, path: str, run: Handler, success: int = 200) -> Endpoint:
    return Endpoint(method, path, run, signed=True, success=success)


ENDPOINTS: tuple[Endpoint, ...] = (
    _public("/exchange/status", status.exchange_status),
    _public("/exchange/schedule", status.schedule),
    _public("/exchange/user_data_timestamp", status.user_data_timestamp),
    _own("/account/limits", status.account_limits),
    _public("/account/endpoint_costs", status.endpoint_costs),
    _public("/series", listing.series_list),
    _public("/series/fee_changes", reference.series_fee_changes),
    _public("/series/{series_ticker}", listing.one_series),
    _public("/series/{series_ticker}/markets/{ticker}/candlesticks", market_data.candlesticks),
    _public("/series/{series_ticker}/events/{ticker}/candlesticks", market_data.event_candlesticks),
    _own("/series/{series_ticker}/events/{ticker}/forecast_percentile_history", live_data.forecast_history),
    _public("/events", listing.events),
    _public("/events/fee_changes", reference.event_fee_changes),
    _public("/events/multivariate", listing.multivariate_events),
    _public("/events/{event_ticker}", listing.one_event),
    _public("/events/{event_ticker}/metadata", listing.event_metadata),
    _public("/markets", listing.markets),
    _public("/markets/trades", market_data.trades),
    _public("/markets/orderbooks", market_data.orderbooks),
    _public("/markets/candlesticks", market_data.batch_candlesticks),
    _public("/markets/{ticker}", listing.one_market),
    _public("/markets/{ticker}/orderbook", market_data.orderbook),
    _public("/historical/cutoff", listing.historical_cutoff),
    _public("/historical/markets", listing.historical_markets),
    _public("/historical/markets/{ticker}", listing.one_historical_market),
    _public("/historical/markets/{ticker}/candlesticks", market_data.historical_candlesticks),
    _public("/historical/trades", market_data.historical_trades),
    _public("/search/tags_by_categories", reference.tags_by_categories),
    _public("/search/filters_by_sport", reference.filters_by_sports),
    _public("/milestones", reference.milestones),
    _public("/milestones/{milestone_id}", reference.one_milestone),
    _public("/structured_targets", reference.structured_targets),
    _public("/structured_targets/{structured_target_id}", reference.one_structured_target),
    _public("/incentive_programs", reference.incentive_programs),
    _public("/live_data/batch", live_data.live_datas),
    _public("/live_data/events/{event_ticker}", live_data.event_live_data),
    _public("/live_data/weather/{city}", live_data.weather),
    _public("/live_data/weather/{city}/calibrations", live_data.weather_calibrations),
    _public("/live_data/milestone/{milestone_id}", live_data.live_data),
    _public("/live_data/milestone/{milestone_id}/game_stats", live_data.game_stats),
    _public("/live_data/{type}/milestone/{milestone_id}", live_data.live_data),
    _public("/multivariate_event_collections", combos.collections),
    _public("/multivariate_event_collections/{collection_ticker}", combos.one_collection),
    _write("POST", "/multivariate_event_collections/{collection_ticker}", combos.create_market),
    _own("/communications/id", communications.own_id),
    _own("/communications/rfqs", communications.rfqs),
    _write("POST", "/communications/rfqs", communications.create_rfq, 201),
    _own("/communications/rfqs/{rfq_id}", communications.one_rfq),
    _write("DELETE", "/communications/rfqs/{rfq_id}", communications.delete_rfq, 204),
    _own("/communications/quotes", communications.quotes),
    _write("POST", "/communications/quotes", communications.create_quote, 201),
    *(
        endpoint
        for path in ("/communications/quotes/{quote_id}", "/communications/rfqs/{rfq_id}/quotes/{quote_id}")
        for endpoint in (
            _own(path, communications.one_quote),
            _write("DELETE", path, communications.delete_quote, 204),
            _write("PUT", f"{path}/accept", communications.accept_quote, 204),
            _write("PUT", f"{path}/confirm", communications.confirm_quote, 204),
        )
    ),
    _own("/communications/block-trade-proposals", blocks.proposals),
    _write("POST", "/communications/block-trade-proposals", blocks.propose, 201),
    _write("POST", "/communications/block-trade-proposals/{block_trade_proposal_id}/accept", blocks.accept, 204),
    _own("/communications/rfq_batches", batches.batches),
    _write("POST", "/communications/rfq_batches", batches.create_batch, 201),
    _own("/communications/rfq_batches/{rfq_batch_id}", batches.one_batch),
    _write("DELETE", "/communications/rfq_batches/{rfq_batch_id}", batches.delete_batch, 204),
    _own("/communications/rfq_batches/{rfq_batch_id}/best_quotes", batches.best_quotes),
    _write("PUT", "/communications/rfq_batches/{rfq_batch_id}/accept", batches.accept_batch),
    _own("/communications/rfq_batches/{rfq_batch_id}/quotes", batches.quotes_of_batch),
    _write("POST", "/communications/rfq_batches/{rfq_batch_id}/quotes", batches.create_batch_quote, 201),
    _write(
        "DELETE", "/communications/rfq_batches/{rfq_batch_id}/quotes/{batch_quote_id}", batches.delete_batch_quote, 204
    ),
    _write(
        "PUT",
        "/communications/rfq_batches/{rfq_batch_id}/quotes/{batch_quote_id}/confirm",
        batches.confirm_batch_quote,
        204,
    ),
    _own("/api_keys", keys.keys),
    _write("POST", "/api_keys", keys.create_key, 201),
    _write("POST", "/api_keys/generate", keys.generate_key, 201),
    _write("DELETE", "/api_keys/{api_key}", keys.delete_key, 204),
    _write("POST", "/account/api_usage_level/upgrade", keys.upgrade, 201),
    _own("/account/api_usage_level/volume_progress", keys.volume_progress),
    _write("POST", "/portfolio/intra_exchange_instance_transfer", shards.move),
    _own("/portfolio/intra_exchange_instance_transfers", shards.moves),
    _own("/portfolio/intra_exchange_instance_transfers/{transfer_id}", shards.one_move),
    _own("/portfolio/target_balance_allocation", shards.allocation),
    _write("POST", "/portfolio/target_balance_allocation", shards.set_allocation),
    _own("/historical/orders", orders.historical_orders),
    _own("/historical/fills", portfolio.historical_fills),
    _own("/historical/positions", portfolio.historical_positions),
    _write("POST", "/portfolio/events/orders", orders.create, 201),
    _write("DELETE", "/portfolio/events/orders", orders.cancel_all, 204),
    _write("POST", "/portfolio/events/orders/batched", orders.batch_create, 201),
    _write("DELETE", "/portfolio/events/orders/batched", orders.batch_cancel),
    _write("DELETE", "/portfolio/events/orders/{order_id}", orders.cancel),
    _write("POST", "/portfolio/events/orders/{order_id}/amend", orders.amend),
    _write("POST", "/portfolio/events/orders/{order_id}/decrease", orders.decrease),
    _own("/portfolio/orders", orders.orders),
    _own("/portfolio/orders/queue_positions", orders.queue_positions),
    _own("/portfolio/orders/{order_id}", orders.one_order),
    _own("/portfolio/orders/{order_id}/queue_position", orders.queue_position),
    _write("POST", "/portfolio/orders", orders.gone),
    _write("POST", "/portfolio/orders/batched", orders.gone),
    _write("DELETE", "/portfolio/orders/{order_id}", orders.gone),
    _own("/portfolio/order_groups", groups.groups),
    _write("POST", "/portfolio/order_groups/create", groups.create_group, 201),
    _own("/portfolio/order_groups/{order_group_id}", groups.one_group),
    _write("DELETE", "/portfolio/order_groups/{order_group_id}", groups.delete_group),
    _write("PUT", "/portfolio/order_groups/{order_group_id}/reset", groups.reset_group),
    _write("PUT", "/portfolio/order_groups/{order_group_id}/trigger", groups.trigger_group),
    _write("PUT", "/portfolio/order_groups/{order_group_id}/limit", groups.limit_group),
    _write("POST", "/portfolio/subaccounts", subaccounts.create_subaccount, 201),
    _write("POST", "/portfolio/subaccounts/transfer", subaccounts.transfer_money),
    _own("/portfolio/subaccounts/balances", subaccounts.subaccount_balances),
    _own("/portfolio/subaccounts/transfers", subaccounts.subaccount_transfers),
    _own("/portfolio/subaccounts/netting", subaccounts.netting),
    _write("PUT", "/portfolio/subaccounts/netting", subaccounts.set_netting),
    _own("/portfolio/deposits", subaccounts.deposits),
    _own("/portfolio/withdrawals", subaccounts.withdrawals),
    _own("/portfolio/balance", portfolio.balance),
    _own("/portfolio/positions", portfolio.positions),
    _own("/portfolio/fills", portfolio.fills),
    _own("/portfolio/settlements", portfolio.settlements),
    _own("/portfolio/summary/total_resting_order_value", portfolio.resting_value),
)


def _answer(status_code: int, body: Json | None) -> Response:
    if body is None:
        return Response(status_code=status_code)
    return Response(orjson.dumps(body), status_code, media_type="application/json")


def _refusal(rejection: RejectionError) -> Response:
    return _answer(rejection.status, rejection.body)


def _items(body: bytes) -> int:
    """How many orders a batch names, for its price in tokens."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return 1
    orders_in = decoded.get("orders") if isinstance(decoded, dict) else None
    return max(1, len(orders_in)) if isinstance(orders_in, list) else 1


def _carry_out(exchange: Exchange, endpoint: Endpoint, call: Call) -> Response:
    """Run an endpoint and put on disk what it did, before anybody hears of it; an error leaves nothing behind.

    A disk that takes nothing now is no error of the request: what was done is kept, and written as soon as it can be.
    """
    try:
        try:
            response = _answer(endpoint.success, endpoint.run(call))
        except RejectionError:
            exchange.sync()  # a refusal may use up a client_order_id
            raise
        exchange.sync()
    except (RejectionError, StoreError):
        raise
    except UnstorableError as error:
        logger.error("{} {} was undone: {}", endpoint.method, endpoint.path, error)
        exchange.undo()
        raise RejectionError("invalid_parameters", "a number or text of this request can't be kept") from error
    except BaseException:
        if exchange.changes:  # a read that fails has nothing to take back
            exchange.undo()
        raise
    return response


def _handler(exchange: Exchange, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    batched, operation = endpoint.path.endswith("/batched"), endpoint.operation

    def carry_out(request: Request, body: bytes) -> Response:
        now_ms, real_ms = exchange.clock(), wall_clock_ms()
        headers = request.headers
        account = locked = None
        try:
            if exchange.down and endpoint.run is not status.exchange_status:
                raise RejectionError("exchange_unavailable", "the exchange is under maintenance", 503)
            if endpoint.signed or "kalshi-access-key" in headers:
                key = exchange.access.authenticate(
                    headers.get("kalshi-access-key"),
                    headers.get("kalshi-access-timestamp"),
                    headers.get("kalshi-access-signature"),
                    request.method,
                    request.scope["raw_path"].decode("latin-1"),  # what was signed: as it came, still encoded
                    real_ms,
                )
                if not key.may(endpoint.method, endpoint.path):
                    raise AccessError("insufficient_scope", f"the API key has no scope for {endpoint.method}", 403)
                account, locked = key.account, key.subaccount
                cost = endpoint.cost * _items(body) if batched else endpoint.cost
                exchange.access.charge(account, endpoint.method, endpoint.path, cost, real_ms)
            repeated = {name: request.query_params.getlist(name) for name in request.query_params}
            call = Call(
                exchange,
                request.path_params,
                request.query_params,
                body,
                account,
                now_ms,
                repeated,
                locked,
                operation,
            )  # fmt: skip
            call.check_shard(call.integer("exchange_index"))
            exchange.sync()  # what reads see is what is on disk
            return _carry_out(exchange, endpoint, call)
        except RejectionError as rejection:
            return _refusal(rejection)

    async def handle(request: Request) -> Response:
        body = await request.body()
        if len(body) > MAX_BODY:
            return _refusal(RejectionError("body_too_large", "the body is larger than 1 MiB", 413))
        header = request.headers.get("x-paper-fault")
        if header is None and not exchange.faults.rules:
            return carry_out(request, body)
        return await with_faults(exchange, request, header, lambda: carry_out(request, body))

    return handle


async def with_faults(
    exchange: Exchange, request: Request, header: str | None, carry_out: Callable[[], Response]
) -> Response:
    """Carry a request out with the faults that strike it."""
    try:
        struck = exchange.faults.for_request(request.method, request.url.path.removeprefix(PREFIX), header)
    except ValueError as error:
        return _refusal(RejectionError("invalid_parameters", str(error)))
    kinds = {rule.kind for rule in struck}
    await wait(sum(rule.milliseconds for rule in struck if rule.kind == "latency"))
    for kind in ("429", "500", "503"):
        if kind in kinds:
            return _refusal(RejectionError("fault", "asked for by a fault rule", int(kind)))
    if "cut_before" in kinds:
        return cut(request)
    response = carry_out()
    if "cut_after" in kinds:
        return cut(request)
    if "twice" in kinds:
        again = f"HTTP/1.1 {response.status_code} Again\r\ncontent-length: {len(response.body)}\r\n\r\n".encode()
        asyncio.get_running_loop().call_soon(request.scope[TRANSPORT].write, again + bytes(response.body))
    return response


async def wait(milliseconds: int) -> None:
    """Be late."""
    if milliseconds:
        await asyncio.sleep(milliseconds / 1000)


def cut(request: Request) -> Response:
    """Cut the connection under a request; what is answered afterwards reaches nobody."""
    request.scope[TRANSPORT].abort()
    return Response(status_code=500)


async def _no_route(_: Request, error: Exception) -> Response:
    status_code = error.status_code if isinstance(error, HTTPException) else 500
    code = "not_found" if status_code == 404 else "method_not_allowed"
    return _refusal(RejectionError(code, "no such endpoint", status_code))


async def _failed(_: Request, __: Exception) -> Response:
    return _refusal(RejectionError("internal_server_error", "the paper exchange failed; its log says why", 500))


def create_app(exchange: Exchange, more: Sequence[BaseRoute] = ()) -> Starlette:
    """The exchange as an ASGI application; ``more`` is what else is served beside it."""
    routes: list[BaseRoute] = [*more]
    routes += [
        Route(PREFIX + endpoint.path, _handler(exchange, endpoint), methods=[endpoint.method]) for endpoint in ENDPOINTS
    ]
    routes += control.routes(exchange)
    routes += documents.routes(exchange)
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_route, Exception: _failed})
