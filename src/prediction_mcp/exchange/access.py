"""Who may call: API keys, request signatures, scopes and the account's token buckets.

Rules: docs/kalshi.md, "Signing" and "Rate limits". Written apart from the client's signer on purpose, so that the two
can't share a mistake.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from .engine.ledger import Account
from .engine.rejection import RejectionError

CLOCK_TOLERANCE_MS = 15_000
"""Recorded: 5 s off is taken, 30 s is refused."""
DEFAULT_COST = 10
ENDPOINT_COSTS: dict[tuple[str, str], int] = {
    ("DELETE", "/portfolio/events/orders/{order_id}"): 2,
    ("DELETE", "/portfolio/events/orders"): 2,
    ("DELETE", "/portfolio/events/orders/batched"): 2,
    ("POST", "/portfolio/events/orders/batched"): 10,
    ("GET", "/portfolio/orders/{order_id}"): 2,
    ("POST", "/account/api_usage_level/upgrade"): 30,
    ("POST", "/communications/quotes"): 2,
    ("DELETE", "/communications/quotes/{quote_id}"): 2,
    ("DELETE", "/communications/rfqs/{rfq_id}/quotes/{quote_id}"): 2,
    ("GET", "/communications/quotes"): 2,
    ("GET", "/communications/quotes/{quote_id}"): 2,
    ("PUT", "/communications/quotes/{quote_id}/confirm"): 1,
    ("PUT", "/communications/rfqs/{rfq_id}/quotes/{quote_id}/confirm"): 1,
}
"""Tokens a request costs where it isn't the default; per item for the batched endpoints. Recorded in July and September
2026 (``production/rfq_demo``, ``production/small_facts``)."""
TIERS: dict[str, tuple[int, int]] = {
    "basic": (200, 100),
    "advanced": (300, 300),
    "expert": (600, 600),
    "premier": (1440, 1440),
    "paragon": (2880, 2880),
    "prime": (5760, 5760),
    "prestige": (14_400, 11_520),
}
"""(read, write) tokens a second. From Premier on 20 % more than published, since 2026-09-24."""
READ_BURST = {"basic": 600}
"""Tokens that a bucket for reads holds (production, September 2026); the others hold a second of them."""
BALANCE = "/portfolio/balance"
"""The endpoint with a bucket of its own: one look a second, five from the tier Expert on, and no burst."""
SCOPES = frozenset({"read", "write"})
"""What a key may do unless less was asked for."""
NARROW_SCOPES = frozenset(
    {
        "read::block_trade_accept",
        "read::portfolio_balance",
        "write::trade",
        "write::transfer",
        "write::block_trade_accept",
    }
)
"""Parts of the two."""

_TIMESTAMP = re.compile(r"[0-9]{1,20}", re.ASCII)
KeyAlgorithm = Literal["ed25519", "rsa"]


class AccessError(RejectionError):
    """401 or 403: the request isn't let in."""


@dataclass(slots=True)
class Bucket:
    """A token bucket that refills continuously; time is in milliseconds."""

    rate: int
    capacity: int
    tokens: float = 0.0
    at_ms: int = 0
    refused: int = 0

    def take(self, cost: int, now_ms: int) -> bool:
        """Spend ``cost`` tokens if they are there."""
        if now_ms > self.at_ms:
            self.tokens = min(self.capacity, self.tokens + self.rate * (now_ms - self.at_ms) / 1000)
            self.at_ms = now_ms
        if self.tokens + 1e-9 < cost:
            self.refused += 1
            return False
        self.tokens -= cost
        return True


@dataclass(slots=True)
class Budget:
    """An account's buckets; every key and process of the account shares them."""

    tier: str
    read: Bucket
    write: Bucket
    balance: Bucket
    """Pays for looks at the balance alone, one token each."""

    @classmethod
    def of(cls, tier: str, now_ms: int) -> Budget:
        read, write = TIERS[tier]
        burst = READ_BURST.get(tier, read)
        looks = 1 if tier in ("basic", "advanced") else 5
        return cls(
            tier,
            Bucket(read, burst, burst, now_ms),
            Bucket(write, write, write, now_ms),
            Bucket(looks, 1, 1, now_ms),
        )


