"""What a member may ask of the exchange: rate limits, usage tier, API keys."""

from typing import Literal

from .base import Count, KalshiModel, Request

Scope = Literal[
    "read", "write", "read::block_trade_accept", "read::portfolio_balance", "write::trade", "write::transfer",
    "write::block_trade_accept",
]  # fmt: skip


class BucketLimit(KalshiModel):
    """Tokens a second, and how many a bucket holds."""

    refill_rate: int
    bucket_capacity: int


class UsageGrant(KalshiModel):
    """Why the account has a tier, and until when (Unix seconds)."""

    exchange_instance: str = ""
    level: str
    expires_ts: int | None = None
    source: str = ""


class AccountLimits(KalshiModel):
    usage_tier: str = ""
    read: BucketLimit
    write: BucketLimit
    grants: list[UsageGrant] = []


class EndpointCost(KalshiModel):
    method: str
    path: str
    cost: int


class EndpointCosts(KalshiModel):
    default_cost: int = 10
    endpoint_costs: list[EndpointCost] = []


class VolumeGoal(KalshiModel):
    """Contracts in 30 days that earn a tier, and that keep it."""

    level: str
    earn_volume_goal_fp: Count
    keep_volume_goal_fp: Count


class VolumeProgress(KalshiModel):
    """Contracts of the last 30 days, as computed at a time (Unix seconds)."""

    computed_ts: int
    trailing_30d_volume_fp: Count
    goals: list[VolumeGoal] = []


class VolumeProgressAnswer(KalshiModel):
    volume_progress: list[VolumeProgress] = []


class ApiKey(KalshiModel):
    """``subaccount`` is the only one that the key may act for, None where it may for all."""

    api_key_id: str
    name: str = ""
    scopes: list[str] = []
    subaccount: int | None = None


class ApiKeyList(KalshiModel):
    """``api_key_region_expiration_ts``: when keys stop for want of a proof of residence; Unix seconds."""

    api_keys: list[ApiKey] = []
    api_key_region_expiration_ts: int | None = None


class ApiKeyMade(KalshiModel):
    api_key_id: str
    warning: str | None = None


class ApiKeyGenerated(KalshiModel):
    """``private_key`` is a PEM that the exchange doesn't keep: this answer is the only place it is in."""

    api_key_id: str
    private_key: str
    key_type: str | None = None
    warning: str | None = None

    def __repr__(self) -> str:
        return f"ApiKeyGenerated({self.api_key_id!r}, its private key not shown)"

    __str__ = __repr__


class NewApiKey(Request):
    """``public_key`` is a PEM; ``subaccount`` binds the key to one."""

    name: str
    public_key: str
    scopes: list[Scope] | None = None
    subaccount: int | None = None


class GenerateApiKey(Request):
    name: str
    key_type: Literal["rsa", "ed25519"] | None = None
    scopes: list[Scope] | None = None
    subaccount: int | None = None
