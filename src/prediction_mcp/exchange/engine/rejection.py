"""How the exchange says no: three shapes of a body, as they were recorded (docs/exchange.md, "Errors").

``nested`` is what nearly everything gets, ``flat`` what a body that doesn't decode gets, ``msg`` a query parameter that
is out of range.
"""

from __future__ import annotations

from typing import Any, Literal

Json = dict[str, Any]
Shape = Literal["nested", "flat", "msg"]
EXCHANGE = "exchange"
"""The service that stands in answers of the matching engine."""
MIDLAND = "midland"
"""Forms of errors about requests for quotes (recorded on the demo exchange, 2026-07-06)."""


class RejectionError(Exception):
    """A request the exchange refuses; nothing was changed.

    Args:
        code: Kalshi's word for it; its message is that word, spaced.
        details: what exactly was wrong, where that helps.
        status: the HTTP status it is answered with.
        service: who says so, where Kalshi names it.
        shape: of the body.
    """

    def __init__(
        self, code: str, details: str = "", status: int = 400, *, service: str = "", shape: Shape = "nested"
    ) -> None:
        super().__init__(details or code)
        self.code = code
        self.details = details
        self.status = status
        self.service = service
        self.shape = shape

    @property
    def fields(self) -> Json:
        """code, message, and what else there is to say."""
        text = {"code": self.code, "message": self.message, "details": self.details, "service": self.service}
        return {name: value for name, value in text.items() if value}

    @property
    def message(self) -> str:
        return self.code if self.code == "authentication_error" else self.code.replace("_", " ")

    @property
    def body(self) -> Json:
        """What is answered."""
        if self.status == 429:
            return {"error": "too many requests"}
        if self.shape == "msg":
            return {"msg": self.details}
        return self.fields if self.shape == "flat" else {"error": self.fields}


def not_found(details: str = "", service: str = "") -> RejectionError:
    return RejectionError("not_found", details, 404, service=service)


def bad_request(details: str) -> RejectionError:
    """For a body that doesn't decode."""
    return RejectionError("bad_request", details, shape="flat")


def invalid(name: str, why: str) -> RejectionError:
    """For a field of the body that says what can't be."""
    return RejectionError("invalid_parameters", f"{name}: {why}")
