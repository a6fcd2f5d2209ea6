"""The updates that a subscription keeps: the newest thousand, and the state of each market that was reported last."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

E = TypeVar("E")
KEPT = 1_000


class EventLog(Generic[E]):
    """The newest updates of one subscription, oldest first; older ones are only counted."""

    def __init__(self) -> None:
        self._events: deque[E] = deque(maxlen=KEPT)
        self._states: dict[str, Any] = {}
        self.seen = 0

    def __iter__(self) -> Iterator[E]:
        return iter(self._events)

    def add(self, event: E) -> None:
        self.seen += 1
        self._events.append(event)

    @property
    def dropped(self) -> int:
        return self.seen - len(self._events)

    @property
    def last(self) -> E | None:
        return self._events[-1] if self._events else None

    def newest(self, count: int) -> list[E]:
        """The newest updates, oldest first."""
        return list(self._events)[-count:] if count else []

    def state(self, key: str) -> Any:
        """The state of a market that was reported last; None before the first."""
        return self._states.get(key)

    def is_new(self, key: str, state: Any) -> bool:
        """Whether a state differs from the one reported last for its own market; remembers it."""
        if self._states.get(key) == state:
            return False
        self._states[key] = state
        return True
