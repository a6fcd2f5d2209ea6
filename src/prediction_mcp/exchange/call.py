"""One request to the exchange, decoded: query, path, body, caller; and how lists are paged."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import msgspec

from prediction_mcp.kalshi.units import parse_count, parse_price

from .archive import Where
from .catalogue import Event, Market, Series
from .ledger import Account
from .matching import Order
from .rejection import RejectionError
from .simulation import Exchange

T = TypeVar("T")
B = TypeVar("B", bound=msgspec.Struct)
Json = dict[str, Any]


def invalid(name: str, why: str) -> RejectionError:
    return RejectionError("invalid_parameters", f"{name}: {why}")


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

    @property
    def member(self) -> Account:
        if self.account is None:
            raise RejectionError("missing_auth_headers", "this endpoint needs a signed request", 401)
        return self.account

    def subaccount(self, number: int | None) -> Account:
        """The member's account of a number, 0 for the primary. Raises RejectionError where there is none."""
        if not number:
            return self.member
        found = self.exchange.engine.accounts.get(f"{self.member.account_id}/{number}")
        if found is None:
            raise invalid("subaccount", f"there is no subaccount {number}")
        return found

    def owned(self) -> Account:
        """The account that the query's ``subaccount`` names; the primary, if none."""
        return self.subaccount(self.integer("subaccount", 0, 0, 63))

    def of_subaccount(self) -> Where:
        """A condition on the account, where the query names one; else all of the member's are meant."""
        if self.text("subaccount") is None:
            return Where()
        return Where().add("account_id = ?", self.owned().account_id)

    # -- query -------------------------------------------------------------------------------------------------

    def text(self, name: str) -> str | None:
        return self.query.get(name) or None

    def integer(
        self, name: str, default: int | None = None, low: int | None = None, high: int | None = None
    ) -> int | None:
        raw = self.query.get(name)
        if raw is None or raw == "":
            return default
        try:
            value = int(raw)
        except ValueError:
            raise invalid(name, "must be an integer") from None
        if (low is not None and value < low) or (high is not None and value > high):
            raise invalid(name, f"must be between {low} and {high}")
        return value

    def limit(self, default: int = 100, high: int = 1000) -> int:
        return self.integer("limit", default, 0, high) or default

    def flag(self, name: str) -> bool | None:
        raw = self.query.get(name)
        if raw is None or raw == "":
            return None
        if raw.lower() not in ("true", "false"):
            raise invalid(name, "must be true or false")
        return raw.lower() == "true"

    def choice(self, name: str, allowed: Iterable[str]) -> str | None:
        raw = self.text(name)
        if raw is not None and raw not in allowed:
            raise invalid(name, f"must be one of {', '.join(allowed)}")
        return raw

    def names(self, name: str, most: int = 1000) -> list[str]:
        """A list given comma-separated, repeated, or both."""
        values = [part for raw in self.repeated.get(name, []) for part in raw.split(",") if part]
        if len(values) > most:
            raise invalid(name, f"takes at most {most}")
        return values

    def within(self, low: str, high: str) -> Callable[[int], bool]:
        """Whether a time in milliseconds lies in the window of two Unix-second parameters, ends included."""
        after, before = self.integer(low), self.integer(high)
        return lambda at_ms: (after is None or at_ms >= after * 1000) and (before is None or at_ms // 1000 <= before)

    def window(self, low: str, high: str) -> tuple[int | None, int | None]:
        """The same window as milliseconds from the first to before the second."""
        after, before = self.integer(low), self.integer(high)
        return None if after is None else after * 1000, None if before is None else (before + 1) * 1000

    # -- path and body -----------------------------------------------------------------------------------------

    def series(self, name: str = "series_ticker") -> Series:
        found = self.exchange.catalogue.series.get(self.path[name])
        if found is None:
            raise RejectionError("not_found", f"series {self.path[name]} not found", 404)
        return found

    def event(self, name: str = "event_ticker") -> Event:
        found = self.exchange.catalogue.events.get(self.path[name])
        if found is None:
            raise RejectionError("not_found", f"event {self.path[name]} not found", 404)
        return found

    def market(self) -> Market:
        found = self.exchange.catalogue.markets.get(self.path["ticker"])
        if found is None:
            raise RejectionError("not_found", f"market {self.path['ticker']} not found", 404)
        return found

    def order(self, order_id: str | None = None) -> Order:
        """The member's own order; somebody else's is as good as none."""
        order_id = order_id or self.path["order_id"]
        found = self.member.orders.get(order_id)
        if found is None:
            found = next(self.exchange.archive.orders(self.member, Where().add("order_id = ?", order_id)), None)
        if found is None:
            raise RejectionError("order_not_found", "order not found", 404)
        return found

    def decode(self, kind: type[B]) -> B:
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.ValidationError as error:
            raise RejectionError("invalid_parameters", str(error)) from None
        except msgspec.DecodeError:
            raise RejectionError("invalid_json", "the body is not JSON") from None

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
        start = self.before or 0
        found = list(islice(items, start, start + limit + 1))
        return found[:limit], _encode(start + limit) if len(found) > limit else ""

    @property
    def before(self) -> int | None:
        """The position in the request's cursor."""
        raw = self.text("cursor")
        if raw is None:
            return None
        try:
            return int(base64.urlsafe_b64decode(raw.encode()).decode())
        except (binascii.Error, ValueError):
            raise invalid("cursor", "is not one that this exchange gave") from None


def _encode(position: int) -> str:
    return base64.urlsafe_b64encode(str(position).encode()).decode()


def price_of(raw: str) -> int:
    try:
        return parse_price(raw)
    except ValueError:
        raise RejectionError("invalid_price", "price must be a dollar string with up to four decimals") from None


def count_of(raw: str, name: str = "count") -> int:
    try:
        return parse_count(raw)
    except ValueError:
        raise invalid(name, "must be a count string with up to two decimals") from None
