"""Questions that are open: what a person was shown, and what an accept of exactly that allows.

Where a second call brings the answer, what was shown is kept here, under a number used once, bound to tool, arguments,
user and time. How the person is asked is another's business (:class:`.asking.Person`).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from time import monotonic
from typing import Any

from .plan import Terms
from .policy import RefusedError

MOST_OPEN = 100


class NotConfirmedError(RefusedError):
    """The person didn't say yes, or not to this. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person was shown, and what an accept of it allows."""

    tool: str
    fingerprint: str
    user: str
    until: float
    terms: Terms
    binding: Mapping[str, Any]
    bests: tuple[Decimal | None, ...]
    text: str
    id: str


class Pending:
    """Questions that are open, by their number; each is taken once."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Question] = OrderedDict()

    def ask(self, question: Question) -> str:
        number = secrets.token_urlsafe(18)
        self._open[number] = question
        while len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
        return number

    def take(self, number: str | None, tool: str, fingerprint: str, user: str) -> Question:
        """The question of a number, which is then gone whatever comes of it.

        Raises:
            NotConfirmedError: there is none, it is too old, or it was asked of someone else or about something else.
        """
        question = self._open.pop(number, None) if number else None
        if question is None:
            raise NotConfirmedError(
                "This confirmation is unknown or was used already, so nothing was sent: call again without it."
            )
        if question.user != user:
            raise NotConfirmedError("This confirmation is somebody else's, so nothing was sent.")
        if question.tool != tool or question.fingerprint != fingerprint:
            raise NotConfirmedError(
                "The confirmation was for other arguments, so nothing was sent: call again without it."
            )
        if question.until < monotonic():
            raise NotConfirmedError("The confirmation came too late, so nothing was sent: call again to be asked anew.")
        return question


def fingerprint(arguments: Mapping[str, Any]) -> str:
    """The arguments of a call, however they were ordered or spelt as JSON."""
    text = json.dumps(arguments, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
