"""Markets, money and orders of the double, made from recordings of the production exchange."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from tests.facts import load

Json = dict[str, Any]
PRODUCTION = "kalshi/production"
UNQUOTED = "kalshi/recorded/markets__status_open"
RECORDED_AT = datetime(2026, 8, 9, 12, tzinfo=UTC)
"""The recordings' times are moved so that this moment is now."""
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
EVENTS = 6
"""Events taken of each recording of listed sports."""
SHARDS = {"KXMVE": 1, "KXMLB": 3, "KXNBA": 3, "KXWNBA": 3}
"""Production's shards by the beginning of the series; the rest is on 0."""
ZERO = Decimal(0)


class Refused(Exception):  # noqa: N818  (an answer, not a fault)
    """An answer other than success: the recorded status and body."""

    def __init__(self, status: int, code: str, message: str, **more: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"error": {"code": code, "message": message, **more}}


def moved(value: Any, by: timedelta) -> Any:
    """A recording with every time in it moved; nested anyhow."""
    if isinstance(value, list):
        return [moved(item, by) for item in value]
    if isinstance(value, dict):
        return {k: v + int(by.total_seconds()) if _is_time(k, v) else moved(v, by) for k, v in value.items()}
    if isinstance(value, str) and ISO.fullmatch(value):
        return iso(datetime.fromisoformat(value) + by)
    return value


