"""Who may speak to the server over HTTP."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator


class HttpSettings(BaseModel):
    http_token: SecretStr | None = Field(None, alias="HTTP_TOKEN", min_length=24)
    http_jwks_url: str | None = Field(None, alias="HTTP_JWKS_URL")
    http_jwt_issuer: str | None = Field(None, alias="HTTP_JWT_ISSUER")
    http_jwt_audience: str | None = Field(None, alias="HTTP_JWT_AUDIENCE")

    @field_validator("http_jwks_url")
    @classmethod
    def _is_secure(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme != "https":
            raise ValueError("must be https")
        return value

    @model_validator(mode="after")
    def _knows_whose_tokens(self) -> Self:
        if self.http_jwks_url and not (self.http_jwt_issuer and self.http_jwt_audience):
            raise ValueError(
                "HTTP_JWKS_URL needs HTTP_JWT_ISSUER and HTTP_JWT_AUDIENCE: without them any token would do"
            )
        return self

    @property
    def http_authenticated(self) -> bool:
        return self.http_token is not None or self.http_jwks_url is not None
