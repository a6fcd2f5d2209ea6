"""The exception for an error frame of the feed."""

from __future__ import annotations

from .errors import AuthenticationError, ExchangeUnavailableError, InvalidRequestError, KalshiError, NotFoundError
from .models.feed import Error

_LATER = (18, 27)


class AgainError(ExchangeUnavailableError):
    """The command wasn't carried out; it can be sent again."""


class UnknownMarketsError(NotFoundError):
    """There are no such markets to watch; the command changed nothing.

    Attributes:
        tickers: the markets that the exchange named.
    """

    def __init__(self, tickers: list[str], code: str = "") -> None:
        super().__init__(f"There is no market {', '.join(tickers)} to watch.", code=code)
        self.tickers = tickers


def error_of(message: Error) -> KalshiError:
    """Return the exception for an error that answers a command."""
    code, text = message.msg.code, message.msg.msg
    if code in _LATER:
        return AgainError(f"The live feed is busy ({text}): try again.", code=str(code))
    missing = message.msg.market_tickers or [message.msg.market_ticker]
    if missing[0] and code in (11, 16):  # 16 until October 2026; since then retired
        return UnknownMarketsError(missing, str(code))
    if code == 9:
        return AuthenticationError("This key may not read the account's channels.", code=str(code))
    return InvalidRequestError(f"The live feed refused: {text} (error {code}).", code=str(code))