def _is_time(name: str, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and (name == "ts" or name.endswith("_ts"))


def iso(moment: datetime) -> str:
    """The moment as production writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


def shard_of(ticker: str) -> int:
    return next((shard for start, shard in SHARDS.items() if ticker.startswith(start)), 0)


@dataclass
class World:
    """One account on production as it was recorded, its times moved to now."""

    cash: dict[tuple[int, int], Decimal] = field(
        default_factory=lambda: {
            (row["subaccount_number"], row["exchange_index"]): Decimal(row["balance"])
            for row in load(f"{PRODUCTION}/subaccount_balances_by_shard")["answer"]["subaccount_balances"]
        }
    )
    """Dollars by (subaccount, shard)."""
    transfers: dict[str, Json] = field(default_factory=dict)
    orders: dict[str, Json] = field(default_factory=dict)
    changed: list[tuple[str, Json]] = field(default_factory=list)
    """(channel, message) for the feed, in the sequence they happened."""

    def __post_init__(self) -> None:
        self.by = datetime.now(UTC) - RECORDED_AT
        self.series: dict[str, Json] = {
            name: payload["series"]
            for name, payload in self._moved(f"{PRODUCTION}/series_fee_fields")["payloads"].items()
        }
        self.events = {event["event_ticker"]: event for event in self._events()}
        self.markets: dict[str, Json] = {m["ticker"]: m for event in self.events.values() for m in event["markets"]}
        for market in self.markets.values():
            market["exchange_index"] = shard_of(market["ticker"])
        self.collections = list(self._moved(f"{PRODUCTION}/combo_collections").values())
        charted = [t for t, m in self.markets.items() if self.quoted(m)]
        recorded = self._moved(f"{PRODUCTION}/candlesticks_mlb")["markets"].values()
        self.candles: dict[str, list[Json]] = {
            ticker: found["candlesticks"] for ticker, found in zip(charted, recorded, strict=False)
        }
        self.fills: list[Json] = self._moved(f"{PRODUCTION}/portfolio_fills_redacted")["payload"]["fills"]
        self.settlements = self._moved(f"{PRODUCTION}/portfolio_settlements_redacted")["payload"]["settlements"]
        for settlement in self.settlements:
            settlement["exchange_index"] = shard_of(settlement["ticker"])
        self.deposits = self._moved(f"{PRODUCTION}/subaccount_balances_by_shard")["deposits_2026-10"]
        for number, deposit in enumerate(self.deposits):
            deposit.update(id=str(uuid.UUID(int=number + 1)), fee_cents=0)
        held = next(m for m in self.markets.values() if self.quoted(m) and shard_of(m["ticker"]) == 3)
        self.positions: dict[str, Json] = {held["ticker"]: _position(held["ticker"], "10.00", "4.500000")}

    def _moved(self, name: str) -> Any:
        return moved(load(name), self.by)

    def _events(self) -> Iterator[Json]:
        sports = self._moved(f"{PRODUCTION}/events_sports_nested")
        props = self._moved(f"{PRODUCTION}/events_mlb_props_nested")["events_by_series"]
        listed = [*sports, *self._moved(f"{PRODUCTION}/events_nfl_preseason")["events"][:EVENTS]]
        for event in [*listed, *(event for found in props.values() for event in found[:1])]:
            yield event | {"markets": event["markets"][:12]}
        for market in self._moved(f"{PRODUCTION}/combo_priced_markets")["combos"]:
            yield _event_of(market, "KXMVECROSSCATEGORY-SHARD1", "Exotics")
        unquoted = [m for m in self._moved(UNQUOTED)["markets"] if m["yes_ask_dollars"] == "0.0000"]
        for market in [*self._moved(f"{PRODUCTION}/markets_settled")["markets"][:10], *unquoted[:EVENTS]]:
            yield _event_of(market, market["event_ticker"].split("-")[0], "Sports")

    def quoted(self, market: Json) -> bool:
        """Whether both sides have a price with contracts behind it."""
        return (
            market["status"] == "active"
            and Decimal(market.get("yes_bid_size_fp") or 0) > 0
            and Decimal(market.get("yes_ask_size_fp") or 0) > 0
        )

    def example(self, shard: int, sides: int = 2) -> str:
        """A ticker on a shard that is active and quoted on so many sides."""
        return next(
            t
            for t, m in self.markets.items()
            if shard_of(t) == shard and m["status"] == "active" and sum(map(bool, self.book(t).values())) == sides
        )

    def book(self, ticker: str) -> dict[str, list[list[str]]]:
        """Bids of both outcomes, as recorded at the top; a side without contracts is empty."""
        market: Json = self.markets.get(ticker, {})
        out: dict[str, list[list[str]]] = {"yes_dollars": [], "no_dollars": []}
        if market.get("status") != "active":
            return out
        for side, price, size in (
            ("yes", "yes_bid_dollars", "yes_bid_size_fp"),
            ("no", "no_bid_dollars", "yes_ask_size_fp"),
        ):
            if Decimal(market.get(size) or 0) > 0 and Decimal(market[price]) > 0:
                out[f"{side}_dollars"] = [[market[price], market[size]]]
        return out

    # -- trading -----------------------------------------------------------------------------------------------------

    def place(self, body: Json) -> Json:
        """Take a limit order: what the top of the book has trades at its price, the rest rests or is cancelled."""
        market = self.markets.get(body["ticker"])
        if market is None:
            raise Refused(404, "market_not_found", "market not found")
        if market["status"] != "active":
            raise Refused(400, "MARKET_INACTIVE", "market is not active")
        if any(o["client_order_id"] == body.get("client_order_id") for o in self.orders.values()):
            raise Refused(409, "order_already_exists", "order already exists")
        count, limit, buys = Decimal(body["count"]), Decimal(body["price"]), body["side"] == "bid"
        pot = (body.get("subaccount") or 0, market["exchange_index"])
        price, size = self._offered(market, buys=buys)
        crosses = size > 0 and (price <= limit if buys else price >= limit)
        filled = min(count, size) if crosses else ZERO
        worst = count * (limit if buys else 1 - limit)
        if not self._closes(body["ticker"], count, buys=buys) and self.cash.get(pot, ZERO) < worst:
            raise Refused(400, "insufficient_balance", "insufficient balance", service="exchange")
        order = self._order(body, count, filled, price)
        self.orders[order["order_id"]] = order
        fee = self._fill(order, filled, price, pot, buys=buys) if filled else ZERO
        self.changed.append(("user_orders", order))
        answer = {
            "order_id": order["order_id"],
            "client_order_id": order["client_order_id"],
            "fill_count": _count(filled),
            "remaining_count": order["remaining_count_fp"],
            "ts_ms": time.time_ns() // 1_000_000,
        }
        if filled:
            answer |= {"average_fill_price": f"{price:.4f}", "average_fee_paid": f"{fee / filled:.4f}"}
        return answer

    def _offered(self, market: Json, *, buys: bool) -> tuple[Decimal, Decimal]:
        """(YES price, contracts) at the other side's top."""
        book = self.book(market["ticker"])["no_dollars" if buys else "yes_dollars"]
        if not book:
            return ZERO, ZERO
        price, size = (Decimal(text) for text in book[0])
        return (1 - price if buys else price), size

    def _closes(self, ticker: str, count: Decimal, *, buys: bool) -> bool:
        held = Decimal(self.positions.get(ticker, {}).get("position_fp", 0))
        return held <= -count if buys else held >= count

    def _order(self, body: Json, count: Decimal, filled: Decimal, price: Decimal) -> Json:
        rests = body["time_in_force"] == "good_till_canceled" and filled < count
        now, outcome = iso(datetime.now(UTC)), "yes" if body["side"] == "bid" else "no"
        return {
            "order_id": str(uuid.uuid4()),
            "user_id": str(uuid.UUID(int=1)),
            "client_order_id": body["client_order_id"],
            "ticker": body["ticker"],
            "exchange_index": shard_of(body["ticker"]),
            "side": outcome,
            "type": "limit",
            "action": "buy" if outcome == "yes" else "sell",
            "outcome_side": outcome,
            "book_side": body["side"],
            "status": "resting" if rests else "executed" if filled == count else "canceled",
            "yes_price_dollars": f"{Decimal(body['price']):.4f}",
            "no_price_dollars": f"{1 - Decimal(body['price']):.4f}",
            "initial_count_fp": _count(count),
            "fill_count_fp": _count(filled),
            "remaining_count_fp": _count(count - filled if rests else ZERO),
            "taker_fill_cost_dollars": f"{filled * price:.6f}",
            "maker_fill_cost_dollars": "0.000000",
            "taker_fees_dollars": "0.000000",
            "maker_fees_dollars": "0.000000",
            "subaccount_number": body.get("subaccount") or 0,
            "created_time": now,
            "last_update_time": now,
            "self_trade_prevention_type": "taker_at_cross",
        }

    def _fill(self, order: Json, filled: Decimal, price: Decimal, pot: tuple[int, int], *, buys: bool) -> Decimal:
        """Move the money and the contracts; returns the fee by Kalshi's published formula, to the micro-dollar."""
        fee = (Decimal("0.07") * filled * price * (1 - price)).quantize(Decimal("0.000001"), ROUND_CEILING)
        self.cash[pot] -= (filled * price if buys else filled * (1 - price)) + fee
        held = self.positions.setdefault(order["ticker"], _position(order["ticker"], "0.00", "0.000000"))
        held["position_fp"] = _count(Decimal(held["position_fp"]) + (filled if buys else -filled))
        order["taker_fees_dollars"] = f"{fee:.6f}"
        fill = {
            name: order[name]
            for name in (
                "order_id",
                "ticker",
                "exchange_index",
                "side",
                "action",
                "outcome_side",
                "book_side",
                "subaccount_number",
            )
        } | {
            "fill_id": str(uuid.uuid4()),
            "trade_id": str(uuid.uuid4()),
            "market_ticker": order["ticker"],
            "is_taker": True,
            "count_fp": _count(filled),
            "yes_price_dollars": f"{price:.4f}",
            "no_price_dollars": f"{1 - price:.4f}",
            "fee_cost": f"{fee:.6f}",
            "created_time": iso(datetime.now(UTC)),
            "ts": int(time.time()),
        }
        self.fills.insert(0, fill)
        self.changed.append(("fill", fill))
        return fee

    def move(self, body: Json) -> str:
        """Take money (in $0.0001) from one shard; it arrives on the other when the transfer is next looked at."""
        amount, source = Decimal(body["amount"]) / 10_000, body.get("source_exchange_shard", 0)
        pot = (body.get("source_subaccount", 0), source)
        if self.cash.get(pot, ZERO) < amount:
            raise Refused(400, "insufficient_balance", "insufficient balance", service="exchange")
        self.cash[pot] -= amount
        transfer_id = str(uuid.uuid4())
        self.transfers[transfer_id] = {
            "transfer_id": transfer_id,
            "source": "event_contract",
            "destination": "event_contract",
            "source_exchange_shard": source,
            "destination_exchange_shard": body.get("destination_exchange_shard", 0),
            "amount": f"{amount:.4f}",
            "status": "pending",
            "created_ts": int(time.time()),
        } | ({"client_transfer_id": body["client_transfer_id"]} if "client_transfer_id" in body else {})
        return transfer_id

    def transfer(self, transfer_id: str) -> Json:
        """A transfer as it is read: pending the first time, complete from then on."""
        known = self.transfers[transfer_id]
        shown = dict(known)
        if known["status"] == "pending":
            known["status"] = "complete"
            pot = (0, known["destination_exchange_shard"])
            self.cash[pot] = self.cash.get(pot, ZERO) + Decimal(known["amount"])
        return shown

    def resting(self, order_id: str) -> Json:
        order = self.orders.get(order_id)
        if order is None or order["status"] != "resting":
            raise Refused(404, "not_found", "not found")
        return order

    def cancel(self, order_id: str) -> Json:
        order = self.resting(order_id)
        reduced, order["status"], order["remaining_count_fp"] = order["remaining_count_fp"], "canceled", "0.00"
        self.changed.append(("user_orders", order))
        return {"order_id": order_id, "reduced_by": reduced, "ts_ms": time.time_ns() // 1_000_000}

    def amend(self, order_id: str, body: Json) -> Json:
        """Change price or size; the counts of an answer to a change of the price alone are null."""
        order = self.resting(order_id)
        wanted, filled = Decimal(body["count"]), Decimal(order["fill_count_fp"])
        resized = wanted != Decimal(order["initial_count_fp"])
        order |= {
            "yes_price_dollars": f"{Decimal(body['price']):.4f}",
            "no_price_dollars": f"{1 - Decimal(body['price']):.4f}",
            "initial_count_fp": _count(wanted),
            "remaining_count_fp": _count(wanted - filled),
        }
        self.orders[order_id] = order
        self.changed.append(("user_orders", order))
        return {
            "order_id": order_id,
            "ts_ms": time.time_ns() // 1_000_000,
            "average_fill_price": None,
            "average_fee_paid": None,
            "fill_count": "0.00" if resized else None,
            "remaining_count": order["remaining_count_fp"] if resized else None,
        }


def _event_of(market: Json, series: str, category: str) -> Json:
    return {
        "event_ticker": market["event_ticker"],
        "series_ticker": series,
        "title": market["event_ticker"],
        "sub_title": "",
        "category": category,
        "mutually_exclusive": False,
        "collateral_return_type": "",
        "strike_period": "",
        "available_on_brokers": False,
        "markets": [market],
    }


def _position(ticker: str, held: str, cost: str) -> Json:
    return {
        "ticker": ticker,
        "exchange_index": shard_of(ticker),
        "position_fp": held,
        "market_exposure_dollars": cost,
        "total_traded_dollars": cost,
        "realized_pnl_dollars": "0.000000",
        "fees_paid_dollars": "0.000000",
        "resting_orders_count": 0,
        "last_updated_ts": iso(datetime.now(UTC)),
    }


def _count(value: Decimal) -> str:
    return f"{value:.2f}"


def total(rows: Iterable[Decimal]) -> Decimal:
    return sum(rows, ZERO)
