"""Who is signed in at the page: a cookie that means nothing by itself, kept here by its hash, gone with the server."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

LONGEST_S = 12 * 3_600.0
"""How long one may stay signed in."""
MOST = 50
"""Signed in at once; the oldest goes first."""
TRIES, WITHIN_S = 10, 60.0
"""Wrong tokens told and logged one by one. The right one is always let in: strangers keep nobody from the brakes."""
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """``csrf`` goes with every form of this session, and with no other's."""

    since: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def owns(self, given: str) -> bool:
        return hmac.compare_digest(self.csrf.encode(), given.encode())


class Sessions:
    """Sessions by the hash of their cookie."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._kept = dict[str, SignedIn]()
        self._wrong = deque[float](maxlen=TRIES + 1)

    def begin(self) -> str:
        """A new session's cookie."""
        while len(self._kept) >= MOST:
            del self._kept[next(iter(self._kept))]
        cookie = secrets.token_urlsafe(32)
        self._kept[_hash(cookie)] = SignedIn(self._clock())
        return cookie

    def get(self, cookie: str | None) -> SignedIn | None:
        """Whose cookie it is; None for one that is nobody's any more."""
        if cookie is None or (found := self._kept.get(_hash(cookie))) is None:
            return None
        if self._clock() - found.since > LONGEST_S:
            self.end(cookie)
            return None
        return found

    def end(self, cookie: str) -> None:
        self._kept.pop(_hash(cookie), None)

    def wrong(self) -> bool:
        """A token was wrong; whether too many were, for a while."""
        now = self._clock()
        self._wrong.append(now)
        return len(self._wrong) > TRIES and now - self._wrong[0] <= WITHIN_S


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode(errors="replace")).hexdigest()
