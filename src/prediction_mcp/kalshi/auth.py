"""Signing requests: RSA-PSS and Ed25519 keys. Rules: docs/kalshi.md, "Signing".

A private key never appears in a log, a repr or an error: what is said about a key that doesn't load names its source.
"""

from __future__ import annotations

import base64
import os
import shlex
import stat
import time
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from prediction_mcp.net.words import text_of

from .errors import CredentialsError

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)


class Signer(Protocol):
    """Signs one request at a time; a retry is signed afresh, because an old timestamp is refused."""

    key_id: str

    def headers(self, method: str, path: str) -> dict[str, str]:
        """The three KALSHI-ACCESS headers for a method and a path (from /trade-api, without its query)."""
        ...


class KeySigner:
    """A key id with its private key, RSA or Ed25519."""

    __slots__ = ("_key", "key_id")

    def __init__(self, key_id: str, key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> None:
        self.key_id = key_id
        self._key = key

    def __repr__(self) -> str:
        kind = "Ed25519" if isinstance(self._key, ed25519.Ed25519PrivateKey) else "RSA"
        return f"KeySigner(key_id={self.key_id[:8]}…, {kind})"

    def headers(self, method: str, path: str) -> dict[str, str]:
        timestamp = str(time.time_ns() // 1_000_000)
        message = f"{timestamp}{method}{path}".encode()
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            signature = self._key.sign(message)
        else:
            signature = self._key.sign(message, _PSS, hashes.SHA256())
        return {
            "KALSHI-ACCESS-KEY": self.key_id,
            "KALSHI-ACCESS-TIMESTAMP": timestamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
        }


def signer_from_pem(key_id: str, pem: str, *, source: str = "the private key") -> KeySigner:
    """A signer from the PEM text itself; the key's type is read off it.

    Raises:
        CredentialsError: no PEM, an encrypted one, or a key type Kalshi doesn't take. The text isn't repeated.
    """
    text = pem.replace("\\r", "").replace("\\n", "\n").strip("\ufeff \t\r\n'\"")  # as environment files carry it
    if not key_id:
        raise CredentialsError(f"There is {source} but no API key id, which names it at the exchange.")
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise CredentialsError(f"{source} is protected by a passphrase: give one without.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CredentialsError(f"{source} is not a private key in PEM form: copy it again from Kalshi.") from None
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise CredentialsError(f"{source} is neither an RSA nor an Ed25519 key, which is what Kalshi takes.")
    return KeySigner(key_id, key)


def signer_from_file(key_id: str, path: Path) -> KeySigner:
    """A signer from a PEM file that only its owner can read.

    Raises:
        CredentialsError: no such file, or others can read it: the message has the command that mends it.
    """
    try:
        mode, pem = path.stat().st_mode, text_of(path.read_bytes())
    except OSError as error:
        raise CredentialsError(f"The private key file {path} can't be read ({error.strerror}).") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CredentialsError(
            f"The private key file {path} can be read by others: run “chmod 600 {shlex.quote(str(path))}” first."
        )
    return signer_from_pem(key_id, pem, source=f"The file {path}")
