"""What an error frame of the feed means."""

from __future__ import annotations

from .errors import AuthenticationError, ExchangeUnavailableError, InvalidRequestError, KalshiError, NotFoundError
from .models.feed import Error

_LATER = (18, 27)


class AgainError(ExchangeUnavailableError):
    """The command wasn't carried out; it can be sent again."""


def error_of(message: Error) -> KalshiError:
    code, text = message.msg.code, message.msg.msg
    if code in _LATER:
        return AgainError(f"The live feed is busy ({text}): try again.", code=str(code))
    missing = message.msg.market_ticker or ", ".join(message.msg.market_tickers)
    if missing and code in (11, 16):  # 16 until October 2026; since then retired
        return NotFoundError(f"There is no market {missing} to watch.", code=str(code))
    if code == 9:
        return AuthenticationError("This key may not read the account's channels.", code=str(code))
    return InvalidRequestError(f"The live feed refused: {text} (error {code}).", code=str(code))
