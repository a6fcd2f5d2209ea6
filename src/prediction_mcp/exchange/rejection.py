"""How the exchange says no."""

from __future__ import annotations


class RejectionError(Exception):
    """A request the exchange refuses; nothing was changed. ``status`` is the HTTP status it is answered with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
