"""One request to the exchange, decoded: query, path, body, caller; and how lists are paged."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import msgspec

from prediction_mcp.exchange.disk.archive import Where
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.matching import Order
from prediction_mcp.exchange.engine.rejection import EXCHANGE, RejectionError, bad_request, invalid, not_found
from prediction_mcp.exchange.simulation import Exchange
from prediction_mcp.exchange.world.clock import MAX_TIME_S
from prediction_mcp.exchange.world.listed import Event, Market, Series
from prediction_mcp.kalshi.units import COUNT_UNITS, parse_count, parse_dollars, parse_price

T = TypeVar("T")
B = TypeVar("B", bound=msgspec.Struct)
Json = dict[str, Any]


AUTO = -1
"""The shard of the market that is named."""
MAX_INT = 2**63 - 1
"""Integers beyond 64 bits aren't any."""
MAX_CONTRACTS = 10**9
"""Contracts one number may name: a thousand times what the largest markets trade, and money over it fits 64 bits."""
MAX_LISTED = 10**9
"""More than any list of this exchange holds."""
_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_POSITION = re.compile(r"[0-9]{1,30}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_DECIMAL = re.compile(r"-?[0-9]{1,24}(\.[0-9]{1,24})?", re.ASCII)


@dataclass(slots=True)
class Call:
    """What an endpoint is given. ``member`` raises 401 when the request wasn't signed."""

    exchange: Exchange
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    account: Account | None
    now_ms: int
    repeated: Mapping[str, list[str]]
    locked: int | None = None
    """The only subaccount that the caller's key may act for."""
    operation: str = "Get"

    @property
    def member(self) -> Account:
        if self.account is None:
            raise RejectionError("key_is_missing_from_headers", status=401)
        return self.account

    def subaccount(self, number: int | None) -> Account:
        """The member's account of a number, 0 for the primary. Raises RejectionError where there is none.

        A key that is bound to a subaccount acts for that one, and may name no other.
        """
        if self.locked is not None:
            if number not in (None, self.locked):
                raise RejectionError("forbidden", f"the API key is bound to subaccount {self.locked}", 403)
            number = self.locked
        if not number:
            return self.member
        found = self.exchange.engine.accounts.get(f"{self.member.account_id}/{number}")
        if found is None:
            raise invalid("subaccount", f"there is no subaccount {number}")
        return found

    def owned(self) -> Account:
        """The account that the query's ``subaccount`` names; the primary, if none."""
        return self.subaccount(self.integer("subaccount", None, 0, 63))

    def only(self) -> Account | None:
        """The account that a list is about, where the query or the key names one; None for all of the member's."""
        return None if self.text("subaccount") is None and self.locked is None else self.owned()

    def of_subaccount(self) -> Where:
        """A condition on the account, where the query names one; else all of the member's are meant."""
        only = self.only()
        return Where() if only is None else Where().of_accounts(only.shards.values())

    def of_shard(self) -> Where:
        """Return the condition for a list that the query's ``exchange_index`` filters."""
        index, only = self.integer("exchange_index", None, 0), self.only()
        if index is None:
            return self.of_subaccount()
        accounts = (self.member, *self.exchange.subaccounts(self.member)) if only is None else (only,)
        return Where().of_accounts(account.on(index) for account in accounts)

    def check_shard(self, index: int | None) -> None:
        """Raise RejectionError (400) for a shard that this exchange doesn't have. -1 is routing by the ticker."""
        if index is not None and index != AUTO and index not in self.exchange.shards:
            numbers = ", ".join(map(str, self.exchange.shards))
            raise invalid("exchange_index", f"must be one of the shards {numbers}")

    def route(self, index: int | None, ticker: str | None) -> int:
        """The shard of a request about an order: the one that is named, or that of the ticker, or 0.

        Raises:
            RejectionError: 400 for -1 without a ticker, 404 for a market that isn't on the named shard, 503 for a shard
                under maintenance.
        """
        market = self.exchange.catalogue.markets.get(ticker or "")
        if index == AUTO and not ticker:
            raise invalid("exchange_index", "-1 needs the market's ticker")
        shard = index if index not in (None, AUTO) else market.event.shard if market is not None else 0
        if market is not None and market.event.shard != shard:
            raise RejectionError("market_not_found", f"market {ticker} not found", 404)
        self.exchange.check_shard_up(shard)
        return shard

    def unbound(self) -> Account:
        """The member, for what a key that is bound to a subaccount may not do. Raises RejectionError (403)."""
        if self.locked is not None:
            raise RejectionError("forbidden", f"the API key is bound to subaccount {self.locked}", 403)
        return self.member

    # -- query -------------------------------------------------------------------------------------------------

    def text(self, name: str) -> str | None:
        return self.query.get(name) or None

    def integer(
        self, name: str, default: int | None = None, low: int | None = None, high: int | None = None
    ) -> int | None:
        raw = self.query.get(name)
        if raw is None or raw == "":
            return default
        value = int(raw) if _INTEGER.fullmatch(raw) else None
        if value is None or abs(value) > MAX_INT:
            raise self.unreadable(name, "an integer of 64 bits")
        if low is not None and value < low:
            raise self.refuse(name, "gte")
        if high is not None and value > high:
            raise self.refuse(name, "lte")
        return value

    def seconds(self, name: str) -> int | None:
        """A time in Unix seconds; one that nobody can live to see counts as the last there is."""
        value = self.integer(name)
        return None if value is None else max(-MAX_TIME_S, min(value, MAX_TIME_S))

    def milliseconds(self, name: str) -> int | None:
        """The same in Unix milliseconds."""
        value = self.integer(name)
        return None if value is None else max(-MAX_TIME_S * 1000, min(value, MAX_TIME_S * 1000))

    def limit(self, default: int = 100, high: int = 1000, low: int = 1) -> int:
        """How many a page may hold. Where Kalshi takes 0 (``low``), it means the default."""
        return self.integer("limit", default, low, high) or default

    def flag(self, name: str) -> bool | None:
        raw = self.query.get(name)
        if raw is None or raw == "":
            return None
        if raw.lower() not in ("true", "false"):
            raise self.unreadable(name, "true or false")
        return raw.lower() == "true"

    def choice(self, name: str, allowed: Iterable[str]) -> str | None:
        raw = self.text(name)
        if raw is not None and raw not in allowed:
            raise self.refuse(name, "oneof")
        return raw

    def names(self, name: str, most: int = 1000) -> list[str]:
        """A list given comma-separated, repeated, or both."""
        values = [part for raw in self.repeated.get(name, []) for part in raw.split(",") if part]
        if len(values) > most:
            raise self.refuse(name, "max")
        return values

    def within(self, low: str, high: str) -> Callable[[int], bool]:
        """Whether a time in milliseconds lies in the window of two Unix-second parameters, ends included."""
        after, before = self.seconds(low), self.seconds(high)
        return lambda at_ms: (after is None or at_ms >= after * 1000) and (before is None or at_ms // 1000 <= before)

    def window(self, low: str, high: str) -> tuple[int | None, int | None]:
        """The same window as milliseconds from the first to before the second."""
        after, before = self.seconds(low), self.seconds(high)
        return None if after is None else after * 1000, None if before is None else (before + 1) * 1000

    # -- path and body -----------------------------------------------------------------------------------------

    def series(self, name: str = "series_ticker") -> Series:
        found = self.exchange.catalogue.series.get(self.path[name])
        if found is None:
            raise not_found()
        return found

    def event(self, name: str = "event_ticker") -> Event:
        found = self.exchange.catalogue.events.get(self.path[name])
        if found is None:
            raise not_found()
        return found

    def market(self) -> Market:
        found = self.exchange.catalogue.markets.get(self.path["ticker"])
        if found is None:
            raise not_found()
        return found

    def order(self, account: Account | None = None, order_id: str | None = None, shard: int | None = None) -> Order:
        """The member's own order, of a subaccount and on a shard where those are named; any other isn't found."""
        order_id = self.path["order_id"] if order_id is None else order_id
        found = self.member.orders.get(order_id)
        if found is None:
            found = next(self.exchange.archive.orders(self.member, Where().add("order_id = ?", order_id)), None)
        own = account or (None if self.locked is None else self.subaccount(None))
        if found is None or (own is not None and found.account.home is not own):
            raise not_found(service=EXCHANGE)
        if shard is not None and found.account.shard != shard:
            raise not_found(service=EXCHANGE)
        return found

    def decode(self, kind: type[B]) -> B:
        """The body as what it should be. Raises RejectionError for anything else, and for a shard that isn't there."""
        try:
            body = msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, RecursionError) as error:
            raise bad_request(f"json: {error}") from None
        self.check_shard(getattr(body, "exchange_index", None))
        return body

    def refuse(self, name: str, tag: str) -> RejectionError:
        """For a parameter of the query that breaks its rule, in the words that were recorded."""
        field = "".join(part.capitalize() for part in name.split("_"))
        params = f"{self.operation}Params.{field}"
        return RejectionError(
            "invalid_parameters",
            f"Parameter validation failed for {self.operation}: Key: '{params}' Error:Field validation for '{field}' "
            f"failed on the '{tag}' tag",
            shape="msg",
        )

    def unreadable(self, name: str, kind: str) -> RejectionError:
        """For a parameter of the query that isn't what it should be at all."""
        return RejectionError("invalid_parameters", f"Invalid format for parameter {name}: not {kind}", shape="msg")

    def uuid(self, name: str) -> str:
        """An id of the path that must be a UUID. Raises RejectionError (400) for one that isn't."""
        raw = self.path[name]
        if not _UUID.fullmatch(raw):
            raise RejectionError("invalid_parameters", f"{name}: must be a UUID")
        return raw.lower()

    # -- paging ------------------------------------------------------------------------------------------------

    def page(self, items: Iterable[T], key: Callable[[T], int], limit: int) -> tuple[list[T], str]:
        """A page of items in descending ``key`` and the cursor for the next; new items don't shift it."""
        below = self.before
        rest = iter(items) if below is None else (item for item in items if key(item) < below)
        found = list(islice(rest, limit + 1))
        return found[:limit], _encode(key(found[limit - 1])) if len(found) > limit else ""

    def page_up(self, items: Iterable[T], key: Callable[[T], int], limit: int) -> tuple[list[T], str]:
        """A page of items in ascending ``key``; none that come or go meanwhile shift it."""
        above = self.before or 0
        found = list(islice((item for item in items if key(item) > above), limit + 1))
        return found[:limit], _encode(key(found[limit - 1])) if len(found) > limit else ""

    def page_listing(self, items: Iterable[T], limit: int) -> tuple[list[T], str]:
        """A page of a list that only grows at its end."""
        start = min(self.before or 0, MAX_LISTED)
        found = list(islice(items, start, start + limit + 1))
        return found[:limit], _encode(start + limit) if len(found) > limit else ""

    @property
    def before(self) -> int | None:
        """The position in the request's cursor; one that this exchange never gave means the first page, as recorded."""
        raw = self.text("cursor")
        if raw is None:
            return None
        try:
            text = base64.urlsafe_b64decode(raw.encode()).decode()
        except (binascii.Error, ValueError):
            return None
        return int(text) if _POSITION.fullmatch(text) else None

    @property
    def before_row(self) -> int | None:
        """The same for a list whose positions are the database's row numbers."""
        return None if self.before is None else min(self.before, MAX_INT)


def _encode(position: int) -> str:
    return base64.urlsafe_b64encode(str(position).encode()).decode()


def price_of(raw: str, name: str = "price") -> int:
    """A price of the body in price units. Raises RejectionError."""
    try:
        return parse_price(_plain(raw, name))
    except ValueError:
        raise RejectionError("invalid_price", service=EXCHANGE) from None


def count_of(raw: str, name: str = "count") -> int:
    """A count of the body in count units. Raises RejectionError."""
    try:
        units = parse_count(_plain(raw, name))
    except ValueError:
        raise invalid(name, "takes two decimals at most") from None
    return bounded(units, name, COUNT_UNITS * MAX_CONTRACTS)


def contracts_of(whole: int, name: str) -> int:
    """Whole contracts of the body in count units. Raises RejectionError."""
    return bounded(whole, name, MAX_CONTRACTS) * COUNT_UNITS


def dollars_of(raw: str, name: str) -> int:
    """An amount of the body in micros. Raises RejectionError."""
    try:
        micros = parse_dollars(_plain(raw, name))
    except ValueError:
        raise invalid(name, "takes six decimals at most") from None
    return bounded(micros, name, MAX_INT)


def expiry_of(seconds: int | None) -> int | None:
    """When an order expires, in milliseconds. Raises RejectionError for what isn't a time in seconds."""
    if seconds is None:
        return None
    if seconds > MAX_TIME_S:
        raise RejectionError("invalid_order", "expiration_time is in seconds, and no later than the year 9999")
    return seconds * 1000


def bounded(value: int, name: str, most: int) -> int:
    """A number no larger, up or down, than what can be kept. Raises RejectionError."""
    if abs(value) > most:
        raise invalid(name, f"must be at most {most}")
    return value


def _plain(raw: str, name: str) -> str:
    """A number as Kalshi writes them: digits, perhaps a point and more; nothing else that some language reads."""
    if not _DECIMAL.fullmatch(raw):
        raise bad_request(f"json: cannot unmarshal {name}: not a fixed-point number")
    return raw
