"""Who signs: a private key, the wallet that holds the money, and the API key that requests are signed with.

No key is ever printed: the classes show an address at most. Source of the headers: the official SDK's requests.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from enum import IntEnum

from . import structs
from .errors import MissingExtraError, UnusableKeyError
from .structs import keccak

KEY_BYTES, ADDRESS_BYTES = 32, 20


class WalletKind(IntEnum):
    """``signatureType``: whose money the key signs for."""

    OWN = 0
    PROXY = 1
    SAFE = 2
    DEPOSIT = 3


class Wallet:
    """A private key and the wallet it signs for.

    Args:
        private_key: 32 bytes as hexadecimal, with or without 0x.
        kind: of the wallet that holds the money.
        address: that wallet's; left out, it is the key's own.

    Raises:
        UnusableKeyError: it is no private key, or the address is missing or none.
        MissingExtraError: the extra ``[polymarket]`` isn't installed.
    """

    def __init__(self, private_key: str, kind: WalletKind = WalletKind.OWN, address: str | None = None) -> None:
        try:
            from coincurve import PrivateKey
        except ImportError:
            raise MissingExtraError(
                "Signing for Polymarket takes the extra: install prediction-mcp[polymarket]."
            ) from None
        try:
            secret = bytes.fromhex(private_key.strip().removeprefix("0x"))
            if len(secret) != KEY_BYTES:
                raise ValueError
            self._key = PrivateKey(secret)
        except ValueError:
            raise UnusableKeyError("That is no private key: it takes 64 hexadecimal digits.") from None
        if (kind == WalletKind.OWN) != (address is None):
            raise UnusableKeyError(
                "The wallet's address goes with proxy, Safe and deposit wallets, and only with them."
            )
        self.kind = kind
        self.signer = checksummed(keccak(self._key.public_key.format(compressed=False)[1:])[-ADDRESS_BYTES:])
        """The key's own address."""
        self.address = self.signer if address is None else checksummed(_address_bytes(address))
        """Where the money is."""

    def __repr__(self) -> str:
        return f"Wallet({self.address}, {self.kind.name.lower()})"

    def sign(self, digest: bytes) -> bytes:
        """r, s and v of a digest: 65 bytes, the same for the same digest (RFC 6979)."""
        signature: bytes = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([27 + signature[64]])

    def sign_order(self, hashed: bytes, contract: str) -> tuple[str, str]:
        """An order's id and its signature as it is sent; ``hashed`` is its :func:`~.structs.order_hash`."""
        digest = structs.order_digest(hashed, contract)
        if self.kind != WalletKind.DEPOSIT:
            signature = self.sign(digest)
        else:
            signature = self.sign(structs.wrapped_digest(hashed, self.address, contract))
            signature = structs.wrapped_signature(signature, hashed, contract)
        return "0x" + digest.hex(), "0x" + signature.hex()

    def auth_headers(self, timestamp: int, nonce: int = 0, chain: int = structs.CHAIN_ID) -> dict[str, str]:
        """L1: for making an API key, or being told it again. Unix seconds."""
        signature = self.sign(structs.auth_digest(self.signer, timestamp, nonce, chain))
        return {
            "POLY_ADDRESS": self.signer, "POLY_SIGNATURE": "0x" + signature.hex(), "POLY_TIMESTAMP": str(timestamp),
            "POLY_NONCE": str(nonce),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The three values that requests are signed with (L2). Raises UnusableKeyError for a secret that isn't base64."""

    key: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)

    def __post_init__(self) -> None:
        self._bytes()

    def _bytes(self) -> bytes:
        try:
            return base64.urlsafe_b64decode(self.secret)
        except (binascii.Error, ValueError):
            raise UnusableKeyError("The API key's secret isn't base64, as Polymarket gives it.") from None

    def headers(self, signer: str, timestamp: int, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """Of one request. ``path`` is without the query, which isn't signed; ``body`` exactly as it is sent."""
        text = f"{timestamp}{method}{path}".encode() + body
        signature = base64.urlsafe_b64encode(hmac.new(self._bytes(), text, hashlib.sha256).digest()).decode()
        return {
            "POLY_ADDRESS": signer, "POLY_API_KEY": self.key, "POLY_PASSPHRASE": self.passphrase,
            "POLY_SIGNATURE": signature, "POLY_TIMESTAMP": str(timestamp),
        }  # fmt: skip


def checksummed(address: bytes) -> str:
    """An address as EIP-55 writes it: capitals where its hash says so."""
    digits = address.hex()
    capitals = keccak(digits.encode()).hex()
    return "0x" + "".join(d.upper() if int(h, 16) > 7 else d for d, h in zip(digits, capitals, strict=False))


def _address_bytes(text: str) -> bytes:
    try:
        found = bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) != 20:
        raise UnusableKeyError("That is no wallet address: it takes 40 hexadecimal digits.")
    return found
