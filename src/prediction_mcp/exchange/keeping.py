"""What the second front keeps besides books and accounts: keys, orders that are held back, how far trades are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

MINED_MS, CONFIRMED_MS = 2_000, 6_000
"""When a trade is in a block, and when it is final, after its match."""


class Credentials(msgspec.Struct, frozen=True):
    """An API key of a signer. Paper secrets: they open nothing but play money, and lie in the paper exchange's file."""

    key: str
    secret: str
    passphrase: str
    signer: str
    nonce: int = 0


@dataclass(slots=True)
class Delayed:
    """An order that waits before it may trade; it can't be cancelled meanwhile."""

    due_ms: int
    order_id: str
    run: Callable[[int], None]


class Held(msgspec.Struct):
    """An order that was held back, by its id: DELAYED, or UNMATCHED with the words for it."""

    wallet: str
    body: str
    status: str = "DELAYED"
    words: str = ""


def chain_status(matched_ms: int, now_ms: int, *, failed: bool = False) -> str:
    """How far a trade is on its way into the chain."""
    age = now_ms - matched_ms
    if age < MINED_MS:
        return "MATCHED"
    if failed:
        return "RETRYING" if age < CONFIRMED_MS else "FAILED"
    return "MINED" if age < CONFIRMED_MS else "CONFIRMED"
