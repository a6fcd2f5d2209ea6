"""What a wallet's owner does at the order book: orders, cancels, and what it knows of them.

An order's id is known before it leaves (its hash). So it is sent once; when the answer is lost, it is asked for by its
id, never sent again. Every request is signed afresh (L2); the query isn't part of what is signed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from prediction_mcp.net.buckets import TokenBucket
from prediction_mcp.net.reading import pages
from prediction_mcp.net.words import one_line

from .answers import meaning
from .errors import (
    InvalidOrderError,
    InvalidRequestError,
    MalformedResponseError,
    NotFilledError,
    NotFoundError,
    OutcomeUnknownError,
    PolymarketError,
    UnavailableError,
)  # fmt: skip
from .limits import SHARE, Limits
from .orders import SignedOrder, is_protocol_v2
from .own import Balance, Beat, Cancelled, Order, Orders, Placed, Redeemed, UserTrade, UserTrades
from .parsing import URLS, parsed, same_page, sender_to
from .wallet import ApiKey, Wallet

if TYPE_CHECKING:
    import httpx

    from prediction_mcp.net.sending import Bucket, Query

T = TypeVar("T")
LAST_PAGE = "LTE="
ASK_AGAIN_AFTER = (0.2, 1.0, 3.0)
"""Seconds between questions after an order whose answer was lost."""
MOST_ORDERS, MOST_CANCELS = 15, 1000
"""Orders that one cancel names; the documentation's number, the SDK says 3,000."""
ORDERS_A_SECOND, ORDERS_AT_ONCE, CANCELS_A_SECOND, CANCELS_AT_ONCE = 40, 60, 80, 120
"""Of a signer, in the lowest tier."""
TAKEN = ("live", "matched", "delayed")


