"""/api_keys and /account/api_usage_level: a member's keys, and how much it may ask."""

from __future__ import annotations

import uuid
from typing import Literal

import msgspec

from prediction_mcp.exchange.access import NARROW_SCOPES, SCOPES, TIERS, ApiKey
from prediction_mcp.exchange.disk.archive import Where
from prediction_mcp.exchange.engine.rejection import RejectionError, invalid, not_found
from prediction_mcp.kalshi.units import COUNT_UNITS, format_count

from ..call import Call, Json

MAX_KEYS = 100
MAX_NAME = 128
OWN_KEYS_FROM = "premier"
"""The tier from which a member may bring a public key of its own."""
MONTH_MS = 30 * 86_400_000
GOALS = {"expert": (50_000, 25_000), "premier": (500_000, 250_000), "paragon": (2_500_000, 1_250_000)}
"""Contracts in 30 days that earn a tier, and that keep it. Kalshi's own figures aren't public: these are made up."""


class CreateKey(msgspec.Struct, kw_only=True):
    name: str
    public_key: str
    scopes: list[str] | None = None
    subaccount: int | None = None


class GenerateKey(msgspec.Struct, kw_only=True):
    name: str
    key_type: Literal["rsa", "ed25519"] = "rsa"
    scopes: list[str] | None = None
    subaccount: int | None = None


def _checked(call: Call, body: CreateKey | GenerateKey) -> tuple[frozenset[str], int | None]:
    """(scopes, subaccount) of a new key. Raises RejectionError for what no key can have."""
    member = call.unbound()
    if not 0 < len(body.name) <= MAX_NAME:
        raise invalid("name", f"takes 1 to {MAX_NAME} characters")
    scopes = SCOPES if body.scopes is None else frozenset(body.scopes)
    if not scopes or not scopes <= SCOPES | NARROW_SCOPES:
        raise invalid("scopes", f"are {', '.join(sorted(SCOPES | NARROW_SCOPES))}")
    if "write" in scopes and "read" not in scopes:
        raise invalid("scopes", "write needs read")
    if body.subaccount is not None:
        call.subaccount(body.subaccount)
    if sum(key.account is member for key in call.exchange.access.keys.values()) >= MAX_KEYS:
        raise RejectionError("too_many_api_keys", f"at most {MAX_KEYS} API keys")
    return scopes, body.subaccount


def keys(call: Call) -> Json:
    mine = [key for key in call.exchange.access.keys.values() if key.account is call.member]
    return {"api_keys": [_shown(key) for key in mine]}


def _shown(key: ApiKey) -> Json:
    out: Json = {"api_key_id": key.key_id, "name": key.name, "scopes": sorted(key.scopes)}
    return out if key.subaccount is None else out | {"subaccount": key.subaccount}


def create_key(call: Call) -> Json:
    """A key whose private half only the member has."""
    body = call.decode(CreateKey)
    tiers = list(TIERS)
    if tiers.index(call.exchange.access.budgets[call.member.account_id].tier) < tiers.index(OWN_KEYS_FROM):
        raise RejectionError("forbidden", f"own public keys need the usage tier {OWN_KEYS_FROM} or above", 403)
    scopes, subaccount = _checked(call, body)
    try:
        key = ApiKey.read(str(uuid.uuid4()), call.member, body.public_key, ",".join(scopes), body.name, subaccount)
    except (ValueError, TypeError):
        raise invalid("public_key", "must be an RSA or Ed25519 public key in PEM") from None
    call.exchange.keep_key(key)
    return {"api_key_id": key.key_id}


def generate_key(call: Call) -> Json:
    """A new key pair; the private half is answered, and never seen again."""
    body = call.decode(GenerateKey)
    scopes, subaccount = _checked(call, body)
    key_id, pem = call.exchange.issue_key(call.member, body.key_type, scopes, body.name, subaccount)
    return {"api_key_id": key_id, "key_type": body.key_type, "private_key": pem}


def delete_key(call: Call) -> None:
    member = call.unbound()
    key = call.exchange.access.keys.get(call.path["api_key"])
    if key is None or key.account is not member:
        raise not_found("API key not found")
    call.exchange.drop_key(key)


# -- usage -------------------------------------------------------------------------------------------------------


def upgrade(call: Call) -> None:
    """The tier Advanced for whoever has placed an order by API. A higher one is kept."""
    member = call.unbound()
    if next(call.exchange.archive.orders(member), None) is None:
        raise RejectionError("forbidden", "place an order by API first", 403)
    if call.exchange.access.budgets[member.account_id].tier == "basic":
        call.exchange.raise_tier(member, "advanced")


def volume_progress(call: Call) -> Json:
    since = Where().add("ts_ms >= ?", call.now_ms - MONTH_MS)
    volume = sum(fill.count for fill in call.exchange.archive.fills(call.member, since))
    goals = [
        {
            "level": level,
            "earn_volume_goal_fp": format_count(earn * COUNT_UNITS),
            "keep_volume_goal_fp": format_count(keep * COUNT_UNITS),
        }
        for level, (earn, keep) in GOALS.items()
    ]
    progress = {"computed_ts": call.now_ms // 1000, "trailing_30d_volume_fp": format_count(volume), "goals": goals}
    return {"volume_progress": [progress]}
