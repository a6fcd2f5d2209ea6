"""/account and /api_keys: the usage tier, what each endpoint costs, and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..models.account import (
    AccountLimits,
    ApiKeyGenerated,
    ApiKeyList,
    ApiKeyMade,
    EndpointCosts,
    GenerateApiKey,
    NewApiKey,
    VolumeProgress,
    VolumeProgressAnswer,
)
from ..models.groups import Nothing
from .fates import done_or_found, gone, nothing_shows

if TYPE_CHECKING:
    from ..transport import Transport

USAGE = "/account/api_usage_level"
KEYS = "/api_keys"
_UNKNOWN = "The key was asked for but the answer was lost: look among the API keys, and delete what you can't use."


class AccountResource:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def limits(self) -> AccountLimits:
        """The account's two token buckets."""
        return await self._transport.get(AccountLimits, "/account/limits", signed=True)

    async def endpoint_costs(self) -> EndpointCosts:
        """Tokens of each endpoint that doesn't cost the default."""
        return await self._transport.get(EndpointCosts, "/account/endpoint_costs")

    async def volume_progress(self) -> Sequence[VolumeProgress]:
        """What was traded in 30 days, and what earns and keeps each tier."""
        answer = await self._transport.get(VolumeProgressAnswer, f"{USAGE}/volume_progress", signed=True)
        return answer.volume_progress

    async def upgrade(self) -> None:
        """Ask for the tier that the account has earned; asking twice does nothing more."""
        await self._transport.write(Nothing, "POST", f"{USAGE}/upgrade")

    async def keys(self) -> ApiKeyList:
        """The account's API keys, without their secrets."""
        return await self._transport.get(ApiKeyList, KEYS, signed=True)

    async def create_key(self, key: NewApiKey) -> ApiKeyMade:
        """A key whose private half is one's own. Raises OutcomeUnknownError where the answer was lost."""

        async def send() -> ApiKeyMade:
            return await self._transport.write(ApiKeyMade, "POST", KEYS, body=key, idempotent=False)

        return await done_or_found(send(), nothing_shows, _UNKNOWN)

    async def generate_key(self, key: GenerateApiKey) -> ApiKeyGenerated:
        """A key with a private half that is told once. Raises OutcomeUnknownError where that answer was lost."""

        async def send() -> ApiKeyGenerated:
            return await self._transport.write(ApiKeyGenerated, "POST", f"{KEYS}/generate", body=key, idempotent=False)

        return await done_or_found(send(), nothing_shows, _UNKNOWN)

    async def delete_key(self, api_key_id: str) -> None:
        """End a key. Raises NotFoundError."""
        ids = {"api_key": api_key_id}
        await gone(self._transport.write(Nothing, "DELETE", KEYS + "/{api_key}", ids), Nothing())
