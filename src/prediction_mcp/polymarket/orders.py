"""From what is wanted to the order that is signed and sent: ticks, sizes, amounts, and its id before it leaves.

Prices are dollars a share, sizes shares; amounts on the wire are integers of a millionth. Nothing here sends anything.
Rules: docs of Polymarket as the official SDK carries them out; its 180 amounts and 20 orders are the tests.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any, Literal

from . import structs
from .errors import InvalidOrderError
from .structs import OrderStruct
from .wallet import Wallet

Side = Literal["BUY", "SELL"]
OrderType = Literal["GTC", "GTD", "FOK", "FAK"]
TICKS: dict[Decimal, int] = {
    Decimal("0.1"): 3, Decimal("0.01"): 4, Decimal("0.005"): 5, Decimal("0.0025"): 6, Decimal("0.001"): 5,
    Decimal("0.0001"): 6,
}  # fmt: skip
"""Decimals of the dollar amount, by tick size."""
SIZE_STEP = Decimal("0.01")
MICROS = 1_000_000
SOONEST_S, EARLY_S = 180, 60
"""Seconds: the least from now to a good-till-date order's expiration, and how long before it the exchange ends it."""
MOST_SIZE = Decimal(10) ** 12
"""Shares or dollars: beyond all that there is, and far below where numbers get costly."""
MOST_TOKEN_DIGITS = 78
MOST_SALT = 2**53 - 1
"""``salt`` is a JSON number, which readers take for a float."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A market's rules that an order is made by."""

    tick: Decimal
    neg_risk: bool = False

    def __post_init__(self) -> None:
        if self.tick not in TICKS:
            raise InvalidOrderError(f"Polymarket has no tick size {self.tick}.")

    def check_price(self, price: Decimal) -> None:
        """Raises InvalidOrderError for a price that isn't one of the market's."""
        if not price.is_finite() or not self.tick <= price <= 1 - self.tick:
            raise InvalidOrderError(
                f"The price lies between {self.tick} and {1 - self.tick} dollars in this market, not at {price}."
            )
        if price % self.tick:
            below = price - price % self.tick
            raise InvalidOrderError(
                f"Prices of this market are multiples of {self.tick}: the nearest are {below} and {below + self.tick}."
            )


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order ready to be sent.

    Attributes:
        id: the hash that it is known by, known before anything is sent.
        body: the request's body, exactly as it has to be sent and signed.
    """

    id: str
    struct: OrderStruct
    signature: str
    body: bytes


def is_protocol_v2(token_id: str) -> bool:
    """Whether a token is a position of protocol v2: bits 40 to 103 of its number are zero.

    Raises InvalidOrderError for what is no token id.
    """
    if not (token_id.isascii() and token_id.isdigit() and len(token_id) <= MOST_TOKEN_DIGITS) or int(token_id) >> 256:
        raise InvalidOrderError("A token id is a whole number of up to 78 digits, as the market's tokens are listed.")
    return not (int(token_id) >> 40) & (2**64 - 1)


def contract_of(token_id: str, terms: Terms) -> str:
    """The contract that an order for a token is made for."""
    if is_protocol_v2(token_id):
        return structs.PROTOCOL_V2
    return structs.NEG_RISK if terms.neg_risk else structs.STANDARD


def amounts(terms: Terms, side: Side, price: Decimal, size: Decimal) -> tuple[int, int]:
    """(maker, taker) in millionths of a limit order; sizes are cut to a hundredth of a share.

    Raises:
        InvalidOrderError: the price isn't one of the market's, or nothing is left of the size.
    """
    terms.check_price(price)
    shares = _cut(size)
    return _ordered(side, _dollars(terms, shares * price), shares)


def market_amounts(terms: Terms, side: Side, price: Decimal, amount: Decimal) -> tuple[int, int]:
    """(maker, taker) in millionths of an order at market: ``amount`` is dollars to buy with, or shares to sell.

    ``price`` is the worst that is taken. What is bought is rounded down, so that it never costs more.
    """
    terms.check_price(price)
    given = _cut(amount)
    places = Decimal(1).scaleb(-TICKS[terms.tick])
    if side == "BUY":
        return _micros(given), _micros((given / price).quantize(places, ROUND_DOWN))
    return _micros(given), _micros(_dollars(terms, given * price))


def _cut(size: Decimal) -> Decimal:
    if not size.is_finite() or not SIZE_STEP <= size <= MOST_SIZE:
        raise InvalidOrderError(f"The size lies between {SIZE_STEP} and {MOST_SIZE} (shares, or dollars to buy with).")
    return size.quantize(SIZE_STEP, ROUND_DOWN)


def _dollars(terms: Terms, exact: Decimal) -> Decimal:
    """Dollars with as many decimals as the tick allows: rounded up a little beyond, then cut, as the SDK does."""
    places = TICKS[terms.tick]
    if -int(exact.as_tuple().exponent) <= places:
        return exact
    near = exact.quantize(Decimal(1).scaleb(-(places + 4)), ROUND_UP)
    return near.quantize(Decimal(1).scaleb(-places), ROUND_DOWN)


def _ordered(side: Side, dollars: Decimal, shares: Decimal) -> tuple[int, int]:
    paid, got = (dollars, shares) if side == "BUY" else (shares, dollars)
    return _micros(paid), _micros(got)


def _micros(value: Decimal) -> int:
    return int(value * MICROS)


def sign(
    wallet: Wallet,
    owner: str,
    terms: Terms,
    token_id: str,
    side: Side,
    maker_taker: tuple[int, int],
    *,
    salt: int,
    timestamp_ms: int,
    order_type: OrderType = "GTC",
    expiration: int = 0,
    post_only: bool = False,
    builder: bytes = structs.ZERO_32,
) -> SignedOrder:
    """An order as it is sent. ``owner`` is the API key; expiration in Unix seconds, 0 for none.

    Raises:
        InvalidOrderError: options that don't go together.
    """
    _check(order_type, expiration, timestamp_ms // 1000, salt, post_only=post_only)
    contract = contract_of(token_id, terms)
    deposit = wallet.kind == wallet.kind.DEPOSIT
    struct = OrderStruct(
        salt=salt, maker=wallet.address, signer=wallet.address if deposit else wallet.signer, token_id=token_id,
        maker_amount=maker_taker[0], taker_amount=maker_taker[1], side=0 if side == "BUY" else 1,
        signature_type=int(wallet.kind), timestamp=timestamp_ms, builder=builder,
    )  # fmt: skip
    order_id, signature = wallet.sign_order(structs.order_hash(struct), contract)
    body = _body(struct, side, signature, owner, order_type, expiration, post_only=post_only)
    return SignedOrder(order_id, struct, signature, body)


def _check(order_type: OrderType, expiration: int, now: int, salt: int, *, post_only: bool) -> None:
    if post_only and order_type not in ("GTC", "GTD"):
        raise InvalidOrderError("post_only rests in the book, so it goes with GTC and GTD only.")
    if (order_type == "GTD") != bool(expiration):
        raise InvalidOrderError("An expiration goes with GTD, and only with that.")
    if expiration and expiration < now + SOONEST_S:
        raise InvalidOrderError(f"The expiration is {SOONEST_S} seconds from now at least.")
    if not 0 <= salt <= MOST_SALT:
        raise InvalidOrderError("The salt is a number of 53 bits.")


def _body(
    struct: OrderStruct, side: Side, signature: str, owner: str, order_type: OrderType, expiration: int, *,
    post_only: bool,
) -> bytes:  # fmt: skip
    """Compact JSON with its names in alphabetical order: what is signed is what is sent."""
    order: dict[str, Any] = {
        "builder": "0x" + struct.builder.hex(), "expiration": str(expiration), "maker": struct.maker,
        "makerAmount": str(struct.maker_amount), "metadata": "0x" + struct.metadata.hex(), "salt": struct.salt,
        "side": side, "signature": signature, "signatureType": struct.signature_type, "signer": struct.signer,
        "takerAmount": str(struct.taker_amount), "timestamp": str(struct.timestamp), "tokenId": struct.token_id,
    }  # fmt: skip
    content: dict[str, Any] = {"deferExec": False, "order": order, "orderType": order_type, "owner": owner}
    if post_only:
        content["postOnly"] = True
    return json.dumps(content, separators=(",", ":")).encode()
