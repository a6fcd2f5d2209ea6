"""Orders and requests as the official SDK signs them, byte for byte.

The judge is what that SDK returned with its salt, clock and keys pinned (tests/facts/README.md).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_mcp.polymarket import structs
from prediction_mcp.polymarket.errors import InvalidOrderError, UnusableKeyError
from prediction_mcp.polymarket.orders import (
    TICKS,
    OrderType,
    Side,
    SignedOrder,
    Terms,
    amounts,
    is_protocol_v2,
    market_amounts,
    sign,
)  # fmt: skip
from prediction_mcp.polymarket.wallet import ApiKey, Wallet, WalletKind
from tests.facts import load

VECTORS: dict[str, Any] = load("polymarket/vectors")
ONE = f"{1:064x}"
"""The private key that is the number 1: known to everybody."""
TOKEN = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
SALT, NOW_MS = 479249096354, 1790000000123
KEY = ApiKey(
    "00000000-0000-4000-8000-000000000001", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "0123456789abcdef" * 4
)


def signed(
    wallet: Wallet, terms: Terms, side: Side, maker_taker: tuple[int, int], token: str = TOKEN, *,
    order_type: OrderType = "GTC", expiration: int = 0, post_only: bool = False, builder: bytes = structs.ZERO_32,
) -> SignedOrder:  # fmt: skip
    return sign(
        wallet, KEY.key, terms, token, side, maker_taker, salt=SALT, timestamp_ms=NOW_MS, order_type=order_type,
        expiration=expiration, post_only=post_only, builder=builder,
    )  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS["orders"], ids=lambda v: v["label"])
def test_an_order_as_the_official_client_sends_it(vector: dict[str, Any]) -> None:
    kind, given_, order = WalletKind(vector["signature_type"]), vector["input"], vector["order"]
    wallet = Wallet(VECTORS["private_key"], kind, None if kind == WalletKind.OWN else vector["wallet"])
    terms = Terms(Decimal(given_["tick_size"]), given_["neg_risk"])
    if "price" in given_:
        maker_taker = amounts(terms, given_["side"], Decimal(given_["price"]), Decimal(given_["size"]))
    else:
        amount = Decimal(given_.get("amount") or given_["shares"])
        # The worst price that the book made the SDK take, or the one it was given.
        price = {"15": "0.58", "60": "0.40", "10": "0.57"}[str(amount)]
        maker_taker = market_amounts(terms, given_["side"], Decimal(price), amount)
    assert maker_taker == (int(order["makerAmount"]), int(order["takerAmount"]))
    made = signed(
        wallet, terms, given_["side"], maker_taker, order["tokenId"], order_type=vector["order_type"],
        expiration=int(vector["expiration_not_signed"]), post_only=given_.get("post_only") == "True",
        builder=bytes.fromhex(order["builder"].removeprefix("0x")),
    )  # fmt: skip
    assert made.signature == vector["signature"]
    assert made.body.decode() == vector["http"]["body_exact"]
    headers = KEY.headers(wallet.signer, 1790000000, "POST", "/order", made.body)
    assert headers == {name: v for name, v in vector["http"]["headers"].items() if name != "Content-Type"}
    if kind != WalletKind.DEPOSIT:  # what the file has for those is the wrapper's hash
        assert made.id == vector["eip712_digest"]
        assert "0x" + structs.order_hash(made.struct).hex() == vector["struct_hash"]


def test_all_amounts() -> None:
    rows = VECTORS["limit_amounts"]["rows"]
    assert len(rows) == 180
    for tick, price, size, side, maker, taker in rows:
        assert amounts(Terms(Decimal(tick)), side, Decimal(price), Decimal(size)) == (int(maker), int(taker))


def test_keys_are_asked_for_as_the_official_client_does() -> None:
    wallet = Wallet(VECTORS["private_key"])
    assert wallet.signer == wallet.address == VECTORS["eoa"]
    for vector in VECTORS["l1"]:
        chain = vector["domain"]["chainId"]
        assert wallet.auth_headers(vector["timestamp"], vector["nonce"], chain) == vector["headers"]


def test_requests_are_signed_as_the_official_client_does() -> None:
    signer = VECTORS["eoa"]
    assert len(VECTORS["l2"]) == 7
    for vector in VECTORS["l2"]:
        body = (vector["body"] or "").encode()
        headers = KEY.headers(signer, vector["timestamp"], vector["method"], vector["path"], body)
        assert headers["POLY_SIGNATURE"] == vector["POLY_SIGNATURE"]
    for request in VECTORS["l2_requests_as_sent"]:
        headers = KEY.headers(signer, 1790000000, request["method"], request["path"], request["body_exact"].encode())
        assert headers == {name: v for name, v in request["headers"].items() if name != "Content-Type"}


def test_what_the_official_client_refuses_is_refused() -> None:
    refused = {label for label, *_ in VECTORS["sdk_refuses_before_sending"]}
    assert refused == {"off grid", "outside", "below tick", "0.0025 grid", "GTD too soon"}
    size = Decimal(10)
    for tick, price in (("0.01", "0.555"), ("0.01", "1.2"), ("0.01", "0.001"), ("0.0025", "0.003")):
        with pytest.raises(InvalidOrderError):
            amounts(Terms(Decimal(tick)), "BUY", Decimal(price), size)
    with pytest.raises(InvalidOrderError, match="180 seconds"):
        signed(Wallet(ONE), Terms(Decimal("0.01")), "BUY", (1, 1), order_type="GTD", expiration=1790000179)


def test_one_order_by_hand() -> None:
    """The first vector: 21.04 shares at 50¢, tick 0.1, a wallet of its own key."""
    terms = Terms(Decimal("0.1"))
    made = signed(Wallet(ONE), terms, "BUY", amounts(terms, "BUY", Decimal("0.5"), Decimal("21.04")))
    assert (made.struct.maker_amount, made.struct.taker_amount) == (10_520_000, 21_040_000)
    assert made.id == "0x7b4db0886072eaaaaca2f0ef0f9dd8a137203b83789fba2a0dfdbabf15262e60"
    assert made.signature == (
        "0x48dc0106def3c05a8792cbf1eb3b8d1f81deb0a2dad17f538027c79d99d84dcf"
        "0a54531233c9909fca24daa084d2d25048c54600bcc1ea9a6aa75c7537dd8a9a1c"
    )
    assert json.loads(made.body)["order"]["tokenId"] == TOKEN


def test_one_request_by_hand() -> None:
    wallet = Wallet(ONE)
    assert wallet.address == "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
    assert KEY.headers(wallet.signer, 1790000000, "GET", "/auth/api-keys")["POLY_SIGNATURE"] == (
        "qelWywy6f_pAHvMOHI7wvgSo8B_vTWm5n2MUu37Xauk="
    )
    assert wallet.auth_headers(1790000000)["POLY_SIGNATURE"] == (
        "0x0788dcc4e2c9dcdf387f34e04909b02b3d30a9b3b04f44c7ca03e287687d3d62"
        "3dd664441dfbfe272a9979d416f6be5f96d2465a63cd73eb8e9d30934e31d69d1b"
    )


@st.composite
def markets(draw: st.DrawFn) -> tuple[Terms, Decimal]:
    tick = draw(st.sampled_from(sorted(TICKS)))
    return Terms(tick), tick * draw(st.integers(1, int(1 / tick) - 1))


sizes = st.integers(1, 10**9).map(lambda n: Decimal(n).scaleb(-2))


@given(markets(), sizes, st.sampled_from(("BUY", "SELL")))
def test_a_limit_order_is_worth_its_price(market: tuple[Terms, Decimal], size: Decimal, side: Side) -> None:
    """Dollars over shares is the price, to less than the last decimal that the tick allows."""
    terms, price = market
    maker, taker = amounts(terms, side, price, size)
    dollars, shares = (maker, taker) if side == "BUY" else (taker, maker)
    assert shares == size * 1_000_000
    assert 0 <= price * size * 1_000_000 - dollars < Decimal(10) ** (6 - TICKS[terms.tick]) or dollars == shares * price


@given(markets(), sizes)
def test_an_order_at_market_never_pays_more(market: tuple[Terms, Decimal], amount: Decimal) -> None:
    """What is given is the amount to the last unit; fractions of a share are the wallet's loss, as the SDK rounds."""
    terms, price = market
    paid, shares = market_amounts(terms, "BUY", price, amount)
    assert paid == amount * 1_000_000
    exact = amount / price * 1_000_000
    assert 0 <= exact - shares < Decimal(10) ** (6 - TICKS[terms.tick])
    given_, dollars = market_amounts(terms, "SELL", price, amount)
    assert given_ == amount * 1_000_000
    assert 0 <= price * amount * 1_000_000 - dollars < Decimal(10) ** (6 - TICKS[terms.tick])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1", "0", "0.009", "1e999999", "1e13", "-0.0"])
