"""Signatures are checked by the cryptography library itself; tests/conformance has the official SDK's signer too."""

from __future__ import annotations

import base64
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from prediction_mcp.kalshi.auth import signer_from_file, signer_from_pem
from prediction_mcp.kalshi.errors import CredentialsError

PATH = "/trade-api/v2/portfolio/balance"


def pem_of(
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b""
) -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED = ed25519.Ed25519PrivateKey.generate()


def test_rsa_signature_is_pss_with_sha256_and_digest_length_salt() -> None:
    headers = signer_from_pem("id", pem_of(RSA)).headers("GET", PATH)
    message = f"{headers['KALSHI-ACCESS-TIMESTAMP']}GET{PATH}".encode()
    signature = base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"])
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    RSA.public_key().verify(signature, message, pss, hashes.SHA256())


def test_ed25519_signs_the_same_text() -> None:
    headers = signer_from_pem("id", pem_of(ED)).headers("DELETE", PATH)
    message = f"{headers['KALSHI-ACCESS-TIMESTAMP']}DELETE{PATH}".encode()
    ED.public_key().verify(base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"]), message)
    assert headers["KALSHI-ACCESS-KEY"] == "id"


def test_timestamp_is_in_milliseconds() -> None:
    assert len(signer_from_pem("id", pem_of(ED)).headers("GET", PATH)["KALSHI-ACCESS-TIMESTAMP"]) == 13


def test_a_pem_on_one_line_is_read() -> None:
    assert "Ed25519" in repr(signer_from_pem("some-key-id", pem_of(ED).replace("\n", "\\n")))


def test_a_key_file_that_others_can_read_is_refused_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "my key.pem"
    path.write_text(pem_of(ED))
    path.chmod(0o644)
    with pytest.raises(CredentialsError, match="chmod 600 '.*my key.pem'"):
        signer_from_file("id", path)
    path.chmod(0o600)
    assert signer_from_file("id", path).key_id == "id"


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        ("garbage", "not a private key"),
        (pem_of(ED).replace("MC4C", "AAAA"), "not a private key"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), "neither an RSA nor an Ed25519"),
        (pem_of(ED, b"secret"), "passphrase"),
    ],
)
def test_a_key_that_cannot_be_used_is_never_shown(pem: str, said: str) -> None:
    with pytest.raises(CredentialsError, match=said) as caught:
        signer_from_pem("id", pem)
    shown = "".join(traceback.format_exception(caught.value))
    body = [line for line in pem.splitlines() if not line.startswith("-----")]
    assert not any(line in shown for line in body if len(line) > 10)


def test_repr_does_not_show_the_key() -> None:
    pem = pem_of(ED)
    assert pem.splitlines()[1][:16] not in repr(signer_from_pem("some-key-id", pem))


def test_missing_file_and_missing_id(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="can't be read"):
        signer_from_file("id", tmp_path / "none.pem")
    with pytest.raises(CredentialsError, match="API key id"):
        signer_from_pem("", pem_of(ED))
