"""Who signed: EIP-712 structs and the HMAC of requests, checked. Written apart from the client's signer on purpose.

Structs are hashed by a small encoder over their type's text, as EIP-712 defines it; a signature is turned back into the
key that made it. Keccak and secp256k1 come with the extra ``[polymarket]`` and are loaded with the first signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from functools import cache
from typing import Any

from .refusals import BAD_KEY, BAD_L1, RefusalError

CHAIN = 137
EXCHANGES = {
    "v1": ("2", "0xE111180000d2663C0091e4f400237545B87B996B"),
    "neg_risk": ("2", "0xe2222d279d744050d28e00520010520000310F59"),
    "v2": ("3", "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"),
}
"""Version and contract that orders are made for, by kind of market."""
ORDER = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    "uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
WRAPPED = (
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
)
CLOB_AUTH = "ClobAuth(address address,string timestamp,uint256 nonce,string message)"
AUTH_MESSAGE = "This message attests that I control the given wallet"
CLOCK_TOLERANCE_S = 60
EXTRA = "Trading on the paper exchange's Polymarket front takes the extra: install prediction-mcp[polymarket]."
_WORD = 32


def keccak(data: bytes) -> bytes:
    """Raises RefusalError (501) where the extra isn't installed."""
    try:
        from Crypto.Hash import keccak as library
    except ImportError:
        raise RefusalError(EXTRA, 501) from None
    return library.new(digest_bits=256, data=data).digest()


@cache
def _members(kind: str) -> tuple[tuple[str, str], ...]:
    inside = kind[kind.index("(") + 1 : kind.index(")")]
    return tuple((part.split(" ")[0], part.split(" ")[1]) for part in inside.split(","))


@cache
def _type_hash(kind: str) -> bytes:
    return keccak(kind.encode())


def struct_hash(kind: str, values: dict[str, Any], *, reference: str = "") -> bytes:
    """hashStruct of EIP-712; a member that is a struct itself is given as its hash."""
    words = [_type_hash(kind + reference)]
    for member, name in _members(kind):
        value = values[name]
        if member == "string":
            words.append(keccak(value.encode()))
        elif member == "address":
            words.append(bytes.fromhex(value[2:]).rjust(_WORD, b"\0"))
        elif member.startswith("uint"):
            words.append(int(value).to_bytes(_WORD, "big"))
        else:
            words.append(value)
    return keccak(b"".join(words))


@cache
def domain(name: str, version: str, contract: str = "") -> bytes:
    kind = "EIP712Domain(string name,string version,uint256 chainId" + (
        ",address verifyingContract)" if contract else ")"
    )
    return struct_hash(kind, {"name": name, "version": version, "chainId": CHAIN, "verifyingContract": contract})


def digest(separator: bytes, hashed: bytes) -> bytes:
    return keccak(b"\x19\x01" + separator + hashed)


def signer_of(hashed: bytes, signature: bytes) -> str | None:
    """The address whose key made a signature of 65 bytes; None where it is none."""
    try:
        from coincurve import PublicKey
    except ImportError:
        raise RefusalError(EXTRA, 501) from None
    if len(signature) != 65 or signature[64] not in (0, 1, 27, 28):
        return None
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] % 27]), hashed, hasher=None)
    except Exception:  # noqa: BLE001 - the library has several words for a number that is no signature
        return None
    return "0x" + keccak(key.format(compressed=False)[1:])[-20:].hex()


def order_domain(kind: str) -> bytes:
    version, contract = EXCHANGES[kind]
    return domain("Polymarket CTF Exchange", version, contract)


def order_signer(
    kind: str, hashed: bytes, order_id: bytes, wallet: str, signature: bytes, signature_type: int
) -> str | None:
    """The address whose key signed an order; deposit wallets wrap it (ERC-7739)."""
    if signature_type != 3:
        return signer_of(order_id, signature)
    separator = order_domain(kind)
    tail = separator + hashed + ORDER.encode() + len(ORDER).to_bytes(2, "big")
    if signature[65:] != tail:
        return None
    values = {"contents": hashed, "name": "DepositWallet", "version": "1", "chainId": CHAIN,
              "verifyingContract": wallet, "salt": bytes(_WORD)}  # fmt: skip
    return signer_of(digest(separator, struct_hash(WRAPPED, values, reference=ORDER)), signature[:65])


def auth_signer(headers: Any, now_s: int) -> tuple[str, int]:
    """(address, nonce) of a request for an API key (L1). Raises RefusalError (401)."""
    address, signature = headers.get("poly_address", ""), headers.get("poly_signature", "")
    timestamp, nonce = headers.get("poly_timestamp", ""), headers.get("poly_nonce", "")
    if not (is_address(address) and _is_number(timestamp) and _is_number(nonce)):
        raise RefusalError(BAD_L1, 401)
    values = {"address": address, "timestamp": timestamp, "nonce": int(nonce), "message": AUTH_MESSAGE}
    hashed = digest(domain("ClobAuthDomain", "1"), struct_hash(CLOB_AUTH, values))
    made = signer_of(hashed, from_hex(signature))
    if made is None or made != address.lower() or abs(now_s - int(timestamp)) > CLOCK_TOLERANCE_S:
        raise RefusalError(BAD_L1, 401)
    return made, int(nonce)


def check_request(headers: Any, secret: str, method: str, path: str, body: bytes, now_s: int) -> None:
    """The HMAC of a request (L2) over its path without the query. Raises RefusalError (401)."""
    timestamp = headers.get("poly_timestamp", "")
    if not _is_number(timestamp) or abs(now_s - int(timestamp)) > CLOCK_TOLERANCE_S:
        raise RefusalError(BAD_KEY, 401)
    message = f"{timestamp}{method}{path}".encode() + body
    made = hmac.new(base64.urlsafe_b64decode(secret), message, hashlib.sha256).digest()
    given = headers.get("poly_signature", "")
    if not hmac.compare_digest(base64.urlsafe_b64encode(made), given.encode("latin-1", "replace")):
        raise RefusalError(BAD_KEY, 401)


def from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except (ValueError, binascii.Error):
        return b""


def is_address(text: str) -> bool:
    return re.fullmatch(r"0x[0-9a-fA-F]{40}", text) is not None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) is not None
