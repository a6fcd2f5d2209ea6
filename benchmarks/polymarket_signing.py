"""Orders signed for Polymarket a second: from price and size to the bytes that are sent, headers included.

The reference is the signature alone (secp256k1 over a hash that is there already): nothing can be faster than that.
"""

from __future__ import annotations

import time
from decimal import Decimal

from prediction_mcp.polymarket.orders import Terms, amounts, sign
from prediction_mcp.polymarket.wallet import ApiKey, Wallet, WalletKind

COUNT = 5_000
NOW_MS = 1_790_000_000_123
ASSET = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
TERMS = Terms(Decimal("0.01"))
KEY = ApiKey("key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "words")


def orders(wallet: Wallet) -> float:
    """Milliseconds an order."""
    started = time.perf_counter()
    for n in range(COUNT):
        price = Decimal(1 + n % 99).scaleb(-2)
        maker_taker = amounts(TERMS, "BUY", price, Decimal(500 + n).scaleb(-2))
        order = sign(wallet, KEY.key, TERMS, ASSET, "BUY", maker_taker, salt=n, timestamp_ms=NOW_MS)
        KEY.headers(wallet.signer, NOW_MS // 1000, "POST", "/order", order.body)
    return (time.perf_counter() - started) * 1000 / COUNT


def signatures(wallet: Wallet) -> float:
    """Milliseconds a signature, of hashes that are there."""
    hashes = [n.to_bytes(32, "big") for n in range(1, COUNT + 1)]
    started = time.perf_counter()
    for digest in hashes:
        wallet.sign(digest)
    return (time.perf_counter() - started) * 1000 / COUNT


def main() -> None:
    own = Wallet(f"{1:064x}")
    deposit = Wallet(f"{1:064x}", WalletKind.DEPOSIT, "0x" + "11" * 20)
    print(f"order, wallet of its own key    {min(orders(own) for _ in range(3)):.4f} ms")
    print(f"order, deposit wallet           {min(orders(deposit) for _ in range(3)):.4f} ms")
    print(f"reference: the signature alone  {min(signatures(own) for _ in range(3)):.4f} ms")


if __name__ == "__main__":
    main()
