"""A Kalshi of another make with four shards: written from the recordings and the specification, without exchange/.

Money, orders, groups and transfers behave as production's README says: rows per (subaccount, shard), an order is paid
from its market's shard, a transfer is accepted first and done later, its ``client_transfer_id`` is good once.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

Json = dict[str, Any]
PREFIX = "/trade-api/v2"
SHARDS = {0: "default", 1: "combos", 2: "crypto and commodities", 3: "tennis, baseball, basketball"}
PLAIN, CRYPTO, SPORT = "KXFED-30-A", "KXBTC-30-A", "KXMLB-30-A"
"""Markets on the shards 0, 2 and 3."""
HOME = {PLAIN: 0, CRYPTO: 2, SPORT: 3}
ASK, BID = Decimal("0.50"), Decimal("0.48")
D = Decimal


class Cut(Exception):  # noqa: N818 - no error: the answer is lost
    """The connection ends without an answer."""


@dataclass
class Double:
    """The world; a test sets it up and looks at it.

    Attributes:
        cash: dollars by (subaccount, shard).
        positions: signed contracts by (subaccount, ticker).
        faults: called with "METHOD path" before a request, or after it with "after METHOD path"; may raise Cut.
        pending_reads: how often a transfer is read as pending before it is done.
        refuse_transfers: the answer to every transfer, if any.
    """

    cash: dict[tuple[int, int], D] = field(default_factory=lambda: {(0, 0): D(1000)})
    positions: dict[tuple[int, str], D] = field(default_factory=dict)
    orders: list[Json] = field(default_factory=list)
    transfers: list[Json] = field(default_factory=list)
    moved: list[Json] = field(default_factory=list)
    groups: dict[str, Json] = field(default_factory=dict)
    paused: set[int] = field(default_factory=set)
    seen: list[str] = field(default_factory=list)
    faults: Callable[[str], None] = lambda _: None
    pending_reads: int = 0
    refuse_transfers: tuple[int, Json] | None = None
    url: str = ""
    key_id: str = "double"
    pem: str = ""
    member: Any = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    # -- answers ---------------------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict[str, str], body: Json) -> tuple[int, Json]:
        with self.lock:
            self.seen.append(f"{method} {path}")
            self.faults(f"{method} {path}")
            parts = path.strip("/").split("/")
            name = f"{method}_{'_'.join(parts)}".lower()
            found = getattr(self, name, None)
            if found is None:
                found = getattr(self, f"{method}_{'_'.join(parts[:-1])}_one".lower(), None)
                if found is None:
                    return 404, {"error": {"code": "not_found", "message": f"no {method} {path}"}}
                answered = found(parts[-1], query, body)
            else:
                answered = found(query, body)
            self.faults(f"after {method} {path}")
        return answered if isinstance(answered, tuple) else (200, answered)

    def get_exchange_status(self, _: Any, __: Json) -> Json:
        trading = 0 not in self.paused
        statuses = [
            {
                "exchange_index": shard, "description": name, "exchange_active": True,
                "trading_active": shard not in self.paused, "intra_exchange_transfers_active": True,
            }
            for shard, name in SHARDS.items()
        ]  # fmt: skip
        return {"exchange_active": True, "trading_active": trading, "exchange_index_statuses": statuses}

    def get_exchange_schedule(self, _: Any, __: Json) -> Json:
        return {"schedule": {"standard_hours": [], "maintenance_windows": []}}

    def get_exchange_user_data_timestamp(self, _: Any, __: Json) -> Json:
        return {"as_of_time": _moment(time.time())}

    def get_account_limits(self, _: Any, __: Json) -> Json:
        rate = {"refill_rate": 12_000, "bucket_capacity": 12_000}
        return {"usage_tier": "prestige", "read": rate, "write": rate, "grants": []}

    def get_account_endpoint_costs(self, _: Any, __: Json) -> Json:
        return {"default_cost": 10, "endpoint_costs": []}

    def get_markets_one(self, ticker: str, _: Any, __: Json) -> Any:
        return {"market": _market(ticker)} if ticker in HOME else _missing()

    def get_markets(self, query: dict[str, str], _: Json) -> Json:
        wanted = query.get("tickers", ",".join(HOME)).split(",")
        return {"markets": [_market(ticker) for ticker in wanted if ticker in HOME], "cursor": ""}

    def answer_book(self) -> Json:
        return {"orderbook_fp": {"yes_dollars": [[str(BID), "500.00"]], "no_dollars": [[str(1 - ASK), "500.00"]]}}

    def get_events_one(self, ticker: str, _: Any, __: Json) -> Any:
        markets = [_market(t) for t in HOME if t.rpartition("-")[0] == ticker]
        event = {"event_ticker": ticker, "series_ticker": ticker.partition("-")[0], "title": ticker, "markets": markets}
        return {"event": event, "markets": markets} if markets else _missing()

    def get_series_one(self, ticker: str, _: Any, __: Json) -> Json:
        return {"series": {"ticker": ticker, "title": ticker, "fee_type": "quadratic", "fee_multiplier": 1}}

    def get_portfolio_balance(self, query: dict[str, str], _: Json) -> Json:
        number = int(query.get("subaccount", 0))
        split = {shard: amount for (owner, shard), amount in sorted(self.cash.items()) if owner == number}
        total = sum(split.values(), D(0))
        held = sum((abs(n) * BID for (owner, _), n in self.positions.items() if owner == number), D(0))
        return {
            "balance": int(total * 100), "balance_dollars": f"{total:.4f}", "portfolio_value": int(held * 100),
            "updated_ts": 0,
            "balance_breakdown": [{"exchange_index": s, "balance": f"{a:.4f}"} for s, a in split.items()],
        }  # fmt: skip

    def get_portfolio_subaccounts_balances(self, _: Any, __: Json) -> Json:
        rows = [
            {"subaccount_number": number, "exchange_index": shard, "balance": f"{amount:.4f}", "updated_ts": 0}
            for (number, shard), amount in sorted(self.cash.items())
        ]
        return {"subaccount_balances": rows}

    def get_portfolio_subaccounts_netting(self, _: Any, __: Json) -> Json:
        return {
            "netting_configs": [
                {"subaccount_number": number, "enabled": False, "exchange_index": shard} for number, shard in self.cash
            ]
        }

    def get_portfolio_subaccounts_transfers(self, _: Any, __: Json) -> Json:
        return {"transfers": self.moved[::-1], "cursor": ""}

    def post_portfolio_subaccounts_transfer(self, _: Any, body: Json) -> Any:
        amount, shard = D(body["amount_cents"]) / 100, body.get("exchange_index", 0)
        if any(done["transfer_id"] == body["client_transfer_id"] for done in self.moved):
            return {}
        if self.cash.get((body["from_subaccount"], shard), D(0)) < amount:
            return 400, {"error": {"code": "insufficient_balance", "message": "insufficient balance"}}
        self._move((body["from_subaccount"], shard), (body["to_subaccount"], shard), amount)
        self.moved.append(
            {
                "transfer_id": body["client_transfer_id"], "from_subaccount": body["from_subaccount"],
                "to_subaccount": body["to_subaccount"], "amount_cents": body["amount_cents"],
                "created_ts": int(time.time()), "exchange_index": shard,
            }
        )  # fmt: skip
        return {}

    def get_portfolio_positions(self, query: dict[str, str], _: Json) -> Json:
        number, ticker = int(query.get("subaccount", 0)), query.get("ticker")
        rows = [
            {
                "ticker": name, "position_fp": f"{count:.2f}", "market_exposure_dollars": f"{abs(count) * BID:.4f}",
                "exchange_index": HOME[name],
            }
            for (owner, name), count in self.positions.items()
            if owner == number and ticker in (None, name)
        ]  # fmt: skip
        return {"market_positions": rows, "event_positions": [], "cursor": ""}

    def get_portfolio_summary_total_resting_order_value(self, _: Any, __: Json) -> Json:
        return {"total_resting_order_value": 0, "resting_order_value_breakdown": []}

    def get_portfolio_orders(self, query: dict[str, str], _: Json) -> Json:
        wanted = query.get("status")
        return {"orders": [o for o in self.orders[::-1] if wanted in (None, o["status"])], "cursor": ""}

    def get_portfolio_fills(self, query: dict[str, str], _: Json) -> Json:
        fills = [o["fill"] for o in self.orders if o["fill"] and query.get("order_id") in (None, o["order_id"])]
        return {"fills": fills, "cursor": ""}

    def get_portfolio_settlements(self, _: Any, __: Json) -> Json:
        return {"settlements": [], "cursor": ""}

    def get_portfolio_deposits(self, _: Any, __: Json) -> Json:
        return {"deposits": [], "cursor": ""}

    def get_portfolio_withdrawals(self, _: Any, __: Json) -> Json:
        return {"withdrawals": [], "cursor": ""}

    def get_historical_fills(self, _: Any, __: Json) -> Json:
        return {"fills": [], "cursor": ""}

    def get_historical_orders(self, _: Any, __: Json) -> Json:
        return {"orders": [], "cursor": ""}

    # -- orders ----------------------------------------------------------------------------------------------------

    def post_portfolio_events_orders(self, _: Any, body: Json) -> Any:
        placed = self._place(body)
        return (400, {"error": placed}) if "code" in placed else (201, placed)

    def post_portfolio_events_orders_batched(self, _: Any, body: Json) -> Any:
        placed = [self._place(order) for order in body["orders"]]
        return 201, {"orders": [{"error": p} if "code" in p else p for p in placed]}

    def _place(self, body: Json) -> Json:
        ticker, price, count = body["ticker"], D(body["price"]), D(body["count"])
        shard = HOME[ticker]
        if any(order["client_order_id"] == body["client_order_id"] for order in self.orders):
            return {"code": "order_already_exists", "message": "order already exists"}
        if shard in self.paused:
            return {"code": "trading_is_paused", "message": "trading is paused"}
        if (group := body.get("order_group_id")) and self.groups[group]["exchange_index"] != shard:
            return {"code": "invalid_order_group", "message": "the group is on another exchange index"}
        buys = body["side"] == "bid"
        filled = count if (price >= ASK if buys else price <= BID) else D(0)
        at = (ASK if buys else BID) if filled else price
        unit = at if buys else 1 - at
        fee = (D("0.07") * filled * at * (1 - at)).quantize(D("0.0001"), ROUND_UP)
        if self.cash.get((0, shard), D(0)) < unit * count + fee:
            return {"code": "insufficient_balance", "message": "insufficient balance"}
        self.cash[0, shard] -= unit * count + fee
        order_id, signed = str(uuid.uuid4()), count if buys else -count
        if filled:
            self.positions[0, ticker] = self.positions.get((0, ticker), D(0)) + signed
        side = "yes" if buys else "no"
        fill = filled and {
            "fill_id": order_id, "order_id": order_id, "ticker": ticker, "outcome_side": side,
            "book_side": body["side"], "count_fp": f"{filled:.2f}", "yes_price_dollars": f"{at:.4f}", "is_taker": True,
            "fee_cost": f"{fee:.4f}", "created_time": _moment(time.time()),
        }  # fmt: skip
        self.orders.append(
            {
                "order_id": order_id, "client_order_id": body["client_order_id"], "ticker": ticker,
                "outcome_side": side, "book_side": body["side"], "status": "executed" if filled else "resting",
                "yes_price_dollars": f"{price:.4f}", "fill_count_fp": f"{filled:.2f}",
                "remaining_count_fp": f"{count - filled:.2f}", "initial_count_fp": f"{count:.2f}",
                "exchange_index": shard, "created_time": _moment(time.time()), "fill": fill or None,
            }
        )  # fmt: skip
        return {
            "order_id": order_id, "client_order_id": body["client_order_id"], "fill_count": f"{filled:.2f}",
            "remaining_count": f"{count - filled:.2f}", "ts_ms": int(time.time() * 1000),
            **({"average_fill_price": f"{at:.4f}", "average_fee_paid": f"{fee / filled:.6f}"} if filled else {}),
        }  # fmt: skip

    def get_portfolio_orders_one(self, order_id: str, _: Any, __: Json) -> Any:
        return next(({"order": order} for order in self.orders if order["order_id"] == order_id), _missing())

    def post_portfolio_order_groups_create(self, _: Any, body: Json) -> Any:
        group = str(uuid.uuid4())
        self.groups[group] = {
            "contracts_limit_fp": body["contracts_limit_fp"], "exchange_index": body.get("exchange_index", 0)
        }  # fmt: skip
        return 201, {"order_group_id": group, "subaccount": 0, "exchange_index": body.get("exchange_index", 0)}

    def get_portfolio_order_groups(self, _: Any, __: Json) -> Json:
        return {"order_groups": [{"id": name, "is_auto_cancel_enabled": True, **g} for name, g in self.groups.items()]}

    def get_portfolio_order_groups_one(self, group: str, _: Any, __: Json) -> Any:
        known = self.groups.get(group)
        return _missing() if known is None else {"orders": [], "is_auto_cancel_enabled": True, **known}

    # -- money between shards --------------------------------------------------------------------------------------

    def post_portfolio_intra_exchange_instance_transfer(self, _: Any, body: Json) -> Any:
        if self.refuse_transfers is not None:
            return self.refuse_transfers
        mine, source = body.get("client_transfer_id"), (body.get("source_subaccount", 0), body["source_exchange_shard"])
        if mine is not None and any(done["client_transfer_id"] == mine for done in self.transfers):
            return 409, {"error": {"code": "conflict", "message": "client_transfer_id was used"}}
        amount = D(body["amount"]) / 10_000
        if self.cash.get(source, D(0)) < amount:
            return 400, {"error": {"code": "insufficient_balance", "message": "insufficient balance"}}
        self.cash[source] -= amount  # it is nowhere until it arrives
        done = {
            "transfer_id": str(uuid.uuid4()), "source": "event_contract", "destination": "event_contract",
            "source_exchange_shard": source[1], "destination_exchange_shard": body["destination_exchange_shard"],
            "amount": f"{amount:.4f}", "status": "pending", "created_ts": int(time.time()),
            "reads": self.pending_reads, "target": (body.get("destination_subaccount", 0)),
        }  # fmt: skip
        if mine is not None:
            done["client_transfer_id"] = mine
        self.transfers.append(done)
        if not self.pending_reads:
            self._arrive(done)
        return {"transfer_id": done["transfer_id"]}

    def get_portfolio_intra_exchange_instance_transfers(self, _: Any, __: Json) -> Json:
        return {"transfers": [self._told(done) for done in self.transfers[::-1]], "cursor": ""}

    def get_portfolio_intra_exchange_instance_transfers_one(self, name: str, _: Any, __: Json) -> Any:
        found = next((done for done in self.transfers if done["transfer_id"] == name), None)
        return _missing() if found is None else {"transfer": self._told(found)}

    def _told(self, done: Json) -> Json:
        if done["status"] == "pending":
            done["reads"] -= 1
            if done["reads"] < 0:
                self._arrive(done)
        return {name: value for name, value in done.items() if name not in ("reads", "target")}

    def _arrive(self, done: Json) -> None:
        done["status"] = "complete"
        where = done["target"], done["destination_exchange_shard"]
        self.cash[where] = self.cash.get(where, D(0)) + D(done["amount"])

    def _move(self, source: tuple[int, int], target: tuple[int, int], amount: D) -> None:
        self.cash[source] -= amount
        self.cash[target] = self.cash.get(target, D(0)) + amount


def _missing() -> tuple[int, Json]:
    return 404, {"error": {"code": "not_found", "message": "not found"}}


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _market(ticker: str) -> Json:
    return {
        "ticker": ticker, "event_ticker": ticker.rpartition("-")[0], "title": f"About {ticker}", "status": "active",
        "yes_sub_title": "Yes", "close_time": _moment(time.time() + 86_400 * 30), "open_time": _moment(0),
        "yes_bid_dollars": f"{BID:.4f}", "yes_ask_dollars": f"{ASK:.4f}", "yes_bid_size_fp": "500.00",
        "yes_ask_size_fp": "500.00", "rules_primary": "If it happens.", "exchange_index": HOME[ticker],
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
    }  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: Double

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _do(self) -> None:
        asked = urlparse(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        path = asked.path.removeprefix(PREFIX)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        try:
            if path.endswith("/orderbook"):
                status, answer = 200, self.world.answer_book()
            else:
                status, answer = self.world.answer(self.command, path, query, body)
        except Cut:
            self.close_connection = True
            self.connection.close()
            return
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815 - the names http.server calls


@contextmanager
def running(world: Double) -> Iterator[Double]:
    """Serve a world on a free port of the loopback, in a thread."""
    handler = type("Handler", (_Handler,), {"world": world})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    world.url = f"http://127.0.0.1:{server.server_address[1]}{PREFIX}"
    key = ed25519.Ed25519PrivateKey.generate()
    world.pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