def test_numbers_that_are_no_size(number: str) -> None:
    for call in (amounts, market_amounts):
        with pytest.raises(InvalidOrderError, match="size"):
            call(Terms(Decimal("0.01")), "BUY", Decimal("0.5"), Decimal(number))


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "0", "1", "-0.5", "1e400", "1e-400", "0.555"])
def test_numbers_that_are_no_price(number: str) -> None:
    with pytest.raises(InvalidOrderError, match=r"[Pp]rice"):
        amounts(Terms(Decimal("0.01")), "BUY", Decimal(number), Decimal(10))


@pytest.mark.parametrize("token", ["", "0x12", "-1", "1.5", "٣", "9" * 78, "1" * 400, "1_0", " 1"])
def test_what_is_no_token_id(token: str) -> None:
    with pytest.raises(InvalidOrderError, match="token id"):
        is_protocol_v2(token)


def test_options_that_dont_go_together() -> None:
    wallet, terms = Wallet(ONE), Terms(Decimal("0.01"))
    with pytest.raises(InvalidOrderError, match="post_only"):
        signed(wallet, terms, "BUY", (1, 1), order_type="FOK", post_only=True)
    with pytest.raises(InvalidOrderError, match="GTD"):
        signed(wallet, terms, "BUY", (1, 1), order_type="GTD")
    with pytest.raises(InvalidOrderError, match="GTD"):
        signed(wallet, terms, "BUY", (1, 1), expiration=1790009999)
    with pytest.raises(InvalidOrderError, match="tick size"):
        Terms(Decimal("0.02"))


@pytest.mark.parametrize("key", ["", "0x", "12", "z" * 64, "0" * 64, "f" * 64, ONE + "00"])
def test_what_is_no_private_key(key: str) -> None:
    with pytest.raises(UnusableKeyError) as refused:
        Wallet(key)
    assert not key or len(key) < 3 or key not in str(refused.value)


def test_a_wallet_of_another_needs_its_address() -> None:
    with pytest.raises(UnusableKeyError, match="address"):
        Wallet(ONE, WalletKind.SAFE)
    with pytest.raises(UnusableKeyError, match="address"):
        Wallet(ONE, WalletKind.OWN, "0x" + "11" * 20)
    for address in ("0x12", "nothing", "0x" + "11" * 21):
        with pytest.raises(UnusableKeyError, match="address"):
            Wallet(ONE, WalletKind.PROXY, address)


def test_no_key_is_printed() -> None:
    text = f"{Wallet(ONE)!r} {KEY!r} {KEY} {vars(Wallet(ONE))}"
    for secret in (ONE, KEY.secret, KEY.passphrase):
        assert secret not in text
    with pytest.raises(UnusableKeyError) as refused:
        ApiKey("id", "not base64: ünïcode", "words")
    assert "cod" not in str(refused.value)
