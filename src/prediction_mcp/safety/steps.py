"""Parts of a write that are sent one after the other: each step stands in the journal before the next one leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from loguru import logger

from .intents import WriteRecord
from .journal import JournalError
from .plan import Done, Fate, Plan, Stake, Terms, Unknown

if TYPE_CHECKING:
    from .records import Records


def records_of(plan: Plan[Any], request: WriteRecord) -> list[WriteRecord]:
    """A write for the journal, a record for each part; the first one carries the preview."""
    parts = zip(plan.split(request.terms), plan.parts, strict=True)
    first, *others = [replace(request, terms=terms, kind=part.kind or request.kind) for terms, part in parts]
    return [first, *(replace(part, preview=None) for part in others)]


class Journaled:
    """What a plan tells of its parts while it is being sent."""

    def __init__(
        self, records: Records, intents: Sequence[str], requests: Sequence[WriteRecord], stakes: Sequence[Stake | None]
    ) -> None:
        self._records, self._intents = records, list(intents)
        self._requests, self._stakes = list(requests), list(stakes)
        self._over = set[int]()

    @property
    def open(self) -> list[tuple[int, str]]:
        """(part, intent) of those that nobody has told the end of."""
        return [(part, intent) for part, intent in enumerate(self._intents) if part not in self._over]

    def restate(self, part: int, terms: Terms) -> None:
        """A part will be sent otherwise than it was written down, and no larger.

        Raises:
            JournalError: that can't be written down, so it must not be sent.
        """
        request = replace(self._requests[part], terms=terms, preview=None)
        self._intents[part] = self._records.restate(self._intents[part], request, self._stakes[part])
        self._requests[part] = request

    def leaves(self, part: int) -> None:
        """Note that a part leaves now, so that recovery waits for it from now on. Raises JournalError."""
        self._records.left(self._intents[part])

    def ended(self, part: int, fate: Fate, answer: object = None) -> None:
        """It is known, or known not to be known, what became of a part.

        A disk that doesn't take it must not make a placed order look failed: the intent stays open then, counts against
        the limits, and the next process settles it with the exchange.
        """
        self._over.add(part)
        intent = self._intents[part]
        try:
            if isinstance(fate, Done):
                self._records.done(intent, fate, answer)
            elif isinstance(fate, Unknown):
                self._records.unknown(intent, fate.said)
            else:
                self._records.refused(intent, fate)
        except JournalError as error:
            logger.error("an outcome isn't in the journal: {}", error)
