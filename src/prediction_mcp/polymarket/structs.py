"""The two EIP-712 structs that Polymarket has signed, ``Order`` and ``ClobAuth``, hashed.

They are fixed, so each is a row of 32-byte words after its type's hash; a general encoder would bring a dozen packages.
Keccak comes from pycryptodome, which is in the extra ``[polymarket]`` and loaded when the first hash is needed.
Source: EIP-712, ERC-7739 (for deposit wallets); held against signatures that the official SDK made.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .errors import MissingExtraError

CHAIN_ID = 137
"""Polygon."""
STANDARD = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK = "0xe2222d279d744050d28e00520010520000310F59"
PROTOCOL_V2 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
"""The contracts that orders are made for, by kind of market."""
ZERO_32 = bytes(32)
EXCHANGE_NAME, WALLET_NAME, WALLET_VERSION = "Polymarket CTF Exchange", "DepositWallet", "1"
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
ORDER_TYPE = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    "uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
WRAPPED_TYPE = (
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
)
AUTH_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId)"
AUTH_TYPE = "ClobAuth(address address,string timestamp,uint256 nonce,string message)"
AUTH_MESSAGE = "This message attests that I control the given wallet"


@dataclass(frozen=True, slots=True)
class OrderStruct:
    """What is signed of an order: amounts in millionths, ``side`` 0 to buy and 1 to sell, Unix milliseconds."""

    salt: int
    maker: str
    signer: str
    token_id: str
    maker_amount: int
    taker_amount: int
    side: int
    signature_type: int
    timestamp: int
    metadata: bytes = ZERO_32
    builder: bytes = ZERO_32


def keccak(data: bytes) -> bytes:
    """Raises MissingExtraError where the extra isn't installed."""
    try:
        from Crypto.Hash import keccak as library
    except ImportError:
        raise MissingExtraError("Signing for Polymarket takes the extra: install prediction-mcp[polymarket].") from None
    return library.new(digest_bits=256, data=data).digest()


def order_hash(order: OrderStruct) -> bytes:
    """The struct's hash alone."""
    words = (
        _text(ORDER_TYPE), _number(order.salt), _address(order.maker), _address(order.signer),
        _number(int(order.token_id)), _number(order.maker_amount), _number(order.taker_amount), _number(order.side),
        _number(order.signature_type), _number(order.timestamp), _bytes32(order.metadata), _bytes32(order.builder),
    )  # fmt: skip
    return keccak(b"".join(words))


@lru_cache(maxsize=16)
def order_domain(contract: str) -> bytes:
    """The domain of orders for a contract; version 3 is that of protocol v2."""
    version = "3" if contract == PROTOCOL_V2 else "2"
    words = (_text(DOMAIN_TYPE), _text(EXCHANGE_NAME), _text(version), _number(CHAIN_ID), _address(contract))
    return keccak(b"".join(words))


def order_digest(hashed: bytes, contract: str) -> bytes:
    """What all wallets but deposit wallets sign, of an order's :func:`order_hash`; it is the order's id as well.

    For a deposit wallet, too, the id is taken to be that of the order and not of what wraps it: the contract names an
    order by its own hash whoever signed (an assumption: neither recorded nor in the vectors).
    """
    return keccak(b"\x19\x01" + order_domain(contract) + hashed)


def wrapped_digest(hashed: bytes, wallet: str, contract: str) -> bytes:
    """What the key of a deposit wallet signs: the order within the wallet's own domain (ERC-7739)."""
    words = (
        _text(WRAPPED_TYPE + ORDER_TYPE), hashed, _text(WALLET_NAME), _text(WALLET_VERSION), _number(CHAIN_ID),
        _address(wallet), ZERO_32,
    )  # fmt: skip
    return keccak(b"\x19\x01" + order_domain(contract) + keccak(b"".join(words)))


def wrapped_signature(signature: bytes, hashed: bytes, contract: str) -> bytes:
    """How a deposit wallet's contract is given it: with domain, the order's hash, its type and the type's length."""
    kind = ORDER_TYPE.encode()
    return signature + order_domain(contract) + hashed + kind + len(kind).to_bytes(2, "big")


def auth_digest(address: str, timestamp: int, nonce: int, chain: int = CHAIN_ID) -> bytes:
    """What is signed to make an API key, or to be told it again (L1). Unix seconds."""
    domain = keccak(b"".join((_text(AUTH_DOMAIN_TYPE), _text("ClobAuthDomain"), _text("1"), _number(chain))))
    words = (_text(AUTH_TYPE), _address(address), _text(str(timestamp)), _number(nonce), _text(AUTH_MESSAGE))
    return keccak(b"\x19\x01" + domain + keccak(b"".join(words)))


@lru_cache(maxsize=64)
def _text(value: str) -> bytes:
    return keccak(value.encode())


def _number(value: int) -> bytes:
    return value.to_bytes(32, "big")


@lru_cache(maxsize=64)
def _address(value: str) -> bytes:
    return bytes(12) + bytes.fromhex(value.removeprefix("0x"))


def _bytes32(value: bytes) -> bytes:
    if len(value) != len(ZERO_32):
        raise ValueError("takes 32 bytes")
    return value
