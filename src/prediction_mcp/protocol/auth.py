"""Who may speak to this server over HTTP: holders of its bearer token, or of a JWT of the owner's provider."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from fastmcp.server.auth import AccessToken, TokenVerifier

if TYPE_CHECKING:
    from fastmcp.server.auth import AuthProvider

    from prediction_mcp.settings import Settings


class BearerToken(TokenVerifier):
    """One token for everything, compared in constant time; only its hash is kept."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._hash = hashlib.sha256(token.encode()).digest()

    async def verify_token(self, token: str) -> AccessToken | None:
        """What the token allows; None for any other one."""
        if not hmac.compare_digest(hashlib.sha256(token.encode()).digest(), self._hash):
            return None
        return AccessToken(token=token, client_id="owner", scopes=[])


def provider(settings: Settings) -> AuthProvider | None:
    """The authentication that the settings name, or None."""
    if settings.http_jwks_url is not None:
        from fastmcp.server.auth.providers.jwt import JWTVerifier

        return JWTVerifier(
            jwks_uri=settings.http_jwks_url, issuer=settings.http_jwt_issuer, audience=settings.http_jwt_audience
        )
    return None if settings.http_token is None else BearerToken(settings.http_token.get_secret_value())