class PolymarketAccount:
    """One wallet at the order book.

    Args:
        wallet: whose key signs.
        key: what requests are signed with.
        url: the order book's address.
        limits: the address's rate budget.
        http: a client of your own, for tests; closed by :meth:`close` all the same.
        now: seconds, Unix.
    """

    def __init__(
        self,
        wallet: Wallet,
        key: ApiKey,
        url: str = URLS["clob"],
        limits: Limits | None = None,
        http: httpx.AsyncClient | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.wallet = wallet
        self.api_key = key
        self._sender = sender_to(url, http)
        self._limits = limits or Limits()
        self._now = now
        self._orders = TokenBucket(ORDERS_A_SECOND * SHARE, ORDERS_AT_ONCE * SHARE)
        self._cancels = TokenBucket(CANCELS_A_SECOND * SHARE, CANCELS_AT_ONCE * SHARE)

    async def close(self) -> None:
        await self._sender.close()

    async def place(self, order: SignedOrder) -> Placed:
        """Send an order, exactly once.

        Raises:
            InvalidOrderError and its kinds, TradingPausedError: it was refused; nothing was placed.
            OutcomeUnknownError: no answer came and the book doesn't show the order; the message says how to find out.
        """
        try:
            content = await self._send("POST", "/order", self._orders, order.body, idempotent=False)
            placed = parsed(Placed, content, "/order")
        except (UnavailableError, MalformedResponseError) as error:
            if isinstance(error, UnavailableError) and not error.maybe_done:
                raise  # no try has reached the exchange
            return await self._found(order.id, error)
        return _accepted(placed)

    async def place_many(self, orders: Sequence[SignedOrder]) -> list[Placed | PolymarketError]:
        """Send up to fifteen orders in one request, exactly once; each is told as placed, or with why it wasn't.

        Raises:
            InvalidRequestError: none, or too many of them; nothing was sent.
            TradingPausedError and others: the whole request was refused; nothing was placed.
        """
        if not 0 < len(orders) <= MOST_ORDERS:
            raise InvalidRequestError(f"One request takes 1 to {MOST_ORDERS} orders, not {len(orders)}.")
        body = b"[" + b",".join(order.body for order in orders) + b"]"
        try:
            content = await self._send("POST", "/orders", self._orders, body, cost=len(orders), idempotent=False)
            answers = parsed(list[Placed], content, "/orders")
            if len(answers) != len(orders):
                raise MalformedResponseError("Polymarket answered another number of orders than it was sent.")
        except (UnavailableError, MalformedResponseError) as error:
            if isinstance(error, UnavailableError) and not error.maybe_done:
                raise
            return [await self._fate(order.id, error) for order in orders]
        return [_told(answer) for answer in answers]

    async def _fate(self, order_id: str, lost: PolymarketError) -> Placed | PolymarketError:
        try:
            return await self._found(order_id, lost)
        except OutcomeUnknownError as unknown:
            return unknown

    async def _found(self, order_id: str, lost: PolymarketError) -> Placed:
        for wait in ASK_AGAIN_AFTER:
            await asyncio.sleep(wait)
            try:
                order = await self.order(order_id)
            except NotFoundError:
                continue
            except PolymarketError:
                break
            return Placed(success=True, error_msg="", order_id=order.id, status=order.status.lower())
        raise OutcomeUnknownError(
            f"No answer came to the order and the book doesn't show it: it may still come to rest. "
            f"Look for {order_id} before sending another."
        ) from lost

    async def order(self, order_id: str) -> Order:
        """One order. Raises NotFoundError where the book doesn't know it."""
        if not (order_id.isascii() and order_id.isalnum()):
            raise InvalidRequestError("That is no order id of Polymarket.")
        path = "/data/order/" + order_id
        content = await self._send("GET", path)
        if content.strip() in (b"", b"null"):
            raise NotFoundError(f"Polymarket doesn't know the order {order_id}.")
        return parsed(Order, content, "/data/order")

    async def open_orders(self, market: str | None = None, token_id: str | None = None) -> list[Order]:
        """Open orders: all, those of a market (condition id), or those of one of its tokens.

        Polymarket requires ``market`` beside ``asset_id`` from 14 December 2026 on, so both are sent.
        Raises InvalidRequestError for a token without its market.
        """
        if token_id is not None and market is None:
            raise InvalidRequestError("Open orders of a token are asked for with their market's condition id.")
        filters = {"market": market, "asset_id": token_id}

        def fetch(cursor: str | None) -> Awaitable[Orders]:
            return self._get(Orders, "/data/orders", {**filters, "next_cursor": cursor})

        def cursor_of(page: Orders) -> str | None:
            return None if page.next_cursor == LAST_PAGE else page.next_cursor

        return [order async for page in pages(fetch, cursor_of, same_page) for order in page.data]

    async def trades(
        self, after: datetime | None = None, market: str | None = None, before: datetime | None = None
    ) -> list[UserTrade]:
        """Own trades, newest first: those matched between two moments (whole seconds), of one market or all."""
        times = {"after": after, "before": before}
        window = {name: None if moment is None else int(moment.timestamp()) for name, moment in times.items()}
        query = {"market": market, **window}

        def fetch(cursor: str | None) -> Awaitable[UserTrades]:
            return self._get(UserTrades, "/data/trades", {**query, "next_cursor": cursor})

        def cursor_of(page: UserTrades) -> str | None:
            return None if page.next_cursor == LAST_PAGE else page.next_cursor

        return [trade async for page in pages(fetch, cursor_of, same_page) for trade in page.data]

    async def recent_trades(self, market: str) -> list[UserTrade]:
        """Own trades in a market (condition id), newest first: one page of them."""
        return list((await self._get(UserTrades, "/data/trades", {"market": market})).data)

    async def heartbeat(self, beat_id: str = "") -> str:
        """Say that this key's owner is there; returns the id of the next beat.

        After the first one all orders of the key are cancelled when beats stop for about ten seconds, and there is no
        way back: only for who keeps beating.
        """
        body = orjson.dumps({"heartbeat_id": beat_id})
        content = await self._send("POST", "/v1/heartbeats", None, body, idempotent=False)
        return parsed(Beat, content, "/v1/heartbeats").heartbeat_id

    async def redeem_paper(self, condition_id: str) -> Redeemed:
        """Be paid for a resolved market's tokens; only the paper exchange does that by request."""
        body = orjson.dumps({"market": condition_id, "wallet": self.wallet.address})
        content = await self._send("POST", "/paper/redeem", None, body, idempotent=False)
        return parsed(Redeemed, content, "/paper/redeem")

    async def balance(self, token_id: str | None = None) -> Balance:
        """Dollars to trade with, or shares of a token."""
        kind = "COLLATERAL"
        if token_id is not None:
            kind = "CONDITIONAL-V2" if is_protocol_v2(token_id) else "CONDITIONAL"
        query = {"asset_type": kind, "token_id": token_id, "signature_type": int(self.wallet.kind)}
        return await self._get(Balance, "/balance-allowance", query)

    async def cancel(self, order_ids: Sequence[str]) -> Cancelled:
        """Cancel orders by their ids; what can't be is told with its reason. Goes ahead of other writes.

        After a lost answer it is asked again, so an order that is gone already may be told as one that can't be.
        """
        if not 0 < len(order_ids) <= MOST_CANCELS:
            raise InvalidRequestError(f"One cancel names 1 to {MOST_CANCELS} orders, not {len(order_ids)}.")
        if len(order_ids) == 1:
            return await self._cancel("/order", orjson.dumps({"orderID": order_ids[0]}), 1)
        return await self._cancel("/orders", orjson.dumps(list(order_ids)), len(order_ids))

    async def cancel_all(self) -> Cancelled:
        """Cancel all that rests, in all markets."""
        return await self._cancel("/cancel-all", None, 1)

    async def cancel_market(self, condition_id: str | None = None, token_id: str | None = None) -> Cancelled:
        """Cancel all that rests in a market, or for a token."""
        body = orjson.dumps({"market": condition_id or "", "asset_id": token_id or ""})
        return await self._cancel("/cancel-market-orders", body, 1)

    async def _cancel(self, path: str, body: bytes | None, count: int) -> Cancelled:
        content = await self._send("DELETE", path, self._cancels, body, cost=count, urgent=True)
        return parsed(Cancelled, content, path)

    async def _get(self, kind: type[T], path: str, query: Query | None = None) -> T:
        return parsed(kind, await self._send("GET", path, query=query), path)

    async def _send(
        self, method: str, path: str, bucket: Bucket | None = None, body: bytes | None = None, *, cost: int = 1,
        idempotent: bool = True, urgent: bool = False, query: Query | None = None,
    ) -> bytes:  # fmt: skip
        from prediction_mcp.net.sending import Request

        def made() -> Request:
            headers = self.api_key.headers(self.wallet.signer, int(self._now()), method, path, body or b"")
            return Request(method, path, query, body, headers)

        bucket = bucket or self._limits.of("clob", path)
        return await self._sender.send(made, bucket, cost, writes=method != "GET", idempotent=idempotent, urgent=urgent)


async def api_key(
    wallet: Wallet, url: str = URLS["clob"], *, new: bool = False, http: httpx.AsyncClient | None = None
) -> ApiKey:
    """The API key of a wallet: the one it has, or ``new`` for another. Signed by the private key (L1)."""
    from prediction_mcp.net.sending import Request

    sender = sender_to(url, http)
    method, path = ("POST", "/auth/api-key") if new else ("GET", "/auth/derive-api-key")

    def made() -> Request:
        return Request(method, path, headers=wallet.auth_headers(int(time.time())))

    try:
        content = await sender.send(made, Limits().of("clob", path), 1, writes=new, idempotent=not new)
    finally:
        await sender.close()
    answer: dict[str, Any] = parsed(dict[str, str], content, path)
    try:
        return ApiKey(answer["apiKey"], answer["secret"], answer["passphrase"])
    except KeyError:
        raise MalformedResponseError("Polymarket's answer holds no API key: try again.") from None


def _accepted(placed: Placed) -> Placed:
    """A success may still be a refusal: accepted is what has no error, an id, and a status that says so."""
    if placed.success and not placed.error_msg and placed.order_id and placed.status in TAKEN:
        return placed
    words = one_line(placed.error_msg) or one_line(placed.status) or "no reason given"
    if placed.success and not placed.error_msg and placed.status == "unmatched":
        raise NotFilledError("There was nothing to trade with at this price: nothing rests.", details=words)
    kind, sentence = meaning(words) or (InvalidOrderError, "Polymarket refused the order: {said}.")
    raise kind(sentence.format(said=words), details=words)


def _told(placed: Placed) -> Placed | PolymarketError:
    try:
        return _accepted(placed)
    except PolymarketError as refused:
        return refused