@dataclass(slots=True)
class ApiKey:
    key_id: str
    account: Account
    public_key: ed25519.Ed25519PublicKey | rsa.RSAPublicKey
    scopes: frozenset[str] = SCOPES
    name: str = ""
    subaccount: int | None = None
    """The only subaccount it may act for; None for all."""

    def may(self, method: str, path: str) -> bool:
        """Whether its scopes cover an endpoint."""
        if path.startswith("/communications/block-trade-proposals"):
            part = "::block_trade_accept" if method == "GET" or path.endswith("/accept") else ""
        elif path == BALANCE:
            part = "::portfolio_balance"
        elif "transfer" in path:
            part = "::transfer"
        else:
            part = "::trade" if path.startswith(("/portfolio/events/orders", "/portfolio/order_groups")) else ""
        whole = "read" if method == "GET" else "write"
        return whole in self.scopes or (bool(part) and whole + part in self.scopes)

    @property
    def public_pem(self) -> str:
        return self.public_key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    @classmethod
    def read(
        cls, key_id: str, account: Account, pem: str, scopes: str, name: str = "", subaccount: int | None = None
    ) -> ApiKey:
        """A key from its public half. Raises TypeError unless that is Ed25519 or RSA, ValueError for what is no PEM."""
        public = serialization.load_pem_public_key(pem.encode())
        if not isinstance(public, ed25519.Ed25519PublicKey | rsa.RSAPublicKey):
            raise TypeError("the key is neither Ed25519 nor RSA")
        return cls(key_id, account, public, frozenset(scopes.split(",")), name, subaccount)

    def verify(self, signature: bytes, message: bytes) -> bool:
        try:
            if isinstance(self.public_key, ed25519.Ed25519PublicKey):
                self.public_key.verify(signature, message)
            else:
                pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
                self.public_key.verify(signature, message, pss, hashes.SHA256())
        except InvalidSignature:
            return False
        return True


@dataclass(slots=True)
class Access:
    """The exchange's door."""

    keys: dict[str, ApiKey] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)

    def issue(
        self, account: Account, key_id: str, algorithm: KeyAlgorithm = "ed25519", scopes: frozenset[str] = SCOPES
    ) -> str:
        """Make a key pair for the account; returns the private key as PEM. The exchange keeps only the public half."""
        if not scopes <= SCOPES | NARROW_SCOPES:
            raise ValueError(f"scopes are {', '.join(sorted(SCOPES | NARROW_SCOPES))}")
        private: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
        if algorithm == "ed25519":
            private = ed25519.Ed25519PrivateKey.generate()
        else:
            private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.keys[key_id] = ApiKey(key_id, account, private.public_key(), scopes)
        rsa_format, other = serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8
        return private.private_bytes(
            serialization.Encoding.PEM, rsa_format if algorithm == "rsa" else other, serialization.NoEncryption()
        ).decode()

    def authenticate(
        self, key_id: str | None, timestamp: str | None, signature: str | None, method: str, path: str, now_ms: int
    ) -> ApiKey:
        """The key that signed ``timestamp + METHOD + path`` (path without its query).

        Raises:
            AccessError: 401 for a missing header, an unknown key, a stale timestamp or a signature that doesn't fit.
        """
        for name, value in (("key", key_id), ("timestamp", timestamp), ("signature", signature)):
            if not value:
                raise AccessError(f"{name}_is_missing_from_headers", status=401)
        key = self.keys.get(key_id or "")
        if key is None:
            raise AccessError("authentication_error", "NOT_FOUND", 401)
        if not _TIMESTAMP.fullmatch(timestamp or "") or abs(now_ms - int(timestamp or 0)) > CLOCK_TOLERANCE_MS:
            raise AccessError("header_timestamp_expired", status=401)
        try:
            raw = base64.b64decode(signature or "", validate=True)
        except (binascii.Error, ValueError):  # the latter for what isn't ASCII
            raw = b""
        if not key.verify(raw, f"{timestamp}{method}{path}".encode()):
            raise AccessError("authentication_error", "INCORRECT_API_KEY_SIGNATURE", 401)
        return key

    def charge(self, account: Account, method: str, path: str, cost: int, now_ms: int) -> None:
        """Take the request's tokens. Raises AccessError (429) when the bucket can't pay."""
        budget = self.budgets[account.account_id]
        if path == BALANCE:
            bucket, cost = budget.balance, 1
        else:
            bucket = budget.read if method == "GET" else budget.write
        if not bucket.take(cost, now_ms):
            raise AccessError("too_many_requests", status=429)
