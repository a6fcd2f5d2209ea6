"""``/paper/…``: what is done on chain in life, and here by a signed request: split, merge, convert, redeem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from prediction_mcp.exchange.engine import tokens
from prediction_mcp.exchange.engine.engine import Engine
from prediction_mcp.exchange.engine.ledger import Account
from prediction_mcp.exchange.engine.rejection import RejectionError
from prediction_mcp.exchange.world.listed import Market
from prediction_mcp.kalshi.units import COUNT_UNITS, PRICE_UNITS

from . import refusals, wire
from .call import Call
from .refusals import BAD_PAYLOAD, RefusalError

Json = dict[str, Any]
MOST_COUNT = 10**12


class Pairs(msgspec.Struct):
    """Shares as a decimal text; ``wallet`` is the key's own unless it is named."""

    market: str
    amount: str
    wallet: str = ""


class Conversion(msgspec.Struct):
    markets: list[str]
    amount: str
    wallet: str = ""


class Redemption(msgspec.Struct):
    market: str
    wallet: str = ""


def _account(call: Call, wallet: str) -> Account:
    own = {a.account_id: a for a in call.accounts()}
    account = own.get(wallet.lower() or call.credentials.signer)
    if account is None:
        raise RefusalError(refusals.WRONG_SIGNER)
    return account


def _market(call: Call, condition: str) -> Market:
    market = call.market(condition)
    if market is None:
        raise RefusalError("market not found", 404)
    return market


def _count(amount: str) -> int:
    whole, _, part = amount.partition(".")
    if (
        not (whole.isdigit() and (part.isdigit() or not part) and amount.isascii() and len(amount) <= 20)
        or len(part) > 2
    ):
        raise RefusalError(BAD_PAYLOAD)
    count = int(whole) * COUNT_UNITS + int((part + "00")[:2])
    if not 0 < count <= MOST_COUNT:
        raise RefusalError(BAD_PAYLOAD)
    return count


def _refuse(rejection: RejectionError) -> RefusalError:
    return RefusalError(rejection.details or rejection.code)


def _pairs(call: Call, kind: str, work: Callable[[Engine, Account, str, int, int], object]) -> Json:
    asked = call.decode(Pairs)
    account, market, count = _account(call, asked.wallet), _market(call, asked.market), _count(asked.amount)
    try:
        work(call.exchange.engine, account, market.ticker, count, call.now_ms)
    except RejectionError as rejection:
        raise _refuse(rejection) from None
    call.exchange.note(account, kind, market, count * PRICE_UNITS, call.now_ms)
    return {"success": True, "amount": wire.size(count)}


def split(call: Call) -> Json:
    return _pairs(call, "SPLIT", tokens.split)


def merge(call: Call) -> Json:
    return _pairs(call, "MERGE", tokens.merge)


def convert(call: Call) -> Json:
    asked = call.decode(Conversion)
    account, count = _account(call, asked.wallet), _count(asked.amount)
    markets = [_market(call, condition) for condition in asked.markets]
    try:
        tokens.convert(call.exchange.engine, account, [m.ticker for m in markets], count, call.now_ms)
    except RejectionError as rejection:
        raise _refuse(rejection) from None
    got = PRICE_UNITS * count * (len(markets) - 1)
    call.exchange.note(account, "CONVERSION", markets[0], got, call.now_ms)
    return {"success": True, "amount": wire.size(count), "collateral": wire.dollars(got)}


def redeem(call: Call) -> Json:
    asked = call.decode(Redemption)
    account, market = _account(call, asked.wallet), _market(call, asked.market)
    try:
        paid = call.exchange.redeem(account, market, call.now_ms)
    except RejectionError as rejection:
        raise _refuse(rejection) from None
    return {"success": True, "collateral": wire.dollars(paid)}
