"""One request to the second front, with what its endpoints ask of it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from starlette.datastructures import QueryParams

from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.keeping import Credentials
from prediction_mcp.exchange.second import PolymarketExchange
from prediction_mcp.exchange.world.listed import Market

from . import wire
from .refusals import BAD_PAYLOAD, NO_BOOK, GammaRefusalError, RefusalError

T = TypeVar("T")
LAST_PAGE = "LTE="


@dataclass(frozen=True, slots=True)
class Call:
    """``key`` is that of a request signed with one; ``now_ms`` the exchange's time."""

    exchange: PolymarketExchange
    path: dict[str, Any]
    query: QueryParams
    body: bytes
    now_ms: int
    key: Credentials | None = None
    headers: Any = None

    @property
    def credentials(self) -> Credentials:
        if self.key is None:
            raise TypeError("the endpoint is public")
        return self.key

    def account(self) -> Account:
        """The signer's own wallet, which it has from its first use on."""
        account = self.exchange.wallet(self.credentials.signer, self.credentials.signer)
        if account is None:
            raise TypeError("a signer's own wallet is its own")
        return account

    def accounts(self) -> list[Account]:
        """All wallets that the key signs for."""
        signer = self.credentials.signer
        self.account()
        return [self.exchange.engine.accounts[w] for w, owner in self.exchange.wallets.items() if owner == signer]

    def decode(self, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise RefusalError(BAD_PAYLOAD) from None

    def token(self, token_id: str | None) -> tuple[Market, bool]:
        """(market, whether it is the first outcome) of a token with a book."""
        found = self.exchange.by_token(token_id or "")
        if found is None or wire.is_resolved(found[0]) or wire.question_of(found[0]).placeholder:
            raise RefusalError(NO_BOOK, 404)
        return found

    def market(self, condition: str) -> Market | None:
        """The market of a condition id."""
        return next((m for m in self.exchange.catalogue.markets.values() if wire.condition(m) == condition), None)

    def repeated(self, name: str) -> set[str]:
        """Values of a parameter of Gamma's that may be repeated; a comma there is part of a value."""
        return {value for value in self.query.getlist(name) if value}

    def all_of(self, name: str) -> set[str]:
        """Values of a parameter of the Data API's: several stand with commas, as the official client sends them."""
        return {part for value in self.query.getlist(name) for part in value.split(",") if part}

    def number(self, name: str, default: int, most: int, error: str = "") -> int:
        text = self.query.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 12):
            raise GammaRefusalError(error or f"{name} is invalid")
        return min(int(text), most)

    def flag(self, name: str) -> bool | None:
        text = self.query.get(name)
        return None if text is None else text.lower() in ("true", "1")

    def page(self, items: Iterable[T], limit: int, cursor: str | None) -> tuple[list[T], str | None]:
        """Some of the items from a cursor on, and the next cursor."""
        start = offset_of(cursor)
        found = items if isinstance(items, Sequence) else list(items)
        chunk = list(found[start : start + limit])
        return chunk, cursor_of(start + limit) if start + limit < len(found) else None


def cursor_of(offset: int) -> str:
    return base64.b64encode(str(offset).encode()).decode()


def offset_of(cursor: str | None) -> int:
    """Raises RefusalError for a cursor that nobody was given."""
    if not cursor or cursor == LAST_PAGE:
        return 0
    try:
        text = base64.b64decode(cursor, validate=True).decode("ascii")
        if len(text) > 9 or not text.isdigit():
            raise ValueError
    except (ValueError, binascii.Error):
        raise RefusalError("invalid cursor") from None
    return int(text)
